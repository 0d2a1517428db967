//! The header of an `SFrame` ciphertext (RFC 9605 §4.3), as far as a server
//! without keys can check it.

/// Whose key a participant encrypts with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SframeKey {
    /// The participant's leaf in the group's tree.
    pub leaf: u8,
    /// The group's epoch, of which frames carry the low 8 bits.
    pub epoch: u64,
}

/// What a key id says under MLS (RFC 9605 §5.2), with the widths that
/// Quietroom's clients use: 2 bits of context, 8 of leaf, 8 of epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyId {
    /// What is encrypted: 0 microphone, 1 camera, 2 screen, 3 screen's sound.
    pub context: u8,
    /// The sender's leaf in the group's tree.
    pub leaf: u8,
    /// The group's epoch modulo 256.
    pub epoch: u8,
}

impl KeyId {
    /// Reads the header that `bytes` begins with; `None` if it is cut short
    /// or its key id is wider than ours.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (&configuration, rest) = bytes.split_first()?;
        let (id, rest) = field(configuration >> 4, rest)?;
        field(configuration & 0x0F, rest)?;
        let [high @ .., context, leaf, epoch] = id.to_be_bytes();
        (high == [0; 5] && context < CONTEXTS).then_some(Self {
            context,
            leaf,
            epoch,
        })
    }
}

/// A value and what follows it: the value itself if the nibble's first bit is
/// clear, else that many bytes and one.
fn field(nibble: u8, bytes: &[u8]) -> Option<(u64, &[u8])> {
    if nibble & EXTENDED == 0 {
        return Some((u64::from(nibble), bytes));
    }
    let (value, rest) = bytes.split_at_checked(usize::from(nibble & !EXTENDED) + 1)?;
    let value = value
        .iter()
        .fold(0, |value, byte| (value << 8) | u64::from(*byte));
    Some((value, rest))
}

const EXTENDED: u8 = 0x08;
const CONTEXTS: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_id_is_read_in_every_length() {
        for (bytes, context, leaf, epoch) in [
            (&[0x70][..], 0, 0, 7),
            (&[0x80, 0xFF], 0, 0, 0xFF),
            (&[0x9B, 0xAB, 0x5A, 1, 2, 3, 4], 0, 0xAB, 0x5A),
            (&[0xA9, 3, 0xAB, 0x5A, 1, 2], 3, 0xAB, 0x5A),
            (&[0xF0, 0, 0, 0, 0, 0, 1, 2, 3], 1, 2, 3),
        ] {
            let expected = KeyId {
                context,
                leaf,
                epoch,
            };
            assert_eq!(KeyId::parse(bytes), Some(expected), "{bytes:x?}");
        }
    }

    #[test]
    fn a_header_cut_short_anywhere_is_refused() {
        let whole = [0xAF, 1, 2, 3, 1, 2, 3, 4, 5, 6, 7, 8];

        for length in 0..whole.len() {
            assert_eq!(KeyId::parse(&whole[..length]), None, "{length}");
        }
        assert!(KeyId::parse(&whole).is_some());
    }

    #[test]
    fn a_key_id_wider_than_ours_is_refused() {
        for bytes in [&[0xA0, 4, 0, 0][..], &[0xB0, 1, 0, 0, 0], &[0xF0; 9]] {
            assert_eq!(KeyId::parse(bytes), None, "{bytes:x?}");
        }
    }
}
