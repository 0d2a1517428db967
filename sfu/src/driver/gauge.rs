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

    /// The thread is about to wait. Gives how long it may at most, if what it
    /// did is not shown yet.
    pub(super) fn rest(
        &mut self,
        now: Instant,
        statistics: impl FnOnce() -> Statistics,
    ) -> Option<Duration> {
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
        let rooms = |rooms| {
            move || Statistics {
                rooms,
                ..Statistics::default()
            }
        };
        assert_eq!(meter.rest(at(100), rooms(1)), None);

        meter.wake(at(110));
        let limit = meter.rest(at(120), rooms(2));
        assert_eq!(limit, Some(Duration::from_millis(80)));
        assert_eq!(gauge.statistics().rooms, 1);

        meter.wake(at(200));
        assert_eq!(meter.rest(at(201), rooms(2)), None);
        assert_eq!(gauge.statistics().rooms, 2);
    }
}
