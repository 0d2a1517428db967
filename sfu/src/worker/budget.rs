//! How often something may happen.

use std::time::Instant;

/// A token bucket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    a_millisecond: u32,
    most: u32,
    left: u32,
    refilled: Instant,
}

impl Budget {
    /// At most `most` at once, and `a_millisecond` each millisecond on
    /// average.
    pub(super) fn new(now: Instant, a_millisecond: u32, most: u32) -> Self {
        Self {
            a_millisecond,
            most,
            left: most,
            refilled: now,
        }
    }

    /// Whether it may happen once more now.
    pub(super) fn spend(&mut self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.refilled).as_millis();
        if elapsed > 0 {
            let elapsed = u32::try_from(elapsed).unwrap_or(u32::MAX);
            let refill = elapsed.saturating_mul(self.a_millisecond);
            self.left = self.left.saturating_add(refill).min(self.most);
            self.refilled = now;
        }
        let is_left = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_left
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_is_bounded_and_time_refills() {
        let start = Instant::now();
        let mut budget = Budget::new(start, 2, 10);
        let mut spent = |milliseconds| {
            let now = start + Duration::from_millis(milliseconds);
            (0..100).filter(|_| budget.spend(now)).count()
        };

        assert_eq!(spent(0), 10);
        assert_eq!(spent(3), 6);
        assert_eq!(spent(1000), 10);
    }
}
