//! What was sent, until its receiver has told what became of it.

use std::ops::Range;

use super::probe::ClusterId;
use crate::rtp::sequence::ExtendedSequence;

/// The last packets sent to one receiver, by their transport-wide numbers: as
/// many as are on their way at a time, within a limit.
#[derive(Debug, Default)]
pub(super) struct SendHistory {
    /// A power of two of them; none before the first packet.
    packets: Vec<SentPacket>,
    sent: u64,
    /// The newest that a report has spoken of.
    told: Option<ExtendedSequence>,
    /// Those before it that none has spoken of.
    passed_over: Range<u64>,
}

/// A packet on its way, or no more.
#[derive(Clone, Copy, Debug)]
pub(super) struct SentPacket {
    /// Since the controller's start, in microseconds.
    pub(super) at: i64,
    pub(super) bytes: u16,
    number: u16,
    /// The probe it belongs to.
    pub(super) cluster: Option<ClusterId>,
    /// It is sent twice.
    pub(super) is_repeated: bool,
    fate: Fate,
}

impl SentPacket {
    /// Of all that is sent under its number.
    pub(super) fn bytes_in_all(&self) -> u64 {
        let copies = if self.is_repeated { 2 } else { 1 };
        copies * u64::from(self.bytes)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Unknown,
    Lost,
    /// The report on it was lost: it is taken for one that arrived.
    Presumed,
    Arrived,
}

/// What a report on one packet changes.
#[derive(Clone, Copy, Debug)]
pub(super) enum News {
    Arrived {
        packet: SentPacket,
        /// It had been reported as lost.
        was_lost: bool,
        /// It had been handed out as passed over.
        was_presumed: bool,
    },
    Lost(SentPacket),
}

impl SendHistory {
    /// Notes a packet and gives its transport-wide number.
    pub(super) fn record(&mut self, at: i64, bytes: u16, cluster: Option<ClusterId>) -> u16 {
        self.sent += 1;
        let number = ExtendedSequence(self.sent).number();
        let place = self.index(number);
        let would_forget = self
            .packets
            .get(place)
            .is_none_or(|packet| packet.fate == Fate::Unknown);
        if would_forget && self.packets.len() < REMEMBERED {
            self.grow();
        }
        let place = self.index(number);
        self.packets[place] = SentPacket {
            at,
            bytes,
            number,
            cluster,
            is_repeated: false,
            fate: Fate::Unknown,
        };
        number
    }

    /// Notes that the packet with this number is sent twice.
    pub(super) fn repeat(&mut self, number: u16) {
        let place = self.index(number);
        let packet = self.packets.get_mut(place);
        if let Some(packet) = packet.filter(|packet| packet.number == number) {
            packet.is_repeated = true;
        }
    }

    /// Forgets all packets. Numbers go on.
    pub(super) fn forget(&mut self) {
        self.packets.clear();
        self.told = None;
        self.passed_over = 0..0;
    }

    /// Takes a report on the packet with this number. `None` if it says
    /// nothing new, or is of a packet that was never sent or is forgotten.
    pub(super) fn report(&mut self, number: u16, has_arrived: bool) -> Option<News> {
        let newest = ExtendedSequence(self.sent);
        let sequence = newest.nearest(number);
        if sequence > newest {
            return None;
        }
        if self.told.is_none_or(|told| sequence > told)
            && let Some(told) = self.told.replace(sequence)
            && sequence.0 > told.0 + 1
        {
            self.passed_over = told.0 + 1..sequence.0;
        }
        let place = self.index(number);
        let packet = self.packets.get_mut(place)?;
        if packet.number != number {
            return None;
        }
        match (packet.fate, has_arrived) {
            (Fate::Unknown | Fate::Lost | Fate::Presumed, true) => {
                let was_lost = packet.fate == Fate::Lost;
                let was_presumed = packet.fate == Fate::Presumed;
                packet.fate = Fate::Arrived;
                Some(News::Arrived {
                    packet: *packet,
                    was_lost,
                    was_presumed,
                })
            }
            (Fate::Unknown | Fate::Presumed, false) => {
                packet.fate = Fate::Lost;
                Some(News::Lost(*packet))
            }
            _ => None,
        }
    }

    /// Hands out the packets that the last report passed over, oldest first and
    /// each once. Reports follow on one another, so the one on these was lost.
    pub(super) fn take_passed_over(&mut self, mut take: impl FnMut(SentPacket)) {
        let Range { start, end } = std::mem::take(&mut self.passed_over);
        for sequence in start.max(end.saturating_sub(REMEMBERED as u64))..end {
            let number = ExtendedSequence(sequence).number();
            let place = self.index(number);
            if let Some(packet) = self.packets.get_mut(place)
                && packet.number == number
                && packet.fate == Fate::Unknown
            {
                packet.fate = Fate::Presumed;
                take(*packet);
            }
        }
    }

    /// Makes room for twice as many. The memory of the longest history is set
    /// aside at once, but the system gives it only as it is used.
    fn grow(&mut self) {
        if self.packets.capacity() == 0 {
            self.packets.reserve_exact(REMEMBERED);
        }
        let before = self.packets.len();
        let after = (2 * before).clamp(LEAST_REMEMBERED, REMEMBERED);
        self.packets.resize(after, SentPacket::NONE);
        for place in 0..before {
            let packet = self.packets[place];
            let moved = self.index(packet.number);
            if moved != place {
                self.packets[moved] = packet;
                self.packets[place] = SentPacket::NONE;
            }
        }
    }

    fn index(&self, number: u16) -> usize {
        usize::from(number) & self.packets.len().saturating_sub(1)
    }
}

impl SentPacket {
    const NONE: Self = Self {
        at: 0,
        bytes: 0,
        number: 0,
        cluster: None,
        is_repeated: false,
        fate: Fate::Arrived,
    };
}

/// A second of a picture in one layer, more than a round trip takes. A power
/// of two.
const LEAST_REMEMBERED: usize = 256;
/// Two seconds at 10 Mbit/s. A power of two.
const REMEMBERED: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_a_packet_is_news_once() {
        let mut history = SendHistory::default();
        let number = history.record(5, 100, None);

        assert!(matches!(history.report(number, false), Some(News::Lost(_))));
        assert!(history.report(number, false).is_none());
        let arrived = history.report(number, true);
        assert!(
            matches!(arrived, Some(News::Arrived { packet, was_lost: true, .. }) if packet.at == 5)
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
    fn as_many_are_remembered_as_are_on_their_way() {
        let mut history = SendHistory::default();
        let mut numbers = Vec::new();
        for packet in 0..3 * LEAST_REMEMBERED {
            numbers.push(history.record(0, 1, None));
            // The first half is reported as it goes, the rest not.
            if packet < LEAST_REMEMBERED {
                assert!(history.report(numbers[packet], true).is_some());
                assert_eq!(history.packets.len(), LEAST_REMEMBERED);
            }
        }

        let unreported = &numbers[LEAST_REMEMBERED..];
        assert!(
            unreported
                .iter()
                .all(|number| history.report(*number, true).is_some())
        );
        assert_eq!(history.packets.len(), 2 * LEAST_REMEMBERED);
    }

    #[test]
    fn what_a_lost_report_was_on_is_handed_out_once() {
        let mut history = SendHistory {
            sent: u64::from(u16::MAX) - 4,
            ..SendHistory::default()
        };
        let numbers: Vec<_> = (0..10).map(|at| history.record(at, 1, None)).collect();
        let passed_over = |history: &mut SendHistory| {
            let mut times = Vec::new();
            history.take_passed_over(|packet| times.push(packet.at));
            times
        };

        history.report(numbers[0], true);
        history.report(numbers[1], false);
        assert!(passed_over(&mut history).is_empty());
        history.report(numbers[6], false);
        history.report(numbers[7], true);
        assert_eq!(passed_over(&mut history), [2, 3, 4, 5]);
        assert!(passed_over(&mut history).is_empty());

        // Told after all.
        let late = history.report(numbers[3], true);
        assert!(
            matches!(
                late,
                Some(News::Arrived {
                    was_presumed: true,
                    ..
                })
            ),
            "{late:?}"
        );
        assert!(matches!(
            history.report(numbers[4], false),
            Some(News::Lost(_))
        ));
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
