//! What a slot has sent again, so that no packet is sent again too soon.

use std::time::{Duration, Instant};

use crate::rtp::sequence::ExtendedSequence;

/// The last retransmissions of one slot, and their own numbering.
#[derive(Debug, Default)]
pub struct RepairLog {
    sent: u64,
    /// Made with the first retransmission: most slots never need it.
    recent: Vec<(ExtendedSequence, Instant)>,
}

impl RepairLog {
    /// Notes that the packet at `sequence` is sent again. `false` if that was
    /// done less than about a round trip ago: the receiver asked before it
    /// could come.
    pub fn start(
        &mut self,
        now: Instant,
        sequence: ExtendedSequence,
        round_trip: Duration,
    ) -> bool {
        let patience = round_trip.mul_f32(0.7).max(LEAST_PATIENCE);
        let known = self.recent.iter_mut().find(|(of, _)| *of == sequence);
        if let Some((_, at)) = known {
            if now.saturating_duration_since(*at) < patience {
                return false;
            }
            *at = now;
            return true;
        }
        if self.recent.len() < REMEMBERED {
            self.recent.push((sequence, now));
        } else if let Some(oldest) = self.recent.iter_mut().min_by_key(|(_, at)| *at) {
            *oldest = (sequence, now);
        }
        true
    }

    /// A log that goes on after this many.
    pub fn after(sent: u64) -> Self {
        Self {
            sent,
            ..Self::default()
        }
    }

    /// How many places were given.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// The place of the next retransmission in its own stream.
    pub fn next_sequence(&mut self) -> ExtendedSequence {
        self.sent += 1;
        ExtendedSequence(self.sent)
    }
}

const REMEMBERED: usize = 64;
const LEAST_PATIENCE: Duration = Duration::from_millis(10);

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_sent_again_only_after_a_round_trip() {
        let start = Instant::now();
        let round_trip = Duration::from_millis(100);
        let mut log = RepairLog::default();
        let mut again = |milliseconds| {
            let now = start + Duration::from_millis(milliseconds);
            log.start(now, ExtendedSequence(7), round_trip)
        };

        assert!(again(0));
        assert!(!again(50));
        assert!(again(80));
        assert!(!again(120));
    }

    #[test]
    fn the_log_is_bounded() {
        let start = Instant::now();
        let mut log = RepairLog::default();

        for sequence in 0..10_000 {
            let now = start + Duration::from_millis(sequence);
            assert!(log.start(now, ExtendedSequence(sequence), Duration::ZERO));
        }

        assert_eq!(log.recent.len(), REMEMBERED);
    }
}
