//! One slot of a receiver: the stream in it, and the numbers it has reached.

use std::time::{Duration, Instant};

use super::{RepairLog, SequenceMap};
use crate::identity::{MediaKind, ParticipantId, Source};
use crate::publish::{Packet, SenderReportReceived};
use crate::rtcp::SentFigures;
use crate::rtp::sequence::ExtendedSequence;
use crate::rtp::vp8::Renumbering;
use crate::rtp::{Codec, PayloadType, Ssrc, Timestamp};
use crate::worker::command::{CodecParameters, Slot};

/// What a slot sends, and what it has sent.
#[derive(Debug)]
pub struct SlotState {
    pub parameters: Slot,
    /// Who should be in the slot.
    pub wanted: Option<(ParticipantId, Source)>,
    /// The stream that is, by the worker's key.
    pub stream: Option<usize>,
    switch: Switch,
    sent: Sent,
    repair: RepairLog,
    last_wish: Option<Instant>,
}

/// A packet decided on, to be written when the batch is sent.
#[derive(Clone, Copy, Debug)]
pub struct Forward {
    /// The worker's key of the stream.
    pub stream: usize,
    /// The packet's place in the stream's ring.
    pub published: ExtendedSequence,
    pub sequence: ExtendedSequence,
    pub ssrc: Ssrc,
    pub payload_type: PayloadType,
    pub timestamp: Timestamp,
    pub renumbering: Renumbering,
    /// Bytes of payload.
    pub payload_length: u16,
    pub audio_level: Option<u8>,
    /// Whether RTP padding may even out its length.
    pub can_pad: bool,
    /// For a retransmission, the sequence number it was first sent with
    /// (RFC 4588 §4).
    pub original: Option<u16>,
}

#[derive(Clone, Copy, Debug)]
enum Switch {
    /// Nothing of the present stream was sent yet.
    Pending,
    Running(Mapping),
}

#[derive(Clone, Copy, Debug)]
struct Mapping {
    sequence: SequenceMap,
    /// Added to published timestamps, modulo 2^32.
    timestamp: u32,
    renumbering: Renumbering,
}

#[derive(Clone, Copy, Default, Debug)]
struct Sent {
    highest: Option<ExtendedSequence>,
    newest: Option<(Instant, Timestamp)>,
    picture_id: u16,
    base_layer_index: u8,
    packets: u64,
    octets: u64,
}

impl SlotState {
    pub fn new(parameters: Slot) -> Self {
        Self {
            parameters,
            wanted: None,
            stream: None,
            switch: Switch::Pending,
            sent: Sent::default(),
            repair: RepairLog::default(),
            last_wish: None,
        }
    }

    /// The kind of media that may be put into the slot.
    pub fn kind(&self) -> MediaKind {
        self.parameters.kind
    }

    /// Puts `stream` into the slot, or nothing.
    pub fn bind(&mut self, stream: Option<usize>) {
        self.stream = stream;
        self.switch = Switch::Pending;
        self.last_wish = None;
    }

    /// Takes the receiver's wish for a key frame. `false` if it wished for one
    /// a moment ago: a receiver that is never pleased must not spoil the
    /// picture for all others.
    pub fn wish(&mut self, now: Instant) -> bool {
        let is_due = self
            .last_wish
            .is_none_or(|at| now.saturating_duration_since(at) >= BETWEEN_WISHES);
        if is_due {
            self.last_wish = Some(now);
        }
        is_due
    }

    /// Whether the slot can go on only with a key frame.
    pub fn awaits_key_frame(&self) -> bool {
        self.stream.is_some() && matches!(self.switch, Switch::Pending)
    }

    /// Decides on a packet of the bound stream: `None` if it is not sent.
    pub fn forward(&mut self, now: Instant, codec: Codec, packet: &Packet) -> Option<Forward> {
        let stream = self.stream?;
        let payload_type = self.codec(codec)?.payload_type;
        if packet.payload_length == 0 {
            self.absorb(packet);
            return None;
        }
        let mapping = match self.switch {
            Switch::Running(mapping) if !self.leaps(&mapping, packet) => mapping,
            Switch::Running(_) | Switch::Pending if can_start(codec, packet) => {
                let mapping = self.start(now, codec, packet);
                self.switch = Switch::Running(mapping);
                mapping
            }
            Switch::Running(_) | Switch::Pending => {
                self.switch = Switch::Pending;
                return None;
            }
        };
        let sequence = mapping.sequence.sent(packet.sequence)?;
        let timestamp = packet.timestamp.advanced(mapping.timestamp);
        self.note(now, &mapping, packet, sequence, timestamp);
        Some(Forward {
            stream,
            published: packet.sequence,
            sequence,
            ssrc: self.parameters.ssrc,
            payload_type,
            timestamp,
            renumbering: mapping.renumbering,
            payload_length: packet.payload_length,
            audio_level: packet.audio_level,
            can_pad: packet.vp8.is_some(),
            original: None,
        })
    }

    /// Decides on a packet that its receiver misses, by the number it was sent
    /// with. `None` if it cannot or need not be sent again: it was never sent,
    /// the peer takes no retransmissions, or one is on its way. `get` finds
    /// the published packet.
    pub fn repair(
        &mut self,
        now: Instant,
        codec: Codec,
        number: u16,
        round_trip: Duration,
        get: impl FnOnce(ExtendedSequence) -> Option<Packet>,
    ) -> Option<Forward> {
        let stream = self.stream?;
        let Switch::Running(mapping) = self.switch else {
            return None;
        };
        let ssrc = self.parameters.rtx_ssrc?;
        let payload_type = self.codec(codec)?.rtx?;
        let sent = self.sent.highest?.nearest(number);
        if sent > self.sent.highest? {
            return None;
        }
        let packet = get(mapping.sequence.published(sent)?)?;
        if !self.repair.start(now, sent, round_trip) {
            return None;
        }
        Some(Forward {
            stream,
            published: packet.sequence,
            sequence: self.repair.next_sequence(),
            ssrc,
            payload_type,
            timestamp: packet.timestamp.advanced(mapping.timestamp),
            renumbering: mapping.renumbering,
            payload_length: packet.payload_length,
            audio_level: packet.audio_level,
            can_pad: packet.vp8.is_some(),
            original: Some(sent.number()),
        })
    }

    /// The figures for a sender report at `now`, which `ntp` shows as wall
    /// clock time. `theirs` is the publisher's last report, and
    /// `clock_difference` what turns the publisher's wall clock into ours,
    /// modulo 2^64.
    pub fn report(
        &self,
        codec: Codec,
        ntp: u64,
        theirs: SenderReportReceived,
        clock_difference: u64,
    ) -> Option<SentFigures> {
        let Switch::Running(mapping) = self.switch else {
            return None;
        };
        let then = theirs.ntp.wrapping_add(clock_difference);
        let elapsed = ntp.wrapping_sub(then).cast_signed();
        let ticks = (i128::from(elapsed) * i128::from(codec.clock_rate())) >> 32;
        Some(SentFigures {
            ssrc: self.parameters.ssrc,
            ntp,
            timestamp: theirs
                .timestamp
                .advanced(mapping.timestamp)
                .advanced(ticks as u32),
            packets: self.sent.packets,
            octets: self.sent.octets,
        })
    }

    fn codec(&self, codec: Codec) -> Option<&CodecParameters> {
        let mut codecs = self.parameters.codecs.iter();
        codecs.find(|parameters| parameters.codec == codec)
    }

    /// Whether a packet's number is so far ahead that the stream starts anew:
    /// passed on, a few such leaps with a loss between them would part the
    /// receiver's roll-over counter from ours for good.
    fn leaps(&self, mapping: &Mapping, packet: &Packet) -> bool {
        let ahead = mapping
            .sequence
            .sent(packet.sequence)
            .zip(self.sent.highest);
        ahead.is_some_and(|(place, highest)| place > highest.plus(LONGEST_LEAP))
    }

    /// Passes over a packet that carries nothing but a publisher's probing.
    fn absorb(&mut self, packet: &Packet) {
        if let Switch::Running(mapping) = &mut self.switch
            && let Some(place) = mapping.sequence.sent(packet.sequence)
            && self.sent.highest.is_none_or(|highest| place > highest)
        {
            mapping.sequence.skip(packet.sequence);
        }
    }

    fn start(&self, now: Instant, codec: Codec, packet: &Packet) -> Mapping {
        let sequence = match self.sent.highest {
            Some(highest) => highest.plus(1),
            None => ExtendedSequence(FIRST_SEQUENCE),
        };
        let timestamp = match self.sent.newest {
            Some((then, newest)) => {
                let elapsed = now.saturating_duration_since(then).as_micros();
                let ticks = elapsed * u128::from(codec.clock_rate()) / 1_000_000;
                newest.advanced((ticks as u32).max(least_step(codec)))
            }
            None => packet.timestamp,
        };
        let renumbering = match packet.vp8 {
            Some(descriptor) if self.sent.highest.is_some() => Renumbering {
                picture_id: descriptor.picture_id.map_or(0, |id| {
                    self.sent.picture_id.wrapping_add(1).wrapping_sub(id.value)
                }),
                base_layer_index: descriptor.base_layer_index.map_or(0, |(index, _)| {
                    self.sent
                        .base_layer_index
                        .wrapping_add(1)
                        .wrapping_sub(index)
                }),
            },
            _ => Renumbering::default(),
        };
        Mapping {
            sequence: SequenceMap::starting(packet.sequence, sequence),
            timestamp: timestamp.since(packet.timestamp),
            renumbering,
        }
    }

    fn note(
        &mut self,
        now: Instant,
        mapping: &Mapping,
        packet: &Packet,
        sequence: ExtendedSequence,
        timestamp: Timestamp,
    ) {
        self.sent.packets += 1;
        self.sent.octets += u64::from(packet.payload_length);
        if self.sent.highest.is_some_and(|highest| sequence <= highest) {
            return;
        }
        self.sent.highest = Some(sequence);
        self.sent.newest = Some((now, timestamp));
        if let Some(descriptor) = packet.vp8 {
            if let Some(id) = descriptor.picture_id {
                self.sent.picture_id = mapping.renumbering.renumbered(id);
            }
            if let Some((index, _)) = descriptor.base_layer_index {
                self.sent.base_layer_index =
                    index.wrapping_add(mapping.renumbering.base_layer_index);
            }
        }
    }
}

fn can_start(codec: Codec, packet: &Packet) -> bool {
    match codec {
        Codec::Opus => true,
        Codec::Vp8 => packet
            .vp8
            .is_some_and(|descriptor| descriptor.starts_key_frame),
    }
}

/// The least a timestamp advances when another stream takes the slot: one
/// packet of audio, one picture at 30 a second.
fn least_step(codec: Codec) -> u32 {
    match codec {
        Codec::Opus => 960,
        Codec::Vp8 => 3000,
    }
}

/// Longer than a key frame takes to be asked for, sent and repaired. Browsers
/// repeat a wish that stays unanswered.
const BETWEEN_WISHES: Duration = Duration::from_secs(1);
/// As many packets as a video stream's ring holds: of a longer gap nothing can
/// be repaired.
const LONGEST_LEAP: u64 = 512;
/// Where a slot's numbers start. Receivers take the first packet's roll-over
/// counter for zero, so it is below the first wrap.
const FIRST_SEQUENCE: u64 = 1;
