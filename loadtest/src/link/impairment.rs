//! One direction of a link: what it loses, and when it delivers the rest.
//! Pure: the same seed and the same packets have the same fate.

use std::time::Duration;

/// A link's qualities.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Quality {
    /// The part of packets that is lost, whatever the load.
    pub loss: f64,
    /// How many packets in a row are lost at a time; a mean. One: each is lost
    /// or not by itself. More: by the model of Gilbert and Elliott, whose bad
    /// state loses all and whose good one nothing.
    pub burst: f64,
    /// From one end to the other.
    pub delay: Duration,
    /// The most that delays differ from `delay`, either way.
    pub jitter: Duration,
    /// Bits a second; `None` for as many as come.
    pub rate: Option<u64>,
    /// How long a packet may wait for its turn, where there is a rate.
    pub queue: Duration,
}

/// A direction of a link at work. Packets keep their order.
#[derive(Clone, Debug)]
pub struct Direction {
    quality: Quality,
    random: u64,
    /// Packets are being lost.
    is_bad: bool,
    /// When the last packet will be through the bottleneck.
    busy_until: Duration,
    last_delivery: Duration,
}

impl Direction {
    pub fn new(quality: Quality, seed: u64) -> Self {
        Self {
            quality,
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            is_bad: false,
            busy_until: Duration::ZERO,
            last_delivery: Duration::ZERO,
        }
    }

    /// When a packet that comes at `now` is delivered; `None` if it is lost.
    /// Times count from any one moment.
    pub fn admit(&mut self, now: Duration, bytes: usize) -> Option<Duration> {
        let is_lost = self.next_is_lost();
        let position = self.next_random();
        let through = self.through_bottleneck(now, bytes)?;
        (!is_lost).then(|| self.deliver(through, position))
    }

    /// When a part of a reliable stream is delivered. What would be lost
    /// comes later, and holds up what is behind it.
    pub fn admit_reliably(&mut self, now: Duration, bytes: usize) -> Duration {
        let is_lost = self.next_is_lost();
        let position = self.next_random();
        let through = self
            .through_bottleneck(now, bytes)
            .unwrap_or(self.busy_until);
        let again = if is_lost {
            RETRANSMISSION.max(self.quality.delay * 2)
        } else {
            Duration::ZERO
        };
        self.deliver(through + again, position)
    }

    fn next_is_lost(&mut self) -> bool {
        let Quality { loss, burst, .. } = self.quality;
        let chance = self.next_random();
        self.is_bad = match self.is_bad {
            true if burst > 1.0 => chance >= 1.0 / burst,
            // As often as makes the mean what is asked for.
            false if burst > 1.0 => chance < loss / (burst * (1.0 - loss)),
            _ => chance < loss,
        };
        self.is_bad
    }

    fn through_bottleneck(&mut self, now: Duration, bytes: usize) -> Option<Duration> {
        let Some(rate) = self.quality.rate else {
            return Some(now);
        };
        let start = self.busy_until.max(now);
        if start > now + self.quality.queue {
            return None;
        }
        self.busy_until = start + Duration::from_secs_f64(bytes as f64 * 8.0 / rate as f64);
        Some(self.busy_until)
    }

    fn deliver(&mut self, through: Duration, position: f64) -> Duration {
        let Quality { delay, jitter, .. } = self.quality;
        let earliest = delay.saturating_sub(jitter);
        let at = through + earliest + (delay + jitter).saturating_sub(earliest).mul_f64(position);
        self.last_delivery = self.last_delivery.max(at);
        self.last_delivery
    }

    /// From 0 up to 1.
    fn next_random(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The least time in which TCP sends again (RFC 6298 in practice).
const RETRANSMISSION: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Quality = Quality {
        loss: 0.0,
        burst: 1.0,
        delay: Duration::ZERO,
        jitter: Duration::ZERO,
        rate: None,
        queue: Duration::from_millis(200),
    };

    /// The fates of packets of 1,000 bytes, a millisecond apart.
    fn fates(quality: Quality, seed: u64, count: u32) -> Vec<Option<Duration>> {
        let mut direction = Direction::new(quality, seed);
        (0..count)
            .map(|number| {
                let now = Duration::from_millis(1) * number;
                direction.admit(now, 1000).map(|at| at.saturating_sub(now))
            })
            .collect()
    }

    #[test]
    fn one_seed_has_one_fate() {
        let quality = Quality {
            loss: 0.1,
            jitter: Duration::from_millis(5),
            delay: Duration::from_millis(20),
            ..GOOD
        };

        assert_eq!(fates(quality, 3, 1000), fates(quality, 3, 1000));
        assert_ne!(fates(quality, 3, 1000), fates(quality, 4, 1000));
    }

    #[test]
    fn as_much_is_lost_as_was_asked_for() {
        let quality = Quality { loss: 0.05, ..GOOD };

        let lost = fates(quality, 1, 20_000)
            .iter()
            .filter(|fate| fate.is_none())
            .count();

        assert!((900..1100).contains(&lost), "{lost}");
    }

    #[test]
    fn losses_come_in_bursts_of_the_length_that_was_asked_for() {
        let quality = Quality {
            loss: 0.1,
            burst: 4.0,
            ..GOOD
        };

        let fates = fates(quality, 1, 40_000);

        let lost = fates.iter().filter(|fate| fate.is_none()).count();
        let bursts = fates
            .windows(2)
            .filter(|pair| pair[0].is_some() && pair[1].is_none())
            .count();
        assert!((3600..4400).contains(&lost), "{lost}");
        let length = lost as f64 / bursts as f64;
        assert!((3.6..4.4).contains(&length), "{length}");
    }

    #[test]
    fn delays_stay_within_the_jitter_and_order_is_kept() {
        let quality = Quality {
            delay: Duration::from_millis(40),
            jitter: Duration::from_millis(10),
            ..GOOD
        };
        let mut direction = Direction::new(quality, 9);
        let mut last = Duration::ZERO;
        for number in 0..1000 {
            let now = Duration::from_millis(30) * number;
            let at = direction.admit(now, 100).unwrap();
            let delay = at.saturating_sub(now);
            assert!(delay >= Duration::from_millis(30) && delay <= Duration::from_millis(50));
            assert!(at >= last);
            last = at;
        }
    }

    #[test]
    fn a_full_queue_drops_and_the_rate_is_kept() {
        // 1,000 bytes each millisecond are 8 Mbit/s; a quarter fits.
        let quality = Quality {
            rate: Some(2_000_000),
            ..GOOD
        };

        let fates = fates(quality, 1, 4000);

        let delivered = fates.iter().flatten().count();
        assert!((990..1060).contains(&delivered), "{delivered}");
        let longest = fates.iter().flatten().max().unwrap();
        assert!(*longest <= Duration::from_millis(204), "{longest:?}");
    }

    #[test]
    fn a_reliable_stream_loses_nothing_but_time() {
        let quality = Quality { loss: 0.5, ..GOOD };
        let mut direction = Direction::new(quality, 1);
        let times: Vec<_> = (0..100)
            .map(|_| direction.admit_reliably(Duration::ZERO, 1000))
            .collect();

        assert!(times.windows(2).all(|pair| pair[0] <= pair[1]));
        assert!(times[99] >= Duration::from_millis(200));
    }
}
