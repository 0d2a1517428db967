//! A participant's browser, as far as the worker sees it.

// The DTLS crate takes its settings behind an `Arc`.
#![allow(clippy::disallowed_types)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::repair::{History, Missing, Sent, VIDEO_RTX_PT, repair_ssrc};
use dtls::{Config, Dtls, DtlsCertificate, Output, SrtpProfile, certificate};
use ring::digest;
use rtc_stun::attributes::{ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME, RawAttribute};
use rtc_stun::crypto::providers::RingCrypto;
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter, TransactionId};
use sfu::identity::ParticipantId;
use sfu::rtcp;
use sfu::rtp::header::{Header, Outgoing};
use sfu::rtp::sequence::ExtendedSequence;
use sfu::rtp::{PayloadType, Ssrc, Timestamp};
use sfu::srtp::{Profile, ReceivedSource, Session};
use sfu::transport::{Fingerprint, IceCredentials};

/// A packet of media as the participant got it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReceivedPacket {
    pub at: Instant,
    pub ssrc: Ssrc,
    pub payload_type: PayloadType,
    pub sequence_number: u16,
    pub timestamp: Timestamp,
    pub marker: bool,
    pub audio_level: Option<u8>,
    /// The Dependency Descriptor.
    pub descriptor: Option<Vec<u8>>,
    pub payload: Vec<u8>,
    /// It came as a retransmission.
    pub is_repair: bool,
}

#[allow(clippy::struct_excessive_bools, reason = "they have nothing in common")]
pub struct Peer {
    pub id: ParticipantId,
    pub address: SocketAddr,
    pub ice: IceCredentials,
    pub server_ice: IceCredentials,
    pub fingerprint: Fingerprint,
    pub received: Vec<ReceivedPacket>,
    pub control: Vec<rtcp::Received>,
    /// Packets that it was asked for again.
    pub nacks: u64,
    /// Of these, those on this source.
    pub nacks_on: BTreeMap<Ssrc, u64>,
    /// Fills up probes, after each picture, with the last packet of it.
    pub probes_by_repeating: bool,
    /// Sends what has this payload type without transport-wide numbers, and
    /// again as it was when it is asked to.
    pub repeats: Option<PayloadType>,
    /// Of all packets it sends (RFC 6464).
    pub audio_level: u8,
    /// The first datagram of the handshake.
    pub first_hello: Vec<u8>,
    /// Asks for what is missing, as a browser does.
    pub repairs_within: Option<Duration>,
    /// Tells by transport-wide numbers what came, as a browser does.
    pub feedback_every: Option<Duration>,
    /// Packets of padding that came.
    pub probes: u32,
    arrivals: rtcp::ArrivalRecorder,
    next_feedback: Instant,
    /// Bytes of every decrypted compound packet.
    pub reports: Vec<Vec<u8>>,
    /// Set when the participant has vanished: it neither sends nor answers.
    pub is_gone: bool,
    pub profile: Option<Profile>,
    dtls: Dtls,
    dtls_deadline: Option<Instant>,
    is_checked: bool,
    has_started_dtls: bool,
    session: Option<Session>,
    next_check: Instant,
    sources: Vec<(Ssrc, ReceivedSource)>,
    outbox: Vec<Vec<u8>>,
    transport_sequence: u16,
    checks: u32,
    missing: BTreeMap<Ssrc, Missing>,
    sender_reports: BTreeMap<Ssrc, (u64, Instant)>,
    next_report: Instant,
    history: BTreeMap<Ssrc, History>,
    /// Packets as they were sent.
    repeated: BTreeMap<(Ssrc, u16), Vec<u8>>,
}

impl Peer {
    pub fn new(now: Instant, id: ParticipantId, address: SocketAddr) -> Self {
        let certificate = certificate::generate_self_signed_certificate().expect("a certificate");
        let fingerprint = fingerprint(&certificate);
        let config = Config::builder()
            .flight_start_rto(Duration::from_millis(50))
            .flight_retries(10)
            .build()
            .expect("valid settings");
        let mut dtls = Dtls::new_12(Arc::new(config), certificate, now);
        dtls.set_active(true);
        Self {
            id,
            address,
            ice: credentials("peer", id),
            server_ice: credentials("node", id),
            fingerprint,
            received: Vec::new(),
            control: Vec::new(),
            nacks: 0,
            nacks_on: BTreeMap::new(),
            probes_by_repeating: false,
            repeats: None,
            audio_level: AUDIO_LEVEL,
            first_hello: Vec::new(),
            repairs_within: None,
            feedback_every: Some(Duration::from_millis(70)),
            probes: 0,
            arrivals: rtcp::ArrivalRecorder::new(now),
            next_feedback: now,
            reports: Vec::new(),
            is_gone: false,
            profile: None,
            dtls,
            dtls_deadline: None,
            is_checked: false,
            has_started_dtls: false,
            session: None,
            next_check: now,
            sources: Vec::new(),
            outbox: Vec::new(),
            transport_sequence: 0,
            checks: 0,
            missing: BTreeMap::new(),
            sender_reports: BTreeMap::new(),
            next_report: now,
            history: BTreeMap::new(),
            repeated: BTreeMap::new(),
        }
    }

    pub fn is_connected(&self) -> bool {
        self.session.is_some()
    }

    /// What is to be sent now.
    pub fn take_outbox(&mut self) -> Vec<Vec<u8>> {
        if self.is_gone {
            self.outbox.clear();
        }
        std::mem::take(&mut self.outbox)
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if now >= self.next_check {
            self.next_check = now
                + if self.is_checked {
                    Duration::from_millis(2500)
                } else {
                    Duration::from_millis(50)
                };
            let check = self.check();
            self.outbox.push(check);
        }
        self.request_missing(now);
        self.give_feedback(now);
        self.report(now);
        let is_due = self.dtls_deadline.is_some_and(|at| now >= at);
        if self.is_checked && (!self.has_started_dtls || is_due) {
            self.has_started_dtls = true;
            self.dtls.handle_timeout(now).expect("no time-out");
            self.poll_dtls();
        }
    }

    pub fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) {
        if self.is_gone {
            return;
        }
        match (datagram[0], datagram[1]) {
            (0..=3, _) => {
                let mut message = Message::new();
                message.unmarshal_binary(datagram).expect("STUN");
                if message.typ == BINDING_SUCCESS {
                    self.is_checked = true;
                    self.handle_timeout(now);
                }
            }
            (20..=63, _) => {
                self.dtls.handle_timeout(now).expect("no time-out");
                if self.dtls.handle_packet(datagram).is_ok() {
                    self.poll_dtls();
                }
            }
            (_, 192..=223) => self.handle_rtcp(now, datagram),
            _ => self.handle_rtp(now, datagram),
        }
    }

    /// Sends a packet of media with a transport-wide number and, for audio, a
    /// level.
    pub fn send_rtp(
        &mut self,
        ssrc: Ssrc,
        payload_type: PayloadType,
        sequence: ExtendedSequence,
        timestamp: Timestamp,
        marker: bool,
        payload: &[u8],
    ) {
        let packet = self.protected_rtp(ssrc, payload_type, sequence, timestamp, marker, payload);
        if self.repeats == Some(payload_type) {
            let kept = packet
                .clone()
                .map(|packet| ((ssrc, sequence.number()), packet));
            self.repeated.extend(kept);
        }
        self.outbox.extend(packet);
        let sent = Sent {
            timestamp,
            marker,
            payload: payload.to_vec(),
        };
        let history = self.history.entry(ssrc).or_default();
        history.keep(sequence.number(), sent);
        if self.probes_by_repeating && marker {
            self.send_again(ssrc, sequence.number());
        }
    }

    /// As [`Peer::send_rtp`], but gives the packet instead of sending it.
    pub fn protected_rtp(
        &mut self,
        ssrc: Ssrc,
        payload_type: PayloadType,
        sequence: ExtendedSequence,
        timestamp: Timestamp,
        marker: bool,
        payload: &[u8],
    ) -> Option<Vec<u8>> {
        let header = Outgoing {
            marker,
            payload_type,
            sequence_number: sequence.number(),
            timestamp,
            ssrc,
            has_extensions: true,
            has_padding: false,
        };
        self.protected(
            header,
            sequence,
            &[(AUDIO_LEVEL_ID, &[self.audio_level])],
            payload,
        )
    }

    /// A packet with a transport-wide number and other header extensions.
    pub fn protected(
        &mut self,
        header: Outgoing,
        sequence: ExtendedSequence,
        extensions: &[(u8, &[u8])],
        payload: &[u8],
    ) -> Option<Vec<u8>> {
        let session = self.session.as_ref()?;
        let ssrc = header.ssrc;
        let mut packet = header.to_bytes().to_vec();
        let number = self.transport_sequence.to_be_bytes();
        let is_numbered = self.repeats != Some(header.payload_type);
        if is_numbered {
            self.transport_sequence = self.transport_sequence.wrapping_add(1);
        }
        let number = is_numbered.then_some((TRANSPORT_SEQUENCE_ID, &number[..]));
        let mut block = Vec::new();
        for (id, data) in number.iter().chain(extensions) {
            block.extend([*id, data.len() as u8]);
            block.extend(*data);
        }
        block.resize(block.len().next_multiple_of(4), 0);
        packet.extend([0x10, 0, 0, (block.len() / 4) as u8]);
        packet.extend(block);
        let header_length = packet.len();
        packet.extend(payload);
        packet.resize(packet.len() + session.outbound.rtp_overhead(), 0);
        session
            .outbound
            .protect_rtp(&mut packet, header_length, ssrc, sequence);
        Some(packet)
    }

    pub fn send_rtcp(&mut self, mut compound: Vec<u8>) {
        if let Some(session) = &mut self.session {
            session.outbound.protect_rtcp(&mut compound);
            self.outbox.push(compound);
        }
    }

    /// Ends DTLS.
    pub fn close(&mut self) {
        self.dtls.close().expect("open");
        self.poll_dtls();
    }

    /// The packets that came into the slot of `ssrc`.
    pub fn received_on(&self, ssrc: Ssrc) -> Vec<&ReceivedPacket> {
        self.received
            .iter()
            .filter(|packet| packet.ssrc == ssrc)
            .collect()
    }

    /// Has the next check go out at once.
    pub fn check_now(&mut self) {
        self.is_checked = false;
        self.next_check -= Duration::from_hours(1);
    }

    /// A check that nominates its path.
    pub fn check(&mut self) -> Vec<u8> {
        self.check_that(true)
    }

    pub fn check_that(&mut self, nominates: bool) -> Vec<u8> {
        self.checks += 1;
        let mut id = [0; 12];
        id[..4].copy_from_slice(&self.checks.to_be_bytes());
        let username = format!("{}:{}", self.server_ice.ufrag, self.ice.ufrag);
        let nomination = if nominates {
            attribute(ATTR_USE_CANDIDATE, Vec::new())
        } else {
            attribute(ATTR_PRIORITY, vec![0x6E, 0, 0, 1])
        };
        let setters: [Box<dyn Setter>; 7] = [
            Box::new(TransactionId(id)),
            Box::new(BINDING_REQUEST),
            attribute(ATTR_USERNAME, username.into_bytes()),
            attribute(ATTR_PRIORITY, vec![0x6E, 0, 0, 1]),
            nomination,
            Box::new(MessageIntegrity::new_short_term_integrity_with_provider(
                self.server_ice.password.clone(),
                &RingCrypto,
            )),
            Box::new(FINGERPRINT),
        ];
        let mut message = Message::new();
        message.build(&setters).expect("a STUN message");
        message.raw
    }

    fn poll_dtls(&mut self) {
        let mut buffer = vec![0; 4096];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(packet) => {
                    if self.first_hello.is_empty() {
                        self.first_hello = packet.to_vec();
                    }
                    self.outbox.push(packet.to_vec());
                }
                Output::Timeout(at) => {
                    self.dtls_deadline = Some(at);
                    return;
                }
                Output::KeyingMaterial(material, profile) => {
                    let profile = match profile {
                        SrtpProfile::AEAD_AES_256_GCM => Profile::AeadAes256Gcm,
                        SrtpProfile::AEAD_AES_128_GCM => Profile::AeadAes128Gcm,
                        _ => Profile::Aes128CmHmacSha1_80,
                    };
                    self.profile = Some(profile);
                    self.session =
                        Some(Session::for_dtls_client(profile, &material).expect("the length"));
                }
                Output::BufferTooSmall { needed } => buffer.resize(needed, 0),
                _ => {}
            }
        }
    }

    fn handle_rtcp(&mut self, now: Instant, datagram: &[u8]) {
        let Some(session) = &mut self.session else {
            return;
        };
        let mut compound = datagram.to_vec();
        if let Ok(length) = session.inbound.unprotect_rtcp(&mut compound) {
            compound.truncate(length);
            let mut asked = Vec::new();
            rtcp::read(&compound, |item| match item {
                rtcp::Received::Nack { ssrc, number } => asked.push((ssrc, number)),
                rtcp::Received::SenderReport { ssrc, ntp, .. } => {
                    self.sender_reports.insert(ssrc, (ntp, now));
                }
                rtcp::Received::Arrival { .. } | rtcp::Received::ArrivalsEnd => {}
                other => self.control.push(other),
            });
            self.reports.push(compound);
            self.nacks += asked.len() as u64;
            for (ssrc, number) in asked {
                *self.nacks_on.entry(ssrc).or_default() += 1;
                self.repair(now, ssrc, number);
            }
        }
    }

    /// Sends a packet again, unless the last time is less than a round trip
    /// ago: browsers answer no sooner.
    fn repair(&mut self, now: Instant, ssrc: Ssrc, number: u16) {
        let history = self.history.entry(ssrc).or_default();
        let round_trip = self.repairs_within.unwrap_or_default() + Duration::from_millis(5);
        if history.may_repair(now, number, round_trip) {
            self.send_again(ssrc, number);
        }
    }

    fn send_again(&mut self, ssrc: Ssrc, number: u16) {
        if let Some(packet) = self.repeated.get(&(ssrc, number)) {
            self.outbox.push(packet.clone());
            return;
        }
        let history = self.history.entry(ssrc).or_default();
        if let Some((sequence, sent)) = history.repair(number) {
            let packet = self.protected_rtp(
                repair_ssrc(ssrc),
                VIDEO_RTX_PT,
                sequence,
                sent.timestamp,
                sent.marker,
                &sent.payload,
            );
            self.outbox.extend(packet);
        }
    }

    /// Reports on nothing that it was sent before.
    pub fn forget_reports(&mut self) {
        self.sender_reports.clear();
    }

    fn report(&mut self, now: Instant) {
        if now < self.next_report {
            return;
        }
        self.next_report = now + Duration::from_secs(1);
        let blocks: Vec<_> = self
            .sender_reports
            .iter()
            .map(|(ssrc, (ntp, at))| {
                let figures = rtcp::Figures {
                    fraction_lost: 0,
                    lost_since_last: 0,
                    expected_since_last: 0,
                    total_lost: 0,
                    highest: ExtendedSequence(0),
                    jitter: 0,
                };
                rtcp::ReportBlock::new(*ssrc, figures, Some((*ntp, now - *at)))
            })
            .collect();
        if !blocks.is_empty() {
            self.send_rtcp(rtcp::receiver_report(Ssrc(1), &blocks));
        }
    }

    fn give_feedback(&mut self, now: Instant) {
        if now < self.next_feedback || self.session.is_none() {
            return;
        }
        let Some(interval) = self.feedback_every else {
            return;
        };
        self.next_feedback = now + interval;
        if let Some(report) = self.arrivals.report(Ssrc(1), Ssrc(2)) {
            self.send_rtcp(report);
        }
    }

    fn request_missing(&mut self, now: Instant) {
        let Some(round_trip) = self.repairs_within else {
            return;
        };
        let due: Vec<_> = self
            .missing
            .iter_mut()
            .map(|(ssrc, missing)| (*ssrc, missing.due(now, round_trip)))
            .filter(|(_, numbers)| !numbers.is_empty())
            .collect();
        for (ssrc, numbers) in due {
            self.send_rtcp(rtcp::nack(Ssrc(1), ssrc, &numbers));
        }
    }

    fn handle_rtp(&mut self, now: Instant, datagram: &[u8]) {
        let Some(session) = &self.session else {
            return;
        };
        let mut packet = datagram.to_vec();
        let header = Header::parse(&packet).expect("an RTP header");
        let known = self.sources.iter().position(|(of, _)| *of == header.ssrc);
        let at = known.unwrap_or_else(|| {
            self.sources.push((header.ssrc, ReceivedSource::default()));
            self.sources.len() - 1
        });
        let unprotected = session.inbound.unprotect_rtp(
            &mut packet,
            header.length,
            header.ssrc,
            header.sequence_number,
            &mut self.sources[at].1,
        );
        let Ok((length, _)) = unprotected else {
            return;
        };
        packet.truncate(length);
        let number = header.extensions(&packet).find(TRANSPORT_SEQUENCE_ID);
        if let Some(number) = number {
            let number = number.try_into().expect("two bytes");
            self.arrivals.record(now, u16::from_be_bytes(number));
        }
        let mut payload = header.payload(&packet).expect("honest padding").to_vec();
        let is_repair = header.payload_type == VIDEO_RTX_PT;
        if is_repair && payload.is_empty() {
            self.probes += 1;
            return;
        }
        let (ssrc, sequence_number) = if is_repair {
            let original = payload.split_off(2);
            let number = u16::from_be_bytes([payload[0], payload[1]]);
            payload = original;
            (repair_ssrc(header.ssrc), number)
        } else {
            (header.ssrc, header.sequence_number)
        };
        let missing = self.missing.entry(ssrc).or_default();
        missing.record(sequence_number);
        self.received.push(ReceivedPacket {
            at: now,
            ssrc,
            payload_type: header.payload_type,
            sequence_number,
            timestamp: header.timestamp,
            marker: header.marker,
            audio_level: header
                .extensions(&packet)
                .find(AUDIO_LEVEL_ID)
                .and_then(|data| data.first().copied()),
            descriptor: header
                .extensions(&packet)
                .find(DESCRIPTOR_ID)
                .map(<[u8]>::to_vec),
            payload,
            is_repair,
        });
    }
}

fn credentials(side: &str, id: ParticipantId) -> IceCredentials {
    IceCredentials {
        ufrag: format!("{side}{id}"),
        password: format!("{side}-password-of-{id}"),
    }
}

fn attribute(typ: rtc_stun::attributes::AttrType, value: Vec<u8>) -> Box<dyn Setter> {
    Box::new(RawAttribute {
        typ,
        length: 0,
        value,
    })
}

fn fingerprint(certificate: &DtlsCertificate) -> Fingerprint {
    let hash = digest::digest(&digest::SHA256, &certificate.certificate);
    Fingerprint(hash.as_ref().try_into().expect("32 bytes"))
}

/// The peers' numbering of header extensions.
pub const AUDIO_LEVEL_ID: u8 = 3;
pub const TRANSPORT_SEQUENCE_ID: u8 = 5;
pub const MID_ID: u8 = 6;
pub const STREAM_ID: u8 = 7;
pub const REPAIRED_STREAM_ID: u8 = 8;
pub const DESCRIPTOR_ID: u8 = 9;
/// Voice, 30 dB below the loudest.
pub const AUDIO_LEVEL: u8 = 0x80 | 0x1E;
