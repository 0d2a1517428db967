//! How much a publisher is asked to send again.

use std::time::{Duration, Instant};

/// How many packets of its pictures a publisher may be asked for.
///
/// Browsers send what they are asked for before any new picture. Where the way
/// has suddenly become too narrow, most of what they sent is missing; asked for
/// all of it, they would send nothing new for seconds, not even of a smaller
/// picture. So where less than half as much comes as usual, and more is missing
/// than comes, little is asked for, until as much comes as before, or all that
/// was missing is given up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Askable {
    /// The way seems too narrow until then.
    narrow_until: Option<Instant>,
    /// In quarters of packets, while it does.
    left: u16,
    since: Instant,
    interval: Interval,
    last: Interval,
    /// Packets that come in an interval on average, over some six seconds.
    usual: f32,
}

/// Packets of pictures in some time, without what was sent again.
#[derive(Clone, Copy, Default, Debug)]
struct Interval {
    came: u16,
    /// Of those before the newest, what has not come.
    lacking: u16,
}

impl Askable {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            narrow_until: None,
            left: MOST,
            since: now,
            interval: Interval::default(),
            last: Interval::default(),
            usual: 0.0,
        }
    }

    /// Notes that a packet of a picture came, `skipped` numbers beyond the
    /// newest of its stream; `None` if it was overtaken.
    pub(super) fn note_arrival(&mut self, now: Instant, skipped: Option<u64>) {
        self.end_intervals(now);
        let Interval { came, lacking } = &mut self.interval;
        *came = came.saturating_add(1);
        *lacking = match skipped {
            Some(skipped) => lacking.saturating_add(u16::try_from(skipped).unwrap_or(u16::MAX)),
            None => lacking.saturating_sub(1),
        };
        let came = self.last.came.max(self.interval.came);
        let lacking = self.last.lacking.saturating_add(self.interval.lacking);
        if f32::from(came) >= self.usual * LITTLE {
            self.narrow_until = None;
        } else if lacking > self.last.came.saturating_add(self.interval.came) {
            if !self.is_narrow(now) {
                self.left = MOST;
            }
            self.narrow_until = Some(now + MEMORY);
        }
        self.left = (self.left + PACKET / 4).min(MOST);
    }

    /// Whether a packet may be asked for; takes it for asked for then, if the
    /// request costs another packet (`Request::costs`).
    pub(super) fn ask(&mut self, now: Instant, costs: bool) -> bool {
        if !self.is_narrow(now) {
            return true;
        }
        let left = self.left.checked_sub(PACKET);
        if costs {
            self.left = left.unwrap_or(self.left);
        }
        left.is_some()
    }

    fn is_narrow(&self, now: Instant) -> bool {
        self.narrow_until.is_some_and(|until| now < until)
    }

    fn end_intervals(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.since);
        if elapsed < INTERVAL {
            return;
        }
        let count = (elapsed.as_millis() / INTERVAL.as_millis()).min(MOST_EMPTY);
        for _ in 0..count {
            self.usual += (f32::from(self.interval.came) - self.usual) * WEIGHT;
            self.last = std::mem::take(&mut self.interval);
        }
        self.since = now;
    }
}

const PACKET: u16 = 4;
/// As many as a picture has.
const MOST: u16 = 12 * PACKET;
const INTERVAL: Duration = Duration::from_millis(100);
/// After that many, what was usual is forgotten anyway.
const MOST_EMPTY: u128 = 256;
const WEIGHT: f32 = 1.0 / 64.0;
/// A share of what is usual.
const LITTLE: f32 = 0.5;
/// For as long as a lost packet of a picture is waited for, mostly.
const MEMORY: Duration = Duration::from_secs(1);

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    const SECOND: u64 = 1000;

    /// A publisher of 200 packets a second, in pictures of ten, of which
    /// `comes` says which do; gives when each of the others could be asked for
    /// and when it could not, in ms, from the tenth second on.
    fn asked(comes: impl Fn(u64) -> bool, seconds: u64) -> (Vec<u64>, Vec<u64>) {
        let start = Instant::now();
        let mut askable = Askable::new(start);
        let (mut granted, mut refused) = (Vec::new(), Vec::new());
        let mut skipped = 0;
        for millisecond in (0..(10 + seconds) * SECOND).step_by(50) {
            let now = start + Duration::from_millis(millisecond);
            for packet in 0..10 {
                let since = millisecond.saturating_sub(10 * SECOND);
                if millisecond >= 10 * SECOND && !comes(since / 5 + packet) {
                    skipped += 1;
                    continue;
                }
                askable.note_arrival(now, Some(skipped));
                for _ in 0..std::mem::take(&mut skipped) {
                    let of = if askable.ask(now, true) {
                        &mut granted
                    } else {
                        &mut refused
                    };
                    of.push(since);
                }
            }
        }
        (granted, refused)
    }

    #[test]
    fn a_gap_in_what_comes_is_asked_for_at_once() {
        let (granted, refused) = asked(|packet| !(20..30).contains(&packet), 2);
        assert_eq!((granted.len(), refused.len()), (10, 0));
    }

    #[test]
    fn after_an_interruption_all_may_soon_be_asked_for() {
        let start = Instant::now();
        let mut askable = Askable::new(start);
        for millisecond in (0..10 * SECOND).step_by(5) {
            askable.note_arrival(start + Duration::from_millis(millisecond), Some(0));
        }
        let back = start + Duration::from_millis(10_300);
        askable.note_arrival(back, Some(60));
        assert_eq!((0..60).filter(|_| askable.ask(back, true)).count(), 12);
        for millisecond in (5..60).step_by(5) {
            askable.note_arrival(back + Duration::from_millis(millisecond), Some(0));
        }
        let soon = back + Duration::from_millis(60);
        assert_eq!((0..48).filter(|_| askable.ask(soon, true)).count(), 48);
    }

    #[test]
    fn of_what_a_path_has_become_too_narrow_for_little_is_asked_for() {
        let (granted, refused) = asked(|packet| packet.is_multiple_of(6), 2);
        assert!(granted.len() <= 50, "{granted:?}");
        assert!(refused.len() > 200, "{}", refused.len());
    }

    #[test]
    fn who_loses_two_fifths_is_asked_for_all_of_it() {
        let (granted, refused) = asked(|packet| packet % 5 > 1, 10);
        assert_eq!((granted.len(), refused.len()), (800, 0));
    }

    #[test]
    fn who_sends_less_and_loses_some_of_it_is_asked_for_all_of_it() {
        let start = Instant::now();
        let mut askable = Askable::new(start);
        for millisecond in (0..10 * SECOND).step_by(5) {
            askable.note_arrival(start + Duration::from_millis(millisecond), Some(0));
        }
        for millisecond in (10 * SECOND..20 * SECOND).step_by(100) {
            let now = start + Duration::from_millis(millisecond);
            askable.note_arrival(now, Some(0));
            askable.note_arrival(now, Some(u64::from(millisecond.is_multiple_of(300))));
            assert!((0..10).all(|_| askable.ask(now, true)), "{millisecond}");
        }
    }

    #[test]
    fn what_is_overtaken_is_not_missing() {
        let start = Instant::now();
        let mut askable = Askable::new(start);
        for millisecond in (0..10 * SECOND).step_by(5) {
            askable.note_arrival(start + Duration::from_millis(millisecond), Some(0));
        }
        for millisecond in (10 * SECOND..12 * SECOND).step_by(40) {
            let now = start + Duration::from_millis(millisecond);
            askable.note_arrival(now, Some(1));
            askable.note_arrival(now, None);
            assert!((0..30).all(|_| askable.ask(now, true)), "{millisecond}");
        }
    }
}
