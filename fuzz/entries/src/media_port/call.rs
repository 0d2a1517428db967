//! Four participants of one room: two in a call, one that has proved its
//! address, one that has not been heard of.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use dtls::certificate;
use sfu::identity::{MediaKind, ParticipantId, RoomId, SlotId, Source};
use sfu::rtcp::WallClock;
use sfu::rtp::extensions::ExtensionIds;
use sfu::rtp::header::Header;
use sfu::rtp::{Codec, PayloadType, Ssrc};
use sfu::transport::demux::Protocol;
use sfu::transport::{DtlsConfig, Path};
use sfu::worker::batch::TransmitBatch;
use sfu::worker::command::{CodecParameters, Command, MediaParameters, Publication, Slot};
use sfu::worker::event::{DisconnectReason, Event};
use sfu::worker::{Footprint, Worker};

use super::browser::Browser;
use super::{LONGEST_DATAGRAM, Reach};
use crate::connectivity_check::seal;

/// Who a datagram comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sender {
    /// In the call; its description names its sources.
    Announced,
    /// In the call; its sources are known by MID only.
    Unannounced,
    /// The first one, from an address that no check has proved.
    AnnouncedElsewhere,
    /// Checked, without DTLS.
    Unsecured,
    /// Known to signaling only.
    Unchecked,
    Stranger,
}

/// What is done to a datagram to make it authentic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sealing {
    None,
    Rtp,
    Rtcp,
    SignedCheck,
    UnsignedCheck,
}

pub(super) struct Call {
    worker: Worker,
    now: Instant,
    next_check: Instant,
    browsers: [Browser; 4],
    batch: TransmitBatch,
    inputs: u32,
    /// The newest number of each source sent to a browser.
    newest: BTreeMap<Ssrc, u16>,
    is_silent: bool,
    /// Somebody without keys has begun a handshake or was given up.
    is_disturbed: bool,
}

impl Call {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        let certificate = certificate::generate_self_signed_certificate().expect("a certificate");
        let dtls = DtlsConfig::new(certificate).expect("valid settings");
        let mut call = Self {
            worker: Worker::new(now, dtls, WallClock::new(now, 1 << 40)),
            now,
            next_check: now,
            browsers: [1, 2, 3, 4].map(|id| Browser::new(now, ParticipantId(id), path(id, 0))),
            batch: TransmitBatch::new(),
            inputs: 0,
            newest: BTreeMap::new(),
            is_silent: false,
            is_disturbed: false,
        };
        for index in 0..call.browsers.len() {
            call.join(index);
        }
        call.check();
        for index in CONNECTED {
            call.connect(index);
        }
        for (subscriber, publisher) in [(1, 2), (2, 1)] {
            for (slot, source) in [(0, Source::Microphone), (1, Source::Camera)] {
                let command = Command::Assign {
                    subscriber: ParticipantId(subscriber),
                    slot: SlotId(slot),
                    source: Some((ParticipantId(publisher), source)),
                };
                call.worker.handle_command(call.now, command);
            }
        }
        call
    }

    /// Lets time pass.
    pub(super) fn wait(&mut self, milliseconds: u64) {
        self.now += Duration::from_millis(milliseconds);
        if self.worker.next_timeout().is_some_and(|at| at <= self.now) {
            self.worker.handle_timeout(self.now);
            let sent = self.flush();
            assert!(sent <= MOST_A_TICK, "{sent} bytes because time passed");
        }
        if !self.is_silent && self.now >= self.next_check {
            self.check();
        }
    }

    /// Whether the call is new, or old enough: calls are dear to set up.
    pub(super) fn may_fall_silent(&self) -> bool {
        !self.is_silent && (self.inputs == 0 || self.inputs > LEAST_INPUTS)
    }

    /// Nobody is heard for so long that all are given up. The rest of the
    /// input finds an empty worker.
    pub(super) fn fall_silent(&mut self) {
        self.is_silent = true;
        for _ in 0..40 {
            self.wait(900);
        }
        assert_eq!(self.worker.footprint(), Footprint::default());
    }

    pub(super) fn send(&mut self, sender: Sender, sealing: Sealing, datagram: &[u8]) {
        let shift = (self.inputs << 4) as u16;
        let (browser, address) = match sender {
            Sender::Announced | Sender::Stranger => (0, 0),
            Sender::Unannounced => (1, 0),
            Sender::AnnouncedElsewhere => (0, 1 + (self.inputs % ADDRESSES) as u8),
            Sender::Unsecured => (2, 0),
            Sender::Unchecked => (3, 0),
        };
        let browser = &mut self.browsers[browser];
        let path = match sender {
            Sender::Stranger => path(66, 0),
            _ => path(browser.id.0, address),
        };
        let mut datagram = datagram.to_vec();
        match sealing {
            Sealing::None => {}
            Sealing::Rtp => browser.protect_rtp(&mut datagram, shift),
            Sealing::Rtcp => {
                place_nack(&mut datagram, &self.newest);
                browser.protect_rtcp(&mut datagram);
            }
            Sealing::SignedCheck if sender != Sender::Stranger => {
                seal(&mut datagram, Some(&browser.transport.local.password));
            }
            Sealing::SignedCheck | Sealing::UnsignedCheck => seal(&mut datagram, None),
        }
        let protocol = Protocol::of(&datagram);
        self.is_disturbed |= protocol == Some(Protocol::Dtls);
        let length = datagram.len();
        self.worker.handle_datagram(self.now, path, &mut datagram);
        let sent = self.flush();
        let most = match (protocol, sealing) {
            (Some(Protocol::Stun), _) => length + MOST_ADDED_TO_A_CHECK,
            (Some(Protocol::Dtls), _) if sender != Sender::Stranger => MOST_A_FLIGHT,
            (_, Sealing::Rtp) => length + MOST_ADDED_TO_MEDIA,
            (_, Sealing::Rtcp) => MOST_REPAIRS,
            _ => 0,
        };
        assert!(
            sent <= most,
            "{sent} bytes for {length} of {sender:?}, {protocol:?}, {sealing:?}"
        );
    }

    /// Checks what the worker keeps, and brings back who was given up.
    pub(super) fn end_input(&mut self) {
        self.inputs += 1;
        let footprint = self.worker.footprint();
        assert!(footprint.participants <= 2 * 4, "{footprint:?}");
        assert!(footprint.streams <= 4, "{footprint:?}");
        assert!(footprint.subscriptions <= 4, "{footprint:?}");
        assert!(footprint.rooms <= 1, "{footprint:?}");
        assert!(footprint.routes <= 4 * (1 + 16), "{footprint:?}");
        let is_time = self.inputs.is_multiple_of(INPUTS_A_HANDSHAKE);
        if is_time && self.is_disturbed && !self.is_silent {
            self.is_disturbed = false;
            for index in CONNECTED.end..self.browsers.len() {
                self.rejoin(index);
            }
        }
    }

    pub(super) fn is_fresh_enough(&self) -> bool {
        !self.is_silent && self.inputs < MOST_INPUTS
    }

    /// Everybody leaves, and nothing is left.
    pub(super) fn end(mut self) {
        for index in 0..self.browsers.len() {
            let participant = self.browsers[index].id;
            self.worker
                .handle_command(self.now, Command::Leave { participant });
            self.flush();
        }
        assert_eq!(self.worker.footprint(), Footprint::default());
        assert_eq!(self.worker.next_timeout(), None);
    }

    pub(super) fn reach(&self) -> Reach {
        let statistics = self.worker.statistics();
        Reach {
            authentic: statistics.packets_received,
            forwarded: statistics.packets_sent,
            retransmitted: statistics.retransmitted,
        }
    }

    fn join(&mut self, index: usize) {
        let browser = &self.browsers[index];
        let participant = browser.id;
        let commands = [
            Command::Join {
                room: RoomId(1),
                participant,
                transport: browser.transport.clone(),
            },
            Command::Negotiate {
                participant,
                media: media(participant),
            },
        ];
        for command in commands {
            self.worker.handle_command(self.now, command);
        }
    }

    fn rejoin(&mut self, index: usize) {
        let participant = self.browsers[index].id;
        self.worker
            .handle_command(self.now, Command::Leave { participant });
        self.flush();
        self.join(index);
        if index != UNCHECKED {
            self.check_one(index);
        }
    }

    /// Honest checks keep everybody's consent.
    fn check(&mut self) {
        self.next_check = self.now + CHECKS;
        for index in 0..UNCHECKED {
            self.check_one(index);
        }
    }

    fn check_one(&mut self, index: usize) {
        let browser = &mut self.browsers[index];
        let (mut check, path) = (browser.check(), browser.path);
        self.worker.handle_datagram(self.now, path, &mut check);
        self.flush();
    }

    fn connect(&mut self, index: usize) {
        let mut flight = self.browsers[index].shake_hands(self.now, None);
        let path = self.browsers[index].path;
        for _ in 0..20 {
            for datagram in &mut flight {
                self.worker.handle_datagram(self.now, path, datagram);
            }
            self.batch.clear();
            self.worker.poll_transmit(self.now, &mut self.batch);
            flight.clear();
            for (_, datagram) in self.batch.datagrams() {
                if Protocol::of(datagram) == Some(Protocol::Dtls) {
                    flight.extend(self.browsers[index].shake_hands(self.now, Some(datagram)));
                }
            }
            if self.browsers[index].is_secured() && flight.is_empty() {
                while self.worker.poll_event().is_some() {}
                return;
            }
        }
        panic!("no handshake without any loss");
    }

    /// Takes what the worker sends and gives its bytes.
    fn flush(&mut self) -> usize {
        let mut sent = 0;
        loop {
            self.batch.clear();
            self.worker.poll_transmit(self.now, &mut self.batch);
            if self.batch.is_empty() {
                break;
            }
            for (path, datagram) in self.batch.datagrams() {
                assert!((1..=LARGEST).contains(&datagram.len()));
                assert_eq!(path.local, server());
                sent += datagram.len();
                if Protocol::of(datagram) == Some(Protocol::Rtp)
                    && let Some(header) = Header::parse(datagram)
                {
                    self.newest.insert(header.ssrc, header.sequence_number);
                }
            }
        }
        while let Some(event) = self.worker.poll_event() {
            self.handle_event(event);
        }
        sent
    }

    fn handle_event(&mut self, event: Event) {
        match event {
            Event::Disconnected {
                participant,
                reason,
            } => {
                let index = (participant.0 - 1) as usize;
                // Whoever can only guess must not end a call.
                let is_due = self.is_silent && reason == DisconnectReason::ConsentExpired;
                assert!(is_due || !CONNECTED.contains(&index), "{event:?}");
                self.is_disturbed = true;
            }
            Event::Paused { .. }
            | Event::Resumed { .. }
            | Event::AudioOnly { .. }
            | Event::Watched { .. }
            | Event::Speaking { .. }
            | Event::Rated { .. } => {}
            Event::Connected { .. } => panic!("{event:?} without keys"),
        }
    }
}

fn media(id: ParticipantId) -> MediaParameters {
    let audio = vec![CodecParameters {
        codec: Codec::Opus,
        payload_type: PayloadType(111),
        rtx: None,
    }];
    let video = [(Codec::Vp8, 96), (Codec::Vp9, 98), (Codec::Av1, 45)]
        .map(|(codec, number)| CodecParameters {
            codec,
            payload_type: PayloadType(number),
            rtx: Some(PayloadType(number + 1)),
        })
        .to_vec();
    let publication = |source, mid: &str, ssrc: u32, codecs: &Vec<_>| Publication {
        source,
        mid: mid.into(),
        ssrcs: [Ssrc(ssrc)].into_iter().filter(|_| id.0 == 1).collect(),
        rtx_ssrcs: [Ssrc(ssrc ^ 0x0800_0000)]
            .into_iter()
            .filter(|_| id.0 == 1)
            .collect(),
        stream_ids: Vec::new(),
        codecs: codecs.clone(),
    };
    let slot = |number: u16, kind, codecs: &Vec<_>| {
        let ssrc = 0x5000_0000 + id.0 as u32 * 0x100 + u32::from(number);
        Slot {
            slot: SlotId(number),
            mid: (number + 2).to_string(),
            kind,
            ssrc: Ssrc(ssrc),
            rtx_ssrc: (kind == MediaKind::Video).then_some(Ssrc(ssrc ^ 0x0800_0000)),
            dependency_descriptor: true,
            codecs: codecs.clone(),
        }
    };
    let mut camera = publication(Source::Camera, "1", 0xB000_0001, &video);
    if id.0 == 2 {
        camera.stream_ids = vec!["q".into(), "h".into()];
    }
    MediaParameters {
        extensions: ExtensionIds {
            mid: Some(1),
            audio_level: Some(3),
            transport_sequence_number: Some(5),
            absolute_send_time: None,
            stream_id: Some(7),
            repaired_stream_id: Some(8),
            dependency_descriptor: Some(9),
        },
        publications: vec![
            publication(Source::Microphone, "0", 0xA000_0001, &audio),
            camera,
        ],
        slots: vec![
            slot(0, MediaKind::Audio, &audio),
            slot(1, MediaKind::Video, &video),
        ],
    }
}

/// Takes the numbers of a generic NACK (RFC 4585 §6.2.1) at the start of a
/// compound packet as counted from 100 before the newest.
fn place_nack(compound: &mut [u8], newest: &BTreeMap<Ssrc, u16>) {
    let Some((&mut [first, kind, high, low, .., a, b, c, d], pairs)) =
        compound.split_first_chunk_mut::<12>()
    else {
        return;
    };
    let ssrc = Ssrc(u32::from_be_bytes([a, b, c, d]));
    if let (1, 205, Some(newest)) = (first & 0x1F, kind, newest.get(&ssrc)) {
        let count = usize::from(u16::from_be_bytes([high, low])).saturating_sub(2);
        for pair in pairs.chunks_exact_mut(4).take(count) {
            let number = u16::from_be_bytes([pair[0], pair[1]]);
            let placed = newest.wrapping_add(number).wrapping_sub(100);
            pair[..2].copy_from_slice(&placed.to_be_bytes());
        }
    }
}

fn path(id: u64, address: u8) -> Path {
    let remote = SocketAddr::from(([192, 0, 2, 1 + address], 1000 + id as u16));
    Path::udp(server(), remote)
}

fn server() -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 1], 443))
}

const CONNECTED: std::ops::Range<usize> = 0..2;
const UNCHECKED: usize = 3;
const CHECKS: Duration = Duration::from_secs(5);
/// Mid-handshake is a state to be found in, and so is the start.
const INPUTS_A_HANDSHAKE: u32 = 16;
/// That somebody comes from, one after another: more than are remembered.
const ADDRESSES: u32 = 200;
/// A call that has begun takes so many before it may end in silence.
const LEAST_INPUTS: u32 = 3_000;
/// More than numbers take to wrap.
const MOST_INPUTS: u32 = 10_000;

/// Bytes that no datagram sent exceeds: the largest received, and what a
/// receiver's header and tag add.
const LARGEST: usize = LONGEST_DATAGRAM + 64;
const MOST_ADDED_TO_A_CHECK: usize = 88;
const MOST_A_FLIGHT: usize = 4 * 1024;
const MOST_ADDED_TO_MEDIA: usize = 2 * 1024;
/// The budget's burst of repairs, and what two sources ask for.
const MOST_REPAIRS: usize = 512 * 1500;
const MOST_A_TICK: usize = 16 * 1024;
