//! The last packets of a published stream in plaintext, from which every
//! receiver is served.

use crate::rtp::picture_id::PictureNumbers;
use crate::rtp::sequence::ExtendedSequence;
use crate::rtp::{Codec, Timestamp};

/// What forwarding must know of a packet beside its payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packet {
    pub sequence: ExtendedSequence,
    pub timestamp: Timestamp,
    pub marker: bool,
    /// The byte of the audio level extension (RFC 6464), if there was one.
    pub audio_level: Option<u8>,
    pub codec: Codec,
    pub numbers: PictureNumbers,
    /// The packet is the last of its frame, which is of this spatial layer.
    pub ends_layer: Option<u8>,
    /// Bytes of payload, without padding.
    pub payload_length: u16,
    /// Bytes of the Dependency Descriptor; none without.
    pub descriptor_length: u8,
}

/// A packet in the ring.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a> {
    pub packet: &'a Packet,
    pub payload: &'a [u8],
    /// The Dependency Descriptor; empty without.
    pub descriptor: &'a [u8],
}

/// A ring of the newest packets.
#[derive(Debug)]
pub struct Ring {
    packets: Box<[Option<Packet>]>,
    payloads: Box<[u8]>,
}

impl Ring {
    /// A ring of `capacity` packets, a power of two.
    pub fn new(capacity: usize) -> Self {
        debug_assert!(capacity.is_power_of_two());
        Self {
            packets: vec![None; capacity].into_boxed_slice(),
            payloads: vec![0; capacity * MAX_PAYLOAD].into_boxed_slice(),
        }
    }

    /// Keeps a packet. Gives `false` if its payload and descriptor are larger
    /// than any that fit a datagram here, or a newer packet has its place.
    pub fn insert(&mut self, packet: Packet, payload: &[u8], descriptor: &[u8]) -> bool {
        let at = self.position(packet.sequence);
        if payload.len() + descriptor.len() > MAX_PAYLOAD
            || self.packets[at].is_some_and(|old| old.sequence >= packet.sequence)
        {
            return false;
        }
        self.packets[at] = Some(packet);
        let (front, back) =
            self.payloads[at * MAX_PAYLOAD..][..MAX_PAYLOAD].split_at_mut(payload.len());
        front.copy_from_slice(payload);
        back[..descriptor.len()].copy_from_slice(descriptor);
        true
    }

    /// The packet at `sequence`, if it is still here.
    pub fn get(&self, sequence: ExtendedSequence) -> Option<Kept<'_>> {
        let at = self.position(sequence);
        let packet = self.packets[at].as_ref()?;
        if packet.sequence != sequence {
            return None;
        }
        let (payload, rest) =
            self.payloads[at * MAX_PAYLOAD..].split_at(usize::from(packet.payload_length));
        Some(Kept {
            packet,
            payload,
            descriptor: &rest[..usize::from(packet.descriptor_length)],
        })
    }

    fn position(&self, sequence: ExtendedSequence) -> usize {
        usize::from(sequence.number()) & (self.packets.len() - 1)
    }
}

/// The largest payload kept, with its descriptor, in bytes: an Ethernet frame less the IP, UDP and
/// RTP headers.
pub const MAX_PAYLOAD: usize = 1460;

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: u64, length: u16) -> Packet {
        Packet {
            sequence: ExtendedSequence(sequence),
            timestamp: Timestamp(0),
            marker: false,
            audio_level: None,
            codec: Codec::Opus,
            numbers: PictureNumbers::default(),
            ends_layer: None,
            payload_length: length,
            descriptor_length: 0,
        }
    }

    #[test]
    fn a_packet_is_found_until_a_newer_one_takes_its_place() {
        let mut ring = Ring::new(4);

        assert!(ring.insert(packet(1, 2), &[1, 2], &[]));
        assert!(ring.insert(packet(4, 1), &[9], &[]));
        let found = ring
            .get(ExtendedSequence(1))
            .map(|kept| kept.payload.to_vec());
        assert!(ring.insert(packet(5, 1), &[3], &[]));

        assert_eq!(found, Some(vec![1, 2]));
        assert!(ring.get(ExtendedSequence(1)).is_none());
        assert!(!ring.insert(packet(1, 2), &[1, 2], &[]));
    }

    #[test]
    fn a_payload_too_large_is_refused() {
        let mut ring = Ring::new(4);

        assert!(!ring.insert(packet(0, 1461), &[0; MAX_PAYLOAD + 1], &[]));
        assert!(!ring.insert(packet(0, 1460), &[0; MAX_PAYLOAD], &[0]));
        assert!(ring.insert(packet(0, 1460), &[0; MAX_PAYLOAD], &[]));
    }

    #[test]
    fn a_descriptor_is_kept_beside_its_payload() {
        let mut ring = Ring::new(4);
        let with_descriptor = Packet {
            descriptor_length: 3,
            ..packet(3, 2)
        };

        assert!(ring.insert(with_descriptor, &[1, 2], &[7, 8, 9]));

        let kept = ring.get(ExtendedSequence(3)).expect("just put in");
        assert_eq!(
            (kept.payload, kept.descriptor),
            (&[1, 2][..], &[7, 8, 9][..])
        );
    }
}
