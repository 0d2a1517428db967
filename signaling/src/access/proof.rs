//! Proof of possession (RFC 7800): a token that names a key is worth nothing
//! to those who do not have it.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use thiserror::Error;

use crate::protocol::{JoinProof, ProofKey};

/// The SHA-256 thumbprint of a public key (RFC 7638), as in `cnf.jkt`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Thumbprint(pub [u8; 32]);

/// What a proof must sign, made anew for each socket.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Nonce([u8; 32]);

/// What a proof is for: one for the one is none for the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProofPurpose {
    Join,
    NetworkTest,
}

/// Why a proof was not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum ProofError {
    #[error("the token is bound to a key, and there is no proof of that key")]
    Absent,
    #[error("the proof's key is not an Ed25519 public key")]
    Key,
    #[error("the proof is by another key than the token's")]
    OtherKey,
    #[error("the proof's signature is wrong")]
    Signature,
}

impl Thumbprint {
    /// Of an Ed25519 public key (RFC 8037 §2).
    pub fn of_ed25519(public: &[u8; 32]) -> Self {
        let x = URL_SAFE_NO_PAD.encode(public);
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        let mut thumbprint = [0; 32];
        thumbprint.copy_from_slice(digest(&SHA256, members.as_bytes()).as_ref());
        Self(thumbprint)
    }

    /// From base64url without padding.
    pub fn parse(text: &str) -> Option<Self> {
        decode(text).map(Self)
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Thumbprint(..)")
    }
}

impl ProofPurpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Join => b"Quietroom 1.0 Join",
            Self::NetworkTest => b"Quietroom 1.0 Network Test",
        }
    }
}

impl Nonce {
    /// From 32 random bytes.
    pub fn new(random: [u8; 32]) -> Self {
        Self(random)
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce(..)")
    }
}

/// Checks that whoever joins has the key that its token is bound to.
pub fn verify_proof(
    proof: Option<&JoinProof>,
    key: &Thumbprint,
    purpose: ProofPurpose,
    nonce: &Nonce,
    room: &str,
    token: &str,
) -> Result<(), ProofError> {
    let proof = proof.ok_or(ProofError::Absent)?;
    let public = public_key(&proof.key).ok_or(ProofError::Key)?;
    if Thumbprint::of_ed25519(&public) != *key {
        return Err(ProofError::OtherKey);
    }
    let signature: [u8; 64] = decode(&proof.signature).ok_or(ProofError::Signature)?;
    UnparsedPublicKey::new(&ED25519, public)
        .verify(&signed_content(purpose, nonce, room, token), &signature)
        .map_err(|_| ProofError::Signature)
}

/// What is signed. Its form is that of MLS's `SignContent` (RFC 9420 §5.1.2),
/// since the key is the one that signs in MLS: a label of its own, which none
/// of MLS's is, keeps either kind of signature from passing for the other.
pub fn signed_content(purpose: ProofPurpose, nonce: &Nonce, room: &str, token: &str) -> Vec<u8> {
    let mut content = Vec::new();
    push_vector(&mut content, &nonce.0);
    push_vector(&mut content, room.as_bytes());
    push_vector(&mut content, digest(&SHA256, token.as_bytes()).as_ref());
    let mut signed = Vec::new();
    push_vector(&mut signed, purpose.label());
    push_vector(&mut signed, &content);
    signed
}

/// With its length before it (RFC 9420 §2.1.2), up to 16,383 bytes.
fn push_vector(out: &mut Vec<u8>, bytes: &[u8]) {
    debug_assert!(bytes.len() < 1 << 14);
    #[allow(clippy::cast_possible_truncation, reason = "room ids are bounded")]
    let length = bytes.len() as u16;
    match u8::try_from(length) {
        Ok(short @ 0..64) => out.push(short),
        _ => out.extend((length | 0x4000).to_be_bytes()),
    }
    out.extend(bytes);
}

fn public_key(key: &ProofKey) -> Option<[u8; 32]> {
    if key.kty != "OKP" || key.crv != "Ed25519" {
        return None;
    }
    decode(&key.x)
}

fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    // Base64 of more would be decoded in full before its length is looked at.
    if text.len() > N * 4 / 3 + 2 {
        return None;
    }
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

    use super::*;

    #[test]
    fn what_is_signed_is_what_browsers_sign() {
        let content = signed_content(ProofPurpose::Join, &Nonce::new([7; 32]), "room", "token");

        // The client's own test has the same bytes.
        let digits = content.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let digits = digits.map(|digit| char::from_digit(digit.into(), 16).expect("a digit"));
        assert_eq!(digits.collect::<String>(), CONTENT);
    }

    const CONTENT: &str = "125175696574726f6f6d20312e30204a6f696e404720070707070707070707070707070707070707070707070707070707070707070704726f6f6d203c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0";

    #[test]
    fn who_has_the_key_is_believed() {
        let (pair, thumbprint) = key();
        let proof = prove(&pair, &NONCE, "room", "token");

        assert_eq!(check(Some(&proof), &thumbprint), Ok(()));
    }

    #[test]
    fn without_a_proof_a_bound_token_is_worth_nothing() {
        assert_eq!(check(None, &key().1), Err(ProofError::Absent));
    }

    #[test]
    fn anothers_key_proves_nothing() {
        let proof = prove(&key().0, &NONCE, "room", "token");

        assert_eq!(check(Some(&proof), &key().1), Err(ProofError::OtherKey));
    }

    #[test]
    fn a_proof_is_of_one_nonce_room_and_token() {
        let (pair, thumbprint) = key();
        for (nonce, room, token) in [
            (Nonce([8; 32]), "room", "token"),
            (NONCE, "moor", "token"),
            (NONCE, "room", "nekot"),
            (NONCE, "", "roomtoken"),
        ] {
            let proof = prove(&pair, &nonce, room, token);
            assert_eq!(check(Some(&proof), &thumbprint), Err(ProofError::Signature));
        }
    }

    #[test]
    fn a_signature_under_another_label_is_no_proof() {
        let (pair, thumbprint) = key();
        let mut content = signed_content(ProofPurpose::Join, &NONCE, "room", "token");
        content[1..8].copy_from_slice(b"MLS 1.0");
        let proof = JoinProof {
            signature: URL_SAFE_NO_PAD.encode(pair.sign(&content)),
            ..prove(&pair, &NONCE, "room", "token")
        };

        assert_eq!(check(Some(&proof), &thumbprint), Err(ProofError::Signature));
    }

    #[test]
    fn a_proof_to_test_the_network_by_is_none_to_join_by() {
        let (pair, thumbprint) = key();
        let verify = |purpose, made_for| {
            let content = signed_content(made_for, &NONCE, "room", "token");
            let proof = JoinProof {
                signature: URL_SAFE_NO_PAD.encode(pair.sign(&content)),
                ..prove(&pair, &NONCE, "room", "token")
            };
            verify_proof(Some(&proof), &thumbprint, purpose, &NONCE, "room", "token")
        };
        let (join, test) = (ProofPurpose::Join, ProofPurpose::NetworkTest);

        assert_eq!(verify(join, test), Err(ProofError::Signature));
        assert_eq!(verify(test, join), Err(ProofError::Signature));
        assert_eq!(verify(test, test), Ok(()));
    }

    #[test]
    fn malformed_proofs_are_refused() {
        let (pair, thumbprint) = key();
        let good = prove(&pair, &NONCE, "room", "token");
        let with_key = |kty: &str, crv: &str, x: &str| JoinProof {
            key: ProofKey {
                kty: kty.into(),
                crv: crv.into(),
                x: x.into(),
            },
            ..good.clone()
        };
        for proof in [
            with_key("oct", "Ed25519", &good.key.x),
            with_key("OKP", "X25519", &good.key.x),
            with_key("OKP", "Ed25519", ""),
            with_key("OKP", "Ed25519", &"A".repeat(100_000)),
            with_key("OKP", "Ed25519", "ä"),
        ] {
            assert_eq!(check(Some(&proof), &thumbprint), Err(ProofError::Key));
        }
        for signature in ["", "!", &"A".repeat(100_000)] {
            let proof = JoinProof {
                signature: signature.to_owned(),
                ..good.clone()
            };
            assert_eq!(check(Some(&proof), &thumbprint), Err(ProofError::Signature));
        }
    }

    /// RFC 8037 appendix A.3.
    #[test]
    fn the_thumbprint_is_that_of_the_standard() {
        let x = decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").expect("32 bytes");

        assert_eq!(
            Thumbprint::of_ed25519(&x).to_string(),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    fn check(proof: Option<&JoinProof>, key: &Thumbprint) -> Result<(), ProofError> {
        verify_proof(proof, key, ProofPurpose::Join, &NONCE, "room", "token")
    }

    fn key() -> (Ed25519KeyPair, Thumbprint) {
        let pair = Ed25519KeyPair::generate().expect("a key can be made");
        let public = pair.public_key().as_ref().try_into().expect("32 bytes");
        let thumbprint = Thumbprint::of_ed25519(&public);
        (pair, thumbprint)
    }

    fn prove(pair: &Ed25519KeyPair, nonce: &Nonce, room: &str, token: &str) -> JoinProof {
        let signature = pair.sign(&signed_content(ProofPurpose::Join, nonce, room, token));
        JoinProof {
            key: ProofKey {
                kty: "OKP".into(),
                crv: "Ed25519".into(),
                x: URL_SAFE_NO_PAD.encode(pair.public_key()),
            },
            signature: URL_SAFE_NO_PAD.encode(signature),
        }
    }

    const NONCE: Nonce = Nonce([7; 32]);
}
