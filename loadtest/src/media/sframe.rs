//! The end-to-end layer as a server sees it: `SFrame` (RFC 9605) headers that
//! are right, around bytes that only look encrypted.

/// Who encrypts a frame, under which epoch, and for which source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyId {
    /// 0 microphone, 1 camera.
    pub context: u8,
    /// The sender's leaf in the group.
    pub leaf: u8,
    /// The group's epoch, modulo 256.
    pub epoch: u8,
}

impl KeyId {
    fn value(self) -> u64 {
        u64::from(self.context) << 16 | u64::from(self.leaf) << 8 | u64::from(self.epoch)
    }
}

/// Appends an `SFrame` header (RFC 9605 §4.3).
pub fn write_header(key: KeyId, counter: u64, out: &mut Vec<u8>) {
    let (key, counter) = (key.value(), counter);
    let at = out.len();
    out.push(0);
    let key_bits = field(key, out);
    let counter_bits = field(counter, out);
    out[at] = key_bits << 4 | counter_bits;
}

/// Four bits for a number: itself, or 8 and its length less one, with the
/// number appended.
fn field(number: u64, out: &mut Vec<u8>) -> u8 {
    if let Ok(small @ 0..=7) = u8::try_from(number) {
        return small;
    }
    let bytes = number.to_be_bytes();
    let zeros = number.leading_zeros() as usize / 8;
    out.extend(&bytes[zeros..]);
    8 | (7 - zeros) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(key: u64, counter: u64) -> Vec<u8> {
        let mut out = Vec::new();
        let key = KeyId {
            context: (key >> 16) as u8,
            leaf: (key >> 8) as u8,
            epoch: key as u8,
        };
        write_header(key, counter, &mut out);
        out
    }

    /// From RFC 9605, appendix C.1.
    #[test]
    fn headers_are_those_of_the_rfc() {
        assert_eq!(header(0, 0), [0x00]);
        assert_eq!(header(0, 1), [0x01]);
        assert_eq!(header(0, 0xFF), [0x08, 0xFF]);
        assert_eq!(header(0, 0x100), [0x09, 0x01, 0x00]);
        assert_eq!(header(1, 0xFFFF), [0x19, 0xFF, 0xFF]);
        assert_eq!(header(0xFF, 0), [0x80, 0xFF]);
        assert_eq!(header(0x123, 0x0100), [0x99, 0x01, 0x23, 0x01, 0x00]);
    }
}
