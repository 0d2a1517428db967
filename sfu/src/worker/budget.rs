//! How often something may happen.

use std::time::{Duration, Instant};

/// A token bucket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    a_second: i64,
    /// In thousandths, as is what is left; less than none is owed.
    most: i64,
    left: i64,
    refilled: Instant,
}

impl Budget {
    /// At most `most` at once, and `a_second` each second on average.
    pub(super) fn new(now: Instant, a_second: u32, most: u32) -> Self {
        let most = i64::from(most) * UNIT;
        Self {
            a_second: i64::from(a_second),
            most,
            left: most,
            refilled: now,
        }
    }

    /// Whether it may happen once more now.
    pub(super) fn spend(&mut self, now: Instant) -> bool {
        let is_left = self.has_some(now);
        if is_left {
            self.take(1);
        }
        is_left
    }

    /// Whether anything is left.
    pub(super) fn has_some(&mut self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.refilled).as_millis();
        if elapsed > 0 {
            let whole = Duration::from_millis(u64::try_from(elapsed).unwrap_or(u64::MAX));
            let elapsed = i64::try_from(elapsed).unwrap_or(i64::MAX);
            let refill = elapsed.saturating_mul(self.a_second);
            self.left = self.left.saturating_add(refill).min(self.most);
            // What is left of a millisecond counts the next time.
            self.refilled = self.refilled.checked_add(whole).unwrap_or(now);
        }
        self.left >= UNIT
    }

    /// Takes this much, be there as much left or not.
    pub(super) fn take(&mut self, amount: u32) {
        self.left = self.left.saturating_sub(i64::from(amount) * UNIT);
    }
}

const UNIT: i64 = 1000;

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_is_bounded_and_time_refills() {
        let start = Instant::now();
        let mut budget = Budget::new(start, 2000, 10);
        let mut spent = |milliseconds| {
            let now = start + Duration::from_millis(milliseconds);
            (0..100).filter(|_| budget.spend(now)).count()
        };

        assert_eq!(spent(0), 10);
        assert_eq!(spent(3), 6);
        assert_eq!(spent(1000), 10);
    }

    #[test]
    fn what_was_more_than_there_was_is_owed() {
        let start = Instant::now();
        let mut budget = Budget::new(start, 1000, 10);
        let mut bytes = 0;
        for millisecond in 0..1000 {
            let now = start + Duration::from_millis(millisecond);
            if budget.has_some(now) {
                budget.take(100);
                bytes += 100;
            }
        }

        assert!((900..=1100).contains(&bytes), "{bytes}");
    }
}
