//! The VP9 payload descriptor (RFC 9628 §4.2), which stays in the clear under
//! end-to-end encryption.

use super::Layer;
use super::picture_id::{PictureId, PictureNumbers};

/// What a packet's descriptor says, and where its numbers stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "the format has these flags")]
pub struct Descriptor {
    /// The packet holds the first bytes of a layer's frame (`B`).
    pub starts_frame: bool,
    /// The packet starts a picture that is predicted from none before.
    pub starts_key_frame: bool,
    /// The packet holds the last bytes of a layer's frame (`E`).
    pub ends_frame: bool,
    pub numbers: PictureNumbers,
    pub layer: Layer,
    /// One may go up to this temporal layer here (`U`).
    pub is_switch_point: bool,
    /// How many bytes the descriptor takes; the frame's own follow.
    pub length: u8,
}

impl Descriptor {
    /// Reads the descriptor at the start of `payload`, or `None` if it is cut
    /// short or nothing follows it.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let first = *payload.first()?;
        let mut offset = 1;
        let mut numbers = PictureNumbers::default();
        let mut layer = Layer::default();
        let mut is_switch_point = false;
        if first & HAS_PICTURE_ID != 0 {
            let picture_id = PictureId::parse(payload, offset)?;
            offset += picture_id.length();
            numbers.picture_id = Some(picture_id);
        }
        if first & HAS_LAYERS != 0 {
            let layers = *payload.get(offset)?;
            layer.temporal = layers >> 5;
            layer.spatial = (layers >> 1) & 0x07;
            is_switch_point = layers & SWITCH_POINT != 0;
            offset += 1;
            if first & FLEXIBLE == 0 {
                let index = *payload.get(offset)?;
                numbers.base_layer_index = Some((index, u8::try_from(offset).ok()?));
                offset += 1;
            }
        }
        if first & INTER_PICTURE != 0 && first & FLEXIBLE != 0 {
            offset = after_references(payload, offset)?;
        }
        if first & HAS_STRUCTURE != 0 {
            offset = after_structure(payload, offset)?;
        }
        payload.get(offset)?;
        let starts_frame = first & START != 0;
        Some(Self {
            starts_frame,
            starts_key_frame: starts_frame && first & INTER_PICTURE == 0 && layer.spatial == 0,
            ends_frame: first & END != 0,
            numbers,
            layer,
            is_switch_point,
            length: u8::try_from(offset).ok()?,
        })
    }
}

/// Steps over up to three references (`P_DIFF`), each with a bit that says
/// whether another follows.
fn after_references(payload: &[u8], mut offset: usize) -> Option<usize> {
    for _ in 0..3 {
        let reference = *payload.get(offset)?;
        offset += 1;
        if reference & 1 == 0 {
            return Some(offset);
        }
    }
    None
}

/// Steps over the scalability structure.
fn after_structure(payload: &[u8], mut offset: usize) -> Option<usize> {
    let head = *payload.get(offset)?;
    offset += 1;
    if head & 0x10 != 0 {
        offset += 4 * (usize::from(head >> 5) + 1);
    }
    if head & 0x08 != 0 {
        let pictures = *payload.get(offset)?;
        offset += 1;
        for _ in 0..pictures {
            let picture = *payload.get(offset)?;
            offset += 1 + usize::from((picture >> 2) & 3);
        }
    }
    Some(offset)
}

const HAS_PICTURE_ID: u8 = 0x80;
const INTER_PICTURE: u8 = 0x40;
const HAS_LAYERS: u8 = 0x20;
const FLEXIBLE: u8 = 0x10;
const START: u8 = 0x08;
const END: u8 = 0x04;
const HAS_STRUCTURE: u8 = 0x02;
const SWITCH_POINT: u8 = 0x10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_frame_with_its_structure_is_read() {
        // I, L, B, V; picture 0x123; layer 0 of 0; two layers' sizes and one
        // picture with one reference.
        let payload = [
            0xAA, 0x81, 0x23, 0x00, 0x07, 0x38, 1, 0x40, 0, 0xB4, 2, 0x80, 1, 0x68, 1, 0x04, 1,
            0xAA,
        ];

        let descriptor = Descriptor::parse(&payload).expect("a descriptor");

        assert!(descriptor.starts_key_frame && !descriptor.ends_frame);
        assert_eq!(descriptor.length, 17);
        assert_eq!(descriptor.numbers.base_layer_index, Some((7, 4)));
        let picture_id = descriptor.numbers.picture_id.expect("it has one");
        assert_eq!((picture_id.value, picture_id.long), (0x123, true));
    }

    #[test]
    fn layers_and_flexible_references_are_read() {
        // I, P, L, F, B, E; temporal 2 with a switching point, spatial 1.
        let payload = [0xFC, 0x05, 0x52, 0x03, 0x04, 0x55];

        let descriptor = Descriptor::parse(&payload).expect("a descriptor");

        assert!(descriptor.starts_frame && !descriptor.starts_key_frame);
        assert!(descriptor.ends_frame && descriptor.is_switch_point);
        let layer = Layer {
            spatial: 1,
            temporal: 2,
        };
        assert_eq!(descriptor.layer, layer);
        assert_eq!(descriptor.numbers.base_layer_index, None);
        assert_eq!(descriptor.length, 5);
    }

    #[test]
    fn an_upper_layer_starts_no_key_frame() {
        let upper = Descriptor::parse(&[0xA8, 0x05, 0x03, 0x00, 0x55]).expect("a descriptor");

        assert!(upper.starts_frame && !upper.starts_key_frame);
    }

    #[test]
    fn a_descriptor_cut_short_is_refused() {
        let whole = [
            0xEA, 0x81, 0x23, 0x00, 0x07, 0x38, 1, 0x40, 0, 0xB4, 2, 0x80, 1, 0x68, 2, 0x04, 1,
            0x08, 1, 2, 0xAA,
        ];

        for length in 0..whole.len() {
            assert_eq!(Descriptor::parse(&whole[..length]), None, "{length}");
        }
        assert!(Descriptor::parse(&whole).is_some());
    }

    #[test]
    fn more_references_than_three_are_refused() {
        assert_eq!(Descriptor::parse(&[0x58, 3, 3, 3, 2, 0x55]), None);
    }
}
