//! What a room wants done.

use sfu::identity::ParticipantId;
use sfu::worker::command::Command;

use crate::protocol::ServerMessage;

/// One thing to do, in the order given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Sends a message to a participant of this room.
    Tell(ParticipantId, ServerMessage),
    /// Gives a command to the worker that has this room.
    Media(Command),
    /// Closes a participant's socket, after what it was told.
    Close(ParticipantId),
}
