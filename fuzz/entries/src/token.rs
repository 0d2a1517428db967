//! Tokens and the keys they are checked with. The first byte of an input
//! tells what the rest is:
//!
//! - `T`: a token;
//! - `S`: a token's header and claims, one a line, to be signed properly;
//! - `K`: a JWK Set;
//! - `P`: a development key's file.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{Ed25519KeyPair, KeyPair};
use signaling::access::{Admission, DevelopmentKey, KeySet, UnixTime};

/// Reads what the first byte says.
pub fn run(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    CLINIC.with(|clinic| match kind {
        b'T' => {
            let is_taken = clinic.keys.verify(&text, NOW).is_ok();
            assert_eq!(is_taken, text == clinic.token);
        }
        b'S' => {
            if let Some((header, claims)) = text.split_once('\n') {
                let token = clinic.sign(header, claims);
                match clinic.keys.verify(&token, NOW) {
                    Ok(admission) => check_admission(&admission),
                    Err(refusal) => {
                        refusal.code();
                    }
                }
            }
        }
        b'K' => match KeySet::from_json(&text) {
            Ok(keys) => drop(keys.verify(&clinic.token, NOW)),
            Err(refusal) => assert!(refusal.to_string().len() < 4096),
        },
        b'P' => {
            if let Ok(key) = DevelopmentKey::from_pem(&text) {
                let again = DevelopmentKey::from_pem(&key.to_pem()).expect("it reads back");
                assert_eq!(again.to_jwks(), key.to_jwks());
                KeySet::from_json(&key.to_jwks()).expect("a set of one key");
            }
        }
        _ => {}
    });
}

fn check_admission(admission: &Admission) {
    for id in [&admission.subject, &admission.room, &admission.token_id] {
        assert!((1..=128).contains(&id.chars().count()));
        assert!(!id.chars().any(char::is_control));
    }
}

thread_local! {
    static CLINIC: Clinic = Clinic::new();
}

/// A clinic whose key everybody knows.
struct Clinic {
    pair: Ed25519KeyPair,
    keys: KeySet,
    token: String,
}

impl Clinic {
    fn new() -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("any 32 bytes are a seed");
        let public = URL_SAFE_NO_PAD.encode(pair.public_key());
        let keys = format!(
            r#"{{"keys":[
                {{"kty":"OKP","crv":"Ed25519","kid":"a","x":"{public}"}},
                {{"kty":"EC","crv":"P-256","kid":"b",
                  "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                  "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}}
            ]}}"#
        );
        let mut clinic = Self {
            pair,
            keys: KeySet::from_json(&keys).expect("two good keys"),
            token: String::new(),
        };
        clinic.token = clinic.sign(HEADER, CLAIMS);
        clinic
    }

    fn sign(&self, header: &str, claims: &str) -> String {
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims)
        );
        let signature = self.pair.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// The only good token that is not signed by the input's wish.
pub fn good_token() -> String {
    CLINIC.with(|clinic| clinic.token.clone())
}

/// The header and claims of [`good_token`].
pub const HEADER: &str = r#"{"alg":"EdDSA","kid":"a"}"#;
pub const CLAIMS: &str =
    r#"{"sub":"s","room":"r","role":"host","nbf":1700000000,"exp":1900000000,"jti":"t"}"#;
const NOW: UnixTime = UnixTime(1_800_000_000);

pub const DICTIONARY: &[&[u8]] = &[
    b".",
    b"..",
    b"=",
    b"\"alg\":\"none\"",
    b"\"alg\":\"HS256\"",
    b"\"alg\":\"ES256\"",
    b"\"alg\":\"RS256\"",
    b"\"kid\":\"b\"",
    b"\"kid\":null",
    b"\"crit\":[\"exp\"]",
    b"\"jwk\":{}",
    b"\"x5c\":[]",
    b"\"exp\":18446744073709551615",
    b"\"exp\":-1",
    b"\"exp\":1e308",
    b"\"nbf\":0",
    b"\"role\":\"co-host\"",
    b"\"kty\":\"EC\"",
    b"\"crv\":\"P-256\"",
    b"\"d\":\"AA\"",
    b"\"use\":\"enc\"",
    b"\"x\":\"\"",
    b"\\u0000",
    b"eyJhbGciOiJub25lIn0",
];
