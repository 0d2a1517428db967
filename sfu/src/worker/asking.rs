//! How much a publisher is asked to send again.

use std::time::{Duration, Instant};

/// How many packets of its pictures a publisher may be asked for.
///
/// Browsers send what they are asked for before anything else. Where the way
/// has become too narrow, most of what they sent is missing; asked for all of
/// it, they would send nothing new for seconds, not even of a smaller picture.
/// Less comes then than did, and little is asked for. After an interruption as
/// much comes as before, and all that is missing is soon asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Askable {
    /// In quarters of packets.
    left: u16,
    since: Instant,
    /// Packets of pictures that came since then.
    count: u16,
    /// Those of the interval before.
    last: u16,
    /// Those of an interval on average, over some six seconds.
    usual: f32,
}

impl Askable {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            left: MOST,
            since: now,
            count: 0,
            last: 0,
            usual: 0.0,
        }
    }

    /// Notes that a packet of a picture came, not counting what was sent again.
    pub(super) fn note_arrival(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.since);
        if elapsed >= INTERVAL {
            self.end_interval();
            let more = (elapsed.as_millis() / INTERVAL.as_millis()).min(MOST_EMPTY) - 1;
            for _ in 0..more {
                self.end_interval();
            }
            self.since = now;
        }
        self.count = self.count.saturating_add(1);
        let comes = f32::from(self.last.max(self.count));
        let more = if comes < self.usual * LITTLE {
            PACKET / 4
        } else {
            PACKET
        };
        self.left = (self.left + more).min(MOST);
    }

    /// Whether a packet may be asked for; takes it for asked for then, if the
    /// request costs another packet (`Request::costs`).
    pub(super) fn ask(&mut self, costs: bool) -> bool {
        let left = self.left.checked_sub(PACKET);
        if costs {
            self.left = left.unwrap_or(self.left);
        }
        left.is_some()
    }

    fn end_interval(&mut self) {
        self.usual += (f32::from(self.count) - self.usual) * WEIGHT;
        self.last = std::mem::take(&mut self.count);
    }
}

const PACKET: u16 = 4;
/// As many as a picture has, or a blink of an interruption costs.
const MOST: u16 = 12 * PACKET;
const INTERVAL: Duration = Duration::from_millis(100);
/// After that many, what was usual is forgotten anyway.
const MOST_EMPTY: u128 = 256;
const WEIGHT: f32 = 1.0 / 64.0;
/// A share of what is usual.
const LITTLE: f32 = 0.5;

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    /// Lets packets come 5 ms apart for ten seconds, and then as `comes` tells
    /// of each millisecond; gives when each of `missing` could be asked for.
    fn asked(missing: usize, comes: impl Fn(u64) -> bool, until: u64) -> Vec<u64> {
        let start = Instant::now();
        let mut askable = Askable::new(start);
        for millisecond in (0..10_000).step_by(5) {
            askable.note_arrival(start + Duration::from_millis(millisecond));
        }
        let mut asked = Vec::new();
        for millisecond in 0..until {
            if comes(millisecond) {
                askable.note_arrival(start + Duration::from_millis(10_000 + millisecond));
                while asked.len() < missing && askable.ask(true) {
                    asked.push(millisecond);
                }
            }
        }
        asked
    }

    #[test]
    fn a_short_gap_is_asked_for_at_once() {
        assert_eq!(asked(12, |at| at == 0, 10), [0; 12]);
    }

    #[test]
    fn after_an_interruption_all_is_soon_asked_for() {
        let back = |at: u64| at >= 300 && at.is_multiple_of(5);
        let asked = asked(60, back, 2000);
        assert_eq!(asked.len(), 60);
        assert!(asked.iter().all(|at| *at <= 300 + 350), "{asked:?}");
    }

    #[test]
    fn of_what_a_path_has_become_too_narrow_for_little_is_asked_for() {
        let sixth = |at: u64| at.is_multiple_of(30);
        let asked = asked(200, sixth, 2000);
        assert!(asked.len() <= 30, "{asked:?}");
    }

    #[test]
    fn who_loses_a_fifth_is_asked_for_all_of_it() {
        let start = Instant::now();
        let mut askable = Askable::new(start);
        let mut refused = 0;
        for packet in 0..2000_u64 {
            if packet.is_multiple_of(5) {
                refused += u32::from(!askable.ask(true));
            } else {
                askable.note_arrival(start + Duration::from_millis(5 * packet));
            }
        }
        assert_eq!(refused, 0);
    }

    #[test]
    fn who_was_away_for_long_counts_as_new() {
        let start = Instant::now();
        let mut askable = Askable::new(start);
        for millisecond in 0..10_000 {
            askable.note_arrival(start + Duration::from_millis(millisecond));
        }
        while askable.ask(true) {}
        let later = start + Duration::from_mins(10);
        for millisecond in (0..200).step_by(50) {
            askable.note_arrival(later + Duration::from_millis(millisecond));
        }
        assert_eq!((0..10).filter(|_| askable.ask(true)).count(), 4);
    }
}
