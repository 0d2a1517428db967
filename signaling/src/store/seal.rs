//! Sealed records: AES-256-GCM under a key of each one's own.
//!
//! `version (1) ‖ key id (8) ‖ salt (24) ‖ ciphertext ‖ tag (16)`. Key and
//! nonce come by HKDF-SHA-256 from the store's key and the random salt, so the
//! number of records that one key may seal is bounded by 192 random bits and
//! not by the 96 of a GCM nonce. Everything before the ciphertext, the table's
//! name and the record's key are authenticated with it: a value fits one place.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::{KeyId, KeyRing, StoreKey};

/// Why a sealed record does not open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unopened {
    /// It names a key that is not there.
    NoKey(KeyId),
    /// It is not what was sealed, or stands in another's place.
    Altered,
}

/// Seals a value for its place.
pub(super) fn seal(keys: &KeyRing, table: &str, key: &[u8], value: &[u8]) -> Vec<u8> {
    let (id, secret) = keys.sealing();
    let mut salt = [0; SALT];
    getrandom::fill(&mut salt).expect("the operating system gives random numbers");
    let mut sealed = Vec::with_capacity(HEAD + value.len() + TAG);
    sealed.push(VERSION);
    sealed.extend_from_slice(&id.0);
    sealed.extend_from_slice(&salt);
    let aad = associated_data(&sealed, table, key);
    let (cipher, nonce) = cipher(secret, &salt);
    let mut value = Zeroizing::new(value.to_vec());
    let tag = cipher
        .seal_in_place_separate_tag(nonce, Aad::from(aad), &mut value)
        .expect("a record is far shorter than GCM's limit");
    sealed.extend_from_slice(&value);
    sealed.extend_from_slice(tag.as_ref());
    sealed
}

/// Opens what [`seal`] made for the same place.
pub(super) fn open(
    keys: &KeyRing,
    table: &str,
    key: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Unopened> {
    if sealed.len() < HEAD + TAG || sealed[0] != VERSION {
        return Err(Unopened::Altered);
    }
    let (head, value) = sealed.split_at(HEAD);
    let id = key_id(sealed).ok_or(Unopened::Altered)?;
    let secret = keys.find(id).ok_or(Unopened::NoKey(id))?;
    let (cipher, nonce) = cipher(secret, &head[HEAD - SALT..]);
    let aad = associated_data(head, table, key);
    let mut value = Zeroizing::new(value.to_vec());
    let length = cipher
        .open_in_place(nonce, Aad::from(aad), &mut value)
        .map_err(|_| Unopened::Altered)?
        .len();
    value.truncate(length);
    Ok(value)
}

/// Which key a record names.
pub(super) fn key_id(sealed: &[u8]) -> Option<KeyId> {
    let id = sealed.get(1..HEAD - SALT)?;
    Some(KeyId(id.try_into().ok()?))
}

fn cipher(secret: &StoreKey, salt: &[u8]) -> (LessSafeKey, Nonce) {
    let mut derived = Zeroizing::new([0; 32 + 12]);
    secret.derive(salt, b"quietroom store: record", derived.as_mut());
    let (key, nonce) = derived.split_at(32);
    let key = UnboundKey::new(&AES_256_GCM, key).expect("the key has 32 bytes");
    let nonce = Nonce::try_assume_unique_for_key(nonce).expect("the nonce has 12 bytes");
    (LessSafeKey::new(key), nonce)
}

fn associated_data(head: &[u8], table: &str, key: &[u8]) -> Vec<u8> {
    let mut data = head.to_vec();
    for part in [table.as_bytes(), key] {
        data.extend_from_slice(&(part.len() as u64).to_be_bytes());
        data.extend_from_slice(part);
    }
    data
}

const VERSION: u8 = 1;

const SALT: usize = 24;

const HEAD: usize = 1 + 8 + SALT;

const TAG: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_opens_in_its_place_only() {
        let keys = KeyRing::new(StoreKey::generate());

        let sealed = seal(&keys, "t", b"key", b"value");

        assert_eq!(
            open(&keys, "t", b"key", &sealed)
                .expect("it opens")
                .as_slice(),
            b"value"
        );
        for (table, key) in [
            ("u", &b"key"[..]),
            ("t", b"kez"),
            ("tk", b"ey"),
            ("", b"tkey"),
        ] {
            assert_eq!(open(&keys, table, key, &sealed), Err(Unopened::Altered));
        }
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let keys = KeyRing::new(StoreKey::generate());
        let sealed = seal(&keys, "t", b"key", b"value");

        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&keys, "t", b"key", &changed).is_err(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(open(&keys, "t", b"key", &sealed[..length]).is_err());
        }
    }

    #[test]
    fn equal_values_are_sealed_differently_and_show_nothing() {
        let keys = KeyRing::new(StoreKey::generate());

        let (a, b) = (
            seal(&keys, "t", b"k", b"value"),
            seal(&keys, "t", b"k", b"value"),
        );

        assert_ne!(a[HEAD..], b[HEAD..]);
        assert!(!a.windows(5).any(|window| window == b"value"));
    }

    #[test]
    fn another_key_is_named() {
        let (ours, theirs) = (StoreKey::generate(), StoreKey::generate());
        let sealed = seal(&KeyRing::new(theirs.clone()), "t", b"k", b"value");

        assert_eq!(
            open(&KeyRing::new(ours.clone()), "t", b"k", &sealed),
            Err(Unopened::NoKey(theirs.id()))
        );
        let both = KeyRing::new(theirs).rotated(ours);
        assert!(open(&both, "t", b"k", &sealed).is_ok());
    }
}
