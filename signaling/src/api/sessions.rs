//! Sessions: opened, looked up, listed, ended.

use aws_lc_rs::digest::{SHA256, digest};
use axum::Extension;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::authentication::Caller;
use super::body::{self, Change};
use super::problem::{Kind, Problem};
use super::{Api, Begun, timestamp};
use crate::access::UnixTime;
use crate::audit::Action;
use crate::clinic::record::{StoredConsent, StoredWindow};
use crate::clinic::{Kept, Outcome, Refused, Scope, Session, SessionId, sessions};

/// A session to be opened.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NewSession {
    /// What tokens name as `room`; opaque. Absent: the session's id.
    #[serde(default)]
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]+$"
    )]
    room: Option<String>,
    /// When people may be there. Absent: until the session is ended.
    #[serde(default)]
    window: Option<Window>,
    /// People at once. Absent, or more than the server's own capacity: as many
    /// as that.
    #[serde(default)]
    #[schema(minimum = 2, maximum = 1024)]
    capacity: Option<u16>,
    /// Whether clients wait until a host lets them in.
    #[serde(default = "yes")]
    #[schema(default = true)]
    waiting_room: bool,
    /// Whether nobody but hosts comes in until a host unlocks the session.
    #[serde(default)]
    #[schema(default = false)]
    locked: bool,
    /// What everybody accepts before any media flows.
    #[serde(default)]
    consent: Option<NewConsent>,
    /// After how long without doing anything somebody is logged off.
    #[serde(default)]
    #[schema(minimum = 60, maximum = 86400)]
    inactivity_limit_seconds: Option<u32>,
}

/// When people may be in a session.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Window {
    /// RFC 3339.
    #[schema(format = DateTime, example = "2030-01-15T08:00:00Z")]
    opens_at: String,
    /// Nobody comes in from here on, and who still waits is sent away. After
    /// `opensAt`.
    #[schema(format = DateTime, example = "2030-01-15T09:00:00Z")]
    closes_at: String,
    /// How long after `closesAt` those who are there may stay.
    #[serde(default)]
    #[schema(maximum = 86400, default = 0)]
    grace_seconds: u32,
}

/// A text that everybody accepts.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NewConsent {
    /// What the clinic calls this wording.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]+$"
    )]
    version: String,
    #[schema(min_length = 1, max_length = 8192)]
    text: String,
}

/// A session as it is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Session)]
pub(super) struct SessionView {
    #[schema(pattern = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
    id: String,
    room: String,
    status: Status,
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was ended by a request.
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    window: Option<Window>,
    capacity: Option<u16>,
    waiting_room: bool,
    locked: bool,
    consent: Option<ConsentView>,
    inactivity_limit_seconds: Option<u32>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Consent)]
pub(super) struct ConsentView {
    version: String,
    text: String,
    /// Of the text's UTF-8 bytes, in hexadecimal: what is recorded of an
    /// acceptance.
    #[schema(min_length = 64, max_length = 64)]
    sha256: String,
}

/// How far a session is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// Its window has not begun.
    Scheduled,
    /// People may come in.
    Open,
    /// Its window is over; who is there may stay for the grace.
    Closing,
    /// Nobody may be there.
    Over,
}

/// One page of sessions, the latest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionPage {
    sessions: Vec<SessionView>,
    /// What to ask for as `cursor` to see those before; null: there are none.
    next_cursor: Option<String>,
}

/// Open a session
///
/// Tokens for its room are good within its window only, and its rules apply.
/// One session at a time can use a room.
#[utoipa::path(
    post, path = "/v1/sessions", operation_id = "openSession", tag = "sessions",
    request_body = NewSession,
    params(("Idempotency-Key" = Option<String>, Header,
        description = "Sent again with the same key, the request is answered as the first time",
        min_length = 1, max_length = 255, pattern = "^[!-~]+$")),
    responses((status = 201, description = "It is open", body = SessionView,
        headers(("Location" = String, description = "The session's path")))),
    security(("apiKey" = ["sessions:write"])),
)]
pub(super) async fn open(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    let change = Change::read(request).await?;
    change.caller.expect(Scope::SessionsWrite)?;
    let under_way = match api.begin(change.claim.clone()).await? {
        Begun::Answered(kept) => return Ok(answer(kept)),
        Begun::New(under_way) => under_way,
    };
    if change.body.is_empty() {
        return Err(Problem::because(
            Kind::InvalidRequest,
            "body: there is none",
        ));
    }
    let now = UnixTime::now();
    let session = change.parse::<NewSession>()?.check(now)?;
    let caller = change.caller.id().to_owned();
    let opened = session.clone();
    let kept = api
        .change(
            under_way,
            |_| {},
            move |writing| {
                sessions::open(writing, &session, now)?;
                let kept = Kept {
                    status: StatusCode::CREATED.as_u16(),
                    location: Some(format!("/v1/sessions/{}", session.id.as_str())),
                    body: json(&SessionView::of(&session, now)),
                };
                Ok(Outcome {
                    kept,
                    is_news: true,
                })
            },
            move |api, is_news| {
                if is_news {
                    api.rooms().open(&opened.room, opened.id.as_str());
                    api.audit(&caller, &opened, None, Action::Open);
                }
            },
        )
        .await?;
    Ok(answer(kept))
}

/// Look a session up
#[utoipa::path(
    get, path = "/v1/sessions/{session}", operation_id = "getSession", tag = "sessions",
    params(("session" = String, Path, pattern = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")),
    responses((status = 200, description = "The session", body = SessionView)),
    security(("apiKey" = ["sessions:read"])),
)]
pub(super) async fn read(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    caller.expect(Scope::SessionsRead)?;
    let session = find(&api, &id).await?;
    Ok(ok(json(&SessionView::of(&session, UnixTime::now()))))
}

/// List sessions
///
/// The latest comes first. Sessions long over are forgotten.
#[utoipa::path(
    get, path = "/v1/sessions", operation_id = "listSessions", tag = "sessions",
    params(
        ("limit" = Option<u16>, Query, description = "How many at most; 50 if absent",
            minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before",
            pattern = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"),
    ),
    responses((status = 200, description = "One page", body = SessionPage)),
    security(("apiKey" = ["sessions:read"])),
)]
pub(super) async fn list(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    caller.expect(Scope::SessionsRead)?;
    let [limit, cursor] = body::query(query.as_deref(), ["limit", "cursor"])?;
    let limit: usize = match limit {
        Some(limit) => whole(&limit)
            .filter(|limit| (1..=100).contains(limit))
            .ok_or(Problem::because(
                Kind::InvalidRequest,
                "limit: write a whole number from 1 to 100",
            ))?,
        None => 50,
    };
    let before = match cursor {
        Some(cursor) => Some(SessionId::parse(&cursor).ok_or(Problem::because(
            Kind::InvalidRequest,
            "cursor: write the nextCursor of the page before",
        ))?),
        None => None,
    };
    let mut found = api
        .look_up(move |clinic| Ok(clinic.sessions(before.as_ref(), limit + 1)?))
        .await?;
    let is_more = found.len() > limit;
    found.truncate(limit);
    let now = UnixTime::now();
    Ok(ok(json(&SessionPage {
        next_cursor: found
            .last()
            .filter(|_| is_more)
            .map(|last| last.id.as_str().to_owned()),
        sessions: found
            .iter()
            .map(|session| SessionView::of(session, now))
            .collect(),
    })))
}

/// End a session
///
/// Everybody in it is told and logged off, and nobody comes in any more. A
/// session that is ended already stays as it is.
#[utoipa::path(
    post, path = "/v1/sessions/{session}/end", operation_id = "endSession", tag = "sessions",
    params(
        ("session" = String, Path, pattern = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"),
        ("Idempotency-Key" = Option<String>, Header,
            description = "Sent again with the same key, the request is answered as the first time",
            min_length = 1, max_length = 255, pattern = "^[!-~]+$"),
    ),
    responses((status = 200, description = "It is over", body = SessionView)),
    security(("apiKey" = ["sessions:write"])),
)]
pub(super) async fn end(
    State(api): State<Api>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let change = Change::read(request).await?;
    change.caller.expect(Scope::SessionsWrite)?;
    let under_way = match api.begin(change.claim.clone()).await? {
        Begun::Answered(kept) => return Ok(answer(kept)),
        Begun::New(under_way) => under_way,
    };
    let session = find(&api, &id).await?;
    let caller = change.caller.id().to_owned();
    let now = UnixTime::now();
    let id = session.id.clone();
    let kept = api
        .change(
            under_way,
            {
                let session = session.clone();
                move |api| end_room(api, &session)
            },
            move |writing| {
                let (session, is_news) = sessions::end(writing, &id, now)?;
                let kept = Kept {
                    status: StatusCode::OK.as_u16(),
                    location: None,
                    body: json(&SessionView::of(&session, now)),
                };
                Ok(Outcome { kept, is_news })
            },
            move |api, is_news| {
                // Somebody may have come in between.
                end_room(api, &session);
                if is_news {
                    api.audit(&caller, &session, None, Action::End);
                }
            },
        )
        .await?;
    Ok(answer(kept))
}

/// Ends a session's room, unless it is another's by now.
fn end_room(api: &Api, session: &Session) {
    if api.clinic().is_latest(session) {
        api.rooms().end(&session.room);
    }
}

/// The session with this id.
pub(super) async fn find(api: &Api, id: &str) -> Result<Session, Problem> {
    let id = SessionId::parse(id).ok_or(Problem::of(Kind::NotFound))?;
    api.look_up(move |clinic| clinic.session(&id)?.ok_or(Refused::NoSession))
        .await
}

pub(super) fn answer(kept: Kept) -> Response {
    let status = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
    let mut response = (
        status,
        [(header::CONTENT_TYPE, "application/json")],
        kept.body,
    )
        .into_response();
    if let Some(location) = kept.location
        && let Ok(location) = HeaderValue::from_str(&location)
    {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

pub(super) fn ok(body: String) -> Response {
    answer(Kept {
        status: StatusCode::OK.as_u16(),
        location: None,
        body,
    })
}

pub(super) fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("views are plain data")
}

/// # Errors
/// Names the field if the text has not `least` to `most` characters, or some
/// that cannot be printed.
pub(super) fn check_text(field: &str, text: &str, most: usize) -> Result<(), Problem> {
    let length = text.chars().take(most + 1).count();
    if (1..=most).contains(&length) && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Problem::because(
        Kind::InvalidRequest,
        format!("{field}: write 1 to {most} printable characters"),
    ))
}

impl NewSession {
    fn check(self, now: UnixTime) -> Result<Session, Problem> {
        let wrong = |detail: &str| Problem::because(Kind::InvalidRequest, detail);
        if let Some(room) = &self.room {
            check_text("room", room, 128)?;
        }
        if self
            .capacity
            .is_some_and(|capacity| !(2..=1024).contains(&capacity))
        {
            return Err(wrong("capacity: write a whole number from 2 to 1024"));
        }
        let limit = self.inactivity_limit_seconds;
        if limit.is_some_and(|limit| !(60..=86_400).contains(&limit)) {
            return Err(wrong(
                "inactivityLimitSeconds: write a whole number from 60 to 86400",
            ));
        }
        if let Some(consent) = &self.consent {
            check_text("consent.version", &consent.version, 64)?;
            if !(1..=8_192).contains(&consent.text.chars().take(8_193).count()) {
                return Err(wrong("consent.text: write 1 to 8192 characters"));
            }
        }
        let milliseconds = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| since.subsec_millis());
        let id = SessionId::generate(now, u16::try_from(milliseconds).unwrap_or(0));
        Ok(Session {
            room: self.room.unwrap_or_else(|| id.as_str().to_owned()),
            id,
            created: now.0,
            ended: None,
            window: self.window.map(|window| window.check(now)).transpose()?,
            capacity: self.capacity,
            waiting_room: self.waiting_room,
            locked: self.locked,
            consent: self.consent.map(|consent| StoredConsent {
                version: consent.version,
                text: consent.text,
            }),
            inactivity_limit_seconds: self.inactivity_limit_seconds,
        })
    }
}

impl Window {
    fn check(&self, now: UnixTime) -> Result<StoredWindow, Problem> {
        let wrong = |detail: &str| Problem::because(Kind::InvalidWindow, detail);
        if self.grace_seconds > 86_400 {
            return Err(Problem::because(
                Kind::InvalidRequest,
                "window.graceSeconds: write a whole number from 0 to 86400",
            ));
        }
        let time = |field: &str, text: &str| {
            timestamp::parse(text).ok_or(Problem::because(
                Kind::InvalidRequest,
                format!("window.{field}: write a time such as 2030-01-15T08:00:00Z"),
            ))
        };
        let opens = time("opensAt", &self.opens_at)?;
        let closes = time("closesAt", &self.closes_at)?;
        if closes <= opens {
            return Err(wrong("closesAt must be after opensAt"));
        }
        if closes <= now {
            return Err(wrong("closesAt is over"));
        }
        Ok(StoredWindow {
            opens: opens.0,
            closes: closes.0,
            grace_seconds: self.grace_seconds,
        })
    }
}

impl SessionView {
    fn of(session: &Session, now: UnixTime) -> Self {
        Self {
            id: session.id.as_str().to_owned(),
            room: session.room.clone(),
            status: Status::of(session, now),
            created_at: timestamp::format(UnixTime(session.created)),
            ended_at: session.ended.map(UnixTime).map(timestamp::format),
            window: session.window.map(|window| Window {
                opens_at: timestamp::format(UnixTime(window.opens)),
                closes_at: timestamp::format(UnixTime(window.closes)),
                grace_seconds: window.grace_seconds,
            }),
            capacity: session.capacity,
            waiting_room: session.waiting_room,
            locked: session.locked,
            consent: session.consent.as_ref().map(|consent| ConsentView {
                version: consent.version.clone(),
                text: consent.text.clone(),
                sha256: HEXLOWER.encode(digest(&SHA256, consent.text.as_bytes()).as_ref()),
            }),
            inactivity_limit_seconds: session.inactivity_limit_seconds,
        }
    }
}

impl Status {
    fn of(session: &Session, now: UnixTime) -> Self {
        if session.is_over(now) {
            return Self::Over;
        }
        match session.window {
            Some(window) if now.0 < window.opens => Self::Scheduled,
            Some(window) if now.0 >= window.closes => Self::Closing,
            _ => Self::Open,
        }
    }
}

/// A whole number in its usual form.
fn whole(text: &str) -> Option<usize> {
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| text.parse().ok()).flatten()
}

fn yes() -> bool {
    true
}
