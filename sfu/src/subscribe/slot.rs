//! One slot of a receiver: the stream in it, and the numbers it has reached.

mod retransmission;

use std::time::{Duration, Instant};

use super::allocation::{Ladder, Shown};
use super::numbering::{Mapping, Sent};
use super::wishes::Wishes;
use super::{RepairLog, Selection};
use crate::identity::{MediaKind, ParticipantId, Source};
use crate::publish::{FramePart, Packet, SenderReportReceived};
use crate::rtcp::SentFigures;
use crate::rtp::dependency_descriptor::Structure;
use crate::rtp::picture_id::Renumbering;
use crate::rtp::sequence::ExtendedSequence;
use crate::rtp::{Codec, Layer, PayloadType, Ssrc, Timestamp, clock_rate};
use crate::worker::command::{CodecParameters, Slot};

pub use retransmission::Padding;

/// What a slot sends, and what it has sent. What each packet needs comes
/// first, in as few lines of the processor's cache as can be: with hundreds of
/// receivers, fetching these is most of what forwarding costs.
#[derive(Debug)]
#[repr(C)]
pub struct SlotState {
    /// The stream that is in the slot, by the worker's key.
    stream: Option<usize>,
    /// Another layer of the same source, which takes over at a key frame.
    next: Option<Next>,
    /// The payload type of the codec that was sent last.
    format: Option<(Codec, PayloadType)>,
    /// The highest layers within a stream, by what is wanted and how it is shown.
    admitted: Layer,
    sent: Sent,
    switch: Switch,
    pub parameters: Slot,
    /// Who should be in the slot.
    pub wanted: Option<(ParticipantId, Source)>,
    /// The highest layers the receiver wants.
    pub limit: Layer,
    /// How it is shown; none hides it.
    pub shown: Option<Shown>,
    pub ladder: Ladder,
    /// What the receiver's path allows.
    pub allowed: Allowed,
    /// That is all there is.
    pub takes_all: bool,
    /// What its receiver last said is lost of it, in 1/256, and when.
    pub reported_loss: Option<(Instant, u8)>,
    /// The receiver was told that it is not sent.
    pub is_paused: bool,
    repair: RepairLog,
    wishes: Wishes,
    /// Reports sent on what is in the slot, up to [`REPORTS_KEPT`].
    reports: u8,
    /// When the last was sent on the slot.
    reported_at: Option<Instant>,
}

/// How far the numbers of a slot's sources have come. Its keys last as long as
/// the stay does: should the slot come back after it was given up, a number
/// that was used before would give away the key stream (RFC 7714 §10).
#[derive(Clone, Copy, Debug)]
pub struct SlotNumbers {
    sent: Sent,
    repairs: u64,
}

/// What of a source a receiver's path allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Allowed {
    /// Whatever comes.
    All,
    /// This one of its simulcast layers and those below.
    UpTo(u8),
    /// Of this one the parts up to a layer of its own.
    Part(u8, Layer),
    Nothing,
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
    pub marker: bool,
    pub renumbering: Renumbering,
    /// Bytes of payload.
    pub payload_length: u16,
    pub audio_level: Option<u8>,
    /// Whether RTP padding may even out its length.
    pub can_pad: bool,
    /// Whether it is sound that carries nothing of the packets before it.
    pub is_single: bool,
    /// Bytes of the Dependency Descriptor; 0 if it is not sent.
    pub descriptor_length: u8,
    /// For a retransmission, the sequence number it was first sent with
    /// (RFC 4588 §4).
    pub original: Option<u16>,
}

/// What becomes of a packet at a slot.
#[derive(Clone, Copy, Debug)]
pub struct Decision {
    /// It is sent.
    pub forward: Option<Forward>,
    /// The slot cannot go on, or go up, without a key frame of its stream.
    pub needs_key_frame: bool,
    /// With this packet the slot has left another stream.
    pub left: Option<usize>,
}

/// A packet, and all that is known of its stream.
#[derive(Clone, Copy, Debug)]
pub struct Offered<'a> {
    /// The worker's key of its stream.
    pub stream: usize,
    pub packet: &'a Packet,
    pub frame: &'a FramePart,
    /// The stream's structure, with a bit for each decode target in use.
    pub structure: Option<(&'a Structure, u32)>,
}

#[derive(Clone, Copy, Debug)]
struct Next {
    stream: usize,
    /// It is a lower layer: this is when the present one stops regardless.
    deadline: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "almost every slot with a stream is running"
)]
enum Switch {
    /// Nothing of the present stream was sent yet.
    Pending,
    Running(Mapping, Selection),
}

impl SlotState {
    pub fn new(parameters: Slot) -> Self {
        Self {
            stream: None,
            next: None,
            format: None,
            limit: NO_LIMIT,
            sent: Sent::default(),
            switch: Switch::Pending,
            parameters,
            wanted: None,
            shown: Some(Shown::default()),
            admitted: NO_LIMIT,
            ladder: Ladder::default(),
            allowed: Allowed::All,
            takes_all: true,
            reported_loss: None,
            is_paused: false,
            repair: RepairLog::default(),
            wishes: Wishes::default(),
            reports: 0,
            reported_at: None,
        }
    }

    /// How far the numbers of its sources have come.
    pub fn numbers(&self) -> SlotNumbers {
        SlotNumbers {
            sent: self.sent,
            repairs: self.repair.sent(),
        }
    }

    /// A slot whose sources have sent before.
    pub fn resumed(parameters: Slot, numbers: SlotNumbers) -> Self {
        Self {
            sent: numbers.sent,
            repair: RepairLog::after(numbers.repairs),
            ..Self::new(parameters)
        }
    }

    /// Follows a change of what is wanted in the slot or allowed, or of how it
    /// is shown.
    pub fn update_admitted(&mut self) {
        let is_camera = matches!(self.wanted, Some((_, Source::Camera)));
        let of_size = self.shown.filter(|_| is_camera).map(Shown::highest_layer);
        let part = match self.allowed {
            Allowed::Part(_, highest) => highest,
            Allowed::All | Allowed::UpTo(_) | Allowed::Nothing => NO_LIMIT,
        };
        let spatial = of_size.map_or(part.spatial, |of_size| part.spatial.min(of_size));
        let admitted = Layer {
            spatial: self.limit.spatial.min(spatial),
            temporal: self.limit.temporal.min(part.temporal),
        };
        if std::mem::replace(&mut self.admitted, admitted) != admitted {
            self.wishes.begin_anew();
        }
    }

    /// Takes the parameters of another offer for the same slot.
    pub fn renegotiate(&mut self, parameters: Slot) {
        self.parameters = parameters;
        self.format = None;
    }

    /// The kind of media that may be put into the slot.
    pub fn kind(&self) -> MediaKind {
        self.parameters.kind
    }

    /// The stream in the slot.
    pub fn stream(&self) -> Option<usize> {
        self.stream
    }

    /// The stream that is to take over.
    pub fn next(&self) -> Option<usize> {
        self.next.map(|next| next.stream)
    }

    /// Puts `stream` into the slot, or nothing.
    pub fn bind(&mut self, stream: Option<usize>) {
        if self.stream != stream {
            self.stream = stream;
            self.switch = Switch::Pending;
            self.wishes.begin_anew();
        }
        self.next = None;
    }

    /// Takes out a stream that has ended.
    pub fn lose(&mut self, stream: usize) {
        if self.stream == Some(stream) {
            self.bind(self.next());
        } else if self.next() == Some(stream) {
            self.next = None;
        }
    }

    /// Lets another layer of the same source take over as soon as it can. The
    /// present one goes on until then, but no longer than a moment if it is to
    /// go down.
    pub fn switch_to(&mut self, now: Instant, stream: usize, is_lower: bool) {
        if self.next() != Some(stream) {
            self.wishes.begin_anew();
            self.next = Some(Next {
                stream,
                deadline: is_lower.then_some(now + LONGEST_DESCENT),
            });
        }
    }

    /// Whether something of the present stream was sent, and more can follow.
    pub fn is_running(&self) -> bool {
        matches!(self.switch, Switch::Running(..))
    }

    /// Whether the present layer has had its time, and the next must take over
    /// even if it leaves a gap.
    pub fn is_overdue(&self, now: Instant) -> bool {
        let deadline = self.next.and_then(|next| next.deadline);
        deadline.is_some_and(|at| now >= at)
    }

    /// Lets the next stream take over at once, though nothing can be sent of it
    /// before a key frame.
    pub fn drop_to_next(&mut self) {
        // It has been wished for.
        let wishes = self.wishes;
        self.bind(self.next());
        self.wishes = wishes;
    }

    /// Whether nothing can be sent of a stream before a key frame comes.
    pub fn waits_for(&self, stream: usize) -> bool {
        self.next() == Some(stream) || (self.stream == Some(stream) && !self.is_running())
    }

    /// Takes the wish for a key frame, the receiver's or that of what it is now
    /// to be sent. `false` if it may not wish yet.
    pub fn wish(&mut self, now: Instant) -> bool {
        self.wishes.take(now)
    }

    /// When a wish for a key frame is granted again.
    pub fn next_wish(&self) -> Option<Instant> {
        self.wishes.next()
    }

    /// Whether it was last sent sound that carries nothing of the packets
    /// before it.
    pub fn is_single(&self) -> bool {
        matches!(self.format, Some((codec, _)) if is_single(codec))
    }

    /// Decides on a packet of the stream in the slot, or of the next. `relate`
    /// gives what turns the timestamps of the second stream into those of the
    /// first, modulo 2^32, if that is known.
    pub fn forward(
        &mut self,
        now: Instant,
        offered: &Offered,
        relate: impl FnOnce(usize, usize) -> Option<u32>,
    ) -> Decision {
        let Offered {
            stream,
            packet,
            frame,
            ..
        } = *offered;
        let mut decision = Decision {
            forward: None,
            needs_key_frame: false,
            left: None,
        };
        let Some(payload_type) = self.payload_type(packet.codec) else {
            if packet.codec.kind() == MediaKind::Audio && self.stream == Some(stream) {
                // Withheld on purpose: to the receiver it shall not look lost.
                self.absorb(packet);
            }
            return decision;
        };
        let mut related = None;
        if self.next() == Some(stream) {
            if !can_start(packet, frame) {
                decision.needs_key_frame = packet.payload_length > 0;
                return decision;
            }
            decision.left = self.stream;
            if let (Some(before), Switch::Running(mapping, _)) = (self.stream, &self.switch) {
                related = relate(before, stream).map(|of| of.wrapping_add(mapping.timestamp));
            }
            self.bind(Some(stream));
        } else if self.stream != Some(stream) {
            return decision;
        }
        if packet.payload_length == 0 {
            self.absorb(packet);
            return decision;
        }
        if self.breaks(packet) {
            if !can_start(packet, frame) {
                // The last packets of the codec before may come late.
                if !self.is_behind(packet) {
                    self.switch = Switch::Pending;
                    decision.needs_key_frame = true;
                }
                return decision;
            }
            let mapping = self.sent.start(now, packet, frame, related);
            self.switch = Switch::Running(mapping, Selection::new(packet.codec));
            self.reports = 0;
        }
        let descriptor_length = self.descriptor_length(packet);
        let Switch::Running(mapping, selection) = &mut self.switch else {
            return decision;
        };
        let verdict = selection.admit(self.admitted, packet.sequence, frame, offered.structure);
        decision.needs_key_frame = verdict.needs_key_frame;
        let Some(sequence) = mapping.sequence.sent(packet.sequence) else {
            return decision;
        };
        if !verdict.is_sent {
            if self.sent.highest.is_none_or(|highest| sequence > highest) {
                mapping.skip(packet, frame.starts_frame && frame.layer.spatial == 0);
            }
            return decision;
        }
        if frame.layer.spatial > 0 {
            mapping.keep_picture(packet);
        }
        let renumbering = mapping.renumbering_of(packet);
        let timestamp = packet.timestamp.advanced(mapping.timestamp);
        self.sent
            .note((now, timestamp), renumbering, packet, frame, sequence);
        decision.forward = Some(Forward {
            stream,
            published: packet.sequence,
            sequence,
            ssrc: self.parameters.ssrc,
            payload_type,
            timestamp,
            marker: is_last(packet, selection),
            renumbering,
            payload_length: packet.payload_length,
            descriptor_length,
            audio_level: packet.audio_level,
            can_pad: packet.codec.kind() == MediaKind::Video,
            is_single: is_single(packet.codec),
            original: None,
        });
        decision
    }

    /// Passes over a packet of sound that is not to be sent.
    pub fn withhold(&mut self, stream: usize, packet: &Packet) {
        if self.stream == Some(stream) {
            self.absorb(packet);
        }
    }

    /// The figures for a sender report at `now`, which `ntp` shows as wall
    /// clock time. `theirs` is the publisher's last report, and
    /// `clock_difference` what turns the publisher's wall clock into ours,
    /// modulo 2^64.
    pub fn report(
        &self,
        ntp: u64,
        theirs: SenderReportReceived,
        clock_difference: u64,
    ) -> Option<SentFigures> {
        let Switch::Running(mapping, _) = &self.switch else {
            return None;
        };
        let then = theirs.ntp.wrapping_add(clock_difference);
        let elapsed = ntp.wrapping_sub(then).cast_signed();
        let ticks = (i128::from(elapsed) * i128::from(clock_rate(self.kind()))) >> 32;
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

    /// Whether the receiver may still go by reports on what was in the slot
    /// before, or has too few.
    pub fn is_new_to_receiver(&self) -> bool {
        self.reports < REPORTS_KEPT
    }

    /// When the last report on the slot was sent.
    pub fn reported_at(&self) -> Option<Instant> {
        self.reported_at
    }

    /// A report on what is in the slot was sent.
    pub fn note_report(&mut self, now: Instant) {
        self.reported_at = Some(now);
        self.reports = self.reports.saturating_add(1).min(REPORTS_KEPT);
    }

    fn descriptor_length(&self, packet: &Packet) -> u8 {
        if self.parameters.dependency_descriptor {
            packet.descriptor_length
        } else {
            0
        }
    }

    fn payload_type(&mut self, codec: Codec) -> Option<PayloadType> {
        if let Some((of, payload_type)) = self.format
            && of == codec
        {
            return Some(payload_type);
        }
        let payload_type = self.codec(codec)?.payload_type;
        self.format = Some((codec, payload_type));
        Some(payload_type)
    }

    fn codec(&self, codec: Codec) -> Option<&CodecParameters> {
        let mut codecs = self.parameters.codecs.iter();
        codecs.find(|parameters| parameters.codec == codec)
    }

    /// Whether a packet does not go on with what was sent of its stream:
    /// nothing was, its codec is another one, or its number is so far ahead
    /// that the stream starts anew. Passed on, such leaps with a loss between
    /// them would part the receiver's roll-over counter from ours for good.
    fn breaks(&self, packet: &Packet) -> bool {
        let Switch::Running(mapping, selection) = &self.switch else {
            return true;
        };
        if selection.codec() != packet.codec && packet.codec.kind() == MediaKind::Video {
            return true;
        }
        let ahead = mapping
            .sequence
            .sent(packet.sequence)
            .zip(self.sent.highest);
        ahead.is_some_and(|(place, highest)| place.0 > highest.0 + 1 + u64::from(self.sent.spare))
    }

    /// Whether the packet is older than the newest sent of its stream.
    fn is_behind(&self, packet: &Packet) -> bool {
        let Switch::Running(mapping, _) = &self.switch else {
            return false;
        };
        let place = mapping.sequence.sent(packet.sequence);
        place.is_none_or(|place| self.sent.highest.is_some_and(|highest| place < highest))
    }

    /// Passes over a packet without a gap: a publisher's probing, or sound that
    /// is withheld.
    fn absorb(&mut self, packet: &Packet) {
        if let Switch::Running(mapping, _) = &mut self.switch
            && let Some(place) = mapping.sequence.sent(packet.sequence)
            && self.sent.highest.is_none_or(|highest| place > highest)
        {
            mapping.skip(packet, false);
        }
    }
}

/// Whether nothing of a packet is in the next (RFC 2198).
fn is_single(codec: Codec) -> bool {
    codec == Codec::Opus
}

fn can_start(packet: &Packet, frame: &FramePart) -> bool {
    packet.payload_length > 0 && frame.starts_key_frame
}

/// Whether the packet is the last of its picture, as far as that is sent.
fn is_last(packet: &Packet, selection: &Selection) -> bool {
    packet.marker || packet.ends_layer == Some(selection.top())
}

/// Everything a publisher sends.
pub const NO_LIMIT: Layer = Layer {
    spatial: u8::MAX,
    temporal: u8::MAX,
};

/// How long an upper layer goes on until a lower one's key frame has come:
/// about a round trip and an encoder's time.
const LONGEST_DESCENT: Duration = Duration::from_millis(250);
/// Browsers fit the clocks of a stream to as many of its reports.
const REPORTS_KEPT: u8 = 20;
