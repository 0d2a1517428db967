//! Who did what to a session, for those who must be able to answer for it.
//!
//! Events carry opaque ids only: those of API keys, sessions and stays, never
//! what the clinic calls a room or a person.

use std::fmt;

use sfu::identity::ParticipantId;

/// Where events go.
pub trait ApiAudit: Send + Sync + fmt::Debug {
    /// Takes an event in, at the moment it happened. Does not block.
    fn record(&self, event: &ApiEvent);
}

/// Writes events into the structured log, under the target `audit`.
#[derive(Clone, Copy, Default, Debug)]
pub struct StructuredLog;

/// Who did it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Actor {
    /// The clinic's backend, by the id of the API key that it used.
    ApiKey(String),
}

/// Something that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ApiEvent {
    SessionOpened {
        actor: Actor,
        session: String,
    },
    SessionEnded {
        actor: Actor,
        session: String,
    },
    ParticipantRemoved {
        actor: Actor,
        session: String,
        participant: ParticipantId,
    },
    TokensRevoked {
        actor: Actor,
        session: String,
    },
}

impl Actor {
    pub(super) fn api_key(id: &str) -> Self {
        Self::ApiKey(id.to_owned())
    }
}

impl ApiAudit for StructuredLog {
    fn record(&self, event: &ApiEvent) {
        match event {
            ApiEvent::SessionOpened { actor, session } => {
                tracing::info!(target: "audit", %actor, session, "session opened");
            }
            ApiEvent::SessionEnded { actor, session } => {
                tracing::info!(target: "audit", %actor, session, "session ended");
            }
            ApiEvent::ParticipantRemoved {
                actor,
                session,
                participant,
            } => {
                tracing::info!(target: "audit", %actor, session, %participant, "participant removed");
            }
            ApiEvent::TokensRevoked { actor, session } => {
                tracing::info!(target: "audit", %actor, session, "tokens revoked");
            }
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApiKey(id) => write!(f, "api-key:{id}"),
        }
    }
}
