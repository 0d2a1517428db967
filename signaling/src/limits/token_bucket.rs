//! Token buckets: a steady rate, and a reserve for bursts.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::Source;

/// A steady rate and what may come at once. Both are at least 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    pub per_second: u32,
    pub burst: u32,
}

/// One account: it fills at the rate, and never holds more than the burst.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenBucket {
    rate: Rate,
    tokens: f64,
    filled: Instant,
}

impl TokenBucket {
    /// A full one.
    pub(crate) fn new(rate: Rate, now: Instant) -> Self {
        Self {
            rate,
            tokens: f64::from(rate.burst),
            filled: now,
        }
    }

    /// Takes `cost` if there is as much, and says whether it did.
    pub(crate) fn take(&mut self, cost: u32, now: Instant) -> bool {
        self.fill(now);
        let cost = f64::from(cost);
        let enough = self.tokens >= cost;
        if enough {
            self.tokens -= cost;
        }
        enough
    }

    /// How long until `cost` is there. Zero if it is, and never more than the
    /// time from empty to full.
    pub(crate) fn wait(&mut self, cost: u32, now: Instant) -> Duration {
        self.fill(now);
        let lacking = f64::from(cost.min(self.rate.burst)) - self.tokens;
        Duration::from_secs_f64(lacking.max(0.0) / f64::from(self.rate.per_second.max(1)))
    }

    /// How much is there, in whole numbers.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is never negative, nor more than the burst"
    )]
    pub(crate) fn remaining(&mut self, now: Instant) -> u32 {
        self.fill(now);
        self.tokens as u32
    }

    fn is_full(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.tokens >= f64::from(self.rate.burst)
    }

    fn fill(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.filled).as_secs_f64();
        let tokens = self.tokens + seconds * f64::from(self.rate.per_second);
        self.tokens = tokens.min(f64::from(self.rate.burst));
        self.filled = self.filled.max(now);
    }
}

/// One account for each source.
#[derive(Debug)]
pub(crate) struct SourceBuckets {
    rate: Rate,
    buckets: HashMap<Source, TokenBucket>,
    /// Of all sources that there is no account for.
    others: Option<TokenBucket>,
    /// When it was last looked which accounts are full.
    swept: Option<Instant>,
}

impl SourceBuckets {
    pub(crate) fn new(rate: Rate) -> Self {
        Self {
            rate,
            buckets: HashMap::new(),
            others: None,
            swept: None,
        }
    }

    /// Whether the account that a source would take from is empty, and for how
    /// long.
    pub(crate) fn is_empty(&mut self, source: Source, now: Instant) -> Option<Duration> {
        let is_full = self.buckets.len() >= MAX_SOURCES;
        let bucket = match self.buckets.get_mut(&source) {
            None if is_full => self.others.as_mut(),
            bucket => bucket,
        };
        let wait = bucket?.wait(1, now);
        (wait > Duration::ZERO).then_some(wait)
    }

    /// Takes one from a source's account.
    ///
    /// # Errors
    /// It is empty for as long as is said.
    pub(crate) fn take(&mut self, source: Source, now: Instant) -> Result<(), Duration> {
        if self.buckets.len() >= MAX_SOURCES && !self.buckets.contains_key(&source) {
            self.sweep(now);
            if self.buckets.len() >= MAX_SOURCES {
                return self.take_of_others(now);
            }
        }
        let bucket = self
            .buckets
            .entry(source)
            .or_insert_with(|| TokenBucket::new(self.rate, now));
        take_one(bucket, now)
    }

    /// So many at once are no single source's doing: they share one account.
    fn take_of_others(&mut self, now: Instant) -> Result<(), Duration> {
        let rate = Rate {
            per_second: self.rate.per_second.saturating_mul(OTHERS),
            burst: self.rate.burst.saturating_mul(OTHERS),
        };
        let others = self
            .others
            .get_or_insert_with(|| TokenBucket::new(rate, now));
        take_one(others, now)
    }

    /// Forgets full accounts, which are as good as none. Not each time: a flood
    /// from ever new sources must not have all accounts looked at for each.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|swept| now < swept + SWEEP) {
            return;
        }
        self.swept = Some(now);
        self.buckets.retain(|_, bucket| !bucket.is_full(now));
    }
}

fn take_one(bucket: &mut TokenBucket, now: Instant) -> Result<(), Duration> {
    if bucket.take(1, now) {
        Ok(())
    } else {
        Err(bucket.wait(1, now))
    }
}

/// Who comes while there is no account left has as much as so many with one.
const OTHERS: u32 = 1_000;

/// About 1 MB.
const MAX_SOURCES: usize = 10_000;

const SWEEP: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const RATE: Rate = Rate {
        per_second: 2,
        burst: 3,
    };

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(RATE, start);

        assert!((0..3).all(|_| bucket.take(1, start)));
        assert!(!bucket.take(1, start));
        assert!(!bucket.take(1, start + Duration::from_millis(499)));
        assert!(bucket.take(1, start + Duration::from_millis(500)));
        assert!(!bucket.take(1, start + Duration::from_millis(500)));
    }

    #[test]
    fn a_long_rest_saves_no_more_than_the_burst() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(RATE, start);
        let later = start + Duration::from_hours(1_000);

        assert!((0..3).all(|_| bucket.take(1, later)));
        assert!(!bucket.take(1, later));
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let start = Instant::now();
        let later = start + Duration::from_secs(10);
        let mut bucket = TokenBucket::new(RATE, later);
        assert!(bucket.take(3, later));

        assert!(!bucket.take(1, start));
        assert!(!bucket.take(1, later));
    }

    #[test]
    fn sources_do_not_pay_for_one_another_and_are_told_how_long_to_wait() {
        let now = Instant::now();
        let mut buckets = SourceBuckets::new(RATE);
        for _ in 0..3 {
            assert_eq!(buckets.take(source(1), now), Ok(()));
        }

        assert_eq!(
            buckets.take(source(1), now),
            Err(Duration::from_millis(500))
        );
        assert_eq!(buckets.take(source(2), now), Ok(()));
        let wait = Some(Duration::from_millis(500));
        assert_eq!(
            [1, 2, 3].map(|of| buckets.is_empty(source(of), now)),
            [wait, None, None]
        );
    }

    #[test]
    fn sources_beyond_number_are_not_remembered() {
        let now = Instant::now();
        let mut buckets = SourceBuckets::new(RATE);
        for number in 0..10_000 + OTHERS * RATE.burst {
            assert_eq!(buckets.take(source(number), now), Ok(()));
        }
        assert_eq!(buckets.buckets.len(), MAX_SOURCES);
        // Together they have no more than that.
        let wait = buckets.take(source(49_999), now).expect_err("no more");
        assert_eq!(buckets.is_empty(source(49_998), now), Some(wait));
        assert_eq!(buckets.is_empty(source(1), now), None);

        let later = now + Duration::from_secs(10);
        assert_eq!(buckets.take(source(50_000), later), Ok(()));
        assert_eq!(buckets.buckets.len(), 1);
    }

    #[test]
    fn a_flood_of_new_sources_has_the_others_looked_at_once_a_second() {
        let start = Instant::now();
        let mut buckets = SourceBuckets::new(RATE);
        let sources = u32::try_from(MAX_SOURCES).expect("it is small");
        for number in 0..=sources {
            assert_eq!(buckets.take(source(number), start), Ok(()));
        }

        // By now all accounts are full again, but they were just looked at.
        let soon = start + Duration::from_millis(600);
        assert_eq!(buckets.take(source(50_000), soon), Ok(()));
        assert_eq!(buckets.buckets.len(), MAX_SOURCES);
        let later = start + Duration::from_millis(1_100);
        assert_eq!(buckets.take(source(50_000), later), Ok(()));
        assert_eq!(buckets.buckets.len(), 1);
    }

    fn source(number: u32) -> Source {
        Source::of(Ipv4Addr::from(number).into())
    }
}
