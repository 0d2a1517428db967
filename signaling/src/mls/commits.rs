//! The last commits, for members that missed some.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::protocol::Opaque;

/// Accepted commits without a gap, up to the present epoch. Bounded in number,
/// size and age.
#[derive(Debug, Default)]
pub(super) struct Commits {
    kept: VecDeque<Kept>,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    /// The epoch it was made in.
    epoch: u32,
    commit: Opaque,
    at: Instant,
}

impl Commits {
    pub(super) fn push(&mut self, epoch: u32, commit: Opaque, now: Instant) {
        self.bytes += commit.len();
        self.kept.push_back(Kept {
            epoch,
            commit,
            at: now,
        });
        self.expire(now);
    }

    /// The commits that lead from `epoch` to the present one; `None` if some
    /// of them are no longer kept.
    pub(super) fn since(&self, epoch: u32, now: Instant) -> Option<Vec<(u32, Opaque)>> {
        let first = self.kept.iter().position(|kept| kept.epoch == epoch)?;
        let is_fresh = now.saturating_duration_since(self.kept[first].at) <= MAX_AGE;
        is_fresh.then(|| {
            self.kept
                .iter()
                .skip(first)
                .map(|kept| (kept.epoch, kept.commit.clone()))
                .collect()
        })
    }

    /// Forgets those that were made in `epoch` or later.
    pub(super) fn truncate(&mut self, epoch: u32) {
        while let Some(newest) = self.kept.back().filter(|kept| kept.epoch >= epoch) {
            self.bytes -= newest.commit.len();
            self.kept.pop_back();
        }
    }

    fn expire(&mut self, now: Instant) {
        while let Some(oldest) = self.kept.front() {
            let is_old = now.saturating_duration_since(oldest.at) > MAX_AGE;
            if !is_old && self.kept.len() <= MAX_COUNT && self.bytes <= MAX_BYTES {
                break;
            }
            self.bytes -= oldest.commit.len();
            self.kept.pop_front();
        }
    }
}

const MAX_COUNT: usize = 8;

/// Eight commits in a room of 25 take about 25 KB.
const MAX_BYTES: usize = 256 * 1024;

/// Longer than anybody may be away and come back.
const MAX_AGE: Duration = Duration::from_mins(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_eight_are_kept() {
        let mut commits = Commits::default();
        let now = Instant::now();
        for epoch in 0..10 {
            commits.push(epoch, opaque(10), now);
        }

        assert!(commits.since(1, now).is_none());
        assert_eq!(epochs(&commits, 2, now), (2..10).collect::<Vec<_>>());
        assert_eq!(epochs(&commits, 9, now), [9]);
        assert!(commits.since(10, now).is_none());
    }

    #[test]
    fn large_ones_make_room_sooner() {
        let mut commits = Commits::default();
        let now = Instant::now();
        for epoch in 0..5 {
            commits.push(epoch, opaque(100 * 1024), now);
        }

        assert!(commits.since(2, now).is_none());
        assert_eq!(epochs(&commits, 3, now), [3, 4]);
    }

    #[test]
    fn those_of_epochs_that_are_undone_are_forgotten() {
        let mut commits = Commits::default();
        let now = Instant::now();
        for epoch in 0..5 {
            commits.push(epoch, opaque(10), now);
        }

        commits.truncate(3);

        assert_eq!(epochs(&commits, 0, now), [0, 1, 2]);
        assert!(commits.since(3, now).is_none());
        assert_eq!(commits.bytes, 30);
    }

    #[test]
    fn old_ones_are_given_to_nobody() {
        let mut commits = Commits::default();
        let start = Instant::now();
        commits.push(0, opaque(10), start);
        let later = start + MAX_AGE + Duration::from_secs(1);

        assert!(commits.since(0, later).is_none());

        commits.push(1, opaque(10), later);
        assert_eq!(commits.kept.len(), 1);
        assert_eq!(commits.bytes, 10);
    }

    fn epochs(commits: &Commits, since: u32, now: Instant) -> Vec<u32> {
        let kept = commits.since(since, now).expect("they are kept");
        kept.into_iter().map(|(epoch, _)| epoch).collect()
    }

    fn opaque(length: usize) -> Opaque {
        "A".repeat(length).try_into().expect("it is base64url")
    }
}
