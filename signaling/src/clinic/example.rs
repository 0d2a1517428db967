//! What tests of the clinic's records begin with.

use std::sync::Arc;
use std::time::Duration;

use super::record::{Session, SessionId};
use super::sessions::open;
use super::{Clinic, ClinicSettings};
use crate::access::{Admission, UnixTime};
use crate::protocol::Role;
use crate::room::{Entry, Recorded, SessionPolicy, Standing};
use crate::store::Store;

pub(crate) const NOW: UnixTime = UnixTime(1_800_000_000);

pub(crate) const RETENTION: Duration = Duration::from_secs(1_000);

pub(crate) fn clinic(require_session: bool) -> Clinic {
    clinic_on(&Arc::new(Store::in_memory()), require_session)
}

pub(crate) fn clinic_on(store: &Arc<Store>, require_session: bool) -> Clinic {
    let settings = ClinicSettings {
        require_session,
        open_rooms: SessionPolicy::default(),
        retention: RETENTION,
    };
    Clinic::new(store.clone(), settings)
}

pub(crate) fn opened(clinic: &Clinic, session: &Session) -> Session {
    clinic
        .store()
        .write(|w| open(w, session, NOW))
        .expect("it opens");
    session.clone()
}

pub(crate) fn session(room: &str) -> Session {
    Session {
        id: SessionId::generate(NOW, 0),
        room: room.into(),
        created: NOW.0,
        ended: None,
        window: None,
        capacity: Some(2),
        waiting_room: false,
        locked: false,
        consent: None,
        inactivity_limit_seconds: None,
    }
}

pub(crate) fn admission(room: &str) -> Admission {
    Admission {
        subject: "s".into(),
        room: room.into(),
        role: Role::Client,
        token_id: "t".into(),
        issuer: None,
        audiences: Vec::new(),
        issued_at: None,
        expires_at: UnixTime(u64::MAX),
        is_multi_factor: false,
        key: None,
    }
}

pub(crate) fn wait_for(mut recorded: Recorded) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(recorded.done())
}

pub(crate) fn entry(session: &Session) -> Entry {
    Entry {
        policy: session.policy(),
        session: Some(session.id.as_str().to_owned()),
        standing: Standing::default(),
    }
}
