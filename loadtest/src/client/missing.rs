//! Which packets of a received stream are missing, and when to ask for them
//! (RFC 4585 §6.2.1).

use std::time::{Duration, Instant};

/// The holes in one stream.
#[derive(Debug, Default)]
pub struct Missing {
    newest: Option<u64>,
    holes: Vec<Hole>,
}

#[derive(Clone, Copy, Debug)]
struct Hole {
    place: u64,
    asked: u32,
    last_asked: Option<Instant>,
}

impl Missing {
    /// Notes that the packet at `place` came.
    pub fn record(&mut self, place: u64) {
        let Some(newest) = self.newest else {
            self.newest = Some(place);
            return;
        };
        if place <= newest {
            if !self.holes.is_empty() {
                self.holes.retain(|hole| hole.place != place);
            }
            return;
        }
        self.newest = Some(place);
        if place == newest + 1 {
            return;
        }
        if place - newest > LONGEST_GAP {
            self.holes.clear();
            return;
        }
        self.holes.extend((newest + 1..place).map(|place| Hole {
            place,
            asked: 0,
            last_asked: None,
        }));
        let excess = self.holes.len().saturating_sub(MOST_HOLES);
        self.holes.drain(..excess);
    }

    /// Whether nothing is missing that may still come.
    pub fn is_empty(&self) -> bool {
        self.holes.is_empty()
    }

    /// Fills the hole of this number; gives whether there was one.
    pub fn fill(&mut self, number: u16) -> bool {
        let before = self.holes.len();
        self.holes.retain(|hole| hole.place as u16 != number);
        self.holes.len() < before
    }

    /// The numbers to ask for now. One that was asked for often enough is
    /// given up.
    pub fn poll(&mut self, now: Instant) -> Vec<u16> {
        let is_due = |hole: &Hole| {
            hole.last_asked
                .is_none_or(|at| now.saturating_duration_since(at) >= BETWEEN_REQUESTS)
        };
        self.holes
            .retain(|hole| hole.asked < MOST_REQUESTS || !is_due(hole));
        let due = self.holes.iter_mut().filter(|hole| is_due(hole));
        due.map(|hole| {
            hole.asked += 1;
            hole.last_asked = Some(now);
            hole.place as u16
        })
        .collect()
    }
}

/// What browsers take for a round trip before they know it.
const BETWEEN_REQUESTS: Duration = Duration::from_millis(100);
const MOST_REQUESTS: u32 = 10;
const MOST_HOLES: usize = 500;
/// After a longer one only a key frame helps.
const LONGEST_GAP: u64 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(places: impl IntoIterator<Item = u64>) -> Missing {
        let mut missing = Missing::default();
        places.into_iter().for_each(|place| missing.record(place));
        missing
    }

    #[test]
    fn holes_are_asked_for_at_once_and_again_after_a_while() {
        let mut missing = missing([65_534, 65_537, 65_538, 65_540]);
        let now = Instant::now();

        assert_eq!(missing.poll(now), [65_535, 0, 3]);
        assert!(missing.poll(now + BETWEEN_REQUESTS / 2).is_empty());
        assert!(missing.fill(0));
        assert!(!missing.fill(0));
        missing.record(65_539);
        assert_eq!(missing.poll(now + BETWEEN_REQUESTS), [65_535]);
    }

    #[test]
    fn what_never_comes_is_given_up() {
        let mut missing = missing([1, 3]);
        let mut now = Instant::now();

        let mut requests = 0;
        while !missing.is_empty() && requests < 100 {
            requests += missing.poll(now).len();
            now += BETWEEN_REQUESTS;
        }

        assert_eq!(requests, MOST_REQUESTS as usize);
    }

    #[test]
    fn holes_are_bounded() {
        assert_eq!(missing((0..5000).step_by(2)).holes.len(), MOST_HOLES);
        assert!(missing([1, 3, 5000]).is_empty());
    }
}
