//! Sound sent twice to a receiver who loses much of it and has nothing to make
//! up for that: the same bytes again, a little later. Whoever got the first
//! drops the second as replayed (RFC 3711 §3.3.2).
//!
//! The bytes are kept as they were sealed. To seal them again under the same
//! number would be safe only as long as nothing in them differed (RFC 7714
//! §10.1), so it is not done.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::congestion::{LossWindow, REPEATED_AFTER};

/// Whether one receiver's sound is sent twice, and what is still to be.
#[derive(Debug)]
pub struct Repetition {
    is_on: bool,
    /// The path takes no more than it must.
    is_held_back: bool,
    /// The last time for which it is known what was lost, by its number.
    seen: u64,
    /// Such times in a row with much loss.
    lossy: u32,
    /// Since when little is lost.
    calm_since: Option<Instant>,
    /// Since when it is not known for certain what is lost.
    unsure_since: Option<Instant>,
    ended: Option<Instant>,
    /// How long little must be lost for it to end.
    patience: Duration,
    kept: VecDeque<Kept>,
    /// Of all that are kept, in order.
    bytes: VecDeque<u8>,
}

/// What was lost of late.
#[derive(Clone, Copy, Debug)]
pub struct Recent {
    /// A share, from 0 to 1.
    pub loss: f64,
    /// It is a share of what is sent once. Otherwise it may be too high.
    pub is_certain: bool,
}

/// A sealed packet that is due again.
#[derive(Clone, Copy, Debug)]
struct Kept {
    due: Instant,
    length: usize,
}

/// Kept packets of one length that are due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DueTrain {
    pub count: usize,
    /// Of each, in bytes.
    pub length: usize,
}

impl Default for Repetition {
    fn default() -> Self {
        Self {
            is_on: false,
            is_held_back: false,
            seen: 0,
            lossy: 0,
            calm_since: None,
            unsure_since: None,
            ended: None,
            patience: LEAST_PATIENCE,
            kept: VecDeque::new(),
            bytes: VecDeque::new(),
        }
    }
}

impl Repetition {
    /// Whether what is sent now is to be kept and sent again.
    pub fn is_on(&self) -> bool {
        self.is_on && !self.is_held_back
    }

    /// Takes what is lost of what is sent once, in the latest time for which
    /// that is known and of late, and whether the path has room for more. A
    /// receiver who tells only what is missing in the end tells of little as
    /// soon as this begins: if loss is back soon after the end, it lasts twice
    /// as long the next time. It ends too after a while of uncertain loss: then
    /// that shows for certain, or is none.
    pub fn update(&mut self, now: Instant, latest: LossWindow, recent: Recent, has_room: bool) {
        self.is_held_back = !has_room;
        if !has_room {
            // Of a full path the loss is its own doing.
            self.lossy = 0;
        } else if latest.number != self.seen {
            let is_lossy = latest.loss > LOSSY;
            self.lossy = if is_lossy { self.lossy + 1 } else { 0 };
        }
        self.seen = latest.number;
        if !self.is_on {
            if self.lossy >= LOSSY_TIMES {
                self.begin(now);
            }
            return;
        }
        let has_lasted = |since: &mut Option<Instant>, time| {
            now.saturating_duration_since(*since.get_or_insert(now)) >= time
        };
        if recent.loss > CALM {
            self.calm_since = None;
        } else if has_lasted(&mut self.calm_since, self.patience) {
            self.end(now);
        }
        if recent.is_certain {
            self.unsure_since = None;
        } else if has_lasted(&mut self.unsure_since, self.patience.max(LONGEST_UNSURE)) {
            self.end(now);
        }
    }

    /// Keeps a packet as it was sealed and sent at `now`, unless too many are
    /// kept already. Gives whether it will be sent again.
    pub fn keep(&mut self, now: Instant, packet: &[u8]) -> bool {
        let has_room = self.kept.len() < MOST_KEPT;
        if has_room {
            self.bytes.extend(packet);
            self.kept.push_back(Kept {
                due: now + REPEATED_AFTER,
                length: packet.len(),
            });
        }
        has_room
    }

    /// When the next packet is due.
    pub fn next(&self) -> Option<Instant> {
        self.kept.front().map(|kept| kept.due)
    }

    /// What is due at `now`, or so soon that it costs no wake of its own.
    pub fn due_train(&self, now: Instant) -> Option<DueTrain> {
        let length = self.kept.front()?.length;
        let is_part = |kept: &&Kept| kept.due <= now + EARLY && kept.length == length;
        let count = self.kept.iter().take_while(is_part).count();
        (count > 0).then_some(DueTrain { count, length })
    }

    /// Moves a train from those kept to the end of `bytes`.
    pub fn release(&mut self, train: DueTrain, bytes: &mut Vec<u8>) {
        self.kept.drain(..train.count);
        bytes.extend(self.bytes.drain(..train.count * train.length));
    }

    /// Drops all that is kept.
    pub fn clear(&mut self) {
        self.kept.clear();
        self.bytes.clear();
    }

    fn begin(&mut self, now: Instant) {
        let was_early = self
            .ended
            .is_some_and(|at| now.saturating_duration_since(at) < LEAST_PATIENCE);
        self.patience = if was_early {
            (2 * self.patience).min(MOST_PATIENCE)
        } else {
            LEAST_PATIENCE
        };
        self.calm_since = None;
        self.unsure_since = None;
        self.is_on = true;
    }

    fn end(&mut self, now: Instant) {
        self.ended = Some(now);
        self.is_on = false;
        self.lossy = 0;
    }
}

/// Less than what would change anything.
const EARLY: Duration = Duration::from_millis(3);
/// Of packets: what Opus makes up for without its own redundancy is heard.
const LOSSY: f64 = 0.025;
const CALM: f64 = 0.01;
/// Half a second each: as a path becomes narrower much is lost for a moment.
const LOSSY_TIMES: u32 = 3;
const LEAST_PATIENCE: Duration = Duration::from_secs(10);
const MOST_PATIENCE: Duration = Duration::from_secs(160);
/// To look costs two seconds of what would be made good.
const LONGEST_UNSURE: Duration = Duration::from_mins(1);
/// Twice what ten voices are in that time.
const MOST_KEPT: usize = 64;

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    /// Updates twice a second, for so many seconds from one on.
    fn lose(
        repetition: &mut Repetition,
        start: Instant,
        seconds: std::ops::Range<u64>,
        loss: f64,
        has_room: bool,
    ) -> bool {
        for half in 2 * seconds.start..2 * seconds.end {
            let now = start + Duration::from_millis(500 * half);
            let latest = LossWindow {
                number: half + 1,
                loss,
            };
            let is_certain = true;
            repetition.update(now, latest, Recent { loss, is_certain }, has_room);
        }
        repetition.is_on()
    }

    #[test]
    fn it_begins_with_loss_that_lasts_and_ends_after_some_time_without() {
        let start = Instant::now();
        let mut repetition = Repetition::default();
        let mut during = |seconds, loss| lose(&mut repetition, start, seconds, loss, true);

        assert!(!during(0..10, 0.02));
        assert!(!during(10..11, 0.2));
        assert!(!during(11..12, 0.0));
        assert!(during(12..14, 0.1));
        assert!(during(14..20, 0.005));
        assert!(during(20..21, 0.015));
        assert!(during(21..31, 0.005));
        assert!(!during(31..32, 0.005));
        assert!(!during(32..60, 0.02));
    }

    #[test]
    fn a_path_without_room_is_spared() {
        let start = Instant::now();
        let mut repetition = Repetition::default();
        let mut during = |seconds, has_room| lose(&mut repetition, start, seconds, 0.1, has_room);

        assert!(!during(0..10, false));
        assert!(!during(10..11, true));
        assert!(during(11..12, true));
        assert!(!during(12..13, false));
        assert!(during(13..14, true));
    }

    #[test]
    fn it_lasts_longer_where_loss_is_told_as_soon_as_it_ends() {
        let start = Instant::now();
        let mut repetition = Repetition::default();
        let mut ends = Vec::new();
        for second in 0..1000 {
            let was_on = repetition.is_on();
            // By the word of a receiver that cannot tell the two apart.
            let loss = if was_on { 0.0 } else { 0.1 };
            lose(&mut repetition, start, second..second + 1, loss, true);
            if was_on && !repetition.is_on() {
                ends.push(second);
            }
        }

        let lasted: Vec<_> = ends.windows(2).map(|ends| ends[1] - ends[0]).collect();
        assert!(
            lasted[..4].is_sorted_by(|before, after| before * 17 / 10 < *after),
            "{lasted:?}"
        );
        assert!(lasted.last() <= Some(&170), "{lasted:?}");
    }

    #[test]
    fn by_loss_that_is_not_certain_it_does_not_go_on_for_good() {
        let start = Instant::now();
        let mut repetition = Repetition::default();
        assert!(lose(&mut repetition, start, 0..3, 0.1, true));
        let mut on = 0;
        for half in 6..600 {
            let now = start + Duration::from_millis(500 * half);
            let is_certain = !repetition.is_on();
            // What trembles while it is on, and is good otherwise.
            let loss = if is_certain { 0.0 } else { 0.1 };
            let latest = LossWindow {
                number: half + 1,
                loss,
            };
            repetition.update(now, latest, Recent { loss, is_certain }, true);
            on += u32::from(repetition.is_on());
        }

        assert!((118..=122).contains(&on), "{on} half seconds");
    }

    #[test]
    fn what_is_kept_leaves_as_it_was_when_it_is_due_and_is_bounded() {
        let start = Instant::now();
        let mut repetition = Repetition::default();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        assert!(repetition.keep(at(0), &[1; 90]));
        assert!(repetition.keep(at(0), &[2; 90]));
        assert!(repetition.keep(at(0), &[3; 70]));
        assert!(repetition.keep(at(20), &[4; 70]));

        assert_eq!(repetition.next(), Some(at(40)));
        assert_eq!(repetition.due_train(at(30)), None);
        let mut trains = Vec::new();
        while let Some(train) = repetition.due_train(at(40)) {
            let mut bytes = Vec::new();
            repetition.release(train, &mut bytes);
            trains.push((train.count, bytes));
        }

        let first = [[1; 90], [2; 90]].concat();
        assert_eq!(trains, [(2, first), (1, vec![3; 70])]);
        assert_eq!(repetition.next(), Some(at(60)));
        let kept = (0..1000).filter(|_| repetition.keep(at(60), &[5; 70]));
        assert_eq!(kept.count(), MOST_KEPT - 1);
    }
}
