//! Tokens: JWTs (RFC 7519) signed with `EdDSA` (RFC 8037) or `ES256`
//! (RFC 7518 §3.4).

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use thiserror::Error;

use super::KeySet;
use crate::protocol::{ErrorCode, Role};

/// Seconds since 1970-01-01 UTC, without leap seconds (RFC 7519 `NumericDate`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct UnixTime(pub u64);

impl UnixTime {
    /// The system clock's time.
    pub fn now() -> Self {
        Self(
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs()),
        )
    }
}

/// What a good token entitles its bearer to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Admission {
    /// The clinic's opaque id for the person, 1 to 128 characters (`sub`).
    pub subject: String,
    /// The room's name, 1 to 128 characters (`room`).
    pub room: String,
    pub role: Role,
    /// The token's own id, 1 to 128 characters (`jti`).
    pub token_id: String,
}

/// Why a token was refused.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum TokenError {
    #[error("the token is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    #[error("the token's algorithm is not one of EdDSA and ES256")]
    Algorithm,
    #[error("the token is signed with a key this server does not know")]
    UnknownKey,
    #[error("the token's signature is wrong")]
    Signature,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYetValid,
}

impl TokenError {
    /// The protocol's code for this refusal.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Expired => ErrorCode::TokenExpired,
            Self::NotYetValid => ErrorCode::TokenNotYetValid,
            Self::TooLong
            | Self::Malformed(_)
            | Self::Algorithm
            | Self::UnknownKey
            | Self::Signature => ErrorCode::InvalidToken,
        }
    }
}

impl KeySet {
    /// Checks a token's signature, times and claims.
    ///
    /// The times are those of entering: a stay is not cut short when its token
    /// expires.
    pub fn verify(&self, token: &str, now: UnixTime) -> Result<Admission, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLong);
        }
        let header = Header::parse(token)?;
        let algorithm = header.algorithm()?;

        let mut refusal = TokenError::UnknownKey;
        for key in self.candidates(header.kid.as_deref(), algorithm) {
            match jsonwebtoken::decode::<Claims>(token, key, &signature_only(algorithm)) {
                Ok(data) => return data.claims.admit(now),
                Err(error) if *error.kind() == ErrorKind::InvalidSignature => {
                    refusal = TokenError::Signature;
                }
                Err(_) => {
                    return Err(TokenError::Malformed(
                        "sub, room, role, nbf, exp or jti is absent or wrong",
                    ));
                }
            }
        }
        Err(refusal)
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<serde_json::Value>,
}

impl Header {
    fn parse(token: &str) -> Result<Self, TokenError> {
        let (header, _) = token
            .split_once('.')
            .ok_or(TokenError::Malformed("it is not three parts"))?;
        let header = URL_SAFE_NO_PAD
            .decode(header)
            .map_err(|_| TokenError::Malformed("its header is not base64url"))?;
        let header: Self = serde_json::from_slice(&header)
            .map_err(|_| TokenError::Malformed("its header is not that of a JWT"))?;
        if header.crit.is_some() {
            // RFC 7515 §4.1.11: what is critical and not understood is refused.
            return Err(TokenError::Malformed("its header has critical extensions"));
        }
        Ok(header)
    }

    fn algorithm(&self) -> Result<Algorithm, TokenError> {
        match self.alg.as_str() {
            "EdDSA" => Ok(Algorithm::EdDSA),
            "ES256" => Ok(Algorithm::ES256),
            _ => Err(TokenError::Algorithm),
        }
    }
}

/// Times are checked here and not by the library, against the caller's clock.
fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    room: String,
    role: Role,
    exp: NumericDate,
    nbf: Option<NumericDate>,
    jti: String,
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

impl Claims {
    fn admit(self, now: UnixTime) -> Result<Admission, TokenError> {
        if self.exp.0.saturating_add(LEEWAY_SECONDS) <= now.0 {
            return Err(TokenError::Expired);
        }
        if self
            .nbf
            .is_some_and(|nbf| nbf.0 > now.0.saturating_add(LEEWAY_SECONDS))
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
        Ok(Admission {
            subject: self.sub,
            room: self.room,
            role: self.role,
            token_id: self.jti,
        })
    }
}

fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text.chars().take(MAX_ID_CHARS + 1).count() <= MAX_ID_CHARS
        && !text.chars().any(char::is_control)
}

const MAX_TOKEN_BYTES: usize = 8 * 1024;

const MAX_ID_CHARS: usize = 128;

/// How far the clinic's clock and ours may be apart.
const LEEWAY_SECONDS: u64 = 10;

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    };
    use serde_json::{Value, json};

    use super::*;

    const NOW: UnixTime = UnixTime(1_800_000_000);

    #[test]
    fn a_good_token_admits() {
        let key = Signer::ed25519("a");

        let admission = key.key_set().verify(&key.sign(&claims()), NOW);

        assert_eq!(
            admission,
            Ok(Admission {
                subject: "s".into(),
                room: "r".into(),
                role: Role::Host,
                token_id: "t".into(),
            })
        );
    }

    #[test]
    fn es256_is_taken() {
        let key = Signer::p256("a");

        assert!(key.key_set().verify(&key.sign(&claims()), NOW).is_ok());
    }

    #[test]
    fn a_key_is_found_by_id_and_without() {
        let (first, second) = (Signer::ed25519("a"), Signer::ed25519("b"));
        let keys =
            KeySet::from_json(&json!({"keys": [first.public(), second.public()]}).to_string())
                .expect("the keys are good");

        assert!(keys.verify(&second.sign(&claims()), NOW).is_ok());
        let anonymous = second.sign_with(&json!({"alg": "EdDSA"}), &claims());
        assert!(keys.verify(&anonymous, NOW).is_ok());
        let misnamed = second.sign_with(&json!({"alg": "EdDSA", "kid": "a"}), &claims());
        assert_eq!(keys.verify(&misnamed, NOW), Err(TokenError::Signature));
        let unnamed = second.sign_with(&json!({"alg": "EdDSA", "kid": "c"}), &claims());
        assert_eq!(keys.verify(&unnamed, NOW), Err(TokenError::UnknownKey));
    }

    #[test]
    fn times_are_held_with_little_leeway() {
        let key = Signer::ed25519("a");
        let verify = |changes: Value| {
            let mut claims = claims();
            for (name, value) in changes.as_object().expect("an object") {
                claims[name] = value.clone();
            }
            key.key_set()
                .verify(&key.sign(&claims), NOW)
                .map_err(|error| error.code())
        };

        assert_eq!(
            verify(json!({"exp": NOW.0 - 10})),
            Err(ErrorCode::TokenExpired)
        );
        assert!(verify(json!({"exp": NOW.0 - 9})).is_ok());
        assert!(verify(json!({"exp": u64::MAX})).is_ok());
        assert_eq!(
            verify(json!({"nbf": NOW.0 + 11})),
            Err(ErrorCode::TokenNotYetValid)
        );
        assert!(verify(json!({"nbf": NOW.0 + 10})).is_ok());
    }

    #[test]
    fn times_may_have_fractions() {
        let key = Signer::ed25519("a");
        let mut claims = claims();
        claims["exp"] = 1_800_000_060.5.into();
        claims["nbf"] = 1_799_999_999.25.into();

        let token = key.sign(&claims);

        let keys = key.key_set();
        assert!(keys.verify(&token, NOW).is_ok());
        assert_eq!(
            keys.verify(&token, UnixTime(NOW.0 + 70)),
            Err(TokenError::Expired)
        );
    }

    #[test]
    fn absent_and_wrong_claims_are_refused() {
        let key = Signer::ed25519("a");
        for name in ["sub", "room", "role", "exp", "jti"] {
            for wrong in [Value::Null, json!([]), json!(-1)] {
                let mut claims = claims();
                claims[name] = wrong;
                let refusal = key.key_set().verify(&key.sign(&claims), NOW);
                assert!(matches!(refusal, Err(TokenError::Malformed(_))), "{name}");
            }
        }
        for name in ["sub", "room", "jti"] {
            for wrong in [String::new(), "x".repeat(129), "a\nb".into()] {
                let mut claims = claims();
                claims[name] = wrong.into();
                let refusal = key.key_set().verify(&key.sign(&claims), NOW);
                assert!(matches!(refusal, Err(TokenError::Malformed(_))), "{name}");
            }
        }
    }

    #[test]
    fn a_foreign_signature_is_refused() {
        let (ours, theirs) = (Signer::ed25519("a"), Signer::ed25519("a"));

        assert_eq!(
            ours.key_set().verify(&theirs.sign(&claims()), NOW),
            Err(TokenError::Signature)
        );
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let key = Signer::ed25519("a");
        let token = key.sign(&claims());
        let keys = key.key_set();

        for i in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[i] = if changed[i] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII stays ASCII");
            // The signature's last digit holds bits that base64url leaves unused.
            if i + 1 < token.len() {
                assert!(keys.verify(&changed, NOW).is_err(), "byte {i}");
            }
        }
    }

    #[test]
    fn other_algorithms_are_refused() {
        let key = Signer::ed25519("a");
        for algorithm in [
            "none", "None", "HS256", "RS256", "ES384", "PS256", "eddsa", "",
        ] {
            let token = key.sign_with(&json!({"alg": algorithm}), &claims());
            assert_eq!(
                key.key_set().verify(&token, NOW),
                Err(TokenError::Algorithm)
            );
        }
    }

    #[test]
    fn a_public_key_is_not_taken_for_a_shared_secret() {
        let key = Signer::ed25519("a");
        let body = format!(
            "{}.{}",
            encode(&json!({"alg": "HS256", "kid": "a"})),
            encode(&claims())
        );
        let secret = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &key.public_bytes());
        let tag = aws_lc_rs::hmac::sign(&secret, body.as_bytes());

        let token = format!("{body}.{}", URL_SAFE_NO_PAD.encode(tag));

        assert_eq!(
            key.key_set().verify(&token, NOW),
            Err(TokenError::Algorithm)
        );
    }

    #[test]
    fn an_algorithm_of_another_key_type_is_refused() {
        let key = Signer::ed25519("a");
        let token = key.sign_with(&json!({"alg": "ES256", "kid": "a"}), &claims());

        assert_eq!(
            key.key_set().verify(&token, NOW),
            Err(TokenError::UnknownKey)
        );
    }

    #[test]
    fn critical_extensions_are_refused() {
        let key = Signer::ed25519("a");
        let token = key.sign_with(
            &json!({"alg": "EdDSA", "kid": "a", "crit": ["exp"]}),
            &claims(),
        );

        assert!(matches!(
            key.key_set().verify(&token, NOW),
            Err(TokenError::Malformed(_))
        ));
    }

    #[test]
    fn garbage_is_refused() {
        let keys = Signer::ed25519("a").key_set();
        for garbage in ["", ".", "..", "a.b.c", "{}", "\u{0}", "ey..", "🦀.🦀.🦀"] {
            assert!(
                matches!(keys.verify(garbage, NOW), Err(TokenError::Malformed(_))),
                "{garbage}"
            );
        }
        assert_eq!(
            keys.verify(&"a".repeat(8 * 1024 + 1), NOW),
            Err(TokenError::TooLong)
        );
    }

    fn claims() -> Value {
        json!({
            "sub": "s", "room": "r", "role": "host", "jti": "t",
            "exp": NOW.0 + 60, "nbf": NOW.0, "iat": NOW.0, "unknown": true,
        })
    }

    fn encode(value: &Value) -> String {
        URL_SAFE_NO_PAD.encode(value.to_string())
    }

    /// Signs by hand, so that headers can be wrong.
    struct Signer {
        kid: &'static str,
        pair: Pair,
    }

    enum Pair {
        Ed25519(Ed25519KeyPair),
        P256(EcdsaKeyPair),
    }

    impl Signer {
        fn ed25519(kid: &'static str) -> Self {
            let pair = Pair::Ed25519(Ed25519KeyPair::generate().expect("a key can be made"));
            Self { kid, pair }
        }

        fn p256(kid: &'static str) -> Self {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
            let pair = Pair::P256(pair.expect("a key can be made"));
            Self { kid, pair }
        }

        fn public_bytes(&self) -> Vec<u8> {
            match &self.pair {
                Pair::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
                Pair::P256(pair) => pair.public_key().as_ref().to_vec(),
            }
        }

        fn public(&self) -> Value {
            let bytes = self.public_bytes();
            let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
            match &self.pair {
                Pair::Ed25519(_) => {
                    json!({"kty": "OKP", "crv": "Ed25519", "kid": self.kid, "x": text(&bytes)})
                }
                Pair::P256(_) => json!({
                    "kty": "EC", "crv": "P-256", "kid": self.kid,
                    "x": text(&bytes[1..33]), "y": text(&bytes[33..]),
                }),
            }
        }

        fn key_set(&self) -> KeySet {
            KeySet::from_json(&json!({"keys": [self.public()]}).to_string())
                .expect("the key is good")
        }

        fn sign(&self, claims: &Value) -> String {
            let alg = match self.pair {
                Pair::Ed25519(_) => "EdDSA",
                Pair::P256(_) => "ES256",
            };
            self.sign_with(&json!({"alg": alg, "typ": "JWT", "kid": self.kid}), claims)
        }

        fn sign_with(&self, header: &Value, claims: &Value) -> String {
            let body = format!("{}.{}", encode(header), encode(claims));
            let signature = match &self.pair {
                Pair::Ed25519(pair) => pair.sign(body.as_bytes()).as_ref().to_vec(),
                Pair::P256(pair) => pair
                    .sign(&SystemRandom::new(), body.as_bytes())
                    .expect("signing works")
                    .as_ref()
                    .to_vec(),
            };
            format!("{body}.{}", URL_SAFE_NO_PAD.encode(signature))
        }
    }
}
