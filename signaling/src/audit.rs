//! What happened in a session, for the record.
//!
//! One typed event for each thing that somebody may have to answer for. Where
//! they go is an [`AuditSink`]'s matter; [`AuditLog`] writes them to the
//! structured log.

use std::fmt;

use data_encoding::HEXLOWER;
use sfu::identity::{ParticipantId, RoomId};

use crate::access::UnixTime;
use crate::protocol::{PublicationSource, Role};

/// Takes events, in order. It must not wait: rooms stand still meanwhile.
pub trait AuditSink: Send + Sync + fmt::Debug {
    fn record(&self, event: &AuditEvent);
}

/// One thing that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditEvent {
    pub at: UnixTime,
    /// The session that the clinic opened, if it did.
    pub session: Option<String>,
    /// Which room, if people are or were in it.
    pub room: Option<RoomId>,
    /// The clinic's id of the room.
    pub room_name: String,
    pub actor: Actor,
    /// To whom it was done, if to somebody else.
    pub target: Option<Person>,
    pub action: Action,
}

/// Who did something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Actor {
    /// Nobody: it was due.
    Server,
    /// Somebody in the room or at its door.
    Person(Person),
    /// The clinic's backend, by the id of the API key that it used.
    ApiKey(String),
}

/// Somebody, by ids only.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    pub participant: ParticipantId,
    /// The clinic's opaque id of the person.
    pub subject: String,
    pub role: Role,
}

/// What was done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Somebody came with a good token.
    Arrive,
    /// Accepted this text.
    AcceptConsent {
        version: String,
        /// SHA-256 of the text.
        hash: [u8; 32],
    },
    /// Let somebody in from the waiting room.
    Admit,
    /// Turned somebody in the waiting room away.
    Refuse,
    /// Came into the room.
    Enter,
    /// Left the room or the waiting room.
    Leave,
    Lock,
    Unlock,
    Mute(PublicationSource),
    /// Asked somebody to turn a device on.
    Ask(PublicationSource),
    StopShare,
    /// Sent somebody away for good.
    Remove,
    /// Acts as host from now on.
    TakeOver,
    /// Was logged off for doing nothing.
    LogOff,
    /// Was replaced by the same person's newer device.
    Replace,
    /// Opened a session.
    Open,
    /// Ended the session for all.
    End,
    /// Took tokens back.
    RevokeTokens,
}

impl Action {
    /// For logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Arrive => "arrive",
            Self::AcceptConsent { .. } => "accept-consent",
            Self::Admit => "admit",
            Self::Refuse => "refuse",
            Self::Enter => "enter",
            Self::Leave => "leave",
            Self::Lock => "lock",
            Self::Unlock => "unlock",
            Self::Mute(_) => "mute",
            Self::Ask(_) => "ask",
            Self::StopShare => "stop-share",
            Self::Remove => "remove",
            Self::TakeOver => "take-over",
            Self::LogOff => "log-off",
            Self::Replace => "replace",
            Self::Open => "open",
            Self::End => "end",
            Self::RevokeTokens => "revoke-tokens",
        }
    }
}

/// Writes events to the structured log, with the ids of rooms and stays and
/// none of the clinic's.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuditLog;

impl AuditSink for AuditLog {
    fn record(&self, event: &AuditEvent) {
        let target = event.target.as_ref();
        let text = match &event.action {
            Action::AcceptConsent { version, hash } => Some((version, hash)),
            _ => None,
        };
        tracing::info!(
            target: "audit",
            at = event.at.0,
            session = event.session.as_deref().unwrap_or_default(),
            room = event.room.map(tracing::field::display),
            actor = %event.actor,
            target = target.map(|person| tracing::field::display(person.participant)),
            action = event.action.name(),
            version = text.map(|(version, _)| version.as_str()),
            sha256 = text.map(|(_, hash)| HEXLOWER.encode(hash)),
            "audit"
        );
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => f.write_str("server"),
            Self::Person(person) => person.participant.fmt(f),
            Self::ApiKey(id) => write!(f, "api-key:{id}"),
        }
    }
}
