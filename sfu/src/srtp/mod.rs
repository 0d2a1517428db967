//! SRTP and SRTCP (RFC 3711, RFC 7714): keys, and packets protected and
//! unprotected in place.
//!
//! The sender's roll-over counter is part of [`ExtendedSequence`], so sending
//! keeps no state here; what receiving must remember of each source is a
//! [`ReceivedSource`].

mod cm_sha1;
mod gcm;
mod key_derivation;
mod replay;

use thiserror::Error;

use crate::rtp::Ssrc;
use crate::rtp::sequence::ExtendedSequence;
use cm_sha1::CmSha1;
use gcm::Gcm;
use key_derivation::{MasterKey, Stream};
use replay::ReplayWindow;

/// A protection profile (RFC 5764 §4.1.2, RFC 7714 §14.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Profile {
    AeadAes256Gcm,
    AeadAes128Gcm,
    Aes128CmHmacSha1_80,
}

/// Why a packet was not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum UnprotectError {
    #[error("too short to be protected")]
    TooShort,
    #[error("seen before, or too old to tell")]
    Replayed,
    #[error("not protected with the session's keys")]
    Forged,
    #[error("from more sources than a session may have")]
    TooManySources,
}

/// The two directions of a session, from the keys that DTLS exported.
#[derive(Debug)]
pub struct Session {
    pub outbound: Outbound,
    pub inbound: Inbound,
    #[cfg(feature = "media-keys")]
    pub exported: ExportedKeys,
}

/// What DTLS exported for a session (RFC 5764 §4.2): whoever has it can read
/// and write all that the session protects.
#[cfg(feature = "media-keys")]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExportedKeys {
    pub profile: Profile,
    pub material: Vec<u8>,
}

/// The exported keying material does not have the profile's length.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("keying material of the wrong length")]
pub struct WrongKeyLength;

impl Session {
    /// Splits `material`, the DTLS exporter's output (RFC 5764 §4.2), for the
    /// side that was the DTLS server.
    ///
    /// # Errors
    /// `material` does not have the profile's length.
    pub fn for_dtls_server(profile: Profile, material: &[u8]) -> Result<Self, WrongKeyLength> {
        let (client, server) = split(profile, material)?;
        Ok(Self {
            outbound: Outbound::new(profile, &server),
            inbound: Inbound::new(profile, &client),
            #[cfg(feature = "media-keys")]
            exported: ExportedKeys::new(profile, material),
        })
    }

    /// As [`Session::for_dtls_server`], for the DTLS client.
    ///
    /// # Errors
    /// `material` does not have the profile's length.
    pub fn for_dtls_client(profile: Profile, material: &[u8]) -> Result<Self, WrongKeyLength> {
        let (client, server) = split(profile, material)?;
        Ok(Self {
            outbound: Outbound::new(profile, &client),
            inbound: Inbound::new(profile, &server),
            #[cfg(feature = "media-keys")]
            exported: ExportedKeys::new(profile, material),
        })
    }
}

#[cfg(feature = "media-keys")]
impl ExportedKeys {
    fn new(profile: Profile, material: &[u8]) -> Self {
        Self {
            profile,
            material: material.to_vec(),
        }
    }
}

/// Protects what is sent.
#[derive(Debug)]
pub struct Outbound {
    rtp: Cipher,
    rtcp: Cipher,
    rtcp_index: u32,
}

impl Outbound {
    fn new(profile: Profile, master: &MasterKey) -> Self {
        Self {
            rtp: Cipher::new(profile, master, Stream::Rtp),
            rtcp: Cipher::new(profile, master, Stream::Rtcp),
            rtcp_index: 0,
        }
    }

    /// Bytes that protection adds to an RTP packet.
    pub fn rtp_overhead(&self) -> usize {
        self.rtp.tag_length()
    }

    /// Bytes that protection adds to an RTCP packet.
    pub fn rtcp_overhead(&self) -> usize {
        self.rtcp.tag_length() + INDEX_LENGTH
    }

    /// Protects the RTP packet in `packet`, whose first `header_length` bytes
    /// are its header and whose last [`Outbound::rtp_overhead`] bytes are
    /// room for the tag.
    pub fn protect_rtp(
        &self,
        packet: &mut [u8],
        header_length: usize,
        ssrc: Ssrc,
        sequence: ExtendedSequence,
    ) {
        match &self.rtp {
            Cipher::Gcm(gcm) => gcm.seal_rtp(packet, header_length, ssrc, sequence),
            Cipher::CmSha1(cm) => cm.seal_rtp(packet, header_length, ssrc, sequence),
        }
    }

    /// Protects the compound RTCP packet in `packet`, which grows by
    /// [`Outbound::rtcp_overhead`] bytes. A packet too short to be RTCP is
    /// emptied, and so is each one after the 2^31st: the indices are used up,
    /// and none may protect two packets (RFC 3711 §9.1).
    pub fn protect_rtcp(&mut self, packet: &mut Vec<u8>) {
        let ssrc = rtcp_ssrc(packet).filter(|_| self.rtcp_index < INDEX_MASK);
        let Some(ssrc) = ssrc else {
            packet.clear();
            return;
        };
        self.rtcp_index += 1;
        match &self.rtcp {
            Cipher::Gcm(gcm) => gcm.seal_rtcp(packet, ssrc, self.rtcp_index),
            Cipher::CmSha1(cm) => cm.seal_rtcp(packet, ssrc, self.rtcp_index),
        }
    }
}

/// Unprotects what is received.
#[derive(Debug)]
pub struct Inbound {
    rtp: Cipher,
    rtcp: Cipher,
    /// Each source counts its RTCP by itself (RFC 3711 §3.2.1).
    rtcp_sources: Vec<(Ssrc, ReplayWindow)>,
}

impl Inbound {
    fn new(profile: Profile, master: &MasterKey) -> Self {
        Self {
            rtp: Cipher::new(profile, master, Stream::Rtp),
            rtcp: Cipher::new(profile, master, Stream::Rtcp),
            rtcp_sources: Vec::new(),
        }
    }

    /// Decrypts the RTP packet in `packet`, whose first `header_length` bytes
    /// are its header, and remembers it in `source`. Gives the length of
    /// header and payload, and the packet's place in its stream.
    ///
    /// # Errors
    /// The packet is too short, forged or replayed; `source` is unchanged.
    pub fn unprotect_rtp(
        &self,
        packet: &mut [u8],
        header_length: usize,
        ssrc: Ssrc,
        number: u16,
        source: &mut ReceivedSource,
    ) -> Result<(usize, ExtendedSequence), UnprotectError> {
        let sequence = source.place(number);
        if source.window.has_seen(sequence.0) {
            return Err(UnprotectError::Replayed);
        }
        let length = match &self.rtp {
            Cipher::Gcm(gcm) => gcm.open_rtp(packet, header_length, ssrc, sequence),
            Cipher::CmSha1(cm) => cm.open_rtp(packet, header_length, ssrc, sequence),
        }?;
        source.window.remember(sequence.0);
        Ok((length, sequence))
    }

    /// Decrypts the compound RTCP packet in `packet` and gives its length.
    ///
    /// # Errors
    /// The packet is too short, forged or replayed, or of one source too many.
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError> {
        let ssrc = rtcp_ssrc(packet).ok_or(UnprotectError::TooShort)?;
        let (length, index) = match &self.rtcp {
            Cipher::Gcm(gcm) => gcm.open_rtcp(packet, ssrc),
            Cipher::CmSha1(cm) => cm.open_rtcp(packet, ssrc),
        }?;
        let window = self.rtcp_window(ssrc)?;
        if window.has_seen(u64::from(index)) {
            return Err(UnprotectError::Replayed);
        }
        window.remember(u64::from(index));
        Ok(length)
    }

    fn rtcp_window(&mut self, ssrc: Ssrc) -> Result<&mut ReplayWindow, UnprotectError> {
        let known = self.rtcp_sources.iter().position(|(of, _)| *of == ssrc);
        let at = match known {
            Some(at) => at,
            None if self.rtcp_sources.len() == MAX_RTCP_SOURCES => {
                return Err(UnprotectError::TooManySources);
            }
            None => {
                self.rtcp_sources.push((ssrc, ReplayWindow::default()));
                self.rtcp_sources.len() - 1
            }
        };
        Ok(&mut self.rtcp_sources[at].1)
    }
}

/// What must be remembered of a source whose packets are received: where it
/// is, and which packets have been seen.
#[derive(Clone, Default, Debug)]
pub struct ReceivedSource {
    window: ReplayWindow,
}

impl ReceivedSource {
    fn place(&self, number: u16) -> ExtendedSequence {
        match self.window.highest() {
            Some(highest) => ExtendedSequence(highest).nearest(number),
            None => ExtendedSequence(u64::from(number)),
        }
    }
}

#[derive(Debug)]
enum Cipher {
    Gcm(Box<Gcm>),
    CmSha1(Box<CmSha1>),
}

impl Cipher {
    fn new(profile: Profile, master: &MasterKey, stream: Stream) -> Self {
        match profile {
            Profile::AeadAes256Gcm | Profile::AeadAes128Gcm => {
                Self::Gcm(Box::new(Gcm::new(master, stream)))
            }
            Profile::Aes128CmHmacSha1_80 => Self::CmSha1(Box::new(CmSha1::new(master, stream))),
        }
    }

    fn tag_length(&self) -> usize {
        match self {
            Self::Gcm(_) => gcm::TAG_LENGTH,
            Self::CmSha1(_) => cm_sha1::TAG_LENGTH,
        }
    }
}

fn split(profile: Profile, material: &[u8]) -> Result<(MasterKey, MasterKey), WrongKeyLength> {
    let (key, salt) = match profile {
        Profile::AeadAes256Gcm => (32, 12),
        Profile::AeadAes128Gcm => (16, 12),
        Profile::Aes128CmHmacSha1_80 => (16, 14),
    };
    if material.len() != 2 * (key + salt) {
        return Err(WrongKeyLength);
    }
    let (keys, salts) = material.split_at(2 * key);
    Ok((
        MasterKey::new(&keys[..key], &salts[..salt]),
        MasterKey::new(&keys[key..], &salts[salt..]),
    ))
}

fn rtcp_ssrc(packet: &[u8]) -> Option<Ssrc> {
    let bytes = packet.get(4..RTCP_HEADER_LENGTH)?;
    Some(Ssrc(u32::from_be_bytes(bytes.try_into().ok()?)))
}

/// The first header and sender's source of a compound RTCP packet, which stay
/// in the clear (RFC 3711 §3.4).
const RTCP_HEADER_LENGTH: usize = 8;
/// The E flag and SRTCP index.
const INDEX_LENGTH: usize = 4;
const INDEX_MASK: u32 = 0x7FFF_FFFF;
const ENCRYPTED_FLAG: u32 = 0x8000_0000;
/// Replay windows kept for the RTCP of one peer.
const MAX_RTCP_SOURCES: usize = 128;

#[cfg(test)]
mod tests;
