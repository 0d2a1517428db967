//! The clinic's keys as they are now, for all who join.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::key_cache::KeyCache;
use super::token::{Admission, TokenError, UnixTime};
use super::{KeySet, KeySource, KeySourceError, KeyTiming};

/// Checks tokens with the keys of a source that is read again when they grow
/// old, and when none of them has signed a token. Clones share them.
#[derive(Clone, Debug)]
pub struct Keys {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    cache: std::sync::Mutex<KeyCache>,
    source: Option<KeySource>,
    /// Held while the source is read, so that all who ask wait for one answer.
    fetching: Mutex<()>,
}

impl Keys {
    /// Keys that never change.
    pub fn fixed(keys: KeySet) -> Self {
        let never = KeyTiming {
            fresh: Duration::MAX,
            stale: Duration::MAX,
            ..KeyTiming::default()
        };
        let mut cache = KeyCache::new(never);
        cache.fetched(keys, Instant::now());
        Self::with(cache, None)
    }

    /// Keys that are read when they are needed.
    pub fn from_source(source: KeySource, timing: KeyTiming) -> Self {
        Self::with(KeyCache::new(timing), Some(source))
    }

    fn with(cache: KeyCache, source: Option<KeySource>) -> Self {
        Self {
            shared: Arc::new(Shared {
                cache: std::sync::Mutex::new(cache),
                source,
                fetching: Mutex::new(()),
            }),
        }
    }

    /// Reads the source now, whatever the cache holds.
    ///
    /// # Errors
    /// No keys came. Those that were there are kept.
    pub async fn refresh(&self) -> Result<(), KeySourceError> {
        let _fetching = self.shared.fetching.lock().await;
        self.fetch().await
    }

    /// Reads the source whenever the keys grow old, so that who joins seldom
    /// waits for it. Runs for as long as it is awaited.
    pub async fn keep_fresh(&self) {
        loop {
            let due = self.cache().due_in(Instant::now());
            sleep(due.max(Duration::from_secs(1))).await;
            self.renew().await;
        }
    }

    /// Checks a token's signature, times and claims, as [`KeySet::verify`]
    /// does, with the keys of a source that was read within the time that they
    /// are fresh, or else cannot be read now. Waits for it up to 5 s.
    pub async fn verify(&self, token: &str, now: UnixTime) -> Result<Admission, TokenError> {
        let asked_at = Instant::now();
        self.renew().await;
        let outcome = self.verify_now(token, now);
        if !is_for_want_of_a_key(&outcome) {
            return outcome;
        }
        self.fetch_unless_held_back().await;
        match self.verify_now(token, now) {
            // The clinic may have put this key there since.
            outcome if is_for_want_of_a_key(&outcome) && !self.is_as_of(asked_at) => {
                Err(TokenError::NoKeys)
            }
            outcome => outcome,
        }
    }

    fn verify_now(&self, token: &str, now: UnixTime) -> Result<Admission, TokenError> {
        let keys = self.cache().keys(Instant::now());
        keys.ok_or(TokenError::NoKeys)?.verify(token, now)
    }

    /// Whether no later keys than these can be had than those of a moment.
    fn is_as_of(&self, moment: Instant) -> bool {
        self.shared.source.is_none() || self.cache().is_as_of(moment)
    }

    /// Reads the source if the keys are old. Whoever comes while somebody else
    /// does so waits for the same answer.
    async fn renew(&self) {
        if self.cache().is_fresh(Instant::now()) {
            return;
        }
        let _fetching = self.shared.fetching.lock().await;
        if !self.cache().is_fresh(Instant::now()) {
            self.attempt().await;
        }
    }

    /// Reads the source if it was not just read by somebody else.
    async fn fetch_unless_held_back(&self) {
        let _fetching = self.shared.fetching.lock().await;
        self.attempt().await;
    }

    /// Reads the source, unless somebody else had to answer for it just now.
    async fn attempt(&self) {
        let is_local = self.shared.source.as_ref().is_some_and(KeySource::is_local);
        let may_attempt = is_local || self.cache().may_attempt(Instant::now());
        if may_attempt && let Err(error) = self.fetch().await {
            tracing::warn!(%error, "access.jwks cannot be read; the keys from before are used");
        }
    }

    async fn fetch(&self) -> Result<(), KeySourceError> {
        let Some(source) = self.shared.source.clone() else {
            return Ok(());
        };
        let attempted_at = Instant::now();
        self.cache().attempt(attempted_at);
        let fetched = spawn_blocking(move || source.fetch()).await;
        let keys = fetched.unwrap_or_else(|error| Err(std::io::Error::other(error).into()))?;
        self.cache().fetched(keys, attempted_at);
        Ok(())
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, KeyCache> {
        let cache = self.shared.cache.lock();
        cache.unwrap_or_else(PoisonError::into_inner)
    }
}

/// A key that is not there, or another one under the same name.
fn is_for_want_of_a_key(outcome: &Result<Admission, TokenError>) -> bool {
    matches!(
        outcome,
        Err(TokenError::UnknownKey | TokenError::Signature | TokenError::NoKeys)
    )
}

impl From<KeySet> for Keys {
    fn from(keys: KeySet) -> Self {
        Self::fixed(keys)
    }
}
