//! What the server says.

use std::fmt;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{ErrorCode, Opaque, Permission, PublicationSource, ResumeSecret, Resumption};

/// A message from server to client.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize, TS)]
#[serde(
    tag = "type",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub enum ServerMessage {
    /// The first message on each socket: what a proof in `join` must sign. It
    /// is good for this socket only.
    Challenge {
        /// 32 random bytes in base64url.
        nonce: String,
    },
    /// The answer to `test-network`.
    NetworkTest {
        /// As in `joined`; good for some minutes.
        ice_servers: Vec<IceServer>,
    },
    /// The answer to `join`.
    Joined {
        /// The client's own id in this room, for this stay.
        participant_id: String,
        /// The client's own role.
        role: Role,
        /// The others who are there.
        participants: Vec<Participant>,
        /// How many slots to offer.
        slots: u16,
        /// How many screen slots to offer.
        screen_slots: u16,
        /// For `RTCConfiguration.iceServers`: relays, for networks that let
        /// nothing else through. `ice-servers` renews them.
        ice_servers: Vec<IceServer>,
        /// Absent: the stay ends with its socket.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        resume: Option<Resumption>,
        /// What the client may do.
        #[serde(default)]
        permissions: Vec<Permission>,
        /// Whether nobody new may come in.
        #[serde(default)]
        locked: bool,
    },
    /// The answer to `resume`: the stay goes on here.
    Resumed {
        /// How many messages of this stay came from the client; `join` and
        /// `resume` do not count.
        received: u32,
        /// For the next time. The one before is good until a message of the
        /// client's comes on this socket.
        secret: ResumeSecret,
    },
    /// Lets the client forget what came, and shows that the server is there:
    /// comes every few seconds.
    Ack {
        /// As in `resumed`.
        received: u32,
    },
    /// Before anything else of a session, a text is to be accepted.
    ConsentRequired {
        version: String,
        text: String,
        /// SHA-256 of the text, in base64url.
        hash: String,
    },
    /// The client waits. Comes again when something of it changes.
    Waiting {
        reason: WaitingReason,
        /// The keys that a name may be sealed to, one of each host.
        door_keys: Vec<Opaque>,
    },
    /// What somebody who may let people in tells this client, which waits,
    /// sealed to the key that came with the name.
    WaitingMessage { message: Opaque },
    /// Who waits, for those who may let people in. Replaces the list before.
    WaitingList { people: Vec<WaitingPerson> },
    /// What the client may do from now on.
    Permissions { permissions: Vec<Permission> },
    /// Who acts as host from now on while no host is there; `null`: nobody,
    /// or a host is back.
    Hosting { participant_id: Option<String> },
    /// Whether anybody new may come in.
    Locked { locked: bool, by: String },
    /// The client's microphone or camera was turned off, and nothing of it is
    /// passed on: say so by `media`. Saying that it is on again, the person's
    /// own decision, turns it on.
    Muted {
        source: PublicationSource,
        by: String,
    },
    /// Somebody asks for the client's microphone or camera; the person decides.
    Asked {
        source: PublicationSource,
        by: String,
    },
    /// The client's shared screen was taken off.
    ShareStopped { by: String },
    /// The session ends for all in so many seconds.
    SessionEnding { seconds: u32 },
    /// The client is logged off in so many seconds unless it says `active`.
    InactivityWarning { seconds: u32 },
    /// In place of those of `joined`, whose credentials expire. They are for
    /// the next ICE restart: what is in use goes on with those before.
    IceServers { ice_servers: Vec<IceServer> },
    /// The answer to `offer`.
    Answer { sdp: String },
    /// Somebody came in.
    ParticipantJoined { participant: Participant },
    /// Somebody's devices or role changed.
    ParticipantUpdated { participant: Participant },
    /// Somebody left.
    ParticipantLeft { participant_id: String },
    /// Who is in which slot from now on. Slots not named are unchanged.
    Slots { assignments: Vec<SlotAssignment> },
    /// Whose screen is in which screen slot from now on, the client's own
    /// too; the same for everyone. Screen slots not named are unchanged.
    Screens { assignments: Vec<SlotAssignment> },
    /// The codecs of sound that everybody here can decode; Opus is always among
    /// them. What is sent in another is not passed on: with RED gone, go back
    /// to Opus at once. No other offer is needed for that.
    AudioCodecs { codecs: Vec<AudioCodec> },
    /// The video codecs that everybody here can decode, the most wanted first.
    /// What is sent in another reaches not all: fall back to one of these.
    VideoCodecs { codecs: Vec<VideoCodec> },
    /// How good somebody's connection is from now on, the client's own too; good
    /// before anything is told of it.
    Quality {
        participant_id: String,
        level: QualityLevel,
        /// What is worst; absent where all is good, and where it is another's
        /// connection and the client may neither mute nor let people in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        cause: Option<QualityCause>,
    },
    /// Who speaks from now on, the client among them, whoever leads first.
    Speakers { participant_ids: Vec<String> },
    /// A picture that the client shows is not sent for now, whatever layers it
    /// has; its sound is.
    Paused {
        participant_id: String,
        source: PublicationSource,
        reason: PauseReason,
    },
    /// It is sent again.
    Unpaused {
        participant_id: String,
        source: PublicationSource,
    },
    /// Whether the client's connection takes sound alone: it has taken no
    /// picture for a while, and none comes until it has taken some for a while.
    /// At first it is not so.
    AudioOnly { audio_only: bool },
    /// Whether anybody sees a picture that the client sends; at first it is so.
    /// What nobody sees need not be sent.
    Watched {
        source: PublicationSource,
        watched: bool,
        /// The highest simulcast layer that anybody takes, in the order of the
        /// offer, from 0; absent where it is the highest of all. Those above
        /// need not be sent either.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        layer: Option<u8>,
    },
    /// There is no group yet: make it, alone, and report it.
    MlsCreate {},
    /// The key package of somebody who waits to be added.
    MlsKeyPackage {
        participant_id: String,
        key_package: Opaque,
    },
    /// The client's key package was handed out and led to nothing, or the
    /// group knows the client no more: give another one.
    MlsKeyPackageWanted {},
    /// Everything that is needed to enter the group, made by a member.
    MlsWelcome { welcome: Opaque },
    /// A change that was accepted, made in this epoch.
    MlsCommit { epoch: u32, commit: Opaque },
    /// The client's own commit, made in this epoch, is in force.
    MlsAccepted { epoch: u32 },
    /// The client's own commit came too late; the group is in this epoch.
    MlsRefused { epoch: u32 },
    /// What a member sent to all others.
    MlsMessage { message: Opaque },
    /// The group as it is now, for a member that lost it to come back by.
    MlsGroupInfo { epoch: u32, group_info: Opaque },
    /// Something went wrong. If `fatal`, the server closes the socket next.
    Error {
        code: ErrorCode,
        /// For a developer's console, in English.
        message: String,
        fatal: bool,
    },
}

/// Somebody in the room.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a field of the message"
)]
pub struct Participant {
    pub id: String,
    pub role: Role,
    pub microphone: bool,
    pub camera: bool,
    /// The camera is on, and its owner's connection does not take the picture.
    #[serde(default)]
    #[ts(optional, as = "Option<bool>")]
    pub camera_paused: bool,
    /// Its connection to the server is gone, and may come back.
    #[serde(default)]
    pub reconnecting: bool,
    /// The wording of the session's text that it has accepted; absent where it
    /// has accepted none that is in force when it comes in, and for those who
    /// may not let people in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub consented: Option<String>,
}

/// How good a connection is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum QualityLevel {
    Good,
    /// It shows, and one can talk.
    Weak,
    /// Talking is a labour.
    Poor,
}

/// Why a connection is not good; uplink is what its owner sends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum QualityCause {
    UplinkLoss,
    DownlinkLoss,
    Delay,
    SlowDownlink,
    /// By its owner's word.
    SlowUplink,
}

/// Why a picture is not sent.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum PauseReason {
    /// The client's connection does not take it beside what matters more.
    SlowConnection,
}

/// Why somebody waits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum WaitingReason {
    /// Nobody is there who could let anybody in.
    HostAbsent,
    /// Somebody has to let the client in.
    Admission,
}

/// Somebody who waits to be let in.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct WaitingPerson {
    pub id: String,
    pub role: Role,
    /// The name, sealed to those who may let people in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub sealed_name: Option<Opaque>,
}

/// What a participant is in the room; the token says it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Host,
    CoHost,
    Client,
    Observer,
    Interpreter,
}

/// The occupant of a slot.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SlotAssignment {
    pub slot: u16,
    /// `null` when the slot is empty: blank it at once.
    pub participant_id: Option<String>,
}

/// A codec of sound.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum AudioCodec {
    Opus,
    /// Opus with each packet repeated in the next (RFC 2198).
    Red,
}

/// A video codec.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum VideoCodec {
    Vp8,
    Vp9,
    Av1,
}

/// One entry of `RTCConfiguration.iceServers`.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct IceServer {
    pub urls: Vec<String>,
    pub username: String,
    pub credential: String,
}

impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServer")
            .field("urls", &self.urls)
            .finish_non_exhaustive()
    }
}
