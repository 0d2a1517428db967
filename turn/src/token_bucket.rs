//! How much of something may happen.

use std::time::{Duration, Instant};

/// What a bucket lets through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// Each second on average; at least 1.
    pub a_second: u32,
    /// At once, after a pause.
    pub at_once: u32,
}

/// A token bucket, of which only the time is kept at which it will be full.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenBucket {
    full_at: Instant,
}

impl TokenBucket {
    pub(crate) fn full(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// When there will be as much as can be.
    pub(crate) fn full_at(&self) -> Instant {
        self.full_at
    }

    /// Takes `amount` if there is as much.
    pub(crate) fn take(&mut self, now: Instant, rate: Rate, amount: u32) -> bool {
        let missing = self.full_at.saturating_duration_since(now) + rate.time_of(amount);
        if missing > rate.time_of(rate.at_once) {
            return false;
        }
        self.full_at = now + missing;
        true
    }
}

impl Rate {
    fn time_of(self, amount: u32) -> Duration {
        let nanos = u64::from(amount) * 1_000_000_000 / u64::from(self.a_second.max(1));
        Duration::from_nanos(nanos)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_bounded_and_time_refills() {
        let start = Instant::now();
        let rate = Rate {
            a_second: 2000,
            at_once: 10,
        };
        let mut bucket = TokenBucket::full(start);
        let mut taken = |milliseconds| {
            let now = start + Duration::from_millis(milliseconds);
            (0..100).filter(|_| bucket.take(now, rate, 1)).count()
        };

        assert_eq!(taken(0), 10);
        assert_eq!(taken(3), 6);
        assert_eq!(taken(1000), 10);
    }

    #[test]
    fn more_than_fits_is_never_let_through() {
        let start = Instant::now();
        let rate = Rate {
            a_second: u32::MAX,
            at_once: 10,
        };
        let mut bucket = TokenBucket::full(start);

        assert!(!bucket.take(start + Duration::from_hours(1), rate, u32::MAX));
    }
}
