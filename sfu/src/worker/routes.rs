//! Which participant a datagram is from.

use std::collections::{HashMap, VecDeque};

use crate::transport::Path;

/// Finds participants by the paths that their connectivity checks proved, and
/// by the user names that checks carry.
#[derive(Debug, Default)]
pub(super) struct Routes {
    by_path: HashMap<Path, usize>,
    /// The path that was last looked up: datagrams come in bursts.
    latest: Option<(Path, usize)>,
    by_ufrag: HashMap<String, usize>,
    /// Names that were good before.
    forgotten: VecDeque<String>,
}

impl Routes {
    /// Whose authentic check came over `path`.
    pub(super) fn participant(&mut self, path: &Path) -> Option<usize> {
        if let Some((latest, key)) = &self.latest
            && latest == path
        {
            return Some(*key);
        }
        let key = *self.by_path.get(path)?;
        self.latest = Some((*path, key));
        Some(key)
    }

    /// As [`Routes::participant`], where nothing may change.
    pub(super) fn find(&self, path: &Path) -> Option<usize> {
        self.by_path.get(path).copied()
    }

    /// Who was given `ufrag` as our user name fragment.
    pub(super) fn user(&self, ufrag: &str) -> Option<usize> {
        self.by_ufrag.get(ufrag).copied()
    }

    /// How many paths and user names are known.
    pub(super) fn len(&self) -> usize {
        self.by_path.len() + self.by_ufrag.len()
    }

    pub(super) fn add_user(&mut self, ufrag: String, key: usize) {
        self.by_ufrag.insert(ufrag, key);
    }

    /// Gives `path` to the participant at `key`. Gives whose it was before.
    pub(super) fn add_path(&mut self, path: Path, key: usize) -> Option<usize> {
        self.latest = None;
        self.by_path
            .insert(path, key)
            .filter(|before| *before != key)
    }

    pub(super) fn remove_path(&mut self, path: &Path) {
        self.latest = None;
        self.by_path.remove(path);
    }

    pub(super) fn remove_user(&mut self, ufrag: &str) {
        if let Some((ufrag, _)) = self.by_ufrag.remove_entry(ufrag) {
            self.forgotten.push_back(ufrag);
        }
    }

    /// The next user name that is not good any more.
    pub(super) fn poll_forgotten(&mut self) -> Option<String> {
        self.forgotten.pop_front()
    }
}
