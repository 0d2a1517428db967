//! What a participant's client says.

use serde::{Deserialize, Serialize};
use sfu::identity::Source;
use ts_rs::TS;

use super::{Opaque, ResumeSecret};

/// A message from client to server.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize, TS)]
#[serde(
    tag = "type",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub enum ClientMessage {
    /// Asks to enter the room that the token names. Must come first.
    Join {
        /// A JWT signed by the clinic.
        token: String,
        /// The id to be known by, 16 lower-case hexadecimal digits. The
        /// credential in the key package names it, so that the group and not
        /// the server says who is who. It is the first 8 bytes of the SHA-256
        /// hash of "Quietroom 1.0 Participant", the salt, and "jkt " with the
        /// token's `cnf.jkt` or else "jti " with its `jti`: so it is nobody
        /// else's. Absent: the server chooses one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        participant_id: Option<String>,
        /// What `participantId` was made with: 16 random bytes in base64url.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        participant_salt: Option<String>,
        /// What a member of the group adds the newcomer by (RFC 9420 §10).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        key_package: Option<Opaque>,
        /// Instead of a key package, from somebody who sends it by
        /// `mls-key-package` as soon as it is made.
        #[serde(default)]
        #[ts(optional, as = "Option<bool>")]
        key_package_follows: bool,
        /// Instead of a key package, from somebody who is in the group already
        /// and comes back: the server may have forgotten.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        group: Option<GroupReport>,
        /// That the client has the key its token is bound to (`cnf.jkt`).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        proof: Option<JoinProof>,
    },
    /// Asks for a connection for media that carries none, to find out whether
    /// it would get through, instead of `join`: before the session too, and
    /// the token is bound to nothing by it. After `network-test` one offer of
    /// a microphone is answered; then the client connects, looks, and closes the socket.
    /// Counts as an attempt to join.
    TestNetwork {
        /// As in `join`.
        token: String,
        /// As in `join`, over the label "Quietroom 1.0 Network Test".
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        proof: Option<JoinProof>,
    },
    /// Takes a stay up again whose socket is gone or of no use, instead of
    /// `join`. Both sides then send again what the other did not receive.
    Resume {
        participant_id: String,
        /// The last one that was given.
        secret: ResumeSecret,
        /// How many messages of this stay came from the server, `joined` being
        /// the first; `ack` and `resumed` do not count.
        received: u32,
    },
    /// Lets the server forget what came. Those after `join` or `resume` are
    /// counted as any message.
    Ack {
        /// As in `resume`.
        received: u32,
    },
    /// A session description (RFC 8829). The client always offers.
    Offer {
        sdp: String,
        /// The sections the client sends on.
        publications: Vec<PublicationSection>,
        /// The sections the client receives on, in the order of its slots.
        slots: Vec<SlotSections>,
        /// Those it receives shared screens on, in the order of its screen
        /// slots.
        #[serde(default)]
        screen_slots: Vec<SlotSections>,
    },
    /// Which devices are on. Both are off until said otherwise, and what is off
    /// is not passed on.
    Media { microphone: bool, camera: bool },
    /// What the client's path takes of what it would send, as only its browser
    /// knows. All of it until said otherwise.
    Uplink { capacity: UplinkCapacity },
    /// Asks for a screen slot, to show everyone what `screen` and
    /// `screen-audio` carry. The answer is `screens` with the client's own id,
    /// or the error `screens-full`.
    ShareScreen {},
    /// Gives the screen slot back.
    StopScreenShare {},
    /// How the client shows what is in these slots, from which follows what it
    /// is sent. Others stay as they were, at first as large as can be. Before
    /// the first answer it says nothing.
    Show {
        #[serde(default)]
        people: Vec<View>,
        /// In screen slots.
        #[serde(default)]
        screens: Vec<View>,
    },
    /// A new key package, as `mls-key-package-wanted` asked for.
    MlsKeyPackage { key_package: Opaque },
    /// Asks for the key packages of these participants, to add them. Each is
    /// handed out once.
    MlsClaim { participant_ids: Vec<String> },
    /// A change of the group (RFC 9420 §12.4). In force when accepted, not
    /// before.
    MlsCommit(GroupCommit),
    /// The epoch this member is in now.
    MlsReport(GroupReport),
    /// Something for all members of the group, which the server cannot read.
    MlsMessage { message: Opaque },
    /// Asks for what it takes to come back into the group.
    MlsResync {},
    /// Accepts the text of `consent-required`, by its hash.
    AcceptConsent { hash: String },
    /// From somebody who waits: the name, and a key to be answered by, sealed
    /// to those who may let people in by the keys of `waiting` (RFC 9180).
    Knock { sealed_name: Opaque },
    /// The key that those who wait may seal to: a key package (RFC 9420 §10),
    /// which is for nothing else. Needs `admit`, as do the next four.
    DoorKey { key: Opaque },
    /// Lets these people in.
    Admit { participant_ids: Vec<String> },
    /// Lets everybody in who waits, those too of whom the client has not heard
    /// yet.
    AdmitAll {},
    /// Turns somebody away who waits.
    Refuse { participant_id: String },
    /// Something for somebody who waits, sealed to that person.
    TellWaiting {
        participant_id: String,
        message: Opaque,
    },
    /// Whether anybody new may come in. Needs `lock`.
    Lock { locked: bool },
    /// Turns somebody's microphone or camera off. Needs `mute`, as do the next
    /// three. Only its owner can turn it on again.
    Mute {
        participant_id: String,
        source: PublicationSource,
    },
    /// Turns off everybody's microphone but those of people who have `mute`.
    MuteAll {},
    /// Asks somebody to turn a microphone or camera on.
    Ask {
        participant_id: String,
        source: PublicationSource,
    },
    /// Ends somebody's share of a screen.
    StopShare { participant_id: String },
    /// Sends somebody away, and never takes that token again. Needs `remove`.
    Remove { participant_id: String },
    /// Ends the session for all. Needs `end`.
    EndSession {},
    /// Somebody is at the device.
    Active {},
    /// Ends the stay.
    Leave {},
}

/// How much of what a client would send its path takes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum UplinkCapacity {
    All,
    /// The camera goes out in its least layer alone.
    Least,
    /// The camera is on, and nothing of it goes out.
    SoundOnly,
}

/// How the picture in a slot is shown. It says nothing of the slot's sound.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct View {
    pub slot: u16,
    /// In pixels of the screen, as is the height. Where one is 0 the picture
    /// is hidden, and not sent.
    #[serde(default = "largest")]
    #[ts(optional, as = "Option<u16>")]
    pub width: u16,
    #[serde(default = "largest")]
    #[ts(optional, as = "Option<u16>")]
    pub height: u16,
    /// The person wants to see it before others.
    #[serde(default)]
    #[ts(optional, as = "Option<bool>")]
    pub pinned: bool,
    /// The highest layer wanted, counted from 0, whatever the size: of
    /// simulcast, or within one stream. Absent, or beyond what there is, it is
    /// no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub spatial: Option<u8>,
    /// The same by pictures a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub temporal: Option<u8>,
}

/// No size is said: any is right.
fn largest() -> u16 {
    u16::MAX
}

/// A commit and what goes with it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct GroupCommit {
    /// The epoch it was made in; it starts the next one.
    pub epoch: u32,
    /// The committer's place in the tree of the epoch it starts, from 0.
    pub leaf: u32,
    pub commit: Opaque,
    /// For all who are added (RFC 9420 §12.4.3.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub welcome: Option<Opaque>,
    /// Who is added.
    pub added: Vec<String>,
    /// Of the epoch it starts (RFC 9420 §12.4.3), signed by the committer.
    pub group_info: Opaque,
    /// The confirmed transcript hash of the epoch it starts (RFC 9420 §8.2).
    pub transcript_hash: Opaque,
}

/// Where a member stands. It tells forks of the group apart, and no secret.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct GroupReport {
    pub epoch: u32,
    /// The confirmed transcript hash (RFC 9420 §8.2).
    pub transcript_hash: Opaque,
    /// The member's place in the tree, from 0.
    pub leaf: u32,
    /// From whoever made the group, and from those who ask for what they
    /// missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub group_info: Option<Opaque>,
    /// The last commits up to this epoch, the oldest first, from somebody who
    /// joins again: a server that was restarted has lost them, and others may
    /// have missed them. Those beyond four are ignored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<Opaque>>")]
    pub commits: Vec<Opaque>,
}

/// Shows that its maker has a key (RFC 7800).
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct JoinProof {
    pub key: ProofKey,
    /// By that key, in base64url, over the label "Quietroom 1.0 Join" and,
    /// together as one vector, the nonce of `challenge`, the room and the
    /// SHA-256 hash of the token; each a vector as in RFC 9420 §2.1.2.
    pub signature: String,
}

/// The signature key that the client has in the group, as a JWK (RFC 8037).
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize, TS)]
pub struct ProofKey {
    /// `OKP`
    pub kty: String,
    /// `Ed25519`
    pub crv: String,
    /// The public key in base64url.
    pub x: String,
}

/// A media section the client sends on.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct PublicationSection {
    /// The section's `a=mid`.
    pub mid: String,
    pub source: PublicationSource,
}

/// What a publication carries.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum PublicationSource {
    Microphone,
    Camera,
    /// What a shared screen, window or tab shows.
    Screen,
    /// What it sounds like.
    ScreenAudio,
}

impl From<Source> for PublicationSource {
    fn from(source: Source) -> Self {
        match source {
            Source::Microphone => Self::Microphone,
            Source::Camera => Self::Camera,
            Source::Screen => Self::Screen,
            Source::ScreenAudio => Self::ScreenAudio,
        }
    }
}

/// The two sections of a slot; both get one stream id, so that the browser
/// keeps lips and sound together.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SlotSections {
    /// The audio section's `a=mid`.
    pub audio: String,
    /// The video section's `a=mid`.
    pub video: String,
}
