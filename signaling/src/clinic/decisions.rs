//! What is decided in rooms, and of tokens, as it is written down.

use super::journal::Hold;
use super::record::{
    Acceptance, Attendance, Bearer, Consented, FormerMeeting, OpenRoom, Revocation, Session,
    SessionId, TokenUse,
};
use super::sessions::end;
use super::{Clinic, Refused};
use crate::access::UnixTime;
use crate::room::Decision;
use crate::store::tables::{CONSENTS, OPEN_ROOMS, REVOCATIONS, ROOMS, SESSIONS, TOKENS};
use crate::store::{Reading, Store, StoreError, Writing};

impl Clinic {
    /// Whether a decision that nothing takes back is on disk already. Those are
    /// made again and again.
    pub(super) fn is_known(
        &self,
        session: Option<&SessionId>,
        decision: &Decision,
    ) -> Result<bool, StoreError> {
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
                // Where nobody opened one, it keeps the room's record young.
                let Some(session) = session else {
                    return Ok(false);
                };
                let attendance = token(reading, token_id)?.attendance;
                Ok(attendance.is_some_and(|there| there.session == *session && there.is_admitted))
            }
            _ => Ok(false),
        })
    }

    /// What holds by a decision before it is on disk.
    pub(super) fn holds(
        &self,
        room: &str,
        session: Option<&SessionId>,
        decision: &Decision,
    ) -> Vec<Hold> {
        let store = self.store();
        let token =
            |id: &String| Hold::at_once(revocation_name(store, room, &Bearer::Token(id.clone())));
        match decision {
            Decision::Remove { token_id } => vec![token(token_id)],
            Decision::End { token_ids } => match session {
                Some(session) => vec![Hold::at_once(end_name(store, session))],
                None => token_ids.iter().map(token).collect(),
            },
            Decision::Emptied { at } => vec![Hold {
                name: emptied_name(store, room),
                from: UnixTime(at.0.saturating_add(GRACE)),
            }],
            _ => Vec::new(),
        }
    }
}

/// Writes down what was decided in a room, for a session or where nobody opened
/// one.
pub(super) fn decide(
    writing: &mut Writing<'_>,
    room: &str,
    session: Option<&SessionId>,
    decision: &Decision,
    now: UnixTime,
) -> Result<(), Refused> {
    let remove = |writing: &mut Writing<'_>, token_id: &String| {
        revoke(writing, room, &Bearer::Token(token_id.clone()), now).map(|_| ())
    };
    match (decision, place(writing, room, session, now)?) {
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
        (Decision::End { .. }, Place::Session(session)) => {
            end(writing, &session.id, now).map(|_| ())
        }
        (Decision::End { token_ids }, Place::Unopened(_) | Place::Over) => {
            writing.remove(&OPEN_ROOMS, &open_room_name(writing, room))?;
            token_ids.iter().try_for_each(|id| remove(writing, id))
        }
        (Decision::Lock(locked), Place::Session(mut session)) => {
            session.locked = *locked;
            writing.put(&SESSIONS, session.id.as_str().as_bytes(), &session)?;
            Ok(())
        }
        (Decision::Lock(locked), Place::Unopened(open)) => {
            let mut open = in_use(open, now);
            open.locked = Some(*locked);
            keep_open_room(writing, room, &open)
        }
        (Decision::Admit { token_id }, Place::Session(session)) => {
            note_token(writing, token_id, 0, |token| {
                attend(token, &session.id, None).is_admitted = true;
            })
        }
        (Decision::Admit { token_id }, Place::Unopened(open)) => {
            let open = in_use(open, now);
            keep_open_room(writing, room, &open)?;
            note_token(writing, token_id, 0, |token| {
                come_back(token, &open, now);
                attend(token, &open.id, Some(open.until)).is_admitted = true;
            })
        }
        (
            Decision::Accept {
                token_id,
                version,
                hash,
                at,
            },
            place,
        ) => {
            let acceptance = Acceptance {
                version: version.clone(),
                hash: *hash,
                at: at.0,
            };
            let (id, until) = match place {
                Place::Session(session) => {
                    consent(writing, &session.id, token_id, &acceptance)?;
                    (session.id, None)
                }
                Place::Unopened(open) => {
                    let open = in_use(open, now);
                    keep_open_room(writing, room, &open)?;
                    (open.id, Some(open.until))
                }
                Place::Over => return Ok(()),
            };
            note_token(writing, token_id, 0, |token| {
                attend(token, &id, until).acceptance = Some(acceptance);
            })
        }
        (Decision::Emptied { at }, Place::Unopened(Some(open))) => {
            Ok(cut(writing, &open_room_name(writing, room), &open, *at)?)
        }
        (Decision::Lock(_) | Decision::Admit { .. } | Decision::Emptied { .. }, _) => Ok(()),
    }
}

/// What a decision in a room is about.
enum Place {
    /// The clinic opened a session there.
    Session(Session),
    /// Nobody did; what was decided there lately.
    Unopened(Option<OpenRoom>),
    /// Of a session that is over, nothing is decided any more, nor of a room
    /// that is a session's by now.
    Over,
}

fn place(
    writing: &Writing<'_>,
    room: &str,
    session: Option<&SessionId>,
    now: UnixTime,
) -> Result<Place, StoreError> {
    if let Some(id) = session {
        let session: Option<Session> = writing.get(&SESSIONS, id.as_str().as_bytes())?;
        let session = session.filter(|session| !session.is_over(now));
        return Ok(session.map_or(Place::Over, Place::Session));
    }
    if writing
        .get(&ROOMS, &writing.name(&["room", room]))?
        .is_some()
    {
        return Ok(Place::Over);
    }
    let open: Option<OpenRoom> = writing.get(&OPEN_ROOMS, &open_room_name(writing, room))?;
    Ok(Place::Unopened(open.filter(|open| open.until > now.0)))
}

fn open_room_name(writing: &Writing<'_>, room: &str) -> [u8; 32] {
    writing.name(&open_room_parts(room))
}

pub(super) fn open_room_parts(room: &str) -> [&str; 2] {
    ["open room", room]
}

/// A room that nobody opened, in use from now on, or still. Those who come back
/// after all had left begin another meeting, so that nobody else's pass becomes
/// good for longer.
fn in_use(open: Option<OpenRoom>, now: UnixTime) -> OpenRoom {
    let until = now.0.saturating_add(OPEN_ROOM);
    let (locked, former) = match open {
        Some(open) if !open.is_empty => return OpenRoom { until, ..open },
        Some(open) => {
            let left = FormerMeeting {
                id: open.id,
                until: open.until,
            };
            let mut former = open.former;
            former.retain(|former| former.until > now.0);
            former.insert(0, left);
            former.truncate(MOST_FORMER);
            (open.locked, former)
        }
        None => (None, Vec::new()),
    };
    OpenRoom {
        id: SessionId::generate(now, 0),
        locked,
        until,
        is_empty: false,
        former,
    }
}

/// Lets what was decided in a room be forgotten soon: all had left it `at` that
/// time.
pub(super) fn cut(
    writing: &mut Writing<'_>,
    name: &[u8],
    open: &OpenRoom,
    at: UnixTime,
) -> Result<(), StoreError> {
    let open = OpenRoom {
        until: open.until.min(at.0.saturating_add(GRACE)),
        is_empty: true,
        ..open.clone()
    };
    writing.put(&OPEN_ROOMS, name, &open)
}

fn keep_open_room(writing: &mut Writing<'_>, room: &str, open: &OpenRoom) -> Result<(), Refused> {
    let name = open_room_name(writing, room);
    let is_new = writing.get(&OPEN_ROOMS, &name)?.is_none();
    if is_new && writing.count(&OPEN_ROOMS)? >= MOST_OPEN_ROOMS {
        return Err(Refused::Full);
    }
    writing.put(&OPEN_ROOMS, &name, open)?;
    Ok(())
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

/// Whoever is back from a meeting of just before has accepted its text.
fn come_back(token: &mut TokenUse, open: &OpenRoom, now: UnixTime) {
    if let Some(attendance) = &mut token.attendance
        && open.knows(&attendance.session, now)
    {
        attendance.session = open.id.clone();
    }
}

/// What was decided in this session; of another one, nothing is kept.
fn attend<'a>(
    token: &'a mut TokenUse,
    session: &SessionId,
    until: Option<u64>,
) -> &'a mut Attendance {
    let here = token.attendance.take();
    let here = here.filter(|attendance| attendance.session == *session);
    let attendance = token.attendance.insert(here.unwrap_or_else(|| Attendance {
        session: session.clone(),
        until,
        is_admitted: false,
        acceptance: None,
    }));
    attendance.until = until;
    attendance
}

/// Lets tokens into a room no more, and says whether they were good until now.
pub(crate) fn revoke(
    writing: &mut Writing<'_>,
    room: &str,
    bearer: &Bearer,
    now: UnixTime,
) -> Result<bool, Refused> {
    let name = writing.name(&revocation_parts(room, bearer));
    let is_news = writing.get(&REVOCATIONS, &name)?.is_none();
    if is_news && writing.count(&REVOCATIONS)? >= MOST_REVOCATIONS {
        return Err(Refused::Full);
    }
    let revocation = Revocation {
        room: room.to_owned(),
        bearer: bearer.clone(),
        at: now.0,
    };
    writing.put(&REVOCATIONS, &name, &revocation)?;
    Ok(is_news)
}

pub(super) fn revocation_name(store: &Store, room: &str, bearer: &Bearer) -> [u8; 32] {
    store.name(&revocation_parts(room, bearer))
}

/// Of what is forgotten since all have left.
pub(super) fn emptied_name(store: &Store, room: &str) -> [u8; 32] {
    store.name(&["emptied", room])
}

/// Of a session's end on its way to the disk.
pub(super) fn end_name(store: &Store, session: &SessionId) -> [u8; 32] {
    store.name(&["end", session.as_str()])
}

fn revocation_parts<'a>(room: &'a str, bearer: &'a Bearer) -> [&'a str; 4] {
    match bearer {
        Bearer::Token(id) => ["revocation", room, "jti", id],
        Bearer::Subject(id) => ["revocation", room, "sub", id],
    }
}

/// A few, where a test fills it.
pub(super) const MOST_REVOCATIONS: u64 = if cfg!(test) { 20 } else { 200_000 };

/// About 80 MB.
pub(super) const MOST_TOKENS: u64 = 200_000;

/// About 80 MB.
pub(super) const MOST_CONSENTS: u64 = 200_000;

/// About 30 MB.
pub(super) const MOST_OPEN_ROOMS: u64 = 100_000;

/// Seconds for which a room that nobody opened is remembered after the last
/// decision in it: for longer than anybody is in one.
const OPEN_ROOM: u64 = 12 * 60 * 60;

/// And after all have left it, or the server has started: for as long as clients
/// try to come back, and no longer, since others may meet there next.
pub(super) const GRACE: u64 = 2 * 60;

/// Of one room that all leave and come back to, time and again.
const MOST_FORMER: usize = 8;

/// Tokens are taken for so many seconds beyond their time.
const LEEWAY: u64 = 10;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::example::{NOW, admission, clinic, clinic_on, opened, session, wait_for};
    use super::super::sessions::end;
    use super::*;
    use crate::access::{Admission, Thumbprint};
    use crate::room::{Entry, NoEntry, Sessions, Standing};

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
            let session = opened(&clinic, &session("r"));

            let recorded = clinic.record("r", Some(session.id.as_str()), &[decision]);

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
        let end = Decision::End { token_ids };
        assert!(wait_for(clinic.record("r", None, &[end])));

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
            let session = Some(first.id.as_str());
            assert!(wait_for(clinic.record("r", session, &[decision])));
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
    fn a_token_stays_bound_to_its_key_after_a_restart() {
        let store = Arc::new(Store::in_memory());
        let bind = Decision::Bind {
            token_id: "t".into(),
            key: Thumbprint([1; 32]),
            expires_at: NOW,
        };
        assert!(wait_for(clinic_on(&store, false).record(
            "r",
            None,
            &[bind]
        )));

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
    fn what_was_decided_in_a_room_that_nobody_opened_holds_after_a_restart_for_some_hours() {
        let store = Arc::new(Store::in_memory());
        for decision in [admit("t"), accept("t"), Decision::Lock(true)] {
            decided(&store, &decision, NOW);
        }
        let enter = |seconds| {
            let entry = clinic_on(&store, false).enter(&admission("r"), after(seconds));
            let entry = entry.expect("it may");
            (entry.policy.locked, entry.standing)
        };
        let standing = Standing {
            is_admitted: true,
            accepted: Some([7; 32]),
        };

        assert_eq!(enter(OPEN_ROOM - 1), (true, standing));
        let other = clinic_on(&store, false).enter(&admission("q"), NOW);
        assert_eq!(other, Ok(Entry::default()));
        assert_eq!(enter(OPEN_ROOM), (false, Standing::default()));

        // Each decision keeps all of it for longer.
        decided(&store, &admit("u"), after(OPEN_ROOM - 1));
        assert_eq!(enter(OPEN_ROOM), (true, standing));
        decided(&store, &Decision::Lock(false), after(OPEN_ROOM));
        assert_eq!(enter(OPEN_ROOM), (false, standing));

        decided(
            &store,
            &Decision::End { token_ids: vec![] },
            after(OPEN_ROOM),
        );
        assert_eq!(enter(OPEN_ROOM), (false, Standing::default()));
        let clinic = clinic_on(&store, false);
        clinic.purge(after(3 * OPEN_ROOM)).expect("it is written");
        let left = store.read(|r| Ok::<_, StoreError>((r.count(&OPEN_ROOMS)?, r.count(&TOKENS)?)));
        assert_eq!(left, Ok((0, 0)));
    }

    #[test]
    fn what_was_decided_in_a_meeting_holds_after_it_for_as_long_as_it_takes_to_come_back() {
        let store = Arc::new(Store::in_memory());
        let standing = |seconds| entry_at(&store, "t", seconds).standing.is_admitted;
        let is_locked = |seconds| entry_at(&store, "t", seconds).policy.locked;
        decided(&store, &admit("t"), NOW);
        decided(&store, &Decision::Lock(true), NOW);
        decided(&store, &emptied(1_000), after(1_000));
        // Nor does it matter that others left the door later.
        decided(&store, &emptied(1_001), after(1_001));

        let last = 1_000 + GRACE - 1;
        assert!(standing(last) && is_locked(last));
        assert!(!standing(last + 1) && !is_locked(last + 1));
    }

    #[test]
    fn the_next_meeting_makes_nobodys_pass_from_the_last_one_good_for_longer() {
        let store = Arc::new(Store::in_memory());
        let is_admitted = |token, seconds| entry_at(&store, token, seconds).standing.is_admitted;
        for token in ["host", "t"] {
            decided(&store, &admit(token), NOW);
        }
        decided(&store, &emptied(0), NOW);

        // Within the time in which all may come back, and one does.
        decided(&store, &admit("host"), after(60));
        assert!(is_admitted("t", GRACE - 1));
        assert!(is_admitted("host", OPEN_ROOM - 1));
        assert!(!is_admitted("t", GRACE));

        // That one loses the connection once more.
        decided(&store, &emptied(70), after(70));
        decided(&store, &admit("host"), after(80));
        assert!(is_admitted("t", GRACE - 1));
        assert!(!is_admitted("t", GRACE));
        decided(&store, &emptied(OPEN_ROOM), after(OPEN_ROOM));

        // After it.
        let next = OPEN_ROOM + 8 * 60;
        decided(&store, &admit("u"), after(next));
        assert!(is_admitted("u", next));
        assert!(!is_admitted("t", next) && !is_admitted("host", next));
    }

    #[test]
    fn whoever_comes_back_after_all_had_left_has_accepted_the_text() {
        let store = Arc::new(Store::in_memory());
        for decision in [accept("t"), admit("t"), emptied(0), admit("t")] {
            decided(&store, &decision, NOW);
        }

        let entry = entry_at(&store, "t", OPEN_ROOM - 1);

        assert_eq!(entry.standing.accepted, Some([7; 32]));
        assert!(entry.standing.is_admitted);
    }

    #[test]
    fn what_was_decided_before_a_kill_holds_for_as_long_as_it_takes_to_come_back() {
        let store = Arc::new(Store::in_memory());
        let is_admitted = |token, seconds| entry_at(&store, token, seconds).standing.is_admitted;
        for token in ["host", "t"] {
            decided(&store, &admit(token), NOW);
        }

        let clinic = clinic_on(&store, false);
        clinic.start(after(1_000)).expect("it is written");
        decided(&store, &admit("host"), after(1_010));
        clinic.start(after(1_020)).expect("it is written");

        assert!(is_admitted("t", 1_000 + GRACE - 1));
        assert!(!is_admitted("t", 1_000 + GRACE));
        assert!(is_admitted("host", 1_020 + GRACE - 1));
        assert!(!is_admitted("host", 1_020 + GRACE));
    }

    #[test]
    fn that_all_have_left_holds_before_it_is_on_disk() {
        let store = Arc::new(Store::in_memory());
        let clinic = clinic_on(&store, false);
        decided(&store, &admit("t"), NOW);

        let recorded = clinic.record("r", None, &[emptied(0)]);

        // While it is being written, too.
        for _ in 0..2_000 {
            let there = clinic.enter(&admission("r"), after(GRACE - 1));
            assert!(there.expect("it may").standing.is_admitted);
            let late = clinic.enter(&admission("r"), after(GRACE));
            assert!(!late.expect("it may").standing.is_admitted);
        }
        assert!(wait_for(recorded));
    }

    #[test]
    fn what_was_decided_before_a_session_was_opened_is_of_no_account_after_it() {
        let store = Arc::new(Store::in_memory());
        decided(&store, &admit("t"), NOW);

        opened(&clinic_on(&store, false), &session("r"));

        let left = store.read(|r| r.count(&OPEN_ROOMS));
        assert_eq!(left, Ok::<_, StoreError>(0));
    }

    #[test]
    fn of_a_session_that_is_over_nothing_is_kept_as_of_a_room_that_nobody_opened() {
        let store = Arc::new(Store::in_memory());
        let clinic = clinic_on(&store, false);
        let session = opened(&clinic, &session("r"));
        let ended = store.write(|w| end(w, &session.id, NOW).map(|_| ()));
        ended.expect("it ends");

        for decision in [admit("t"), Decision::Lock(true), emptied(0)] {
            decided(&store, &decision, NOW);
        }

        let kept = store.read(|r| Ok::<_, StoreError>((r.count(&OPEN_ROOMS)?, r.count(&TOKENS)?)));
        assert_eq!(kept, Ok((0, 0)));
    }

    fn decided(store: &Store, decision: &Decision, now: UnixTime) {
        let written = store.write(|w| decide(w, "r", None, decision, now));
        written.expect("it is written");
    }

    fn accept(token_id: &str) -> Decision {
        Decision::Accept {
            token_id: token_id.into(),
            version: "1".into(),
            hash: [7; 32],
            at: NOW,
        }
    }

    fn admit(token_id: &str) -> Decision {
        Decision::Admit {
            token_id: token_id.into(),
        }
    }

    fn emptied(seconds: u64) -> Decision {
        Decision::Emptied { at: after(seconds) }
    }

    /// What holds for a token after a restart.
    fn entry_at(store: &Arc<Store>, token_id: &str, seconds: u64) -> Entry {
        let bearer = Admission {
            token_id: token_id.into(),
            ..admission("r")
        };
        let entry = clinic_on(store, false).enter(&bearer, after(seconds));
        entry.expect("it may")
    }

    fn after(seconds: u64) -> UnixTime {
        UnixTime(NOW.0 + seconds)
    }
}
