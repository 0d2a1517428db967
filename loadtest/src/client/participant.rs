//! One end of one transport: its handshakes, what it sends and what it
//! receives.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::checks::{Checks, Findings};
use super::dtls::{self, Fingerprint, Handshake, Identity};
use super::feedback::{self, Arrivals};
use super::ice::{self, Credentials, Ice, Role};
use super::loss::Loss;
use super::publisher::{Publication, Publisher, Sent};
use super::reception::Reception;
use super::srtp::{MasterKey, Profile, Session};
use super::tally::Tally;
use super::transport::{Transport, wall_time};
use crate::media::rtp::{self, Header};
use crate::system::tcp::Link;
use crate::system::udp::{Batch, Datagram};

/// A negotiated transport.
#[derive(Debug)]
pub struct Plan {
    pub link: Link,
    pub remote: SocketAddr,
    /// A TURN server on the way there.
    pub relay: Option<Relay>,
    pub security: Security,
    pub publications: Vec<Publication>,
    /// Whether media should come.
    pub receives: bool,
    /// Decrypt and check everything, or only count.
    pub is_full: bool,
    /// For received packets.
    pub payload_types: PayloadTypes,
    /// Sources of retransmissions that come, and whose each repeats.
    pub repairs: Vec<(u32, u32)>,
    /// The part of media packets that is lost on each way.
    pub loss: f64,
    /// Of the transport-wide sequence toward us, if agreed upon.
    pub transport_number_id: Option<u8>,
    /// Tells one participant's media from another's.
    pub seed: u64,
    /// The participant's leaf in the group's tree.
    pub leaf: u8,
}

/// A channel to the remote end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Relay {
    pub server: SocketAddr,
    pub channel: u16,
}

/// How media is protected.
#[derive(Debug)]
pub enum Security {
    /// As in WebRTC.
    Handshake {
        role: Role,
        local: Credentials,
        remote: Credentials,
        fingerprint: Fingerprint,
        /// Offered to the peer, which chooses.
        profiles: Vec<Profile>,
    },
    /// Both keys are known beforehand, ours first: only for the bare
    /// forwarder.
    Preset(Profile, MasterKey, MasterKey),
}

/// What is told apart in received packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PayloadTypes {
    pub video: Option<u8>,
    pub repair: Option<u8>,
}

/// A step of a join.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stage {
    Checked,
    Secured,
    /// The first packet of media came.
    Media,
    /// The client's handshake gave up.
    Failed(String),
}

/// A participant at work.
#[derive(Debug)]
pub struct Participant {
    transport: Transport,
    remote: SocketAddr,
    state: State,
    ice: Option<Ice>,
    fingerprint: Option<Fingerprint>,
    profiles: Vec<Profile>,
    session: Option<Session>,
    publishers: Vec<Publisher>,
    receives: bool,
    checks: Option<Checks>,
    reception: Reception,
    repair_sources: Vec<(u32, u32)>,
    repairs: Repairs,
    /// Of what comes.
    loss: Loss,
    payload_types: PayloadTypes,
    transport_number_id: Option<u8>,
    arrivals: Arrivals,
    next_report: Instant,
    next_feedback: Instant,
    has_media: bool,
    stages: Vec<Stage>,
}

/// What came of packets that were missing, since the last reset.
#[derive(Clone, Copy, Debug, Default)]
struct Repairs {
    asked: u64,
    came: u64,
    filled: u64,
}

#[derive(Debug)]
enum State {
    Checking,
    Handshaking(Handshake),
    Ready,
    Failed,
}

impl Participant {
    /// # Errors
    /// There is no way to the peer, or a preset key is of no use.
    pub fn new(now: Instant, plan: Plan) -> Result<Self, String> {
        let first = plan.relay.map_or(plan.remote, |relay| relay.server);
        plan.link
            .connect(first)
            .map_err(|error| format!("{first}: {error}"))?;
        let mut participant = Self {
            transport: Transport {
                link: plan.link,
                channel: plan.relay.map(|relay| relay.channel),
                next_number: 0,
                loss: Loss::new(plan.loss, plan.seed * 2),
            },
            remote: plan.remote,
            state: State::Checking,
            ice: None,
            fingerprint: None,
            profiles: Vec::new(),
            session: None,
            publishers: plan
                .publications
                .into_iter()
                .zip(0..)
                .map(|(publication, index)| {
                    let seed = plan.seed * 2 + index;
                    Publisher::new(now, publication, plan.leaf, seed)
                })
                .collect(),
            receives: plan.receives,
            checks: plan.is_full.then(Checks::default),
            reception: Reception::default(),
            repair_sources: plan.repairs,
            repairs: Repairs::default(),
            loss: Loss::new(plan.loss, plan.seed * 2 + 1),
            payload_types: plan.payload_types,
            transport_number_id: plan.transport_number_id,
            arrivals: Arrivals::default(),
            next_report: now + REPORT_INTERVAL,
            next_feedback: now,
            has_media: false,
            stages: Vec::new(),
        };
        match plan.security {
            Security::Handshake {
                role,
                local,
                remote,
                fingerprint,
                profiles,
            } => {
                participant.ice = Some(Ice::new(now, role, local, remote));
                participant.fingerprint = Some(fingerprint);
                participant.profiles = profiles;
            }
            Security::Preset(profile, ours, theirs) => {
                let session = Session::new(profile, &ours, &theirs);
                participant.session = Some(session.map_err(|error| error.to_string())?);
                participant.state = State::Ready;
                participant.stages = vec![Stage::Checked, Stage::Secured];
            }
        }
        Ok(participant)
    }

    /// Whether it should be looked at often: it has something to answer soon.
    pub fn is_urgent(&self) -> bool {
        !matches!(self.state, State::Ready) || (self.receives && !self.has_media)
    }

    /// Whether the whole of each datagram is wanted.
    pub fn needs_whole_datagrams(&self) -> bool {
        self.checks.is_some() || self.is_urgent() || self.reception.lacks_packets()
    }

    /// The steps of the join taken since the last call.
    pub fn take_stages(&mut self) -> Vec<Stage> {
        std::mem::take(&mut self.stages)
    }

    /// When media is to be sent next.
    pub fn next_due(&self) -> Option<Instant> {
        self.session.as_ref()?;
        self.publishers.iter().map(Publisher::next_due).min()
    }

    /// Sends the media that is due.
    pub fn publish(&mut self, now: Instant) {
        if let Some(session) = &mut self.session {
            for publisher in &mut self.publishers {
                publisher.poll(now, session, &mut self.transport);
            }
        }
    }

    /// Goes on publishing after a time of silence.
    pub fn resume(&mut self, now: Instant) {
        for publisher in &mut self.publishers {
            publisher.resume(now);
        }
    }

    /// Takes what has come.
    pub fn receive(&mut self, now: Instant, identity: &Identity, batch: &mut Batch) {
        loop {
            let count = match self.transport.link.receive(batch) {
                Ok(count) => count,
                Err(error) => {
                    self.fail(error.to_string());
                    return;
                }
            };
            for index in 0..count {
                if let Some(datagram) = self.transport.unframed(batch.datagram(index)) {
                    self.handle(now, identity, &datagram);
                }
            }
            if !batch.is_full() {
                return;
            }
        }
    }

    /// Checks, retransmissions of handshakes, and reports.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(check) = self.ice.as_mut().and_then(|ice| ice.poll(now)) {
            self.transport.send(&check);
        }
        if let State::Handshaking(handshake) = &mut self.state {
            if let Err(error) = handshake.handle_timeout(now) {
                self.fail(error.to_string());
                return;
            }
            self.flush_handshake();
        }
        if !self.receives {
            return;
        }
        self.ask_again(now);
        if now >= self.next_report {
            self.next_report = now + REPORT_INTERVAL;
            let figures = self.reception.report(now);
            if !figures.is_empty() {
                self.send_rtcp(&feedback::receiver_report(RTCP_SENDER, &figures));
            }
        }
        if self.transport_number_id.is_some() && now >= self.next_feedback {
            self.next_feedback = now + FEEDBACK_INTERVAL;
            let media = self.reception.streams().first().map(|stream| stream.ssrc);
            let packet = media.and_then(|media| self.arrivals.feedback(RTCP_SENDER, media));
            if let Some(packet) = packet {
                self.send_rtcp(&packet);
            }
        }
    }

    /// Counts from here on.
    pub fn reset(&mut self) {
        self.reception.reset();
        self.repairs = Repairs::default();
        for publisher in &mut self.publishers {
            publisher.sent = Sent::default();
        }
        if let Some(checks) = &mut self.checks {
            checks.findings = Findings::default();
        }
    }

    /// Adds what it counted.
    pub fn add_to(&self, tally: &mut Tally) {
        for publisher in &self.publishers {
            tally.sent.packets += publisher.sent.packets;
            tally.sent.all_packets += publisher.sent.all_packets;
            tally.sent.skipped_frames += publisher.sent.skipped_frames;
            tally.sent.refused += publisher.sent.refused;
            tally.sent.again += publisher.sent.again;
        }
        tally
            .profiles
            .extend(self.session.as_ref().map(|session| session.profile));
        if !self.receives {
            return;
        }
        let mut received = 0;
        for stream in self.reception.streams() {
            received += stream.received;
            tally.received_bytes += stream.bytes;
            tally.expected += stream.expected();
            tally.duplicates += stream.duplicates;
        }
        tally.received += received;
        tally.repairs += self.repairs.came;
        tally.repaired += self.repairs.filled;
        tally.asked += self.repairs.asked;
        tally.longest_silence = tally.longest_silence.max(self.reception.longest_silence());
        tally.silent_clients += usize::from(received == 0);
        match &self.checks {
            Some(checks) => {
                tally.full_clients += 1;
                tally.findings.merge(&checks.findings);
            }
            None => tally.counting_clients += 1,
        }
    }

    fn handle(&mut self, now: Instant, identity: &Identity, datagram: &Datagram) {
        if ice::is_stun(datagram.bytes) {
            let Some(ice) = &mut self.ice else {
                return;
            };
            let outcomes = ice.handle(datagram.bytes, self.remote);
            if let Some(answer) = outcomes.answer {
                self.transport.send(&answer);
            }
            if outcomes.is_connected {
                self.start_handshake(now, identity);
            }
        } else if dtls::is_dtls(datagram.bytes) {
            self.handle_dtls(now, datagram.bytes);
        } else if rtp::is_rtcp(datagram.bytes) {
            self.handle_rtcp(now, datagram);
        } else {
            self.handle_rtp(datagram);
        }
    }

    fn start_handshake(&mut self, now: Instant, identity: &Identity) {
        self.stages.push(Stage::Checked);
        let Some(fingerprint) = self.fingerprint else {
            return;
        };
        let local = self.transport.link.local();
        match Handshake::start(
            now,
            identity,
            fingerprint,
            &self.profiles,
            local,
            self.remote,
        ) {
            Ok(handshake) => {
                self.state = State::Handshaking(handshake);
                self.flush_handshake();
            }
            Err(error) => self.fail(error.to_string()),
        }
    }

    fn handle_dtls(&mut self, now: Instant, datagram: &[u8]) {
        let State::Handshaking(handshake) = &mut self.state else {
            return;
        };
        let result = handshake.handle(now, datagram);
        self.flush_handshake();
        match result {
            Ok(Some(session)) => {
                self.session = Some(session);
                self.state = State::Ready;
                self.stages.push(Stage::Secured);
                self.resume(now);
            }
            Ok(None) => {}
            Err(error) => self.fail(error.to_string()),
        }
    }

    fn flush_handshake(&mut self) {
        if let State::Handshaking(handshake) = &mut self.state {
            while let Some(datagram) = handshake.poll_transmit() {
                self.transport.send(&datagram);
            }
        }
    }

    fn fail(&mut self, reason: String) {
        if !matches!(self.state, State::Failed) {
            self.state = State::Failed;
            self.stages.push(Stage::Failed(reason));
        }
    }

    fn handle_rtcp(&mut self, now: Instant, datagram: &Datagram) {
        let Some(session) = &mut self.session else {
            return;
        };
        // One that is cut short is long: reports on many sources.
        if datagram.length > datagram.bytes.len() {
            return;
        }
        if let Ok(compound) = session.unprotect_rtcp(datagram.bytes) {
            for (ssrc, middle) in feedback::sender_reports(&compound) {
                self.reception.note_sender_report(now, ssrc, middle);
            }
            for request in feedback::requests(&compound) {
                for publisher in &mut self.publishers {
                    publisher.handle(now, request, session, &mut self.transport);
                }
            }
        }
    }

    fn handle_rtp(&mut self, datagram: &Datagram) {
        let Some(header) = Header::parse(datagram.bytes) else {
            return;
        };
        if self.session.is_none() || !self.receives || self.loss.takes() {
            return;
        }
        if let Some(id) = self.transport_number_id
            && let Some(number) = header.extension(datagram.bytes, id)
            && let Ok(number) = number.try_into()
        {
            let at = datagram.at.unwrap_or_else(wall_time);
            self.arrivals.record(u16::from_be_bytes(number), at);
        }
        if Some(header.payload_type) == self.payload_types.repair {
            self.handle_repair(&header, datagram);
            return;
        }
        if !self.has_media {
            self.has_media = true;
            self.stages.push(Stage::Media);
        }
        let is_video = Some(header.payload_type) == self.payload_types.video;
        let is_repaired = is_video && self.payload_types.repair.is_some();
        self.reception
            .note_arrival(datagram.at.unwrap_or_else(wall_time));
        let place = self.reception.record(&header, datagram.length, is_repaired);
        let (Some(checks), Some(session)) = (&mut self.checks, &mut self.session) else {
            return;
        };
        match session.unprotect(datagram.bytes) {
            Ok(packet) => {
                checks.check(&header, &packet, place, is_video, datagram.at);
            }
            Err(_) => checks.findings.undecryptable += 1,
        }
    }

    /// Takes a retransmission for the packet that it repeats (RFC 4588 §4).
    fn handle_repair(&mut self, header: &Header, datagram: &Datagram) {
        self.repairs.came += 1;
        let mut sources = self.repair_sources.iter();
        let source = sources.find(|(repair, _)| *repair == header.ssrc);
        let (Some((_, media)), Some(session)) = (source, &mut self.session) else {
            return;
        };
        // One that is cut short came when nothing was missing any more.
        if datagram.length > datagram.bytes.len() {
            return;
        }
        let Ok(packet) = session.unprotect(datagram.bytes) else {
            if let Some(checks) = &mut self.checks {
                checks.findings.undecryptable += 1;
            }
            return;
        };
        let Some(&[high, low]) = header.payload(&packet).and_then(<[u8]>::first_chunk) else {
            // Only padding.
            return;
        };
        let number = u16::from_be_bytes([high, low]);
        let Some(place) = self.reception.repair(*media, number) else {
            return;
        };
        self.repairs.filled += 1;
        if let Some(checks) = &mut self.checks {
            let mut original = packet.to_vec();
            original.drain(header.length..header.length + 2);
            let header = header.renamed(number, *media);
            // How late it came says nothing of how fast the server forwards.
            checks.check(&header, &original, place, true, None);
        }
    }

    /// Asks for what is missing.
    fn ask_again(&mut self, now: Instant) {
        if !self.reception.lacks_packets() {
            return;
        }
        for (media, numbers) in self.reception.missing(now) {
            self.repairs.asked += numbers.len() as u64;
            // With a report before it, since not all servers take feedback
            // alone (RFC 5506), and some go by the report's source.
            let figures = self.reception.report_on(now, media);
            let mut compound = feedback::receiver_report(RTCP_SENDER, figures.as_slice());
            compound.extend(feedback::nack(RTCP_SENDER, media, &numbers));
            self.send_rtcp(&compound);
        }
    }

    fn send_rtcp(&mut self, compound: &[u8]) {
        if let Some(session) = &mut self.session
            && let Ok(packet) = session.protect_rtcp(compound)
        {
            self.transport.send(&packet);
        }
    }
}

/// Browsers use the same for reports of a receiver that sends nothing.
const RTCP_SENDER: u32 = 1;
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
const FEEDBACK_INTERVAL: Duration = Duration::from_millis(100);
