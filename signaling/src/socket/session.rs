//! A socket's first message, and who it lets in.

use std::future::pending;
use std::time::Instant;

use axum::extract::ws::{Message, close_code};
use sfu::identity::ParticipantId;
use tokio::time::timeout;

use super::frame::{BINARY, TOO_FAST, judge, parse};
use super::line::Line;
use super::network_test;
use super::register::Bearer;
use super::resume::{self, Return};
use super::secret;
use super::service::{Encryption, Service};
use super::statistics::JoinOutcome;
use super::stay::Stay;
use crate::access::{Admission, Nonce, ParticipantSalt, ProofPurpose, UnixTime};
use crate::limits::{MessageRate, Verdict};
use crate::protocol::{
    ClientMessage, ErrorCode, ResumeSecret, ServerMessage, parse_participant_id,
};
use crate::room::{Decision, Entrance, NoEntry};

/// Serves a socket until either side ends it, or until it belongs to a stay
/// that began on another.
pub(super) async fn run(mut line: Line, service: Service) {
    let mut rate = MessageRate::new(service.limits().messages, Instant::now());
    let connection = line.connection.clone();
    let evicted = async {
        match &connection {
            Some(connection) => connection.evicted().await,
            None => pending().await,
        }
    };
    let first = tokio::select! {
        first = await_first(&mut line, &service, &mut rate) => first,
        () = service.going_down() => Err(Refusal::going_down()),
        () = evicted => Err(Refusal::evicted()),
    };
    let stay = match first {
        Ok(First::Join(newcomer)) => Stay::begin(service.clone(), *newcomer, rate),
        Ok(First::Resume {
            id,
            secret,
            received,
        }) => {
            let returns = service.register().returning(id, &secret);
            if !resume::enter(returns, Return { line, received }).await {
                service.counters().count_join(JoinOutcome::ResumeRefused);
            }
            return;
        }
        Ok(First::Test(admission)) => {
            return test_network(&service, line, rate, &admission).await;
        }
        Err(refusal) => Err(refusal),
    };
    match stay {
        Ok(stay) => {
            service.counters().count_join(JoinOutcome::Joined);
            line.admitted();
            stay.serve(line).await;
        }
        Err(refusal) => {
            service.counters().count_join(refusal.outcome);
            refusal.send(line).await;
        }
    }
}

/// Serves a socket of somebody who does not join.
async fn test_network(
    service: &Service,
    mut line: Line,
    mut rate: MessageRate,
    admission: &Admission,
) {
    let connection = line.connection.clone();
    let evicted = async {
        match &connection {
            Some(connection) => connection.evicted().await,
            None => pending().await,
        }
    };
    let tested = tokio::select! {
        tested = network_test::serve(service, &mut line, &mut rate, admission) => tested,
        () = service.going_down() => Err(Refusal::going_down()),
        () = evicted => Err(Refusal::evicted()),
    };
    match tested {
        Ok(()) => {
            service.counters().count_join(JoinOutcome::NetworkTested);
            line.end(close_code::NORMAL).await;
        }
        Err(refusal) => {
            service.counters().count_join(refusal.outcome);
            refusal.send(line).await;
        }
    }
}

/// What a socket begins with.
enum First {
    Join(Box<Newcomer>),
    Test(Box<Admission>),
    Resume {
        id: ParticipantId,
        secret: ResumeSecret,
        received: u32,
    },
}

/// Why a socket is closed before its participant is in.
pub(super) struct Refusal {
    outcome: JoinOutcome,
    message: Option<(ErrorCode, String)>,
    close: u16,
}

impl Refusal {
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            outcome: code.into(),
            message: Some((code, message.into())),
            close: close_code::POLICY,
        }
    }

    pub(super) fn no_entry(why: NoEntry) -> Self {
        Self::new(why.code(), why.to_string())
    }

    pub(super) fn going_down() -> Self {
        Self {
            close: close_code::AWAY,
            ..Self::new(ErrorCode::ShuttingDown, "the server is shutting down")
        }
    }

    pub(super) fn too_fast() -> Self {
        Self::new(ErrorCode::RateLimited, TOO_FAST)
    }

    pub(super) fn binary() -> Self {
        Self::new(ErrorCode::InvalidMessage, BINARY)
    }

    fn timed_out() -> Self {
        Self {
            outcome: JoinOutcome::TimedOut,
            ..Self::new(ErrorCode::InvalidMessage, "no join message came in time")
        }
    }

    fn evicted() -> Self {
        Self {
            outcome: JoinOutcome::Evicted,
            ..Self::new(
                ErrorCode::RateLimited,
                "too many connections wait to join; this one was the oldest",
            )
        }
    }

    /// The client is gone, or gave no sign of knowing the protocol.
    fn silent() -> Self {
        Self {
            outcome: JoinOutcome::GaveUp,
            message: None,
            close: close_code::NORMAL,
        }
    }

    async fn send(self, line: Line) {
        match self.message {
            Some((code, message)) => line.refuse(code, message, self.close).await,
            None => line.end(self.close).await,
        }
    }
}

/// Somebody who may come in.
pub(super) struct Newcomer {
    pub(super) bearer: Bearer,
    /// The id it chose.
    pub(super) id: Option<ParticipantId>,
}

async fn await_first(
    line: &mut Line,
    service: &Service,
    rate: &mut MessageRate,
) -> Result<First, Refusal> {
    let nonce = Nonce::new(secret::nonce());
    let challenge = ServerMessage::Challenge {
        nonce: nonce.to_string(),
    };
    if !line.say(&challenge).await {
        return Err(Refusal::silent());
    }
    let first = timeout(service.timing().join_deadline, first_text(line, rate)).await;
    let Ok(text) = first else {
        return Err(Refusal::timed_out());
    };
    match parse(&text?, service.limits()) {
        Ok(ClientMessage::Join {
            token,
            participant_id,
            participant_salt,
            key_package,
            key_package_follows,
            group,
            proof,
        }) => {
            let (admission, permissions) = service
                .admit(&token, proof.as_ref(), ProofPurpose::Join, &nonce)
                .await
                .map_err(|error| Refusal::new(error.code(), error.to_string()))?;
            // It is asked again when it comes in: this may take a while.
            service
                .sessions()
                .enter(&admission, UnixTime::now())
                .map_err(Refusal::no_entry)?;
            // Not before: else a stranger's key could take a token over that
            // is known to be another's.
            service
                .note_token(&admission)
                .map_err(|error| Refusal::new(error.code(), error.to_string()))?;
            let entrance = group.map(Entrance::Report).or(match key_package {
                None if !key_package_follows => None,
                key_package => Some(Entrance::KeyPackage(key_package)),
            });
            if entrance.is_none() && service.encryption() == Encryption::Required {
                return Err(Refusal::new(
                    ErrorCode::EncryptionRequired,
                    "join needs a key package: sessions here are encrypted end to end",
                ));
            }
            let id = participant_id.map(|id| parse_id(&id)).transpose()?;
            let salt = participant_salt.and_then(|salt| ParticipantSalt::parse(&salt));
            let is_own = |id| salt.is_some_and(|salt| admission.owns(id, &salt));
            if !id.is_none_or(is_own) {
                return Err(Refusal::new(
                    ErrorCode::InvalidMessage,
                    "participantId does not follow from the token and participantSalt",
                ));
            }
            bind(service, &admission).await?;
            Ok(First::Join(Box::new(Newcomer {
                bearer: Bearer {
                    admission,
                    permissions,
                    entrance,
                    host: line.host.clone(),
                },
                id,
            })))
        }
        Ok(ClientMessage::TestNetwork { token, proof }) => {
            let (admission, _) = service
                .admit(&token, proof.as_ref(), ProofPurpose::NetworkTest, &nonce)
                .await
                .map_err(|error| Refusal::new(error.code(), error.to_string()))?;
            network_test::permit(service, &admission).map_err(Refusal::no_entry)?;
            Ok(First::Test(Box::new(admission)))
        }
        Ok(ClientMessage::Resume {
            participant_id,
            secret,
            received,
        }) => Ok(First::Resume {
            id: parse_id(&participant_id)?,
            secret,
            received,
        }),
        Ok(_) => Err(Refusal::new(
            ErrorCode::InvalidMessage,
            "the first message must be join, resume or test-network",
        )),
        Err((code, message)) => Err(Refusal::new(code, message)),
    }
}

/// Sees to it that a token is used with one key, whatever becomes of us.
async fn bind(service: &Service, admission: &Admission) -> Result<(), Refusal> {
    let Some(key) = admission.key else {
        return Ok(());
    };
    let binding = Decision::Bind {
        token_id: admission.token_id.clone(),
        key,
        expires_at: admission.expires_at,
    };
    let mut recorded = service.sessions().record(&admission.room, None, &[binding]);
    if recorded.done().await {
        return Ok(());
    }
    Err(Refusal::new(
        ErrorCode::Internal,
        "it cannot be written down whose token this is",
    ))
}

fn parse_id(text: &str) -> Result<ParticipantId, Refusal> {
    parse_participant_id(text).ok_or_else(|| {
        Refusal::new(
            ErrorCode::InvalidMessage,
            "participantId is not 16 lower-case hexadecimal digits",
        )
    })
}

async fn first_text(line: &mut Line, rate: &mut MessageRate) -> Result<String, Refusal> {
    loop {
        let incoming = line.socket.recv().await;
        if let Some(Ok(message)) = &incoming
            && judge(rate, message) != Verdict::Pass
        {
            return Err(Refusal::too_fast());
        }
        match incoming {
            Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
            Some(Ok(Message::Binary(_))) => {
                return Err(Refusal::binary());
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Refusal::silent()),
        }
    }
}
