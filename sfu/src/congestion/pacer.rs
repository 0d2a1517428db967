//! The pace at which packets leave for one receiver.

use std::time::{Duration, Instant};

use super::Bitrate;

/// Lets packets go in small trains at a pace, somewhat faster than the path's
/// estimate, so that the burst of a key frame waits here and not in the network's queue.
/// While nothing waits, a frame of ordinary size leaves at once.
#[derive(Debug)]
pub struct Pacer {
    /// Bytes that may leave; negative after a packet larger than was left.
    tokens: i64,
    refilled: Instant,
    rate: Option<Bitrate>,
    /// What it takes for none of those that wait to wait too long.
    drain: Bitrate,
}

impl Pacer {
    pub fn new(now: Instant) -> Self {
        Self {
            tokens: 0,
            refilled: now,
            rate: None,
            drain: Bitrate::ZERO,
        }
    }

    /// Sets the pace, with so many bytes waiting: they leave within a quarter of
    /// a second whatever it is.
    pub fn update(&mut self, now: Instant, pace: Option<Bitrate>, waiting: u64) {
        let elapsed = now.saturating_duration_since(self.refilled);
        self.refilled = self.refilled.max(now);
        let was_unpaced = self.rate.is_none();
        let drain = Bitrate::of(waiting, LONGEST_WAIT).unwrap_or_default();
        self.drain = self.drain.max(drain);
        self.rate = pace.map(|pace| pace.max(self.drain));
        let Some(rate) = self.rate else {
            return;
        };
        let most = self.most();
        if was_unpaced {
            self.tokens = most;
            return;
        }
        let refill = i64::try_from(rate.bytes_in(elapsed)).unwrap_or(i64::MAX);
        self.tokens = self.tokens.saturating_add(refill).clamp(-most, most);
    }

    /// Bytes that may leave now; the last packet may exceed them.
    pub fn allowance(&self) -> u64 {
        match self.rate {
            Some(_) => u64::try_from(self.tokens).unwrap_or(0),
            None => u64::MAX,
        }
    }

    /// Takes note of bytes sent.
    pub fn spend(&mut self, bytes: u64) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.tokens = self.tokens.saturating_sub(bytes);
    }

    /// Takes note that nothing waits any more.
    pub fn rest(&mut self) {
        self.drain = Bitrate::ZERO;
    }

    /// When the next train may leave, of what waits.
    pub fn next_release(&self) -> Instant {
        let Some(rate) = self.rate else {
            return self.refilled;
        };
        let train = i64::try_from(rate.bytes_in(INTERVAL)).unwrap_or(i64::MAX);
        let train = train.clamp(LEAST_TRAIN, MOST_TRAIN);
        let missing = u64::try_from(train.saturating_sub(self.tokens)).unwrap_or(0);
        self.refilled + rate.time_for(missing).max(LEAST_WAIT)
    }

    fn most(&self) -> i64 {
        let burst = self.rate.map_or(0, |rate| rate.bytes_in(BURST));
        i64::try_from(burst).unwrap_or(i64::MAX).max(LEAST_TRAIN)
    }
}

const LONGEST_WAIT: Duration = Duration::from_millis(250);
/// What may leave at once after a pause, in time at the pace.
const BURST: Duration = Duration::from_millis(20);
const INTERVAL: Duration = Duration::from_millis(5);
const LEAST_WAIT: Duration = Duration::from_millis(1);
/// Two packets.
const LEAST_TRAIN: i64 = 2400;
/// Eight packets.
const MOST_TRAIN: i64 = 9600;

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    /// Sends `packets` of 1,200 bytes as the pacer lets them; gives when each
    /// train left, in milliseconds, and its packets.
    fn drain(pace: Option<Bitrate>, packets: u64) -> Vec<(u128, u64)> {
        let start = Instant::now();
        let mut pacer = Pacer::new(start);
        let mut now = start;
        let mut left = packets;
        let mut trains = Vec::new();
        while left > 0 {
            pacer.update(now, pace, left * 1200);
            let mut train = 0;
            while left > 0 && pacer.allowance() > 0 {
                pacer.spend(1200);
                train += 1;
                left -= 1;
            }
            if left == 0 {
                pacer.rest();
            }
            if train > 0 {
                trains.push(((now - start).as_millis(), train));
            }
            now = pacer.next_release().max(now);
        }
        trains
    }

    #[test]
    fn a_burst_leaves_in_trains_at_the_pace() {
        let trains = drain(Some(Bitrate::kilobits_per_second(1500)), 30);

        let (last, _) = trains[trains.len() - 1];
        assert!((150..=200).contains(&last), "{trains:?}");
        assert!(
            trains[1..trains.len() - 1]
                .iter()
                .all(|(_, train)| (2..=8).contains(train))
        );
    }

    #[test]
    fn a_receiver_that_takes_much_more_gets_a_frame_at_once() {
        let trains = drain(Some(Bitrate::kilobits_per_second(7500)), 8);

        assert_eq!(trains, [(0, 8)]);
    }

    #[test]
    fn nothing_waits_longer_than_a_quarter_of_a_second() {
        let trains = drain(Some(Bitrate::kilobits_per_second(75)), 100);

        let (last, _) = trains[trains.len() - 1];
        assert!(last <= 270, "{trains:?}");
        assert!(trains.iter().take(3).any(|(at, _)| *at > 0));
    }

    #[test]
    fn without_a_pace_all_leaves_at_once() {
        assert_eq!(drain(None, 500), [(0, 500)]);
    }
}
