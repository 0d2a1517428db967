//! One published stream: what came of it, and who takes it.

use std::time::Instant;

use super::{ExpectedKeys, FrameCheck, Gap, KeyFrameRequests, MissingPackets, Packet, Ring};
use crate::identity::{MediaKind, ParticipantId, Source};
use crate::rtcp::Reception;
use crate::rtp::header::Header;
use crate::rtp::sequence::ExtendedSequence;
use crate::rtp::{Codec, Ssrc, Timestamp, vp8};

/// A synchronization source of a publisher.
#[derive(Debug)]
pub struct Stream {
    pub publisher: ParticipantId,
    pub source: Source,
    pub codec: Codec,
    pub ssrc: Ssrc,
    pub ring: Ring,
    pub reception: Reception,
    pub missing: MissingPackets,
    pub key_frames: KeyFrameRequests,
    pub sender_report: Option<SenderReportReceived>,
    pub subscribers: Vec<Subscriber>,
    pub expected_keys: ExpectedKeys,
    pub frame_check: FrameCheck,
}

/// Where a stream goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subscriber {
    /// The worker's key of the participant.
    pub participant: usize,
    /// The index of the participant's slot.
    pub slot: usize,
}

/// The clocks of the last sender report (RFC 3550 §6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SenderReportReceived {
    pub at: Instant,
    /// The sender's wall clock, as an NTP timestamp.
    pub ntp: u64,
    /// The same moment in the stream's ticks.
    pub timestamp: Timestamp,
}

impl Stream {
    pub fn new(publisher: ParticipantId, source: Source, codec: Codec, ssrc: Ssrc) -> Self {
        let capacity = match source.kind() {
            MediaKind::Audio => AUDIO_RING,
            MediaKind::Video => VIDEO_RING,
        };
        Self {
            publisher,
            source,
            codec,
            ssrc,
            ring: Ring::new(capacity),
            reception: Reception::new(codec.clock_rate()),
            missing: MissingPackets::default(),
            key_frames: KeyFrameRequests::default(),
            sender_report: None,
            subscribers: Vec::new(),
            expected_keys: ExpectedKeys::default(),
            frame_check: FrameCheck::default(),
        }
    }

    /// Adds a receiver, which needs a key frame if this is video.
    pub fn add_subscriber(&mut self, participant: usize, slot: usize) {
        self.subscribers.push(Subscriber { participant, slot });
        if self.source.kind() == MediaKind::Video {
            self.key_frames.want();
        }
    }

    /// Notes that the packet at `sequence` came, and tells what is missing
    /// before it. Sound is not repaired: it would come too late.
    pub fn note_arrival(&mut self, now: Instant, sequence: ExtendedSequence) -> Gap {
        if self.source.kind() == MediaKind::Audio {
            return Gap::None;
        }
        let gap = self.missing.record(now, sequence);
        if gap == Gap::TooLong && !self.subscribers.is_empty() {
            self.key_frames.want();
        }
        gap
    }

    /// Takes a decrypted packet into the ring and gives what forwarding needs
    /// to know of it, or `None` if it isn't one of this codec. What fails the
    /// check for end-to-end encryption is kept without its payload.
    pub fn receive(
        &mut self,
        header: &Header,
        sequence: ExtendedSequence,
        audio_level: Option<u8>,
        payload: &[u8],
    ) -> Option<Packet> {
        let vp8 = match self.codec {
            Codec::Vp8 if !payload.is_empty() => Some(vp8::Descriptor::parse(payload)?),
            Codec::Vp8 | Codec::Opus => None,
        };
        let (vp8, payload) = if self.admits(header.timestamp, vp8.as_ref(), payload) {
            (vp8, payload)
        } else {
            (None, &[][..])
        };
        if vp8.is_some_and(|descriptor| descriptor.starts_key_frame) {
            self.key_frames.satisfy();
        }
        let packet = Packet {
            sequence,
            timestamp: header.timestamp,
            marker: header.marker,
            audio_level,
            vp8,
            payload_length: u16::try_from(payload.len()).ok()?,
        };
        self.ring.insert(packet, payload).then_some(packet)
    }

    fn admits(
        &mut self,
        timestamp: Timestamp,
        vp8: Option<&vp8::Descriptor>,
        payload: &[u8],
    ) -> bool {
        let keys = &self.expected_keys;
        match vp8 {
            // Padding, which a publisher probes with.
            _ if payload.is_empty() => true,
            Some(descriptor) => {
                let check = &mut self.frame_check;
                check.admits_vp8(keys, self.source, timestamp, descriptor, payload)
            }
            None => FrameCheck::admits_sound(keys, self.source, payload),
        }
    }
}

/// More than come between two sendings, even after the network held them up.
const AUDIO_RING: usize = 256;
/// About two seconds of 720p at 2.5 Mbit/s.
const VIDEO_RING: usize = 512;
