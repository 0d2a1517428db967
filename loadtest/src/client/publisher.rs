//! A publication: frames due one after another, sent as a browser sends them.

use std::time::{Duration, Instant};

use super::feedback::{self, Request};
use super::history::History;
use super::srtp::Session;
use super::transport::{Transport, wall_time};
use crate::media::dependency_descriptor::DependencyDescriptor;
use crate::media::frame::{VideoFrame, audio_payload};
use crate::media::pattern::Pattern;
use crate::media::rtp::{ExtensionIds, NewHeader};
use crate::media::sframe::{self, KeyId};
use crate::scenario::{Arrival, Video};

/// What a participant sends, as negotiated.
#[derive(Clone, Debug)]
pub struct Publication {
    pub source: Source,
    pub mid: String,
    pub payload_type: u8,
    /// Of retransmissions, if agreed upon.
    pub repair_type: Option<u8>,
    pub extensions: ExtensionIds,
    /// One synchronization source, or one for each simulcast layer, smallest
    /// first.
    pub layers: Vec<LayerId>,
    /// Whether the first frame names another epoch than the group's, to see
    /// whether the server checks frames.
    pub starts_misframed: bool,
}

/// One encoding's names.
#[derive(Clone, Debug)]
pub struct LayerId {
    pub ssrc: u32,
    /// The source of its retransmissions.
    pub repair: Option<u32>,
    /// Only with simulcast.
    pub rid: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    Microphone,
    Camera(Camera),
}

/// What a camera sends.
#[derive(Clone, Copy, Debug)]
pub struct Camera(pub Video);

impl PartialEq for Camera {
    fn eq(&self, other: &Self) -> bool {
        self.0.bitrate == other.0.bitrate && self.0.simulcast == other.0.simulcast
    }
}

impl Eq for Camera {}

/// How a publication went.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sent {
    /// Of the layer that receivers should get.
    pub packets: u64,
    /// Of all layers.
    pub all_packets: u64,
    /// That were left out because the load side did not keep up.
    pub skipped_frames: u64,
    /// That the kernel did not take.
    pub refused: u64,
    /// Because the server asked.
    pub again: u64,
}

/// A publication at work.
#[derive(Debug)]
pub struct Publisher {
    publication: Publication,
    layers: Vec<Layer>,
    key: KeyId,
    interval: Duration,
    next_frame: Instant,
    next_key_frame: Instant,
    next_report: Instant,
    number: u32,
    counter: u64,
    /// With paced arrival: what is still to be sent of the frame.
    paced: Vec<(Instant, Planned)>,
    pub sent: Sent,
}

#[derive(Debug)]
struct Layer {
    id: LayerId,
    pattern: Pattern,
    /// Whether receivers should get it.
    is_taken: bool,
    sequence: u16,
    needs_key_frame: bool,
    packets: u32,
    bytes: u32,
    history: History,
    /// Of retransmissions.
    repair_sequence: u16,
}

/// A packet that is yet to be numbered and protected.
#[derive(Debug)]
struct Planned {
    layer: usize,
    marker: bool,
    timestamp: u32,
    payload: Payload,
    descriptor: Option<DependencyDescriptor>,
}

/// Payloads are stamped when they leave, so a paced one is made then.
#[derive(Debug)]
enum Payload {
    Audio(u32),
    Video(VideoFrame, usize),
}

impl Publisher {
    /// Starts at once. `seed` also spreads publishers over a frame's time.
    pub fn new(now: Instant, publication: Publication, leaf: u8, seed: u64) -> Self {
        let (interval, context) = match publication.source {
            Source::Microphone => (AUDIO_INTERVAL, 0),
            Source::Camera(Camera(video)) => {
                (Duration::from_secs_f64(1.0 / video.frames_a_second), 1)
            }
        };
        let count = publication.layers.len();
        let layers = publication.layers.iter().enumerate().map(|(index, id)| {
            let (bitrate, rate) = match publication.source {
                Source::Microphone => (0, 50.0),
                Source::Camera(Camera(video)) => {
                    // Each smaller layer has half the width and height.
                    let share = 4_u64.pow((count - 1 - index) as u32);
                    (video.bitrate / share, video.frames_a_second)
                }
            };
            Layer {
                id: id.clone(),
                pattern: Pattern::new(bitrate, rate, seed * 8 + index as u64),
                is_taken: index == count / 2,
                sequence: (seed * 977) as u16,
                needs_key_frame: true,
                packets: 0,
                bytes: 0,
                history: History::default(),
                repair_sequence: (seed * 499) as u16,
            }
        });
        let layers = layers.collect();
        let phase = interval.mul_f64((seed as f64 * 0.618_034).fract());
        Self {
            layers,
            publication,
            key: KeyId {
                context,
                leaf,
                epoch: sframe::EPOCH,
            },
            interval,
            next_frame: now + phase,
            next_key_frame: now + KEY_FRAME_INTERVAL,
            next_report: now,
            number: 0,
            counter: 0,
            paced: Vec::new(),
            sent: Sent::default(),
        }
    }

    /// When [`Publisher::poll`] is due next.
    pub fn next_due(&self) -> Instant {
        let paced = self.paced.first().map(|(at, _)| *at);
        paced.map_or(self.next_frame, |at| at.min(self.next_frame))
    }

    /// Sends what is due.
    pub fn poll(&mut self, now: Instant, session: &mut Session, transport: &mut Transport) {
        let mut due = Vec::new();
        while self.paced.first().is_some_and(|(at, _)| now >= *at) {
            due.push(self.paced.remove(0).1);
        }
        if now >= self.next_frame {
            let frame = self.plan(now);
            if self.arrival() == Arrival::Paced {
                let times = (0..).map(|index| now + PACE * index);
                self.paced.extend(times.zip(frame));
                due.push(self.paced.remove(0).1);
            } else {
                due.extend(frame);
            }
            self.next_frame += self.interval;
            // Never catch up: a burst of frames is not what encoders send.
            while self.next_frame + self.interval < now {
                self.next_frame += self.interval;
                self.sent.skipped_frames += 1;
            }
        }
        if !due.is_empty() {
            self.send(due, session, transport);
        }
        if now >= self.next_report {
            self.next_report = now + REPORT_INTERVAL;
            self.report(now, session, transport);
        }
    }

    /// Goes on from `now` after a time of silence.
    pub fn resume(&mut self, now: Instant) {
        while self.next_frame < now {
            self.next_frame += self.interval;
        }
    }

    /// Does what the server asks for, if it is of this publication.
    pub fn handle(
        &mut self,
        now: Instant,
        request: Request,
        session: &mut Session,
        transport: &mut Transport,
    ) {
        let (Request::KeyFrame(ssrc) | Request::Again(ssrc, _)) = request;
        let mut layers = self.layers.iter_mut();
        let Some(layer) = layers.find(|layer| layer.id.ssrc == ssrc) else {
            return;
        };
        match request {
            Request::KeyFrame(_) => {
                layer.needs_key_frame = self.publication.source != Source::Microphone;
            }
            Request::Again(_, number) => {
                let repeated = layer.repeat(now, number, &self.publication, transport);
                let datagram = repeated.and_then(|packet| session.protect(&packet).ok());
                if let Some(datagram) = datagram {
                    self.sent.again += 1;
                    transport.send_all(vec![datagram]);
                }
            }
        }
    }

    /// Whether the frame of this number is one of those that name another
    /// epoch; they are spread evenly.
    fn misframes(&self, number: u32) -> bool {
        let part = match self.publication.source {
            Source::Microphone => 0.0,
            Source::Camera(Camera(video)) => video.misframed,
        };
        let before = |number: u32| (f64::from(number) * part).floor();
        before(number + 1) > before(number)
    }

    fn arrival(&self) -> Arrival {
        match self.publication.source {
            Source::Microphone => Arrival::Burst,
            Source::Camera(Camera(video)) => video.arrival,
        }
    }

    /// The packets of the next frame, of all layers.
    fn plan(&mut self, now: Instant) -> Vec<Planned> {
        let number = self.number;
        self.number = self.number.wrapping_add(1);
        let stream = self.layers[0].id.ssrc;
        if self.publication.source == Source::Microphone {
            return vec![Planned {
                layer: 0,
                marker: false,
                timestamp: stream.wrapping_add(number.wrapping_mul(AUDIO_TICKS)),
                payload: Payload::Audio(number),
                descriptor: None,
            }];
        }
        let ticks = (self.interval.as_secs_f64() * 90_000.0) as u32;
        let timestamp = stream.wrapping_add(number.wrapping_mul(ticks));
        if now >= self.next_key_frame {
            self.next_key_frame = now + KEY_FRAME_INTERVAL;
            self.layers
                .iter_mut()
                .for_each(|layer| layer.needs_key_frame = true);
        }
        let is_misframed = self.misframes(number);
        let mut planned = Vec::new();
        for (index, layer) in self.layers.iter_mut().enumerate() {
            let is_probe = self.publication.starts_misframed && number == 0 && index == 0;
            let is_key_frame = !is_probe && std::mem::take(&mut layer.needs_key_frame);
            let key = if is_probe || (is_misframed && !is_key_frame) {
                self.key.of_another_epoch()
            } else {
                self.key
            };
            let frame = VideoFrame {
                stream: layer.id.ssrc,
                number,
                is_key_frame,
                key,
                counter: self.counter,
                size: if is_probe {
                    1
                } else {
                    layer.pattern.next(is_key_frame)
                },
            };
            self.counter += 1;
            let packets = frame.packets();
            planned.extend((0..packets).map(|packet| Planned {
                layer: index,
                marker: packet + 1 == packets,
                timestamp,
                payload: Payload::Video(frame, packet),
                descriptor: Some(DependencyDescriptor {
                    starts_frame: packet == 0,
                    ends_frame: packet + 1 == packets,
                    is_key_frame,
                    frame_number: number as u16,
                }),
            }));
        }
        planned
    }

    fn send(&mut self, planned: Vec<Planned>, session: &mut Session, transport: &mut Transport) {
        let stamp = wall_time();
        let mut datagrams = Vec::with_capacity(planned.len());
        let mut made: Option<(u32, u32, Vec<Vec<u8>>)> = None;
        for packet in planned {
            let payload = match packet.payload {
                Payload::Audio(number) => {
                    audio_payload(self.layers[0].id.ssrc, number, self.key, stamp)
                }
                Payload::Video(frame, index) => {
                    let is_made = made.as_ref().is_some_and(|(stream, number, _)| {
                        (*stream, *number) == (frame.stream, frame.number)
                    });
                    if !is_made {
                        made = Some((frame.stream, frame.number, frame.payloads(stamp)));
                    }
                    match &mut made {
                        Some((_, _, payloads)) => std::mem::take(&mut payloads[index]),
                        None => continue,
                    }
                }
            };
            let plain = self.packet(
                packet.layer,
                packet.marker,
                packet.timestamp,
                packet.descriptor,
                &payload,
                transport,
            );
            if let Ok(datagram) = session.protect(&plain) {
                datagrams.push(datagram);
                self.sent.all_packets += 1;
                let layer = &mut self.layers[packet.layer];
                self.sent.packets += u64::from(layer.is_taken);
                if self.publication.repair_type.is_some() {
                    layer.history.push(layer.sequence.wrapping_sub(1), plain);
                }
            }
        }
        self.sent.refused += transport.send_all(datagrams);
    }

    fn packet(
        &mut self,
        layer: usize,
        marker: bool,
        timestamp: u32,
        descriptor: Option<DependencyDescriptor>,
        payload: &[u8],
        transport: &mut Transport,
    ) -> Vec<u8> {
        let layer = &mut self.layers[layer];
        let ids = &self.publication.extensions;
        let transport_number = transport.number();
        let descriptor = descriptor.map(DependencyDescriptor::to_bytes);
        let mut extensions: Vec<(u8, &[u8])> = Vec::new();
        // As browsers do, the names go along until the peer must know them.
        let is_named = layer.packets < NAMED_PACKETS;
        if let (Some(id), true) = (ids.mid, is_named) {
            extensions.push((id, self.publication.mid.as_bytes()));
        }
        if let (Some(id), Some(rid), true) = (ids.rid, &layer.id.rid, is_named) {
            extensions.push((id, rid.as_bytes()));
        }
        if let Some(id) = ids.transport_sequence_number {
            extensions.push((id, &transport_number));
        }
        match (self.publication.source, ids.audio_level, &descriptor) {
            (Source::Microphone, Some(id), _) => extensions.push((id, &[VOICE])),
            (Source::Camera(_), _, Some(descriptor)) => {
                if let Some(id) = ids.dependency_descriptor {
                    extensions.push((id, descriptor));
                }
            }
            _ => {}
        }
        let mut packet = Vec::with_capacity(payload.len() + 64);
        NewHeader {
            marker,
            payload_type: self.publication.payload_type,
            sequence_number: layer.sequence,
            timestamp,
            ssrc: layer.id.ssrc,
            extensions: &extensions,
        }
        .write(&mut packet);
        packet.extend(payload);
        layer.sequence = layer.sequence.wrapping_add(1);
        layer.packets = layer.packets.wrapping_add(1);
        layer.bytes = layer.bytes.wrapping_add(payload.len() as u32);
        packet
    }

    fn report(&mut self, now: Instant, session: &mut Session, transport: &mut Transport) {
        let clock_rate = match self.publication.source {
            Source::Microphone => 48_000.0,
            Source::Camera(_) => 90_000.0,
        };
        // The next frame's timestamp, brought back to this moment.
        let ahead = self.next_frame.saturating_duration_since(now);
        let ticks = (self.interval.as_secs_f64() * clock_rate) as u32;
        let next = self.layers[0]
            .id
            .ssrc
            .wrapping_add(self.number.wrapping_mul(ticks));
        let timestamp = next.wrapping_sub((ahead.as_secs_f64() * clock_rate) as u32);
        for layer in &self.layers {
            let report = feedback::sender_report(
                layer.id.ssrc,
                wall_time(),
                timestamp,
                layer.packets,
                layer.bytes,
            );
            if let Ok(report) = session.protect_rtcp(&report) {
                transport.send(&report);
            }
        }
    }
}

impl Layer {
    /// A packet in the form in which it is sent again (RFC 4588 §4), if that
    /// was agreed upon and it is still there.
    fn repeat(
        &mut self,
        now: Instant,
        number: u16,
        publication: &Publication,
        transport: &mut Transport,
    ) -> Option<Vec<u8>> {
        let (payload_type, ssrc) = publication.repair_type.zip(self.id.repair)?;
        let repeated = self.history.repeat(now, number)?;
        let transport_number = transport.number();
        let ids = &publication.extensions;
        let names = [
            (ids.mid, Some(publication.mid.as_bytes())),
            (ids.repaired_rid, self.id.rid.as_deref().map(str::as_bytes)),
            (ids.transport_sequence_number, Some(&transport_number[..])),
        ];
        let extensions: Vec<_> = names.iter().filter_map(|(id, of)| id.zip(*of)).collect();
        let mut packet = Vec::with_capacity(repeated.payload.len() + 64);
        NewHeader {
            marker: repeated.marker,
            payload_type,
            sequence_number: self.repair_sequence,
            timestamp: repeated.timestamp,
            ssrc,
            extensions: &extensions,
        }
        .write(&mut packet);
        packet.extend(number.to_be_bytes());
        packet.extend(repeated.payload);
        self.repair_sequence = self.repair_sequence.wrapping_add(1);
        Some(packet)
    }
}

const AUDIO_INTERVAL: Duration = Duration::from_millis(20);
const AUDIO_TICKS: u32 = 960;
const KEY_FRAME_INTERVAL: Duration = Duration::from_secs(10);
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
const PACE: Duration = Duration::from_millis(1);
const NAMED_PACKETS: u32 = 200;
/// Voice activity, 30 dB below the loudest (RFC 6464 §3).
const VOICE: u8 = 0x80 | 0x1E;
