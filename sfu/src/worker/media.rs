//! The life of a packet: in from its publisher, out to its receivers.

use std::time::Instant;

use super::Worker;
use super::participant::{Inbound, remembered};
use crate::identity::{MediaKind, ParticipantId, RoomId, Source};
use crate::publish::{Gap, SenderReportReceived, Stream};
use crate::rtcp;
use crate::rtp::header::Header;
use crate::rtp::sequence::ExtendedSequence;
use crate::rtp::{Ssrc, Timestamp};
use crate::srtp::{ReceivedSource, UnprotectError};

/// A published packet that waits for its batch to be forwarded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    /// The worker's key of the stream.
    pub(super) stream: usize,
    order: usize,
    sequence: ExtendedSequence,
    at: Instant,
}

impl Worker {
    pub(super) fn handle_rtp(&mut self, now: Instant, key: usize, datagram: &mut [u8]) {
        let received_bytes = datagram.len() as u64;
        let participant = &mut self.participants[key];
        let Some(srtp) = &participant.srtp else {
            self.statistics.dropped.too_early += 1;
            return;
        };
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
        let mut audio_level = None;
        let mut mid = None;
        for (id, data) in header.extensions(packet) {
            let id = Some(id);
            if id == participant.extensions.transport_sequence_number {
                if let Ok(number) = data.try_into() {
                    participant.arrivals.record(now, u16::from_be_bytes(number));
                }
            } else if id == participant.extensions.audio_level {
                audio_level = data.first().copied();
            } else if id == participant.extensions.mid {
                mid = Some(data);
            }
        }
        let inbound = match inbound {
            Some((stream, is_repair)) => participant
                .may_send(&self.streams[stream], header.payload_type, is_repair)
                .then_some((stream, is_repair)),
            None => unknown.and_then(|source| self.learn_source(key, &header, mid, source)),
        };
        let Some((stream, is_repair)) = inbound else {
            self.statistics.dropped.unknown_source += 1;
            return;
        };
        let Some(payload) = header.payload(packet) else {
            self.statistics.dropped.malformed += 1;
            return;
        };
        if is_repair {
            self.receive_repair(now, key, stream, &header, payload);
        } else {
            self.streams[stream]
                .reception
                .record(now, sequence, header.timestamp);
            self.receive_media(now, stream, &header, sequence, audio_level, payload);
        }
    }

    pub(super) fn handle_rtcp(&mut self, now: Instant, key: usize, datagram: &mut [u8]) {
        let participant = &mut self.participants[key];
        let Some(srtp) = &mut participant.srtp else {
            self.statistics.dropped.too_early += 1;
            return;
        };
        let length = match srtp.inbound.unprotect_rtcp(datagram) {
            Ok(length) => length,
            Err(error) => {
                self.count_unprotect_error(error);
                return;
            }
        };
        rtcp::read(&datagram[..length], |received| match received {
            rtcp::Received::SenderReport {
                ssrc,
                ntp,
                timestamp,
            } => self.handle_sender_report(now, key, ssrc, ntp, timestamp),
            rtcp::Received::KeyFrameRequest { ssrc } => {
                self.handle_key_frame_request(now, key, ssrc);
            }
            rtcp::Received::Nack { ssrc, number } => self.handle_nack(now, key, ssrc, number),
            rtcp::Received::ReportBlock {
                last_sender_report,
                delay,
                ..
            } => self.handle_report_block(now, key, last_sender_report, delay),
        });
    }

    /// Asks the publisher for a key frame, if one is wanted and it is time.
    pub(super) fn request_key_frame(&mut self, now: Instant, stream: usize) {
        let published = &mut self.streams[stream];
        if published.subscribers.is_empty() || !published.key_frames.is_wanted() {
            return;
        }
        self.hurry(now);
        let published = &mut self.streams[stream];
        if !published.key_frames.poll(now) {
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

    /// Keeps a published packet, to be sent on with its batch.
    fn receive_media(
        &mut self,
        now: Instant,
        stream: usize,
        header: &Header,
        sequence: ExtendedSequence,
        audio_level: Option<u8>,
        payload: &[u8],
    ) {
        let published = &mut self.streams[stream];
        let gap = published.note_arrival(now, sequence);
        if let Some(packet) = published.receive(header, sequence, audio_level, payload) {
            if packet.payload_length == 0 && !payload.is_empty() {
                self.statistics.dropped.unencrypted += 1;
            }
            self.arrived.push(Arrival {
                stream,
                order: self.arrived.len(),
                sequence,
                at: now,
            });
        } else {
            self.statistics.dropped.malformed += 1;
        }
        if gap == Gap::Repairable {
            self.request_missing(now, stream);
        }
        self.request_key_frame(now, stream);
    }

    /// Decides what becomes of the packets that came since this was last done.
    /// One receiver after another takes all that came of a stream: what is
    /// known of a receiver is touched once, and its packets can form a train.
    pub(super) fn forward_arrived(&mut self) {
        let mut arrived = std::mem::take(&mut self.arrived);
        arrived.sort_unstable_by_key(|arrival| (arrival.stream, arrival.order));
        for run in arrived.chunk_by(|one, other| one.stream == other.stream) {
            let (stream, now) = (run[0].stream, run[run.len() - 1].at);
            let published = &mut self.streams[stream];
            for subscriber in &published.subscribers {
                let participant = &mut self.participants[subscriber.participant];
                if participant.srtp.is_none() {
                    continue;
                }
                let mut is_first = false;
                for arrival in run {
                    let Some((packet, _)) = published.ring.get(arrival.sequence) else {
                        continue;
                    };
                    let slot = &mut participant.slots[subscriber.slot];
                    if let Some(forward) = slot.forward(arrival.at, published.codec, packet) {
                        is_first |= participant.queue(forward);
                    } else if slot.awaits_key_frame() {
                        published.key_frames.want();
                    }
                }
                if is_first {
                    self.pending.push_back(subscriber.participant);
                }
            }
            self.request_key_frame(now, stream);
        }
        arrived.clear();
        self.arrived = arrived;
    }

    /// Takes a publisher's retransmission for the packet it repeats
    /// (RFC 4588 §4).
    fn receive_repair(
        &mut self,
        now: Instant,
        key: usize,
        stream: usize,
        header: &Header,
        payload: &[u8],
    ) {
        // Without a payload it only probes the path's capacity.
        let Some((number, payload)) = payload.split_first_chunk() else {
            return;
        };
        let published = &self.streams[stream];
        let Some(highest) = published.reception.highest() else {
            return;
        };
        let sequence = highest.nearest(u16::from_be_bytes(*number));
        if !published.missing.contains(sequence) {
            return;
        }
        if let Some(at) = published.missing.only_request(sequence) {
            let round_trip = now.saturating_duration_since(at);
            self.participants[key].repair.measure(round_trip);
        }
        self.receive_media(now, stream, header, sequence, None, payload);
    }

    fn handle_key_frame_request(&mut self, now: Instant, key: usize, ssrc: Ssrc) {
        self.statistics.key_frame_requests_received += 1;
        let mut slots = self.participants[key].slots.iter_mut();
        let slot =
            slots.find(|slot| slot.parameters.ssrc == ssrc && slot.kind() == MediaKind::Video);
        if let Some(slot) = slot
            && let Some(stream) = slot.stream
            && slot.wish(now)
        {
            self.streams[stream].key_frames.want();
            self.request_key_frame(now, stream);
        }
    }

    fn handle_sender_report(
        &mut self,
        now: Instant,
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
            at: now,
            ntp,
            timestamp,
        });
        // The quickest report shows the clocks' difference best. Both of a
        // publisher's streams use the same one, so lips and sound agree.
        let difference = self.clock.ntp(now).wrapping_sub(ntp);
        let is_smaller = participant
            .clock_difference
            .is_none_or(|before| difference.wrapping_sub(before).cast_signed() < 0);
        if is_smaller {
            participant.clock_difference = Some(difference);
        }
    }

    /// Gives a source whose first packet was just authenticated its stream,
    /// and tells whether it repeats another. A publication has one source of
    /// each kind; what else is sent for it is dropped.
    fn learn_source(
        &mut self,
        key: usize,
        header: &Header,
        mid: Option<&[u8]>,
        srtp: ReceivedSource,
    ) -> Option<(usize, bool)> {
        let participant = &self.participants[key];
        let (publication, codec) =
            participant.publication(header.ssrc, mid, header.payload_type)?;
        let is_repair = codec.rtx == Some(header.payload_type);
        let (room, id, source) = (participant.room, participant.id, publication.source);
        let stream = match self.stream_for(room, id, source) {
            Some(stream) if is_repair && !participant.has_repair(stream) => stream,
            None if !is_repair => {
                let mut stream = Stream::new(id, source, codec.codec, header.ssrc);
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
        });
        if !is_repair {
            self.bind_waiting(room, (id, source));
        }
        Some((stream, is_repair))
    }

    fn bind_waiting(&mut self, room: RoomId, source: (ParticipantId, Source)) {
        let members = self.rooms.get(&room).cloned().unwrap_or_default();
        for member in members {
            for index in 0..self.participants[member].slots.len() {
                if self.participants[member].slots[index].wanted == Some(source) {
                    self.bind_slot(member, index);
                }
            }
        }
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
