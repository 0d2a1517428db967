//! The file of the key that `quietroom token` signs with.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use signaling::access::{DevelopmentKey, InvalidKeyFile};
use thiserror::Error;

/// A key and where its public half is.
#[derive(Debug)]
pub(crate) struct KeyFile {
    pub(crate) key: DevelopmentKey,
    pub(crate) jwks: PathBuf,
    /// Whether the files were made just now.
    pub(crate) created: bool,
}

/// Why there is no key.
#[derive(Debug, Error)]
pub(crate) enum KeyFileError {
    #[error("--key {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("--key {}: {source}; name another file, or none to make a new one", path.display())]
    Invalid {
        path: PathBuf,
        source: InvalidKeyFile,
    },
}

/// Reads the key, or makes it when the file is absent: readable by its owner
/// only, with the public half beside it under the same name and the ending
/// `.jwks.json`.
pub(crate) fn load_or_create(path: &Path) -> Result<KeyFile, KeyFileError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| KeyFileError::Io { path, source }
    };
    let jwks = path.with_extension("jwks.json");
    match fs::read_to_string(path) {
        Ok(pem) => {
            let key = DevelopmentKey::from_pem(&pem).map_err(|source| KeyFileError::Invalid {
                path: path.to_owned(),
                source,
            })?;
            if !jwks.exists() {
                fs::write(&jwks, key.to_jwks()).map_err(failed(&jwks))?;
            }
            Ok(KeyFile {
                key,
                jwks,
                created: false,
            })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = DevelopmentKey::generate();
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(failed(folder))?;
            }
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)
                .map_err(failed(path))?;
            file.write_all(key.to_pem().as_bytes())
                .map_err(failed(path))?;
            fs::write(&jwks, key.to_jwks()).map_err(failed(&jwks))?;
            Ok(KeyFile {
                key,
                jwks,
                created: true,
            })
        }
        Err(error) => Err(failed(path)(error)),
    }
}
