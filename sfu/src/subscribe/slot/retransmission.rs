//! What a slot sends again, and again of nothing (RFC 4588).

use std::time::{Duration, Instant};

use super::{Forward, SlotState, Switch, is_last};
use crate::identity::MediaKind;
use crate::publish::Packet;
use crate::rtp::sequence::ExtendedSequence;
use crate::rtp::{PayloadType, Ssrc, Timestamp};

/// A packet of nothing but padding, to measure a path by.
#[derive(Clone, Copy, Debug)]
pub struct Padding {
    pub ssrc: Ssrc,
    pub payload_type: PayloadType,
    pub sequence: ExtendedSequence,
    pub timestamp: Timestamp,
}

impl SlotState {
    /// Decides on a packet that its receiver misses, by the number it was sent
    /// with. `None` if it cannot or need not be sent again: it was never sent,
    /// the peer takes no retransmissions, or one is on its way. `get` finds
    /// the published packet.
    pub fn repair(
        &mut self,
        now: Instant,
        number: u16,
        round_trip: Duration,
        get: impl FnOnce(ExtendedSequence) -> Option<Packet>,
    ) -> Option<Forward> {
        let stream = self.stream?;
        let Switch::Running(mapping, selection) = &self.switch else {
            return None;
        };
        let ssrc = self.parameters.rtx_ssrc?;
        let sent = self.sent.highest?.nearest(number);
        if sent > self.sent.highest? {
            return None;
        }
        let packet = get(mapping.sequence.published(sent)?)?;
        let payload_type = self.codec(packet.codec)?.rtx?;
        if packet.codec != selection.codec() || !self.repair.start(now, sent, round_trip) {
            return None;
        }
        Some(Forward {
            stream,
            published: packet.sequence,
            sequence: self.repair.next_sequence(),
            ssrc,
            payload_type,
            timestamp: packet.timestamp.advanced(mapping.timestamp),
            marker: is_last(&packet, selection),
            renumbering: mapping.renumbering_of(&packet),
            payload_length: packet.payload_length,
            descriptor_length: self.descriptor_length(&packet),
            audio_level: packet.audio_level,
            can_pad: packet.codec.kind() == MediaKind::Video,
            is_single: false,
            original: Some(sent.number()),
        })
    }

    /// The same retransmission once more.
    pub fn repeat(&mut self, repair: Forward) -> Forward {
        Forward {
            sequence: self.repair.next_sequence(),
            ..repair
        }
    }

    /// Whether [`SlotState::padding`] gives something.
    pub fn can_pad(&self) -> bool {
        self.parameters.rtx_ssrc.is_some() && self.padding_type().is_some()
    }

    /// The next retransmission of nothing: receivers know of them and take no
    /// notice.
    pub fn padding(&mut self) -> Option<Padding> {
        Some(Padding {
            ssrc: self.parameters.rtx_ssrc?,
            payload_type: self.padding_type()?,
            sequence: self.repair.next_sequence(),
            timestamp: self.sent.newest_timestamp(),
        })
    }

    fn padding_type(&self) -> Option<PayloadType> {
        self.parameters.codecs.iter().find_map(|codec| codec.rtx)
    }
}
