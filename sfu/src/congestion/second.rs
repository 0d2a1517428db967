//! Packets that are sent twice, as their receiver's feedback tells of them.

use std::time::Duration;

use super::history::SentPacket;

/// How long after a packet the same one is sent again, where that is done:
/// longer than most bursts of loss last, and no longer than what browsers'
/// buffers hold of sound on a path that loses some.
pub const REPEATED_AFTER: Duration = Duration::from_millis(40);

/// Tells the second of two packets with one number from the first, by how much
/// longer it seems to have been on its way than what came before.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct SecondArrival {
    /// Of the last that was a first: its arrival by the receiver's clock, less
    /// its sending by ours, in microseconds.
    usual: Option<i64>,
    /// Seconds in a row.
    count: u8,
}

impl SecondArrival {
    /// Whether what arrived is the second, and the first is lost. `arrived` is
    /// in microseconds, by the receiver's clock.
    pub(super) fn is_second(&mut self, packet: &SentPacket, arrived: i64) -> bool {
        let took = arrived.saturating_sub(packet.at);
        let is_late = self
            .usual
            .is_some_and(|usual| took.saturating_sub(usual) > MUCH_LONGER);
        if packet.is_repeated && is_late && self.count < MOST_SECONDS {
            self.count += 1;
            return true;
        }
        self.usual = Some(took);
        self.count = 0;
        false
    }
}

/// Four fifths of the time between the two, in microseconds.
const MUCH_LONGER: i64 = REPEATED_AFTER.as_micros() as i64 * 4 / 5;
/// So many firsts are not lost in a row: the path has become longer.
const MOST_SECONDS: u8 = 4;

#[cfg(test)]
mod tests {
    use super::super::history::{News, SendHistory};
    use super::*;

    /// Which of packets sent 20 ms apart are taken for seconds, by how long each
    /// was on its way, in milliseconds.
    fn seconds(took: &[i64], is_repeated: bool) -> Vec<bool> {
        let mut history = SendHistory::default();
        let mut second = SecondArrival::default();
        let mut at = 0;
        took.iter()
            .map(|took| {
                at += 20_000;
                let number = history.record(at, 100, None);
                if is_repeated {
                    history.repeat(number);
                }
                let Some(News::Arrived { packet, .. }) = history.report(number, true) else {
                    panic!("{number} was sent");
                };
                second.is_second(&packet, at + took * 1000 + CLOCKS_APART)
            })
            .collect()
    }

    #[test]
    fn what_comes_as_much_later_as_it_was_sent_again_is_the_second() {
        let found = seconds(&[30, 31, 70, 30, 75, 71, 45, 30], true);

        assert_eq!(found, [false, false, true, false, true, true, false, false]);
        assert_eq!(seconds(&[30, 31, 70, 30], false), [false; 4]);
    }

    #[test]
    fn a_path_that_has_become_longer_is_soon_the_usual_one() {
        let found = seconds(&[30, 80, 80, 80, 80, 80, 80, 120, 80], true);

        let expected = [false, true, true, true, true, false, false, true, false];
        assert_eq!(found, expected);
    }

    const CLOCKS_APART: i64 = -7_000_000;
}
