//! The VP8 payload descriptor (RFC 7741 §4.2), which stays in the clear under
//! end-to-end encryption.

/// What a packet's descriptor says, and where its numbers stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Descriptor {
    /// The packet holds the first bytes of a frame.
    pub starts_frame: bool,
    /// The packet starts a key frame.
    pub starts_key_frame: bool,
    pub picture_id: Option<PictureId>,
    /// `TL0PICIDX` and its offset from the payload's start.
    pub base_layer_index: Option<(u8, u8)>,
    /// How many bytes the descriptor takes; the frame's own follow.
    pub length: u8,
}

/// `PictureID`, in one of its two lengths.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PictureId {
    pub value: u16,
    /// 15 bits if set, else 7.
    pub long: bool,
    /// Offset from the payload's start.
    offset: u8,
}

impl Descriptor {
    /// Reads the descriptor at the start of `payload`, or `None` if it is cut
    /// short.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let first = *payload.first()?;
        let starts_frame = first & START_OF_PARTITION != 0 && first & PARTITION_INDEX == 0;
        let mut offset = 1;
        let mut picture_id = None;
        let mut base_layer_index = None;
        if first & EXTENDED != 0 {
            let extended = *payload.get(offset)?;
            offset += 1;
            if extended & HAS_PICTURE_ID != 0 {
                let high = *payload.get(offset)?;
                let long = high & LONG_PICTURE_ID != 0;
                let value = if long {
                    u16::from_be_bytes([high & 0x7F, *payload.get(offset + 1)?])
                } else {
                    u16::from(high)
                };
                picture_id = Some(PictureId {
                    value,
                    long,
                    offset: u8::try_from(offset).ok()?,
                });
                offset += if long { 2 } else { 1 };
            }
            if extended & HAS_BASE_LAYER_INDEX != 0 {
                base_layer_index = Some((*payload.get(offset)?, u8::try_from(offset).ok()?));
                offset += 1;
            }
            if extended & (HAS_TEMPORAL_ID | HAS_KEY_INDEX) != 0 {
                offset += 1;
            }
        }
        let frame_tag = *payload.get(offset)?;
        Some(Self {
            starts_frame,
            starts_key_frame: starts_frame && frame_tag & INTER_FRAME == 0,
            picture_id,
            base_layer_index,
            length: u8::try_from(offset).ok()?,
        })
    }
}

/// What is added to a stream's picture numbers so that they go on from those
/// of the stream that was in the slot before.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Renumbering {
    /// Added to `PictureID`, modulo its length.
    pub picture_id: u16,
    /// Added to `TL0PICIDX`, modulo 256.
    pub base_layer_index: u8,
}

impl Renumbering {
    /// Writes the renumbered fields of `descriptor` over those in `payload`.
    pub fn apply(self, descriptor: &Descriptor, payload: &mut [u8]) {
        if let Some(picture_id) = descriptor.picture_id {
            let offset = usize::from(picture_id.offset);
            let value = self.renumbered(picture_id);
            if picture_id.long {
                if let Some(field) = payload.get_mut(offset..offset + 2) {
                    field.copy_from_slice(&(value | 0x8000).to_be_bytes());
                }
            } else if let Some(field) = payload.get_mut(offset) {
                *field = (value & 0x7F) as u8;
            }
        }
        if let Some((index, offset)) = descriptor.base_layer_index
            && let Some(field) = payload.get_mut(usize::from(offset))
        {
            *field = index.wrapping_add(self.base_layer_index);
        }
    }

    /// The number that `picture_id` becomes.
    pub fn renumbered(self, picture_id: PictureId) -> u16 {
        let mask = if picture_id.long { 0x7FFF } else { 0x7F };
        picture_id.value.wrapping_add(self.picture_id) & mask
    }
}

const EXTENDED: u8 = 0x80;
const START_OF_PARTITION: u8 = 0x10;
const PARTITION_INDEX: u8 = 0x07;
const HAS_PICTURE_ID: u8 = 0x80;
const HAS_BASE_LAYER_INDEX: u8 = 0x40;
const HAS_TEMPORAL_ID: u8 = 0x20;
const HAS_KEY_INDEX: u8 = 0x10;
const LONG_PICTURE_ID: u8 = 0x80;
/// The first bit of a VP8 frame (RFC 6386 §9.1).
const INTER_FRAME: u8 = 0x01;

#[cfg(test)]
mod tests {
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
        }
        .apply(&descriptor, &mut payload);

        let after = Descriptor::parse(&payload).expect("a descriptor");
        assert_eq!(after.picture_id.map(|id| id.value), Some(1));
        assert_eq!(after.base_layer_index.map(|(index, _)| index), Some(1));
    }
}
