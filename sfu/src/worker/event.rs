//! What a worker tells the signaling side.

use crate::audio::Speakers;
use crate::identity::{ParticipantId, RoomId, Source};
use crate::quality::Rating;
use crate::srtp::Profile;

/// Something that happened to a participant's media.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// ICE and DTLS are done; media can flow.
    Connected {
        participant: ParticipantId,
        profile: Profile,
    },
    /// The transport is gone for good. The worker has freed what it kept.
    Disconnected {
        participant: ParticipantId,
        reason: DisconnectReason,
    },
    /// A picture that a participant shows is not sent to it for now.
    Paused {
        subscriber: ParticipantId,
        publisher: ParticipantId,
        source: Source,
        reason: PauseReason,
    },
    /// It is sent again, or is not meant for that participant any more.
    Resumed {
        subscriber: ParticipantId,
        publisher: ParticipantId,
        source: Source,
    },
    /// A participant's path has taken no picture beside the sound for a while,
    /// and none is sent to it; or it has taken enough again for a while.
    AudioOnly {
        participant: ParticipantId,
        is_audio_only: bool,
    },
    /// Less of a participant's picture than before has been taken by anybody for
    /// a while, or more is. At first all of it is wanted.
    Watched {
        publisher: ParticipantId,
        source: Source,
        wanted: Wanted,
    },
    /// A participant's connection is better or worse than it was.
    Rated {
        participant: ParticipantId,
        rating: Rating,
    },
    /// Others than before speak in a room, or in another order.
    Speaking { room: RoomId, speakers: Speakers },
}

/// How much of a picture somebody takes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Wanted {
    /// All to whom it is meant have hidden it.
    Nothing,
    /// This one of its simulcast layers and those below; 0 is the least.
    UpTo(u8),
    All,
}

/// Why a picture is not sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PauseReason {
    /// The receiver's path does not take it beside what matters more.
    SlowConnection,
}

/// Why a transport ended without being told to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DisconnectReason {
    /// No valid connectivity check arrived in time: the peer vanished or
    /// never came (RFC 7675).
    ConsentExpired,
    /// The peer closed DTLS.
    Closed,
    /// The handshake failed, or its certificate was not the signalled one.
    DtlsFailed,
}
