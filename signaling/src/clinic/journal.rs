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
use super::sessions;
use crate::access::UnixTime;
use crate::room::{Decision, Recorded};
use crate::store::Store;

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
    decision: Decision,
    /// Of what it keeps out.
    names: Vec<[u8; 32]>,
    written: oneshot::Sender<bool>,
}

/// A removal, to be tried again.
struct Unwritten {
    room: String,
    decision: Decision,
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

    /// `names`: of those that it keeps out.
    pub(super) fn record(&self, room: &str, decision: Decision, names: Vec<[u8; 32]>) -> Recorded {
        for name in &names {
            *self.pending.lock().entry(*name).or_default() += 1;
        }
        let (written, done) = oneshot::channel();
        // The thread lives as long as this.
        let _ = self.queue.send(Job {
            room: room.to_owned(),
            decision,
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
            let is_removal = matches!(job.decision, Decision::Remove { .. });
            if is_removal && unwritten.len() < MOST_UNWRITTEN {
                unwritten.push_back(Unwritten {
                    room: job.room.clone(),
                    decision: job.decision.clone(),
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
        let written = store.write(|w| sessions::decide(w, &next.room, &next.decision, now));
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
            .try_for_each(|job| sessions::decide(writing, &job.room, &job.decision, now))
    })
}

/// Between attempts to write what could not be written.
const RETRY: Duration = Duration::from_secs(5);

/// Beyond this they are kept in mind only.
const MOST_UNWRITTEN: usize = 10_000;
