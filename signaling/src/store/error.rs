//! What can go wrong with the store.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::KeyId;

/// Why the store cannot be opened. Each says what to do about it.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: another process has it open; end that first", .0.display())]
    InUse(PathBuf),
    #[error(
        "{}: sealed with the key {needed}, which is not among those given; \
         give that key, or name another store.path for a new store",
        path.display()
    )]
    WrongKey { path: PathBuf, needed: KeyId },
    #[error(
        "{}: damaged, or not a store of Quietroom ({detail}); \
         put a backup in its place, or name another store.path for a new store",
        path.display()
    )]
    Damaged { path: PathBuf, detail: String },
    #[error(
        "{}: written by a newer version of Quietroom (format {found}); use that version",
        path.display()
    )]
    Newer { path: PathBuf, found: u32 },
}

/// Why a read or a change failed. The change has not happened.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum StoreError {
    #[error("the store cannot be read or written: {0}")]
    Storage(String),
    /// The record was altered, or sealed with a key that is not there.
    #[error("a record of {0} does not open")]
    Sealed(&'static str),
}

/// The database's own errors say where, never what was stored.
macro_rules! storage_errors {
    ($($error:ty),+) => {$(
        impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                Self::Storage(error.to_string())
            }
        }
    )+};
}

storage_errors!(
    redb::CommitError,
    redb::SetDurabilityError,
    redb::StorageError,
    redb::TableError,
    redb::TransactionError
);
