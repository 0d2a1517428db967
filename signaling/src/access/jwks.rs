//! The clinic's public keys: a JWK Set (RFC 7517 §5).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

/// Keys that tokens are checked with.
pub struct KeySet {
    keys: Vec<PublicKey>,
}

struct PublicKey {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// Why a JWK Set was refused.
#[derive(Debug, Error)]
pub enum KeySetError {
    #[error("it is not a JWK Set (RFC 7517): {0}")]
    Json(#[from] serde_json::Error),
    #[error("it has more than {MAX_KEYS} keys")]
    TooMany,
    #[error("key {0} holds a private or shared secret; this server must have public keys only")]
    Secret(usize),
    #[error("key {0} is malformed")]
    Malformed(usize),
    #[error("key {0} is an RSA key of fewer than 2048 or more than 8192 bits")]
    RsaSize(usize),
    #[error(
        "it has no key for EdDSA (kty OKP, crv Ed25519), ES256 (kty EC, crv P-256) \
         or RS256 (kty RSA)"
    )]
    NoneUsable,
}

impl KeySet {
    /// Reads a JWK Set. Keys of other types are skipped (RFC 7517 §5), and so
    /// are those that are not for signatures (§4.2).
    pub fn from_json(json: &str) -> Result<Self, KeySetError> {
        let file: JwkSetFile = serde_json::from_str(json)?;
        if file.keys.len() > MAX_KEYS {
            return Err(KeySetError::TooMany);
        }
        let mut keys = Vec::new();
        for (index, value) in file.keys.into_iter().enumerate() {
            if value.get("d").is_some() || value.get("k").is_some() {
                return Err(KeySetError::Secret(index));
            }
            if let Some(key) = PublicKey::from_value(value, index)? {
                keys.push(key);
            }
        }
        if keys.is_empty() {
            return Err(KeySetError::NoneUsable);
        }
        Ok(Self { keys })
    }

    /// The keys a token with this header may have been signed with.
    pub(super) fn candidates<'a>(
        &'a self,
        id: Option<&'a str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &'a DecodingKey> {
        self.keys
            .iter()
            .filter(move |key| key.algorithm == algorithm)
            .filter(move |key| id.is_none() || key.id.as_deref() == id)
            .map(|key| &key.key)
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|key| &key.id))
            .finish()
    }
}

impl PublicKey {
    fn from_value(value: Value, index: usize) -> Result<Option<Self>, KeySetError> {
        let text = |name| value.get(name).and_then(Value::as_str);
        let (algorithm, name) = match (text("kty"), text("crv")) {
            (Some("OKP"), Some("Ed25519")) => (Algorithm::EdDSA, "EdDSA"),
            (Some("EC"), Some("P-256")) => (Algorithm::ES256, "ES256"),
            (Some("RSA"), _) => (Algorithm::RS256, "RS256"),
            _ => return Ok(None),
        };
        // A key is for one algorithm (RFC 7517 §4.4); RFC 9864 calls Ed25519
        // by its own name.
        let is_other = |alg| alg != name && (alg, name) != ("Ed25519", "EdDSA");
        if text("alg").is_some_and(is_other) {
            return Ok(None);
        }
        if value.get("use").is_some_and(|purpose| purpose != "sig") {
            return Ok(None);
        }
        let malformed = || KeySetError::Malformed(index);
        if algorithm == Algorithm::RS256 {
            let modulus = text("n").ok_or_else(malformed)?;
            let modulus = URL_SAFE_NO_PAD.decode(modulus).map_err(|_| malformed())?;
            let bytes = modulus.iter().skip_while(|byte| **byte == 0).count();
            if !(256..=1024).contains(&bytes) {
                return Err(KeySetError::RsaSize(index));
            }
        }
        let jwk: Jwk = serde_json::from_value(unnamed(value)).map_err(|_| malformed())?;
        match &jwk.algorithm {
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {}
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {}
            AlgorithmParameters::RSA(_) => {}
            _ => return Err(malformed()),
        }
        let key = DecodingKey::from_jwk(&jwk).map_err(|_| malformed())?;
        Ok(Some(Self {
            id: jwk.common.key_id,
            algorithm,
            key,
        }))
    }
}

/// Without the algorithm, which has been looked at and whose newer names the
/// library does not know.
fn unnamed(mut value: Value) -> Value {
    if let Some(members) = value.as_object_mut() {
        members.remove("alg");
    }
    value
}

#[derive(Deserialize)]
struct JwkSetFile {
    keys: Vec<Value>,
}

/// A token without `kid` is tried with each key, so their number is bounded.
const MAX_KEYS: usize = 16;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_of_other_types_are_skipped() {
        let set = json!({"keys": [
            {"kty": "RSA", "alg": "PS256", "n": "AQAB", "e": "AQAB"},
            {"kty": "EC", "crv": "P-521"},
            {"kty": "new"},
            ed25519(),
        ]});

        let keys = KeySet::from_json(&set.to_string()).expect("one key is good");

        assert_eq!(keys.keys.len(), 1);
    }

    #[test]
    fn small_and_huge_rsa_keys_are_refused() {
        for bytes in [1, 255, 1_025] {
            let modulus = URL_SAFE_NO_PAD.encode(vec![0xFF; bytes]);
            let set = json!({"keys": [ed25519(), {"kty": "RSA", "n": modulus, "e": "AQAB"}]});
            assert!(matches!(
                KeySet::from_json(&set.to_string()),
                Err(KeySetError::RsaSize(1))
            ));
        }
    }

    #[test]
    fn keys_for_encryption_check_no_signature() {
        let mut key = ed25519();
        key["use"] = "enc".into();
        let set = json!({"keys": [key]});

        assert!(matches!(
            KeySet::from_json(&set.to_string()),
            Err(KeySetError::NoneUsable)
        ));
    }

    #[test]
    fn a_set_without_a_usable_key_is_refused() {
        for set in [
            json!({"keys": []}),
            json!({"keys": [{"kty": "EC", "crv": "P-384", "x": "", "y": ""}]}),
        ] {
            assert!(matches!(
                KeySet::from_json(&set.to_string()),
                Err(KeySetError::NoneUsable)
            ));
        }
    }

    #[test]
    fn secrets_are_refused() {
        let mut private = ed25519();
        private["d"] = "AAAA".into();
        for key in [private, json!({"kty": "oct", "k": "AAAA"})] {
            let set = json!({"keys": [ed25519(), key]});
            assert!(matches!(
                KeySet::from_json(&set.to_string()),
                Err(KeySetError::Secret(1))
            ));
        }
    }

    #[test]
    fn malformed_sets_are_refused() {
        for text in [
            "",
            "[]",
            "{}",
            "{\"keys\": 1}",
            "-----BEGIN PUBLIC KEY-----",
        ] {
            assert!(matches!(KeySet::from_json(text), Err(KeySetError::Json(_))));
        }
        let set = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": 1}]});
        assert!(matches!(
            KeySet::from_json(&set.to_string()),
            Err(KeySetError::Malformed(0))
        ));
        let set = json!({"keys": vec![ed25519(); MAX_KEYS + 1]});
        assert!(matches!(
            KeySet::from_json(&set.to_string()),
            Err(KeySetError::TooMany)
        ));
    }

    fn ed25519() -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
    }
}
