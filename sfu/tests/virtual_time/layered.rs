//! A camera whose picture is sent in several simulcast layers, each with
//! numbers and a clock of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use sfu::identity::{ParticipantId, RoomId, Source};
use sfu::rtcp;
use sfu::rtp::header::Outgoing;
use sfu::rtp::sequence::ExtendedSequence;
use sfu::rtp::{Ssrc, Timestamp};
use sfu::worker::command::Command;
use sfu::worker::event::{Event, Wanted};

use crate::link::Link;
use crate::peer::{DESCRIPTOR_ID, MID_ID, REPAIRED_STREAM_ID, ReceivedPacket, STREAM_ID};
use crate::session::{Session, VIDEO_PT, media};

/// A camera's encoder.
pub struct Layered {
    pub publisher: ParticipantId,
    pub layers: Vec<Layer>,
    /// Whether it says how the layers' clocks are related.
    pub has_reports: bool,
    /// Temporal layers in a pattern of 0, 2, 1, 2.
    pub has_temporal_layers: bool,
    /// Bytes of a packet of each layer.
    pub sizes: [usize; 3],
    /// Packets of each layer's picture.
    pub parts: [u8; 3],
    /// Times those of another picture, a key frame has.
    pub key_frame_factor: u8,
    /// Milliseconds from one picture to the next.
    pub interval: u64,
    /// How long after the worker's word it sends only what is wanted; never,
    /// if it does not listen.
    pub obeys_after: Option<Duration>,
    obeyed: usize,
    orders: Vec<(u64, Wanted)>,
    elapsed: u64,
    pictures: u64,
}

pub struct Layer {
    pub name: &'static str,
    pub is_on: bool,
    /// The next packet's place.
    pub sequence: u64,
    /// The clock's offset, in ticks.
    pub clock: u32,
    pub key_frames: u32,
    /// Takes the first packets of this many key frames away.
    pub lost_key_frames: u32,
    pub picture_id: u16,
    pub base_layer_index: u8,
    needs_key_frame: bool,
}

impl Layered {
    /// Joins with a camera in layers of these names, and a microphone that is
    /// silent.
    pub fn join(
        session: &mut Session,
        room: RoomId,
        id: ParticipantId,
        names: &[&'static str],
    ) -> Self {
        session.join(room, id, 1, Link::good());
        negotiate(session, id, names);
        Self {
            publisher: id,
            layers: (0..)
                .zip(names)
                .map(|(at, name)| Layer::new(at, name))
                .collect(),
            has_reports: true,
            has_temporal_layers: false,
            sizes: [400, 700, 1000],
            parts: [2; 3],
            key_frame_factor: 1,
            interval: 33,
            obeys_after: None,
            obeyed: 0,
            orders: Vec::new(),
            elapsed: 0,
            pictures: 0,
        }
    }

    /// Encodes as a browser does that was asked for 150, 500 and 1,400 kbit/s
    /// of a camera with 15 pictures a second.
    pub fn encode_as_browsers_do(&mut self) {
        self.sizes = [625, 1050, 1150];
        self.parts = [2, 4, 10];
        self.key_frame_factor = 3;
        self.interval = 66;
    }

    /// Lets time pass with the camera on.
    pub fn run(&mut self, session: &mut Session, duration: Duration) {
        for _ in 0..duration.as_millis() {
            self.note_requests(session);
            self.obey(session);
            if self.elapsed.is_multiple_of(self.interval) {
                self.send_picture(session);
            }
            if self.has_reports && self.elapsed.is_multiple_of(500) {
                self.report(session);
            }
            self.elapsed += 1;
            session.run(Duration::from_millis(1));
        }
    }

    fn note_requests(&mut self, session: &mut Session) {
        let asked: Vec<_> = session.peer(self.publisher).control.drain(..).collect();
        for (at, layer) in (0..).zip(&mut self.layers) {
            let request = rtcp::Received::KeyFrameRequest {
                ssrc: layer_ssrc(self.publisher, at),
            };
            layer.needs_key_frame |= asked.contains(&request);
        }
    }

    /// Sends what is wanted and no more, each layer from a key frame on.
    fn obey(&mut self, session: &Session) {
        let Some(delay) = self.obeys_after else {
            return;
        };
        let due = self.elapsed + delay.as_millis() as u64;
        for event in &session.events[self.obeyed..] {
            if let Event::Watched {
                publisher, wanted, ..
            } = event
                && *publisher == self.publisher
            {
                self.orders.push((due, *wanted));
            }
        }
        self.obeyed = session.events.len();
        while let Some((at, wanted)) = self.orders.first().copied()
            && at <= self.elapsed
        {
            self.orders.remove(0);
            for (at, layer) in (0..).zip(&mut self.layers) {
                let is_on = match wanted {
                    Wanted::Nothing => false,
                    Wanted::UpTo(highest) => at <= highest,
                    Wanted::All => true,
                };
                layer.needs_key_frame |= is_on && !layer.is_on;
                layer.is_on = is_on;
            }
        }
    }

    fn send_picture(&mut self, session: &mut Session) {
        let picture = self.pictures;
        self.pictures += 1;
        let ticks = (picture * self.interval) as u32 * 90;
        let temporal = match picture % 4 {
            _ if !self.has_temporal_layers => 0,
            0 => 0,
            2 => 1,
            _ => 2,
        };
        for (at, layer) in (0_u8..).zip(&mut self.layers) {
            if !layer.is_on {
                continue;
            }
            let is_key = layer.needs_key_frame && temporal == 0;
            let is_lost = is_key && layer.lost_key_frames > 0;
            if is_key {
                layer.needs_key_frame = false;
                layer.key_frames += 1;
                layer.lost_key_frames -= u32::from(is_lost);
            }
            layer.base_layer_index = layer.base_layer_index.wrapping_add(u8::from(temporal == 0));
            let factor = if is_key { self.key_frame_factor } else { 1 };
            let parts = self.parts[usize::from(at)] * factor;
            for part in 0..parts {
                let start = if part == 0 { 0x10 } else { 0 };
                let [high, low] = (layer.picture_id | 0x8000).to_be_bytes();
                // Y: the third and fourth pictures are of those before.
                let sync = if temporal == 0 { 0 } else { 0x20 };
                let mut payload = vec![
                    0x80 | start,
                    0xE0,
                    high,
                    low,
                    layer.base_layer_index,
                    temporal << 6 | sync,
                    u8::from(!is_key),
                    b'L',
                    at,
                ];
                payload.extend((picture as u32).to_be_bytes());
                payload.extend([part, temporal]);
                payload.resize(self.sizes[usize::from(at)], 0x55);
                let sequence = ExtendedSequence(layer.sequence);
                layer.sequence += 1;
                if is_lost && part == 0 {
                    continue;
                }
                let header = Outgoing {
                    marker: part + 1 == parts,
                    payload_type: VIDEO_PT,
                    sequence_number: sequence.number(),
                    timestamp: Timestamp(layer.clock.wrapping_add(ticks)),
                    ssrc: layer_ssrc(self.publisher, at),
                    has_extensions: true,
                    has_padding: false,
                };
                let names: [(u8, &[u8]); 2] = [(MID_ID, b"1"), (STREAM_ID, layer.name.as_bytes())];
                send(session, self.publisher, header, sequence, &names, &payload);
            }
            layer.picture_id = (layer.picture_id + 1) & 0x7FFF;
        }
    }

    fn report(&mut self, session: &mut Session) {
        for (at, layer) in (0..).zip(&self.layers) {
            let figures = rtcp::SentFigures {
                ssrc: layer_ssrc(self.publisher, at),
                ntp: (7 << 32) + ((self.elapsed << 32) / 1000),
                timestamp: Timestamp(layer.clock.wrapping_add(self.elapsed as u32 * 90)),
                packets: 0,
                octets: 0,
            };
            session
                .peer(self.publisher)
                .send_rtcp(rtcp::sender_report(&figures, "peer"));
        }
    }
}

impl Layer {
    fn new(at: u32, name: &'static str) -> Self {
        Self {
            name,
            is_on: true,
            sequence: 100 + u64::from(at) * 20_000,
            clock: 0x1000_0000 * (at + 1),
            key_frames: 0,
            lost_key_frames: 0,
            picture_id: 1000 * at as u16,
            base_layer_index: at as u8 * 50,
            needs_key_frame: true,
        }
    }
}

/// What a packet that a receiver got shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shown {
    pub layer: u8,
    pub picture: u32,
    pub part: u8,
    pub temporal: u8,
    pub is_key: bool,
    pub picture_id: u16,
    pub base_layer_index: u8,
    pub timestamp: Timestamp,
    pub sequence_number: u16,
}

/// What the packets of a slot show, those that are part of a layered picture.
pub fn shown(packets: &[&ReceivedPacket]) -> Vec<Shown> {
    packets
        .iter()
        .filter(|packet| packet.payload.get(7) == Some(&b'L'))
        .map(|packet| {
            let bytes = &packet.payload;
            Shown {
                layer: bytes[8],
                picture: u32::from_be_bytes([bytes[9], bytes[10], bytes[11], bytes[12]]),
                part: bytes[13],
                temporal: bytes[14],
                is_key: bytes[6] == 0,
                picture_id: u16::from_be_bytes([bytes[2] & 0x7F, bytes[3]]),
                base_layer_index: bytes[4],
                timestamp: packet.timestamp,
                sequence_number: packet.sequence_number,
            }
        })
        .collect()
}

/// The longest time without a new picture, and when it began, of those in a slot's packets, oldest
/// first: a picture is seen when all of it has come, and the one before it or
/// a key frame. Not for cameras with temporal layers.
pub fn longest_freeze(packets: &[&ReceivedPacket]) -> (Instant, Duration) {
    let mut whole = BTreeMap::new();
    let mut parts: BTreeMap<(u32, u8), (BTreeSet<u8>, Option<u8>)> = BTreeMap::new();
    let mut seen: Option<((u32, u8), Instant)> = None;
    let mut longest = (packets[0].at, Duration::ZERO);
    for packet in packets {
        let Some(shown) = shown(&[packet]).first().copied() else {
            continue;
        };
        let place = (shown.picture, shown.layer);
        let (come, last) = parts.entry(place).or_default();
        come.insert(shown.part);
        if packet.marker {
            *last = Some(shown.part);
        }
        if last.is_some_and(|last| come.len() == usize::from(last) + 1) {
            whole.insert(place, shown.is_key);
        }
        while let Some(place) = next_seen(&whole, seen.map(|(place, _)| place)) {
            if let Some((_, before)) = seen {
                let wait = packet.at - before;
                if wait > longest.1 {
                    longest = (before, wait);
                }
            }
            whole.remove(&place);
            seen = Some((place, packet.at));
        }
    }
    longest
}

/// Of whole pictures, key frames among them, the first that can be seen after
/// the given one: its successor in the same layer, or a later key frame.
fn next_seen(whole: &BTreeMap<(u32, u8), bool>, after: Option<(u32, u8)>) -> Option<(u32, u8)> {
    let mut places = whole.iter();
    let (place, _) = places.find(|((picture, layer), is_key)| match after {
        None => **is_key,
        Some((before, of)) => {
            let follows = *picture == before + 1 && *layer == of;
            follows || (**is_key && *picture >= before)
        }
    })?;
    Some(*place)
}

/// Sends a packet with header extensions.
pub fn send(
    session: &mut Session,
    from: ParticipantId,
    header: Outgoing,
    sequence: ExtendedSequence,
    extensions: &[(u8, &[u8])],
    payload: &[u8],
) {
    let address = session.peers[&from].address;
    let peer = session.peer(from);
    let packet = peer.protected(header, sequence, extensions, payload);
    session.inject(address, packet.expect("connected"));
}

/// Negotiates a camera in layers of these names; none for a single stream.
pub fn negotiate(session: &mut Session, id: ParticipantId, names: &[&str]) {
    let mut media = media(id, 1);
    media.extensions.mid = Some(MID_ID);
    media.extensions.stream_id = Some(STREAM_ID);
    media.extensions.repaired_stream_id = Some(REPAIRED_STREAM_ID);
    media.extensions.dependency_descriptor = Some(DESCRIPTOR_ID);
    for publication in &mut media.publications {
        if publication.source == Source::Camera {
            publication.ssrcs.clear();
            publication.rtx_ssrcs.clear();
            publication.stream_ids = names.iter().map(|name| (*name).to_owned()).collect();
        }
    }
    session.command(Command::Negotiate {
        participant: id,
        media,
    });
}

/// The source of a simulcast layer.
pub fn layer_ssrc(id: ParticipantId, layer: u8) -> Ssrc {
    Ssrc(0xC000_0000 + (id.0 as u32) * 0x100 + u32::from(layer))
}
