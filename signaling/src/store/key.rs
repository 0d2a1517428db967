//! Keys that seal the store.

use std::fmt;

use aws_lc_rs::constant_time;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// 256 secret bits. They are erased when this is dropped, and never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct StoreKey([u8; 32]);

/// Names a key without telling anything about it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub(super) [u8; 8]);

/// The key that seals, and those before it, which only open.
#[derive(Clone, Debug)]
pub struct KeyRing {
    current: (KeyId, StoreKey),
    old: Vec<(KeyId, StoreKey)>,
}

/// Why a text holds no keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum InvalidKey {
    #[error("there is no key in it")]
    Empty,
    #[error("line {0} is not a key: write 32 bytes as 64 hexadecimal digits or as base64")]
    Malformed(usize),
    #[error("it has more than {MAX_KEYS} keys")]
    TooMany,
}

impl StoreKey {
    /// A new random key.
    pub fn generate() -> Self {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the operating system gives random numbers");
        Self(bytes)
    }

    /// 64 hexadecimal digits: how [`KeyRing::parse`] reads it.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(64));
        for byte in self.0 {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from_digit(digit.into(), 16).expect("it is below 16"));
            }
        }
        text
    }

    /// The key's name: derived one way, so that it can stand in files and logs.
    pub fn id(&self) -> KeyId {
        let mut id = [0; 8];
        self.derive(b"", b"quietroom store: key id", &mut id);
        KeyId(id)
    }

    /// HKDF-SHA-256 (RFC 5869) of this key.
    pub(super) fn derive(&self, salt: &[u8], info: &[u8], output: &mut [u8]) {
        let key = Salt::new(HKDF_SHA256, salt).extract(&self.0);
        key.expand(&[info], Bytes(output.len()))
            .and_then(|okm| okm.fill(output))
            .expect("255 hashes' length is not reached");
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(if text.len() == 64 {
            let digits = text.as_bytes().chunks_exact(2);
            let pairs = digits.map(|pair| {
                let digit = |digit: u8| char::from(digit).to_digit(16);
                u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()
            });
            pairs.collect::<Option<Vec<_>>>()?
        } else {
            [STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD]
                .iter()
                .find_map(|engine| engine.decode(text).ok())?
        });
        let bytes: &[u8; 32] = bytes.as_slice().try_into().ok()?;
        Some(Self(*bytes))
    }
}

impl KeyRing {
    /// A ring of one key.
    pub fn new(key: StoreKey) -> Self {
        Self {
            current: (key.id(), key),
            old: Vec::new(),
        }
    }

    /// Reads one key a line, in hexadecimal or base64. The first seals; all
    /// open.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        let mut ring: Option<Self> = None;
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            let key = StoreKey::parse(line).ok_or(InvalidKey::Malformed(index + 1))?;
            match &mut ring {
                None => ring = Some(Self::new(key)),
                Some(ring) if ring.old.len() + 1 >= MAX_KEYS => return Err(InvalidKey::TooMany),
                Some(ring) => ring.old.push((key.id(), key)),
            }
        }
        ring.ok_or(InvalidKey::Empty)
    }

    /// The same keys behind a new one that seals from now on.
    #[must_use]
    pub fn rotated(&self, key: StoreKey) -> Self {
        let mut old = vec![self.current.clone()];
        old.extend(self.old.iter().cloned());
        old.truncate(MAX_KEYS - 1);
        Self {
            current: (key.id(), key),
            old,
        }
    }

    /// Only the key that seals.
    #[must_use]
    pub fn without_old(&self) -> Self {
        Self {
            current: self.current.clone(),
            old: Vec::new(),
        }
    }

    /// One key a line, as [`KeyRing::parse`] reads them.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(65 * (1 + self.old.len())));
        for (_, key) in [&self.current].into_iter().chain(&self.old) {
            text.push_str(&key.to_text());
            text.push('\n');
        }
        text
    }

    /// The id of the key that seals.
    pub fn current(&self) -> KeyId {
        self.current.0
    }

    /// How many keys only open.
    pub fn old(&self) -> usize {
        self.old.len()
    }

    pub(super) fn sealing(&self) -> (KeyId, &StoreKey) {
        (self.current.0, &self.current.1)
    }

    pub(super) fn find(&self, id: KeyId) -> Option<&StoreKey> {
        [&self.current]
            .into_iter()
            .chain(&self.old)
            .find(|(known, _)| constant_time::verify_slices_are_equal(&known.0, &id.0).is_ok())
            .map(|(_, key)| key)
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreKey({})", self.id())
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

/// More than anybody rotates before the old ones are done with.
const MAX_KEYS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_in_hexadecimal_and_base64() {
        let key = StoreKey::generate();
        let hex = key.to_text();
        let base64 = STANDARD.encode(key.0);

        for text in [
            hex.as_str(),
            &hex.to_uppercase(),
            &base64,
            base64.trim_end_matches('='),
        ] {
            let ring = KeyRing::parse(&format!("\n {text}\r\n")).expect("it is a key");
            assert_eq!(ring.current(), key.id());
        }
    }

    #[test]
    fn the_first_key_seals_and_all_open() {
        let (first, second) = (StoreKey::generate(), StoreKey::generate());
        let ring = KeyRing::new(second.clone()).rotated(first.clone());

        let ring = KeyRing::parse(&ring.to_text()).expect("it was written so");

        assert_eq!(ring.current(), first.id());
        assert_eq!(ring.old(), 1);
        assert!(ring.find(second.id()).is_some());
        assert!(ring.without_old().find(second.id()).is_none());
    }

    #[test]
    fn what_is_no_key_is_refused_with_its_line() {
        let key = StoreKey::generate().to_text();
        for (text, expected) in [
            ("", InvalidKey::Empty),
            (" \n\n", InvalidKey::Empty),
            ("secret", InvalidKey::Malformed(1)),
            (&key[1..], InvalidKey::Malformed(1)),
            (
                &format!("{}\n{}z", *key, &key[1..]),
                InvalidKey::Malformed(2),
            ),
            (&format!("{}\n", *key).repeat(17), InvalidKey::TooMany),
        ] {
            assert_eq!(KeyRing::parse(text).err(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_key_does_not_show_when_printed() {
        let key = StoreKey::generate();
        let printed = format!("{key:?} {:?}", KeyRing::new(key.clone()));

        assert!(!printed.contains(&key.to_text()[..16]), "{printed}");
        assert!(printed.contains(&key.id().to_string()));
    }
}
