//! Session keys from master keys (RFC 3711 §4.3, RFC 6188, RFC 7714 §11).

use aes::cipher::{KeyIvInit, StreamCipher};
use aes::{Aes128, Aes256};
use ctr::Ctr128BE;

/// One direction's master key and salt, as DTLS exported them.
pub(super) struct MasterKey {
    key: Vec<u8>,
    /// 14 bytes; a 12-byte salt is followed by zeros.
    salt: [u8; SALT_LENGTH],
}

/// The packets a session key is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stream {
    Rtp,
    Rtcp,
}

/// What a session key does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Use {
    Encryption,
    Authentication,
    Salting,
}

impl MasterKey {
    /// `key` must have 16 or 32 bytes, `salt` at most 14.
    pub(super) fn new(key: &[u8], salt: &[u8]) -> Self {
        let mut padded = [0; SALT_LENGTH];
        padded[..salt.len()].copy_from_slice(salt);
        Self {
            key: key.to_vec(),
            salt: padded,
        }
    }

    /// The master key's length in bytes, which is the session key's too.
    pub(super) fn key_length(&self) -> usize {
        self.key.len()
    }

    /// Fills `output` with the session key for `stream` and `purpose`.
    pub(super) fn derive(&self, stream: Stream, purpose: Use, output: &mut [u8]) {
        let mut block = [0; 16];
        block[..SALT_LENGTH].copy_from_slice(&self.salt);
        block[LABEL_POSITION] ^= label(stream, purpose);
        output.fill(0);
        if self.key.len() == 32 {
            let key: &[u8; 32] = self.key[..].try_into().expect("the length was just tested");
            Ctr128BE::<Aes256>::new(key.into(), &block.into()).apply_keystream(output);
        } else {
            let key: &[u8; 16] = self.key[..].try_into().expect("a profile's key length");
            Ctr128BE::<Aes128>::new(key.into(), &block.into()).apply_keystream(output);
        }
    }
}

fn label(stream: Stream, purpose: Use) -> u8 {
    let base = match stream {
        Stream::Rtp => 0,
        Stream::Rtcp => 3,
    };
    base + match purpose {
        Use::Encryption => 0,
        Use::Authentication => 1,
        Use::Salting => 2,
    }
}

pub(super) const SALT_LENGTH: usize = 14;
/// The label is the byte above the 48-bit packet index, whose rate is zero.
const LABEL_POSITION: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&text[i..i + 2], 16).expect("hexadecimal"))
            .collect()
    }

    /// RFC 3711 appendix B.3.
    #[test]
    fn keys_match_the_rfcs_vectors() {
        let master = MasterKey::new(
            &hex("E1F97A0D3E018BE0D64FA32C06DE4139"),
            &hex("0EC675AD498AFEEBB6960B3AABE6"),
        );
        let derive = |purpose, length| {
            let mut output = vec![0; length];
            master.derive(Stream::Rtp, purpose, &mut output);
            output
        };

        assert_eq!(
            derive(Use::Encryption, 16),
            hex("C61E7A93744F39EE10734AFE3FF7A087")
        );
        assert_eq!(
            derive(Use::Salting, 14),
            hex("30CBBC08863D8C85D49DB34A9AE1")
        );
        assert_eq!(
            derive(Use::Authentication, 20),
            hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4")
        );
    }
}
