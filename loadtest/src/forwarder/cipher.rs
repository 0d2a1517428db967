//! AES-256-GCM for SRTP (RFC 7714) over `ring`, straight into the send
//! buffer.

use aes::Aes256;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// One direction's key.
#[derive(Debug)]
pub(super) struct Cipher {
    key: LessSafeKey,
    salt: [u8; SALT_LENGTH],
}

impl Cipher {
    /// Derives the session's key; `None` if a length is wrong.
    pub(super) fn new(master_key: &[u8], master_salt: &[u8]) -> Option<Self> {
        let mut key = [0; 32];
        let mut salt = [0; SALT_LENGTH];
        derive(master_key, master_salt, ENCRYPTION, &mut key)?;
        derive(master_key, master_salt, SALTING, &mut salt)?;
        let key = UnboundKey::new(&AES_256_GCM, &key).ok()?;
        Some(Self {
            key: LessSafeKey::new(key),
            salt,
        })
    }

    /// Decrypts in place; gives the length of the plain packet.
    pub(super) fn open(
        &self,
        packet: &mut [u8],
        header_length: usize,
        ssrc: u32,
        index: u64,
    ) -> Option<usize> {
        let (header, rest) = packet.split_at_mut_checked(header_length)?;
        let plain = self
            .key
            .open_in_place(self.nonce(ssrc, index), Aad::from(&*header), rest)
            .ok()?;
        Some(header_length + plain.len())
    }

    /// Encrypts the last packet of `buffer`, which starts at `start`, and
    /// appends the tag.
    pub(super) fn seal(
        &self,
        buffer: &mut Vec<u8>,
        start: usize,
        header_length: usize,
        ssrc: u32,
        index: u64,
    ) {
        let (header, payload) = buffer[start..].split_at_mut(header_length);
        let sealed = self.key.seal_in_place_separate_tag(
            self.nonce(ssrc, index),
            Aad::from(&*header),
            payload,
        );
        // Only a payload of gigabytes is refused.
        if let Ok(tag) = sealed {
            buffer.extend_from_slice(tag.as_ref());
        }
    }

    /// RFC 7714 §8.1. `index` is the roll-over counter and the number.
    fn nonce(&self, ssrc: u32, index: u64) -> Nonce {
        let mut nonce = [0; SALT_LENGTH];
        nonce[2..6].copy_from_slice(&ssrc.to_be_bytes());
        nonce[6..].copy_from_slice(&index.to_be_bytes()[2..]);
        for (byte, salt) in nonce.iter_mut().zip(self.salt) {
            *byte ^= salt;
        }
        Nonce::assume_unique_for_key(nonce)
    }
}

/// RFC 3711 §4.3 with RFC 7714 §11's shorter salt, key derivation rate zero.
fn derive(key: &[u8], salt: &[u8], label: u8, out: &mut [u8]) -> Option<()> {
    let mut iv = [0; 16];
    iv[..SALT_LENGTH].copy_from_slice(salt.get(..SALT_LENGTH)?);
    iv[7] ^= label;
    let mut cipher = Ctr128BE::<Aes256>::new_from_slices(key, &iv).ok()?;
    cipher.apply_keystream(out);
    Some(())
}

pub(super) const TAG_LENGTH: usize = 16;
const SALT_LENGTH: usize = 12;
const ENCRYPTION: u8 = 0;
const SALTING: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::srtp::{MasterKey, Profile, Session};
    use crate::media::rtp::{Header, NewHeader};

    /// Another implementation understands what this one writes, and the other
    /// way around.
    #[test]
    fn packets_go_back_and_forth_to_another_implementation() {
        let master = |byte| MasterKey {
            key: vec![byte; 32],
            salt: vec![byte ^ 0x55; 12],
        };
        let (a, b) = (master(1), master(2));
        let mut other = Session::new(Profile::AeadAes256Gcm, &a, &b).unwrap();
        let inbound = Cipher::new(&a.key, &a.salt).unwrap();
        let outbound = Cipher::new(&b.key, &b.salt).unwrap();
        let mut plain = Vec::new();
        NewHeader {
            marker: true,
            payload_type: 96,
            sequence_number: 500,
            timestamp: 1,
            ssrc: 77,
            extensions: &[(1, b"x")],
        }
        .write(&mut plain);
        plain.extend([9; 100]);
        let header = Header::parse(&plain).unwrap();

        let mut protected = other.protect(&plain).unwrap().to_vec();
        let length = inbound
            .open(&mut protected, header.length, 77, 500)
            .unwrap();
        assert_eq!(protected[..length], plain);

        let mut sealed = plain.clone();
        outbound.seal(&mut sealed, 0, header.length, 77, 500);
        assert_eq!(other.unprotect(&sealed).unwrap(), plain);
    }
}
