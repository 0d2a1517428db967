//! The last packets of a published stream in plaintext, from which every
//! receiver is served.

use crate::rtp::picture_id::PictureNumbers;
use crate::rtp::sequence::ExtendedSequence;
use crate::rtp::{Codec, Timestamp, clock_rate};

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

/// A ring of the newest packets. It is as long as the stream needs: memory that
/// is used again soon is still in the processor's cache.
#[derive(Debug)]
pub struct Ring {
    /// A power of two of them.
    packets: Vec<Option<Packet>>,
    /// Room for as many as there may ever be, which the system gives only as it
    /// is used.
    payloads: Box<[u8]>,
    longest: usize,
}

impl Ring {
    /// A ring that grows from `capacity` packets to `longest`, both powers of
    /// two, to hold those of the last two seconds.
    pub fn new(capacity: usize, longest: usize) -> Self {
        debug_assert!(capacity.is_power_of_two() && longest.is_power_of_two());
        let mut packets = Vec::with_capacity(longest);
        packets.resize(capacity, None);
        Self {
            packets,
            payloads: vec![0; longest * MAX_PAYLOAD].into_boxed_slice(),
            longest,
        }
    }

    /// Keeps a packet. Gives `false` if its payload and descriptor are larger
    /// than any that fit a datagram here, or a newer packet has its place.
    pub fn insert(&mut self, packet: Packet, payload: &[u8], descriptor: &[u8]) -> bool {
        if payload.len() + descriptor.len() > MAX_PAYLOAD {
            return false;
        }
        while self.packets.len() < self.longest
            && self.packets[self.position(packet.sequence)]
                .is_some_and(|old| old.sequence != packet.sequence && is_of_use(&old, &packet))
        {
            self.grow();
        }
        let at = self.position(packet.sequence);
        if self.packets[at].is_some_and(|old| old.sequence >= packet.sequence) {
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

    fn grow(&mut self) {
        let before = self.packets.len();
        self.packets.resize(2 * before, None);
        for at in 0..before {
            if let Some(packet) = self.packets[at] {
                let moved = self.position(packet.sequence);
                self.packets.swap(at, moved);
                let payload = at * MAX_PAYLOAD..(at + 1) * MAX_PAYLOAD;
                self.payloads.copy_within(payload, moved * MAX_PAYLOAD);
            }
        }
    }

    fn position(&self, sequence: ExtendedSequence) -> usize {
        usize::from(sequence.number()) & (self.packets.len() - 1)
    }
}

/// Whether a receiver may still ask for the packet `old` when `new` comes.
fn is_of_use(old: &Packet, new: &Packet) -> bool {
    let ticks = new.timestamp.since(old.timestamp).cast_signed();
    ticks.unsigned_abs() < KEPT_SECONDS * clock_rate(new.codec.kind())
}

const KEPT_SECONDS: u32 = 2;
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
        let mut ring = Ring::new(4, 4);

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

    /// Puts in a packet each `interval` ticks, and gives how many of the last
    /// are still there.
    fn kept(ring: &mut Ring, packets: u64, interval: u32) -> usize {
        for sequence in 1..=packets {
            let timestamp = Timestamp((sequence as u32).wrapping_mul(interval));
            let of_now = Packet {
                timestamp,
                ..packet(sequence, 1)
            };
            assert!(ring.insert(of_now, &[sequence as u8], &[]));
        }
        let sequences = (1..=packets).rev();
        sequences
            .take_while(|sequence| {
                let kept = ring.get(ExtendedSequence(*sequence));
                kept.is_some_and(|kept| kept.payload == [*sequence as u8])
            })
            .count()
    }

    #[test]
    fn a_ring_grows_until_it_holds_two_seconds() {
        let fifty_a_second = 48_000 / 50;

        assert_eq!(kept(&mut Ring::new(4, 256), 1000, fifty_a_second), 128);
        assert_eq!(kept(&mut Ring::new(4, 256), 1000, 48_000), 4);
    }

    #[test]
    fn a_ring_has_an_end_whatever_the_timestamps() {
        assert_eq!(kept(&mut Ring::new(4, 32), 1000, 0), 32);
        assert_eq!(kept(&mut Ring::new(4, 32), 1000, u32::MAX), 32);
    }

    #[test]
    fn what_was_kept_is_found_after_the_ring_has_grown() {
        let mut ring = Ring::new(4, 256);

        assert_eq!(kept(&mut ring, 100, 0), 100);
    }

    #[test]
    fn a_payload_too_large_is_refused() {
        let mut ring = Ring::new(4, 4);

        assert!(!ring.insert(packet(0, 1461), &[0; MAX_PAYLOAD + 1], &[]));
        assert!(!ring.insert(packet(0, 1460), &[0; MAX_PAYLOAD], &[0]));
        assert!(ring.insert(packet(0, 1460), &[0; MAX_PAYLOAD], &[]));
    }

    #[test]
    fn a_descriptor_is_kept_beside_its_payload() {
        let mut ring = Ring::new(4, 4);
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
