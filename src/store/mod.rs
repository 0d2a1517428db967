//! The store as the settings name it.

pub(crate) mod key_command;
mod key_source;

use signaling::store::{KeyRing, OpenError, Store, User};
use thiserror::Error;

use crate::config;
pub(crate) use key_source::KeySourceError;

/// Why there is no store.
#[derive(Debug, Error)]
pub(crate) enum StoreFailure {
    #[error(
        "store.path: not set, so the store is in memory and gone with the server; \
         name a file, such as \"/var/lib/quietroom/store\""
    )]
    NoPath,
    #[error("store.path: not set, though the store's key is; name the store's file too")]
    KeyWithoutPath,
    #[error(transparent)]
    Key(#[from] KeySourceError),
    #[error("store.path {0}")]
    Open(#[from] OpenError),
}

/// Opens the store; in memory if no file is named.
pub(crate) fn open(config: &config::Store, user: User) -> Result<Store, StoreFailure> {
    if config.path.as_os_str().is_empty() {
        if key_source::of(config).is_ok() {
            return Err(StoreFailure::KeyWithoutPath);
        }
        return Ok(Store::in_memory());
    }
    let store = open_file(config, user)?;
    if user == User::Owner && store.has_old_seals().unwrap_or(false) {
        tracing::warn!(
            "the store has records under an old key; \
             run `quietroom store-key rotate` before you take that key away"
        );
    }
    Ok(store)
}

/// The keys that the store is sealed with; none if it is in memory.
pub(crate) fn read_keys(config: &config::Store) -> Result<Option<KeyRing>, StoreFailure> {
    let source = key_source::of(config);
    if !config.path.as_os_str().is_empty() {
        return Ok(Some(key_source::read(&source?)?));
    }
    match source {
        Ok(_) => Err(StoreFailure::KeyWithoutPath),
        Err(_) => Ok(None),
    }
}

/// Opens the store's file.
pub(crate) fn open_file(config: &config::Store, user: User) -> Result<Store, StoreFailure> {
    if config.path.as_os_str().is_empty() {
        return Err(StoreFailure::NoPath);
    }
    let keys = key_source::read(&key_source::of(config)?)?;
    Ok(Store::open(&config.path, keys, user)?)
}
