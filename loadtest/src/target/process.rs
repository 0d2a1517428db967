//! Server processes, confined to their cores, ended with the test.

#![allow(
    unsafe_code,
    reason = "settings between fork and exec have no safe interface"
)]

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::sleep;

use super::TargetError;
use crate::random;
use crate::system::affinity;

/// A running process with a folder of its own; both are gone when it is
/// dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    folder: Folder,
}

/// A new, empty folder for a server's files.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Process {
    /// Starts `command` on `cores`; what it says goes to a file in `folder`.
    ///
    /// # Errors
    /// The program is not there or cannot be started.
    pub fn start(mut command: Command, cores: &[usize], folder: Folder) -> io::Result<Self> {
        let output = fs::File::create(folder.path().join(OUTPUT))?;
        command
            .stdout(output.try_clone()?)
            .stderr(output)
            .stdin(Stdio::null());
        let child = spawn_confined(&mut command, cores)?;
        Ok(Self { child, folder })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Whether it has ended, and if so what it said last.
    pub fn last_words(&mut self) -> Option<String> {
        match self.child.try_wait() {
            Ok(None) => None,
            Ok(Some(_)) | Err(_) => Some(self.output()),
        }
    }

    /// Waits until it takes connections at `address`.
    ///
    /// # Errors
    /// It has ended, or does not within `patience`: what it said last.
    pub async fn listening(
        &mut self,
        address: SocketAddr,
        patience: Duration,
    ) -> Result<(), TargetError> {
        let deadline = Instant::now() + patience;
        while TcpStream::connect(address).await.is_err() {
            if let Some(words) = self.last_words() {
                return Err(TargetError::Start(words));
            }
            if Instant::now() > deadline {
                return Err(TargetError::Start(format!(
                    "it does not listen: {}",
                    self.output()
                )));
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// The end of what it said.
    pub fn output(&self) -> String {
        let text = fs::read_to_string(self.folder().join(OUTPUT)).unwrap_or_default();
        let lines: Vec<_> = text.lines().rev().take(LINES).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

impl Folder {
    pub fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("loadtest-{}", random::hex(8)));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Starts a process on `cores` that does not outlive us.
///
/// # Errors
/// The program is not there or cannot be started.
pub fn spawn_confined(command: &mut Command, cores: &[usize]) -> io::Result<Child> {
    let cores = cores.to_vec();
    // SAFETY: between fork and exec only system calls are made.
    unsafe {
        command.pre_exec(move || {
            // If we are killed, nobody else would end it.
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            // The scheduler shares out processors by session first: a server
            // with hundreds of threads would starve the load on its own core.
            libc::setsid();
            affinity::confine_to(&cores)
        });
    }
    command.spawn()
}

/// Asks a process to end, then makes it.
pub fn end(child: &mut Child) {
    if let Ok(pid) = libc::pid_t::try_from(child.id()) {
        // SAFETY: the child was not waited for, so its number is still its own.
        unsafe { libc::kill(pid, libc::SIGTERM) };
    }
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// A program on the `PATH`.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

const OUTPUT: &str = "output.txt";
const LINES: usize = 15;
const PATIENCE: Duration = Duration::from_secs(3);

/// Between two tries to connect.
const LOOK: Duration = Duration::from_millis(20);
