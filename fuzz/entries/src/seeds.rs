//! The inputs kept in `fuzz/seeds`.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::Entry;

/// An entry's seeds, in the order of their files' names.
///
/// # Errors
/// The folder or a file in it cannot be read.
pub fn read(entry: &Entry) -> io::Result<Vec<Vec<u8>>> {
    let mut files: Vec<_> = fs::read_dir(folder("seeds", entry))?
        .map(|file| file.map(|file| file.path()))
        .collect::<io::Result<_>>()?;
    files.sort();
    files.iter().map(fs::read).collect()
}

/// Where an entry's files of some kind are, such as its seeds.
pub(crate) fn folder(kind: &str, entry: &Entry) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(kind)
        .join(entry.name)
}
