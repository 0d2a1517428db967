//! Whose a participant's id is: it follows from the token, so that nobody can
//! come back as somebody else, whatever the server remembers.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sfu::identity::ParticipantId;

use super::{Admission, Thumbprint};

/// What a client draws for each stay, so that its id is new.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ParticipantSalt([u8; 16]);

impl ParticipantSalt {
    pub fn new(random: [u8; 16]) -> Self {
        Self(random)
    }

    /// From base64url without padding.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The id of whoever has this key, or else this token: the first 64 bits of
    /// the SHA-256 hash of a label, the salt and the owner. To find a salt that
    /// gives somebody else's id takes some 2^64 hashes.
    pub fn participant_id(&self, key: Option<&Thumbprint>, token_id: &str) -> ParticipantId {
        let (kind, owner) = match key {
            Some(key) => ("jkt ", key.to_string()),
            None => ("jti ", token_id.to_owned()),
        };
        let mut hash = Context::new(&SHA256);
        for part in [LABEL, &self.0, kind.as_bytes(), owner.as_bytes()] {
            hash.update(part);
        }
        let hash = hash.finish();
        let first = hash.as_ref().first_chunk().expect("SHA-256 has 32 bytes");
        ParticipantId(u64::from_be_bytes(*first))
    }
}

impl Admission {
    /// Whether an id is this token's own, by the salt that came with it.
    pub fn owns(&self, id: ParticipantId, salt: &ParticipantSalt) -> bool {
        salt.participant_id(self.key.as_ref(), &self.token_id) == id
    }
}

impl fmt::Display for ParticipantSalt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for ParticipantSalt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ParticipantSalt(..)")
    }
}

const LABEL: &[u8] = b"Quietroom 1.0 Participant";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_of_one_key_or_one_token() {
        let salt = ParticipantSalt::new([7; 16]);
        let key = Thumbprint([1; 32]);
        let ids = [
            salt.participant_id(None, "t"),
            salt.participant_id(None, "u"),
            salt.participant_id(Some(&key), "t"),
            salt.participant_id(Some(&Thumbprint([2; 32])), "t"),
            ParticipantSalt::new([8; 16]).participant_id(None, "t"),
        ];

        for (index, id) in ids.iter().enumerate() {
            assert!(!ids[..index].contains(id));
        }
        assert_eq!(salt.participant_id(Some(&key), "u"), ids[2]);
        // The client computes the same.
        assert_eq!(salt.to_string(), "BwcHBwcHBwcHBwcHBwcHBw");
        assert_eq!(ids[0].to_string(), "d4d004a080f3b34a");
        assert_eq!(ids[2].to_string(), "2b4cf8873d00dea8");
    }

    #[test]
    fn a_salt_has_one_form_only() {
        for text in [
            "",
            "BwcHBwcHBwcHBwcHBwcHBw==",
            "BwcHBwcHBwcHBwcHBwcHBx",
            "BwcHBw",
        ] {
            assert_eq!(ParticipantSalt::parse(text), None, "{text}");
        }
    }
}
