//! The last packets of a published stream in plaintext, from which every
//! receiver is served.

use crate::rtp::Timestamp;
use crate::rtp::sequence::ExtendedSequence;
use crate::rtp::vp8;

/// What forwarding must know of a packet beside its payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packet {
    pub sequence: ExtendedSequence,
    pub timestamp: Timestamp,
    pub marker: bool,
    /// The byte of the audio level extension (RFC 6464), if there was one.
    pub audio_level: Option<u8>,
    pub vp8: Option<vp8::Descriptor>,
    /// Bytes of payload, without padding.
    pub payload_length: u16,
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

    /// Keeps a packet. Gives `false` if its payload is larger than any that
    /// fits a datagram here, or a newer packet has its place.
    pub fn insert(&mut self, packet: Packet, payload: &[u8]) -> bool {
        let at = self.position(packet.sequence);
        if payload.len() > MAX_PAYLOAD
            || self.packets[at].is_some_and(|old| old.sequence >= packet.sequence)
        {
            return false;
        }
        self.packets[at] = Some(packet);
        self.payloads[at * MAX_PAYLOAD..][..payload.len()].copy_from_slice(payload);
        true
    }

    /// The packet at `sequence` and its payload, if they are still here.
    pub fn get(&self, sequence: ExtendedSequence) -> Option<(&Packet, &[u8])> {
        let at = self.position(sequence);
        let packet = self.packets[at].as_ref()?;
        if packet.sequence != sequence {
            return None;
        }
        let payload = &self.payloads[at * MAX_PAYLOAD..][..usize::from(packet.payload_length)];
        Some((packet, payload))
    }

    fn position(&self, sequence: ExtendedSequence) -> usize {
        usize::from(sequence.number()) & (self.packets.len() - 1)
    }
}

/// The largest payload kept, in bytes: an Ethernet frame less the IP, UDP and
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
            vp8: None,
            payload_length: length,
        }
    }

    #[test]
    fn a_packet_is_found_until_a_newer_one_takes_its_place() {
        let mut ring = Ring::new(4);

        assert!(ring.insert(packet(1, 2), &[1, 2]));
        assert!(ring.insert(packet(4, 1), &[9]));
        let found = ring
            .get(ExtendedSequence(1))
            .map(|(_, bytes)| bytes.to_vec());
        assert!(ring.insert(packet(5, 1), &[3]));

        assert_eq!(found, Some(vec![1, 2]));
        assert!(ring.get(ExtendedSequence(1)).is_none());
        assert!(!ring.insert(packet(1, 2), &[1, 2]));
    }

    #[test]
    fn a_payload_too_large_is_refused() {
        let mut ring = Ring::new(4);

        assert!(!ring.insert(packet(0, 1461), &[0; MAX_PAYLOAD + 1]));
        assert!(ring.insert(packet(0, 1460), &[0; MAX_PAYLOAD]));
    }
}
