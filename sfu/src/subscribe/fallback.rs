//! When a receiver is left with sound alone, and when it gets pictures again.

use std::time::{Duration, Instant};

/// Whether a receiver's path takes too little for any picture, and has done so
/// for a while. Pictures come back when it has taken enough for a while, so
/// that they do not come and go.
#[derive(Clone, Copy, Default, Debug)]
pub struct Fallback {
    is_on: bool,
    /// Since when the path has been otherwise than `is_on` says.
    since: Option<Instant>,
}

/// What a receiver's path takes of the pictures it shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Space {
    /// Not even the least of them.
    ForNone,
    /// The least, and not much more.
    ForLittle,
    /// More than the least.
    ForSome,
    /// Nothing is shown, or the path is not known.
    Unasked,
}

impl Fallback {
    /// Whether no picture may be sent.
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// Takes note of what the path takes now. `true` if that changes whether
    /// pictures may be sent.
    pub fn update(&mut self, now: Instant, space: Space) -> bool {
        let patience = match (self.is_on, space) {
            (true, Space::Unasked) => Duration::ZERO,
            (false, Space::ForNone) => BEFORE_ON,
            (true, Space::ForSome) => BEFORE_OFF,
            _ => {
                self.since = None;
                return false;
            }
        };
        let since = *self.since.get_or_insert(now);
        let is_due = now.saturating_duration_since(since) >= patience;
        if is_due {
            self.is_on = !self.is_on;
            self.since = None;
        }
        is_due
    }
}

/// Longer than a path that has just narrowed takes to be known again.
const BEFORE_ON: Duration = Duration::from_secs(2);
const BEFORE_OFF: Duration = Duration::from_secs(3);

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    /// The seconds at which it changed, when the path takes this each second.
    fn changes(spaces: impl IntoIterator<Item = Space>) -> Vec<usize> {
        let start = Instant::now();
        let mut fallback = Fallback::default();
        let seconds = spaces.into_iter().enumerate();
        seconds
            .filter(|(second, space)| {
                fallback.update(start + Duration::from_secs(*second as u64), *space)
            })
            .map(|(second, _)| second)
            .collect()
    }

    #[test]
    fn it_begins_and_ends_after_a_while() {
        let spaces = [vec![Space::ForNone; 10], vec![Space::ForSome; 10]].concat();
        assert_eq!(changes(spaces), [2, 13]);
    }

    #[test]
    fn what_passes_or_trembles_does_not_begin_or_end_it() {
        let trembling = (0..60).map(|second| match second % 3 {
            0 => Space::ForSome,
            1 => Space::ForLittle,
            _ => Space::ForNone,
        });
        assert_eq!(changes(trembling.clone()), []);
        let begun = vec![Space::ForNone; 3].into_iter();
        assert_eq!(changes(begun.chain(trembling)), [2]);
    }

    #[test]
    fn it_ends_at_once_when_there_is_nothing_to_show() {
        let spaces = [vec![Space::ForNone; 4], vec![Space::Unasked; 2]].concat();
        assert_eq!(changes(spaces), [2, 4]);
    }
}
