//! The bitrate that arrives, by what the receiver has acknowledged.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use super::Bitrate;

/// Bytes over a sliding window of time. The time is whatever clock the caller
/// uses, in microseconds.
#[derive(Debug)]
pub(super) struct RateMeter {
    /// The interval that the newest bytes fell into: most fall into it too.
    newest: Range<i64>,
    newest_bytes: u64,
    window: i64,
    bucket: i64,
    /// Those before: when each began, and its bytes, oldest first.
    buckets: VecDeque<(i64, u64)>,
    /// Bytes in them.
    total: u64,
    started: Option<i64>,
}

impl RateMeter {
    pub(super) fn new(window: Duration) -> Self {
        let window = i64::try_from(window.as_micros()).unwrap_or(i64::MAX);
        Self {
            newest: NEVER,
            newest_bytes: 0,
            window,
            bucket: (window / BUCKETS).max(1),
            buckets: VecDeque::new(),
            total: 0,
            started: None,
        }
    }

    /// Counts bytes at a moment. What lies before the window is not counted.
    pub(super) fn record(&mut self, at: i64, bytes: u64) {
        if self.newest.contains(&at) {
            self.newest_bytes += bytes;
            return;
        }
        self.started.get_or_insert(at);
        let start = at.saturating_sub(at.rem_euclid(self.bucket));
        if start < self.newest.start {
            // A packet that others overtook: where it belongs, or nowhere.
            if let Some((_, count)) = self.buckets.iter_mut().find(|(of, _)| *of == start) {
                *count += bytes;
                self.total += bytes;
            }
            return;
        }
        self.begin(start, bytes);
        self.expire(at);
    }

    /// The rate over the window that ends at `now`; `None` before half a
    /// window has passed.
    pub(super) fn rate(&mut self, now: i64) -> Option<Bitrate> {
        self.expire(now);
        // The oldest interval that still counts began then: a part of the one
        // before it is within the window too, but not counted.
        let outside = now.saturating_sub(self.window);
        let first = outside.saturating_add(self.bucket - outside.rem_euclid(self.bucket));
        let elapsed = now.saturating_sub(first.max(self.started?));
        if elapsed < self.window / 2 {
            return None;
        }
        let bytes = self.total + self.newest_bytes;
        Bitrate::of(bytes, Duration::from_micros(elapsed.unsigned_abs()))
    }

    /// Forgets all: the clock has leapt.
    pub(super) fn reset(&mut self) {
        self.buckets.clear();
        self.newest = NEVER;
        self.newest_bytes = 0;
        self.total = 0;
        self.started = None;
    }

    /// Begins a new interval, with these bytes in it.
    fn begin(&mut self, start: i64, bytes: u64) {
        if self.newest_bytes > 0 {
            if self.buckets.capacity() == 0 {
                self.buckets.reserve_exact(BUCKETS as usize + 2);
            }
            self.buckets
                .push_back((self.newest.start, self.newest_bytes));
            self.total += self.newest_bytes;
        }
        self.newest = start..start.saturating_add(self.bucket);
        self.newest_bytes = bytes;
    }

    fn expire(&mut self, now: i64) {
        let oldest = now.saturating_sub(self.window);
        let is_over = |start: i64| start <= oldest;
        while let Some((start, count)) = self.buckets.front()
            && is_over(*start)
        {
            self.total -= count;
            self.buckets.pop_front();
        }
        if is_over(self.newest.start) {
            self.newest_bytes = 0;
        }
    }
}

const BUCKETS: i64 = 20;
const NEVER: Range<i64> = i64::MIN..i64::MIN;

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
        assert!((970..=1030).contains(&kilobits), "{kilobits}");
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
