//! How often a slot may wish for a key frame, for whatever reason.

use std::time::{Duration, Instant};

/// A slot's wishes for key frames: its receiver's, and those that changes of
/// what it shows bring. A receiver that is never pleased must not spoil the
/// picture for all others.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Wishes {
    last: Option<Instant>,
    /// When all that were granted are paid for.
    paid_until: Option<Instant>,
}

impl Wishes {
    /// What is shown is another one: the last wish was not for it.
    pub(super) fn begin_anew(&mut self) {
        self.last = None;
    }

    /// Takes a wish. `false` if there was one a moment ago, or too many of late.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let is_granted = self.next().is_none_or(|at| now >= at);
        if is_granted {
            self.last = Some(now);
            let paid_until = self.paid_until.map_or(now, |until| until.max(now));
            self.paid_until = Some(paid_until + COST);
        }
        is_granted
    }

    /// When a wish is granted again.
    pub(super) fn next(&self) -> Option<Instant> {
        let answered = self.last.map(|at| at + BETWEEN);
        let paid = self
            .paid_until
            .and_then(|until| until.checked_sub(MOST_OWED));
        answered.max(paid)
    }
}

/// Longer than a key frame takes to be asked for, sent and repaired. Browsers
/// repeat a wish that stays unanswered.
const BETWEEN: Duration = Duration::from_secs(1);
/// On average wishes are no closer together, be they for one picture or for
/// many in turn.
const COST: Duration = Duration::from_secs(1);
/// Five at once: who pages through a large session, or whose path narrows step
/// by step, waits for none.
const MOST_OWED: Duration = Duration::from_secs(4);

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn five_are_granted_at_once_if_each_is_for_another_picture_then_one_a_second() {
        let start = Instant::now();
        let mut granted = Vec::new();
        let mut wishes = Wishes::default();
        for tenth in 0..100 {
            wishes.begin_anew();
            if wishes.take(start + tenth * Duration::from_millis(100)) {
                granted.push(tenth);
            }
        }

        assert_eq!(granted, [0, 1, 2, 3, 4, 10, 20, 30, 40, 50, 60, 70, 80, 90]);
    }

    #[test]
    fn for_the_same_picture_one_a_second_is_granted() {
        let start = Instant::now();
        let mut wishes = Wishes::default();
        let tenths =
            (0..35_u32).filter(|tenth| wishes.take(start + *tenth * Duration::from_millis(100)));
        assert_eq!(tenths.collect::<Vec<_>>(), [0, 10, 20, 30]);
    }
}
