//! Why the server refused something.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A refusal's kind, for programs; its text is for people.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// The token is not one the clinic signed for this server.
    InvalidToken,
    /// The token's time is over.
    TokenExpired,
    /// The token's time has not come.
    TokenNotYetValid,
    /// The token is bound to a key, or its role asks for one that is: show by
    /// `proof` that this client has it.
    ProofRequired,
    /// The proof is of another key, of another socket, or wrong.
    InvalidProof,
    /// The token was used with another key before.
    TokenReused,
    /// The token was taken back, or its bearer was sent away.
    TokenRevoked,
    /// The role asks for a sign-in with more than one factor.
    MultiFactorRequired,
    /// The clinic's keys cannot be had at the moment; try later.
    KeysUnavailable,
    /// Nobody else fits in.
    RoomFull,
    /// The room is locked: nobody new comes in.
    RoomLocked,
    /// This person is in the room already, on another device.
    SecondDevice,
    /// This person has come in on another device, which takes this one's place.
    JoinedElsewhere,
    /// The session's time has not come.
    SessionNotOpen,
    /// The session is over, for all.
    SessionEnded,
    /// A host turned the client away from the waiting room.
    Refused,
    /// A host sent the client away, for good.
    Removed,
    /// The client did nothing for too long.
    Inactive,
    /// The client's role does not allow this.
    NotAllowed,
    /// The client has not been let in yet.
    NotAdmitted,
    /// Nobody is or was lately in the room, or at its door, under this id.
    UnknownParticipant,
    /// The session has another text to accept.
    ConsentMismatch,
    /// As many screens are shared in the room as it takes.
    ScreensFull,
    /// The server has as many rooms or participants as it takes; try later.
    ServerFull,
    /// The client does something too often. If the error is not fatal, what
    /// came too fast was dropped.
    RateLimited,
    /// Sessions here are encrypted end to end, and this client would not be.
    EncryptionRequired,
    /// A message about the group is too large, or not due from this client.
    InvalidGroupMessage,
    /// The message is not of the protocol, or not what is due now.
    InvalidMessage,
    /// The message is larger than the server takes.
    MessageTooLarge,
    /// The session description cannot be answered.
    InvalidOffer,
    /// The media transport failed or fell silent; join again.
    MediaDisconnected,
    /// The stay is over, or cannot be taken up where it was; join again.
    ResumeRefused,
    /// The server is going down; join again later.
    ShuttingDown,
    /// The server failed; nothing the client did.
    Internal,
}
