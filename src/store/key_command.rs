//! `quietroom store-key`: makes the store's key, and puts another in its place.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Subcommand;
use signaling::store::{KeyRing, Store, StoreKey, User};

use super::StoreFailure;
use super::key_source;
use crate::config;
use crate::secret_source::SecretSource;

/// Makes or rotates the key that seals the store.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Writes a new key into a file that only its owner can read
    Create {
        /// The file, which must not exist
        file: PathBuf,
    },
    /// Seals the whole store with a new key; the server must be stopped
    ///
    /// When the key is in a file, a new one is made and takes its place there.
    /// With another source, put the new key into the line before the
    /// old one there, and take the old one away when this has ended.
    Rotate {
        /// The file of settings (TOML)
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    match &arguments.action {
        Action::Create { file } => {
            if file.try_exists()? {
                return Err(format!("{}: it exists, and is left as it is", file.display()).into());
            }
            let keys = KeyRing::new(StoreKey::generate());
            key_source::write_file(file, &keys)
                .map_err(|error| format!("{}: {error}", file.display()))?;
            writeln!(io::stdout(), "Made the key {}.", keys.current())?;
            Ok(())
        }
        Action::Rotate { config } => rotate(&config::read(config)?.store),
    }
}

/// At each moment, the keys that can be read open all records: the file has
/// the new key and the old ones before the first record is sealed anew, and
/// loses the old ones after the last.
fn rotate(config: &config::Store) -> Result<(), Box<dyn std::error::Error>> {
    if config.path.as_os_str().is_empty() {
        return Err(StoreFailure::NoPath.into());
    }
    let source = key_source::of(config).map_err(StoreFailure::from)?;
    let mut keys = key_source::read(&source).map_err(StoreFailure::from)?;
    // Nobody else may rotate, serve or seal with these keys meanwhile, and they
    // must be right.
    let store =
        Store::open(&config.path, keys.clone(), User::Rotation).map_err(StoreFailure::from)?;
    let resealed = match &source {
        SecretSource::File(path) => {
            let failed = |error| format!("store.key_file {}: {error}", path.display());
            // A rotation that broke off may have left several.
            store.reseal()?;
            keys = keys.without_old().rotated(StoreKey::generate());
            key_source::write_file(path, &keys).map_err(failed)?;
            let store = store.with_keys(keys.clone());
            let resealed = store.reseal()?;
            if store.has_old_seals()? {
                return Err(
                    "some records are under an old key still, which is kept; try again".into(),
                );
            }
            key_source::write_file(path, &keys.without_old()).map_err(failed)?;
            resealed
        }
        SecretSource::Credential(_) | SecretSource::Command(_) => store.reseal()?,
    };
    writeln!(
        io::stdout(),
        "Sealed {resealed} records with the key {}; no other is needed any more.",
        keys.current()
    )?;
    Ok(())
}
