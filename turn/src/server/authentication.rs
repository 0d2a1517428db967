//! Who asks (RFC 8489 §9.2.4).

use std::time::Instant;

use super::Server;
use crate::address::FiveTuple;
use crate::credentials::Username;
use crate::nonce::Age;
use crate::stun::{Attribute, ErrorCode, Integrity, Key, Message, PasswordAlgorithm};

/// The sender of an authentic request.
#[derive(Debug)]
pub(super) struct Identity<'a> {
    pub(super) username: Username<'a>,
    pub(super) key: Key,
    pub(super) integrity: Integrity,
}

/// A request is not authentic.
#[derive(Debug)]
pub(super) struct NotAuthentic {
    /// What is to be answered.
    pub(super) code: ErrorCode,
    /// Whether all that is amiss is the age of its nonce: who asks had that
    /// from us, and has a password.
    pub(super) is_only_stale: bool,
}

impl From<ErrorCode> for NotAuthentic {
    fn from(code: ErrorCode) -> Self {
        Self {
            code,
            is_only_stale: false,
        }
    }
}

impl Server {
    /// Finds out who signed a request. `age` is that of its nonce, if it was
    /// given to this client.
    pub(super) fn authenticate<'a>(
        &self,
        now: Instant,
        client: &FiveTuple,
        message: &Message<'a>,
        age: Option<Age>,
    ) -> Result<Identity<'a>, NotAuthentic> {
        let integrity = message.integrity().ok_or(ErrorCode::UNAUTHENTICATED)?;
        let is_named = message.has(Attribute::USERNAME) || message.has(Attribute::USERHASH);
        if !is_named || !message.has(Attribute::REALM) || !message.has(Attribute::NONCE) {
            return Err(ErrorCode::BAD_REQUEST.into());
        }
        let algorithm = password_algorithm(message)?;
        let age = age.ok_or(ErrorCode::STALE_NONCE)?;
        let signer = self.signer(now, client, message, algorithm);
        if age == Age::Stale {
            return Err(NotAuthentic {
                code: ErrorCode::STALE_NONCE,
                is_only_stale: signer.is_some(),
            });
        }
        let (username, key) = signer.ok_or(ErrorCode::UNAUTHENTICATED)?;
        Ok(Identity {
            username,
            key,
            integrity,
        })
    }

    /// Whose signature it is, if their credentials are good.
    fn signer<'a>(
        &self,
        now: Instant,
        client: &FiveTuple,
        message: &Message<'a>,
        algorithm: PasswordAlgorithm,
    ) -> Option<(Username<'a>, Key)> {
        // We do not say that we find users by USERHASH, for we keep no list.
        let username = message
            .get(Attribute::USERNAME)
            .and_then(Username::read)
            .filter(|username| {
                let today = self.seconds_since_1970(now);
                let is_in_use = || {
                    username.expires.saturating_add(LONGEST_USE) > today
                        && self.is_in_use(now, client, username.whole)
                };
                !self.ended.has(username) && (username.expires > today || is_in_use())
            })?;
        let key = self
            .config
            .secrets
            .iter()
            .map(|secret| {
                let password = secret.password(username.whole);
                let realm = &self.config.realm;
                Key::long_term(algorithm, username.whole, realm, password.as_str())
            })
            .find(|key| message.is_signed_with(key))?;
        Some((username, key))
    }

    /// Whether the client's allocation was made with this user name. It goes
    /// on to be good for that one for a while, as no other can take its place.
    fn is_in_use(&self, now: Instant, client: &FiveTuple, username: &str) -> bool {
        self.by_client.get(client).is_some_and(|key| {
            let allocation = &self.allocations[*key];
            allocation.is_ready(now) && *allocation.username == *username
        })
    }

    pub(super) fn seconds_since_1970(&self, now: Instant) -> u64 {
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

/// How long an allocation may outlive the credentials that it was made with, in
/// seconds: no session takes half a day.
const LONGEST_USE: u64 = 12 * 60 * 60;
