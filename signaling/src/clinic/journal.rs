//! The thread that writes down what is decided in sessions.
//!
//! Rooms do not wait for the disk: decisions queue up here, and all that wait
//! are written in one change.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::Refused;
use super::decisions::decide;
use crate::access::UnixTime;
use crate::room::{Decision, Recorded};
use crate::store::{Store, Writing};

/// Where decisions are handed in. The thread ends with it.
#[derive(Debug)]
pub(super) struct Journal {
    queue: mpsc::Sender<Job>,
    pending: Pending,
}

/// What keeps somebody out from now on, though it is not on disk yet: how many
/// decisions of this name are under way. What could not be written stays, and
/// a removal is tried again.
#[derive(Clone, Default, Debug)]
struct Pending(Arc<Mutex<HashMap<[u8; 32], usize>>>);

#[derive(Debug)]
struct Job {
    room: String,
    /// On record as a whole, or not at all.
    decisions: Vec<Decision>,
    /// Of what it keeps out.
    names: Vec<[u8; 32]>,
    written: oneshot::Sender<bool>,
}

/// A removal, to be tried again.
struct Unwritten {
    room: String,
    decisions: Vec<Decision>,
    names: Vec<[u8; 32]>,
}

impl Journal {
    pub(super) fn start(store: Arc<Store>) -> Self {
        let (queue, jobs) = mpsc::channel();
        let pending = Pending::default();
        thread::Builder::new()
            .name("journal".into())
            .spawn({
                let pending = pending.clone();
                move || write(&store, &pending, &jobs)
            })
            .expect("a thread can be started");
        Self { queue, pending }
    }

    /// `names`: of those that they keep out.
    pub(super) fn record(
        &self,
        room: &str,
        decisions: Vec<Decision>,
        names: Vec<[u8; 32]>,
    ) -> Recorded {
        for name in &names {
            *self.pending.lock().entry(*name).or_default() += 1;
        }
        let (written, done) = oneshot::channel();
        // The thread lives as long as this.
        let _ = self.queue.send(Job {
            room: room.to_owned(),
            decisions,
            names,
            written,
        });
        Recorded::when(done)
    }

    /// The names of what keeps people out, and is not in the store yet. To be
    /// asked for before the store is read: afterwards it may be there, and no
    /// longer here.
    pub(super) fn keeping_out(&self) -> HashSet<[u8; 32]> {
        self.pending.lock().keys().copied().collect()
    }
}

impl Pending {
    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, names: &[[u8; 32]]) {
        let mut pending = self.lock();
        for name in names {
            if let Some(count) = pending.get_mut(name) {
                *count -= 1;
                if *count == 0 {
                    pending.remove(name);
                }
            }
        }
    }
}

/// Ends when the journal is dropped.
fn write(store: &Store, pending: &Pending, jobs: &mpsc::Receiver<Job>) {
    let mut unwritten = VecDeque::new();
    let mut tried = Instant::now();
    loop {
        let first = if unwritten.is_empty() {
            jobs.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            jobs.recv_timeout(RETRY.saturating_sub(tried.elapsed()))
        };
        match first {
            Ok(first) => {
                let batch = [first].into_iter().chain(jobs.try_iter()).collect();
                write_batch(store, pending, batch, &mut unwritten);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        // Though others may come all the time.
        if !unwritten.is_empty() && tried.elapsed() >= RETRY {
            retry(store, pending, &mut unwritten);
            tried = Instant::now();
        }
    }
}

fn write_batch(
    store: &Store,
    pending: &Pending,
    batch: Vec<Job>,
    unwritten: &mut VecDeque<Unwritten>,
) {
    if write_all(store, &batch).is_ok() {
        for job in batch {
            settle(pending, job, true);
        }
        return;
    }
    // One that cannot be written keeps none of the others from it.
    for job in batch {
        let written = write_all(store, std::slice::from_ref(&job));
        if let Err(error) = &written {
            tracing::error!(%error, "a decision could not be stored");
            // An end is not: the room may be another session's by then.
            let is_removal = matches!(job.decisions[..], [Decision::Remove { .. }]);
            if is_removal && unwritten.len() < MOST_UNWRITTEN {
                unwritten.push_back(Unwritten {
                    room: job.room.clone(),
                    decisions: job.decisions.clone(),
                    names: job.names.clone(),
                });
            }
        }
        settle(pending, job, written.is_ok());
    }
}

/// Tries once more what took place though it was not on record.
fn retry(store: &Store, pending: &Pending, unwritten: &mut VecDeque<Unwritten>) {
    let now = UnixTime::now();
    while let Some(next) = unwritten.front() {
        let written = store.write(|w| write_job(w, &next.room, &next.decisions, now));
        if written.is_err() {
            // The next one's turn, when this is tried again.
            unwritten.rotate_left(1);
            return;
        }
        tracing::info!("a decision from before is stored now");
        pending.settle(&next.names);
        unwritten.pop_front();
    }
}

fn settle(pending: &Pending, job: Job, is_written: bool) {
    if is_written {
        pending.settle(&job.names);
    }
    // Nobody may be waiting.
    let _ = job.written.send(is_written);
}

fn write_all(store: &Store, batch: &[Job]) -> Result<(), Refused> {
    let now = UnixTime::now();
    store.write(|writing| {
        batch
            .iter()
            .try_for_each(|job| write_job(writing, &job.room, &job.decisions, now))
    })
}

fn write_job(
    writing: &mut Writing<'_>,
    room: &str,
    decisions: &[Decision],
    now: UnixTime,
) -> Result<(), Refused> {
    let mut decisions = decisions.iter();
    decisions.try_for_each(|decision| decide(writing, room, decision, now))
}

/// Between attempts to write what could not be written.
const RETRY: Duration = if cfg!(test) {
    Duration::from_millis(50)
} else {
    Duration::from_secs(5)
};

/// Beyond this they are kept in mind only.
const MOST_UNWRITTEN: usize = 10_000;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::decisions::{MOST_REVOCATIONS, revoke};
    use super::super::example::{NOW, admission, clinic_on, wait_for};
    use super::super::record::Bearer;
    use super::*;
    use crate::room::{NoEntry, Sessions};
    use crate::store::tables::REVOCATIONS;

    #[test]
    fn a_removal_that_could_not_be_written_keeps_out_and_is_written_when_it_can_be() {
        let store = Arc::new(Store::in_memory());
        let clinic = clinic_on(&store, false);
        fill(&store);
        let removal = Decision::Remove {
            token_id: "t".into(),
        };

        assert!(!wait_for(clinic.record("r", &[removal])));

        assert_eq!(clinic.enter(&admission("r"), NOW), Err(NoEntry::Revoked));
        // Another process would know nothing of it.
        assert!(clinic_on(&store, false).enter(&admission("r"), NOW).is_ok());
        let forgotten = store.sweep(
            &REVOCATIONS,
            |_| false,
            |w, key, _| w.remove(&REVOCATIONS, key),
        );
        assert_eq!(forgotten, Ok(MOST_REVOCATIONS));
        let began = Instant::now();
        while clinic_on(&store, false).enter(&admission("r"), NOW) != Err(NoEntry::Revoked) {
            assert!(
                began.elapsed() < Duration::from_secs(10),
                "it is not tried again"
            );
            thread::sleep(Duration::from_millis(5));
        }
        // What kept it out meanwhile is settled.
        while !clinic.shared.journal.keeping_out().is_empty() {
            assert!(
                began.elapsed() < Duration::from_secs(10),
                "it is not settled"
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn decisions_of_one_moment_are_on_record_together_or_not_at_all() {
        let store = Arc::new(Store::in_memory());
        let clinic = clinic_on(&store, false);
        fill(&store);
        let admit = Decision::Admit {
            token_id: "t".into(),
        };
        let impossible = Decision::Remove {
            token_id: "u".into(),
        };

        assert!(!wait_for(clinic.record("r", &[admit.clone(), impossible])));

        let is_admitted = || {
            let entry = clinic.enter(&admission("r"), UnixTime::now());
            entry.expect("it may").standing.is_admitted
        };
        assert!(!is_admitted());
        assert!(wait_for(clinic.record("r", &[admit])));
        assert!(is_admitted());
    }

    /// Takes all the space for revocations.
    fn fill(store: &Store) {
        for number in 0..MOST_REVOCATIONS {
            let bearer = Bearer::Token(format!("full-{number}"));
            let revoked = store.write(|w| revoke(w, "elsewhere", &bearer, NOW));
            revoked.expect("it is written");
        }
    }
}
