//! What a publisher sent last, to send it again (RFC 4588).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::media::rtp::Header;

/// The newest packets of one layer, unprotected.
#[derive(Debug, Default)]
pub struct History {
    packets: VecDeque<Sent>,
}

#[derive(Debug)]
struct Sent {
    number: u16,
    packet: Vec<u8>,
    last_repeat: Option<Instant>,
}

/// A packet that is to be sent again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Repeated<'a> {
    pub marker: bool,
    pub timestamp: u32,
    pub payload: &'a [u8],
}

impl History {
    /// Keeps a packet; the oldest makes room for it.
    pub fn push(&mut self, number: u16, packet: Vec<u8>) {
        if self.packets.len() == KEPT {
            self.packets.pop_front();
        }
        self.packets.push_back(Sent {
            number,
            packet,
            last_repeat: None,
        });
    }

    /// The packet of this number, unless it is gone, or was sent again a
    /// moment ago.
    pub fn repeat(&mut self, now: Instant, number: u16) -> Option<Repeated<'_>> {
        let newest = self.packets.back()?.number;
        let age = usize::from(newest.wrapping_sub(number));
        let at = self.packets.len().checked_sub(age + 1)?;
        let sent = self.packets.get_mut(at)?;
        let is_on_its_way = sent
            .last_repeat
            .is_some_and(|at| now.saturating_duration_since(at) < PATIENCE);
        if sent.number != number || is_on_its_way {
            return None;
        }
        sent.last_repeat = Some(now);
        let header = Header::parse(&sent.packet)?;
        Some(Repeated {
            marker: header.marker,
            timestamp: header.timestamp,
            payload: header.payload(&sent.packet)?,
        })
    }
}

/// About two seconds of 720p.
const KEPT: usize = 600;
const PATIENCE: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::rtp::NewHeader;

    fn history(numbers: impl IntoIterator<Item = u16>) -> History {
        let mut history = History::default();
        for number in numbers {
            let mut packet = Vec::new();
            NewHeader {
                marker: true,
                payload_type: 96,
                sequence_number: number,
                timestamp: 7,
                ssrc: 1,
                extensions: &[(3, &[1, 2])],
            }
            .write(&mut packet);
            packet.extend(number.to_be_bytes());
            history.push(number, packet);
        }
        history
    }

    #[test]
    fn a_packet_is_found_by_its_number_across_the_wrap() {
        let mut history = history((65_530..=u16::MAX).chain(0..10));
        let now = Instant::now();

        for number in [65_530, 65_535, 0, 9] {
            let repeated = history.repeat(now, number).unwrap();
            assert_eq!(repeated.payload, number.to_be_bytes());
            assert_eq!((repeated.marker, repeated.timestamp), (true, 7));
        }
        for number in [10, 65_529, 30_000] {
            assert_eq!(history.repeat(now, number), None);
        }
    }

    #[test]
    fn a_packet_is_not_last_repeat_at_once() {
        let mut history = history(0..5);
        let now = Instant::now();

        assert!(history.repeat(now, 3).is_some());
        assert!(history.repeat(now + PATIENCE / 2, 3).is_none());
        assert!(history.repeat(now + PATIENCE, 3).is_some());
    }

    #[test]
    fn old_packets_make_room() {
        let mut history = history(0..2000);

        assert_eq!(history.packets.len(), KEPT);
        assert!(history.repeat(Instant::now(), 1300).is_none());
        assert!(history.repeat(Instant::now(), 1500).is_some());
    }
}
