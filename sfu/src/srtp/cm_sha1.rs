//! AES in counter mode with HMAC-SHA1 for SRTP (RFC 3711 §4.1.1, §4.2.1), for
//! peers that offer nothing better.

use aes::Aes128;
use aes::cipher::{KeyIvInit, StreamCipher};
use ctr::Ctr128BE;
use ring::hmac;

use super::key_derivation::{MasterKey, SALT_LENGTH, Stream, Use};
use super::{ENCRYPTED_FLAG, INDEX_LENGTH, INDEX_MASK, RTCP_HEADER_LENGTH, UnprotectError};
use crate::rtp::Ssrc;
use crate::rtp::sequence::ExtendedSequence;

/// One direction's keys for RTP or for RTCP.
pub(super) struct CmSha1 {
    key: [u8; 16],
    salt: [u8; SALT_LENGTH],
    authentication: hmac::Key,
}

/// The authentication tag's length in bytes: 80 bits.
pub(super) const TAG_LENGTH: usize = 10;

impl CmSha1 {
    pub(super) fn new(master: &MasterKey, stream: Stream) -> Self {
        let mut key = [0; 16];
        master.derive(stream, Use::Encryption, &mut key);
        let mut salt = [0; SALT_LENGTH];
        master.derive(stream, Use::Salting, &mut salt);
        let mut authentication = [0; 20];
        master.derive(stream, Use::Authentication, &mut authentication);
        Self {
            key,
            salt,
            authentication: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &authentication),
        }
    }

    pub(super) fn seal_rtp(
        &self,
        packet: &mut [u8],
        header_length: usize,
        ssrc: Ssrc,
        sequence: ExtendedSequence,
    ) {
        let (message, tag_room) = packet.split_at_mut(packet.len() - TAG_LENGTH);
        self.apply_keystream(ssrc, sequence.0, &mut message[header_length..]);
        let tag = self.tag(&[message, &sequence.roll_over_counter().to_be_bytes()]);
        tag_room.copy_from_slice(&tag);
    }

    pub(super) fn open_rtp(
        &self,
        packet: &mut [u8],
        header_length: usize,
        ssrc: Ssrc,
        sequence: ExtendedSequence,
    ) -> Result<usize, UnprotectError> {
        if packet.len() < header_length + TAG_LENGTH {
            return Err(UnprotectError::TooShort);
        }
        let (message, tag) = packet.split_at_mut(packet.len() - TAG_LENGTH);
        self.verify(&[message, &sequence.roll_over_counter().to_be_bytes()], tag)?;
        self.apply_keystream(ssrc, sequence.0, &mut message[header_length..]);
        Ok(message.len())
    }

    pub(super) fn seal_rtcp(&self, packet: &mut Vec<u8>, ssrc: Ssrc, index: u32) {
        self.apply_keystream(ssrc, u64::from(index), &mut packet[RTCP_HEADER_LENGTH..]);
        packet.extend_from_slice(&(index | ENCRYPTED_FLAG).to_be_bytes());
        let tag = self.tag(&[packet]);
        packet.extend_from_slice(&tag);
    }

    /// Gives the plaintext's length and the packet's index. A packet that is
    /// only authenticated, not encrypted, counts as forged: no peer here
    /// sends one.
    pub(super) fn open_rtcp(
        &self,
        packet: &mut [u8],
        ssrc: Ssrc,
    ) -> Result<(usize, u32), UnprotectError> {
        if packet.len() < RTCP_HEADER_LENGTH + INDEX_LENGTH + TAG_LENGTH {
            return Err(UnprotectError::TooShort);
        }
        let (message, tag) = packet.split_at_mut(packet.len() - TAG_LENGTH);
        self.verify(&[message], tag)?;
        let (message, trailer) = message.split_at_mut(message.len() - INDEX_LENGTH);
        let word = u32::from_be_bytes((&*trailer).try_into().expect("split at this length"));
        if word & ENCRYPTED_FLAG == 0 {
            return Err(UnprotectError::Forged);
        }
        let index = word & INDEX_MASK;
        self.apply_keystream(ssrc, u64::from(index), &mut message[RTCP_HEADER_LENGTH..]);
        Ok((message.len(), index))
    }

    /// `index` is the packet's 48-bit index (RFC 3711 §4.1.1).
    fn apply_keystream(&self, ssrc: Ssrc, index: u64, bytes: &mut [u8]) {
        let mut block = [0; 16];
        block[..SALT_LENGTH].copy_from_slice(&self.salt);
        for (byte, other) in block[4..8].iter_mut().zip(ssrc.0.to_be_bytes()) {
            *byte ^= other;
        }
        for (byte, other) in block[8..14].iter_mut().zip(&index.to_be_bytes()[2..]) {
            *byte ^= other;
        }
        Ctr128BE::<Aes128>::new(&self.key.into(), &block.into()).apply_keystream(bytes);
    }

    fn tag(&self, parts: &[&[u8]]) -> [u8; TAG_LENGTH] {
        let mut context = hmac::Context::with_key(&self.authentication);
        for part in parts {
            context.update(part);
        }
        let full = context.sign();
        *full
            .as_ref()
            .first_chunk()
            .expect("SHA-1 is longer than the tag")
    }

    fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> Result<(), UnprotectError> {
        let difference = self
            .tag(parts)
            .iter()
            .zip(tag)
            .fold(0, |difference, (ours, theirs)| difference | (ours ^ theirs));
        if difference == 0 {
            Ok(())
        } else {
            Err(UnprotectError::Forged)
        }
    }
}

impl std::fmt::Debug for CmSha1 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CmSha1").finish_non_exhaustive()
    }
}
