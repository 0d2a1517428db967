//! The bitrate that arrives, by what the receiver has acknowledged.

use std::collections::VecDeque;
use std::time::Duration;

use super::Bitrate;

/// Bytes over a sliding window of time. The time is whatever clock the caller
/// uses, in microseconds.
#[derive(Debug)]
pub(super) struct RateMeter {
    window: i64,
    /// Bytes by the interval they fell into, oldest first.
    buckets: VecDeque<(i64, u64)>,
    total: u64,
    started: Option<i64>,
}

impl RateMeter {
    pub(super) fn new(window: Duration) -> Self {
        Self {
            window: i64::try_from(window.as_micros()).unwrap_or(i64::MAX),
            buckets: VecDeque::with_capacity(BUCKETS as usize + 2),
            total: 0,
            started: None,
        }
    }

    /// Counts bytes at a moment. What lies before the window is not counted.
    pub(super) fn record(&mut self, at: i64, bytes: u64) {
        let slot = at.div_euclid(self.bucket());
        self.started.get_or_insert(at);
        match self.buckets.back_mut() {
            Some((newest, _)) if slot < *newest => {
                // A packet that others overtook: where it belongs, or nowhere.
                if let Some((_, count)) = self.buckets.iter_mut().find(|(of, _)| *of == slot) {
                    *count += bytes;
                    self.total += bytes;
                }
                return;
            }
            Some((newest, count)) if slot == *newest => *count += bytes,
            _ => self.buckets.push_back((slot, bytes)),
        }
        self.total += bytes;
        self.expire(at);
    }

    /// The rate over the window that ends at `now`; `None` before half a
    /// window has passed.
    pub(super) fn rate(&mut self, now: i64) -> Option<Bitrate> {
        self.expire(now);
        let elapsed = now.saturating_sub(self.started?).min(self.window);
        if elapsed < self.window / 2 {
            return None;
        }
        Bitrate::of(self.total, Duration::from_micros(elapsed.unsigned_abs()))
    }

    /// Forgets all: the clock has leapt.
    pub(super) fn reset(&mut self) {
        self.buckets.clear();
        self.total = 0;
        self.started = None;
    }

    fn expire(&mut self, now: i64) {
        let oldest = now.saturating_sub(self.window).div_euclid(self.bucket());
        while let Some((slot, count)) = self.buckets.front()
            && *slot <= oldest
        {
            self.total -= count;
            self.buckets.pop_front();
        }
    }

    fn bucket(&self) -> i64 {
        (self.window / BUCKETS).max(1)
    }
}

const BUCKETS: i64 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_millis(500);

    #[test]
    fn a_steady_flow_is_measured_and_its_end_is_seen() {
        let mut meter = RateMeter::new(WINDOW);
        for packet in 0..100 {
            meter.record(packet * 10_000, 1250);
        }

        let rate = meter.rate(1_000_000).expect("a rate");
        let later = meter.rate(2_000_000).expect("a rate");

        let kilobits = rate.as_bits_per_second() / 1000;
        assert!((930..=1050).contains(&kilobits), "{kilobits}");
        assert_eq!(later, Bitrate::ZERO);
    }

    #[test]
    fn whatever_the_clock_does_memory_is_bounded() {
        let mut meter = RateMeter::new(WINDOW);
        for at in [i64::MIN, 0, i64::MAX, 5, i64::MIN, i64::MAX] {
            meter.record(at, 1);
            meter.rate(at);
            assert!(meter.buckets.len() <= BUCKETS as usize + 2);
        }
        for step in 0..10_000 {
            meter.record(step * 1_000, 1);
        }
        assert!(meter.buckets.len() <= BUCKETS as usize + 2);
    }
}
