//! RTP header extensions (RFC 8285).

/// A session's numbering of the header extensions the server knows, each 1 to
/// 255; an absent one was not negotiated.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ExtensionIds {
    /// `urn:ietf:params:rtp-hdrext:sdes:mid` (RFC 9143).
    pub mid: Option<u8>,
    /// `urn:ietf:params:rtp-hdrext:ssrc-audio-level` (RFC 6464).
    pub audio_level: Option<u8>,
    /// `http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01`.
    pub transport_sequence_number: Option<u8>,
    /// `http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time`.
    pub absolute_send_time: Option<u8>,
}
