//! A key that signs tokens for development and for the throw-away link of a
//! server without settings.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use serde::Serialize;
use serde_json::{Value, json};
use thiserror::Error;

use super::{Thumbprint, UnixTime};
use crate::protocol::Role;

/// An Ed25519 key pair. A server in use verifies with [`KeySet`](super::KeySet)
/// and has none of these.
pub struct DevelopmentKey {
    pkcs8: Vec<u8>,
    public: Vec<u8>,
}

/// The file is not an Ed25519 private key as PKCS#8 in PEM.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("not an Ed25519 private key as PKCS#8 in PEM")]
pub struct InvalidKeyFile;

/// What a new token is to say.
#[derive(Clone, Debug)]
pub struct NewToken<'a> {
    pub subject: &'a str,
    pub room: &'a str,
    pub role: Role,
    /// Valid from here...
    pub issued_at: UnixTime,
    /// ...for so many seconds.
    pub lifetime_seconds: u64,
    /// The token's own id.
    pub token_id: &'a str,
    /// The key that its bearer must have (`cnf.jkt`); `None`: any bearer will
    /// do.
    pub key: Option<Thumbprint>,
}

impl DevelopmentKey {
    /// Makes a new key.
    ///
    /// # Panics
    /// The system gives no random numbers.
    pub fn generate() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new())
            .expect("the system gives random numbers");
        Self::from_pkcs8(pkcs8.as_ref()).expect("what was just written can be read")
    }

    /// Reads a key from PKCS#8 (RFC 5958) in PEM.
    pub fn from_pem(pem: &str) -> Result<Self, InvalidKeyFile> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| InvalidKeyFile)?;
        Self::from_pkcs8(der.secret_pkcs8_der())
    }

    fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, InvalidKeyFile> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(|_| InvalidKeyFile)?;
        Ok(Self {
            pkcs8: pkcs8.to_vec(),
            public: pair.public_key().as_ref().to_vec(),
        })
    }

    /// The key as [`from_pem`](Self::from_pem) reads it: a secret.
    pub fn to_pem(&self) -> String {
        let body = STANDARD.encode(&self.pkcs8);
        let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
        for line in body.as_bytes().chunks(64) {
            pem.extend(line.iter().copied().map(char::from));
            pem.push('\n');
        }
        pem.push_str("-----END PRIVATE KEY-----\n");
        pem
    }

    /// The public half as a JWK Set, for `access.jwks`.
    pub fn to_jwks(&self) -> String {
        let set = json!({"keys": [{
            "kty": "OKP",
            "crv": "Ed25519",
            "use": "sig",
            "alg": "EdDSA",
            "kid": self.thumbprint(),
            "x": URL_SAFE_NO_PAD.encode(&self.public),
        }]});
        format!("{set:#}\n")
    }

    /// Signs a token.
    ///
    /// # Panics
    /// Never for a key made by this type's constructors.
    pub fn mint(&self, token: &NewToken) -> String {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.thumbprint());
        let claims = Claims {
            sub: token.subject,
            room: token.room,
            role: token.role,
            iat: token.issued_at.0,
            nbf: token.issued_at.0,
            exp: token.issued_at.0.saturating_add(token.lifetime_seconds),
            jti: token.token_id,
            cnf: token.key.map(|key| json!({"jkt": key.to_string()})),
        };
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_der(&self.pkcs8))
            .expect("the key was checked when it was read")
    }

    /// The key's id: its thumbprint (RFC 7638 §3.2, RFC 8037 §2).
    fn thumbprint(&self) -> String {
        let members = format!(
            r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#,
            URL_SAFE_NO_PAD.encode(&self.public)
        );
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, members.as_bytes());
        URL_SAFE_NO_PAD.encode(hash)
    }
}

impl fmt::Debug for DevelopmentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DevelopmentKey")
            .field(&self.thumbprint())
            .finish()
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    room: &'a str,
    role: Role,
    iat: u64,
    nbf: u64,
    exp: u64,
    jti: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{KeySet, TokenError};

    #[test]
    fn a_minted_token_is_good_for_its_lifetime_only() {
        let key = DevelopmentKey::generate();
        let keys = KeySet::from_json(&key.to_jwks()).expect("the set is good");

        let token = key.mint(&new_token());

        assert!(keys.verify(&token, UnixTime(1_000)).is_ok());
        assert_eq!(
            keys.verify(&token, UnixTime(1_111)),
            Err(TokenError::Expired)
        );
        assert_eq!(
            keys.verify(&token, UnixTime(989)),
            Err(TokenError::NotYetValid)
        );
    }

    #[test]
    fn a_key_survives_its_file() {
        let key = DevelopmentKey::generate();

        let again = DevelopmentKey::from_pem(&key.to_pem()).expect("the file is good");

        assert_eq!(again.to_jwks(), key.to_jwks());
        assert_eq!(again.mint(&new_token()), key.mint(&new_token()));
    }

    #[test]
    fn other_files_are_refused() {
        let pem = DevelopmentKey::generate().to_pem();
        for bad in ["", "garbage", &pem[..60], &pem.replacen('M', "N", 1)] {
            assert_eq!(
                DevelopmentKey::from_pem(bad).map(|_| ()),
                Err(InvalidKeyFile)
            );
        }
    }

    #[test]
    fn debug_output_has_no_secret() {
        let key = DevelopmentKey::generate();

        let text = format!("{key:?}");

        assert!(!text.contains(&key.to_pem()[28..60]));
        assert!(text.len() < 80);
    }

    fn new_token() -> NewToken<'static> {
        NewToken {
            subject: "s",
            room: "r",
            role: Role::Client,
            issued_at: UnixTime(1_000),
            lifetime_seconds: 100,
            token_id: "t",
            key: None,
        }
    }
}
