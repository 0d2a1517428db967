//! Where a secret of the operator's comes from.

use std::env;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use thiserror::Error;
use zeroize::Zeroizing;

/// One of the three places.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum SecretSource {
    File(PathBuf),
    Credential(String),
    Command(Vec<String>),
}

/// What a secret is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SecretName {
    /// What its three settings begin with, such as `store.key` of
    /// `store.key_file`.
    pub(crate) setting: &'static str,
    /// To whoever has set none of them.
    pub(crate) wanted: &'static str,
    /// To whoever has named a file that is not there.
    pub(crate) mend: &'static str,
}

/// Why there is no secret: one line that names the setting and the mend.
#[derive(Debug, Error)]
pub(crate) enum SecretSourceError {
    #[error("{}_file: {}", .0.setting, .0.wanted)]
    None(SecretName),
    #[error("{0}_file: only one of {0}_file, {0}_credential and {0}_command may be set")]
    Several(&'static str),
    #[error("{}_file {}: {source}; {}", name.setting, path.display(), name.mend)]
    File {
        name: SecretName,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{setting}_file {}: it is not a file", path.display())]
    NotAFile {
        setting: &'static str,
        path: PathBuf,
    },
    #[error(
        "{setting}_file {}: others than its owner can use it (mode {mode:04o}); \
         run: chmod 600 {}",
        path.display(), path.display()
    )]
    Permissions {
        setting: &'static str,
        path: PathBuf,
        mode: u32,
    },
    #[error(
        "{setting}_file {}: it belongs to user {owner}, and the server runs as {user}; \
         run: chown {user} {}",
        path.display(), path.display()
    )]
    Owner {
        setting: &'static str,
        path: PathBuf,
        owner: u32,
        user: u32,
    },
    #[error(
        "{setting}_credential {credential}: systemd passes no such credential; add \
         LoadCredentialEncrypted={credential} to the service's unit"
    )]
    NoCredential {
        setting: &'static str,
        credential: String,
    },
    #[error("{setting}_credential {credential:?}: it is not a name")]
    CredentialName {
        setting: &'static str,
        credential: String,
    },
    #[error("{setting}_credential {credential}: {source}")]
    Credential {
        setting: &'static str,
        credential: String,
        source: io::Error,
    },
    #[error("{setting}_command {program}: {source}")]
    Command {
        setting: &'static str,
        program: String,
        source: io::Error,
    },
    #[error("{setting}_command {program}: it failed ({status}); what it wrote is above")]
    CommandFailed {
        setting: &'static str,
        program: String,
        status: String,
    },
    #[error(
        "{setting}_command {program}: it did not end within {} s",
        COMMAND_DEADLINE.as_secs()
    )]
    CommandTooSlow {
        setting: &'static str,
        program: String,
    },
    #[error("{origin}: it is longer than {MOST_BYTES} bytes")]
    TooLong { origin: String },
}

/// What a source gave.
pub(crate) struct Secret {
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    /// The setting and its value, for errors.
    pub(crate) origin: String,
}

impl SecretSource {
    /// The one that is set, of the values of the three settings.
    pub(crate) fn of(
        name: SecretName,
        file: &Path,
        credential: &str,
        command: &[String],
    ) -> Result<Self, SecretSourceError> {
        let file = (!file.as_os_str().is_empty()).then(|| Self::File(file.to_owned()));
        let credential = (!credential.is_empty()).then(|| Self::Credential(credential.to_owned()));
        let command = (!command.is_empty()).then(|| Self::Command(command.to_vec()));
        let mut set = [file, credential, command].into_iter().flatten();
        match (set.next(), set.next()) {
            (Some(source), None) => Ok(source),
            (None, _) => Err(SecretSourceError::None(name)),
            (Some(_), Some(_)) => Err(SecretSourceError::Several(name.setting)),
        }
    }

    pub(crate) fn read(&self, name: SecretName) -> Result<Secret, SecretSourceError> {
        match self {
            Self::File(path) => from_file(name, path),
            Self::Credential(credential) => from_credential(name.setting, credential),
            Self::Command(command) => from_command(name.setting, command),
        }
    }
}

fn from_file(name: SecretName, path: &Path) -> Result<Secret, SecretSourceError> {
    let setting = name.setting;
    let path = path.to_owned();
    let failed = |source| SecretSourceError::File {
        name,
        path: path.clone(),
        source,
    };
    let file = File::open(&path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    if !about.is_file() {
        return Err(SecretSourceError::NotAFile { setting, path });
    }
    let mode = about.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(SecretSourceError::Permissions {
            setting,
            path,
            mode,
        });
    }
    let user = rustix::process::geteuid().as_raw();
    if about.uid() != user && about.uid() != 0 {
        return Err(SecretSourceError::Owner {
            setting,
            owner: about.uid(),
            path,
            user,
        });
    }
    let origin = format!("{setting}_file {}", path.display());
    read(file, origin, failed)
}

fn from_credential(setting: &'static str, credential: &str) -> Result<Secret, SecretSourceError> {
    let credential = credential.to_owned();
    if credential.contains('/') || credential.starts_with('.') {
        return Err(SecretSourceError::CredentialName {
            setting,
            credential,
        });
    }
    let Some(folder) = env::var_os("CREDENTIALS_DIRECTORY") else {
        return Err(SecretSourceError::NoCredential {
            setting,
            credential,
        });
    };
    let failed = |source| SecretSourceError::Credential {
        setting,
        credential: credential.clone(),
        source,
    };
    let file = match File::open(Path::new(&folder).join(&credential)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(SecretSourceError::NoCredential {
                setting,
                credential,
            });
        }
        opened => opened.map_err(failed)?,
    };
    let origin = format!("{setting}_credential {credential}");
    read(file, origin, failed)
}

fn from_command(setting: &'static str, command: &[String]) -> Result<Secret, SecretSourceError> {
    let program = command[0].clone();
    let failed = |source| SecretSourceError::Command {
        setting,
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
    let origin = format!("{setting}_command {program}");
    let (sender, receiver) = mpsc::channel();
    thread::spawn({
        let program = program.clone();
        move || {
            let failed = |source| SecretSourceError::Command {
                setting,
                program,
                source,
            };
            let secret = match output {
                Some(output) => read(output, origin, failed),
                None => Err(failed(io::Error::other("it has no output"))),
            };
            // Nobody waits for it any more only when that took too long.
            let _ = sender.send(secret);
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
            return Err(SecretSourceError::CommandTooSlow { setting, program });
        }
        thread::sleep(Duration::from_millis(20));
    };
    // What it left running may still hold its output open.
    let left = COMMAND_DEADLINE.saturating_sub(start.elapsed());
    let Ok(secret) = receiver.recv_timeout(left) else {
        return Err(SecretSourceError::CommandTooSlow { setting, program });
    };
    let secret = secret?;
    if !status.success() {
        return Err(SecretSourceError::CommandFailed {
            setting,
            program,
            status: status.to_string(),
        });
    }
    Ok(secret)
}

fn read(
    mut source: impl Read,
    origin: String,
    failed: impl FnOnce(io::Error) -> SecretSourceError,
) -> Result<Secret, SecretSourceError> {
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
        return Err(SecretSourceError::TooLong { origin });
    }
    bytes.truncate(length);
    Ok(Secret { bytes, origin })
}

/// As many keys as there may be, and blank lines.
const MOST_BYTES: usize = 4_096;

const COMMAND_DEADLINE: Duration = Duration::from_secs(30);
