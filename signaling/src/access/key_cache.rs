//! When the clinic's keys are fetched, and how long they are good for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::KeySet;

/// The last keys that were fetched. A state machine: the time is handed in,
/// and fetching is the caller's.
#[derive(Debug)]
pub(super) struct KeyCache {
    timing: KeyTiming,
    keys: Option<Fetched>,
    attempted_at: Option<Instant>,
}

/// How long keys are good for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyTiming {
    /// After this they are fetched again.
    pub fresh: Duration,
    /// After this they are used no more, even if no others can be had.
    pub stale: Duration,
    /// Between two attempts at the least, whatever strangers' tokens name.
    pub pause: Duration,
}

impl Default for KeyTiming {
    fn default() -> Self {
        Self {
            fresh: Duration::from_mins(5),
            stale: Duration::from_hours(24),
            pause: Duration::from_secs(10),
        }
    }
}

#[derive(Debug)]
struct Fetched {
    keys: Arc<KeySet>,
    /// When they were asked for.
    at: Instant,
}

impl KeyCache {
    pub(super) fn new(timing: KeyTiming) -> Self {
        Self {
            timing,
            keys: None,
            attempted_at: None,
        }
    }

    /// The keys, unless there are none or they are too old.
    pub(super) fn keys(&self, now: Instant) -> Option<Arc<KeySet>> {
        let fetched = self.keys.as_ref()?;
        let age = now.saturating_duration_since(fetched.at);
        (age < self.timing.stale).then(|| fetched.keys.clone())
    }

    /// Whether there are keys, and young enough to be used without a look.
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        self.due_in(now) > Duration::ZERO
    }

    /// How long they are fresh for.
    pub(super) fn due_in(&self, now: Instant) -> Duration {
        self.keys.as_ref().map_or(Duration::ZERO, |fetched| {
            let age = now.saturating_duration_since(fetched.at);
            self.timing.fresh.saturating_sub(age)
        })
    }

    /// Whether they were asked for at this moment or after it.
    pub(super) fn is_as_of(&self, moment: Instant) -> bool {
        self.keys
            .as_ref()
            .is_some_and(|fetched| fetched.at >= moment)
    }

    /// Whether they may be fetched: the last attempt is long enough ago.
    pub(super) fn may_attempt(&self, now: Instant) -> bool {
        self.attempted_at
            .is_none_or(|at| now.saturating_duration_since(at) >= self.timing.pause)
    }

    /// Notes that an attempt begins.
    pub(super) fn attempt(&mut self, now: Instant) {
        self.attempted_at = Some(now);
    }

    /// Takes what an attempt brought that began at `at`.
    pub(super) fn fetched(&mut self, keys: KeySet, at: Instant) {
        let keys = Arc::new(keys);
        self.keys = Some(Fetched { keys, at });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::DevelopmentKey;

    const TIMING: KeyTiming = KeyTiming {
        fresh: Duration::from_secs(100),
        stale: Duration::from_secs(1_000),
        pause: Duration::from_secs(10),
    };

    #[test]
    fn keys_are_fetched_anew_when_they_age_and_used_until_they_are_stale() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut cache = KeyCache::new(TIMING);
        assert!(cache.keys(start).is_none());
        assert!(!cache.is_fresh(start));

        cache.attempt(start);
        cache.fetched(keys(), start);

        assert!(cache.is_fresh(at(99)));
        assert!(!cache.is_fresh(at(100)));
        assert_eq!(cache.due_in(at(40)), Duration::from_mins(1));
        assert!(cache.keys(at(999)).is_some());
        assert!(cache.keys(at(1_000)).is_none());
    }

    #[test]
    fn attempts_keep_their_distance() {
        let start = Instant::now();
        let mut cache = KeyCache::new(TIMING);

        cache.attempt(start);

        assert!(!cache.may_attempt(start + Duration::from_secs(9)));
        assert!(cache.may_attempt(start + Duration::from_secs(10)));
    }

    fn keys() -> KeySet {
        KeySet::from_json(&DevelopmentKey::generate().to_jwks()).expect("the key is good")
    }
}
