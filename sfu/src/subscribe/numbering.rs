//! The numbers and timestamps that a slot gives to the stream in it, so that
//! they go on from what it sent before.

use std::time::Instant;

use super::SequenceMap;
use super::place_window::PlaceWindow;
use crate::publish::{FramePart, Packet};
use crate::rtp::picture_id::{PictureId, Renumbering};
use crate::rtp::sequence::ExtendedSequence;
use crate::rtp::{Timestamp, clock_rate};

/// How far a slot's numbers have come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) highest: Option<ExtendedSequence>,
    /// How many numbers may still be left empty: each packet allows for one
    /// more. So a receiver that loses a few hundred packets is never more than
    /// about twice as many numbers behind, whatever the publisher's are, and
    /// its roll-over counter stays the same as ours.
    pub(super) spare: u16,
    pub(super) packets: u64,
    pub(super) octets: u64,
    newest: Option<(Instant, Timestamp)>,
    picture_id: u16,
    base_layer_index: u8,
    frame_number: u16,
}

impl Default for Sent {
    fn default() -> Self {
        Self {
            highest: None,
            spare: MOST_SPARE,
            packets: 0,
            octets: 0,
            newest: None,
            picture_id: 0,
            base_layer_index: 0,
            frame_number: 0,
        }
    }
}

/// From one stream's numbers to the slot's.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Mapping {
    /// Added to published timestamps, modulo 2^32.
    pub(super) timestamp: u32,
    renumbering: Renumbering,
    pub(super) sequence: SequenceMap,
    passed_over: PassedOver,
}

impl Sent {
    /// The mapping for a stream that starts with `packet`. `related` is what
    /// would be added to the stream's timestamps for them to be of the clock
    /// that the slot sent by, if that is known.
    pub(super) fn start(
        &self,
        now: Instant,
        packet: &Packet,
        frame: &FramePart,
        related: Option<u32>,
    ) -> Mapping {
        let sequence = match self.highest {
            Some(highest) => highest.plus(1),
            None => ExtendedSequence(FIRST_SEQUENCE),
        };
        Mapping {
            sequence: SequenceMap::starting(packet.sequence, sequence),
            timestamp: self
                .first_timestamp(now, packet, related)
                .since(packet.timestamp),
            renumbering: self.renumbering(packet, frame),
            passed_over: PassedOver::default(),
        }
    }

    /// Notes that a packet is sent with these numbers.
    pub(super) fn note(
        &mut self,
        at: (Instant, Timestamp),
        renumbering: Renumbering,
        packet: &Packet,
        frame: &FramePart,
        sequence: ExtendedSequence,
    ) {
        self.packets += 1;
        self.octets += u64::from(packet.payload_length);
        self.spare = (self.spare + 1).min(MOST_SPARE);
        if let Some(highest) = self.highest {
            if sequence <= highest {
                return;
            }
            let empty = u16::try_from(sequence.0 - highest.0 - 1).unwrap_or(u16::MAX);
            self.spare = self.spare.saturating_sub(empty);
        }
        self.highest = Some(sequence);
        self.newest = Some(at);
        if let Some(id) = packet.numbers.picture_id {
            self.picture_id = renumbering.renumbered(id);
        }
        if let Some((index, _)) = packet.numbers.base_layer_index {
            self.base_layer_index = index.wrapping_add(renumbering.base_layer_index);
        }
        if let Some(dependencies) = &frame.dependencies {
            self.frame_number = dependencies
                .frame_number
                .wrapping_add(renumbering.frame_number);
        }
    }

    /// The timestamp of the newest packet.
    pub(super) fn newest_timestamp(&self) -> Timestamp {
        self.newest
            .map_or_else(Timestamp::default, |(_, newest)| newest)
    }

    fn first_timestamp(&self, now: Instant, packet: &Packet, related: Option<u32>) -> Timestamp {
        let Some((then, newest)) = self.newest else {
            return packet.timestamp;
        };
        let rate = clock_rate(packet.codec.kind());
        let elapsed = now.saturating_duration_since(then).as_micros();
        let ticks = elapsed * u128::from(rate) / 1_000_000;
        let by_arrival = newest.advanced((ticks as u32).max(rate / LEAST_STEP));
        let Some(related) = related.map(|offset| packet.timestamp.advanced(offset)) else {
            return by_arrival;
        };
        if distance(by_arrival, related).unsigned_abs() > rate {
            return by_arrival;
        }
        // The picture may be one that the slot has shown of another layer.
        if distance(newest, related) > 0 {
            related
        } else {
            newest.advanced(1)
        }
    }

    fn renumbering(&self, packet: &Packet, frame: &FramePart) -> Renumbering {
        if self.highest.is_none() {
            return Renumbering::default();
        }
        let numbers = &packet.numbers;
        Renumbering {
            picture_id: numbers.picture_id.map_or(0, |id| {
                self.picture_id.wrapping_add(1).wrapping_sub(id.value)
            }),
            base_layer_index: numbers.base_layer_index.map_or(0, |(index, _)| {
                self.base_layer_index.wrapping_add(1).wrapping_sub(index)
            }),
            frame_number: frame.dependencies.as_ref().map_or(0, |of| {
                self.frame_number
                    .wrapping_add(1)
                    .wrapping_sub(of.frame_number)
            }),
        }
    }
}

impl Mapping {
    /// What a packet's picture and frame numbers become.
    pub(super) fn renumbering_of(&self, packet: &Packet) -> Renumbering {
        let mut renumbering = self.renumbering;
        if packet.numbers.picture_id.is_some() {
            let before = self.passed_over.before(packet.sequence);
            renumbering.picture_id = renumbering.picture_id.wrapping_sub(before);
        }
        renumbering
    }

    /// Passes over a packet: those after it close up. `starts_picture` says
    /// that its whole picture is passed over, which begins with it, unless
    /// [`Mapping::keep_picture`] is called for a later packet of it.
    pub(super) fn skip(&mut self, packet: &Packet, starts_picture: bool) {
        self.sequence.skip(packet.sequence);
        if starts_picture && let Some(id) = packet.numbers.picture_id {
            self.passed_over.push(id, packet.sequence);
        }
    }

    /// Takes note that an upper layer of a picture is sent, whose base may have
    /// been passed over.
    pub(super) fn keep_picture(&mut self, packet: &Packet) {
        if let Some(id) = packet.numbers.picture_id {
            self.passed_over.take_back(id);
        }
    }
}

/// The pictures of a stream that were not sent, so that the numbers of those
/// after them close up.
#[derive(Clone, Copy, Default, Debug)]
#[repr(C)]
struct PassedOver {
    count: u16,
    /// Where the last of them began, for the packets of pictures before that
    /// come late or are sent again.
    recent: PlaceWindow,
    /// The number of the last and where it began, unless it was taken back.
    last: Option<(u16, ExtendedSequence)>,
}

impl PassedOver {
    fn push(&mut self, id: PictureId, at: ExtendedSequence) {
        self.last = Some((id.value, at));
        self.recent.mark(at);
        self.count = self.count.wrapping_add(1);
    }

    /// Takes back the last, if it is this one.
    fn take_back(&mut self, id: PictureId) {
        if let Some((last, at)) = self.last
            && last == id.value
        {
            self.last = None;
            self.recent.clear(at);
            self.count = self.count.wrapping_sub(1);
        }
    }

    /// How many are before the packet at this place.
    fn before(&self, at: ExtendedSequence) -> u16 {
        let after = self.recent.count_after(at).unwrap_or_default();
        self.count.wrapping_sub(after as u16)
    }
}

/// Ticks from `from` to `to`, which may be before it.
fn distance(from: Timestamp, to: Timestamp) -> i32 {
    to.since(from).cast_signed()
}

/// As many packets as a video stream's ring holds: of a longer gap nothing can
/// be repaired.
const MOST_SPARE: u16 = 512;
/// Where a slot's numbers start. Receivers take the first packet's roll-over
/// counter for zero, so it is below the first wrap.
const FIRST_SEQUENCE: u64 = 1;
/// The least that a timestamp advances when another stream takes the slot is
/// this part of a second: about a packet of sound, or a picture.
const LEAST_STEP: u32 = 30;
