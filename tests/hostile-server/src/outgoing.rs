//! The packets of one slot on their way out, and what is done to them.

use std::collections::VecDeque;

use sfu::rtp::header::Header;
use sfu::rtp::picture_id::Renumbering;
use sfu::rtp::sequence::ExtendedSequence;
use sfu::rtp::vp8::Descriptor;
use sfu::rtp::{Codec, Ssrc, Timestamp};
use sfu::srtp::ReceivedSource;

/// A synchronization source toward one participant.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    /// What opening the worker's packets remembers.
    pub(crate) source: ReceivedSource,
    /// Of the last packet; absent for retransmissions.
    codec: Option<Codec>,
    /// Packets put in less packets left out, added to the worker's numbers.
    shift: i64,
    last: Option<Packet>,
    history: VecDeque<Packet>,
    kept: Vec<Packet>,
    /// Frames to send in place of those that come.
    forged: VecDeque<Vec<u8>>,
    /// The frame whose packets are left out, a forged one having taken its place.
    left_out: Option<Timestamp>,
    altered: usize,
}

/// A packet without its protection.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) bytes: Vec<u8>,
    pub(crate) header_length: usize,
    pub(crate) ssrc: Ssrc,
    pub(crate) sequence: ExtendedSequence,
}

impl Outgoing {
    /// Takes the worker's next packet and gives the one to send for it, if
    /// one is sent.
    pub(crate) fn pass(
        &mut self,
        sequence: ExtendedSequence,
        codec: Option<Codec>,
        mut bytes: Vec<u8>,
    ) -> Option<Packet> {
        strip_padding(&mut bytes)?;
        let header = Header::parse(&bytes)?;
        self.codec = codec;
        let descriptor = self.descriptor(&bytes[header.length..]);
        if self.left_out == Some(header.timestamp) {
            self.shift -= 1;
            return None;
        }
        self.left_out = None;
        let starts = descriptor.is_none_or(|descriptor| descriptor.starts_frame);
        if starts && let Some(frame) = self.forged.pop_front() {
            let clear = descriptor.map_or(0, |descriptor| usize::from(descriptor.length));
            bytes.truncate(header.length + clear);
            bytes.extend_from_slice(&frame);
            if descriptor.is_some() {
                bytes[1] |= MARKER;
                self.left_out = Some(header.timestamp);
            }
            self.altered += 1;
        }
        let sequence = ExtendedSequence(sequence.0.wrapping_add_signed(self.shift));
        let packet = Packet::new(bytes, header.length, header.ssrc, sequence);
        self.last = Some(packet.clone());
        self.history.push_back(packet.clone());
        if self.history.len() > HISTORY {
            self.history.pop_front();
        }
        Some(packet)
    }

    /// Keeps what was sent last, for a replay: of a picture, all since the
    /// last key frame.
    pub(crate) fn keep(&mut self) -> usize {
        let key_frame = self.history.iter().rposition(|packet| {
            self.descriptor(packet.payload())
                .is_some_and(|descriptor| descriptor.starts_key_frame)
        });
        let from = key_frame.unwrap_or(self.history.len().saturating_sub(SOUND_KEPT));
        self.kept = self
            .history
            .range(from..)
            .take(PICTURES_KEPT)
            .cloned()
            .collect();
        self.kept.len()
    }

    /// Sends `frames` in place of those that come.
    pub(crate) fn forge(&mut self, frames: Vec<Vec<u8>>) {
        self.forged.extend(frames);
    }

    /// The packets that were kept, with numbers that follow all that was sent.
    pub(crate) fn replay(&mut self) -> Vec<Packet> {
        let Some(mut last) = self.last.clone() else {
            return Vec::new();
        };
        let mut packets = Vec::new();
        let mut former = None;
        let mut picture_id = self.picture_id(&last);
        let between = match self.codec {
            Some(Codec::Opus | Codec::Red) => SOUND_TICKS,
            _ => PICTURE_TICKS,
        };
        let kept = self.kept.clone();
        for packet in kept {
            let is_new = former != Some(packet.timestamp());
            former = Some(packet.timestamp());
            picture_id = picture_id.map(|id| id.wrapping_add(u16::from(is_new)));
            let ticks = if is_new { between } else { 0 };
            let timestamp = last.timestamp().advanced(ticks);
            last = self.renumbered(&packet, last.sequence.plus(1), timestamp, picture_id);
            self.shift += 1;
            self.altered += 1;
            packets.push(last.clone());
        }
        self.last = Some(last);
        packets
    }

    /// How many packets were put in or replaced so far, and how many wait.
    pub(crate) fn tally(&self) -> (usize, usize) {
        (self.altered, self.forged.len())
    }

    fn renumbered(
        &self,
        packet: &Packet,
        sequence: ExtendedSequence,
        timestamp: Timestamp,
        picture_id: Option<u16>,
    ) -> Packet {
        let header_length = packet.header_length;
        let mut renumbered =
            Packet::new(packet.bytes.clone(), header_length, packet.ssrc, sequence);
        renumbered.bytes[4..8].copy_from_slice(&timestamp.0.to_be_bytes());
        if let Some(descriptor) = self.descriptor(packet.payload())
            && let Some((wanted, present)) = picture_id.zip(descriptor.numbers.picture_id)
        {
            let renumbering = Renumbering {
                picture_id: wanted.wrapping_sub(present.value),
                ..Renumbering::default()
            };
            renumbering.apply(&descriptor.numbers, &mut renumbered.bytes[header_length..]);
        }
        renumbered
    }

    fn picture_id(&self, packet: &Packet) -> Option<u16> {
        let id = self.descriptor(packet.payload())?.numbers.picture_id?;
        Some(id.value)
    }

    /// What a picture's packet begins with.
    fn descriptor(&self, payload: &[u8]) -> Option<Descriptor> {
        (self.codec == Some(Codec::Vp8))
            .then(|| Descriptor::parse(payload))
            .flatten()
    }
}

impl Packet {
    fn new(
        mut bytes: Vec<u8>,
        header_length: usize,
        ssrc: Ssrc,
        sequence: ExtendedSequence,
    ) -> Self {
        bytes[2..4].copy_from_slice(&sequence.number().to_be_bytes());
        Self {
            bytes,
            header_length,
            ssrc,
            sequence,
        }
    }

    fn timestamp(&self) -> Timestamp {
        let bytes = self.bytes[4..8].try_into().expect("four bytes");
        Timestamp(u32::from_be_bytes(bytes))
    }

    fn payload(&self) -> &[u8] {
        &self.bytes[self.header_length..]
    }
}

/// Takes the padding off that evens a train out.
fn strip_padding(bytes: &mut Vec<u8>) -> Option<()> {
    let header = Header::parse(bytes)?;
    let end = header.length + header.payload(bytes)?.len();
    bytes.truncate(end);
    bytes[0] &= !PADDING;
    Some(())
}

const PADDING: u8 = 0x20;
const MARKER: u8 = 0x80;
/// Packets: more than ten seconds of any stream here.
const HISTORY: usize = 4_000;
/// Two seconds.
const SOUND_KEPT: usize = 100;
const PICTURES_KEPT: usize = 150;
/// 20 ms.
const SOUND_TICKS: u32 = 960;
/// 1 ms: later pictures must still be later.
const PICTURE_TICKS: u32 = 90;
