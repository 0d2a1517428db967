//! The life of a packet: in from its publisher, out to its receivers.

use std::time::Instant;

use super::Worker;
use crate::publish::{SenderReportReceived, Stream};
use crate::rtcp;
use crate::rtp::header::Header;
use crate::rtp::{Ssrc, Timestamp};
use crate::srtp::ReceivedSource;

impl Worker {
    pub(super) fn handle_rtp(&mut self, now: Instant, key: usize, datagram: &mut [u8]) {
        let participant = &mut self.participants[key];
        let (Some(srtp), Some(header)) = (&participant.srtp, Header::parse(datagram)) else {
            return;
        };
        let known = participant
            .streams
            .iter()
            .find(|(ssrc, _)| *ssrc == header.ssrc)
            .map(|(_, stream)| *stream);
        let mut unknown = ReceivedSource::default();
        let source = match known {
            Some(stream) => &mut self.streams[stream].srtp,
            None => &mut unknown,
        };
        let unprotected = srtp.inbound.unprotect_rtp(
            datagram,
            header.length,
            header.ssrc,
            header.sequence_number,
            source,
        );
        let Ok((length, sequence)) = unprotected else {
            return;
        };
        let packet = &datagram[..length];
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
        let stream = match known {
            Some(stream) => stream,
            None => match self.learn_stream(key, &header, mid, unknown) {
                Some(stream) => stream,
                None => return,
            },
        };
        let Some(payload) = header.payload(packet) else {
            return;
        };
        let published = &mut self.streams[stream];
        let Some(packet) = published.receive(now, &header, sequence, audio_level, payload) else {
            return;
        };
        for subscriber in &published.subscribers {
            let participant = &mut self.participants[subscriber.participant];
            if participant.srtp.is_none() {
                continue;
            }
            let slot = &mut participant.slots[subscriber.slot];
            if let Some(forward) = slot.forward(now, published.codec, &packet) {
                if participant.queue(forward) {
                    self.pending.push_back(subscriber.participant);
                }
            } else if slot.awaits_key_frame() {
                published.key_frames.want();
            }
        }
        self.request_key_frame(now, stream);
    }

    pub(super) fn handle_rtcp(&mut self, now: Instant, key: usize, datagram: &mut [u8]) {
        let participant = &mut self.participants[key];
        let Some(srtp) = &mut participant.srtp else {
            return;
        };
        let Ok(length) = srtp.inbound.unprotect_rtcp(datagram) else {
            return;
        };
        let mut wanted = Vec::new();
        rtcp::read(&datagram[..length], |received| match received {
            rtcp::Received::SenderReport {
                ssrc,
                ntp,
                timestamp,
            } => self.handle_sender_report(now, key, ssrc, ntp, timestamp),
            rtcp::Received::KeyFrameRequest { ssrc } => wanted.push(ssrc),
        });
        for ssrc in wanted {
            let slots = &self.participants[key].slots;
            let slot = slots.iter().find(|slot| slot.parameters.ssrc == ssrc);
            if let Some(stream) = slot.and_then(|slot| slot.stream) {
                self.streams[stream].key_frames.want();
                self.request_key_frame(now, stream);
            }
        }
    }

    /// Asks the publisher for a key frame, if one is wanted and it is time.
    pub(super) fn request_key_frame(&mut self, now: Instant, stream: usize) {
        let published = &mut self.streams[stream];
        if !published.key_frames.poll(now) {
            return;
        }
        let ssrc = published.ssrc;
        if let Some(&publisher) = self.by_id.get(&published.publisher) {
            self.send_rtcp(publisher, rtcp::picture_loss_indication(RTCP_SENDER, ssrc));
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

    fn handle_sender_report(
        &mut self,
        now: Instant,
        key: usize,
        ssrc: Ssrc,
        ntp: u64,
        timestamp: Timestamp,
    ) {
        let participant = &mut self.participants[key];
        let known = participant.streams.iter().find(|(of, _)| *of == ssrc);
        let Some(&(_, stream)) = known else {
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

    /// Makes a stream of a source whose first packet was just authenticated.
    /// A publication has one; what else is sent for it is dropped.
    fn learn_stream(
        &mut self,
        key: usize,
        header: &Header,
        mid: Option<&[u8]>,
        srtp: ReceivedSource,
    ) -> Option<usize> {
        let participant = &self.participants[key];
        let (publication, codec) =
            participant.publication(header.ssrc, mid, header.payload_type)?;
        let source = publication.source;
        if self
            .stream_for(participant.room, participant.id, source)
            .is_some()
        {
            return None;
        }
        let mut stream = Stream::new(participant.id, source, codec.codec, header.ssrc);
        stream.srtp = srtp;
        let (room, id) = (participant.room, participant.id);
        let stream = self.streams.insert(stream);
        self.participants[key].streams.push((header.ssrc, stream));
        self.bind_waiting(room, (id, source));
        Some(stream)
    }

    fn bind_waiting(
        &mut self,
        room: crate::identity::RoomId,
        source: (crate::identity::ParticipantId, crate::identity::Source),
    ) {
        let members = self.rooms.get(&room).cloned().unwrap_or_default();
        for member in members {
            for index in 0..self.participants[member].slots.len() {
                if self.participants[member].slots[index].wanted == Some(source) {
                    self.bind_slot(member, index);
                }
            }
        }
    }
}

/// The synchronization source of our own reports and requests. It sends no
/// media; browsers use the same number for theirs.
pub(super) const RTCP_SENDER: Ssrc = Ssrc(1);
