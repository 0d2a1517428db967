//! How often those who have shown no credentials are answered.

use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

use crate::address::Source;
use crate::token_bucket::{Rate, TokenBucket};

/// A bucket for each source, though not one of its own: they are as few as
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

    /// Whether one more answer may go to this source.
    pub(crate) fn may_be_answered(&mut self, now: Instant, rate: Rate, source: Source) -> bool {
        let hash = self.hasher.hash_one(source) as usize;
        self.buckets[hash % BUCKETS].take(now, rate, 1)
    }
}

const BUCKETS: usize = 4096;
