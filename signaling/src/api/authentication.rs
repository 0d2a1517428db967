//! Who calls, and whether it may.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use super::Api;
use super::problem::{Kind, Problem};
use crate::access::UnixTime;
use crate::clinic::record::ApiKey;
use crate::clinic::{Scope, key_hash};
use crate::limits::{Connection, Source};

/// Whose API key came with the request.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    key: ApiKey,
}

impl Caller {
    /// The API key's id.
    pub(super) fn id(&self) -> &str {
        &self.key.id
    }

    /// # Errors
    /// The key does not allow this.
    pub(super) fn expect(&self, scope: Scope) -> Result<(), Problem> {
        if self.key.scopes.contains(&scope) {
            return Ok(());
        }
        let problem = Problem::because(Kind::InsufficientScope, format!("it needs {scope}"));
        Err(problem.with_challenge(format!(
            "Bearer error=\"insufficient_scope\", scope=\"{scope}\""
        )))
    }
}

/// Lets requests pass that carry a good key and do not come too fast; puts on
/// every answer what caches and callers must know.
pub(super) async fn guard(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let (mut response, budget) = match admit(&api, &mut request).await {
        Ok((caller, Ok(()))) => {
            let budget = api.shared.limiter.budget(caller.id(), Instant::now());
            request.extensions_mut().insert(caller);
            (next.run(request).await, Some(budget))
        }
        Ok((caller, Err(problem))) => {
            let budget = api.shared.limiter.budget(caller.id(), Instant::now());
            (problem.into_response(), Some(budget))
        }
        Err(problem) => (problem.into_response(), None),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(budget) = budget {
        for (name, value) in budget.headers() {
            headers.insert(name, value);
        }
    }
    response
}

/// Finds out who calls; and whether it calls too often.
async fn admit(api: &Api, request: &mut Request) -> Result<(Caller, Result<(), Problem>), Problem> {
    let connection = request.extensions().get::<Connection>().cloned();
    let client = connection.as_ref().map_or(UNKNOWN, |connection| {
        let proxies = &api.shared.trusted_proxies;
        proxies.client(connection.peer(), request.headers())
    });
    let source = Source::of(client);
    let text = key_text(request.headers());
    let hash = text.as_ref().map(|text| key_hash(text));
    let limiter = &api.shared.limiter;
    if let Some(wait) = limiter.refuses(source, hash.as_ref(), Instant::now()) {
        return Err(Problem::of(Kind::RateLimited).with_retry_after(wait.as_secs() + 1));
    }
    let key = match text {
        Some(text) => key(api, text).await?,
        None => None,
    };
    let Some(key) = key else {
        let taken = limiter.refuse(source, Instant::now());
        return Err(match taken {
            Ok(()) => Problem::of(Kind::Unauthenticated).with_challenge("Bearer"),
            Err(wait) => Problem::of(Kind::RateLimited).with_retry_after(wait.as_secs() + 1),
        });
    };
    if let Some(hash) = hash {
        limiter.note_good(hash);
    }
    if let Some(connection) = connection {
        // It is no stranger's any more, and makes way for none.
        connection.joined();
    }
    let taken = api.shared.limiter.take(&key.id, Instant::now());
    let taken =
        taken.map_err(|wait| Problem::of(Kind::RateLimited).with_retry_after(wait.as_secs() + 1));
    Ok((Caller { key }, taken))
}

/// What may be a key.
fn key_text(headers: &HeaderMap) -> Option<Zeroizing<String>> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, text) = value.to_str().ok()?.split_once(' ')?;
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    is_bearer.then(|| Zeroizing::new(text.trim().to_owned()))
}

async fn key(api: &Api, text: Zeroizing<String>) -> Result<Option<ApiKey>, Problem> {
    let clinic = api.clinic().clone();
    let found = spawn_blocking(move || clinic.store().authenticate(&text, UnixTime::now())).await;
    match found {
        Ok(Ok(key)) => Ok(key),
        Ok(Err(error)) => {
            tracing::error!(%error, "an API key could not be looked up");
            Err(Problem::of(Kind::StoreUnavailable))
        }
        Err(_) => Err(Problem::of(Kind::Internal)),
    }
}

/// Stands for all clients of a server that does not track its connections.
const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
