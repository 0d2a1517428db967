//! The numbers that VP8 and VP9 give pictures in their payload descriptors,
//! and rewriting them so that they go on across a switch of streams.

/// A packet's picture numbers, and where they stand in its payload.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct PictureNumbers {
    pub picture_id: Option<PictureId>,
    /// `TL0PICIDX` and its offset from the payload's start.
    pub base_layer_index: Option<(u8, u8)>,
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

impl PictureId {
    /// Reads the number at `offset` of `payload`; `None` if it is cut short.
    pub(super) fn parse(payload: &[u8], offset: usize) -> Option<Self> {
        let high = *payload.get(offset)?;
        let long = high & LONG != 0;
        let value = if long {
            u16::from_be_bytes([high & !LONG, *payload.get(offset + 1)?])
        } else {
            u16::from(high)
        };
        Some(Self {
            value,
            long,
            offset: u8::try_from(offset).ok()?,
        })
    }

    /// How many bytes it takes.
    pub(super) fn length(self) -> usize {
        if self.long { 2 } else { 1 }
    }

    /// Whether this picture comes after the one numbered `other`.
    pub fn is_after(self, other: u16) -> bool {
        let ahead = self.value.wrapping_sub(other) & self.mask();
        ahead != 0 && ahead <= self.mask() / 2
    }

    fn mask(self) -> u16 {
        if self.long { 0x7FFF } else { 0x7F }
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
    /// Added to the Dependency Descriptor's frame number, modulo 2^16.
    pub frame_number: u16,
}

impl Renumbering {
    /// Writes the renumbered fields over those in `payload`.
    pub fn apply(self, numbers: &PictureNumbers, payload: &mut [u8]) {
        if let Some(picture_id) = numbers.picture_id {
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
        if let Some((index, offset)) = numbers.base_layer_index
            && let Some(field) = payload.get_mut(usize::from(offset))
        {
            *field = index.wrapping_add(self.base_layer_index);
        }
    }

    /// The number that `picture_id` becomes.
    pub fn renumbered(self, picture_id: PictureId) -> u16 {
        picture_id.value.wrapping_add(self.picture_id) & picture_id.mask()
    }
}

const LONG: u8 = 0x80;
