//! RTP (RFC 3550): numbers, headers and header extensions as views over bytes.

pub mod dependency_descriptor;
pub mod extensions;
pub mod header;
pub mod sequence;
pub mod sframe_header;
pub mod vp8;

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

/// The codecs this server forwards.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Codec {
    /// RFC 7587, clock rate 48 kHz.
    Opus,
    /// RFC 7741, clock rate 90 kHz.
    Vp8,
}

impl Codec {
    /// Ticks of the RTP timestamp a second.
    pub fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::Vp8 => 90_000,
        }
    }
}
