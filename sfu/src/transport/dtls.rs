//! DTLS (RFC 6347, RFC 5764) for one participant, always as the server.

// `dimpl` takes its settings behind an `Arc`; nothing of it crosses a thread.
#![allow(clippy::disallowed_types)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use dtls::{Config, Dtls, DtlsCertificate, KeyingMaterial, Output, SrtpProfile};
use ring::digest;

use super::Fingerprint;
use crate::srtp::{Profile, Session};

/// What all of a worker's handshakes share.
#[derive(Clone)]
pub struct DtlsConfig {
    certificate: DtlsCertificate,
    config: Arc<Config>,
}

impl DtlsConfig {
    /// # Errors
    /// The settings do not fit the crate's cipher suites.
    pub fn new(certificate: DtlsCertificate) -> Result<Self, dtls::Error> {
        let config = Config::builder()
            .mtu(MTU)
            // A peer is heard only on a path whose connectivity check carried
            // our password, which proves its address better than a cookie.
            .use_server_cookie(false)
            .flight_start_rto(FIRST_RETRANSMISSION)
            .flight_retries(RETRANSMISSIONS)
            .handshake_timeout(HANDSHAKE_TIMEOUT)
            .build()?;
        Ok(Self {
            certificate,
            config: Arc::new(config),
        })
    }

    /// The hash of the certificate, for the session description.
    pub fn fingerprint(&self) -> Fingerprint {
        fingerprint(&self.certificate.certificate)
    }
}

impl std::fmt::Debug for DtlsConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DtlsConfig").finish_non_exhaustive()
    }
}

/// One participant's DTLS association.
#[derive(Debug)]
pub struct DtlsTransport {
    dtls: Dtls,
    expected: Fingerprint,
    is_peer_verified: bool,
    deadline: Option<Instant>,
    is_over: bool,
}

/// What came of a datagram or of time passing.
#[derive(Debug)]
pub enum DtlsEvent {
    /// The peer is the one that was signalled, and these are the keys.
    Secured(Profile, Box<Session>),
    /// The handshake cannot succeed any more.
    Failed(DtlsFailure),
    /// The peer said goodbye.
    Closed,
}

/// Why a handshake failed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DtlsFailure {
    /// The peer's certificate does not match the signalled fingerprint.
    WrongCertificate,
    /// The peer offered no SRTP profile that we know.
    NoSrtpProfile,
    /// The peer broke the protocol, sent an alert, or gave up answering.
    Protocol,
}

impl DtlsTransport {
    pub fn new(now: Instant, config: &DtlsConfig, expected: Fingerprint) -> Self {
        let mut dtls = Dtls::new_12(config.config.clone(), config.certificate.clone(), now);
        // The crate needs the time once before its first packet.
        let is_over = dtls.handle_timeout(now).is_err();
        Self {
            dtls,
            expected,
            is_peer_verified: false,
            deadline: None,
            is_over,
        }
    }

    /// Takes a datagram from the peer; hands what must be sent to `send`.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &[u8],
        send: impl FnMut(&[u8]),
    ) -> Option<DtlsEvent> {
        if self.is_over {
            return None;
        }
        if self.dtls.handle_timeout(now).is_err() || self.dtls.handle_packet(datagram).is_err() {
            return Some(self.fail(DtlsFailure::Protocol));
        }
        self.poll(send)
    }

    /// Retransmits what has not been answered, if it is time.
    pub fn handle_timeout(&mut self, now: Instant, send: impl FnMut(&[u8])) -> Option<DtlsEvent> {
        if self.is_over || self.deadline.is_none_or(|deadline| now < deadline) {
            return None;
        }
        self.deadline = None;
        if self.dtls.handle_timeout(now).is_err() {
            return Some(self.fail(DtlsFailure::Protocol));
        }
        self.poll(send)
    }

    /// When to call [`DtlsTransport::handle_timeout`] next.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Says goodbye to the peer.
    pub fn close(&mut self, send: impl FnMut(&[u8])) {
        if !self.is_over && self.dtls.close().is_ok() {
            self.poll(send);
        }
        self.is_over = true;
    }

    fn poll(&mut self, mut send: impl FnMut(&[u8])) -> Option<DtlsEvent> {
        let mut buffer = [0; OUTPUT_BUFFER];
        let mut is_connected = false;
        let mut keys = None;
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(packet) => send(packet),
                Output::Timeout(at) => {
                    self.deadline = Some(at);
                    return is_connected.then(|| self.secured(keys));
                }
                Output::PeerCert(certificate) => {
                    if fingerprint(certificate) != self.expected {
                        return Some(self.fail(DtlsFailure::WrongCertificate));
                    }
                    self.is_peer_verified = true;
                }
                Output::KeyingMaterial(material, profile) => keys = session(profile, &material),
                Output::Connected => is_connected = true,
                Output::CloseNotify => {
                    self.is_over = true;
                    return Some(DtlsEvent::Closed);
                }
                // Nothing here sends application data; what a peer sends is
                // dropped.
                Output::ApplicationData(_) => {}
                // Records never exceed the MTU, so a buffer too small cannot
                // be mended by a larger one.
                Output::BufferTooSmall { .. } | _ => {
                    return Some(self.fail(DtlsFailure::Protocol));
                }
            }
        }
    }

    fn secured(&mut self, keys: Option<(Profile, Session)>) -> DtlsEvent {
        match keys {
            Some(_) if !self.is_peer_verified => self.fail(DtlsFailure::WrongCertificate),
            Some((profile, session)) => DtlsEvent::Secured(profile, Box::new(session)),
            None => self.fail(DtlsFailure::NoSrtpProfile),
        }
    }

    fn fail(&mut self, failure: DtlsFailure) -> DtlsEvent {
        self.is_over = true;
        self.deadline = None;
        DtlsEvent::Failed(failure)
    }
}

fn session(profile: SrtpProfile, material: &KeyingMaterial) -> Option<(Profile, Session)> {
    let profile = match profile {
        SrtpProfile::AEAD_AES_256_GCM => Profile::AeadAes256Gcm,
        SrtpProfile::AEAD_AES_128_GCM => Profile::AeadAes128Gcm,
        SrtpProfile::AES128_CM_SHA1_80 => Profile::Aes128CmHmacSha1_80,
        _ => return None,
    };
    let session = Session::for_dtls_server(profile, material).ok()?;
    Some((profile, session))
}

fn fingerprint(certificate: &[u8]) -> Fingerprint {
    let hash = digest::digest(&digest::SHA256, certificate);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hash.as_ref());
    Fingerprint(bytes)
}

/// Room for the IPv6 and UDP headers within the smallest MTU in wide use.
const MTU: usize = 1200;
/// More than any record the crate makes within [`MTU`].
const OUTPUT_BUFFER: usize = 2048;
const FIRST_RETRANSMISSION: Duration = Duration::from_millis(100);
const RETRANSMISSIONS: usize = 7;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(20);
