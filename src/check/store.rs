//! The store's key, its file, and the room it has.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, StatVfsMountFlags, access, statvfs};
use rustix::process::geteuid;
use signaling::store::{KeyRing, Store, User};

use super::finding::Finding;
use crate::config;
use crate::store;

/// `is_local`: only this machine reaches the server.
pub(super) fn findings(config: &config::Store, is_local: bool) -> Vec<Finding> {
    let keys = match store::read_keys(config) {
        Ok(Some(keys)) => keys,
        Ok(None) => return vec![in_memory(is_local)],
        Err(error) => return vec![Finding::fail(KEY, error.to_string())],
    };
    let path = &config.path;
    let mut findings = vec![Finding::ok(KEY, "it can be read, and by nobody else")];
    if config.key_file.as_os_str().is_empty() {
        findings[0] = Finding::ok(KEY, "it can be had");
    }
    let place = folder(path);
    match fs::metadata(path) {
        Ok(about) => findings.push(file(path, &about, keys)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            findings.push(new_file(path, &place));
        }
        Err(error) => {
            let text = format!("store.path {}: {error}", path.display());
            findings.push(Finding::fail(STORE, text));
        }
    }
    findings.push(space(&place, free(&place)));
    findings
}

fn in_memory(is_local: bool) -> Finding {
    if is_local {
        return Finding::ok(STORE, "in memory, and gone when the server ends");
    }
    Finding::warn(
        STORE,
        "store.path is not set: sessions, revocations and API keys are in memory, and gone when \
         the server ends; name a file, such as \"/var/lib/quietroom/store\"",
    )
}

fn file(path: &Path, about: &fs::Metadata, keys: KeyRing) -> Finding {
    let shown = path.display();
    let (owner, user) = (about.uid(), geteuid().as_raw());
    if owner != user {
        // Opening leaves files beside it, which the owner could not use then.
        return Finding::warn(
            STORE,
            format!(
                "{shown} belongs to user {owner}, so it was not opened; \
                 run this as the server's user: sudo -u '#{owner}' quietroom check"
            ),
        );
    }
    if let Err(error) = Store::open(path, keys, User::Visitor) {
        return Finding::fail(STORE, format!("store.path {error}"));
    }
    let mode = about.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Finding::warn(
            STORE,
            format!("others can open {shown} (mode {mode:04o}); run: chmod 600 {shown}"),
        );
    }
    Finding::ok(STORE, format!("{shown} opens with the key"))
}

fn new_file(path: &Path, place: &Path) -> Finding {
    let shown = path.display();
    match access(place, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => Finding::ok(STORE, format!("{shown} is not there yet, and can be made")),
        Err(error) => Finding::fail(
            STORE,
            format!(
                "store.path {shown}: nothing can be written in {}: {}; \
                 give that folder to the server's user",
                place.display(),
                io::Error::from(error)
            ),
        ),
    }
}

/// Bytes that are free where the store is, none where nothing may be written.
fn free(place: &Path) -> io::Result<u64> {
    let about = statvfs(place)?;
    if about.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Err(io::ErrorKind::ReadOnlyFilesystem.into());
    }
    Ok(about.f_bavail.saturating_mul(about.f_frsize))
}

fn space(place: &Path, free: io::Result<u64>) -> Finding {
    let shown = place.display();
    match free {
        Ok(free) => {
            let text = format!("{} MB are free in {shown}", free / 1_000_000);
            match free {
                0..LEAST_BYTES => Finding::fail(
                    SPACE,
                    format!("{text}; make room, or what the server is told is refused"),
                ),
                LEAST_BYTES..FEW_BYTES => Finding::warn(SPACE, format!("{text}; make room")),
                FEW_BYTES.. => Finding::ok(SPACE, text),
            }
        }
        Err(error) => Finding::fail(SPACE, format!("{shown}: {error}")),
    }
}

/// The nearest folder that is there.
fn folder(path: &Path) -> PathBuf {
    let folders = path.ancestors().skip(1);
    let there = folders
        .filter(|folder| !folder.as_os_str().is_empty())
        .find(|folder| folder.is_dir());
    there.unwrap_or(Path::new(".")).to_owned()
}

const KEY: &str = "store key";
const STORE: &str = "store";
const SPACE: &str = "disk";
const LEAST_BYTES: u64 = 64_000_000;
const FEW_BYTES: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn little_room_is_told_before_there_is_none() {
        let here = Path::new(".");
        for (free, verdict) in [
            (0, Verdict::Fail),
            (63_999_999, Verdict::Fail),
            (64_000_000, Verdict::Warn),
            (1_000_000_000, Verdict::Ok),
        ] {
            assert_eq!(space(here, Ok(free)).verdict, verdict, "{free}");
        }
        let sealed = io::ErrorKind::ReadOnlyFilesystem;
        assert_eq!(space(here, Err(sealed.into())).verdict, Verdict::Fail);
        assert!(free(here).expect("it is a folder") > 0);
    }

    #[test]
    fn the_nearest_folder_counts() {
        assert_eq!(folder(Path::new("store")), Path::new("."));
        assert_eq!(folder(Path::new("/nowhere/at/all/store")), Path::new("/"));
        assert_eq!(folder(Path::new("/")), Path::new("."));
    }

    #[test]
    fn a_server_for_others_should_remember() {
        assert_eq!(in_memory(true).verdict, Verdict::Ok);
        assert_eq!(in_memory(false).verdict, Verdict::Warn);
    }
}
