//! The VP8 payload descriptor (RFC 7741 §4.2), which stays in the clear under
//! end-to-end encryption.

use super::Layer;
use super::picture_id::{PictureId, PictureNumbers};

/// What a packet's descriptor says, and where its numbers stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Descriptor {
    /// The packet holds the first bytes of a frame.
    pub starts_frame: bool,
    /// The packet starts a key frame.
    pub starts_key_frame: bool,
    pub numbers: PictureNumbers,
    pub layer: Layer,
    /// The frame is predicted from the base layer only (`Y`).
    pub is_layer_sync: bool,
    /// How many bytes the descriptor takes; the frame's own follow.
    pub length: u8,
    /// Of a key frame's picture, in pixels, if the packet holds its header,
    /// which stays in the clear too (RFC 6386 §9.1).
    pub height: Option<u16>,
}

impl Descriptor {
    /// Reads the descriptor at the start of `payload`, or `None` if it is cut
    /// short.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let first = *payload.first()?;
        let starts_frame = first & START_OF_PARTITION != 0 && first & PARTITION_INDEX == 0;
        let mut offset = 1;
        let mut numbers = PictureNumbers::default();
        let mut layer = Layer::default();
        let mut is_layer_sync = false;
        if first & EXTENDED != 0 {
            let extended = *payload.get(offset)?;
            offset += 1;
            if extended & HAS_PICTURE_ID != 0 {
                let picture_id = PictureId::parse(payload, offset)?;
                offset += picture_id.length();
                numbers.picture_id = Some(picture_id);
            }
            if extended & HAS_BASE_LAYER_INDEX != 0 {
                let index = *payload.get(offset)?;
                numbers.base_layer_index = Some((index, u8::try_from(offset).ok()?));
                offset += 1;
            }
            if extended & (HAS_TEMPORAL_ID | HAS_KEY_INDEX) != 0 {
                let temporal = *payload.get(offset)?;
                if extended & HAS_TEMPORAL_ID != 0 {
                    layer.temporal = temporal >> TEMPORAL_ID_SHIFT;
                    is_layer_sync = temporal & LAYER_SYNC != 0;
                }
                offset += 1;
            }
        }
        let frame_tag = *payload.get(offset)?;
        let starts_key_frame = starts_frame && frame_tag & INTER_FRAME == 0;
        Some(Self {
            starts_frame,
            starts_key_frame,
            numbers,
            layer,
            is_layer_sync,
            length: u8::try_from(offset).ok()?,
            height: starts_key_frame
                .then(|| height(&payload[offset..]))
                .flatten(),
        })
    }
}

/// What the header of a key frame says of its height; the two bits above are
/// how it is to be scaled.
fn height(frame: &[u8]) -> Option<u16> {
    let header: &[u8; 10] = frame.first_chunk()?;
    let height = u16::from_le_bytes([header[8], header[9]]) & 0x3FFF;
    (header[3..6] == START_CODE && height > 0).then_some(height)
}

const EXTENDED: u8 = 0x80;
const START_OF_PARTITION: u8 = 0x10;
const PARTITION_INDEX: u8 = 0x07;
const HAS_PICTURE_ID: u8 = 0x80;
const HAS_BASE_LAYER_INDEX: u8 = 0x40;
const HAS_TEMPORAL_ID: u8 = 0x20;
const HAS_KEY_INDEX: u8 = 0x10;
const TEMPORAL_ID_SHIFT: u8 = 6;
const LAYER_SYNC: u8 = 0x20;
/// The first bit of a VP8 frame (RFC 6386 §9.1).
const INTER_FRAME: u8 = 0x01;
const START_CODE: [u8; 3] = [0x9D, 0x01, 0x2A];

#[cfg(test)]
mod tests {
    use super::super::picture_id::Renumbering;
    use super::*;

    #[test]
    fn a_key_frame_is_seen_past_every_form_of_descriptor() {
        for descriptor in [
            &[0x10][..],
            &[0x90, 0x80, 0x05],
            &[0x90, 0x80, 0x85, 0x01],
            &[0x90, 0xE0, 0x85, 0x01, 0x07, 0x20],
        ] {
            let key: Vec<u8> = [descriptor, &[0x10, 0, 0]].concat();
            let inter: Vec<u8> = [descriptor, &[0x11, 0, 0]].concat();

            assert!(Descriptor::parse(&key).is_some_and(|d| d.starts_key_frame));
            assert!(Descriptor::parse(&inter).is_some_and(|d| !d.starts_key_frame));
        }
    }

    #[test]
    fn a_key_frame_tells_its_height() {
        let of = |frame: &[u8]| {
            let payload = [&[0x90, 0x80, 0x05], frame].concat();
            Descriptor::parse(&payload).expect("a descriptor").height
        };
        // 1280 by 720, to be scaled up by the least factor.
        let key = [0x10, 0, 0, 0x9D, 0x01, 0x2A, 0x00, 0x45, 0xD0, 0x42, 0xEE];

        assert_eq!(of(&key), Some(720));
        assert_eq!(of(&key[..9]), None, "cut short");
        assert_eq!(of(&[&[0x11], &key[1..]].concat()), None, "no key frame");
        assert_eq!(of(&[&key[..3], &[0; 8]].concat()), None, "no start code");
        assert_eq!(of(&[&key[..8], &[0; 3]].concat()), None, "no height");
    }

    #[test]
    fn a_frames_later_packets_start_nothing() {
        let continued = Descriptor::parse(&[0x00, 0x00]).expect("a descriptor");
        let second_partition = Descriptor::parse(&[0x11, 0x00]).expect("a descriptor");

        assert!(!continued.starts_frame && !continued.starts_key_frame);
        assert!(!second_partition.starts_frame && !second_partition.starts_key_frame);
    }

    #[test]
    fn a_descriptor_cut_short_is_refused() {
        let whole = [0x90, 0xE0, 0x85, 0x01, 0x07, 0x20, 0x10];

        for length in 0..whole.len() {
            assert_eq!(Descriptor::parse(&whole[..length]), None, "{length}");
        }
    }

    #[test]
    fn renumbering_wraps_within_each_fields_length() {
        let mut payload = [0x90, 0xC0, 0xFF, 0xFE, 0xFF, 0x10];
        let descriptor = Descriptor::parse(&payload).expect("a descriptor");

        Renumbering {
            picture_id: 3,
            base_layer_index: 2,
            frame_number: 0,
        }
        .apply(&descriptor.numbers, &mut payload);

        let after = Descriptor::parse(&payload).expect("a descriptor");
        let PictureNumbers {
            picture_id,
            base_layer_index,
        } = after.numbers;
        assert_eq!(picture_id.map(|id| id.value), Some(1));
        assert_eq!(base_layer_index.map(|(index, _)| index), Some(1));
    }

    #[test]
    fn a_temporal_layer_is_read_where_it_is_said() {
        let said = Descriptor::parse(&[0x90, 0xE0, 0x85, 0x01, 0x07, 0xA0, 0x01]);
        let only_a_key_index = Descriptor::parse(&[0x90, 0x10, 0xA0, 0x01]);

        let said = said.expect("a descriptor");
        assert_eq!((said.layer.temporal, said.is_layer_sync), (2, true));
        let only = only_a_key_index.expect("a descriptor");
        assert_eq!((only.layer.temporal, only.is_layer_sync), (0, false));
    }
}
