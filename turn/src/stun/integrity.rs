//! Who can have written a message: MESSAGE-INTEGRITY (RFC 8489 §14.5) and
//! MESSAGE-INTEGRITY-SHA256 (§14.6), under keys made of passwords (§9.2.2).

use std::fmt;

use md5::{Digest as _, Md5};
use ring::{digest, hmac};
use subtle::ConstantTimeEq;

use super::HEADER;

/// How a key is made of a password (RFC 8489 §18.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PasswordAlgorithm {
    Md5,
    Sha256,
}

impl PasswordAlgorithm {
    /// The value of PASSWORD-ALGORITHMS that names both, the better first.
    pub const ALL: [u8; 8] = [0, 2, 0, 0, 0, 1, 0, 0];

    /// Reads the value of PASSWORD-ALGORITHM. Neither takes parameters.
    pub fn read(value: &[u8]) -> Option<Self> {
        match value {
            [0, 1, 0, 0] => Some(Self::Md5),
            [0, 2, 0, 0] => Some(Self::Sha256),
            _ => None,
        }
    }
}

/// What a message is signed with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Integrity {
    /// MESSAGE-INTEGRITY.
    Sha1,
    /// MESSAGE-INTEGRITY-SHA256.
    Sha256,
}

/// What signs a participant's messages.
#[derive(Clone)]
pub struct Key {
    bytes: [u8; 32],
    length: usize,
}

impl Key {
    /// The key of a long-term credential (RFC 8489 §9.2.2).
    pub fn long_term(
        algorithm: PasswordAlgorithm,
        username: &str,
        realm: &str,
        password: &str,
    ) -> Self {
        let parts = [username, ":", realm, ":", password];
        let mut bytes = [0; 32];
        let length = match algorithm {
            PasswordAlgorithm::Md5 => {
                let mut hash = Md5::new();
                for part in parts {
                    hash.update(part);
                }
                bytes[..16].copy_from_slice(&hash.finalize());
                16
            }
            PasswordAlgorithm::Sha256 => {
                let mut hash = digest::Context::new(&digest::SHA256);
                for part in parts {
                    hash.update(part.as_bytes());
                }
                bytes.copy_from_slice(hash.finish().as_ref());
                32
            }
        };
        Self { bytes, length }
    }

    /// The key of a short-term credential (RFC 8489 §9.1.1) of up to 32 bytes.
    #[cfg(test)]
    pub(super) fn short_term(password: &str) -> Self {
        let mut bytes = [0; 32];
        bytes[..password.len()].copy_from_slice(password.as_bytes());
        Self {
            bytes,
            length: password.len(),
        }
    }

    /// Signs a message of which all before the signature is given, as if it
    /// ended with the signature, whose value has `length` bytes.
    pub(super) fn sign(&self, integrity: Integrity, message: &[u8], length: usize) -> hmac::Tag {
        let algorithm = match integrity {
            Integrity::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Integrity::Sha256 => hmac::HMAC_SHA256,
        };
        let key = hmac::Key::new(algorithm, &self.bytes[..self.length]);
        let total = (message.len() - HEADER + 4 + length) as u16;
        let mut context = hmac::Context::with_key(&key);
        context.update(&message[..2]);
        context.update(&total.to_be_bytes());
        context.update(&message[4..]);
        context.sign()
    }

    /// Whether `signature` is the start of what [`Key::sign`] gives.
    pub(super) fn verify(&self, integrity: Integrity, message: &[u8], signature: &[u8]) -> bool {
        let tag = self.sign(integrity, message, signature.len());
        let expected = tag.as_ref().get(..signature.len());
        expected.is_some_and(|expected| expected.ct_eq(signature).into())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}
