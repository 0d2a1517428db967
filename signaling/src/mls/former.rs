//! Those who were in the group and may come back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sfu::identity::ParticipantId;

/// Who left lately, of those who had shown to be in the group.
#[derive(Debug, Default)]
pub(super) struct FormerMembers(BTreeMap<ParticipantId, Former>);

#[derive(Debug)]
struct Former {
    person: String,
    left: Instant,
}

impl FormerMembers {
    pub(super) fn note(&mut self, id: ParticipantId, person: String, now: Instant) {
        self.0.retain(|_, former| !former.is_forgotten(now));
        if self.0.len() < MAX_FORMER {
            self.0.insert(id, Former { person, left: now });
        }
    }

    /// Whether this is one of them: under the same id, which anybody may choose,
    /// and by a token of the same person.
    pub(super) fn has(&self, id: ParticipantId, person: &str, now: Instant) -> bool {
        let former = self.0.get(&id);
        former.is_some_and(|former| former.person == person && !former.is_forgotten(now))
    }
}

impl Former {
    fn is_forgotten(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.left) > MEMORY
    }
}

/// Clients try for two minutes to come back.
const MEMORY: Duration = Duration::from_mins(3);

/// Many times what a room holds.
const MAX_FORMER: usize = 1024;
