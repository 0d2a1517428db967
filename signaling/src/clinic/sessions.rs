//! Sessions: opened, looked up, ended.

use super::decisions::{emptied_name, end_name, open_room_parts, revocation_name};
use super::journal;
use super::record::{Bearer, Consented, OpenRoom, RoomUse, Session, SessionId, TokenUse};
use super::{Clinic, Refused};
use crate::access::{Admission, UnixTime};
use crate::room::{Decision, Entry, NoEntry, Recorded, Sessions, Standing};
use crate::store::tables::{CONSENTS, OPEN_ROOMS, REVOCATIONS, ROOMS, SESSIONS, TOKENS};
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

    /// Who accepted a session's text, whoever did so first first.
    pub(crate) fn consents(&self, id: &SessionId) -> Result<Vec<Consented>, StoreError> {
        let mut consents = self.store().read(|reading| {
            reading.below(&CONSENTS, id.as_str().as_bytes(), MOST_CONSENTS_OF_ONE)
        })?;
        consents.sort_by_key(|consent: &Consented| consent.acceptance.at);
        Ok(consents)
    }

    /// Whether a session's room is still its own: once it is over, another may
    /// have it.
    pub(crate) fn is_latest(&self, session: &Session) -> bool {
        let room = self.store().name(&["room", &session.room]);
        let latest: Result<_, StoreError> = self.store().read(|reading| reading.get(&ROOMS, &room));
        latest.is_ok_and(|latest| latest.is_some_and(|latest| latest.session == session.id))
    }

    fn look_up(&self, admission: &Admission, now: UnixTime) -> Result<Entry, NoEntry> {
        let store = self.store();
        let room = &admission.room;
        let names = [
            revocation_name(store, room, &Bearer::Token(admission.token_id.clone())),
            revocation_name(store, room, &Bearer::Subject(admission.subject.clone())),
        ];
        let pending = self.shared.journal.holding(now);
        let (is_revoked, session, open, token) = store
            .read(|reading| {
                let is_revoked = reading.get(&REVOCATIONS, &names[0])?.is_some()
                    || reading.get(&REVOCATIONS, &names[1])?.is_some();
                let token = reading.get(&TOKENS, &store.name(&["token", &admission.token_id]))?;
                let open = reading.get(&OPEN_ROOMS, &store.name(&open_room_parts(room)))?;
                Ok((is_revoked, in_room(reading, store, room)?, open, token))
            })
            .map_err(|error: StoreError| {
                tracing::error!(%error, "a session could not be looked up");
                NoEntry::Unknown
            })?;
        // Before all else: others may still test their networks.
        if is_revoked || names.iter().any(|name| pending.contains(name)) {
            return Err(NoEntry::Revoked);
        }
        let is_over = session.as_ref().is_some_and(|session| {
            session.is_over(now) || pending.contains(&end_name(store, &session.id))
        });
        if is_over {
            return Err(NoEntry::Over);
        }
        let token: TokenUse = token.unwrap_or_default();
        if token.key.is_some() && token.key != admission.key.map(|key| key.0) {
            return Err(NoEntry::OtherKey);
        }
        let standing = |is_here: &dyn Fn(&SessionId) -> bool| {
            let attendance = token.attendance.as_ref();
            let here = attendance.filter(|attendance| is_here(&attendance.session));
            here.map_or_else(Standing::default, |here| Standing {
                is_admitted: here.is_admitted,
                accepted: here.acceptance.as_ref().map(|acceptance| acceptance.hash),
            })
        };
        let Some(session) = session else {
            if self.shared.settings.require_session {
                return Err(NoEntry::NoSession);
            }
            let mut policy = self.shared.settings.open_rooms.clone();
            let is_emptied = pending.contains(&emptied_name(store, room));
            let open = open.filter(|open: &OpenRoom| open.until > now.0 && !is_emptied);
            let open = open.as_ref();
            policy.locked = open.and_then(|open| open.locked).unwrap_or(policy.locked);
            return Ok(Entry {
                policy,
                session: None,
                standing: open.map_or_else(Standing::default, |open| {
                    standing(&|meeting| open.knows(meeting, now))
                }),
            });
        };
        let policy = session.policy();
        if let Some(window) = policy.window {
            window.admit(now)?;
        }
        Ok(Entry {
            policy,
            session: Some(session.id.as_str().to_owned()),
            standing: standing(&|id| *id == session.id),
        })
    }
}

impl Sessions for Clinic {
    fn enter(&self, admission: &Admission, now: UnixTime) -> Result<Entry, NoEntry> {
        self.look_up(admission, now)
    }

    fn record(&self, room: &str, session: Option<&str>, decisions: &[Decision]) -> Recorded {
        let session = session.and_then(SessionId::parse);
        let is_news =
            |decision: &&Decision| !self.is_known(session.as_ref(), decision).unwrap_or(false);
        let decisions: Vec<_> = decisions.iter().filter(is_news).cloned().collect();
        if decisions.is_empty() {
            return Recorded::nothing();
        }
        let holds = decisions
            .iter()
            .flat_map(|decision| self.holds(room, session.as_ref(), decision));
        self.shared.journal.record(journal::Entry {
            holds: holds.collect(),
            room: room.to_owned(),
            session,
            decisions,
        })
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
    // Whoever was let in before was not let in to this session.
    let open_room = writing.name(&open_room_parts(&session.room));
    writing.remove(&OPEN_ROOMS, &open_room)?;
    writing.put(&ROOMS, &room, &in_use)?;
    writing.put(&SESSIONS, session.id.as_str().as_bytes(), session)?;
    Ok(())
}

/// Ends a session, and gives it, and whether it was not ended before. Its first
/// end is the one that counts.
pub(crate) fn end(
    writing: &mut Writing<'_>,
    id: &SessionId,
    now: UnixTime,
) -> Result<(Session, bool), Refused> {
    let key = id.as_str().as_bytes();
    let mut session = writing.get(&SESSIONS, key)?.ok_or(Refused::NoSession)?;
    let is_news = session.ended.is_none();
    if is_news {
        session.ended = Some(now.0);
        writing.put(&SESSIONS, key, &session)?;
    }
    Ok((session, is_news))
}

pub(super) fn in_room(
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
pub(super) const MOST_SESSIONS: u64 = 100_000;

/// More than there are people in one session, each with some devices.
const MOST_CONSENTS_OF_ONE: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::super::decisions::revoke;
    use super::super::example::{NOW, admission, clinic, entry, opened, session};
    use super::*;
    use crate::clinic::record::StoredWindow;

    #[test]
    fn a_room_without_a_session_follows_the_setting() {
        assert_eq!(
            clinic(false).enter(&admission("r"), NOW),
            Ok(Entry::default())
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
        assert_eq!(enter(NOW.0), Ok(entry(&session)));
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
        let ended = ended.map(|(session, is_news)| (session.ended, is_news));
        assert_eq!(ended, Ok((Some(NOW.0), true)));
        assert_eq!(clinic.enter(&admission("r"), NOW), Err(NoEntry::Over));
        let again = clinic
            .store()
            .write(|w| end(w, &first.id, UnixTime(NOW.0 + 5)));
        let again = again.map(|(session, is_news)| (session.ended, is_news));
        assert_eq!(again, Ok((Some(NOW.0), false)));

        let next = opened(&clinic, &session("r"));
        assert_eq!(clinic.enter(&admission("r"), NOW), Ok(entry(&next)));
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
    fn who_was_revoked_is_told_so_when_the_session_is_over_too() {
        let clinic = clinic(true);
        let session = opened(&clinic, &session("r"));
        let by = Bearer::Token("t".into());
        let store = clinic.store();
        store
            .write(|w| revoke(w, "r", &by, NOW))
            .expect("it is revoked");
        store.write(|w| end(w, &session.id, NOW)).expect("it ends");

        assert_eq!(clinic.enter(&admission("r"), NOW), Err(NoEntry::Revoked));
        let other = Admission {
            token_id: "t2".into(),
            ..admission("r")
        };
        assert_eq!(clinic.enter(&other, NOW), Err(NoEntry::Over));
    }
}
