//! What must outlive the process, in one file: each record sealed, each change
//! whole or not at all.
//!
//! [`Store`] is an embedded database (`redb`) whose values are sealed with
//! AES-256-GCM before they reach it, and whose keys are ids that this server
//! made or keyed hashes of what others named. A commit has reached the disk
//! when it returns.
//!
//! What a sealed file does not prove: that nobody put an older copy of the
//! whole file, or of one record under its own key, in its place.

mod database;
mod error;
mod key;
mod seal;

pub(crate) use database::{Reading, Writing, tables};
pub use database::{Store, User};
pub use error::{OpenError, StoreError};
pub use key::{InvalidKey, KeyId, KeyRing, StoreKey};
