//! The thread that writes down what is decided in sessions.
//!
//! Rooms do not wait for the disk: decisions queue up here, and all that wait
//! are written in one change.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

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
/// decisions of this name are under way. What could not be written stays.
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
    while let Ok(first) = jobs.recv() {
        let batch: Vec<_> = [first].into_iter().chain(jobs.try_iter()).collect();
        if write_all(store, &batch).is_ok() {
            for job in batch {
                settle(pending, job, true);
            }
            continue;
        }
        // One that cannot be written keeps none of the others from it.
        for job in batch {
            let written = write_all(store, std::slice::from_ref(&job));
            if let Err(error) = &written {
                tracing::error!(%error, "a decision could not be stored");
            }
            settle(pending, job, written.is_ok());
        }
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
