//! Credentials that need no list: the user name says until when it is good,
//! and the password follows from it and a secret (draft-uberti-behave-turn-rest,
//! which coturn calls `use-auth-secret`).

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// What issues credentials and knows them again.
#[derive(Clone)]
pub struct SharedSecret(hmac::Key);

/// What a participant signs in with.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub username: String,
    pub password: String,
}

impl SharedSecret {
    pub fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret))
    }

    /// Credentials of a participant until `expires`, counted from 1970. Names
    /// of up to 107 bytes are taken.
    pub fn issue(&self, participant: &str, expires: Duration) -> Credentials {
        let username = format!("{}:{participant}", expires.as_secs());
        let password = self.password(&username).as_str().to_owned();
        Credentials { username, password }
    }

    /// The password that goes with a user name, be it one that was issued or
    /// not.
    pub(crate) fn password(&self, username: &str) -> Password {
        let tag = hmac::sign(&self.0, username.as_bytes());
        let mut password = Password([b'='; PASSWORD]);
        let written = STANDARD.encode_slice(tag.as_ref(), &mut password.0);
        debug_assert_eq!(written, Ok(PASSWORD));
        password
    }
}

/// Base64 of an HMAC-SHA1.
pub(crate) struct Password([u8; PASSWORD]);

impl Password {
    pub(crate) fn as_str(&self) -> &str {
        // Base64 is ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The parts of a user name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Username<'a> {
    pub(crate) whole: &'a str,
    /// Seconds from 1970.
    pub(crate) expires: u64,
    pub(crate) participant: &'a str,
}

impl<'a> Username<'a> {
    /// `None` if it is of another form, or longer than [`LONGEST`].
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        if bytes.len() > LONGEST {
            return None;
        }
        let whole = std::str::from_utf8(bytes).ok()?;
        let (expires, participant) = whole.split_once(':')?;
        if !expires.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(Self {
            whole,
            expires: expires.parse().ok()?,
            participant,
        })
    }
}

/// Whose a user name is that was read before.
pub(crate) fn participant_of(username: &str) -> &str {
    username
        .split_once(':')
        .map_or(username, |(_, participant)| participant)
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedSecret").finish_non_exhaustive()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

const PASSWORD: usize = 28;
/// Of a user name, in bytes.
const LONGEST: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_those_that_coturn_expects() {
        let secret = SharedSecret::new(b"north");

        let credentials = secret.issue("alice", Duration::from_secs(1_700_000_000));

        // printf 1700000000:alice | openssl dgst -sha1 -hmac north -binary | base64
        assert_eq!(credentials.username, "1700000000:alice");
        assert_eq!(credentials.password, "Cd/49soE35ICqcJF/bCTn8Z4OyE=");
    }

    #[test]
    fn user_names_of_another_form_are_none() {
        for username in [
            "", "alice", "alice:1", "+5:alice", "-5:alice", ":alice", " 5:a",
        ] {
            assert_eq!(Username::read(username.as_bytes()), None, "{username}");
        }
        assert_eq!(Username::read(b"99999999999999999999:a"), None);
        assert_eq!(Username::read(b"5:\xFF"), None);
        assert_eq!(
            Username::read(format!("5:{}", "a".repeat(127)).as_bytes()),
            None
        );
        let read = Username::read(b"5:a:b").expect("of the form");
        assert_eq!((read.expires, read.participant), (5, "a:b"));
    }

    #[test]
    fn secrets_and_passwords_are_not_printed() {
        let secret = SharedSecret::new(b"north");
        let credentials = secret.issue("alice", Duration::from_secs(5));

        let printed = format!("{secret:?} {credentials:?}");

        assert!(!printed.contains("north") && !printed.contains(&credentials.password));
    }
}
