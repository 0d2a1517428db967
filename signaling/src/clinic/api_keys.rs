//! Keys with which the clinic's backend calls the API.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::constant_time;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use super::Refused;
use super::record::ApiKey;
use crate::access::UnixTime;
use crate::store::tables::API_KEYS;
use crate::store::{Store, StoreError};

/// One thing that an API key allows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Deserialize, Serialize)]
pub enum Scope {
    #[serde(rename = "sessions:read")]
    SessionsRead,
    #[serde(rename = "sessions:write")]
    SessionsWrite,
    #[serde(rename = "participants:read")]
    ParticipantsRead,
    #[serde(rename = "participants:write")]
    ParticipantsWrite,
}

/// A text that is no scope.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("write sessions:read, sessions:write, participants:read or participants:write")]
pub struct InvalidScope;

/// A key just made. Its text is nowhere else.
pub struct NewApiKey {
    pub id: String,
    pub text: Zeroizing<String>,
}

/// What an operator may know of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApiKeyInfo {
    pub id: String,
    pub name: String,
    pub scopes: Vec<Scope>,
    pub created: UnixTime,
    pub expires: Option<UnixTime>,
}

impl Scope {
    pub const ALL: [Self; 4] = [
        Self::SessionsRead,
        Self::SessionsWrite,
        Self::ParticipantsRead,
        Self::ParticipantsWrite,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::SessionsRead => "sessions:read",
            Self::SessionsWrite => "sessions:write",
            Self::ParticipantsRead => "participants:read",
            Self::ParticipantsWrite => "participants:write",
        }
    }
}

impl Store {
    /// Makes a key and stores its hash.
    ///
    /// # Errors
    /// The store is full of keys, or cannot be written.
    pub fn create_api_key(
        &self,
        name: &str,
        scopes: &[Scope],
        now: UnixTime,
        expires: Option<UnixTime>,
    ) -> Result<NewApiKey, String> {
        let mut random = Zeroizing::new([0; 8 + 32]);
        getrandom::fill(random.as_mut()).expect("the operating system gives random numbers");
        let (id, secret) = random.split_at(8);
        let id = u64::from_be_bytes(id.try_into().expect("it has 8 bytes"));
        let id = format!("{id:016x}");
        let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(secret));
        let text = Zeroizing::new(format!("{PREFIX}{id}_{}", *secret));
        let mut scopes = scopes.to_vec();
        scopes.sort_unstable();
        scopes.dedup();
        let record = ApiKey {
            id: id.clone(),
            name: name.to_owned(),
            hash: key_hash(&text),
            scopes,
            created: now.0,
            expires: expires.map(|expires| expires.0),
        };
        let stored: Result<(), Refused> = self.write(|writing| {
            if writing.count(&API_KEYS)? >= MOST_KEYS {
                return Err(Refused::Full);
            }
            Ok(writing.put(&API_KEYS, id.as_bytes(), &record)?)
        });
        stored.map_err(|error| error.to_string())?;
        Ok(NewApiKey { id, text })
    }

    /// All keys, without their secrets.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn api_keys(&self) -> Result<Vec<ApiKeyInfo>, StoreError> {
        let most = usize::try_from(MOST_KEYS).unwrap_or(usize::MAX);
        let keys = self.read(|reading| reading.page(&API_KEYS, None, most))?;
        let mut keys: Vec<_> = keys.into_iter().map(ApiKeyInfo::from).collect();
        keys.sort_by(|a, b| (a.created.0, &a.id).cmp(&(b.created.0, &b.id)));
        Ok(keys)
    }

    /// Makes a key worthless from now on, and says whether there was one.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn revoke_api_key(&self, id: &str) -> Result<bool, StoreError> {
        self.write(|writing| {
            let known = writing.get(&API_KEYS, id.as_bytes())?.is_some();
            writing.remove(&API_KEYS, id.as_bytes())?;
            Ok(known)
        })
    }

    /// The key of which this is the text, if it is good now.
    pub(crate) fn authenticate(
        &self,
        text: &str,
        now: UnixTime,
    ) -> Result<Option<ApiKey>, StoreError> {
        let Some(id) = id_of(text) else {
            return Ok(None);
        };
        let key = self.read(|reading| reading.get(&API_KEYS, id.as_bytes()))?;
        Ok(key.filter(|key: &ApiKey| {
            constant_time::verify_slices_are_equal(&key.hash, &key_hash(text)).is_ok()
                && key.expires.is_none_or(|expires| now.0 < expires)
        }))
    }
}

impl From<ApiKey> for ApiKeyInfo {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id,
            name: key.name,
            scopes: key.scopes,
            created: UnixTime(key.created),
            expires: key.expires.map(UnixTime),
        }
    }
}

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        let known = Self::ALL.into_iter().find(|scope| scope.name() == text);
        known.ok_or(InvalidScope)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for NewApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewApiKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The part that names the key, of a text that could be one.
fn id_of(text: &str) -> Option<&str> {
    let id = text.strip_prefix(PREFIX)?.get(..ID_DIGITS)?;
    let is_key = text.len() == PREFIX.len() + ID_DIGITS + 1 + SECRET_DIGITS
        && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_key.then_some(id)
}

/// What is kept of a key's text.
pub(crate) fn key_hash(text: &str) -> [u8; 32] {
    let digest = digest(&SHA256, text.as_bytes());
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// So that scanners for leaked secrets can know them.
const PREFIX: &str = "quietroom_";

const ID_DIGITS: usize = 16;

/// 32 bytes in base64url.
const SECRET_DIGITS: usize = 43;

const MOST_KEYS: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime(1_800_000_000);

    #[test]
    fn a_key_is_good_until_it_expires_or_is_revoked() {
        let store = Store::in_memory();
        let until = Some(UnixTime(NOW.0 + 10));
        let key = store
            .create_api_key("backend", &[Scope::SessionsRead], NOW, until)
            .expect("it is made");
        let good = |time| {
            let found = store.authenticate(&key.text, UnixTime(time));
            found.expect("the store reads").map(|key| key.scopes)
        };

        assert_eq!(good(NOW.0 + 9), Some(vec![Scope::SessionsRead]));
        assert_eq!(good(NOW.0 + 10), None);
        assert_eq!(store.revoke_api_key(&key.id), Ok(true));
        assert_eq!(good(NOW.0), None);
        assert_eq!(store.revoke_api_key(&key.id), Ok(false));
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let store = Store::in_memory();
        let key = store
            .create_api_key("backend", &Scope::ALL, NOW, None)
            .expect("it is made");

        for index in 0..key.text.len() {
            let mut changed = key.text.as_bytes().to_vec();
            changed[index] = if changed[index] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(changed).expect("ASCII stays ASCII");
            assert_eq!(store.authenticate(&changed, NOW), Ok(None), "{index}");
        }
        for garbage in ["", "quietroom_", "é", &"é".repeat(35), &"a".repeat(70)] {
            assert_eq!(store.authenticate(garbage, NOW), Ok(None));
        }
    }

    #[test]
    fn keys_are_listed_without_secrets() {
        let store = Store::in_memory();
        let key = store
            .create_api_key(
                "backend",
                &[Scope::SessionsWrite, Scope::SessionsWrite],
                NOW,
                None,
            )
            .expect("it is made");

        let keys = store.api_keys().expect("the store reads");

        assert_eq!(keys.len(), 1);
        assert_eq!(keys[0].scopes, [Scope::SessionsWrite]);
        assert!(!format!("{keys:?} {key:?}").contains(&key.text[27..]));
    }
}
