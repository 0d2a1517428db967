//! AES in Galois/counter mode for SRTP (RFC 7714).

use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::key_derivation::{MasterKey, Stream, Use};
use super::{ENCRYPTED_FLAG, INDEX_LENGTH, INDEX_MASK, RTCP_HEADER_LENGTH, UnprotectError};
use crate::rtp::Ssrc;
use crate::rtp::sequence::ExtendedSequence;

/// One direction's key for RTP or for RTCP.
pub(super) struct Gcm {
    key: LessSafeKey,
    salt: [u8; NONCE_LENGTH],
}

/// The authentication tag's length in bytes.
pub(super) const TAG_LENGTH: usize = 16;

impl Gcm {
    pub(super) fn new(master: &MasterKey, stream: Stream) -> Self {
        let algorithm = match master.key_length() {
            32 => &AES_256_GCM,
            _ => &AES_128_GCM,
        };
        let mut key = vec![0; algorithm.key_len()];
        master.derive(stream, Use::Encryption, &mut key);
        let mut salt = [0; NONCE_LENGTH];
        master.derive(stream, Use::Salting, &mut salt);
        Self {
            key: LessSafeKey::new(
                UnboundKey::new(algorithm, &key).expect("the key has the algorithm's length"),
            ),
            salt,
        }
    }

    pub(super) fn seal_rtp(
        &self,
        packet: &mut [u8],
        header_length: usize,
        ssrc: Ssrc,
        sequence: ExtendedSequence,
    ) {
        let (header, rest) = packet.split_at_mut(header_length);
        let (payload, tag_room) = rest.split_at_mut(rest.len() - TAG_LENGTH);
        let tag = self
            .key
            .seal_in_place_separate_tag(
                self.rtp_nonce(ssrc, sequence),
                Aad::from(&*header),
                payload,
            )
            .expect("an RTP payload is far below GCM's limit");
        tag_room.copy_from_slice(tag.as_ref());
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
        let (header, rest) = packet.split_at_mut(header_length);
        let payload = self
            .key
            .open_in_place(self.rtp_nonce(ssrc, sequence), Aad::from(&*header), rest)
            .map_err(|_| UnprotectError::Forged)?;
        Ok(header_length + payload.len())
    }

    pub(super) fn seal_rtcp(&self, packet: &mut Vec<u8>, ssrc: Ssrc, index: u32) {
        let word = (index | ENCRYPTED_FLAG).to_be_bytes();
        let (header, payload) = packet.split_at_mut(RTCP_HEADER_LENGTH);
        let tag = self
            .key
            .seal_in_place_separate_tag(
                self.rtcp_nonce(ssrc, index),
                Aad::from(rtcp_associated_data(header, word)),
                payload,
            )
            .expect("an RTCP packet is far below GCM's limit");
        packet.extend_from_slice(tag.as_ref());
        packet.extend_from_slice(&word);
    }

    /// Gives the plaintext's length and the packet's index. A packet that is
    /// only authenticated, not encrypted, counts as forged: no peer here
    /// sends one.
    pub(super) fn open_rtcp(
        &self,
        packet: &mut [u8],
        ssrc: Ssrc,
    ) -> Result<(usize, u32), UnprotectError> {
        if packet.len() < RTCP_HEADER_LENGTH + TAG_LENGTH + INDEX_LENGTH {
            return Err(UnprotectError::TooShort);
        }
        let (packet, trailer) = packet.split_at_mut(packet.len() - INDEX_LENGTH);
        let word: [u8; INDEX_LENGTH] = (&*trailer).try_into().expect("split at this length");
        let index = u32::from_be_bytes(word) & INDEX_MASK;
        if u32::from_be_bytes(word) & ENCRYPTED_FLAG == 0 {
            return Err(UnprotectError::Forged);
        }
        let (header, rest) = packet.split_at_mut(RTCP_HEADER_LENGTH);
        let payload = self
            .key
            .open_in_place(
                self.rtcp_nonce(ssrc, index),
                Aad::from(rtcp_associated_data(header, word)),
                rest,
            )
            .map_err(|_| UnprotectError::Forged)?;
        Ok((RTCP_HEADER_LENGTH + payload.len(), index))
    }

    /// RFC 7714 §8.1.
    fn rtp_nonce(&self, ssrc: Ssrc, sequence: ExtendedSequence) -> Nonce {
        let mut nonce = self.salt;
        xor(&mut nonce[2..6], &ssrc.0.to_be_bytes());
        xor(
            &mut nonce[6..10],
            &sequence.roll_over_counter().to_be_bytes(),
        );
        xor(&mut nonce[10..], &sequence.number().to_be_bytes());
        Nonce::assume_unique_for_key(nonce)
    }

    /// RFC 7714 §9.1.
    fn rtcp_nonce(&self, ssrc: Ssrc, index: u32) -> Nonce {
        let mut nonce = self.salt;
        xor(&mut nonce[2..6], &ssrc.0.to_be_bytes());
        xor(&mut nonce[8..], &index.to_be_bytes());
        Nonce::assume_unique_for_key(nonce)
    }
}

impl std::fmt::Debug for Gcm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gcm").finish_non_exhaustive()
    }
}

fn rtcp_associated_data(
    header: &[u8],
    word: [u8; INDEX_LENGTH],
) -> [u8; RTCP_HEADER_LENGTH + INDEX_LENGTH] {
    let mut data = [0; RTCP_HEADER_LENGTH + INDEX_LENGTH];
    data[..RTCP_HEADER_LENGTH].copy_from_slice(header);
    data[RTCP_HEADER_LENGTH..].copy_from_slice(&word);
    data
}

fn xor(bytes: &mut [u8], with: &[u8]) {
    for (byte, other) in bytes.iter_mut().zip(with) {
        *byte ^= other;
    }
}

const NONCE_LENGTH: usize = 12;
