//! A network path as bad as a test wants it, the same for the same seed.

use std::time::{Duration, Instant};

/// What a path does to packets, in each direction.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    pub delay: Duration,
    /// Up to this much more delay for each packet, which reorders them.
    pub jitter: Duration,
    pub loss: Loss,
    /// The share of packets that come twice.
    pub duplication: f64,
}

/// How packets get lost.
#[derive(Clone, Copy, Debug)]
pub enum Loss {
    None,
    /// Each with this probability.
    Random(f64),
    /// In bursts (Gilbert-Elliott): all is lost in the bad state.
    Bursts {
        /// The probability, at each packet, that a burst starts.
        start: f64,
        /// The probability, at each packet of a burst, that it ends.
        end: f64,
    },
}

impl Link {
    /// Nothing lost, one millisecond each way.
    pub fn good() -> Self {
        Self {
            delay: Duration::from_millis(1),
            jitter: Duration::ZERO,
            loss: Loss::None,
            duplication: 0.0,
        }
    }
}

/// One direction of a link.
#[derive(Clone, Debug)]
pub struct Direction {
    link: Link,
    is_in_burst: bool,
}

impl Direction {
    pub fn new(link: Link) -> Self {
        Self {
            link,
            is_in_burst: false,
        }
    }

    /// When a packet sent at `now` arrives: never, once or twice.
    pub fn arrivals(&mut self, now: Instant, random: &mut Random) -> Vec<Instant> {
        let lost = match self.link.loss {
            Loss::None => false,
            Loss::Random(share) => random.happens(share),
            Loss::Bursts { start, end } => {
                let turn = if self.is_in_burst { end } else { start };
                if random.happens(turn) {
                    self.is_in_burst = !self.is_in_burst;
                }
                self.is_in_burst
            }
        };
        if lost {
            return Vec::new();
        }
        let copies = if random.happens(self.link.duplication) {
            2
        } else {
            1
        };
        (0..copies)
            .map(|_| now + self.link.delay + self.link.jitter.mul_f64(random.fraction()))
            .collect()
    }
}

/// A small generator whose seed is the whole run (`SplitMix64`).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to 1.
    pub fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn happens(&mut self, probability: f64) -> bool {
        self.fraction() < probability
    }
}
