//! Which packets of a stream are missing, and when to ask for them.

use std::time::{Duration, Instant};

use crate::rtp::sequence::ExtendedSequence;

/// The packets of one stream that have not come.
#[derive(Debug)]
pub struct MissingPackets {
    newest: Option<ExtendedSequence>,
    /// In order.
    missing: Vec<Missing>,
    most: usize,
    longest_wait: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Missing {
    sequence: ExtendedSequence,
    since: Instant,
    last_request: Option<Instant>,
    requests: u32,
}

impl Default for MissingPackets {
    /// Of pictures.
    fn default() -> Self {
        Self {
            newest: None,
            missing: Vec::new(),
            most: MOST_MISSING,
            longest_wait: LONGEST_WAIT,
        }
    }
}

/// What a packet's arrival says of those before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gap {
    /// Nothing new is missing.
    None,
    /// Packets are missing: ask for them at once.
    Repairable,
    /// So many are missing that only a key frame helps.
    TooLong,
}

impl MissingPackets {
    /// Of sound, which waits less long.
    pub fn of_sound() -> Self {
        Self {
            most: MOST_SOUND_MISSING,
            longest_wait: LONGEST_SOUND_WAIT,
            ..Self::default()
        }
    }

    /// Notes that the packet at `sequence` came.
    pub fn record(&mut self, now: Instant, sequence: ExtendedSequence) -> Gap {
        let Some(newest) = self.newest else {
            self.newest = Some(sequence);
            return Gap::None;
        };
        if sequence <= newest {
            self.missing.retain(|missing| missing.sequence != sequence);
            return Gap::None;
        }
        self.newest = Some(sequence);
        let between = sequence.0 - newest.0 - 1;
        if between == 0 {
            return Gap::None;
        }
        if between as usize + self.missing.len() > self.most {
            self.missing.clear();
            return Gap::TooLong;
        }
        self.missing
            .extend((newest.0 + 1..sequence.0).map(|place| Missing {
                sequence: ExtendedSequence(place),
                since: now,
                last_request: None,
                requests: 0,
            }));
        Gap::Repairable
    }

    /// Hands the numbers that are to be asked for now to `request`, in order.
    /// Those asked for too often or too long ago are given up; gives whether
    /// any was.
    pub fn poll(
        &mut self,
        now: Instant,
        round_trip: Duration,
        mut request: impl FnMut(u16),
    ) -> bool {
        let before = self.missing.len();
        self.missing.retain_mut(|missing| {
            if missing.requests == MOST_REQUESTS
                || now.saturating_duration_since(missing.since) >= self.longest_wait
            {
                return false;
            }
            let is_due = missing.last_request.is_none_or(|at| {
                now.saturating_duration_since(at) >= patience(round_trip, missing.requests)
            });
            if is_due {
                missing.last_request = Some(now);
                missing.requests += 1;
                request(missing.sequence.number());
            }
            true
        });
        self.missing.len() < before
    }

    /// Whether the packet at `sequence` is missing.
    pub fn contains(&self, sequence: ExtendedSequence) -> bool {
        self.missing.iter().any(|of| of.sequence == sequence)
    }

    /// Whether the packet at `sequence` comes now because it was asked for, and
    /// is not just late.
    pub fn is_answer(
        &self,
        now: Instant,
        sequence: ExtendedSequence,
        round_trip: Duration,
    ) -> bool {
        let missing = self.missing.iter().find(|of| of.sequence == sequence);
        missing.is_some_and(|missing| {
            missing.requests > 0
                && now.saturating_duration_since(missing.since) >= round_trip.mul_f32(MOSTLY)
        })
    }

    /// When the missing packet at `sequence` was asked for, if that was done
    /// just once, so that an answer shows the round trip.
    pub fn only_request(&self, sequence: ExtendedSequence) -> Option<Instant> {
        let missing = self.missing.iter().find(|of| of.sequence == sequence)?;
        missing.last_request.filter(|_| missing.requests == 1)
    }

    /// Whether nothing is missing that was not given up.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty()
    }
}

/// How long to wait for the answer to the given number of requests: a round
/// trip, and a quarter more with each that stayed without one.
fn patience(round_trip: Duration, requests: u32) -> Duration {
    let base = round_trip.max(LEAST_ROUND_TRIP) + MARGIN;
    base + base / 4 * requests.saturating_sub(1)
}

/// Beyond this a burst is not repaired packet by packet.
const MOST_MISSING: usize = 256;
/// Half a second: so much will be heard to be missing.
const MOST_SOUND_MISSING: usize = 25;
/// More than browsers' buffers hold of sound, even on a bad path.
const LONGEST_SOUND_WAIT: Duration = Duration::from_millis(350);
/// Of a round trip, which varies.
const MOSTLY: f32 = 0.75;
const MOST_REQUESTS: u32 = 10;
/// No receiver waits longer for a picture.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
const LEAST_ROUND_TRIP: Duration = Duration::from_millis(10);
const MARGIN: Duration = Duration::from_millis(5);

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    const ROUND_TRIP: Duration = Duration::from_millis(100);

    fn due(missing: &mut MissingPackets, now: Instant) -> Vec<u16> {
        let mut numbers = Vec::new();
        missing.poll(now, ROUND_TRIP, |number| numbers.push(number));
        numbers
    }

    #[test]
    fn a_gap_is_asked_for_at_once_and_again_after_a_round_trip() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut missing = MissingPackets::default();
        missing.record(start, ExtendedSequence(65_534));

        assert_eq!(
            missing.record(start, ExtendedSequence(65_538)),
            Gap::Repairable
        );
        assert_eq!(due(&mut missing, start), [65_535, 0, 1]);
        missing.record(at(50), ExtendedSequence(65_536));
        assert_eq!(due(&mut missing, at(100)), []);
        assert_eq!(due(&mut missing, at(110)), [65_535, 1]);
        assert_eq!(due(&mut missing, at(220)), []);
    }

    #[test]
    fn what_never_comes_is_given_up() {
        let start = Instant::now();
        let mut missing = MissingPackets::default();
        missing.record(start, ExtendedSequence(1));
        missing.record(start, ExtendedSequence(3));
        let mut requests = 0;

        for milliseconds in (0..3000).step_by(20) {
            let now = start + Duration::from_millis(milliseconds);
            requests += due(&mut missing, now).len();
        }

        assert!((3..=10).contains(&requests), "{requests} requests");
        assert!(missing.is_empty());
    }

    #[test]
    fn sound_is_given_up_sooner() {
        let start = Instant::now();
        let mut missing = MissingPackets::of_sound();
        missing.record(start, ExtendedSequence(1));
        missing.record(start, ExtendedSequence(3));

        let asked: usize = (0..1000)
            .step_by(20)
            .map(|milliseconds| due(&mut missing, start + Duration::from_millis(milliseconds)))
            .map(|numbers| numbers.len())
            .sum();

        assert_eq!(asked, 3);
        assert!(missing.is_empty());
        let far = ExtendedSequence(3 + 1 + MOST_SOUND_MISSING as u64 + 1);
        assert_eq!(missing.record(start, far), Gap::TooLong);
    }

    #[test]
    fn what_is_only_late_is_no_answer() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let asked_for = ExtendedSequence(2);
        let mut missing = MissingPackets::of_sound();
        missing.record(start, ExtendedSequence(1));
        missing.record(start, ExtendedSequence(3));
        due(&mut missing, start);

        assert!(!missing.is_answer(at(20), asked_for, ROUND_TRIP));
        assert!(missing.is_answer(at(90), asked_for, ROUND_TRIP));
        assert!(!missing.is_answer(at(90), ExtendedSequence(4), ROUND_TRIP));
        missing.record(at(90), asked_for);
        assert!(!missing.is_answer(at(95), asked_for, ROUND_TRIP));
    }

    #[test]
    fn a_long_gap_is_left_to_a_key_frame() {
        let start = Instant::now();
        let mut missing = MissingPackets::default();
        missing.record(start, ExtendedSequence(1));

        assert_eq!(missing.record(start, ExtendedSequence(1000)), Gap::TooLong);
        assert_eq!(due(&mut missing, start), []);
        assert!(missing.is_empty());
    }
}
