//! Sessions: opened, looked up, ended; and tokens that are good no longer.

use super::record::{Bearer, Revocation, RoomUse, Session, SessionId};
use super::{Clinic, Refused};
use crate::access::{Admission, UnixTime};
use crate::room::{NoEntry, SessionPolicy, Sessions};
use crate::store::tables::{REVOCATIONS, ROOMS, SESSIONS};
use crate::store::{Reading, Store, StoreError, Writing};

impl Clinic {
    pub(crate) fn session(&self, id: &SessionId) -> Result<Option<Session>, StoreError> {
        self.store()
            .read(|reading| reading.get(&SESSIONS, id.as_str().as_bytes()))
    }

    /// Up to `most` sessions made before one, the latest first.
    pub(crate) fn sessions(
        &self,
        before: Option<&SessionId>,
        most: usize,
    ) -> Result<Vec<Session>, StoreError> {
        let before = before.map(|id| id.as_str().as_bytes());
        self.store()
            .read(|reading| reading.page(&SESSIONS, before, most))
    }

    /// Whether a session's room is still its own: once it is over, another may
    /// have it.
    pub(crate) fn is_latest(&self, session: &Session) -> bool {
        let room = self.store().name(&["room", &session.room]);
        let latest: Result<_, StoreError> = self.store().read(|reading| reading.get(&ROOMS, &room));
        latest.is_ok_and(|latest| latest.is_some_and(|latest| latest.session == session.id))
    }

    fn look_up(&self, admission: &Admission, now: UnixTime) -> Result<SessionPolicy, NoEntry> {
        let bearers = [
            Bearer::Token(admission.token_id.clone()),
            Bearer::Subject(admission.subject.clone()),
        ];
        let names = bearers.map(|bearer| revocation_name(self.store(), &admission.room, &bearer));
        if names.iter().any(|name| self.pending().contains(name)) {
            return Err(NoEntry::Revoked);
        }
        let (revoked, session) = self
            .store()
            .read(|reading| {
                let revoked = reading.get(&REVOCATIONS, &names[0])?.is_some()
                    || reading.get(&REVOCATIONS, &names[1])?.is_some();
                Ok((revoked, in_room(reading, self.store(), &admission.room)?))
            })
            .map_err(|error: StoreError| {
                tracing::error!(%error, "a session could not be looked up");
                NoEntry::Unknown
            })?;
        if revoked {
            return Err(NoEntry::Revoked);
        }
        let Some(session) = session else {
            return if self.shared.settings.require_session {
                Err(NoEntry::NoSession)
            } else {
                Ok(self.shared.settings.open_rooms.clone())
            };
        };
        if session.is_over(now) {
            return Err(NoEntry::Over);
        }
        let policy = session.policy();
        if let Some(window) = policy.window {
            window.admit(now)?;
        }
        Ok(policy)
    }
}

impl Sessions for Clinic {
    fn enter(&self, admission: &Admission, now: UnixTime) -> Result<SessionPolicy, NoEntry> {
        self.look_up(admission, now)
    }

    fn revoke_token(&self, room: &str, token_id: &str) {
        let bearer = Bearer::Token(token_id.to_owned());
        let name = revocation_name(self.store(), room, &bearer);
        self.pending().insert(name);
        // The writer lives as long as this.
        let _ = self.shared.writer.send((room.to_owned(), bearer));
    }
}

/// Stores a new session, if no other in its room is still to come or under way.
pub(crate) fn open(
    writing: &mut Writing<'_>,
    session: &Session,
    now: UnixTime,
) -> Result<(), Refused> {
    let room = writing.name(&["room", &session.room]);
    if let Some(in_use) = writing.get(&ROOMS, &room)?
        && let Some(other) = writing.get(&SESSIONS, in_use.session.as_str().as_bytes())?
        && !other.is_over(now)
    {
        return Err(Refused::RoomInUse);
    }
    if writing.count(&SESSIONS)? >= MOST_SESSIONS {
        return Err(Refused::Full);
    }
    let in_use = RoomUse {
        session: session.id.clone(),
    };
    writing.put(&ROOMS, &room, &in_use)?;
    writing.put(&SESSIONS, session.id.as_str().as_bytes(), session)?;
    Ok(())
}

/// Ends a session, and gives it. Its first end is the one that counts.
pub(crate) fn end(
    writing: &mut Writing<'_>,
    id: &SessionId,
    now: UnixTime,
) -> Result<Session, Refused> {
    let key = id.as_str().as_bytes();
    let mut session = writing.get(&SESSIONS, key)?.ok_or(Refused::NoSession)?;
    if session.ended.is_none() {
        session.ended = Some(now.0);
        writing.put(&SESSIONS, key, &session)?;
    }
    Ok(session)
}

/// Lets tokens into a room no more.
pub(crate) fn revoke(
    writing: &mut Writing<'_>,
    room: &str,
    bearer: &Bearer,
    now: UnixTime,
) -> Result<(), Refused> {
    if writing.count(&REVOCATIONS)? >= MOST_REVOCATIONS {
        return Err(Refused::Full);
    }
    let name = writing.name(&revocation_parts(room, bearer));
    let revocation = Revocation {
        room: room.to_owned(),
        bearer: bearer.clone(),
        at: now.0,
    };
    writing.put(&REVOCATIONS, &name, &revocation)?;
    Ok(())
}

/// Removes what was over before `kept_since`.
pub(super) fn purge(writing: &mut Writing<'_>, kept_since: UnixTime) -> Result<u64, StoreError> {
    let revocations = writing.retain(&REVOCATIONS, |revocation| revocation.at >= kept_since.0)?;
    let sessions = writing.retain(&SESSIONS, |session| !session.is_over(kept_since))?;
    if sessions > 0 {
        let left = writing.keys(&SESSIONS)?;
        writing.retain(&ROOMS, |room| {
            left.contains(room.session.as_str().as_bytes())
        })?;
    }
    Ok(revocations + sessions)
}

pub(super) fn revocation_name(store: &Store, room: &str, bearer: &Bearer) -> [u8; 32] {
    store.name(&revocation_parts(room, bearer))
}

fn revocation_parts<'a>(room: &'a str, bearer: &'a Bearer) -> [&'a str; 4] {
    match bearer {
        Bearer::Token(id) => ["revocation", room, "jti", id],
        Bearer::Subject(id) => ["revocation", room, "sub", id],
    }
}

fn in_room(
    reading: &Reading<'_>,
    store: &Store,
    room: &str,
) -> Result<Option<Session>, StoreError> {
    match reading.get(&ROOMS, &store.name(&["room", room]))? {
        Some(in_use) => reading.get(&SESSIONS, in_use.session.as_str().as_bytes()),
        None => Ok(None),
    }
}

/// About 100 MB of the largest, and a start of some seconds.
const MOST_SESSIONS: u64 = 100_000;

const MOST_REVOCATIONS: u64 = 200_000;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::clinic::ClinicSettings;
    use crate::clinic::record::StoredWindow;
    use crate::protocol::Role;

    const NOW: UnixTime = UnixTime(1_800_000_000);

    #[test]
    fn a_room_without_a_session_follows_the_setting() {
        assert_eq!(
            clinic(false).enter(&admission("r"), NOW),
            Ok(SessionPolicy::default())
        );
        assert_eq!(
            clinic(true).enter(&admission("r"), NOW),
            Err(NoEntry::NoSession)
        );
    }

    #[test]
    fn a_session_gives_its_rules_within_its_window() {
        let clinic = clinic(true);
        let mut session = session("r");
        session.window = Some(StoredWindow {
            opens: NOW.0,
            closes: NOW.0 + 100,
            grace_seconds: 10,
        });
        session.waiting_room = true;
        opened(&clinic, &session);

        let enter = |time| clinic.enter(&admission("r"), UnixTime(time));

        assert_eq!(enter(NOW.0 - 1), Err(NoEntry::NotOpenYet));
        assert_eq!(enter(NOW.0), Ok(session.policy()));
        assert!(session.policy().waiting_room);
        assert_eq!(enter(NOW.0 + 100), Err(NoEntry::Over));
        assert_eq!(
            clinic.enter(&admission("other"), NOW),
            Err(NoEntry::NoSession)
        );
    }

    #[test]
    fn an_end_is_final_and_frees_the_room() {
        let clinic = clinic(false);
        let first = opened(&clinic, &session("r"));
        assert_eq!(
            clinic.store().write(|w| open(w, &session("r"), NOW)),
            Err(Refused::RoomInUse)
        );

        let ended = clinic.store().write(|w| end(w, &first.id, NOW));
        assert_eq!(ended.map(|session| session.ended), Ok(Some(NOW.0)));
        assert_eq!(clinic.enter(&admission("r"), NOW), Err(NoEntry::Over));
        let again = clinic
            .store()
            .write(|w| end(w, &first.id, UnixTime(NOW.0 + 5)));
        assert_eq!(again.map(|session| session.ended), Ok(Some(NOW.0)));

        let next = opened(&clinic, &session("r"));
        assert_eq!(clinic.enter(&admission("r"), NOW), Ok(next.policy()));
    }

    #[test]
    fn a_revoked_token_or_person_stays_out_of_that_room_only() {
        for bearer in [Bearer::Token("t".into()), Bearer::Subject("s".into())] {
            let clinic = clinic(false);
            clinic
                .store()
                .write(|w| revoke(w, "r", &bearer, NOW))
                .expect("it is revoked");

            assert_eq!(clinic.enter(&admission("r"), NOW), Err(NoEntry::Revoked));
            assert!(clinic.enter(&admission("q"), NOW).is_ok());
            let other = Admission {
                token_id: "t2".into(),
                subject: "s2".into(),
                ..admission("r")
            };
            assert!(clinic.enter(&other, NOW).is_ok());
        }
    }

    #[test]
    fn who_was_removed_in_the_room_stays_out_at_once_and_for_good() {
        let store = Arc::new(Store::in_memory());
        let clinic = clinic_on(&store, false);

        clinic.revoke_token("r", "t");

        assert_eq!(clinic.enter(&admission("r"), NOW), Err(NoEntry::Revoked));
        while !clinic.pending().is_empty() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let restarted = clinic_on(&store, false);
        assert_eq!(restarted.enter(&admission("r"), NOW), Err(NoEntry::Revoked));
    }

    #[test]
    fn what_is_long_over_is_forgotten() {
        let clinic = clinic(false);
        let over = opened(&clinic, &session("over"));
        let going_on = opened(&clinic, &session("going on"));
        clinic
            .store()
            .write(|w| end(w, &over.id, NOW).map(|_| ()))
            .expect("it ends");
        let token = Bearer::Token("t".into());
        clinic
            .store()
            .write(|w| revoke(w, "over", &token, NOW))
            .expect("it is revoked");

        let purged = clinic.purge(UnixTime(NOW.0 + RETENTION.as_secs() - 1));
        assert_eq!(purged, Ok(0));
        assert!(clinic.session(&over.id).expect("it reads").is_some());
        let purged = clinic.purge(UnixTime(NOW.0 + RETENTION.as_secs() + 1));

        assert_eq!(purged, Ok(2));
        assert_eq!(clinic.session(&over.id), Ok(None));
        assert!(clinic.enter(&admission("over"), NOW).is_ok());
        assert_eq!(clinic.session(&going_on.id), Ok(Some(going_on)));
    }

    const RETENTION: Duration = Duration::from_secs(1_000);

    fn clinic(require_session: bool) -> Clinic {
        clinic_on(&Arc::new(Store::in_memory()), require_session)
    }

    fn clinic_on(store: &Arc<Store>, require_session: bool) -> Clinic {
        let settings = ClinicSettings {
            require_session,
            open_rooms: SessionPolicy::default(),
            retention: RETENTION,
        };
        Clinic::new(store.clone(), settings)
    }

    fn opened(clinic: &Clinic, session: &Session) -> Session {
        clinic
            .store()
            .write(|w| open(w, session, NOW))
            .expect("it opens");
        session.clone()
    }

    fn session(room: &str) -> Session {
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

    fn admission(room: &str) -> Admission {
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
}
