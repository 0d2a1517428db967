//! What must be remembered of tokens: the key that each was used with.

use std::collections::HashMap;

use aws_lc_rs::digest::{SHA256, digest};

use super::token::{Admission, TokenError, UnixTime};
use super::{LEEWAY_SECONDS, Thumbprint};

/// The key that each token came with, until it expires: "single use" means
/// one key, which may come back as often as it likes.
#[derive(Debug)]
pub struct TokenLedger {
    keys: HashMap<TokenDigest, Binding>,
    most: usize,
}

#[derive(Clone, Copy, Debug)]
struct Binding {
    key: Thumbprint,
    expires_at: UnixTime,
}

/// In place of the id, which is as long as the clinic likes.
type TokenDigest = [u8; 32];

impl TokenLedger {
    /// Remembers up to `most` tokens.
    pub fn new(most: usize) -> Self {
        Self {
            keys: HashMap::new(),
            most,
        }
    }

    /// Takes note of a token that is good and whose key was proven.
    ///
    /// # Errors
    /// A token of this id came with another key or is bound to none now, or
    /// no more can be remembered.
    pub fn enter(&mut self, admission: &Admission, now: UnixTime) -> Result<(), TokenError> {
        let id = token_digest(admission);
        let known = self.keys.get(&id).map(|binding| binding.key);
        match (known, admission.key) {
            (None, None) => return Ok(()),
            (Some(known), key) if key != Some(known) => return Err(TokenError::Reused),
            (_, Some(_)) | (Some(_), None) => {}
        }
        if known.is_none() && self.keys.len() >= self.most {
            self.keys
                .retain(|_, binding| !is_over(binding.expires_at, now));
            if self.keys.len() >= self.most {
                return Err(TokenError::TooMany);
            }
        }
        if let Some(key) = admission.key {
            let binding = self.keys.entry(id).or_insert(Binding {
                key,
                expires_at: admission.expires_at,
            });
            // The clinic may sign another of this id that lasts longer.
            binding.expires_at = binding.expires_at.max(admission.expires_at);
        }
        Ok(())
    }
}

impl Default for TokenLedger {
    fn default() -> Self {
        Self::new(MOST_TOKENS)
    }
}

fn is_over(expires_at: UnixTime, now: UnixTime) -> bool {
    expires_at.0.saturating_add(LEEWAY_SECONDS) <= now.0
}

fn token_digest(admission: &Admission) -> TokenDigest {
    let mut id = [0; 32];
    id.copy_from_slice(digest(&SHA256, admission.token_id.as_bytes()).as_ref());
    id
}

/// About 15 MB.
const MOST_TOKENS: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Role;

    const NOW: UnixTime = UnixTime(1_000);

    #[test]
    fn a_token_may_come_back_with_its_key_only() {
        let mut ledger = TokenLedger::default();
        assert_eq!(ledger.enter(&token("t", Some(1), 2_000), NOW), Ok(()));

        assert_eq!(ledger.enter(&token("t", Some(1), 2_000), NOW), Ok(()));
        for key in [Some(2), None] {
            let reused = ledger.enter(&token("t", key, 2_000), NOW);
            assert_eq!(reused, Err(TokenError::Reused));
        }
        assert_eq!(ledger.enter(&token("u", Some(2), 2_000), NOW), Ok(()));
    }

    #[test]
    fn a_longer_token_of_the_same_id_is_remembered_as_long() {
        let mut ledger = TokenLedger::new(1);
        for expires_at in [2_000, 3_000] {
            let entered = ledger.enter(&token("t", Some(1), expires_at), NOW);
            assert_eq!(entered, Ok(()));
        }

        let full = ledger.enter(&token("u", Some(2), 9_000), UnixTime(2_500));
        assert_eq!(full, Err(TokenError::TooMany));
    }

    #[test]
    fn what_has_expired_makes_room() {
        let mut ledger = TokenLedger::new(1);
        assert_eq!(ledger.enter(&token("t", Some(1), 1_500), NOW), Ok(()));
        let full = ledger.enter(&token("u", Some(1), 9_000), NOW);
        assert_eq!(full, Err(TokenError::TooMany));

        let later = ledger.enter(&token("u", Some(1), 9_000), UnixTime(1_510));

        assert_eq!(later, Ok(()));
    }

    fn token(id: &str, key: Option<u8>, expires_at: u64) -> Admission {
        Admission {
            subject: "s".into(),
            room: "r".into(),
            role: Role::Client,
            token_id: id.into(),
            issuer: None,
            audiences: Vec::new(),
            issued_at: None,
            expires_at: UnixTime(expires_at),
            is_multi_factor: false,
            key: key.map(|byte| Thumbprint([byte; 32])),
        }
    }
}
