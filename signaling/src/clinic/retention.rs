//! What is kept, for how long, and when there is too much of it.

use super::decisions::{GRACE, MOST_CONSENTS, MOST_OPEN_ROOMS, MOST_REVOCATIONS, MOST_TOKENS, cut};
use super::record::{Bearer, Revocation, Session, SessionId};
use super::sessions::{MOST_SESSIONS, in_room};
use crate::access::UnixTime;
use crate::store::tables::{CONSENTS, OPEN_ROOMS, REVOCATIONS, ROOMS, SESSIONS, TOKENS};
use crate::store::{Store, StoreError};

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
                || attended.is_some_and(|attended| match attended.until {
                    Some(until) => until > now.0,
                    None => is_live(&attended.session, now),
                })
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
    let open_rooms = store.sweep(
        &OPEN_ROOMS,
        |open| open.until > now.0,
        |writing, key, _| writing.remove(&OPEN_ROOMS, key),
    )?;
    Ok(tokens + revocations + sessions + consents + open_rooms)
}

/// Lets be forgotten soon what was decided in rooms that nobody opened. Says in
/// how many.
pub(super) fn cut_open_rooms(store: &Store, now: UnixTime) -> Result<u64, StoreError> {
    let until = now.0.saturating_add(GRACE);
    store.sweep(
        &OPEN_ROOMS,
        |open| open.is_empty && open.until <= until,
        |writing, key, open| cut(writing, key, open, now),
    )
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
            ("open rooms", reading.count(&OPEN_ROOMS)?, MOST_OPEN_ROOMS),
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Arc;

    use super::super::decisions::{revocation_name, revoke};
    use super::super::example::{
        NOW, RETENTION, admission, clinic, clinic_on, entry, opened, session, wait_for,
    };
    use super::super::sessions::end;
    use super::*;
    use crate::access::Thumbprint;
    use crate::clinic::record::TokenUse;
    use crate::room::{Decision, Sessions};

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
            let session = if room == "r" { &here } else { &elsewhere };
            let session = Some(session.id.as_str());
            assert!(wait_for(clinic.record(room, session, &[accept])));
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
        assert!(wait_for(clinic.record("bound", None, &[bind])));
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
        let recorded = clinic.record("r", Some(session.id.as_str()), &[admit]);
        assert!(wait_for(recorded));
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
}
