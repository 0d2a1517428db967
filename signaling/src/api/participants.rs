//! The people in a session: listed, removed, their tokens revoked.

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::authentication::Caller;
use super::body::Change;
use super::problem::{Kind, Problem};
use super::sessions::{answer, check_text, find, json, ok};
use super::{Api, LiveParticipant, timestamp};
use crate::access::UnixTime;
use crate::audit::{Action, Person, hex};
use crate::clinic::record::Consented;
use crate::clinic::{Bearer, Kept, Scope, sessions};
use crate::protocol::{Role, parse_participant_id};
use crate::room;

/// Somebody who is in a session.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Participant)]
pub(super) struct ParticipantView {
    /// New with each join.
    #[schema(pattern = "^[0-9a-f]{16}$")]
    id: String,
    #[schema(value_type = String, pattern = "^(host|co-host|client|observer|interpreter)$")]
    role: Role,
    /// The token's `sub`.
    subject: String,
    /// The token's `jti`.
    token_id: String,
    #[schema(format = DateTime)]
    joined_at: String,
}

/// Who is there, whoever came first first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ParticipantList {
    participants: Vec<ParticipantView>,
}

/// That somebody accepted a session's text.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Acceptance)]
pub(super) struct AcceptanceView {
    /// The token's `jti`.
    token_id: String,
    /// The text's.
    version: String,
    /// The text's, in hexadecimal, as in the session.
    #[schema(min_length = 64, max_length = 64)]
    sha256: String,
    /// The first time.
    #[schema(format = DateTime)]
    accepted_at: String,
}

/// Who accepted the text, whoever did so first first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConsentList {
    consents: Vec<AcceptanceView>,
}

/// Whose tokens are to be good no longer in a session's room: one token's
/// `jti`, or one person's `sub`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub(super) enum NewRevocation {
    Token(RevokedToken),
    Subject(RevokedSubject),
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RevokedToken {
    /// The token's `jti`.
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]+$"
    )]
    token_id: String,
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RevokedSubject {
    /// The token's `sub`.
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]+$"
    )]
    subject: String,
}

/// What was revoked.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Revocation)]
pub(super) struct RevocationView {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    token_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    subject: Option<String>,
    #[schema(format = DateTime)]
    revoked_at: String,
}

/// List who is there
#[utoipa::path(
    get, path = "/v1/sessions/{session}/participants", operation_id = "listParticipants",
    tag = "participants",
    params(("session" = String, Path, pattern = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")),
    responses((status = 200, description = "Who is there now", body = ParticipantList)),
    security(("apiKey" = ["participants:read"])),
)]
pub(super) async fn list(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    caller.expect(Scope::ParticipantsRead)?;
    let session = find(&api, &id).await?;
    let participants = live(&api, session).await?;
    Ok(ok(json(&ParticipantList {
        participants: participants.iter().map(ParticipantView::of).collect(),
    })))
}

/// List who accepted the text
///
/// Of each token the first acceptance, for as long as the session can be looked
/// up.
#[utoipa::path(
    get, path = "/v1/sessions/{session}/consents", operation_id = "listConsents",
    tag = "participants",
    params(("session" = String, Path, pattern = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")),
    responses((status = 200, description = "Who accepted it", body = ConsentList)),
    security(("apiKey" = ["participants:read"])),
)]
pub(super) async fn consents(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    caller.expect(Scope::ParticipantsRead)?;
    let session = find(&api, &id).await?;
    let consents = api
        .look_up(move |clinic| Ok(clinic.consents(&session.id)?))
        .await?;
    Ok(ok(json(&ConsentList {
        consents: consents.iter().map(AcceptanceView::of).collect(),
    })))
}

/// Remove somebody
///
/// All that came with its token are told and logged off, from the waiting room
/// too, and the token is good no longer. Who has just left can be removed still.
#[utoipa::path(
    delete, path = "/v1/sessions/{session}/participants/{participant}",
    operation_id = "removeParticipant", tag = "participants",
    params(
        ("session" = String, Path, pattern = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"),
        ("participant" = String, Path, pattern = "^[0-9a-f]{16}$"),
    ),
    responses((status = 204, description = "It is out")),
    security(("apiKey" = ["participants:write"])),
)]
pub(super) async fn remove(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path((id, participant)): Path<(String, String)>,
) -> Result<Response, Problem> {
    caller.expect(Scope::ParticipantsWrite)?;
    let session = find(&api, &id).await?;
    let room = session.room.clone();
    let found = known(&api, session.clone(), &participant).await?;
    let found = found.ok_or(Problem::of(Kind::NotFound))?;
    let caller = caller.id().to_owned();
    let token_id = found.token_id;
    let bearer = Bearer::Token(token_id.clone());
    let person = Person {
        participant: found.id,
        subject: found.subject,
        role: found.role,
    };
    api.change(
        None,
        {
            let room = room.clone();
            move |writing| {
                sessions::revoke(writing, &room, &bearer, UnixTime::now())?;
                Ok(Kept {
                    status: StatusCode::NO_CONTENT.as_u16(),
                    location: None,
                    body: String::new(),
                })
            }
        },
        move |api, _| {
            api.rooms().remove(&room, &token_id);
            api.audit(&caller, &session, Some(person), Action::Remove);
        },
    )
    .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Revoke tokens
///
/// They let nobody into the session's room any more, and who came with them is
/// removed. A name that no token has is revoked all the same.
#[utoipa::path(
    post, path = "/v1/sessions/{session}/revocations", operation_id = "revokeTokens",
    tag = "participants",
    request_body = NewRevocation,
    params(
        ("session" = String, Path, pattern = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"),
        ("Idempotency-Key" = Option<String>, Header,
            description = "Sent again with the same key, the request is answered as the first time",
            min_length = 1, max_length = 255, pattern = "^[!-~]+$"),
    ),
    responses((status = 201, description = "They are revoked", body = RevocationView)),
    security(("apiKey" = ["participants:write"])),
)]
pub(super) async fn revoke(
    State(api): State<Api>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let change = Change::read(request).await?;
    change.caller.expect(Scope::ParticipantsWrite)?;
    let bearer = change.parse::<NewRevocation>()?.check()?;
    let session = find(&api, &id).await?;
    let caller = change.caller.id().to_owned();
    let now = UnixTime::now();
    let view = RevocationView::of(&bearer, now);
    let kept = api
        .change(
            change.claim,
            {
                let (room, bearer) = (session.room.clone(), bearer.clone());
                move |writing| {
                    sessions::revoke(writing, &room, &bearer, now)?;
                    Ok(Kept {
                        status: StatusCode::CREATED.as_u16(),
                        location: None,
                        body: json(&view),
                    })
                }
            },
            move |api, _| {
                let (rooms, room) = (api.rooms(), &session.room);
                match &bearer {
                    Bearer::Token(id) => rooms.remove(room, id),
                    Bearer::Subject(subject) => {
                        // Who waits to be let in came with a token too.
                        let there = rooms.participants(room).into_iter();
                        let there = there.chain(rooms.waiting(room));
                        for there in there.filter(|there| there.subject == *subject) {
                            rooms.remove(room, &there.token_id);
                        }
                    }
                }
                api.audit(&caller, &session, None, Action::RevokeTokens);
            },
        )
        .await?;
    Ok(answer(kept))
}

/// Who is in a session's room, unless that is another session's by now.
async fn live(api: &Api, session: crate::clinic::Session) -> Result<Vec<LiveParticipant>, Problem> {
    let rooms = api.rooms().clone();
    api.look_up(move |clinic| {
        Ok(if clinic.is_latest(&session) {
            rooms.participants(&session.room)
        } else {
            Vec::new()
        })
    })
    .await
}

/// Who is or was lately in a session's room under this id, unless that is
/// another session's by now.
async fn known(
    api: &Api,
    session: crate::clinic::Session,
    participant: &str,
) -> Result<Option<room::Bearer>, Problem> {
    let Some(id) = parse_participant_id(participant) else {
        return Ok(None);
    };
    let rooms = api.rooms().clone();
    api.look_up(move |clinic| {
        Ok(if clinic.is_latest(&session) {
            rooms.bearer(&session.room, id)
        } else {
            None
        })
    })
    .await
}

impl NewRevocation {
    fn check(self) -> Result<Bearer, Problem> {
        match self {
            Self::Token(RevokedToken { token_id }) => {
                check_text("tokenId", &token_id, 128)?;
                Ok(Bearer::Token(token_id))
            }
            Self::Subject(RevokedSubject { subject }) => {
                check_text("subject", &subject, 128)?;
                Ok(Bearer::Subject(subject))
            }
        }
    }
}

impl RevocationView {
    fn of(bearer: &Bearer, at: UnixTime) -> Self {
        let (token_id, subject) = match bearer.clone() {
            Bearer::Token(id) => (Some(id), None),
            Bearer::Subject(id) => (None, Some(id)),
        };
        Self {
            token_id,
            subject,
            revoked_at: timestamp::format(at),
        }
    }
}

impl AcceptanceView {
    fn of(consent: &Consented) -> Self {
        let acceptance = &consent.acceptance;
        Self {
            token_id: consent.token_id.clone(),
            version: acceptance.version.clone(),
            sha256: hex(&acceptance.hash),
            accepted_at: timestamp::format(UnixTime(acceptance.at)),
        }
    }
}

impl ParticipantView {
    fn of(participant: &LiveParticipant) -> Self {
        Self {
            id: participant.id.to_string(),
            role: participant.role,
            subject: participant.subject.clone(),
            token_id: participant.token_id.clone(),
            joined_at: timestamp::format(participant.joined),
        }
    }
}
