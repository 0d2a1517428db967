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

/// The epoch that each test's groups are in: nobody changes them.
pub const EPOCH: u8 = 1;

impl KeyId {
    /// The same sender in an epoch that the group has not reached.
    pub fn of_another_epoch(self) -> Self {
        Self {
            epoch: self.epoch.wrapping_add(1),
            ..self
        }
    }

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

/// A header that was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    pub key: KeyId,
    pub counter: u64,
}

/// Reads the header that `bytes` begin with; `None` if it is cut short or of
/// no key of ours.
pub fn read_header(bytes: &[u8]) -> Option<Header> {
    let (&configuration, rest) = bytes.split_first()?;
    let (key, rest) = number(configuration >> 4, rest)?;
    let (counter, _) = number(configuration & 0x0F, rest)?;
    let [0, 0, 0, 0, 0, context, leaf, epoch] = key.to_be_bytes() else {
        return None;
    };
    let key = KeyId {
        context,
        leaf,
        epoch,
    };
    Some(Header { key, counter })
}

/// The number that four bits stand for, and what is after it.
fn number(bits: u8, bytes: &[u8]) -> Option<(u64, &[u8])> {
    if bits < 8 {
        return Some((u64::from(bits), bytes));
    }
    let (number, rest) = bytes.split_at_checked(usize::from(bits - 7))?;
    let number = number
        .iter()
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    Some((number, rest))
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

    #[test]
    fn a_header_is_read_as_it_was_written() {
        for (key, counter) in [(0, 0), (7, 7), (0x1_FF01, 8), (0x3_0000, u64::MAX)] {
            let mut bytes = header(key, counter);
            let length = bytes.len();
            bytes.extend([0xAA; 9]);

            let read = read_header(&bytes).unwrap();
            assert_eq!((read.key.value(), read.counter), (key, counter));
            for cut in 0..length {
                assert_eq!(read_header(&bytes[..cut]), None);
            }
        }
        // A key's number wider than any of ours.
        assert_eq!(read_header(&[0xB0, 1, 0, 0, 0]), None);
    }
}
