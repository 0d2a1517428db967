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
    /// It waits for so many round trips, if that is longer.
    least_tries: u32,
}

#[derive(Clone, Copy, Debug)]
struct Missing {
    sequence: ExtendedSequence,
    since: Instant,
    last_request: Option<Instant>,
    requests: u32,
    first_request: Option<Instant>,
    /// When it was last asked for so that an answer is due.
    last_cost: Option<Instant>,
}

/// A number to ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    pub number: u16,
    pub is_first: bool,
    /// A browser that gets it sends the packet, as a round trip has passed
    /// since the last request that it may have answered.
    pub costs: bool,
}

impl Default for MissingPackets {
    /// Of pictures.
    fn default() -> Self {
        Self {
            newest: None,
            missing: Vec::new(),
            most: MOST_MISSING,
            longest_wait: LONGEST_WAIT,
            least_tries: LEAST_TRIES,
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
            least_tries: 0,
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
                first_request: None,
                last_cost: None,
            }));
        Gap::Repairable
    }

    /// Hands the numbers that are to be asked for now to `request`, in order;
    /// it tells whether it asks. Those missing for too long are given up;
    /// gives whether any was.
    pub fn poll(
        &mut self,
        now: Instant,
        way: Way,
        mut request: impl FnMut(Request) -> bool,
    ) -> bool {
        let before = self.missing.len();
        let way = way.bounded();
        let most = if way.is_lossy {
            MOST_REQUESTS_WHERE_LOSSY
        } else {
            MOST_REQUESTS
        };
        let longest_wait = self.longest_wait.max(way.round_trip * self.least_tries);
        self.missing.retain_mut(|missing| {
            if now.saturating_duration_since(missing.since) >= longest_wait {
                return false;
            }
            let is_due = missing.last_request.is_none_or(|at| {
                now.saturating_duration_since(at) >= way.patience(missing.requests)
            });
            // The way may have become longer than it was measured to be.
            let of = Request {
                number: missing.sequence.number(),
                is_first: missing.requests == 0,
                costs: missing.last_cost.is_none_or(|at| {
                    now.saturating_duration_since(at) >= way.round_trip.max(LEAST_ROUND_TRIP)
                }),
            };
            if is_due && missing.requests < most && request(of) {
                missing.first_request.get_or_insert(now);
                missing.last_request = Some(now);
                missing.requests += 1;
                if of.costs {
                    missing.last_cost = Some(now);
                }
            }
            true
        });
        self.missing.len() < before
    }

    /// Gives up all that is missing.
    pub fn clear(&mut self) {
        self.missing.clear();
    }

    /// Whether the packet at `sequence` is newer than all that came.
    pub fn is_newest(&self, sequence: ExtendedSequence) -> bool {
        self.newest.is_none_or(|newest| sequence > newest)
    }

    /// Whether the packet at `sequence` has not come: it is missing, or is about
    /// to be. Browsers fill up their probes with what they have just sent. If
    /// that was lost, nothing has come after it yet that would tell.
    pub fn is_news(&self, sequence: ExtendedSequence) -> bool {
        let is_next = self
            .newest
            .is_some_and(|newest| (newest.0 + 1..=newest.0 + MOST_AHEAD).contains(&sequence.0));
        is_next || self.missing.iter().any(|of| of.sequence == sequence)
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

    /// When the missing packet at `sequence` was first asked for.
    pub fn first_request(&self, sequence: ExtendedSequence) -> Option<Instant> {
        let missing = self.missing.iter().find(|of| of.sequence == sequence)?;
        missing.first_request
    }

    /// Whether nothing is missing that was not given up.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty()
    }
}

/// The way to a publisher and back.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    pub round_trip: Duration,
    /// It loses so much that a request or its answer is often lost too.
    pub is_lossy: bool,
}

impl Way {
    /// Whoever answers late makes its way look long, and so could have us wait
    /// for longer each time.
    fn bounded(self) -> Self {
        Self {
            round_trip: self.round_trip.min(LONGEST_ROUND_TRIP),
            ..self
        }
    }

    /// How long to wait for the answer to the given number of requests: a
    /// round trip, and a quarter more with each that stayed without one.
    ///
    /// Browsers send a packet again only if a round trip has passed since they
    /// last did, as they reckon it, and forget a request that comes too early.
    /// So where much is lost the requests after the first answer's time follow
    /// quickly on one another: they cost little, and no more than one in a
    /// round trip is answered.
    fn patience(self, requests: u32) -> Duration {
        let base = self.round_trip.max(LEAST_ROUND_TRIP) + MARGIN;
        if self.is_lossy && requests > 1 {
            return (base / 4).max(LEAST_APART);
        }
        base + base / 4 * requests.saturating_sub(1)
    }
}

/// Beyond this a burst is not repaired packet by packet.
const MOST_MISSING: usize = 256;
/// Packets of a picture, or of a few small ones.
const MOST_AHEAD: u64 = 16;
/// Half a second: so much will be heard to be missing.
const MOST_SOUND_MISSING: usize = 25;
/// More than browsers' buffers hold of sound, even on a bad path.
const LONGEST_SOUND_WAIT: Duration = Duration::from_millis(350);
/// Of a round trip, which varies.
const MOSTLY: f32 = 0.75;
const MOST_REQUESTS: u32 = 10;
const MOST_REQUESTS_WHERE_LOSSY: u32 = 40;
/// A picture is worth a longer wait only where a key frame would take as long.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
const LEAST_TRIES: u32 = 4;
const LEAST_ROUND_TRIP: Duration = Duration::from_millis(10);
/// Nobody talks over a longer way.
const LONGEST_ROUND_TRIP: Duration = Duration::from_secs(1);
const MARGIN: Duration = Duration::from_millis(5);
/// Of requests where much is lost: as often as a worker looks.
const LEAST_APART: Duration = Duration::from_millis(15);

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    const ROUND_TRIP: Duration = Duration::from_millis(100);
    const WAY: Way = Way {
        round_trip: ROUND_TRIP,
        is_lossy: false,
    };

    fn due(missing: &mut MissingPackets, now: Instant) -> Vec<u16> {
        due_over(WAY, missing, now)
    }

    fn due_over(way: Way, missing: &mut MissingPackets, now: Instant) -> Vec<u16> {
        let mut numbers = Vec::new();
        missing.poll(now, way, |request| {
            numbers.push(request.number);
            true
        });
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
    fn what_was_not_asked_for_is_due_until_it_is_given_up() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut missing = MissingPackets::default();
        missing.record(start, ExtendedSequence(1));
        missing.record(start, ExtendedSequence(4));
        let mut offered = Vec::new();

        for milliseconds in [0, 20, 990, 1000] {
            missing.poll(at(milliseconds), WAY, |of| {
                offered.push((milliseconds, of.number, of.is_first && of.costs));
                of.number == 2
            });
        }

        let first_of_three = [0, 20, 990].map(|milliseconds| (milliseconds, 3, true));
        let mut of_three = offered.iter().filter(|(_, number, _)| *number == 3);
        assert!(of_three.by_ref().eq(&first_of_three), "{offered:?}");
        assert_eq!(offered[0], (0, 2, true));
        assert!(missing.is_empty());
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
    fn where_much_is_lost_requests_follow_quickly_once_an_answer_is_overdue() {
        let start = Instant::now();
        let lossy = Way {
            is_lossy: true,
            ..WAY
        };
        let mut missing = MissingPackets::default();
        missing.record(start, ExtendedSequence(1));
        missing.record(start, ExtendedSequence(3));

        let asked: Vec<_> = (0..1500)
            .step_by(20)
            .filter(|milliseconds| {
                let now = start + Duration::from_millis(*milliseconds);
                !due_over(lossy, &mut missing, now).is_empty()
            })
            .collect();

        assert_eq!(asked[..4], [0, 120, 160, 200], "{asked:?}");
        assert!(asked.last() < Some(&1000), "{asked:?}");
        assert!(missing.is_empty());
    }

    #[test]
    fn of_requests_that_follow_quickly_one_in_a_round_trip_costs() {
        let start = Instant::now();
        let lossy = Way {
            is_lossy: true,
            ..WAY
        };
        let mut missing = MissingPackets::default();
        missing.record(start, ExtendedSequence(1));
        missing.record(start, ExtendedSequence(3));

        let mut costs = Vec::new();
        for milliseconds in (0..600).step_by(20) {
            missing.poll(start + Duration::from_millis(milliseconds), lossy, |of| {
                costs.extend(of.costs.then_some(milliseconds));
                true
            });
        }

        assert_eq!(costs, [0, 120, 240, 360, 480]);
    }

    #[test]
    fn over_a_long_way_a_picture_is_asked_for_some_times_before_it_is_given_up() {
        let start = Instant::now();
        let far = Way {
            round_trip: Duration::from_millis(600),
            is_lossy: true,
        };
        let mut missing = MissingPackets::default();
        missing.record(start, ExtendedSequence(1));
        missing.record(start, ExtendedSequence(3));

        let asked = (0..4000)
            .step_by(20)
            .map(|milliseconds| start + Duration::from_millis(milliseconds))
            .filter(|now| !due_over(far, &mut missing, *now).is_empty());
        let last = asked.last().expect("it was asked for");

        assert!((2200..2400).contains(&(last - start).as_millis()));
        assert!(missing.is_empty());
    }

    #[test]
    fn nobody_is_waited_for_without_end_by_answering_late() {
        let start = Instant::now();
        let endless = Way {
            round_trip: Duration::from_hours(1),
            is_lossy: false,
        };
        let mut missing = MissingPackets::default();
        missing.record(start, ExtendedSequence(1));
        missing.record(start, ExtendedSequence(3));

        let asked = (0..5000)
            .step_by(20)
            .map(|milliseconds| start + Duration::from_millis(milliseconds))
            .filter(|now| !due_over(endless, &mut missing, *now).is_empty());

        assert_eq!(asked.count(), 4);
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
    fn what_has_not_come_is_news_even_before_it_is_missed() {
        let start = Instant::now();
        let mut missing = MissingPackets::default();
        assert!(!missing.is_news(ExtendedSequence(1)));
        missing.record(start, ExtendedSequence(1));
        missing.record(start, ExtendedSequence(3));

        let news = [0, 1, 2, 3, 4, 19, 20].map(|place| missing.is_news(ExtendedSequence(place)));

        assert_eq!(news, [false, false, true, false, true, true, false]);
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
