//! Where the store's key comes from.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use signaling::store::{InvalidKey, KeyRing};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::config;

/// One of the three places.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum KeySource {
    File(PathBuf),
    Credential(String),
    Command(Vec<String>),
}

/// Why there is no key: one line that names the setting and the mend.
#[derive(Debug, Error)]
pub(crate) enum KeySourceError {
    #[error(
        "store.key_file: the store needs its key, and none is set; make one with \
         `quietroom store-key create FILE` and name that file, or set \
         store.key_credential or store.key_command"
    )]
    None,
    #[error(
        "store.key_file: only one of store.key_file, store.key_credential and \
         store.key_command may be set"
    )]
    Several,
    #[error(
        "store.key_file {}: {source}; put the store's key there, or make one for a new store \
         with `quietroom store-key create`",
        path.display()
    )]
    File { path: PathBuf, source: io::Error },
    #[error("store.key_file {}: it is not a file", .0.display())]
    NotAFile(PathBuf),
    #[error(
        "store.key_file {}: others than its owner can use it (mode {mode:04o}); \
         run: chmod 600 {}",
        path.display(), path.display()
    )]
    Permissions { path: PathBuf, mode: u32 },
    #[error(
        "store.key_file {}: it belongs to user {owner}, and the server runs as {user}; \
         run: chown {user} {}",
        path.display(), path.display()
    )]
    Owner {
        path: PathBuf,
        owner: u32,
        user: u32,
    },
    #[error(
        "store.key_credential {0}: systemd passes no such credential; add \
         LoadCredentialEncrypted={0} to the service's unit"
    )]
    NoCredential(String),
    #[error("store.key_credential {0:?}: it is not a name")]
    CredentialName(String),
    #[error("store.key_credential {name}: {source}")]
    Credential { name: String, source: io::Error },
    #[error("store.key_command {program}: {source}")]
    Command { program: String, source: io::Error },
    #[error("store.key_command {program}: it failed ({status}); what it wrote is above")]
    CommandFailed { program: String, status: String },
    #[error("store.key_command {program}: it did not end within {} s", COMMAND_DEADLINE.as_secs())]
    CommandTooSlow { program: String },
    #[error("{origin}: {source}")]
    Invalid { origin: String, source: InvalidKey },
    #[error("{origin}: it is longer than {MOST_BYTES} bytes")]
    TooLong { origin: String },
}

impl KeySource {
    pub(super) fn of(config: &config::Store) -> Result<Self, KeySourceError> {
        let file =
            (!config.key_file.as_os_str().is_empty()).then(|| Self::File(config.key_file.clone()));
        let credential = (!config.key_credential.is_empty())
            .then(|| Self::Credential(config.key_credential.clone()));
        let command =
            (!config.key_command.is_empty()).then(|| Self::Command(config.key_command.clone()));
        let mut set = [file, credential, command].into_iter().flatten();
        match (set.next(), set.next()) {
            (Some(source), None) => Ok(source),
            (None, _) => Err(KeySourceError::None),
            (Some(_), Some(_)) => Err(KeySourceError::Several),
        }
    }

    pub(super) fn read(&self) -> Result<KeyRing, KeySourceError> {
        match self {
            Self::File(path) => from_file(path),
            Self::Credential(name) => from_credential(name),
            Self::Command(command) => from_command(command),
        }
    }
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

fn from_file(path: &Path) -> Result<KeyRing, KeySourceError> {
    let failed = |source| KeySourceError::File {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    if !about.is_file() {
        return Err(KeySourceError::NotAFile(path.to_owned()));
    }
    let mode = about.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeySourceError::Permissions {
            path: path.to_owned(),
            mode,
        });
    }
    let user = rustix::process::geteuid().as_raw();
    if about.uid() != user && about.uid() != 0 {
        return Err(KeySourceError::Owner {
            path: path.to_owned(),
            owner: about.uid(),
            user,
        });
    }
    let origin = format!("store.key_file {}", path.display());
    parse(&read(file, &origin, failed)?, origin)
}

fn from_credential(name: &str) -> Result<KeyRing, KeySourceError> {
    if name.contains('/') || name.starts_with('.') {
        return Err(KeySourceError::CredentialName(name.to_owned()));
    }
    let failed = |source| KeySourceError::Credential {
        name: name.to_owned(),
        source,
    };
    let folder = env::var_os("CREDENTIALS_DIRECTORY")
        .ok_or_else(|| KeySourceError::NoCredential(name.to_owned()))?;
    let file = match File::open(Path::new(&folder).join(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(KeySourceError::NoCredential(name.to_owned()));
        }
        opened => opened.map_err(failed)?,
    };
    let origin = format!("store.key_credential {name}");
    parse(&read(file, &origin, failed)?, origin)
}

fn from_command(command: &[String]) -> Result<KeyRing, KeySourceError> {
    let program = command[0].clone();
    let failed = |source| KeySourceError::Command {
        program: program.clone(),
        source,
    };
    let mut process = Command::new(&command[0])
        .args(&command[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let output = process.stdout.take();
    let origin = format!("store.key_command {program}");
    let (sender, receiver) = mpsc::channel();
    thread::spawn({
        let (origin, program) = (origin.clone(), program.clone());
        move || {
            let failed = |source| KeySourceError::Command { program, source };
            let text = match output {
                Some(output) => read(output, &origin, failed),
                None => Err(failed(io::Error::other("it has no output"))),
            };
            // Nobody waits for it any more only when that took too long.
            let _ = sender.send(text);
        }
    });
    let start = Instant::now();
    let status = loop {
        if let Some(status) = process.try_wait().map_err(failed)? {
            break status;
        }
        if start.elapsed() > COMMAND_DEADLINE {
            let _ = process.kill();
            let _ = process.wait();
            return Err(KeySourceError::CommandTooSlow { program });
        }
        thread::sleep(Duration::from_millis(20));
    };
    // What it left running may still hold its output open.
    let left = COMMAND_DEADLINE.saturating_sub(start.elapsed());
    let Ok(text) = receiver.recv_timeout(left) else {
        return Err(KeySourceError::CommandTooSlow { program });
    };
    let text = text?;
    if !status.success() {
        let status = status.to_string();
        return Err(KeySourceError::CommandFailed { program, status });
    }
    parse(&text, origin)
}

fn read(
    mut source: impl Read,
    origin: &str,
    failed: impl FnOnce(io::Error) -> KeySourceError,
) -> Result<Zeroizing<Vec<u8>>, KeySourceError> {
    // As large as it may become, so that no copy is left behind by growing.
    let mut bytes = Zeroizing::new(vec![0; MOST_BYTES + 1]);
    let mut length = 0;
    let result = loop {
        match source.read(&mut bytes[length..]) {
            Ok(0) => break Ok(()),
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    };
    result.map_err(failed)?;
    if length > MOST_BYTES {
        return Err(KeySourceError::TooLong {
            origin: origin.to_owned(),
        });
    }
    bytes.truncate(length);
    Ok(bytes)
}

fn parse(bytes: &[u8], origin: String) -> Result<KeyRing, KeySourceError> {
    let text = std::str::from_utf8(bytes).map_err(|_| InvalidKey::Malformed(1));
    text.and_then(KeyRing::parse)
        .map_err(|source| KeySourceError::Invalid { origin, source })
}

/// As many keys as there may be, and blank lines.
const MOST_BYTES: usize = 4_096;

const COMMAND_DEADLINE: Duration = Duration::from_secs(30);
