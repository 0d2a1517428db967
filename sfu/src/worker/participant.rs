//! What a worker keeps of one participant.

use std::time::{Duration, Instant};

use slab::Slab;

use super::batch::TransmitBatch;
use super::command::Publication;
use super::intake::Intake;
use super::outbound::{Outbound, Scratch, Turn};
use super::repair::Repair;
use super::statistics::Statistics;
use super::watching::{PICTURES, Watching};
use super::writer::Writer;
use crate::identity::{ParticipantId, RoomId, SlotId};
use crate::publish::{ExpectedKeys, Stream};
use crate::quality::{Capacity, Quality};
use crate::rtcp::ArrivalRecorder;
use crate::rtp::extensions::ExtensionIds;
use crate::rtp::{Codec, PayloadType, Ssrc};
use crate::srtp::{ReceivedSource, Session};
use crate::subscribe::{SlotNumbers, SlotState};
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
    /// Of slots that were given up, by their source.
    pub(super) former_slots: Vec<(Ssrc, SlotNumbers)>,
    pub(super) arrivals: ArrivalRecorder,
    pub(super) last_feedback: Instant,
    /// It has begun to send more, and measures its path until then.
    pub(super) probes_until: Instant,
    pub(super) last_report: Instant,
    /// Of those on all slots.
    pub(super) last_sender_reports: Instant,
    pub(super) next_sender_reports: Instant,
    /// The slot that has its turn first.
    pub(super) next_reported_slot: usize,
    /// Until then, a slot without any is looked at often.
    pub(super) reports_expected_until: Instant,
    /// Our wall clock less this participant's, as NTP timestamps modulo 2^64,
    /// by its sender reports; the way here is part of it.
    pub(super) clock_difference: Option<u64>,
    pub(super) repair: Repair,
    pub(super) intake: Intake,
    pub(super) control_intake: Intake,
    /// Of its camera and its screen.
    pub(super) watching: [Watching; PICTURES.len()],
    pub(super) quality: Quality,
    /// The share of what it sends that is lost on the way here, smoothed.
    pub(super) uplink_loss: f32,
    /// What its own path takes, by its own word.
    pub(super) uplink: Capacity,
    /// What is sent to this participant, and how fast.
    pub(super) outbound: Outbound,
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
    /// If it is sound.
    pub(super) sound: Intake,
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
            former_slots: Vec::new(),
            arrivals: ArrivalRecorder::new(now),
            last_feedback: now,
            probes_until: now,
            last_report: now,
            last_sender_reports: now,
            next_sender_reports: now,
            next_reported_slot: 0,
            reports_expected_until: now,
            clock_difference: None,
            repair: Repair::new(now),
            intake: Intake::of_media(now),
            control_intake: Intake::of_control(now),
            watching: Default::default(),
            quality: Quality::default(),
            uplink_loss: 0.0,
            uplink: Capacity::All,
            outbound: Outbound::new(now),
        }
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

    /// Whether its browser probes, and is to hear now of what came.
    pub(super) fn waits_for_feedback(&self, now: Instant) -> bool {
        now < self.probes_until && now >= self.last_feedback + SWIFT_FEEDBACK
    }

    /// Writes queued packets into `batch`, as many as may leave.
    pub(super) fn write(
        &mut self,
        now: Instant,
        streams: &Slab<Stream>,
        batch: &mut TransmitBatch,
        scratch: &mut Scratch,
        statistics: &mut Statistics,
    ) -> Turn {
        let (Some(srtp), Some(path)) = (&self.srtp, self.ice.selected()) else {
            return self.outbound.clear();
        };
        let writer = Writer::new(srtp, &self.extensions);
        self.outbound.write(
            now,
            &writer,
            path,
            streams,
            &mut self.slots,
            batch,
            scratch,
            statistics,
        )
    }
}

/// What is remembered of a source that is not, or no more, a stream's.
pub(super) fn remembered(retired: &[(Ssrc, ReceivedSource)], ssrc: Ssrc) -> ReceivedSource {
    let found = retired.iter().find(|(of, _)| *of == ssrc);
    found.map_or_else(ReceivedSource::default, |(_, source)| source.clone())
}

/// A third of a browser's probe.
const SWIFT_FEEDBACK: Duration = Duration::from_millis(5);
/// Many times what an honest participant changes in its stay.
const MOST_RETIRED: usize = 64;
