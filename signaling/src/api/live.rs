//! What the API wants of the rooms where people are.

use sfu::identity::ParticipantId;

use crate::access::UnixTime;
use crate::protocol::Role;
use crate::room::Bearer;

/// The rooms of this node, as far as the API acts on them. Calls do not block.
pub trait LiveRooms: Send + Sync + std::fmt::Debug {
    /// Who is in a room, whoever came first first; nobody if there is no such
    /// room.
    fn participants(&self, room: &str) -> Vec<LiveParticipant>;

    /// Who is at a room's door, and not let in yet.
    fn waiting(&self, room: &str) -> Vec<LiveParticipant>;

    /// Who is in a room or at its door under an id, or was lately.
    fn bearer(&self, room: &str, participant: ParticipantId) -> Option<Bearer>;

    /// Ends all stays of a token in a room and at its door.
    fn remove(&self, room: &str, token_id: &str);

    /// Ends the stays of all who are in a room for another session than this, or
    /// for none.
    fn open(&self, room: &str, session: &str);

    /// Ends everybody's stay: the session is over.
    fn end(&self, room: &str);
}

/// Somebody who is in a room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LiveParticipant {
    pub id: ParticipantId,
    pub role: Role,
    /// The token's `sub`.
    pub subject: String,
    /// The token's `jti`.
    pub token_id: String,
    pub joined: UnixTime,
}
