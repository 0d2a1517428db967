//! How often those who have shown no credentials are answered.

use std::hash::{BuildHasher, Hash, RandomState};
use std::time::Instant;

use crate::token_bucket::{Rate, TokenBucket};

/// A bucket for each of them, though not one of their own: they are as few as
/// are kept anyway, however many addresses somebody forges.
#[derive(Debug)]
pub(crate) struct Strangers {
    buckets: Box<[TokenBucket]>,
    hasher: RandomState,
}

impl Strangers {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            buckets: vec![TokenBucket::full(now); BUCKETS].into(),
            hasher: RandomState::new(),
        }
    }

    /// Whether this one may be given one more answer.
    pub(crate) fn may_be_answered(&mut self, now: Instant, rate: Rate, who: impl Hash) -> bool {
        let hash = self.hasher.hash_one(who) as usize;
        self.buckets[hash % BUCKETS].take(now, rate, 1)
    }
}

const BUCKETS: usize = 4096;
