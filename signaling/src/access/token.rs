//! Tokens: JWTs (RFC 7519) signed with `EdDSA` (RFC 8037), `ES256`
//! (RFC 7518 §3.4) or `RS256` (§3.3).

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation};
use serde::Deserialize;
use thiserror::Error;

use super::claims::Claims;
use super::proof::ProofError;
use super::{KeySet, Thumbprint};
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
    /// Who signed it, by its own word (`iss`).
    pub issuer: Option<String>,
    /// Whom it is for (`aud`); empty if it does not say.
    pub audiences: Vec<String>,
    /// When it was signed (`iat`).
    pub issued_at: Option<UnixTime>,
    pub expires_at: UnixTime,
    /// Whether the person showed more than one factor (`amr` holds `mfa`).
    pub is_multi_factor: bool,
    /// The key that the bearer must have (`cnf.jkt`).
    pub key: Option<Thumbprint>,
}

/// Why a token was refused.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum TokenError {
    #[error("the token is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    #[error("the token's algorithm is not one of EdDSA, ES256 and RS256")]
    Algorithm,
    #[error("the token is signed with a key this server does not know")]
    UnknownKey,
    #[error("the token's signature is wrong")]
    Signature,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYetValid,
    #[error("the token's issuer is not the one in access.issuer")]
    Issuer,
    #[error("the token is not for the audience in access.audience")]
    Audience,
    #[error("the token is older than its role may be, or does not say its age")]
    TooOld,
    #[error("the token's role asks for a sign-in with more than one factor")]
    MultiFactor,
    #[error("the token's role asks for a token that is bound to a key")]
    KeyRequired,
    #[error(transparent)]
    Proof(#[from] ProofError),
    #[error("the token was used with another key before")]
    Reused,
    #[error("more tokens are in use than this server remembers")]
    TooMany,
    #[error("the clinic's keys cannot be had at the moment")]
    NoKeys,
}

impl TokenError {
    /// The protocol's code for this refusal.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Expired | Self::TooOld => ErrorCode::TokenExpired,
            Self::NotYetValid => ErrorCode::TokenNotYetValid,
            Self::MultiFactor => ErrorCode::MultiFactorRequired,
            Self::KeyRequired | Self::Proof(ProofError::Absent) => ErrorCode::ProofRequired,
            Self::Proof(_) => ErrorCode::InvalidProof,
            Self::Reused => ErrorCode::TokenReused,
            Self::TooMany => ErrorCode::ServerFull,
            Self::NoKeys => ErrorCode::KeysUnavailable,
            Self::TooLong
            | Self::Malformed(_)
            | Self::Algorithm
            | Self::UnknownKey
            | Self::Signature
            | Self::Issuer
            | Self::Audience => ErrorCode::InvalidToken,
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
                    return Err(TokenError::Malformed("a claim is absent or wrong"));
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
            "RS256" => Ok(Algorithm::RS256),
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

const MAX_TOKEN_BYTES: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
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
                issuer: None,
                audiences: Vec::new(),
                issued_at: Some(NOW),
                expires_at: UnixTime(NOW.0 + 60),
                is_multi_factor: false,
                key: None,
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
    fn who_is_asked_and_how_the_person_signed_in_is_read() {
        let key = Signer::ed25519("a");
        let mut claims = claims();
        claims["iss"] = "https://clinic.example".into();
        claims["amr"] = json!(["pwd", "mfa"]);
        for (aud, audiences) in [
            (json!("us"), vec!["us".to_owned()]),
            (json!(["us", "them"]), vec!["us".into(), "them".into()]),
            (json!([]), vec![]),
            (Value::Null, vec![]),
        ] {
            claims["aud"] = aud;
            let admission = key.key_set().verify(&key.sign(&claims), NOW);
            let admission = admission.expect("the token is good");
            assert_eq!(admission.audiences, audiences);
            assert_eq!(admission.issuer.as_deref(), Some("https://clinic.example"));
            assert!(admission.is_multi_factor);
        }
        claims["amr"] = json!(["pwd"]);
        let admission = key.key_set().verify(&key.sign(&claims), NOW);
        assert!(!admission.expect("the token is good").is_multi_factor);
    }

    #[test]
    fn a_confirmation_that_nobody_can_check_does_not_pass_for_none() {
        let key = Signer::ed25519("a");
        for confirmation in [
            json!({}),
            json!({"jwk": {"kty": "OKP"}}),
            json!({"x5t#S256": "AAAA"}),
            json!({"jkt": "short"}),
            json!({"jkt": 7}),
            json!([]),
            json!("jkt"),
        ] {
            let mut claims = claims();
            claims["cnf"] = confirmation.clone();
            let refusal = key.key_set().verify(&key.sign(&claims), NOW);
            assert!(
                matches!(refusal, Err(TokenError::Malformed(_))),
                "{confirmation}"
            );
        }
    }

    #[test]
    fn rs256_is_taken_and_its_key_for_nothing_else() {
        let key = Signer::rsa("a");
        let keys = key.key_set();

        assert!(keys.verify(&key.sign(&claims()), NOW).is_ok());
        for algorithm in ["HS256", "RS384", "PS256", "none"] {
            let token = key.sign_with(&json!({"alg": algorithm, "kid": "a"}), &claims());
            assert_eq!(keys.verify(&token, NOW), Err(TokenError::Algorithm));
        }
        let mut other = key.public();
        other["alg"] = "PS256".into();
        let others = json!({"keys": [other, Signer::ed25519("b").public()]});
        let others = KeySet::from_json(&others.to_string()).expect("one key is good");
        assert_eq!(
            others.verify(&key.sign(&claims()), NOW),
            Err(TokenError::UnknownKey)
        );
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
            "none", "None", "HS256", "RS384", "ES384", "PS256", "eddsa", "",
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
        Rsa(RsaKeyPair),
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

        fn rsa(kid: &'static str) -> Self {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key can be made");
            let pair = Pair::Rsa(pair);
            Self { kid, pair }
        }

        fn public_bytes(&self) -> Vec<u8> {
            match &self.pair {
                Pair::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
                Pair::P256(pair) => pair.public_key().as_ref().to_vec(),
                Pair::Rsa(pair) => pair.public_key().as_ref().to_vec(),
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
                Pair::Rsa(pair) => json!({
                    "kty": "RSA", "kid": self.kid, "alg": "RS256",
                    "n": text(pair.public_key().modulus().big_endian_without_leading_zero()),
                    "e": text(pair.public_key().exponent().big_endian_without_leading_zero()),
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
                Pair::Rsa(_) => "RS256",
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
                Pair::Rsa(pair) => {
                    let mut signature = vec![0; pair.public_modulus_len()];
                    pair.sign(
                        &RSA_PKCS1_SHA256,
                        &SystemRandom::new(),
                        body.as_bytes(),
                        &mut signature,
                    )
                    .expect("signing works");
                    signature
                }
            };
            format!("{body}.{}", URL_SAFE_NO_PAD.encode(signature))
        }
    }
}
