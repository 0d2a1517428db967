//! What the signaling side tells a worker.

use std::net::SocketAddr;

use crate::identity::{MediaKind, ParticipantId, RoomId, SlotId, Source};
pub use crate::publish::ExpectedFrames;
pub use crate::quality::Capacity;
use crate::rtp::extensions::ExtensionIds;
use crate::rtp::{Codec, Layer, PayloadType, Ssrc};
pub use crate::subscribe::allocation::{Shown, Size};
use crate::transport::{Fingerprint, IceCredentials};

/// An instruction to a worker. A command that names someone the worker does
/// not know is ignored: it crossed with that participant's end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Lets a participant's transport connect. The room comes into being with
    /// its first participant and goes with its last.
    Join {
        room: RoomId,
        participant: ParticipantId,
        transport: TransportParameters,
    },
    /// Restarts ICE (RFC 8445 §9): both sides take new credentials, and DTLS
    /// and media go on. Those before hold until the peer has nominated a path
    /// with the new ones. Ignored if `local` names somebody already.
    RestartIce {
        participant: ParticipantId,
        local: IceCredentials,
        remote: IceCredentials,
    },
    /// Sets what a participant sends and receives, replacing what was set
    /// before: the outcome of an offer and its answer.
    Negotiate {
        participant: ParticipantId,
        media: MediaParameters,
    },
    /// Feeds a slot from another participant's source, or empties it.
    Assign {
        subscriber: ParticipantId,
        slot: SlotId,
        source: Option<(ParticipantId, Source)>,
    },
    /// Sets the highest layers of what is in a slot: spatial ones, be they
    /// simulcast or within one stream, and temporal ones, each from 0. Without
    /// this, or with numbers higher than there are, all are sent. It holds
    /// until it is set again, whoever comes into the slot.
    LimitLayers {
        subscriber: ParticipantId,
        slot: SlotId,
        limit: Layer,
    },
    /// Tells how a participant shows what is in a slot, from which follows how
    /// much of its path that may take; `None` hides it, and it is not sent.
    /// Before the first such command it is taken for large. It holds until it
    /// is set again, whoever comes into the slot.
    Show {
        subscriber: ParticipantId,
        slot: SlotId,
        shown: Option<Shown>,
    },
    /// Sets what a participant's frames are encrypted with end to end. Frames
    /// that do not begin with the `SFrame` header of that key, or of the last
    /// few, are not forwarded. Before the first such command all are.
    ExpectFrames {
        participant: ParticipantId,
        frames: ExpectedFrames,
    },
    /// Takes a participant's word on what its path takes of what it would
    /// send, which only its own browser knows; it counts for its rating.
    RateUplink {
        participant: ParticipantId,
        capacity: Capacity,
    },
    /// Ends a participant's stay and frees all that was kept for it.
    Leave { participant: ParticipantId },
}

/// Both ends of a participant's transport as the descriptions gave them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TransportParameters {
    /// The worker's own ICE credentials toward this participant.
    pub local: IceCredentials,
    /// The participant's ICE credentials.
    pub remote: IceCredentials,
    /// The hash of the certificate the participant must present in DTLS.
    pub remote_fingerprint: Fingerprint,
}

/// A negotiated session, as far as forwarding needs it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MediaParameters {
    /// The participant's numbering of header extensions (RFC 8285).
    pub extensions: ExtensionIds,
    pub publications: Vec<Publication>,
    pub slots: Vec<Slot>,
}

/// A stream the participant may send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Publication {
    pub source: Source,
    /// The media section's identification tag, sent in the MID header
    /// extension (RFC 9143).
    pub mid: String,
    /// The synchronization sources of media that the description names, if it
    /// names any.
    pub ssrcs: Vec<Ssrc>,
    /// Those of their retransmissions (RFC 4588).
    pub rtx_ssrcs: Vec<Ssrc>,
    /// The stream ids of its simulcast layers (RFC 8851), the least layer
    /// first; empty for a single stream.
    pub stream_ids: Vec<String>,
    pub codecs: Vec<CodecParameters>,
}

/// A place for a stream toward the participant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Slot {
    pub slot: SlotId,
    /// The media section's identification tag (RFC 9143).
    pub mid: String,
    pub kind: MediaKind,
    /// The synchronization source of everything this slot ever sends.
    pub ssrc: Ssrc,
    /// The synchronization source of its retransmissions (RFC 4588).
    pub rtx_ssrc: Option<Ssrc>,
    /// Whether it takes Dependency Descriptors.
    pub dependency_descriptor: bool,
    pub codecs: Vec<CodecParameters>,
}

/// One payload type of a media section.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CodecParameters {
    pub codec: Codec,
    pub payload_type: PayloadType,
    /// The payload type of this codec's retransmissions (RFC 4588).
    pub rtx: Option<PayloadType>,
}

/// What the signaling side must know of a worker to describe it to a client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorkerAddress {
    /// The host candidates to announce, all UDP.
    pub candidates: Vec<SocketAddr>,
    /// Those of TCP, all passive (RFC 6544 §4.1).
    pub tcp_candidates: Vec<SocketAddr>,
    /// What our user name fragments toward this worker's participants begin
    /// with.
    pub ufrag_prefix: String,
    /// The hash of the certificate the worker presents in DTLS.
    pub fingerprint: Fingerprint,
}
