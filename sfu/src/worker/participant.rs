//! What a worker keeps of one participant.

use std::time::Instant;

use slab::Slab;

use super::batch::TransmitBatch;
use super::command::Publication;
use super::repair::Repair;
use super::statistics::Statistics;
use crate::identity::{ParticipantId, RoomId, SlotId};
use crate::publish::{ExpectedKeys, Kept, Stream};
use crate::rtcp::ArrivalRecorder;
use crate::rtp::dependency_descriptor::DependencyDescriptor;
use crate::rtp::extensions::{
    ExtensionIds, SINGLE_BYTE_ELEMENT_LENGTH, element_length, single_byte_element, write_element,
};
use crate::rtp::header::{FIXED_LENGTH, Outgoing};
use crate::rtp::{Codec, PayloadType, Ssrc};
use crate::srtp::{ReceivedSource, Session};
use crate::subscribe::{Forward, Segment, SlotState, runs};
use crate::transport::{DtlsTransport, IceLite, Path};

#[derive(Debug)]
pub(super) struct Participant {
    pub(super) id: ParticipantId,
    pub(super) room: RoomId,
    pub(super) ice: IceLite,
    pub(super) dtls: DtlsTransport,
    pub(super) srtp: Option<Box<Session>>,
    /// Paths that authentic checks came over, oldest first.
    pub(super) paths: Vec<Path>,
    pub(super) extensions: ExtensionIds,
    pub(super) publications: Vec<Publication>,
    /// What this participant's frames must be encrypted with.
    pub(super) expected_keys: ExpectedKeys,
    /// What this participant sends.
    pub(super) inbound: Vec<Inbound>,
    /// Sources whose streams are gone. Their keys are not: should one come
    /// back, its roll-over counter goes on, and nothing may be replayed.
    pub(super) retired: Vec<(Ssrc, ReceivedSource)>,
    pub(super) slots: Vec<SlotState>,
    pub(super) arrivals: ArrivalRecorder,
    pub(super) last_feedback: Instant,
    pub(super) last_report: Instant,
    /// Our wall clock less this participant's, as NTP timestamps modulo 2^64,
    /// by its sender reports; the way here is part of it.
    pub(super) clock_difference: Option<u64>,
    pub(super) repair: Repair,
    forwards: Vec<Forward>,
    segments: Vec<Segment>,
}

/// A synchronization source of a participant.
#[derive(Debug)]
pub(super) struct Inbound {
    pub(super) ssrc: Ssrc,
    /// The worker's key of the stream it belongs to.
    pub(super) stream: usize,
    /// It carries the stream's retransmissions (RFC 4588).
    pub(super) is_repair: bool,
    pub(super) srtp: ReceivedSource,
}

impl Participant {
    pub(super) fn new(
        now: Instant,
        id: ParticipantId,
        room: RoomId,
        ice: IceLite,
        dtls: DtlsTransport,
    ) -> Self {
        Self {
            id,
            room,
            ice,
            dtls,
            srtp: None,
            paths: Vec::new(),
            extensions: ExtensionIds::default(),
            publications: Vec::new(),
            expected_keys: ExpectedKeys::default(),
            inbound: Vec::new(),
            retired: Vec::new(),
            slots: Vec::new(),
            arrivals: ArrivalRecorder::new(now),
            last_feedback: now,
            last_report: now,
            clock_difference: None,
            repair: Repair::new(now),
            forwards: Vec::new(),
            segments: Vec::new(),
        }
    }

    /// Queues a packet to be written by [`Participant::write_forwards`].
    /// Gives whether it is the first since that was last done.
    pub(super) fn queue(&mut self, forward: Forward) -> bool {
        let is_first = self.forwards.is_empty();
        self.forwards.push(forward);
        is_first
    }

    pub(super) fn forget_forwards_of(&mut self, stream: usize) {
        self.forwards.retain(|forward| forward.stream != stream);
    }

    pub(super) fn slot_index(&self, slot: SlotId) -> Option<usize> {
        self.slots
            .iter()
            .position(|state| state.parameters.slot == slot)
    }

    /// The worker's key of the stream that `ssrc` is the source of.
    pub(super) fn stream_of(&self, ssrc: Ssrc) -> Option<usize> {
        let mut inbound = self.inbound.iter();
        inbound
            .find(|inbound| inbound.ssrc == ssrc && !inbound.is_repair)
            .map(|inbound| inbound.stream)
    }

    /// The worker's keys of the streams this participant sends.
    pub(super) fn streams(&self) -> impl Iterator<Item = usize> + '_ {
        let media = self.inbound.iter().filter(|inbound| !inbound.is_repair);
        media.map(|inbound| inbound.stream)
    }

    /// Forgets a stream's sources, but for what guards them from replay.
    pub(super) fn retire(&mut self, stream: usize) {
        let gone = self
            .inbound
            .extract_if(.., |inbound| inbound.stream == stream);
        self.retired
            .extend(gone.map(|inbound| (inbound.ssrc, inbound.srtp)));
        let excess = self.retired.len().saturating_sub(MOST_RETIRED);
        self.retired.drain(..excess);
    }

    /// The codec of a payload type that was negotiated for what a stream's
    /// source sends, or for its retransmissions.
    pub(super) fn codec(
        &self,
        stream: &Stream,
        payload_type: PayloadType,
        is_repair: bool,
    ) -> Option<Codec> {
        let mut publications = self.publications.iter();
        let publication = publications.find(|publication| publication.source == stream.source)?;
        let mut codecs = publication.codecs.iter();
        let of = codecs.find(|of| {
            let expected = if is_repair {
                of.rtx
            } else {
                Some(of.payload_type)
            };
            expected == Some(payload_type)
        })?;
        Some(of.codec)
    }

    /// Whether the source of a stream's retransmissions is known.
    pub(super) fn has_repair(&self, stream: usize) -> bool {
        let mut inbound = self.inbound.iter();
        inbound.any(|inbound| inbound.stream == stream && inbound.is_repair)
    }

    /// The source that a payload type and a synchronization source or MID
    /// belong to, with the payload type's codec.
    pub(super) fn publication(
        &self,
        ssrc: Ssrc,
        mid: Option<&[u8]>,
        payload_type: PayloadType,
    ) -> Option<(&Publication, super::command::CodecParameters)> {
        let publication = self
            .publications
            .iter()
            .find(|publication| {
                publication.ssrcs.contains(&ssrc) || publication.rtx_ssrcs.contains(&ssrc)
            })
            .or_else(|| {
                self.publications.iter().find(|publication| {
                    publication.ssrcs.is_empty() && mid == Some(publication.mid.as_bytes())
                })
            })?;
        let codec = publication
            .codecs
            .iter()
            .find(|codec| codec.payload_type == payload_type || codec.rtx == Some(payload_type))?;
        Some((publication, *codec))
    }

    /// Protects the queued packets into `batch`, in trains. Gives whether all
    /// were written; if not, the batch is full.
    pub(super) fn write_forwards(
        &mut self,
        streams: &Slab<Stream>,
        batch: &mut TransmitBatch,
        statistics: &mut Statistics,
    ) -> bool {
        let (Some(srtp), Some(path)) = (&self.srtp, self.ice.selected()) else {
            self.forwards.clear();
            return true;
        };
        let writer = Writer {
            audio_level: self
                .extensions
                .audio_level
                .filter(|id| (1..=14).contains(id)),
            dependency_descriptor: self.extensions.dependency_descriptor,
            srtp,
        };
        self.segments.clear();
        self.segments
            .extend(self.forwards.iter().map(|forward| writer.segment(forward)));
        let mut written = 0;
        for (run, length) in runs(&self.segments) {
            if !batch.has_room() {
                break;
            }
            written = run.end;
            statistics.packets_sent += run.len() as u64;
            let before = batch.byte_count();
            batch.push(path, length, |bytes| {
                let last = run.end - 1;
                for at in run {
                    let padding = if at == last {
                        0
                    } else {
                        length - self.segments[at].length
                    };
                    writer.write(streams, &self.forwards[at], padding, bytes);
                }
            });
            statistics.bytes_sent += (batch.byte_count() - before) as u64;
        }
        self.forwards.drain(..written);
        self.forwards.is_empty()
    }
}

/// What is remembered of a source that is not, or no more, a stream's.
pub(super) fn remembered(retired: &[(Ssrc, ReceivedSource)], ssrc: Ssrc) -> ReceivedSource {
    let found = retired.iter().find(|(of, _)| *of == ssrc);
    found.map_or_else(ReceivedSource::default, |(_, source)| source.clone())
}

/// Writes packets as one receiver gets them.
struct Writer<'a> {
    audio_level: Option<u8>,
    dependency_descriptor: Option<u8>,
    srtp: &'a Session,
}

impl Writer<'_> {
    /// The number under which the packet's Dependency Descriptor goes out, if
    /// it does.
    fn descriptor(&self, forward: &Forward) -> Option<u8> {
        self.dependency_descriptor
            .filter(|_| forward.descriptor_length > 0)
    }

    fn segment(&self, forward: &Forward) -> Segment {
        let extension = match (
            forward.audio_level.and(self.audio_level),
            self.descriptor(forward),
        ) {
            (Some(_), _) => SINGLE_BYTE_ELEMENT_LENGTH,
            (None, Some(id)) => element_length(id, usize::from(forward.descriptor_length)),
            (None, None) => 0,
        };
        Segment {
            length: FIXED_LENGTH
                + extension
                + forward.original.map_or(0, |_| ORIGINAL_NUMBER)
                + usize::from(forward.payload_length)
                + self.srtp.outbound.rtp_overhead(),
            can_pad: forward.can_pad,
        }
    }

    fn write(
        &self,
        streams: &Slab<Stream>,
        forward: &Forward,
        padding: usize,
        bytes: &mut Vec<u8>,
    ) {
        let found = streams
            .get(forward.stream)
            .and_then(|stream| stream.ring.get(forward.published));
        let Some(kept) = found else {
            return;
        };
        let packet = kept.packet;
        let descriptor = self.descriptor(forward);
        let audio_level = self
            .audio_level
            .zip(forward.audio_level)
            .map(|(id, level)| single_byte_element(id, level));
        let start = bytes.len();
        let header = Outgoing {
            marker: forward.marker,
            payload_type: forward.payload_type,
            sequence_number: forward.sequence.number(),
            timestamp: forward.timestamp,
            ssrc: forward.ssrc,
            has_extensions: audio_level.is_some() || descriptor.is_some(),
            has_padding: padding > 0,
        };
        bytes.extend_from_slice(&header.to_bytes());
        if let Some(audio_level) = audio_level {
            bytes.extend_from_slice(&audio_level);
        } else if let Some(id) = descriptor {
            write_descriptor(id, &kept, forward, bytes);
        }
        let header_length = bytes.len() - start;
        if let Some(original) = forward.original {
            bytes.extend_from_slice(&original.to_be_bytes());
        }
        let payload_start = bytes.len();
        bytes.extend_from_slice(kept.payload);
        forward
            .renumbering
            .apply(&packet.numbers, &mut bytes[payload_start..]);
        if let Ok(count @ 1..) = u8::try_from(padding) {
            bytes.resize(bytes.len() + padding - 1, 0);
            bytes.push(count);
        }
        bytes.resize(bytes.len() + self.srtp.outbound.rtp_overhead(), 0);
        self.srtp.outbound.protect_rtp(
            &mut bytes[start..],
            header_length,
            forward.ssrc,
            forward.sequence,
        );
    }
}

/// Appends the header extension with the packet's Dependency Descriptor, its
/// frame renumbered.
fn write_descriptor(id: u8, kept: &Kept, forward: &Forward, bytes: &mut Vec<u8>) {
    let start = bytes.len();
    write_element(id, kept.descriptor, bytes);
    let head = if bytes[start] == TWO_BYTE_FORM { 6 } else { 5 };
    if let Some(number) = DependencyDescriptor::frame_number(kept.descriptor) {
        let number = number.wrapping_add(forward.renumbering.frame_number);
        DependencyDescriptor::set_frame_number(&mut bytes[start + head..], number);
    }
}

/// A retransmission's payload starts with the number it was first sent with
/// (RFC 4588 §4).
const ORIGINAL_NUMBER: usize = 2;
/// The first byte of a header extension in the two-byte form (RFC 8285 §4.3).
const TWO_BYTE_FORM: u8 = 0x10;
/// Many times what an honest participant changes in its stay.
const MOST_RETIRED: usize = 64;
