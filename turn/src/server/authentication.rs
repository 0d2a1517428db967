//! Who asks (RFC 8489 §9.2.4).

use std::time::Instant;

use super::Server;
use crate::address::FiveTuple;
use crate::credentials::Username;
use crate::stun::{Attribute, ErrorCode, Integrity, Key, Message, PasswordAlgorithm};

/// The sender of an authentic request.
#[derive(Debug)]
pub(super) struct Identity<'a> {
    pub(super) username: Username<'a>,
    pub(super) key: Key,
    pub(super) integrity: Integrity,
}

impl Server {
    /// Finds out who signed a request.
    ///
    /// # Errors
    /// What is to be answered if it is not authentic.
    pub(super) fn authenticate<'a>(
        &self,
        now: Instant,
        client: &FiveTuple,
        message: &Message<'a>,
    ) -> Result<Identity<'a>, ErrorCode> {
        let integrity = message.integrity().ok_or(ErrorCode::UNAUTHENTICATED)?;
        let username = message.get(Attribute::USERNAME);
        let is_named = username.is_some() || message.has(Attribute::USERHASH);
        let (true, true, Some(nonce)) = (
            is_named,
            message.has(Attribute::REALM),
            message.get(Attribute::NONCE),
        ) else {
            return Err(ErrorCode::BAD_REQUEST);
        };
        let algorithm = password_algorithm(message)?;
        if !self.nonces.is_fresh(now, client, nonce) {
            return Err(ErrorCode::STALE_NONCE);
        }
        // We do not say that we find users by USERHASH, for we keep no list.
        let username = username
            .and_then(Username::read)
            .filter(|username| username.expires > self.seconds_since_1970(now))
            .ok_or(ErrorCode::UNAUTHENTICATED)?;
        let key = self
            .config
            .secrets
            .iter()
            .map(|secret| {
                let password = secret.password(username.whole);
                let realm = &self.config.realm;
                Key::long_term(algorithm, username.whole, realm, password.as_str())
            })
            .find(|key| message.is_signed_with(key))
            .ok_or(ErrorCode::UNAUTHENTICATED)?;
        Ok(Identity {
            username,
            key,
            integrity,
        })
    }

    fn seconds_since_1970(&self, now: Instant) -> u64 {
        let (at, since_1970) = self.wall_clock;
        (since_1970 + now.saturating_duration_since(at)).as_secs()
    }
}

/// How the key of a request is made. Who knows of more than one way repeats
/// the ways that we offered, so that nobody on the way can have left one out.
fn password_algorithm(message: &Message) -> Result<PasswordAlgorithm, ErrorCode> {
    let chosen = message.get(Attribute::PASSWORD_ALGORITHM);
    let offered = message.get(Attribute::PASSWORD_ALGORITHMS);
    match (chosen, offered) {
        (None, None) => Ok(PasswordAlgorithm::Md5),
        (Some(chosen), Some(offered)) if offered == PasswordAlgorithm::ALL => {
            PasswordAlgorithm::read(chosen).ok_or(ErrorCode::BAD_REQUEST)
        }
        _ => Err(ErrorCode::BAD_REQUEST),
    }
}
