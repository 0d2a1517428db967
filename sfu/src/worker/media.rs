//! Packets that come from a participant: what they are, and of which stream.

use std::time::Instant;

use super::Worker;
use super::forwarding::Arrival;
use super::intake::Intake;
use super::participant::{Inbound, Participant, remembered};
use super::repair::FIRST_ROUND_TRIP;
use super::statistics::LAYERS;
use super::watching::PROBING;
use crate::congestion::Bitrate;
use crate::identity::{MediaKind, Source};
use crate::publish::{Gap, Incoming, Rest, SenderReportReceived, Stream};
use crate::rtcp;
use crate::rtp::header::Header;
use crate::rtp::{Codec, Ssrc, Timestamp};
use crate::srtp::{ReceivedSource, UnprotectError};
use crate::transport::Path;

impl Worker {
    pub(super) fn handle_rtp(
        &mut self,
        now: Instant,
        received: Instant,
        key: usize,
        path: Path,
        datagram: &mut [u8],
    ) {
        let received_bytes = datagram.len() as u64;
        let participant = &mut self.participants[key];
        let Some(srtp) = &participant.srtp else {
            self.statistics.dropped.too_early += 1;
            return;
        };
        if !participant.intake.is_open(now) {
            self.statistics.dropped.excess += 1;
            return;
        }
        let Some(header) = Header::parse(datagram) else {
            self.statistics.dropped.malformed += 1;
            return;
        };
        let known = participant
            .inbound
            .iter_mut()
            .find(|inbound| inbound.ssrc == header.ssrc);
        let mut unknown = None;
        let (inbound, source) = match known {
            Some(inbound) => (Some((inbound.stream, inbound.is_repair)), &mut inbound.srtp),
            None => (
                None,
                unknown.insert(remembered(&participant.retired, header.ssrc)),
            ),
        };
        let unprotected = srtp.inbound.unprotect_rtp(
            datagram,
            header.length,
            header.ssrc,
            header.sequence_number,
            source,
        );
        let (length, sequence) = match unprotected {
            Ok(unprotected) => unprotected,
            Err(error) => {
                self.count_unprotect_error(error);
                return;
            }
        };
        self.statistics.packets_received += 1;
        self.statistics.bytes_received += received_bytes;
        let packet = &datagram[..length];
        let participant = &mut self.participants[key];
        participant.intake.count(length);
        let elements = read_extensions(participant, received, &header, packet);
        if participant.waits_for_feedback(now) {
            self.send_feedback(now, key);
        }
        let participant = &mut self.participants[key];
        let inbound = match inbound {
            Some((stream, is_repair)) => participant
                .codec(&self.streams[stream], header.payload_type, is_repair)
                .map(|codec| (stream, is_repair, codec)),
            None => unknown
                .and_then(|source| self.learn_source(now, key, &header, &elements.names, source)),
        };
        let Some((stream, is_repair, codec)) = inbound else {
            self.statistics.dropped.unknown_source += 1;
            return;
        };
        if codec.kind() == MediaKind::Audio && !self.admits_sound(now, key, header.ssrc, length) {
            self.statistics.dropped.excess += 1;
            return;
        }
        let Some(payload) = header.payload(packet) else {
            self.statistics.dropped.malformed += 1;
            return;
        };
        let incoming = Incoming {
            header: &header,
            sequence,
            codec,
            audio_level: elements.audio_level,
            is_stamped: elements.is_stamped,
            descriptor: elements.descriptor,
            payload,
        };
        if is_repair {
            self.receive_repair(now, key, stream, &incoming);
        } else {
            self.note_reception(now, received, key, path, stream, &incoming);
            self.receive_media(now, stream, &incoming);
        }
    }

    pub(super) fn handle_rtcp(
        &mut self,
        now: Instant,
        received_at: Instant,
        key: usize,
        path: Path,
        datagram: &mut [u8],
    ) {
        let participant = &mut self.participants[key];
        let Some(srtp) = &mut participant.srtp else {
            self.statistics.dropped.too_early += 1;
            return;
        };
        if !participant.control_intake.is_open(now) {
            self.statistics.dropped.excess += 1;
            return;
        }
        let length = match srtp.inbound.unprotect_rtcp(datagram) {
            Ok(length) => length,
            Err(error) => {
                self.count_unprotect_error(error);
                return;
            }
        };
        participant.control_intake.count(length);
        self.follow_report(now, key, path);
        rtcp::read(&datagram[..length], |received| match received {
            rtcp::Received::SenderReport {
                ssrc,
                ntp,
                timestamp,
            } => self.handle_sender_report(received_at, key, ssrc, ntp, timestamp),
            rtcp::Received::KeyFrameRequest { ssrc } => {
                self.handle_key_frame_request(now, key, ssrc);
            }
            rtcp::Received::Nack { ssrc, number } => self.handle_nack(now, key, ssrc, number),
            rtcp::Received::ReportBlock {
                ssrc,
                fraction_lost,
                last_sender_report,
                delay,
                ..
            } => {
                let outbound = &mut self.participants[key].outbound;
                outbound.congestion.loss_report(now, fraction_lost);
                self.note_loss(now, key, ssrc, fraction_lost);
                self.handle_report_block(received_at, key, last_sender_report, delay);
            }
            rtcp::Received::Arrival { number, at } => {
                let outbound = &mut self.participants[key].outbound;
                outbound.congestion.packet_feedback(number, at);
            }
            rtcp::Received::ArrivalsEnd => self.end_feedback(now, key),
            rtcp::Received::MaximumBitrate(bits) => {
                let estimate = Bitrate::bits_per_second(bits);
                let outbound = &mut self.participants[key].outbound;
                outbound.congestion.remb(now, estimate);
            }
        });
    }

    /// Asks the publisher for a key frame, if one is wanted and it is time.
    pub(super) fn request_key_frame(&mut self, now: Instant, stream: usize) {
        let published = &mut self.streams[stream];
        if published.subscribers.is_empty() || !published.key_frames.is_wanted() {
            return;
        }
        let last_media = published.last_media;
        if !published.has_been_silent(now) {
            self.hurry(now);
        }
        let published = &mut self.streams[stream];
        if !published.key_frames.poll(now, last_media) {
            return;
        }
        let ssrc = published.ssrc;
        if let Some(&publisher) = self.by_id.get(&published.publisher) {
            self.statistics.key_frame_requests_sent += 1;
            self.send_rtcp(publisher, rtcp::picture_loss_indication(rtcp::SENDER, ssrc));
        }
    }

    /// Protects and queues a compound packet.
    pub(super) fn send_rtcp(&mut self, key: usize, mut compound: Vec<u8>) {
        let participant = &mut self.participants[key];
        if let (Some(srtp), Some(path)) = (&mut participant.srtp, participant.ice.selected()) {
            srtp.outbound.protect_rtcp(&mut compound);
            self.control.push(path, &compound);
        }
    }

    fn note_reception(
        &mut self,
        now: Instant,
        received: Instant,
        key: usize,
        path: Path,
        stream: usize,
        incoming: &Incoming,
    ) {
        let sequence = incoming.sequence;
        let round_trip = self.participants[key].repair.round_trip();
        let published = &mut self.streams[stream];
        let round_trip = round_trip.unwrap_or(FIRST_ROUND_TRIP);
        // Sound that comes again was lost: that is what is reported. Pictures
        // come again as another stream, so what comes late here is just late.
        if published.source.kind() == MediaKind::Audio
            && published.missing.is_answer(now, sequence, round_trip)
        {
            return;
        }
        let reception = &mut published.reception;
        let skipped = match reception.highest() {
            Some(highest) if sequence <= highest => None,
            Some(highest) => Some(sequence.0 - highest.0 - 1),
            None => Some(0),
        };
        reception.record(received, sequence, incoming.header.timestamp);
        if published.source.kind() == MediaKind::Video {
            let askable = &mut self.participants[key].repair.askable;
            askable.note_arrival(now, skipped);
        }
        if skipped.is_some() {
            self.follow_media(now, key, path);
        }
    }

    /// Counts a packet of sound; `false` if its source sends too much.
    fn admits_sound(&mut self, now: Instant, key: usize, ssrc: Ssrc, bytes: usize) -> bool {
        let mut inbound = self.participants[key].inbound.iter_mut();
        let Some(inbound) = inbound.find(|inbound| inbound.ssrc == ssrc) else {
            return false;
        };
        let is_open = inbound.sound.is_open(now);
        if is_open {
            inbound.sound.count(bytes);
        }
        is_open
    }

    /// Keeps a published packet, to be sent on with its batch.
    fn receive_media(&mut self, now: Instant, stream: usize, incoming: &Incoming) {
        let published = &mut self.streams[stream];
        let goes_on = published.goes_on_with(incoming.sequence);
        let gap = published.note_arrival(now, incoming);
        let Some((packet, frame)) = published.receive(incoming) else {
            self.statistics.dropped.malformed += 1;
            return self.ask_publisher(now, stream, gap);
        };
        if packet.payload_length > 0 {
            let has_come =
                published.has_been_silent(now) || matches!(published.rest, Rest::Ending(_));
            let was_silent = published.is_stalled || has_come;
            if goes_on {
                published.last_media = now;
                if was_silent {
                    self.end_silence(now, stream, has_come);
                }
            }
            if self.streams[stream].source == Source::Microphone {
                self.note_voice(now, stream, packet.audio_level);
            }
        } else if !incoming.payload.is_empty() {
            self.statistics.dropped.unencrypted += 1;
        }
        if packet.codec.kind() == MediaKind::Video {
            let layer = usize::from(self.streams[stream].layer);
            self.statistics.layers[layer.min(LAYERS - 1)].received += 1;
        }
        if !self.streams[stream].subscribers.is_empty() {
            self.arrived.push(Arrival {
                stream,
                order: self.arrived.len(),
                sequence: incoming.sequence,
                frame,
                at: now,
            });
        }
        self.ask_publisher(now, stream, gap);
    }

    fn ask_publisher(&mut self, now: Instant, stream: usize, gap: Gap) {
        if gap == Gap::Repairable {
            self.request_missing(now, stream);
        }
        self.request_key_frame(now, stream);
    }

    /// Something comes again of a stream that had fallen silent. What it takes
    /// is to be shared out anew: where it was away for long, before it has
    /// taken more than there is.
    fn end_silence(&mut self, now: Instant, stream: usize, has_come: bool) {
        let published = &mut self.streams[stream];
        published.is_stalled = false;
        published.restart_measuring(now);
        if let Rest::Ending(_) = published.rest {
            published.rest = Rest::No;
        }
        let source = (published.publisher, published.source);
        if let Some(publisher) = self.by_id.get(&source.0) {
            let room = self.participants[*publisher].room;
            self.bind_source(now, room, source, has_come);
        }
    }

    /// Takes a publisher's retransmission for the packet it repeats
    /// (RFC 4588 §4).
    fn receive_repair(&mut self, now: Instant, key: usize, stream: usize, incoming: &Incoming) {
        // Without a payload it only probes the path's capacity.
        let Some((number, payload)) = incoming.payload.split_first_chunk() else {
            return;
        };
        let published = &self.streams[stream];
        let Some(highest) = published.reception.highest() else {
            return;
        };
        let sequence = highest.nearest(u16::from_be_bytes(*number));
        if !published.missing.is_news(sequence) {
            return;
        }
        let repair = &mut self.participants[key].repair;
        let asked = match repair.round_trip() {
            Some(_) => published.missing.only_request(sequence),
            // It may be less, but to reckon with less would hide what it is.
            None => published.missing.first_request(sequence),
        };
        if let Some(at) = asked {
            repair.measure(now, now.saturating_duration_since(at));
        }
        let repaired = Incoming {
            sequence,
            audio_level: None,
            payload,
            ..*incoming
        };
        self.receive_media(now, stream, &repaired);
    }

    fn handle_key_frame_request(&mut self, now: Instant, key: usize, ssrc: Ssrc) {
        self.statistics.key_frame_requests_received += 1;
        let mut slots = self.participants[key].slots.iter_mut();
        let slot =
            slots.find(|slot| slot.parameters.ssrc == ssrc && slot.kind() == MediaKind::Video);
        if let Some(slot) = slot
            && let Some(stream) = slot.stream()
            && slot.wish(now)
        {
            self.streams[stream].key_frames.want();
            self.request_key_frame(now, stream);
        }
    }

    fn handle_sender_report(
        &mut self,
        received: Instant,
        key: usize,
        ssrc: Ssrc,
        ntp: u64,
        timestamp: Timestamp,
    ) {
        let participant = &mut self.participants[key];
        let Some(stream) = participant.stream_of(ssrc) else {
            return;
        };
        self.streams[stream].sender_report = Some(SenderReportReceived {
            at: received,
            ntp,
            timestamp,
        });
        // The quickest report shows the clocks' difference best. Both of a
        // publisher's streams use the same one, so lips and sound agree.
        let difference = self.clock.ntp(received).wrapping_sub(ntp);
        let is_smaller = participant
            .clock_difference
            .is_none_or(|before| difference.wrapping_sub(before).cast_signed() < 0);
        if is_smaller {
            participant.clock_difference = Some(difference);
        }
    }

    /// Gives a source whose first packet was just authenticated its stream,
    /// and tells whether it repeats another, and its codec. A publication has
    /// one source of each kind, or one for each of its simulcast layers; what
    /// else is sent for it is dropped.
    fn learn_source(
        &mut self,
        now: Instant,
        key: usize,
        header: &Header,
        names: &StreamNames,
        srtp: ReceivedSource,
    ) -> Option<(usize, bool, Codec)> {
        let participant = &self.participants[key];
        let (publication, codec) =
            participant.publication(header.ssrc, names.mid, header.payload_type)?;
        let is_repair = codec.rtx == Some(header.payload_type);
        let layer = names.layer(&publication.stream_ids, is_repair)?;
        let (room, id, source) = (participant.room, participant.id, publication.source);
        let known = self
            .streams_of(room, id, source)
            .find(|stream| self.streams[*stream].layer == layer);
        let stream = match known {
            Some(stream) if is_repair && !participant.has_repair(stream) => stream,
            None if !is_repair => {
                let mut stream = Stream::new(now, id, source, layer, header.ssrc);
                stream.expected_keys = participant.expected_keys;
                self.streams.insert(stream)
            }
            _ => return None,
        };
        let participant = &mut self.participants[key];
        participant.retired.retain(|(ssrc, _)| *ssrc != header.ssrc);
        participant.inbound.push(Inbound {
            ssrc: header.ssrc,
            stream,
            is_repair,
            srtp,
            sound: Intake::of_sound(now),
        });
        if !is_repair {
            if source.kind() == MediaKind::Video {
                participant.probes_until = now + PROBING;
                self.hurry(now);
            }
            self.bind_source(now, room, (id, source), true);
        }
        Some((stream, is_repair, codec.codec))
    }

    fn count_unprotect_error(&mut self, error: UnprotectError) {
        let dropped = &mut self.statistics.dropped;
        *match error {
            UnprotectError::TooShort => &mut dropped.malformed,
            UnprotectError::Replayed => &mut dropped.replayed,
            UnprotectError::Forged => &mut dropped.forged,
            UnprotectError::TooManySources => &mut dropped.unknown_source,
        } += 1;
    }
}

/// What a packet's header extensions say.
#[derive(Clone, Copy, Default, Debug)]
struct Elements<'a> {
    audio_level: Option<u8>,
    /// It would bear something else if it was sent again.
    is_stamped: bool,
    /// The Dependency Descriptor; empty without.
    descriptor: &'a [u8],
    names: StreamNames<'a>,
}

/// Reads the header extensions, and takes note of when the transport-wide
/// number came.
fn read_extensions<'a>(
    participant: &mut Participant,
    received: Instant,
    header: &Header,
    packet: &'a [u8],
) -> Elements<'a> {
    let ids = participant.extensions;
    let mut elements = Elements::default();
    for (id, data) in header.extensions(packet) {
        let id = Some(id);
        if id == ids.transport_sequence_number {
            elements.is_stamped = true;
            if let Ok(number) = data.try_into() {
                let number = u16::from_be_bytes(number);
                participant.arrivals.record(received, number);
            }
        } else if id == ids.absolute_send_time {
            elements.is_stamped = true;
        } else if id == ids.audio_level {
            elements.audio_level = data.first().copied();
        } else if id == ids.mid {
            elements.names.mid = Some(data);
        } else if id == ids.dependency_descriptor {
            elements.descriptor = data;
        } else if id == ids.stream_id {
            elements.names.stream = Some(data);
        } else if id == ids.repaired_stream_id {
            elements.names.repaired = Some(data);
        }
    }
    elements
}

/// The names that a packet gives for its stream.
#[derive(Clone, Copy, Default, Debug)]
struct StreamNames<'a> {
    /// The media section's (RFC 9143).
    mid: Option<&'a [u8]>,
    /// The stream's own (RFC 8852).
    stream: Option<&'a [u8]>,
    /// That of the stream it repeats (RFC 8852).
    repaired: Option<&'a [u8]>,
}

impl StreamNames<'_> {
    /// The place among the layers with these ids, the least first.
    fn layer(&self, stream_ids: &[String], is_repair: bool) -> Option<u8> {
        if stream_ids.is_empty() {
            return Some(0);
        }
        let name = if is_repair {
            self.repaired
        } else {
            self.stream
        }?;
        let at = stream_ids.iter().position(|id| id.as_bytes() == name)?;
        u8::try_from(at).ok()
    }
}
