//! The names that connectivity checks to a worker bear, for other threads.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use crate::worker::command::Command;

/// The user name fragments that were given out and are still good. Anybody can
/// make connections: of those that name nobody, the worker's thread hears
/// nothing.
#[derive(Clone, Default, Debug)]
pub(super) struct Users {
    ufrags: Arc<RwLock<HashSet<String>>>,
}

impl Users {
    pub(super) fn contains(&self, ufrag: &str) -> bool {
        let ufrags = self.ufrags.read().unwrap_or_else(PoisonError::into_inner);
        ufrags.contains(ufrag)
    }

    pub(super) fn add(&self, ufrag: &str) {
        let mut ufrags = self.ufrags.write().unwrap_or_else(PoisonError::into_inner);
        ufrags.insert(ufrag.to_owned());
    }

    pub(super) fn remove(&self, ufrag: &str) {
        let mut ufrags = self.ufrags.write().unwrap_or_else(PoisonError::into_inner);
        ufrags.remove(ufrag);
    }
}

/// The fragment that a command gives out.
pub(super) fn named_by(command: &Command) -> Option<&str> {
    match command {
        Command::Join { transport, .. } => Some(&transport.local.ufrag),
        Command::RestartIce { local, .. } => Some(&local.ufrag),
        _ => None,
    }
}
