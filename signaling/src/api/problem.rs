//! What went wrong, for programs and people (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::clinic::Refused;

/// Each kind is a `type` of its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Kind {
    InvalidRequest,
    Unauthenticated,
    InsufficientScope,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    RoomInUse,
    RequestInProgress,
    TooLarge,
    UnsupportedMediaType,
    InvalidWindow,
    IdempotencyKeyReused,
    RateLimited,
    Internal,
    StoreFull,
    StoreUnavailable,
}

/// An answer that says why something did not happen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Problem {
    kind: Kind,
    detail: Option<String>,
    challenge: Option<String>,
    retry_after: Option<u64>,
}

/// The body of such an answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemDetails {
    /// A path on this server that stands for the kind of problem.
    #[schema(example = "/v1/problems/room-in-use")]
    r#type: String,
    /// The kind in words; the same each time.
    title: &'static str,
    /// The HTTP status once more.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What it was this time, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    detail: Option<String>,
}

impl Kind {
    pub(super) const ALL: [Self; 16] = [
        Self::InvalidRequest,
        Self::Unauthenticated,
        Self::InsufficientScope,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::RoomInUse,
        Self::RequestInProgress,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::InvalidWindow,
        Self::IdempotencyKeyReused,
        Self::RateLimited,
        Self::Internal,
        Self::StoreFull,
        Self::StoreUnavailable,
    ];

    pub(super) fn slug(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid-request",
            Self::Unauthenticated => "unauthenticated",
            Self::InsufficientScope => "insufficient-scope",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::RequestTimeout => "request-timeout",
            Self::RoomInUse => "room-in-use",
            Self::RequestInProgress => "request-in-progress",
            Self::TooLarge => "too-large",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::InvalidWindow => "invalid-window",
            Self::IdempotencyKeyReused => "idempotency-key-reused",
            Self::RateLimited => "rate-limited",
            Self::Internal => "internal",
            Self::StoreFull => "store-full",
            Self::StoreUnavailable => "store-unavailable",
        }
    }

    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::InsufficientScope => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::RoomInUse | Self::RequestInProgress => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::InvalidWindow | Self::IdempotencyKeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::StoreFull | Self::StoreUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::InvalidRequest => "The request is not one that the API describes",
            Self::Unauthenticated => "No good API key came with the request",
            Self::InsufficientScope => "The API key does not allow this",
            Self::NotFound => "There is nothing under this path",
            Self::MethodNotAllowed => "This path knows other methods only",
            Self::RequestTimeout => "The request took too long to arrive",
            Self::RoomInUse => "A session in this room is not over yet",
            Self::RequestInProgress => "A request with this idempotency key is under way",
            Self::TooLarge => "The body is larger than 64 KB",
            Self::UnsupportedMediaType => "The body is not marked as application/json",
            Self::InvalidWindow => "No session can take place in this window",
            Self::IdempotencyKeyReused => "The idempotency key was used with another request",
            Self::RateLimited => "Too many requests; wait as long as Retry-After says",
            Self::Internal => "The server failed",
            Self::StoreFull => "The store holds as many records of this kind as it takes",
            Self::StoreUnavailable => "The store cannot be read or written",
        }
    }
}

impl Problem {
    pub(super) fn of(kind: Kind) -> Self {
        Self {
            kind,
            detail: None,
            challenge: None,
            retry_after: None,
        }
    }

    /// With what it was this time. Nothing secret may be in it.
    pub(super) fn because(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..Self::of(kind)
        }
    }

    pub(super) fn with_challenge(mut self, challenge: impl Into<String>) -> Self {
        self.challenge = Some(challenge.into());
        self
    }

    /// In seconds.
    pub(super) fn with_retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NoSession => Self::of(Kind::NotFound),
            Refused::RoomInUse => Self::of(Kind::RoomInUse),
            Refused::Full => Self::of(Kind::StoreFull),
            Refused::KeyReused => Self::of(Kind::IdempotencyKeyReused),
            Refused::Store(error) => {
                tracing::error!(%error, "the API cannot use the store");
                Self::of(Kind::StoreUnavailable)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let details = ProblemDetails {
            r#type: format!("/v1/problems/{}", self.kind.slug()),
            title: self.kind.title(),
            status: self.kind.status().as_u16(),
            detail: self.detail,
        };
        let body = serde_json::to_string(&details).expect("a problem is plain data");
        let mut response = (
            self.kind.status(),
            [(header::CONTENT_TYPE, "application/problem+json")],
            body,
        )
            .into_response();
        let headers = response.headers_mut();
        if let Some(challenge) = self.challenge
            && let Ok(challenge) = HeaderValue::from_str(&challenge)
        {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
