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
use super::record::SessionId;
use crate::access::UnixTime;
use crate::room::{Decision, Recorded};
use crate::store::{Store, Writing};

/// Where decisions are handed in. The thread ends with it.
#[derive(Debug)]
pub(super) struct Journal {
    queue: mpsc::Sender<Job>,
    pending: Pending,
}

/// What holds though it is not on disk yet, such as that somebody is kept out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hold {
    pub(super) name: [u8; 32],
    pub(super) from: UnixTime,
}

/// How many decisions of a name are under way, and since when it holds. What
/// could not be written stays; removals, and that all have left, are tried again.
#[derive(Clone, Default, Debug)]
struct Pending(Arc<Mutex<Holding>>);

type Holding = HashMap<[u8; 32], (usize, UnixTime)>;

/// What was decided in a room, on record as a whole or not at all.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) room: String,
    /// Absent: nobody opened one.
    pub(super) session: Option<SessionId>,
    pub(super) decisions: Vec<Decision>,
    /// What holds by it meanwhile.
    pub(super) holds: Vec<Hold>,
}

#[derive(Debug)]
struct Job {
    entry: Entry,
    written: oneshot::Sender<bool>,
}

impl Hold {
    pub(super) fn at_once(name: [u8; 32]) -> Self {
        Self {
            name,
            from: UnixTime(0),
        }
    }
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

    pub(super) fn record(&self, entry: Entry) -> Recorded {
        for hold in &entry.holds {
            let mut pending = self.pending.lock();
            let (count, from) = pending.entry(hold.name).or_insert((0, hold.from));
            *count += 1;
            *from = (*from).min(hold.from);
        }
        let (written, done) = oneshot::channel();
        // The thread lives as long as this.
        let _ = self.queue.send(Job { entry, written });
        Recorded::when(done)
    }

    /// The names of what holds, and is not in the store yet. To be asked for
    /// before the store is read: afterwards it may be there, and no longer here.
    pub(super) fn holding(&self, now: UnixTime) -> HashSet<[u8; 32]> {
        let pending = self.pending.lock();
        let holding = pending.iter().filter(|(_, (_, from))| *from <= now);
        holding.map(|(name, _)| *name).collect()
    }
}

impl Pending {
    fn lock(&self) -> MutexGuard<'_, Holding> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, holds: &[Hold]) {
        let mut pending = self.lock();
        for Hold { name, .. } in holds {
            if let Some((count, _)) = pending.get_mut(name) {
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

fn write_batch(store: &Store, pending: &Pending, batch: Vec<Job>, unwritten: &mut VecDeque<Entry>) {
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
            let forbids = matches!(
                job.entry.decisions[..],
                [Decision::Remove { .. } | Decision::Emptied { .. }]
            );
            if forbids && unwritten.len() < MOST_UNWRITTEN {
                unwritten.push_back(job.entry.clone());
            }
        }
        settle(pending, job, written.is_ok());
    }
}

/// Tries once more what took place though it was not on record.
fn retry(store: &Store, pending: &Pending, unwritten: &mut VecDeque<Entry>) {
    let now = UnixTime::now();
    while let Some(next) = unwritten.front() {
        let written = store.write(|w| write_entry(w, next, now));
        if written.is_err() {
            // The next one's turn, when this is tried again.
            unwritten.rotate_left(1);
            return;
        }
        tracing::info!("a decision from before is stored now");
        pending.settle(&next.holds);
        unwritten.pop_front();
    }
}

fn settle(pending: &Pending, job: Job, is_written: bool) {
    if is_written {
        pending.settle(&job.entry.holds);
    }
    // Nobody may be waiting.
    let _ = job.written.send(is_written);
}

fn write_all(store: &Store, batch: &[Job]) -> Result<(), Refused> {
    let now = UnixTime::now();
    store.write(|writing| {
        batch
            .iter()
            .try_for_each(|job| write_entry(writing, &job.entry, now))
    })
}

fn write_entry(writing: &mut Writing<'_>, entry: &Entry, now: UnixTime) -> Result<(), Refused> {
    let (room, session) = (&entry.room, entry.session.as_ref());
    let mut decisions = entry.decisions.iter();
    decisions.try_for_each(|decision| decide(writing, room, session, decision, now))
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

        assert!(!wait_for(clinic.record("r", None, &[removal])));

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
        while !clinic.shared.journal.holding(NOW).is_empty() {
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

        assert!(!wait_for(clinic.record(
            "r",
            None,
            &[admit.clone(), impossible]
        )));

        let is_admitted = || {
            let entry = clinic.enter(&admission("r"), UnixTime::now());
            entry.expect("it may").standing.is_admitted
        };
        assert!(!is_admitted());
        assert!(wait_for(clinic.record("r", None, &[admit])));
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
