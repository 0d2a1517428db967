//! A participant's end of a call: it keeps the transport alive and protects
//! what an input wants sent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dtls::{Config, Dtls, Output, SrtpProfile, certificate};
use ring::digest;
use sfu::identity::ParticipantId;
use sfu::rtp::Ssrc;
use sfu::rtp::header::Header;
use sfu::rtp::sequence::ExtendedSequence;
use sfu::srtp::{Profile, Session};
use sfu::transport::{Fingerprint, IceCredentials, Path};
use sfu::worker::command::TransportParameters;

use crate::connectivity_check::seal;

pub(super) struct Browser {
    pub(super) id: ParticipantId,
    pub(super) path: Path,
    pub(super) transport: TransportParameters,
    dtls: Dtls,
    checks: u64,
    session: Option<Session>,
    highest: BTreeMap<Ssrc, ExtendedSequence>,
}

impl Browser {
    pub(super) fn new(now: Instant, id: ParticipantId, path: Path) -> Self {
        let certificate = certificate::generate_self_signed_certificate().expect("a certificate");
        let hash = digest::digest(&digest::SHA256, &certificate.certificate);
        let config = Config::builder()
            .handshake_timeout(Duration::from_mins(1))
            .build()
            .expect("valid settings");
        let mut dtls = Dtls::new_12(Arc::new(config), certificate, now);
        dtls.set_active(true);
        Self {
            id,
            path,
            transport: TransportParameters {
                local: credentials("node", id),
                remote: credentials("peer", id),
                remote_fingerprint: Fingerprint(hash.as_ref().try_into().expect("32 bytes")),
            },
            dtls,
            checks: 0,
            session: None,
            highest: BTreeMap::new(),
        }
    }

    pub(super) fn is_secured(&self) -> bool {
        self.session.is_some()
    }

    /// An honest connectivity check.
    pub(super) fn check(&mut self) -> Vec<u8> {
        self.checks += 1;
        let username = format!(
            "{}:{}",
            self.transport.local.ufrag, self.transport.remote.ufrag
        );
        let mut message = vec![0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42];
        message.extend([9; 4]);
        message.extend(self.checks.to_be_bytes());
        message.extend([0x00, 0x06, 0, username.len() as u8]);
        message.extend(username.as_bytes());
        message.resize(message.len().next_multiple_of(4), 0);
        message.extend([0x00, 0x24, 0, 4, 0x6E, 0, 0, 1]);
        message.extend([0x00, 0x25, 0, 0]);
        seal(&mut message, Some(&self.transport.local.password));
        message
    }

    /// Takes a datagram of the handshake, or only the time, and gives what is
    /// to be sent.
    pub(super) fn shake_hands(&mut self, now: Instant, datagram: Option<&[u8]>) -> Vec<Vec<u8>> {
        self.dtls.handle_timeout(now).expect("there is time enough");
        if let Some(datagram) = datagram {
            self.dtls.handle_packet(datagram).expect("an honest server");
        }
        let mut sent = Vec::new();
        let mut buffer = vec![0; 4096];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(packet) => sent.push(packet.to_vec()),
                Output::KeyingMaterial(material, SrtpProfile::AEAD_AES_256_GCM) => {
                    let session = Session::for_dtls_client(Profile::AeadAes256Gcm, &material);
                    self.session = Some(session.expect("the profile's length"));
                }
                Output::Timeout(_) => return sent,
                Output::BufferTooSmall { needed } => buffer.resize(needed, 0),
                _ => {}
            }
        }
    }

    /// Protects what may be an RTP packet. Its number is moved by `shift`, so
    /// that the same input is new each time.
    pub(super) fn protect_rtp(&mut self, packet: &mut Vec<u8>, shift: u16) {
        let (Some(session), Some(header)) = (&self.session, Header::parse(packet)) else {
            return;
        };
        let number = header.sequence_number.wrapping_add(shift);
        packet[2..4].copy_from_slice(&number.to_be_bytes());
        let is_known = self.highest.contains_key(&header.ssrc);
        let sequence = match self.highest.get(&header.ssrc) {
            Some(highest) => highest.nearest(number),
            None => ExtendedSequence(u64::from(number)),
        };
        if is_known || self.highest.len() < MOST_SOURCES {
            let highest = self.highest.entry(header.ssrc).or_default();
            *highest = sequence.max(*highest);
        }
        packet.resize(packet.len() + session.outbound.rtp_overhead(), 0);
        session
            .outbound
            .protect_rtp(packet, header.length, header.ssrc, sequence);
    }

    /// Protects what may be a compound RTCP packet.
    pub(super) fn protect_rtcp(&mut self, compound: &mut Vec<u8>) {
        if let Some(session) = &mut self.session {
            session.outbound.protect_rtcp(compound);
        }
    }
}

fn credentials(side: &str, id: ParticipantId) -> IceCredentials {
    IceCredentials {
        ufrag: format!("{side}{}", id.0),
        password: format!("{side}-password-of-22-characters"),
    }
}

const MOST_SOURCES: usize = 64;
