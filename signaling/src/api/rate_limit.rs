//! How often each key may call, and how often those without one may try.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderName, HeaderValue};

use crate::limits::{Rate, Source, SourceBuckets, TokenBucket};

/// An account for each API key, and for each source of requests without one.
#[derive(Debug)]
pub(super) struct RateLimiter {
    requests: Rate,
    /// As many as there are keys at most.
    keys: Mutex<HashMap<String, TokenBucket>>,
    refusals: Mutex<SourceBuckets>,
    /// Of texts that were good keys, and may be still: SHA-256.
    good: Mutex<HashSet<[u8; 32]>>,
}

/// What is left to a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Budget {
    rate: Rate,
    remaining: u32,
    /// Until all of it is there again.
    refilled: Duration,
}

impl RateLimiter {
    pub(super) fn new(requests: Rate, refusals: Rate) -> Self {
        Self {
            requests,
            keys: Mutex::new(HashMap::new()),
            refusals: Mutex::new(SourceBuckets::new(refusals)),
            good: Mutex::new(HashSet::new()),
        }
    }

    /// Takes one request from a key's account.
    ///
    /// # Errors
    /// It is empty for as long as is said.
    pub(super) fn take(&self, key: &str, now: Instant) -> Result<(), Duration> {
        let mut keys = self.keys();
        let bucket = self.bucket(&mut keys, key, now);
        if bucket.take(1, now) {
            Ok(())
        } else {
            Err(bucket.wait(1, now))
        }
    }

    pub(super) fn budget(&self, key: &str, now: Instant) -> Budget {
        let mut keys = self.keys();
        let bucket = self.bucket(&mut keys, key, now);
        Budget {
            rate: self.requests,
            remaining: bucket.remaining(now),
            refilled: bucket.wait(self.requests.burst, now),
        }
    }

    /// Takes one refusal from a source's account.
    ///
    /// # Errors
    /// It is empty for as long as is said.
    pub(super) fn refuse(&self, source: Source, now: Instant) -> Result<(), Duration> {
        let refusals = self.refusals.lock();
        let mut refusals = refusals.unwrap_or_else(PoisonError::into_inner);
        refusals.take(source, now)
    }

    /// Whether a source is refused without its key being looked up, and for how
    /// long: it tries bad ones all the time, and this one was never good.
    pub(super) fn refuses(
        &self,
        source: Source,
        text: Option<&[u8; 32]>,
        now: Instant,
    ) -> Option<Duration> {
        let refusals = self.refusals.lock();
        let mut refusals = refusals.unwrap_or_else(PoisonError::into_inner);
        let wait = refusals.is_empty(source, now)?;
        let good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        let was_good = text.is_some_and(|text| good.contains(text));
        (!was_good).then_some(wait)
    }

    pub(super) fn note_good(&self, text: [u8; 32]) {
        let mut good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        // Keys that were revoked since are among them.
        if good.len() >= MOST_BUCKETS {
            good.clear();
        }
        good.insert(text);
    }

    fn bucket<'a>(
        &self,
        keys: &'a mut HashMap<String, TokenBucket>,
        key: &str,
        now: Instant,
    ) -> &'a mut TokenBucket {
        // Keys that were revoked since leave theirs behind.
        if keys.len() >= MOST_BUCKETS && !keys.contains_key(key) {
            keys.clear();
        }
        keys.entry(key.to_owned())
            .or_insert_with(|| TokenBucket::new(self.requests, now))
    }

    fn keys(&self) -> MutexGuard<'_, HashMap<String, TokenBucket>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Budget {
    /// `RateLimit-Policy` and `RateLimit`, as in
    /// draft-ietf-httpapi-ratelimit-headers-10.
    pub(super) fn headers(&self) -> [(HeaderName, HeaderValue); 2] {
        let window = self.rate.burst.div_ceil(self.rate.per_second.max(1));
        let policy = format!("\"api-key\";q={};w={window}", self.rate.burst);
        let left = format!(
            "\"api-key\";r={};t={}",
            self.remaining,
            self.refilled.as_secs_f64().ceil()
        );
        [("ratelimit-policy", policy), ("ratelimit", left)].map(|(name, value)| {
            let value = HeaderValue::from_str(&value).expect("numbers fit a header");
            (HeaderName::from_static(name), value)
        })
    }
}

const MOST_BUCKETS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_a_budget_of_its_own() {
        let rate = Rate {
            per_second: 2,
            burst: 3,
        };
        let limiter = RateLimiter::new(rate, rate);
        let now = Instant::now();
        for _ in 0..3 {
            assert_eq!(limiter.take("a", now), Ok(()));
        }

        assert_eq!(limiter.take("a", now), Err(Duration::from_millis(500)));
        assert_eq!(limiter.take("b", now), Ok(()));
        let [(_, policy), (_, left)] = limiter.budget("b", now).headers();
        assert_eq!(policy, "\"api-key\";q=3;w=2");
        assert_eq!(left, "\"api-key\";r=2;t=1");
        let [_, (_, left)] = limiter.budget("a", now).headers();
        assert_eq!(left, "\"api-key\";r=0;t=2");
    }
}
