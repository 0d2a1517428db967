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

    /// Whether they are due to be fetched by their age.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let is_fresh = self
            .keys
            .as_ref()
            .is_some_and(|fetched| now.saturating_duration_since(fetched.at) < self.timing.fresh);
        !is_fresh && self.may_attempt(now)
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

    pub(super) fn fetched(&mut self, keys: KeySet, now: Instant) {
        let keys = Arc::new(keys);
        self.keys = Some(Fetched { keys, at: now });
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
        assert!(cache.is_due(start));

        cache.attempt(start);
        cache.fetched(keys(), start);

        assert!(!cache.is_due(at(99)));
        assert!(cache.is_due(at(100)));
        assert!(cache.keys(at(999)).is_some());
        assert!(cache.keys(at(1_000)).is_none());
    }

    #[test]
    fn attempts_keep_their_distance() {
        let start = Instant::now();
        let mut cache = KeyCache::new(TIMING);

        cache.attempt(start);

        assert!(!cache.may_attempt(start + Duration::from_secs(9)));
        assert!(!cache.is_due(start + Duration::from_secs(9)));
        assert!(cache.may_attempt(start + Duration::from_secs(10)));
        assert!(cache.is_due(start + Duration::from_secs(10)));
    }

    fn keys() -> KeySet {
        KeySet::from_json(&DevelopmentKey::generate().to_jwks()).expect("the key is good")
    }
}
