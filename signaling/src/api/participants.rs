//! The people in a session: listed, removed, their tokens revoked.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::authentication::Caller;
use super::body::Change;
use super::problem::{Kind, Problem};
use super::sessions::{answer, check_text, find, json, ok};
use super::{Api, Begun, LiveParticipant, LiveRooms, UnderWay, timestamp};
use crate::access::UnixTime;
use crate::audit::{Action, Person};
use crate::clinic::record::Consented;
use crate::clinic::{Bearer, Kept, Outcome, Scope, Session, decisions};
use crate::protocol::{Role, parse_participant_id};

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
    let session = readable(&api, &caller, &id).await?;
    let there = |rooms: &dyn LiveRooms, room: &str| rooms.participants(room);
    let participants = in_its_room(&api, session, there).await?;
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
    let session = readable(&api, &caller, &id).await?;
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
    let found = match parse_participant_id(&participant) {
        Some(id) => {
            let bearer = move |rooms: &dyn LiveRooms, room: &str| rooms.bearer(room, id);
            in_its_room(&api, session.clone(), bearer).await?
        }
        None => None,
    };
    let found = found.ok_or(Problem::of(Kind::NotFound))?;
    let removal = Removal {
        bearer: Bearer::Token(found.token_id),
        by: caller.id().to_owned(),
        session,
        action: Action::Remove,
        person: Some(Person {
            participant: found.id,
            subject: found.subject,
            role: found.role,
        }),
    };
    let kept = Kept {
        status: StatusCode::NO_CONTENT.as_u16(),
        location: None,
        body: String::new(),
    };
    removal.carry_out(&api, None, kept).await?;
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
    let under_way = match api.begin(change.claim.clone()).await? {
        Begun::Answered(kept) => return Ok(answer(kept)),
        Begun::New(under_way) => under_way,
    };
    let bearer = change.parse::<NewRevocation>()?.check()?;
    let session = find(&api, &id).await?;
    let view = RevocationView::of(&bearer, UnixTime::now());
    let removal = Removal {
        bearer,
        by: change.caller.id().to_owned(),
        session,
        action: Action::RevokeTokens,
        person: None,
    };
    let kept = Kept {
        status: StatusCode::CREATED.as_u16(),
        location: None,
        body: json(&view),
    };
    Ok(answer(removal.carry_out(&api, under_way, kept).await?))
}

/// Tokens that are to be good no longer, and those who came with them.
struct Removal {
    bearer: Bearer,
    /// The API key's id.
    by: String,
    session: Session,
    action: Action,
    /// Who it is about, if it is one.
    person: Option<Person>,
}

impl Removal {
    async fn carry_out(
        self,
        api: &Api,
        under_way: Option<UnderWay>,
        kept: Kept,
    ) -> Result<Kept, Problem> {
        let (room, bearer) = (self.session.room.clone(), self.bearer.clone());
        let removal = Arc::new(self);
        api.change(
            under_way,
            {
                let removal = removal.clone();
                move |api| removal.send_away(api)
            },
            move |writing| {
                let is_news = decisions::revoke(writing, &room, &bearer, UnixTime::now())?;
                Ok(Outcome { kept, is_news })
            },
            move |api, is_news| {
                // Somebody may have come in between.
                removal.send_away(api);
                if is_news {
                    let Removal { by, session, .. } = &*removal;
                    api.audit(by, session, removal.person.clone(), removal.action.clone());
                }
            },
        )
        .await
    }

    fn send_away(&self, api: &Api) {
        let (rooms, room) = (api.rooms(), &self.session.room);
        match &self.bearer {
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
    }
}

/// The session with this id, for somebody who may see who is there.
async fn readable(api: &Api, caller: &Caller, id: &str) -> Result<Session, Problem> {
    caller.expect(Scope::ParticipantsRead)?;
    find(api, id).await
}

/// What there is in a session's room; nothing if that is another session's by
/// now.
async fn in_its_room<T: Default + Send + 'static>(
    api: &Api,
    session: Session,
    look: impl FnOnce(&dyn LiveRooms, &str) -> T + Send + 'static,
) -> Result<T, Problem> {
    let rooms = api.rooms().clone();
    api.look_up(move |clinic| {
        Ok(if clinic.is_latest(&session) {
            look(&*rooms, &session.room)
        } else {
            T::default()
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
            sha256: HEXLOWER.encode(&acceptance.hash),
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

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};
    use std::thread;
    use std::time::Duration;

    use sfu::identity::ParticipantId;

    use super::super::ApiSettings;
    use super::*;
    use crate::audit::AuditLog;
    use crate::clinic::example::{NOW, clinic, session};
    use crate::clinic::{Clinic, Refused};
    use crate::limits::{Rate, TrustedProxies};
    use crate::room;
    use crate::store::StoreError;

    #[tokio::test]
    async fn who_is_removed_goes_at_once_while_the_disk_stands_still() {
        let clinic = clinic(false);
        let (api, rooms) = api(&clinic);
        let (release, released) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let disk = thread::spawn(move || {
            clinic.store().write(|_| {
                tell.send(()).expect("somebody waits");
                let _ = released.recv();
                Ok::<_, StoreError>(())
            })
        });
        told.recv().expect("it begins");

        let removing = tokio::spawn(async move { carry_out(&api).await });
        while rooms.removed() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(!removing.is_finished());

        release.send(()).expect("it stands still");
        disk.join().expect("no panic").expect("it is written");
        assert!(removing.await.expect("no panic").is_ok());
        // Somebody may have come back in between.
        assert_eq!(rooms.removed(), 2);
    }

    #[tokio::test]
    async fn who_is_removed_goes_though_it_cannot_be_stored() {
        let clinic = clinic(false);
        let (api, rooms) = api(&clinic);
        let is_full = (0..1_000).find(|number| {
            let other = Bearer::Token(format!("other-{number}"));
            let revoked = clinic
                .store()
                .write(|writing| decisions::revoke(writing, "q", &other, NOW));
            revoked == Err(Refused::Full)
        });

        let outcome = carry_out(&api).await;

        assert!(is_full.is_some() && outcome.is_err());
        assert_eq!(rooms.removed(), 1);
        // What is known already takes no more space.
        let known = Bearer::Token("other-0".into());
        let again = clinic
            .store()
            .write(|writing| decisions::revoke(writing, "q", &known, NOW));
        assert_eq!(again, Ok(false));
    }

    async fn carry_out(api: &Api) -> Result<Kept, Problem> {
        let removal = Removal {
            bearer: Bearer::Token("t".into()),
            by: "key".into(),
            session: session("r"),
            action: Action::Remove,
            person: None,
        };
        let kept = Kept {
            status: 204,
            location: None,
            body: String::new(),
        };
        removal.carry_out(api, None, kept).await
    }

    /// How often somebody was removed.
    #[derive(Default, Debug)]
    struct Rooms(Mutex<usize>);

    impl Rooms {
        fn removed(&self) -> usize {
            *self.0.lock().expect("nobody panics")
        }
    }

    impl LiveRooms for Rooms {
        fn participants(&self, _: &str) -> Vec<LiveParticipant> {
            Vec::new()
        }

        fn waiting(&self, _: &str) -> Vec<LiveParticipant> {
            Vec::new()
        }

        fn bearer(&self, _: &str, _: ParticipantId) -> Option<room::Bearer> {
            None
        }

        fn remove(&self, room: &str, token_id: &str) {
            assert_eq!((room, token_id), ("r", "t"));
            *self.0.lock().expect("nobody panics") += 1;
        }

        fn open(&self, _: &str, _: &str) {}

        fn end(&self, _: &str) {}
    }

    fn api(clinic: &Clinic) -> (Api, Arc<Rooms>) {
        let rate = Rate {
            per_second: 1,
            burst: 1,
        };
        let settings = ApiSettings {
            requests: rate,
            refusals: rate,
            trusted_proxies: TrustedProxies::default(),
        };
        let rooms = Arc::new(Rooms::default());
        let api = Api::new(settings, clinic.clone(), rooms.clone(), Arc::new(AuditLog));
        (api, rooms)
    }
}
