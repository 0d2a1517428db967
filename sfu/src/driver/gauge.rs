//! What a worker's thread shows to others of its work.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::worker::statistics::Statistics;

/// A snapshot that the thread renews now and then, so that reading it costs
/// the thread nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Gauge(Arc<Mutex<Snapshot>>);

#[derive(Clone, Copy, Debug, Default)]
struct Snapshot {
    statistics: Statistics,
    busy: Duration,
}

impl Gauge {
    pub(super) fn statistics(&self) -> Statistics {
        self.read().statistics
    }

    pub(super) fn busy(&self) -> Duration {
        self.read().busy
    }

    fn read(&self) -> Snapshot {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread's side of a [`Gauge`].
#[derive(Debug)]
pub(super) struct Meter {
    gauge: Gauge,
    busy: Duration,
    woke: Instant,
    shown: Instant,
}

impl Meter {
    pub(super) fn new(gauge: Gauge, now: Instant) -> Self {
        Self {
            gauge,
            busy: Duration::ZERO,
            woke: now,
            shown: now,
        }
    }

    /// The thread begins to work.
    pub(super) fn wake(&mut self, now: Instant) {
        self.woke = now;
    }

    /// The thread is about to wait.
    pub(super) fn rest(&mut self, now: Instant, statistics: impl FnOnce() -> Statistics) {
        self.busy += now.saturating_duration_since(self.woke);
        if now.saturating_duration_since(self.shown) < RENEWAL {
            return;
        }
        // Whoever reads at this moment gets the last one.
        if let Ok(mut snapshot) = self.gauge.0.try_lock() {
            self.shown = now;
            *snapshot = Snapshot {
                statistics: statistics(),
                busy: self.busy,
            };
        }
    }
}

const RENEWAL: Duration = Duration::from_millis(100);
