//! What a server without settings offers to this machine: one room, and tokens
//! for whoever has the link.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Deserialize;
use serde_json::json;
use signaling::access::{DevelopmentKey, Thumbprint};
use signaling::protocol::Role;

use crate::token;

/// Stands in for the clinic's backend, as long as the process lives: the one
/// case in which a running server has a key that signs tokens.
#[derive(Debug)]
pub(crate) struct Demo {
    key: DevelopmentKey,
    /// What the link has, and other pages of the same browser have not.
    invitation: String,
}

/// As [the README](../README.md) documents what a clinic's backend is asked.
#[derive(Deserialize)]
struct Request {
    thumbprint: String,
}

impl Demo {
    pub(crate) fn new(key: DevelopmentKey) -> Arc<Self> {
        Arc::new(Self {
            key,
            invitation: token::random_id(),
        })
    }

    /// For the link, after `#`.
    pub(crate) fn fragment(&self) -> String {
        format!("invitation={}", self.invitation)
    }

    /// `POST /demo/token?invitation=…`
    pub(crate) fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/demo/token", post(give))
            .layer(DefaultBodyLimit::max(MOST_BYTES))
            .with_state(self.clone())
    }

    fn mint(&self, thumbprint: Thumbprint) -> String {
        let (role, subject) = (Role::Client, token::random_id());
        token::mint(&self.key, ROOM, role, &subject, LIFETIME, Some(thumbprint))
    }
}

async fn give(State(demo): State<Arc<Demo>>, RawQuery(query): RawQuery, body: String) -> Response {
    if query != Some(demo.fragment()) {
        return (StatusCode::FORBIDDEN, "Use the link that was printed.\n").into_response();
    }
    let asked = serde_json::from_str::<Request>(&body).ok();
    let Some(thumbprint) = asked.and_then(|asked| Thumbprint::parse(&asked.thumbprint)) else {
        let mend = "Send {\"thumbprint\": \"…\"}, the SHA-256 thumbprint of a key.\n";
        return (StatusCode::BAD_REQUEST, mend).into_response();
    };
    let answer = json!({"token": demo.mint(thumbprint)});
    (
        [
            (header::CONTENT_TYPE, "application/json"),
            (header::CACHE_CONTROL, "no-store"),
        ],
        answer.to_string(),
    )
        .into_response()
}

const ROOM: &str = "demo";

const LIFETIME: Duration = Duration::from_hours(12);

const MOST_BYTES: usize = 1_024;
