//! A worker, its participants, and what travels between them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use dtls::certificate;
use sfu::identity::{MediaKind, ParticipantId, RoomId, SlotId, Source};
use sfu::rtcp::{self, WallClock};
use sfu::rtp::extensions::ExtensionIds;
use sfu::rtp::header::Header;
use sfu::rtp::sequence::ExtendedSequence;
use sfu::rtp::sframe_header::SframeKey;
use sfu::rtp::{Codec, Layer, PayloadType, Ssrc, Timestamp};
use sfu::transport::demux::Protocol;
use sfu::transport::{DtlsConfig, Importance, Path, TransportProtocol};
use sfu::worker::Worker;
use sfu::worker::batch::TransmitBatch;
use sfu::worker::command::{
    CodecParameters, Command, MediaParameters, Publication, Shown, Size, Slot, TransportParameters,
};
use sfu::worker::event::{Event, Wanted};

use super::connection::Connection;
use super::link::{Direction, Link, Random};
use super::peer::{AUDIO_LEVEL_ID, Peer, TRANSPORT_SEQUENCE_ID};
use super::repair::{VIDEO_RTX_PT, repair_ssrc};

/// A session on virtual time.
pub struct Session {
    /// When it began.
    pub begun: Instant,
    pub now: Instant,
    pub worker: Worker,
    pub peers: BTreeMap<ParticipantId, Peer>,
    pub events: Vec<Event>,
    pub random: Random,
    /// Datagrams sent to addresses that are no participant's.
    pub deliveries_to_strangers: usize,
    /// No participant tells what came of what it was sent.
    pub is_unmeasured: bool,
    /// How often the worker was called only because it was time.
    pub wakes: u32,
    /// How often the worker's thread has its turn, if that is not at once.
    /// What comes in between waits to be read.
    pub read_every: Option<Duration>,
    last_read: Instant,
    unread: Vec<(Instant, SocketAddr, Vec<u8>)>,
    links: BTreeMap<ParticipantId, (Direction, Direction)>,
    /// From these addresses participants come over TCP.
    connections: BTreeMap<SocketAddr, Connection>,
    /// Connections that the worker needed no more.
    pub abandoned: Vec<SocketAddr>,
    sending: BTreeMap<ParticipantId, Sending>,
    in_flight: BinaryHeap<Reverse<(Instant, u64, Flight)>>,
    flights: u64,
    batch: TransmitBatch,
    /// What was sent to each participant, wherever it was, by its source.
    sent: BTreeMap<ParticipantId, BTreeMap<Ssrc, Places>>,
    /// Packets that the worker sent a second time.
    pub sent_again: u64,
}

/// The places of all packets of one source, past the wraps, and a digest of
/// each.
#[derive(Default)]
struct Places {
    highest: ExtendedSequence,
    all: HashMap<ExtendedSequence, u64>,
}

impl Places {
    /// Whether no other packet was sent with this number since its last wrap,
    /// and whether this one was.
    fn insert(&mut self, number: u16, packet: &[u8]) -> (bool, bool) {
        let place = self.highest.nearest(number);
        self.highest = self.highest.max(place);
        let mut hasher = DefaultHasher::new();
        packet.hash(&mut hasher);
        let digest = hasher.finish();
        let before = self.all.insert(place, digest);
        (
            before.is_none_or(|before| before == digest),
            before.is_some(),
        )
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Flight {
    ToWorker(SocketAddr, Vec<u8>),
    ToPeer(SocketAddr, Vec<u8>),
    /// Bytes of a connection.
    Stream(SocketAddr, Vec<u8>),
}

/// What a participant's devices have produced.
#[derive(Clone)]
pub struct Sending {
    pub audio: u64,
    /// The payload type of its sound.
    pub sound: PayloadType,
    pub frames: u64,
    pub packets: u64,
    pub key_frames: u64,
    pub is_on: bool,
    pub packets_a_frame: u64,
    /// The first sequence number of sound and of pictures.
    pub first: u64,
    /// What a camera's encoder takes for each picture.
    pub encoding: Duration,
    /// The key whose `SFrame` header frames begin with; none leaves them plain.
    pub sframe: Option<SframeKey>,
    started: Option<Instant>,
    /// None: it reports nothing on what it sends.
    pub next_report: Option<Instant>,
}

impl Session {
    pub fn new(seed: u64) -> Self {
        let now = Instant::now();
        let certificate = certificate::generate_self_signed_certificate().expect("a certificate");
        let dtls = DtlsConfig::new(certificate).expect("valid settings");
        Self {
            begun: now,
            now,
            worker: Worker::new(now, dtls, WallClock::new(now, 1 << 40)),
            peers: BTreeMap::new(),
            events: Vec::new(),
            random: Random::new(seed),
            deliveries_to_strangers: 0,
            is_unmeasured: false,
            wakes: 0,
            read_every: None,
            last_read: now,
            unread: Vec::new(),
            links: BTreeMap::new(),
            connections: BTreeMap::new(),
            abandoned: Vec::new(),
            sending: BTreeMap::new(),
            in_flight: BinaryHeap::new(),
            flights: 0,
            batch: TransmitBatch::new(),
            sent: BTreeMap::new(),
            sent_again: 0,
        }
    }

    /// Lets a participant into `room`, with a microphone, a camera and
    /// `slots` pairs of slots.
    pub fn join(&mut self, room: RoomId, id: ParticipantId, slots: u16, link: Link) {
        self.join_as(room, id, slots, link, |_| {});
    }

    /// As [`Session::join`], with transport parameters that `change` made
    /// other than the participant's own.
    pub fn join_as(
        &mut self,
        room: RoomId,
        id: ParticipantId,
        slots: u16,
        link: Link,
        change: impl FnOnce(&mut TransportParameters),
    ) {
        let port = 10_000 + u16::try_from(id.0).expect("a small id");
        let peer = Peer::new(self.now, id, SocketAddr::from(([192, 0, 2, 1], port)));
        let mut transport = TransportParameters {
            local: peer.server_ice.clone(),
            remote: peer.ice.clone(),
            remote_fingerprint: peer.fingerprint,
        };
        change(&mut transport);
        self.command(Command::Join {
            room,
            participant: id,
            transport,
        });
        self.command(Command::Negotiate {
            participant: id,
            media: media(id, slots),
        });
        self.links.insert(id, directions(link));
        self.sending.insert(
            id,
            Sending {
                audio: 0,
                sound: AUDIO_PT,
                frames: 0,
                packets: 0,
                key_frames: 0,
                is_on: false,
                packets_a_frame: 3,
                first: 100,
                encoding: Duration::ZERO,
                sframe: None,
                started: None,
                next_report: None,
            },
        );
        self.sent.remove(&id);
        self.peers.insert(id, peer);
    }

    /// A session of people with good links and so many pairs of slots each: the
    /// first has its devices on, and the others watch it.
    pub fn of(seed: u64, room: RoomId, people: &[ParticipantId], pairs: u16) -> Self {
        let mut session = Self::new(seed);
        for id in people {
            session.join(room, *id, pairs, Link::good());
        }
        for id in &people[1..] {
            session.watch(*id, 0, people[0]);
        }
        session.connect();
        session.start_media(people[0]);
        session
    }

    /// Shows the picture of a pair of slots at a size, or hides it.
    pub fn show(&mut self, subscriber: ParticipantId, pair: u16, size: Option<(u16, u16)>) {
        self.command(Command::Show {
            subscriber,
            slot: video_slot(pair),
            shown: size.map(|(width, height)| Shown {
                size: Size { width, height },
                is_pinned: false,
            }),
        });
    }

    /// Limits the layers of the first picture.
    pub fn limit(&mut self, subscriber: ParticipantId, spatial: u8, temporal: u8) {
        self.command(Command::LimitLayers {
            subscriber,
            slot: video_slot(0),
            limit: Layer { spatial, temporal },
        });
    }

    /// What a participant was told of its camera, oldest first.
    pub fn told(&self, of: ParticipantId) -> Vec<Wanted> {
        let events = self.events.iter();
        events
            .filter_map(|event| match event {
                Event::Watched {
                    publisher,
                    source: Source::Camera,
                    wanted,
                } if *publisher == of => Some(*wanted),
                _ => None,
            })
            .collect()
    }

    /// Puts both of `publisher`'s streams into a pair of slots.
    pub fn watch(&mut self, subscriber: ParticipantId, pair: u16, publisher: ParticipantId) {
        for (slot, source) in [
            (audio_slot(pair), Source::Microphone),
            (video_slot(pair), Source::Camera),
        ] {
            self.command(Command::Assign {
                subscriber,
                slot,
                source: Some((publisher, source)),
            });
        }
    }

    pub fn command(&mut self, command: Command) {
        self.worker.handle_command(self.now, command);
        self.flush();
    }

    pub fn leave(&mut self, id: ParticipantId) {
        self.command(Command::Leave { participant: id });
        self.forget(id);
    }

    /// Takes a participant out of the simulation without telling the worker.
    pub fn forget(&mut self, id: ParticipantId) {
        self.peers.remove(&id);
        self.links.remove(&id);
        self.sending.remove(&id);
    }

    /// Changes a participant's link. What stands in its queue stays there.
    pub fn set_link(&mut self, id: ParticipantId, link: Link) {
        let (up, down) = self.links.entry(id).or_insert_with(|| directions(link));
        let changed = directions(link);
        (up.link, down.link) = (changed.0.link, changed.1.link);
    }

    /// The way to a participant.
    pub fn down(&self, id: ParticipantId) -> &Direction {
        &self.links[&id].1
    }

    /// Turns a participant's microphone and camera on.
    pub fn start_media(&mut self, id: ParticipantId) {
        let sending = self.sending.get_mut(&id).expect("a participant");
        sending.is_on = true;
        sending.started = Some(self.now);
        sending.next_report = Some(self.now);
    }

    pub fn sending(&mut self, id: ParticipantId) -> &mut Sending {
        self.sending.get_mut(&id).expect("a participant")
    }

    pub fn peer(&mut self, id: ParticipantId) -> &mut Peer {
        self.peers.get_mut(&id).expect("a participant")
    }

    /// Hands the worker a datagram from an address, at once.
    pub fn inject(&mut self, from: SocketAddr, mut datagram: Vec<u8>) {
        let path = path(&self.connections, from);
        self.worker.handle_datagram(self.now, path, &mut datagram);
        self.flush();
    }

    /// Sends a check of somebody's, with the credentials that it has, from an
    /// address.
    pub fn check_from(&mut self, id: ParticipantId, address: SocketAddr) {
        let check = self.peer(id).check();
        self.inject(address, check);
    }

    /// Whoever is at `address` comes over TCP from now on, by a line of so many
    /// kilobits a second.
    pub fn open_connection(&mut self, address: SocketAddr, kilobits: usize) {
        let connection = Connection::new(kilobits);
        self.connections.insert(address, connection);
    }

    pub fn connection(&mut self, address: SocketAddr) -> &mut Connection {
        self.connections.get_mut(&address).expect("a connection")
    }

    pub fn close_connection(&mut self, address: SocketAddr) {
        self.connections.remove(&address);
        self.worker
            .lose_path(self.now, Path::tcp(server(), address));
        self.flush();
    }

    /// Lets the given time pass, a millisecond at a time.
    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.now < end {
            self.now += STEP;
            self.produce();
            self.deliver();
            for peer in self.peers.values_mut() {
                peer.handle_timeout(self.now);
            }
            self.send_from_peers();
            if self.worker.next_timeout().is_some_and(|at| at <= self.now) {
                self.worker.handle_timeout(self.now);
                self.wakes += 1;
            }
            self.flush();
            self.write_connections();
        }
    }

    /// The packets of sound and pictures that somebody gets in so long, of the
    /// first pair of slots.
    pub fn received_within(&mut self, id: ParticipantId, duration: Duration) -> [usize; 2] {
        self.peer(id).received.clear();
        self.run(duration);
        [audio_slot(0), video_slot(0)].map(|slot| {
            let ssrc = slot_ssrc(id, slot);
            self.peers[&id].received_on(ssrc).len()
        })
    }

    /// The worker is as it was before anybody came.
    pub fn assert_nothing_is_kept(&self) {
        let at_first = Self::new(1);
        assert_eq!(self.worker.footprint(), at_first.worker.footprint());
    }

    /// Runs until all participants are connected.
    pub fn connect(&mut self) {
        for _ in 0..20_000 {
            if self.peers.values().all(Peer::is_connected) {
                return;
            }
            self.run(STEP);
        }
        panic!("not all participants connected");
    }

    fn produce(&mut self) {
        for (id, sending) in &mut self.sending {
            let peer = self.peers.get_mut(id).expect("a peer for each");
            let (true, Some(started), true) = (sending.is_on, sending.started, peer.is_connected())
            else {
                continue;
            };
            let elapsed = (self.now - started).as_millis() as u64;
            if elapsed.is_multiple_of(20) {
                let payload = [
                    sframe_header(sending.sframe, 0).as_slice(),
                    b"audio",
                    &id.0.to_be_bytes(),
                    &[7; 60],
                ]
                .concat();
                let sequence = ExtendedSequence(sending.first + sending.audio);
                let timestamp = Timestamp((sending.audio * 960) as u32);
                sending.audio += 1;
                peer.send_rtp(
                    audio_ssrc(*id),
                    sending.sound,
                    sequence,
                    timestamp,
                    false,
                    &payload,
                );
            }
            if elapsed.is_multiple_of(FRAME_MS) {
                let wants_key = peer.control.drain(..).any(|item| {
                    item == rtcp::Received::KeyFrameRequest {
                        ssrc: video_ssrc(*id),
                    }
                });
                let is_key = wants_key || sending.frames == 0;
                sending.key_frames += u64::from(is_key);
                send_frame(*id, peer, sending, is_key);
            }
            if sending.next_report.is_some_and(|at| self.now >= at) {
                sending.next_report = Some(self.now + Duration::from_secs(1));
                let encoding = sending.encoding.as_millis() as u64;
                // The first of each comes when it is whole.
                for (ssrc, rate, age) in [
                    (audio_ssrc(*id), 48, 0_u64.wrapping_sub(20)),
                    (video_ssrc(*id), 90, encoding.wrapping_sub(FRAME_MS)),
                ] {
                    peer.send_rtcp(rtcp::sender_report(
                        &rtcp::SentFigures {
                            ssrc,
                            ntp: (7 << 32) + ((elapsed << 32) / 1000),
                            timestamp: Timestamp(
                                elapsed.wrapping_add(age).wrapping_mul(rate) as u32
                            ),
                            packets: sending.packets,
                            octets: 0,
                        },
                        "peer",
                    ));
                }
            }
        }
    }

    fn send_from_peers(&mut self) {
        for (id, peer) in &mut self.peers {
            let (up, _) = self.links.get_mut(id).expect("a link for each");
            let over_tcp = self.connections.contains_key(&peer.address);
            for datagram in peer.take_outbox() {
                if over_tcp {
                    self.flights += 1;
                    let flight = Flight::ToWorker(peer.address, datagram);
                    let at = self.now + up.link.delay;
                    self.in_flight.push(Reverse((at, self.flights, flight)));
                    continue;
                }
                for at in up.arrivals(self.now, datagram.len(), &mut self.random) {
                    self.flights += 1;
                    let flight = Flight::ToWorker(peer.address, datagram.clone());
                    self.in_flight.push(Reverse((at, self.flights, flight)));
                }
            }
        }
    }

    fn write_connections(&mut self) {
        for (address, connection) in &mut self.connections {
            let bytes = connection.write(self.now);
            let peer = self.peers.values().find(|peer| peer.address == *address);
            if let (false, Some(peer)) = (bytes.is_empty(), peer) {
                self.flights += 1;
                let at = self.now + self.links[&peer.id].1.link.delay;
                let flight = Flight::Stream(*address, bytes);
                self.in_flight.push(Reverse((at, self.flights, flight)));
            }
        }
    }

    fn deliver(&mut self) {
        while let Some(Reverse((at, ..))) = self.in_flight.peek()
            && *at <= self.now
        {
            let Some(Reverse((at, _, flight))) = self.in_flight.pop() else {
                return;
            };
            match flight {
                Flight::ToWorker(remote, datagram) => self.unread.push((at, remote, datagram)),
                Flight::Stream(address, bytes) => {
                    let Some(connection) = self.connections.get_mut(&address) else {
                        continue;
                    };
                    let datagrams = connection.receive(&bytes);
                    let peer = self.peers.values_mut().find(|peer| peer.address == address);
                    if let Some(peer) = peer {
                        for datagram in datagrams {
                            peer.handle_datagram(self.now, &datagram);
                        }
                    }
                }
                Flight::ToPeer(address, datagram) => {
                    let peer = self.peers.values_mut().find(|peer| peer.address == address);
                    if let Some(peer) = peer {
                        peer.handle_datagram(self.now, &datagram);
                    }
                }
            }
        }
        if self
            .read_every
            .is_none_or(|every| self.now >= self.last_read + every)
        {
            self.last_read = self.now;
            for (received, remote, mut datagram) in self.unread.drain(..) {
                let path = path(&self.connections, remote);
                self.worker
                    .handle_received(self.now, received, path, &mut datagram);
            }
        }
    }

    fn flush(&mut self) {
        loop {
            self.batch.clear();
            self.worker.poll_transmit(self.now, &mut self.batch);
            if self.batch.is_empty() {
                break;
            }
            let trains = self.batch.trains().iter().flat_map(|train| {
                let datagrams = self.batch.bytes(train).chunks(train.segment_length);
                datagrams.map(|datagram| (train.path, datagram, train.importance))
            });
            for (path, datagram, importance) in trains {
                assert_eq!(importance, importance_of(datagram));
                let Some(peer) = self.peers.values().find(|peer| peer.address == path.remote)
                else {
                    self.deliveries_to_strangers += 1;
                    continue;
                };
                // Under SRTP a number used twice would also give away the key
                // stream (RFC 7714 §10).
                if Protocol::of(datagram) == Some(Protocol::Rtp)
                    && let Some(header) = Header::parse(datagram)
                {
                    let sources = self.sent.entry(peer.id).or_default();
                    let places = sources.entry(header.ssrc).or_default();
                    let (is_same, is_again) = places.insert(header.sequence_number, datagram);
                    assert!(is_same, "{header:?} was sent for two packets");
                    let is_sound = header.payload_type == AUDIO_PT;
                    assert!(is_sound || !is_again, "{header:?} was sent twice");
                    self.sent_again += u64::from(is_again);
                }
                if path.protocol == TransportProtocol::Tcp {
                    match self.connections.get_mut(&path.remote) {
                        Some(connection) => connection.send(self.now, datagram, importance),
                        None => self.deliveries_to_strangers += 1,
                    }
                    continue;
                }
                let (_, down) = self.links.get_mut(&peer.id).expect("a link for each");
                for at in down.arrivals(self.now, datagram.len(), &mut self.random) {
                    self.flights += 1;
                    let flight = Flight::ToPeer(path.remote, datagram.to_vec());
                    self.in_flight.push(Reverse((at, self.flights, flight)));
                }
            }
        }
        while let Some(event) = self.worker.poll_event() {
            self.events.push(event);
        }
        while let Some(path) = self.worker.poll_abandoned() {
            self.abandoned.push(path.remote);
        }
    }
}

fn path(connections: &BTreeMap<SocketAddr, Connection>, remote: SocketAddr) -> Path {
    if connections.contains_key(&remote) {
        Path::tcp(server(), remote)
    } else {
        Path::udp(server(), remote)
    }
}

/// Of a datagram toward a participant, whose sound and pictures have the usual
/// payload types.
fn importance_of(datagram: &[u8]) -> Importance {
    match Protocol::of(datagram) {
        Some(Protocol::Rtp) => match Header::parse(datagram).map(|header| header.payload_type) {
            Some(AUDIO_PT | RED_PT | OTHER_RED_PT) => Importance::Sound,
            _ => Importance::Picture,
        },
        Some(Protocol::Rtcp) => Importance::Sound,
        _ => Importance::Connection,
    }
}

fn directions(link: Link) -> (Direction, Direction) {
    let up = Link {
        bottleneck: None,
        ..link
    };
    (Direction::new(up), Direction::new(link))
}

fn send_frame(id: ParticipantId, peer: &mut Peer, sending: &mut Sending, is_key: bool) {
    let count = sending.packets_a_frame;
    for index in 0..count {
        let start = if index == 0 { 0x10 } else { 0 };
        let [high, low] = (sending.frames as u16 | 0x8000).to_be_bytes();
        let mut payload = vec![0x80 | start, 0x80, high, low, u8::from(!is_key)];
        if let (0, Some(_)) = (index, sending.sframe) {
            let clear_bytes = if is_key { 10 } else { 1 };
            payload.resize(4 + clear_bytes, 0x55);
            payload.extend(sframe_header(sending.sframe, 1));
        }
        payload.extend(b"video");
        payload.extend(id.0.to_be_bytes());
        payload.extend(sending.frames.to_be_bytes());
        payload.push(index as u8);
        // A frame's packets differ by a byte, as a browser's do.
        payload.resize(900 + (index % 2) as usize, 0x55);
        peer.send_rtp(
            video_ssrc(id),
            VIDEO_PT,
            ExtendedSequence(sending.first + sending.packets),
            Timestamp((sending.frames * FRAME_TICKS) as u32),
            index + 1 == count,
            &payload,
        );
        sending.packets += 1;
    }
    sending.frames += 1;
}

/// RFC 9605 §4.3, with a key id in three bytes.
fn sframe_header(key: Option<SframeKey>, context: u8) -> Vec<u8> {
    key.map_or_else(Vec::new, |key| {
        vec![0xA8, context, key.leaf, key.epoch as u8, 0x77]
    })
}

/// What a participant with `slots` pairs of slots negotiates.
pub fn media(id: ParticipantId, slots: u16) -> MediaParameters {
    let audio = vec![CodecParameters {
        codec: Codec::Opus,
        payload_type: AUDIO_PT,
        rtx: None,
    }];
    let video = vec![CodecParameters {
        codec: Codec::Vp8,
        payload_type: VIDEO_PT,
        rtx: Some(VIDEO_RTX_PT),
    }];
    let publication = |source: Source, mid: &str, ssrc, codecs: &Vec<_>| Publication {
        source,
        mid: mid.into(),
        ssrcs: vec![ssrc],
        rtx_ssrcs: vec![repair_ssrc(ssrc)],
        stream_ids: Vec::new(),
        codecs: codecs.clone(),
    };
    MediaParameters {
        extensions: ExtensionIds {
            audio_level: Some(AUDIO_LEVEL_ID),
            transport_sequence_number: Some(TRANSPORT_SEQUENCE_ID),
            ..ExtensionIds::default()
        },
        publications: vec![
            publication(Source::Microphone, "0", audio_ssrc(id), &audio),
            publication(Source::Camera, "1", video_ssrc(id), &video),
        ],
        slots: (0..2 * slots)
            .map(|index| {
                let kind = if index % 2 == 0 {
                    MediaKind::Audio
                } else {
                    MediaKind::Video
                };
                Slot {
                    slot: SlotId(index),
                    mid: (index + 2).to_string(),
                    kind,
                    ssrc: slot_ssrc(id, SlotId(index)),
                    rtx_ssrc: Some(repair_ssrc(slot_ssrc(id, SlotId(index)))),
                    dependency_descriptor: false,
                    codecs: match kind {
                        MediaKind::Audio => audio.clone(),
                        MediaKind::Video => video.clone(),
                    },
                }
            })
            .collect(),
    }
}

pub fn audio_slot(pair: u16) -> SlotId {
    SlotId(2 * pair)
}

pub fn video_slot(pair: u16) -> SlotId {
    SlotId(2 * pair + 1)
}

/// What a participant receives in one of its slots has this source.
pub fn slot_ssrc(id: ParticipantId, slot: SlotId) -> Ssrc {
    Ssrc(0x5000_0000 + (id.0 as u32) * 0x100 + u32::from(slot.0))
}

pub fn audio_ssrc(id: ParticipantId) -> Ssrc {
    Ssrc(0xA000_0000 + id.0 as u32)
}

pub fn video_ssrc(id: ParticipantId) -> Ssrc {
    Ssrc(0xB000_0000 + id.0 as u32)
}

/// As large as can be.
pub const LARGE: (u16, u16) = (u16::MAX, u16::MAX);

/// The worker's only address.
pub fn server() -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 1], 443))
}

pub const AUDIO_PT: PayloadType = PayloadType(111);
pub const RED_PT: PayloadType = PayloadType(63);
/// As somebody else numbers it.
pub const OTHER_RED_PT: PayloadType = PayloadType(64);
pub const VIDEO_PT: PayloadType = PayloadType(96);
/// From one picture to the next.
const FRAME_MS: u64 = 33;
pub const FRAME_TICKS: u64 = 90 * FRAME_MS;
const STEP: Duration = Duration::from_millis(1);

/// How many seeds to run: `QUIETROOM_SEEDS`, or `short` when that is not set.
pub fn seeds(short: u64) -> std::ops::Range<u64> {
    let long = std::env::var("QUIETROOM_SEEDS").ok();
    0..long.and_then(|text| text.parse().ok()).unwrap_or(short)
}

/// As [`seeds`], and those with which a test once failed, if they are not
/// among them.
pub fn seeds_and(short: u64, failed: &'static [u64]) -> impl Iterator<Item = u64> {
    let all = seeds(short);
    let end = all.end;
    all.chain(failed.iter().copied().filter(move |seed| *seed >= end))
}
