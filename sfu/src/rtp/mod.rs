//! RTP (RFC 3550): numbers, headers and header extensions as views over bytes.

pub mod av1;
pub mod dependency_descriptor;
pub mod extensions;
pub mod header;
pub mod picture_id;
pub mod sequence;
pub mod sframe_header;
pub mod vp8;
pub mod vp9;

use crate::identity::MediaKind;

/// A synchronization source (RFC 3550 §3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Ssrc(pub u32);

/// A payload type, 0 to 127 (RFC 3550 §5.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct PayloadType(pub u8);

/// A media timestamp in ticks of the codec's clock (RFC 3550 §5.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Timestamp(pub u32);

impl Timestamp {
    /// This timestamp `ticks` later, wrapping.
    #[must_use]
    pub fn advanced(self, ticks: u32) -> Self {
        Self(self.0.wrapping_add(ticks))
    }

    /// Ticks from `earlier` to this one, wrapping.
    pub fn since(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }
}

/// A place among the layers of a stream.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Layer {
    pub spatial: u8,
    pub temporal: u8,
}

/// The codecs this server forwards.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Codec {
    /// RFC 7587, clock rate 48 kHz.
    Opus,
    /// Opus with former packets repeated (RFC 2198), clock rate 48 kHz.
    Red,
    /// RFC 7741, clock rate 90 kHz.
    Vp8,
    /// RFC 9628, clock rate 90 kHz.
    Vp9,
    /// RTP Payload Format For AV1, clock rate 90 kHz.
    Av1,
}

impl Codec {
    /// The kind of media it is for.
    pub fn kind(self) -> MediaKind {
        match self {
            Self::Opus | Self::Red => MediaKind::Audio,
            Self::Vp8 | Self::Vp9 | Self::Av1 => MediaKind::Video,
        }
    }
}

/// Ticks of the RTP timestamp a second.
pub fn clock_rate(kind: MediaKind) -> u32 {
    match kind {
        MediaKind::Audio => 48_000,
        MediaKind::Video => 90_000,
    }
}
