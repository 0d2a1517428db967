//! What a token says, in the form it says it.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use super::token::{Admission, TokenError, UnixTime};
use super::{LEEWAY_SECONDS, Thumbprint};
use crate::protocol::Role;

/// The claims that the server reads; others are ignored.
#[derive(Deserialize)]
pub(super) struct Claims {
    sub: String,
    room: String,
    role: Role,
    exp: NumericDate,
    nbf: Option<NumericDate>,
    iat: Option<NumericDate>,
    jti: String,
    iss: Option<String>,
    #[serde(default)]
    aud: Audiences,
    /// How the person signed in (RFC 8176).
    amr: Option<Vec<String>>,
    cnf: Option<Confirmation>,
}

/// One audience or several (RFC 7519 §4.1.3).
#[derive(Deserialize, Default)]
#[serde(untagged)]
enum Audiences {
    #[default]
    None,
    One(String),
    Several(Vec<String>),
}

/// RFC 7800 §3. A kind other than `jkt` is one that nobody here could check,
/// and a token that names one must not pass for bare.
#[derive(Deserialize)]
struct Confirmation {
    jkt: Option<String>,
}

impl Claims {
    pub(super) fn admit(self, now: UnixTime) -> Result<Admission, TokenError> {
        if self.exp.0.saturating_add(LEEWAY_SECONDS) <= now.0 {
            return Err(TokenError::Expired);
        }
        let latest = now.0.saturating_add(LEEWAY_SECONDS);
        if [self.nbf, self.iat]
            .into_iter()
            .flatten()
            .any(|time| time.0 > latest)
        {
            return Err(TokenError::NotYetValid);
        }
        for id in [&self.sub, &self.room, &self.jti] {
            if !is_id(id) {
                return Err(TokenError::Malformed(
                    "sub, room and jti must have 1 to 128 printable characters",
                ));
            }
        }
        let key = match self.cnf {
            None => None,
            Some(confirmation) => {
                let key = confirmation.jkt.as_deref().and_then(Thumbprint::parse);
                Some(key.ok_or(TokenError::Malformed(
                    "cnf must have jkt, the SHA-256 thumbprint of a key in base64url",
                ))?)
            }
        };
        Ok(Admission {
            subject: self.sub,
            room: self.room,
            role: self.role,
            token_id: self.jti,
            issuer: self.iss,
            audiences: match self.aud {
                Audiences::None => Vec::new(),
                Audiences::One(audience) => vec![audience],
                Audiences::Several(audiences) => audiences,
            },
            issued_at: self.iat.map(|time| UnixTime(time.0)),
            expires_at: UnixTime(self.exp.0),
            is_multi_factor: self
                .amr
                .is_some_and(|amr| amr.iter().any(|method| method == "mfa")),
            key,
        })
    }
}

/// Whole seconds of a `NumericDate`, which may have a fraction (RFC 7519 §2).
#[derive(Clone, Copy)]
struct NumericDate(u64);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seconds;

        impl Visitor<'_> for Seconds {
            type Value = NumericDate;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("seconds since 1970")
            }

            fn visit_u64<E: Error>(self, seconds: u64) -> Result<NumericDate, E> {
                Ok(NumericDate(seconds))
            }

            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the fraction is what is cut off, and the sign was looked at"
            )]
            fn visit_f64<E: Error>(self, seconds: f64) -> Result<NumericDate, E> {
                if seconds >= 0.0 {
                    Ok(NumericDate(seconds as u64))
                } else {
                    Err(E::invalid_value(Unexpected::Float(seconds), &self))
                }
            }
        }

        deserializer.deserialize_f64(Seconds)
    }
}

fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text.chars().take(MAX_ID_CHARS + 1).count() <= MAX_ID_CHARS
        && !text.chars().any(char::is_control)
}

const MAX_ID_CHARS: usize = 128;
