//! The clinic's keys as they are now, for all who join.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use super::key_cache::KeyCache;
use super::token::{Admission, TokenError, UnixTime};
use super::{KeySet, KeySource, KeySourceError, KeyTiming};

/// Checks tokens with the keys of a source that is read again when they grow
/// old, and when a token names one that is not there. Clones share them.
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

    /// Checks a token's signature, times and claims, as [`KeySet::verify`]
    /// does, after the source was read if that is due.
    pub async fn verify(&self, token: &str, now: UnixTime) -> Result<Admission, TokenError> {
        let verify = |keys: Option<Arc<KeySet>>| match keys {
            Some(keys) => keys.verify(token, now),
            None => Err(TokenError::NoKeys),
        };
        let (keys, is_due) = {
            let cache = self.cache();
            let now = Instant::now();
            (cache.keys(now), cache.is_due(now))
        };
        if is_due && keys.is_some() {
            // The old keys will do meanwhile.
            let this = self.clone();
            tokio::spawn(async move { this.fetch_unless(KeyCache::is_due).await });
        }
        match verify(keys) {
            Err(TokenError::UnknownKey | TokenError::NoKeys) => {
                self.fetch_unless(KeyCache::may_attempt).await;
                verify(self.cache().keys(Instant::now()))
            }
            outcome => outcome,
        }
    }

    /// Reads the source if that is called for once nobody else does.
    async fn fetch_unless(&self, is_called_for: impl Fn(&KeyCache, Instant) -> bool) {
        let _fetching = self.shared.fetching.lock().await;
        let is_called_for = is_called_for(&self.cache(), Instant::now());
        if is_called_for && let Err(error) = self.fetch().await {
            tracing::warn!(%error, "access.jwks cannot be read; the keys from before are used");
        }
    }

    async fn fetch(&self) -> Result<(), KeySourceError> {
        let Some(source) = self.shared.source.clone() else {
            return Ok(());
        };
        self.cache().attempt(Instant::now());
        let fetched = spawn_blocking(move || source.fetch()).await;
        let keys = fetched.unwrap_or_else(|error| Err(std::io::Error::other(error).into()))?;
        self.cache().fetched(keys, Instant::now());
        Ok(())
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, KeyCache> {
        let cache = self.shared.cache.lock();
        cache.unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<KeySet> for Keys {
    fn from(keys: KeySet) -> Self {
        Self::fixed(keys)
    }
}
