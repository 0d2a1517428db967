//! Who may enter: tokens signed by the clinic, checked with its public keys.
//!
//! The running server holds no key that could sign a token. The one type that
//! can, [`DevelopmentKey`], is for the command line only.

mod development_key;
mod jwks;
mod token;

pub use development_key::{DevelopmentKey, InvalidKeyFile, NewToken};
pub use jwks::{KeySet, KeySetError};
pub use token::{Admission, TokenError, UnixTime};
