//! What a thread shows to others of its work.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A snapshot that the thread renews now and then, so that reading it costs
/// the thread nothing.
#[derive(Clone, Debug, Default)]
pub struct Gauge<S>(Arc<Mutex<Snapshot<S>>>);

#[derive(Clone, Copy, Debug, Default)]
struct Snapshot<S> {
    statistics: S,
    busy: Duration,
}

impl<S: Copy> Gauge<S> {
    /// What was counted, as of a moment ago.
    pub fn statistics(&self) -> S {
        self.read().statistics
    }

    /// How long the thread has worked rather than waited.
    pub fn busy(&self) -> Duration {
        self.read().busy
    }

    fn read(&self) -> Snapshot<S> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread's side of a [`Gauge`].
#[derive(Debug)]
pub struct Meter<S> {
    gauge: Gauge<S>,
    busy: Duration,
    woke: Instant,
    shown: Instant,
}

impl<S> Meter<S> {
    pub fn new(gauge: Gauge<S>, now: Instant) -> Self {
        Self {
            gauge,
            busy: Duration::ZERO,
            woke: now,
            shown: now,
        }
    }

    /// The thread begins to work.
    pub fn wake(&mut self, now: Instant) {
        self.woke = now;
    }

    /// The thread is about to wait. Gives how long it may at most, if what it
    /// did is not shown yet.
    pub fn rest(&mut self, now: Instant, statistics: impl FnOnce() -> S) -> Option<Duration> {
        self.busy += now.saturating_duration_since(self.woke);
        let age = now.saturating_duration_since(self.shown);
        if age < RENEWAL {
            return Some(RENEWAL.saturating_sub(age));
        }
        // Whoever reads at this moment gets the last one.
        let Ok(mut snapshot) = self.gauge.0.try_lock() else {
            return Some(RENEWAL);
        };
        self.shown = now;
        *snapshot = Snapshot {
            statistics: statistics(),
            busy: self.busy,
        };
        None
    }
}

const RENEWAL: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_work_before_a_long_rest_is_shown() {
        let start = Instant::now();
        let gauge = Gauge::default();
        let mut meter = Meter::new(gauge.clone(), start);
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let counted = |count| move || count;
        assert_eq!(meter.rest(at(100), counted(1)), None);

        meter.wake(at(110));
        let limit = meter.rest(at(120), counted(2));
        assert_eq!(limit, Some(Duration::from_millis(80)));
        assert_eq!(gauge.statistics(), 1);

        meter.wake(at(200));
        assert_eq!(meter.rest(at(201), counted(2)), None);
        assert_eq!(gauge.statistics(), 2);
    }
}
