//! Who may enter: tokens signed by the clinic, checked with its public keys.
//!
//! The running server holds no key that could sign a token. The one type that
//! can, [`DevelopmentKey`], is for the command line only.

mod claims;
mod development_key;
mod jwks;
mod key_cache;
mod key_source;
mod keys;
mod ledger;
mod participant_salt;

mod policy;
mod proof;
mod role;
mod token;

pub use development_key::{DevelopmentKey, InvalidKeyFile, NewToken};
pub use jwks::{KeySet, KeySetError};
pub use key_cache::KeyTiming;
pub use key_source::{KeySource, KeySourceError, NoCertificates};
pub use keys::Keys;
pub use ledger::TokenLedger;
pub use participant_salt::ParticipantSalt;
pub use policy::{AccessPolicy, RolePolicies, RolePolicy};
pub use proof::{Nonce, ProofError, ProofPurpose, Thumbprint, signed_content, verify_proof};
pub use role::Permissions;
pub use token::{Admission, TokenError, UnixTime};

/// How far the clinic's clock and ours may be apart.
const LEEWAY_SECONDS: u64 = 10;
