//! Sessions: opened, looked up, ended; and tokens that are good no longer.

use super::record::{
    Acceptance, Attendance, Bearer, Consented, Revocation, RoomUse, Session, SessionId, TokenUse,
};
use super::{Clinic, Refused};
use crate::access::{Admission, UnixTime};
use crate::room::{Decision, Entry, NoEntry, Recorded, Sessions, Standing};
use crate::store::tables::{CONSENTS, REVOCATIONS, ROOMS, SESSIONS, TOKENS};
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
        let pending = self.shared.journal.keeping_out();
        let (is_revoked, session, token) = store
            .read(|reading| {
                let is_revoked = reading.get(&REVOCATIONS, &names[0])?.is_some()
                    || reading.get(&REVOCATIONS, &names[1])?.is_some();
                let token = reading.get(&TOKENS, &store.name(&["token", &admission.token_id]))?;
                Ok((is_revoked, in_room(reading, store, room)?, token))
            })
            .map_err(|error: StoreError| {
                tracing::error!(%error, "a session could not be looked up");
                NoEntry::Unknown
            })?;
        let is_over = session.as_ref().is_some_and(|session| {
            session.is_over(now) || pending.contains(&end_name(store, &session.id))
        });
        if is_over {
            return Err(NoEntry::Over);
        }
        if is_revoked || names.iter().any(|name| pending.contains(name)) {
            return Err(NoEntry::Revoked);
        }
        let token: TokenUse = token.unwrap_or_default();
        if token.key.is_some() && token.key != admission.key.map(|key| key.0) {
            return Err(NoEntry::OtherKey);
        }
        let Some(session) = session else {
            return if self.shared.settings.require_session {
                Err(NoEntry::NoSession)
            } else {
                Ok(Entry {
                    policy: self.shared.settings.open_rooms.clone(),
                    ..Entry::default()
                })
            };
        };
        let policy = session.policy();
        if let Some(window) = policy.window {
            window.admit(now)?;
        }
        let attendance = token.attendance.filter(|there| there.session == session.id);
        Ok(Entry {
            policy,
            session: Some(session.id.as_str().to_owned()),
            standing: attendance.map_or_else(Standing::default, |there| Standing {
                is_admitted: there.is_admitted,
                accepted: there.acceptance.map(|acceptance| acceptance.hash),
            }),
        })
    }

    /// Whether a decision that nothing takes back is on disk already, or is
    /// about no session. Those are made again and again.
    fn is_known(&self, room: &str, decision: &Decision) -> Result<bool, StoreError> {
        let store = self.store();
        let token = |reading: &Reading<'_>, id: &String| {
            let token: Option<TokenUse> = reading.get(&TOKENS, &store.name(&["token", id]))?;
            Ok::<_, StoreError>(token.unwrap_or_default())
        };
        store.read(|reading| match decision {
            Decision::Bind { token_id, key, .. } => {
                Ok(token(reading, token_id)?.key == Some(key.0))
            }
            Decision::Admit { token_id } => {
                let Some(session) = in_room(reading, store, room)? else {
                    return Ok(true);
                };
                let attendance = token(reading, token_id)?.attendance;
                Ok(
                    attendance
                        .is_some_and(|there| there.session == session.id && there.is_admitted),
                )
            }
            _ => Ok(false),
        })
    }

    /// What a decision keeps out at once.
    fn kept_out(&self, room: &str, decision: &Decision) -> Result<Vec<[u8; 32]>, StoreError> {
        let store = self.store();
        let token = |id: &String| revocation_name(store, room, &Bearer::Token(id.clone()));
        Ok(match decision {
            Decision::Remove { token_id } => vec![token(token_id)],
            Decision::End { token_ids } => {
                match store.read(|reading| in_room(reading, store, room))? {
                    Some(session) => vec![end_name(store, &session.id)],
                    None => token_ids.iter().map(token).collect(),
                }
            }
            _ => Vec::new(),
        })
    }
}

impl Sessions for Clinic {
    fn enter(&self, admission: &Admission, now: UnixTime) -> Result<Entry, NoEntry> {
        self.look_up(admission, now)
    }

    fn record(&self, room: &str, decision: Decision) -> Recorded {
        if self.is_known(room, &decision).unwrap_or(false) {
            return Recorded::nothing();
        }
        let names = self.kept_out(room, &decision).unwrap_or_else(|error| {
            tracing::error!(%error, "a session could not be looked up");
            Vec::new()
        });
        self.shared.journal.record(room, decision, names)
    }
}

/// Writes down what was decided in a room.
pub(super) fn decide(
    writing: &mut Writing<'_>,
    room: &str,
    decision: &Decision,
    now: UnixTime,
) -> Result<(), Refused> {
    let session = match writing.get(&ROOMS, &writing.name(&["room", room]))? {
        Some(in_use) => writing.get(&SESSIONS, in_use.session.as_str().as_bytes())?,
        None => None,
    };
    // Of one that is over, nothing is decided any more.
    let session = session.filter(|session| !session.is_over(now));
    let remove = |writing: &mut Writing<'_>, token_id: &String| {
        revoke(writing, room, &Bearer::Token(token_id.clone()), now)
    };
    match (decision, session) {
        (Decision::Remove { token_id }, _) => remove(writing, token_id),
        (
            Decision::Bind {
                token_id,
                key,
                expires_at,
            },
            _,
        ) => {
            // Nobody comes in with it after that.
            let kept_until = expires_at.0.saturating_add(LEEWAY);
            note_token(writing, token_id, kept_until, |token| {
                token.key = Some(key.0);
            })
        }
        (Decision::End { .. }, Some(session)) => end(writing, &session.id, now).map(|_| ()),
        (Decision::End { token_ids }, None) => {
            token_ids.iter().try_for_each(|id| remove(writing, id))
        }
        (Decision::Lock(locked), Some(mut session)) => {
            session.locked = *locked;
            writing.put(&SESSIONS, session.id.as_str().as_bytes(), &session)?;
            Ok(())
        }
        (Decision::Admit { token_id }, Some(session)) => {
            note_token(writing, token_id, 0, |token| {
                attend(token, &session.id).is_admitted = true;
            })
        }
        (
            Decision::Accept {
                token_id,
                version,
                hash,
                at,
            },
            Some(session),
        ) => {
            let acceptance = Acceptance {
                version: version.clone(),
                hash: *hash,
                at: at.0,
            };
            consent(writing, &session.id, token_id, &acceptance)?;
            note_token(writing, token_id, 0, |token| {
                attend(token, &session.id).acceptance = Some(acceptance);
            })
        }
        // Rooms that nobody opened begin anew each time.
        (Decision::Lock(_) | Decision::Admit { .. } | Decision::Accept { .. }, None) => Ok(()),
    }
}

/// Keeps the first acceptance of a text. Later ones are of no account.
fn consent(
    writing: &mut Writing<'_>,
    session: &SessionId,
    token_id: &str,
    acceptance: &Acceptance,
) -> Result<(), Refused> {
    let parts = ["consent", token_id, &acceptance.version];
    let name = writing.name(&parts);
    let key = [session.as_str().as_bytes(), &name, &acceptance.hash].concat();
    if writing.get(&CONSENTS, &key)?.is_some() {
        return Ok(());
    }
    if writing.count(&CONSENTS)? >= MOST_CONSENTS {
        return Err(Refused::Full);
    }
    let consented = Consented {
        session: session.clone(),
        token_id: token_id.to_owned(),
        acceptance: acceptance.clone(),
    };
    writing.put(&CONSENTS, &key, &consented)?;
    Ok(())
}

fn note_token(
    writing: &mut Writing<'_>,
    token_id: &str,
    kept_until: u64,
    change: impl FnOnce(&mut TokenUse),
) -> Result<(), Refused> {
    let name = writing.name(&["token", token_id]);
    let known = writing.get(&TOKENS, &name)?;
    if known.is_none() && writing.count(&TOKENS)? >= MOST_TOKENS {
        return Err(Refused::Full);
    }
    let mut token: TokenUse = known.unwrap_or_default();
    token.kept_until = token.kept_until.max(kept_until);
    change(&mut token);
    writing.put(&TOKENS, &name, &token)?;
    Ok(())
}

/// What was decided in this session; of another one, nothing is kept.
fn attend<'a>(token: &'a mut TokenUse, session: &SessionId) -> &'a mut Attendance {
    let here = token.attendance.take();
    let here = here.filter(|attendance| attendance.session == *session);
    token.attendance.insert(here.unwrap_or_else(|| Attendance {
        session: session.clone(),
        is_admitted: false,
        acceptance: None,
    }))
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

/// Removes sessions that were over before `kept_since`, and what nobody asks
/// for any more: what was decided in sessions that are over, revocations of
/// before `kept_since` of tokens that nobody can come with.
pub(super) fn purge(store: &Store, kept_since: UnixTime, now: UnixTime) -> Result<u64, StoreError> {
    warn_before_full(store)?;
    // What cannot be read is kept.
    let is_live = |id: &SessionId, since| {
        let session = store.read(|reading| reading.get(&SESSIONS, id.as_str().as_bytes()));
        session.map_or(true, |session: Option<Session>| {
            session.is_some_and(|session| !session.is_over(since))
        })
    };
    let tokens = store.sweep(
        &TOKENS,
        |token| {
            let attended = token.attendance.as_ref();
            token.kept_until >= now.0
                || attended.is_some_and(|attended| is_live(&attended.session, now))
        },
        |writing, key, _| writing.remove(&TOKENS, key),
    )?;
    let revocations = store.sweep(
        &REVOCATIONS,
        |revocation| {
            revocation.at >= kept_since.0
                || may_matter(store, revocation, kept_since, now).unwrap_or(true)
        },
        |writing, key, _| writing.remove(&REVOCATIONS, key),
    )?;
    let sessions = store.sweep(
        &SESSIONS,
        |session| !session.is_over(kept_since),
        |writing, key, session| {
            let room = writing.name(&["room", &session.room]);
            let in_use = writing.get(&ROOMS, &room)?;
            if in_use.is_some_and(|in_use| in_use.session == session.id) {
                writing.remove(&ROOMS, &room)?;
            }
            writing.remove(&SESSIONS, key)
        },
    )?;
    let consents = store.sweep(
        &CONSENTS,
        |consent| {
            let id = consent.session.as_str().as_bytes();
            let session: Result<Option<Session>, StoreError> =
                store.read(|reading| reading.get(&SESSIONS, id));
            !matches!(session, Ok(None))
        },
        |writing, key, _| writing.remove(&CONSENTS, key),
    )?;
    Ok(tokens + revocations + sessions + consents)
}

/// Whether somebody could come in but for an old revocation: its room's session
/// goes on or is young, or its token is known to be good.
fn may_matter(
    store: &Store,
    revocation: &Revocation,
    kept_since: UnixTime,
    now: UnixTime,
) -> Result<bool, StoreError> {
    store.read(|reading| {
        let session = in_room(reading, store, &revocation.room)?;
        if session.is_some_and(|session| !session.is_over(kept_since)) {
            return Ok(true);
        }
        let Bearer::Token(id) = &revocation.bearer else {
            return Ok(false);
        };
        let token = reading.get(&TOKENS, &store.name(&["token", id]))?;
        Ok(token.is_some_and(|token| token.kept_until >= now.0))
    })
}

/// A full store takes no new session, and a full table of tokens nobody with a
/// token that is bound to a key.
fn warn_before_full(store: &Store) -> Result<(), StoreError> {
    store.read(|reading| {
        for (kind, count, most) in [
            ("sessions", reading.count(&SESSIONS)?, MOST_SESSIONS),
            (
                "revocations",
                reading.count(&REVOCATIONS)?,
                MOST_REVOCATIONS,
            ),
            ("tokens", reading.count(&TOKENS)?, MOST_TOKENS),
            ("acceptances", reading.count(&CONSENTS)?, MOST_CONSENTS),
        ] {
            if is_nearly_full(count, most) {
                tracing::warn!(
                    kind,
                    count,
                    most,
                    "the store is nearly full; end sessions, or lower store.retention_days"
                );
            }
        }
        Ok(())
    })
}

fn is_nearly_full(count: u64, most: u64) -> bool {
    count >= most / 5 * 4
}

pub(super) fn revocation_name(store: &Store, room: &str, bearer: &Bearer) -> [u8; 32] {
    store.name(&revocation_parts(room, bearer))
}

/// Of a session's end on its way to the disk.
fn end_name(store: &Store, session: &SessionId) -> [u8; 32] {
    store.name(&["end", session.as_str()])
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

/// About 80 MB.
const MOST_TOKENS: u64 = 200_000;

/// About 80 MB.
const MOST_CONSENTS: u64 = 200_000;

/// More than there are people in one session, each with some devices.
const MOST_CONSENTS_OF_ONE: usize = 1_000;

/// Tokens are taken for so many seconds beyond their time.
const LEEWAY: u64 = 10;

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::access::Thumbprint;
    use crate::clinic::ClinicSettings;
    use crate::clinic::record::StoredWindow;
    use crate::protocol::Role;
    use crate::room::SessionPolicy;

    const NOW: UnixTime = UnixTime(1_800_000_000);

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
        assert_eq!(ended.map(|session| session.ended), Ok(Some(NOW.0)));
        assert_eq!(clinic.enter(&admission("r"), NOW), Err(NoEntry::Over));
        let again = clinic
            .store()
            .write(|w| end(w, &first.id, UnixTime(NOW.0 + 5)));
        assert_eq!(again.map(|session| session.ended), Ok(Some(NOW.0)));

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
    fn a_removal_and_an_end_hold_at_once_and_for_good() {
        for (decision, refusal) in [
            (
                Decision::Remove {
                    token_id: "t".into(),
                },
                NoEntry::Revoked,
            ),
            (
                Decision::End {
                    token_ids: vec!["t".into()],
                },
                NoEntry::Over,
            ),
        ] {
            let store = Arc::new(Store::in_memory());
            let clinic = clinic_on(&store, false);
            opened(&clinic, &session("r"));

            let recorded = clinic.record("r", decision);

            // While it is being written, too.
            for _ in 0..2_000 {
                assert_eq!(clinic.enter(&admission("r"), NOW), Err(refusal));
            }
            assert!(wait_for(recorded));
            let restarted = clinic_on(&store, false);
            assert_eq!(restarted.enter(&admission("r"), NOW), Err(refusal));
        }
    }

    #[test]
    fn an_end_where_nobody_opened_a_session_keeps_out_those_who_were_there() {
        let clinic = clinic(false);
        let token_ids = vec!["t".to_owned()];
        assert!(wait_for(clinic.record("r", Decision::End { token_ids })));

        assert_eq!(clinic.enter(&admission("r"), NOW), Err(NoEntry::Revoked));
        let other = Admission {
            token_id: "u".into(),
            ..admission("r")
        };
        assert_eq!(clinic.enter(&other, NOW), Ok(Entry::default()));
    }

    #[test]
    fn what_was_decided_in_a_session_holds_after_a_restart_and_in_that_session_only() {
        let store = Arc::new(Store::in_memory());
        let clinic = clinic_on(&store, false);
        let first = opened(&clinic, &session("r"));
        let token_id = || "t".to_owned();
        let accept = Decision::Accept {
            token_id: token_id(),
            version: "1".into(),
            hash: [7; 32],
            at: NOW,
        };
        for decision in [
            accept,
            Decision::Admit {
                token_id: token_id(),
            },
            Decision::Lock(true),
        ] {
            assert!(wait_for(clinic.record("r", decision)));
        }

        let entry_again = clinic_on(&store, false)
            .enter(&admission("r"), NOW)
            .expect("it may");
        assert!(entry_again.policy.locked);
        let standing = Standing {
            is_admitted: true,
            accepted: Some([7; 32]),
        };
        assert_eq!(entry_again.standing, standing);

        let ended = clinic.store().write(|w| end(w, &first.id, NOW).map(|_| ()));
        ended.expect("it ends");
        opened(&clinic, &session("r"));
        let entry_anew = clinic.enter(&admission("r"), NOW).expect("it may");
        assert!(!entry_anew.policy.locked);
        assert_eq!(entry_anew.standing, Standing::default());
    }

    #[test]
    fn the_first_acceptance_is_kept_for_as_long_as_its_session() {
        let store = Arc::new(Store::in_memory());
        let clinic = clinic_on(&store, true);
        let (here, elsewhere) = (
            opened(&clinic, &session("r")),
            opened(&clinic, &session("q")),
        );
        for (room, at) in [("r", NOW.0 + 1), ("r", NOW.0 + 2), ("q", NOW.0 + 3)] {
            let accept = Decision::Accept {
                token_id: "t".into(),
                version: "v".into(),
                hash: [7; 32],
                at: UnixTime(at),
            };
            assert!(wait_for(clinic.record(room, accept)));
        }
        let kept = |id: &SessionId| {
            let consents = clinic_on(&store, true).consents(id).expect("it reads");
            let kept = consents.into_iter().map(|kept| {
                assert_eq!((kept.token_id.as_str(), &kept.session), ("t", id));
                assert_eq!(kept.acceptance.version, "v");
                (kept.acceptance.hash, kept.acceptance.at)
            });
            kept.collect::<Vec<_>>()
        };
        assert_eq!(kept(&here.id), [([7; 32], NOW.0 + 1)]);
        assert_eq!(kept(&elsewhere.id), [([7; 32], NOW.0 + 3)]);

        let ended = clinic.store().write(|w| end(w, &here.id, NOW).map(|_| ()));
        ended.expect("it ends");
        let last = UnixTime(NOW.0 + RETENTION.as_secs());
        clinic.purge(UnixTime(last.0 - 1)).expect("it is written");
        assert_eq!(kept(&here.id).len(), 1);
        clinic.purge(UnixTime(last.0 + 1)).expect("it is written");
        assert_eq!(kept(&here.id), []);
        assert_eq!(kept(&elsewhere.id).len(), 1);
    }

    #[test]
    fn a_revocation_is_kept_while_its_session_goes_on_or_its_token_is_good() {
        let clinic = clinic(false);
        let much_later = UnixTime(NOW.0 + 10 * RETENTION.as_secs());
        let long_lived = opened(&clinic, &session("long"));
        let bind = Decision::Bind {
            token_id: "t".into(),
            key: Thumbprint([1; 32]),
            expires_at: UnixTime(much_later.0 + 5),
        };
        assert!(wait_for(clinic.record("bound", bind)));
        for (room, token) in [("long", "x"), ("bound", "t"), ("gone", "y")] {
            let bearer = Bearer::Token(token.into());
            let revoked = clinic.store().write(|w| revoke(w, room, &bearer, NOW));
            revoked.expect("it is written");
        }
        let is_kept = |room, token: &str| {
            let name = revocation_name(clinic.store(), room, &Bearer::Token(token.into()));
            let kept = clinic.store().read(|r| r.get(&REVOCATIONS, &name));
            kept.is_ok_and(|kept: Option<Revocation>| kept.is_some())
        };

        clinic.purge(much_later).expect("it is written");

        assert!(is_kept("long", "x") && is_kept("bound", "t"));
        assert!(!is_kept("gone", "y"));

        let ended = clinic
            .store()
            .write(|w| end(w, &long_lived.id, much_later).map(|_| ()));
        ended.expect("it ends");
        let at_last = UnixTime(much_later.0 + 2 * RETENTION.as_secs());
        clinic.purge(at_last).expect("it is written");
        assert!(!is_kept("long", "x") && !is_kept("bound", "t"));
    }

    #[test]
    fn who_attended_is_forgotten_with_the_sessions_end() {
        let clinic = clinic(false);
        let session = opened(&clinic, &session("r"));
        let admit = Decision::Admit {
            token_id: "t".into(),
        };
        assert!(wait_for(clinic.record("r", admit)));
        let count = || clinic.store().read(|r| r.count(&TOKENS));

        clinic
            .purge(UnixTime(NOW.0 + 10_000_000))
            .expect("it is written");
        assert_eq!(count(), Ok::<_, StoreError>(1));

        let ended = clinic
            .store()
            .write(|w| end(w, &session.id, NOW).map(|_| ()));
        ended.expect("it ends");
        clinic.purge(UnixTime(NOW.0 + 1)).expect("it is written");
        assert_eq!(count(), Ok(0));
    }

    #[test]
    fn a_warning_comes_before_the_store_is_full() {
        assert!(!is_nearly_full(159_999, MOST_TOKENS));
        assert!(is_nearly_full(160_000, MOST_TOKENS));
    }

    #[test]
    fn a_token_stays_bound_to_its_key_after_a_restart() {
        let store = Arc::new(Store::in_memory());
        let bind = Decision::Bind {
            token_id: "t".into(),
            key: Thumbprint([1; 32]),
            expires_at: NOW,
        };
        assert!(wait_for(clinic_on(&store, false).record("r", bind)));

        let clinic = clinic_on(&store, false);
        for (key, expected) in [
            (Some(1), Ok(Entry::default())),
            (Some(2), Err(NoEntry::OtherKey)),
            (None, Err(NoEntry::OtherKey)),
        ] {
            let key = key.map(|byte| Thumbprint([byte; 32]));
            let bearer = Admission {
                key,
                ..admission("r")
            };
            assert_eq!(clinic.enter(&bearer, NOW), expected);
        }
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

    #[test]
    fn a_room_used_again_is_not_forgotten_with_its_former_session() {
        let clinic = clinic(true);
        let former = opened(&clinic, &session("r"));
        clinic
            .store()
            .write(|w| end(w, &former.id, NOW).map(|_| ()))
            .expect("it ends");
        let present = opened(&clinic, &session("r"));

        let purged = clinic.purge(UnixTime(NOW.0 + RETENTION.as_secs() + 1));

        assert_eq!(purged, Ok(1));
        assert_eq!(clinic.enter(&admission("r"), NOW), Ok(entry(&present)));
    }

    #[test]
    fn what_changes_while_old_records_are_looked_for_stays() {
        let clinic = clinic(false);
        let store = clinic.store();
        let renew = |kept_until| {
            let token = TokenUse {
                kept_until,
                ..TokenUse::default()
            };
            let written: Result<(), StoreError> = store.write(|w| w.put(&TOKENS, b"t", &token));
            written.expect("it is written");
        };
        renew(NOW.0);
        let times = Cell::new(0);
        let keep = |token: &TokenUse| {
            if times.replace(times.get() + 1) == 0 {
                renew(NOW.0 + 2);
            }
            token.kept_until > NOW.0
        };

        let swept = store.sweep(&TOKENS, keep, |w, key, _| w.remove(&TOKENS, key));

        assert_eq!(swept, Ok(0));
        assert_eq!(store.write(|w| w.count(&TOKENS)), Ok::<_, StoreError>(1));
    }

    #[test]
    fn a_large_store_is_purged_in_small_changes() {
        let clinic = clinic(false);
        let store = clinic.store();
        let filled: Result<(), StoreError> = store.write(|w| {
            for number in 0..2_000_u64 {
                w.put(&TOKENS, &number.to_be_bytes(), &TokenUse::default())?;
            }
            Ok(())
        });
        filled.expect("it is written");
        let (looked_at, removed) = (Cell::new(0), Cell::new(0));
        let most = Cell::new(0);
        let keep = |_: &TokenUse| {
            looked_at.set(looked_at.get() + 1);
            false
        };

        let swept = store.sweep(&TOKENS, keep, |w, key, _| {
            removed.set(removed.get() + 1);
            // Each is looked at a second time when it is removed.
            most.set(most.get().max(looked_at.get() - 2 * removed.get()));
            w.remove(&TOKENS, key)
        });

        assert_eq!(swept, Ok(2_000));
        assert!(most.get() < 500, "{}", most.get());
    }

    fn wait_for(recorded: Recorded) -> bool {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.expect("a runtime").block_on(recorded.done())
    }

    fn entry(session: &Session) -> Entry {
        Entry {
            policy: session.policy(),
            session: Some(session.id.as_str().to_owned()),
            standing: Standing::default(),
        }
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
