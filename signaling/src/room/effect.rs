//! What a room wants done.

use sfu::identity::ParticipantId;
use sfu::worker::command::Command;

use crate::audit::Action;
use crate::protocol::ServerMessage;

/// One thing to do, in the order given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Sends a message to a participant of this room.
    Tell(ParticipantId, ServerMessage),
    /// Gives a command to the worker that has this room.
    Media(Command),
    /// Takes nothing any more from a participant, nor tells it anything but why
    /// its stay ends.
    CutOff(ParticipantId),
    /// Closes a participant's socket, after what it was told.
    Close(ParticipantId),
    /// Puts something on record.
    Audit {
        /// `None`: nobody in the room did it.
        actor: Option<ParticipantId>,
        /// `None`: nobody else.
        target: Option<ParticipantId>,
        action: Action,
    },
}

impl Effect {
    pub(super) fn by(actor: ParticipantId, action: Action) -> Self {
        Self::Audit {
            actor: Some(actor),
            target: None,
            action,
        }
    }

    pub(super) fn done(actor: ParticipantId, target: ParticipantId, action: Action) -> Self {
        Self::Audit {
            actor: Some(actor),
            target: Some(target),
            action,
        }
    }

    pub(super) fn by_clock(action: Action) -> Self {
        Self::Audit {
            actor: None,
            target: None,
            action,
        }
    }
}
