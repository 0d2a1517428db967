//! Where the store's key comes from.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use signaling::store::{InvalidKey, KeyRing};
use thiserror::Error;

use crate::config;
use crate::secret_source::{SecretName, SecretSource, SecretSourceError};

/// Why there is no key: one line that names the setting and the mend.
#[derive(Debug, Error)]
pub(crate) enum KeySourceError {
    #[error(transparent)]
    Source(#[from] SecretSourceError),
    #[error("{origin}: {source}")]
    Invalid { origin: String, source: InvalidKey },
}

/// The place that the settings name.
pub(super) fn of(config: &config::Store) -> Result<SecretSource, KeySourceError> {
    let source = SecretSource::of(
        KEY,
        &config.key_file,
        &config.key_credential,
        &config.key_command,
    );
    Ok(source?)
}

pub(super) fn read(source: &SecretSource) -> Result<KeyRing, KeySourceError> {
    let secret = source.read(KEY)?;
    let text = std::str::from_utf8(&secret.bytes).map_err(|_| InvalidKey::Malformed(1));
    text.and_then(KeyRing::parse)
        .map_err(|source| KeySourceError::Invalid {
            origin: secret.origin,
            source,
        })
}

/// Writes keys into a file that only its owner can read, in place of the one
/// that is there: as a whole, or not at all. Owner and mode stay as they were.
pub(super) fn write_file(path: &Path, keys: &KeyRing) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let unfinished = PathBuf::from(name);
    let _ = fs::remove_file(&unfinished);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)?;
    if let Ok(before) = fs::metadata(path) {
        let made = file.metadata()?;
        if (made.uid(), made.gid()) != (before.uid(), before.gid()) {
            fchown(&file, Some(before.uid()), Some(before.gid()))?;
        }
        file.set_permissions(before.permissions())?;
    }
    file.write_all(keys.to_text().as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

const KEY: SecretName = SecretName {
    setting: "store.key",
    wanted: "the store needs its key, and none is set; make one with \
             `quietroom store-key create FILE` and name that file, or set \
             store.key_credential or store.key_command",
    mend: "put the store's key there, or make one for a new store \
           with `quietroom store-key create`",
};
