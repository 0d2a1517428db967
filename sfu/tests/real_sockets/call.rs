//! Two participants, one of whom sends to the other.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dtls::certificate;
use sfu::driver::{WorkerHandle, WorkerSettings};
use sfu::identity::{MediaKind, ParticipantId, RoomId, SlotId, Source};
use sfu::rtp::extensions::ExtensionIds;
use sfu::rtp::sequence::ExtendedSequence;
use sfu::rtp::{Codec, PayloadType, Ssrc, Timestamp};
use sfu::worker::command::{
    CodecParameters, Command, MediaParameters, Publication, Slot, TransportParameters,
};
use sfu::worker::statistics::Statistics;

use crate::line::Line;
use crate::peer::Peer;
use crate::relay::{Relay, Wire};

pub struct Call {
    pub worker: Arc<WorkerHandle>,
    /// Through which its members come, if they do.
    pub relay: Option<Relay>,
    members: Vec<(Peer, Line)>,
    start: Instant,
    audio: u64,
    _alone: MutexGuard<'static, ()>,
}

/// How long the packets of one stretch took from one participant to the other.
#[derive(Debug)]
pub struct Delays {
    pub sent: usize,
    pub received: Vec<Duration>,
}

impl Delays {
    pub fn percentile(&self, percent: f64) -> Duration {
        let mut sorted = self.received.clone();
        sorted.sort_unstable();
        let at = (sorted.len() as f64 * percent / 100.0) as usize;
        sorted
            .get(at.min(sorted.len().saturating_sub(1)))
            .copied()
            .unwrap_or(Duration::MAX)
    }
}

impl fmt::Display for Delays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} packets, delay p50 {:?}, p99 {:?}, p99.9 {:?}",
            self.received.len(),
            self.sent,
            self.percentile(50.0),
            self.percentile(99.0),
            self.percentile(99.9)
        )
    }
}

impl Call {
    /// Two participants connect. There is one call at a time: they are timed,
    /// and their descriptors counted.
    pub fn start() -> Self {
        Self::start_by(|_| None, None)
    }

    /// The same, but the one who receives comes over TCP.
    pub fn start_over_tcp() -> Self {
        Self::start_by(|_| None, Some(Line::tcp()))
    }

    /// The same, through a relay in the worker's process: nothing goes between
    /// them and the worker's own socket.
    pub fn start_relayed() -> Self {
        Self::start_by(|worker| Some(Relay::start(worker)), None)
    }

    fn start_by(
        relay: impl FnOnce(&WorkerHandle) -> Option<Relay>,
        receiver: Option<Line>,
    ) -> Self {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let certificate = certificate::generate_self_signed_certificate().expect("a certificate");
        let settings = WorkerSettings {
            addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
            announced: Vec::new(),
            port: 0,
            tcp: Vec::new(),
            number: 0,
            most_waiting: 64 << 20,
        };
        let worker = WorkerHandle::spawn(&settings, &certificate, |_| {}).expect("a worker");
        let start = Instant::now();
        let relay = relay(&worker);
        let mut call = Self {
            worker: Arc::new(worker),
            relay,
            members: Vec::new(),
            start,
            audio: 0,
            _alone: alone,
        };
        call.join(SENDER, None);
        call.join(RECEIVER, receiver);
        call.worker.send(Command::Assign {
            subscriber: RECEIVER,
            slot: SlotId(0),
            source: Some((SENDER, Source::Microphone)),
        });
        let deadline = Instant::now() + Duration::from_secs(10);
        while !call.members.iter().all(|(peer, _)| peer.is_connected()) {
            assert!(Instant::now() < deadline, "not connected");
            call.step();
        }
        call.run(Duration::from_millis(200));
        call
    }

    /// Where the worker listens.
    pub fn server(&self) -> SocketAddr {
        self.worker.address().candidates[0]
    }

    /// Sends for `duration`, a burst of three packets every 20 ms, and then
    /// waits for the last to come, unless nothing comes any more.
    pub fn run(&mut self, duration: Duration) -> Delays {
        let begin = Instant::now();
        let mut delays = Delays {
            sent: 0,
            received: Vec::new(),
        };
        let mut next = begin;
        let end = begin + duration;
        let mut last_came = end;
        loop {
            let now = Instant::now();
            let is_all = delays.received.len() >= delays.sent;
            if now >= end && (is_all || now >= last_came + QUIET) {
                return delays;
            }
            if now >= next && now < end {
                next += Duration::from_millis(20);
                for _ in 0..3 {
                    self.send_one();
                    delays.sent += 1;
                }
            }
            self.step();
            let start = self.start;
            for packet in self.members[1].0.received.drain(..) {
                let sent = u64::from_be_bytes(packet.payload[..8].try_into().expect("a time"));
                let sent = start + Duration::from_nanos(sent);
                last_came = end.max(Instant::now());
                delays
                    .received
                    .push(packet.at.saturating_duration_since(sent));
            }
        }
    }

    /// Goes on until the worker has counted so.
    pub fn settle(&mut self, what: &str, is_settled: impl Fn(&Statistics) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !is_settled(&self.worker.statistics()) {
            assert!(Instant::now() < deadline, "{what}");
            self.step();
        }
    }

    /// Lets another participant join, connect, and leave.
    pub fn visit(&mut self, id: ParticipantId) {
        self.join(id, None);
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.members[2].0.is_connected() {
            assert!(Instant::now() < deadline, "not connected");
            self.step();
        }
        self.worker.send(Command::Leave { participant: id });
        self.members.pop();
    }

    pub fn receiver(&mut self) -> &mut Line {
        &mut self.members[1].1
    }

    pub fn receiver_peer(&mut self) -> &mut Peer {
        &mut self.members[1].0
    }

    pub fn receiver_leaves(&self) {
        self.worker.send(Command::Leave {
            participant: RECEIVER,
        });
    }

    fn send_one(&mut self) {
        let nanoseconds = self.start.elapsed().as_nanos() as u64;
        let payload = [&nanoseconds.to_be_bytes()[..], &[9; 100]].concat();
        self.audio += 1;
        self.members[0].0.send_rtp(
            MEDIA_SSRC,
            AUDIO_PT,
            ExtendedSequence(self.audio),
            Timestamp((self.audio * 960) as u32),
            false,
            &payload,
        );
    }

    fn step(&mut self) {
        for (peer, line) in &mut self.members {
            for datagram in line.receive() {
                peer.handle_datagram(Instant::now(), &datagram);
            }
            peer.handle_timeout(Instant::now());
            for datagram in peer.take_outbox() {
                line.send(&self.worker, &datagram);
            }
        }
        std::thread::sleep(Duration::from_micros(200));
    }

    /// Without a line of its own it comes over UDP.
    fn join(&mut self, id: ParticipantId, line: Option<Line>) {
        let line = line.unwrap_or_else(|| {
            Line::Udp(match &self.relay {
                Some(relay) => relay.reach(self.server(), id),
                None => Wire::direct(self.server()),
            })
        });
        let peer = Peer::new(Instant::now(), id, line.address());
        self.worker.send(Command::Join {
            room: RoomId(1),
            participant: id,
            transport: TransportParameters {
                local: peer.server_ice.clone(),
                remote: peer.ice.clone(),
                remote_fingerprint: peer.fingerprint,
            },
        });
        self.worker.send(Command::Negotiate {
            participant: id,
            media: media(),
        });
        self.members.push((peer, line));
    }
}

fn media() -> MediaParameters {
    let codecs = vec![CodecParameters {
        codec: Codec::Opus,
        payload_type: AUDIO_PT,
        rtx: None,
    }];
    MediaParameters {
        extensions: ExtensionIds::default(),
        publications: vec![Publication {
            source: Source::Microphone,
            mid: "0".into(),
            ssrcs: vec![MEDIA_SSRC],
            rtx_ssrcs: Vec::new(),
            stream_ids: Vec::new(),
            codecs: codecs.clone(),
        }],
        slots: vec![Slot {
            slot: SlotId(0),
            mid: "1".into(),
            kind: MediaKind::Audio,
            ssrc: Ssrc(0x5107),
            rtx_ssrc: None,
            dependency_descriptor: false,
            codecs,
        }],
    }
}

/// Longer than a busy machine stands still.
const QUIET: Duration = Duration::from_secs(1);
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
const SENDER: ParticipantId = ParticipantId(1);
const RECEIVER: ParticipantId = ParticipantId(2);
const MEDIA_SSRC: Ssrc = Ssrc(0xA0D10);
const AUDIO_PT: PayloadType = PayloadType(111);
