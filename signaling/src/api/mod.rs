//! The REST API for the clinic's backend.
//!
//! Sessions are opened, looked up and ended, and the people in them listed,
//! removed and refused, with keys that the operator makes. It is described by
//! `/v1/openapi.json`, which is made from this code, and in `docs/api.md`.

mod authentication;
mod body;
mod live;
mod openapi;
mod participants;
mod problem;
mod rate_limit;
mod sessions;
mod timestamp;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, delete, get, post};
use tokio::task::spawn_blocking;

pub use live::{LiveParticipant, LiveRooms};
pub use openapi::document;

use crate::access::UnixTime;

use crate::audit::{Action, Actor, AuditEvent, AuditSink, Person};
use crate::clinic::{Claim, Clinic, Kept, Outcome, Refused, Session, once};
use crate::limits::{Rate, TrustedProxies};
use crate::store::Writing;
use problem::{Kind, Problem};
use rate_limit::RateLimiter;

/// What may be set.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// Requests with each API key.
    pub requests: Rate,
    /// Requests without a good key, from each source.
    pub refusals: Rate,
    /// Who may say for whom a connection counts.
    pub trusted_proxies: TrustedProxies,
}

/// The API. Clones are one.
#[derive(Clone, Debug)]
pub struct Api {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    clinic: Clinic,
    rooms: Arc<dyn LiveRooms>,
    audit: Arc<dyn AuditSink>,
    trusted_proxies: TrustedProxies,
    limiter: RateLimiter,
    /// Idempotency keys of requests that are under way, with their API keys.
    claimed: Mutex<HashSet<(String, String)>>,
}

impl Api {
    pub fn new(
        settings: ApiSettings,
        clinic: Clinic,
        rooms: Arc<dyn LiveRooms>,
        audit: Arc<dyn AuditSink>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                clinic,
                rooms,
                audit,
                trusted_proxies: settings.trusted_proxies,
                limiter: RateLimiter::new(settings.requests, settings.refusals),
                claimed: Mutex::new(HashSet::new()),
            }),
        }
    }

    /// The routes, all below `/v1`. Requests carry the connection they came on
    /// as an extension; all that lack it count as one source.
    pub fn router(&self) -> Router {
        let session = "/v1/sessions/{session}";
        let guarded = Router::new()
            .route("/v1/sessions", get(sessions::list).post(sessions::open))
            .route(session, get(sessions::read))
            .route(&format!("{session}/end"), post(sessions::end))
            .route(&format!("{session}/participants"), get(participants::list))
            .route(&format!("{session}/consents"), get(participants::consents))
            .route(
                &format!("{session}/participants/{{participant}}"),
                delete(participants::remove),
            )
            .route(
                &format!("{session}/revocations"),
                post(participants::revoke),
            )
            .method_not_allowed_fallback(method_not_allowed)
            .route_layer(from_fn_with_state(self.clone(), authentication::guard));
        Router::new()
            .route("/v1/openapi.json", get(openapi::serve))
            .route("/v1/problems/{kind}", get(describe_problem))
            .route("/v1/{*path}", any(not_found))
            .method_not_allowed_fallback(method_not_allowed)
            .merge(guarded)
            .with_state(self.clone())
    }

    fn clinic(&self) -> &Clinic {
        &self.shared.clinic
    }

    fn rooms(&self) -> &Arc<dyn LiveRooms> {
        &self.shared.rooms
    }

    /// Puts on record what was done to a session with an API key.
    fn audit(&self, api_key: &str, session: &Session, target: Option<Person>, action: Action) {
        self.shared.audit.record(&AuditEvent {
            at: UnixTime::now(),
            session: Some(session.id.as_str().to_owned()),
            room: None,
            room_name: session.room.clone(),
            actor: Actor::ApiKey(api_key.to_owned()),
            target,
            action,
        });
    }

    /// Reads what is stored, beside what waits for the network.
    async fn look_up<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Clinic) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Problem> {
        let clinic = self.clinic().clone();
        let done = spawn_blocking(move || read(&clinic)).await;
        done.unwrap_or_else(|_| Err(failed()))
            .map_err(Problem::from)
    }

    /// Takes a request on that is to happen once; or gives the answer from
    /// before, whatever has become of what it was about.
    async fn begin(&self, claim: Option<Claim>) -> Result<Begun, Problem> {
        let Some(claim) = claim else {
            return Ok(Begun::New(None));
        };
        let under_way = UnderWay::begin(self, claim.clone())?;
        let now = UnixTime::now();
        let answered = self.look_up(move |clinic| clinic.answer(&claim, now));
        Ok(match answered.await? {
            Some(kept) => Begun::Answered(kept),
            None => Begun::New(Some(under_way)),
        })
    }

    /// Does what must not wait for the disk, nor depend on it; changes what is
    /// stored; and then does what follows from it, which is told whether that is
    /// news. Goes on to its end even if nobody waits for the answer any more.
    async fn change(
        &self,
        under_way: Option<UnderWay>,
        at_once: impl FnOnce(&Self) + Send + 'static,
        change: impl FnOnce(&mut Writing<'_>) -> Result<Outcome, Refused> + Send + 'static,
        then: impl FnOnce(&Self, bool) + Send + 'static,
    ) -> Result<Kept, Problem> {
        let api = self.clone();
        let done = spawn_blocking(move || {
            let store = api.clinic().store();
            let now = UnixTime::now();
            at_once(&api);
            let claim = under_way.as_ref().map(|under_way| &under_way.claim);
            let outcome = store.write(|writing| once(writing, claim, now, change))?;
            then(&api, outcome.is_news);
            drop(under_way);
            Ok(outcome.kept)
        });
        done.await
            .unwrap_or_else(|_| Err(failed()))
            .map_err(Problem::from)
    }
}

/// A request that changes something, at its beginning.
enum Begun {
    Answered(Kept),
    /// To be handed on to [`Api::change`].
    New(Option<UnderWay>),
}

/// A claim while its request is under way.
struct UnderWay {
    api: Api,
    claim: Claim,
}

impl UnderWay {
    fn begin(api: &Api, claim: Claim) -> Result<Self, Problem> {
        let mut claimed = api.shared.claimed.lock();
        let claimed = claimed.as_mut().map_err(|_| Problem::of(Kind::Internal))?;
        if !claimed.insert(names(&claim)) {
            return Err(Problem::of(Kind::RequestInProgress));
        }
        Ok(Self {
            api: api.clone(),
            claim,
        })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let claimed = self.api.shared.claimed.lock();
        let mut claimed = claimed.unwrap_or_else(PoisonError::into_inner);
        claimed.remove(&names(&self.claim));
    }
}

fn names(claim: &Claim) -> (String, String) {
    (claim.api_key.clone(), claim.idempotency_key.clone())
}

fn failed() -> Refused {
    Refused::Store(crate::store::StoreError::Storage("a panic".into()))
}

async fn method_not_allowed() -> Problem {
    Problem::of(Kind::MethodNotAllowed)
}

async fn not_found() -> Problem {
    Problem::of(Kind::NotFound)
}

async fn describe_problem(State(_): State<Api>, Path(slug): Path<String>) -> Response {
    match Kind::ALL.into_iter().find(|kind| kind.slug() == slug) {
        Some(kind) => (
            [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
            format!("{} ({})\n", kind.title(), kind.status().as_u16()),
        )
            .into_response(),
        None => Problem::of(Kind::NotFound).into_response(),
    }
}
