//! The VP8 payload descriptor (RFC 7741 §4.2), as browsers write it.

/// A stream's numbers for one frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Descriptor {
    /// The packet is the first of its frame.
    pub starts_frame: bool,
    /// 15 bits.
    pub picture_id: u16,
    pub base_layer_index: u8,
}

impl Descriptor {
    pub const LENGTH: usize = 6;

    /// Extended, with a long picture id, `TL0PICIDX` and `TID`.
    pub fn to_bytes(self) -> [u8; Self::LENGTH] {
        let [high, low] = (self.picture_id & 0x7FFF | 0x8000).to_be_bytes();
        let first = 0x80 | u8::from(self.starts_frame) << 4;
        [first, 0xE0, high, low, self.base_layer_index, 0]
    }
}

/// The length of the descriptor at the start of `payload`, whatever its form;
/// `None` if it is cut short.
pub fn descriptor_length(payload: &[u8]) -> Option<usize> {
    let first = *payload.first()?;
    if first & 0x80 == 0 {
        return Some(1);
    }
    let extended = *payload.get(1)?;
    let mut length = 2;
    if extended & 0x80 != 0 {
        length += if payload.get(2)? & 0x80 != 0 { 2 } else { 1 };
    }
    length += usize::from(extended & 0x40 != 0);
    length += usize::from(extended & 0x30 != 0);
    (payload.len() >= length).then_some(length)
}

/// How many bytes stay clear of a frame that begins with `frame`.
pub fn clear_length(frame: &[u8]) -> Option<usize> {
    let is_key_frame = frame.first()? & 1 == 0;
    Some(clear_bytes(is_key_frame).len())
}

/// The bytes of a frame that stay clear under end-to-end encryption.
pub fn clear_bytes(is_key_frame: bool) -> &'static [u8] {
    if is_key_frame {
        // Key frame, shown, first partition of some size; start code;
        // 1280 x 720.
        &[0x10, 0x02, 0x00, 0x9D, 0x01, 0x2A, 0x00, 0x05, 0xD0, 0x02]
    } else {
        &[0x31]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_written_descriptor_is_as_long_as_it_says() {
        let descriptor = Descriptor {
            starts_frame: true,
            picture_id: 0x1234,
            base_layer_index: 9,
        };

        assert_eq!(descriptor.to_bytes(), [0x90, 0xE0, 0x92, 0x34, 0x09, 0x00]);
        assert_eq!(descriptor_length(&descriptor.to_bytes()), Some(6));
    }

    #[test]
    fn shorter_forms_are_understood() {
        assert_eq!(descriptor_length(&[0x10, 0xFF]), Some(1));
        assert_eq!(descriptor_length(&[0x90, 0x80, 0x12]), Some(3));
        assert_eq!(descriptor_length(&[0x90, 0x80, 0x92]), None);
        assert_eq!(descriptor_length(&[]), None);
    }
}
