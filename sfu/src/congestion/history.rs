//! What was sent, until its receiver has told what became of it.

use super::probe::ClusterId;
use crate::rtp::sequence::ExtendedSequence;

/// The last packets sent to one receiver, by their transport-wide numbers.
#[derive(Debug, Default)]
pub(super) struct SendHistory {
    /// Made with the first packet.
    packets: Box<[SentPacket]>,
    sent: u64,
}

/// A packet on its way, or no more.
#[derive(Clone, Copy, Debug)]
pub(super) struct SentPacket {
    /// Since the controller's start, in microseconds.
    pub(super) at: i64,
    /// The low bits of its place.
    place: u32,
    pub(super) bytes: u16,
    /// The probe it belongs to.
    pub(super) cluster: Option<ClusterId>,
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Unknown,
    Lost,
    Arrived,
}

/// What a report on one packet changes.
#[derive(Clone, Copy, Debug)]
pub(super) enum News {
    Arrived {
        packet: SentPacket,
        /// It had been reported as lost.
        was_lost: bool,
    },
    Lost,
}

impl SendHistory {
    /// Notes a packet and gives its transport-wide number.
    pub(super) fn record(&mut self, at: i64, bytes: u16, cluster: Option<ClusterId>) -> u16 {
        if self.packets.is_empty() {
            self.packets = vec![SentPacket::NONE; REMEMBERED].into_boxed_slice();
        }
        self.sent += 1;
        let place = ExtendedSequence(self.sent);
        self.packets[index(place)] = SentPacket {
            at,
            place: low_bits(place),
            bytes,
            cluster,
            fate: Fate::Unknown,
        };
        place.number()
    }

    /// Takes a report on the packet with this number. `None` if it says
    /// nothing new, or is of a packet that was never sent or is forgotten.
    pub(super) fn report(&mut self, number: u16, has_arrived: bool) -> Option<News> {
        let newest = ExtendedSequence(self.sent);
        let place = newest.nearest(number);
        if place > newest || self.packets.is_empty() {
            return None;
        }
        let packet = &mut self.packets[index(place)];
        if packet.place != low_bits(place) {
            return None;
        }
        match (packet.fate, has_arrived) {
            (Fate::Unknown | Fate::Lost, true) => {
                let was_lost = packet.fate == Fate::Lost;
                packet.fate = Fate::Arrived;
                Some(News::Arrived {
                    packet: *packet,
                    was_lost,
                })
            }
            (Fate::Unknown, false) => {
                packet.fate = Fate::Lost;
                Some(News::Lost)
            }
            _ => None,
        }
    }
}

impl SentPacket {
    const NONE: Self = Self {
        at: 0,
        place: 0,
        bytes: 0,
        cluster: None,
        fate: Fate::Arrived,
    };
}

fn index(place: ExtendedSequence) -> usize {
    usize::from(place.number()) & (REMEMBERED - 1)
}

fn low_bits(place: ExtendedSequence) -> u32 {
    (place.0 & 0xFFFF_FFFF) as u32
}

/// Two seconds at 10 Mbit/s. A power of two.
const REMEMBERED: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_a_packet_is_news_once() {
        let mut history = SendHistory::default();
        let number = history.record(5, 100, None);

        assert!(matches!(history.report(number, false), Some(News::Lost)));
        assert!(history.report(number, false).is_none());
        let arrived = history.report(number, true);
        assert!(
            matches!(arrived, Some(News::Arrived { packet, was_lost: true }) if packet.at == 5)
        );
        assert!(history.report(number, true).is_none());
        assert!(history.report(number, false).is_none());
    }

    #[test]
    fn packets_never_sent_or_forgotten_are_no_news() {
        let mut history = SendHistory::default();
        assert!(history.report(0, true).is_none());
        let first = history.record(0, 1, None);
        for _ in 0..REMEMBERED {
            history.record(0, 1, None);
        }

        let reports = (0..=u16::MAX).filter(|number| history.report(*number, true).is_some());

        assert_eq!(reports.count(), REMEMBERED);
        assert!(history.report(first, true).is_none());
    }

    #[test]
    fn numbers_wrap() {
        let mut history = SendHistory::default();
        for _ in 0..70_000 {
            let number = history.record(0, 1, None);
            assert!(history.report(number, true).is_some());
        }
    }
}
