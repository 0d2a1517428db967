//! What the clinic has said: which sessions there are, which tokens are good
//! no longer, and who may say so.

mod answers;
mod api_keys;
pub(crate) mod decisions;
#[cfg(test)]
pub(crate) mod example;
mod journal;
pub(crate) mod record;
mod retention;
pub(crate) mod sessions;

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

pub(crate) use answers::{Claim, Kept, Outcome, once};
pub(crate) use api_keys::key_hash;
pub use api_keys::{ApiKeyInfo, InvalidScope, NewApiKey, Scope};
pub(crate) use record::{Bearer, Session, SessionId};

use journal::Journal;

use crate::access::UnixTime;
use crate::room::SessionPolicy;
use crate::store::{Store, StoreError};

/// What may be set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClinicSettings {
    /// Whether only rooms with a session may be entered.
    pub require_session: bool,
    /// The rules of rooms without a session.
    pub open_rooms: SessionPolicy,
    /// How long a session is kept after its end, with who accepted its text, and
    /// how long a revocation at the least. No token should be good for longer.
    pub retention: Duration,
}

/// The clinic's word, kept in a store. Clones are one.
#[derive(Clone, Debug)]
pub struct Clinic {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: Arc<Store>,
    settings: ClinicSettings,
    journal: Journal,
}

/// Why the clinic's word was not taken.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub(crate) enum Refused {
    #[error("there is no such session")]
    NoSession,
    #[error("a session in this room is not over yet")]
    RoomInUse,
    #[error("the store holds as many records of this kind as it takes")]
    Full,
    #[error("the idempotency key was used with another request")]
    KeyReused,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Clinic {
    pub fn new(store: Arc<Store>, settings: ClinicSettings) -> Self {
        let journal = Journal::start(store.clone());
        Self {
            shared: Arc::new(Shared {
                store,
                settings,
                journal,
            }),
        }
    }

    /// Notes that nobody is in any room: the server has started. Who comes back
    /// after a kill does so soon, and what was decided before holds for so long.
    ///
    /// # Errors
    /// The store cannot be read or written. Nobody should be let in then.
    pub fn start(&self, now: UnixTime) -> Result<(), StoreError> {
        retention::cut_open_rooms(self.store(), now).map(|_| ())
    }

    /// Removes what is of no more use: sessions long over, revocations of
    /// tokens that have expired by now, answers that nobody asks for again.
    /// Blocks for as long as the disk takes; others who change the store get
    /// their turns meanwhile.
    ///
    /// # Errors
    /// The store cannot be read or written; some records may be gone then.
    pub fn purge(&self, now: UnixTime) -> Result<u64, StoreError> {
        let retention = self.shared.settings.retention.as_secs();
        let kept_since = UnixTime(now.0.saturating_sub(retention));
        let store = self.store();
        Ok(retention::purge(store, kept_since, now)? + answers::purge(store, now)?)
    }

    pub(crate) fn store(&self) -> &Store {
        &self.shared.store
    }
}
