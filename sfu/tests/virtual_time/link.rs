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
    /// Toward a participant only; none is as wide as can be.
    pub bottleneck: Option<Bottleneck>,
    /// The receiver's machine is busy: packets are read late, and together.
    pub lateness: Lateness,
}

/// How a busy machine reads what comes to it.
#[derive(Clone, Copy, Debug)]
pub struct Lateness {
    /// The probability, at each packet, that it is late.
    pub probability: f64,
    /// How late at the most.
    pub longest: Duration,
}

/// The narrowest place of a path, with a queue before it.
#[derive(Clone, Copy, Debug)]
pub struct Bottleneck {
    pub bits_per_second: u64,
    /// What would wait longer is dropped.
    pub longest_queue: Duration,
    /// Bytes that pass at once after a pause, as through a token bucket.
    pub burst: u64,
    /// Bytes that it counts of each packet beside those of IP and UDP.
    pub framing: u64,
}

impl Bottleneck {
    pub fn kilobits(kilobits: u64) -> Self {
        Self {
            bits_per_second: kilobits * 1000,
            longest_queue: Duration::from_millis(500),
            burst: 0,
            framing: 0,
        }
    }

    /// As Linux's `tbf` on an Ethernet device shapes, with a bucket that holds
    /// so many bytes.
    pub fn token_bucket(kilobits: u64, burst: u64) -> Self {
        Self {
            longest_queue: Duration::from_millis(300),
            burst,
            framing: 14,
            ..Self::kilobits(kilobits)
        }
    }
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
            bottleneck: None,
            lateness: Lateness {
                probability: 0.0,
                longest: Duration::ZERO,
            },
        }
    }
}

/// One direction of a link.
#[derive(Clone, Debug)]
pub struct Direction {
    pub link: Link,
    /// How long each packet stood in the bottleneck's queue, and when it came
    /// there; `None` for one that was lost on the way.
    pub queued: Vec<(Instant, Option<Duration>)>,
    is_in_burst: bool,
    /// When the bottleneck will have sent on all it has, and its bucket is
    /// empty or, with nothing waiting, full again.
    free_at: Option<Instant>,
    /// Until when the receiver's machine reads nothing.
    unread_until: Option<Instant>,
}

impl Direction {
    pub fn new(link: Link) -> Self {
        Self {
            link,
            queued: Vec::new(),
            is_in_burst: false,
            free_at: None,
            unread_until: None,
        }
    }

    /// When a packet of so many bytes, sent at `now`, arrives: never, once or
    /// twice.
    pub fn arrivals(&mut self, now: Instant, bytes: usize, random: &mut Random) -> Vec<Instant> {
        let Some(through) = self.pass_bottleneck(now, bytes) else {
            self.queued.push((now, None));
            return Vec::new();
        };
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
        if self.link.bottleneck.is_some() {
            self.queued.push((now, (!lost).then(|| through - now)));
        }
        if lost {
            return Vec::new();
        }
        let copies = if random.happens(self.link.duplication) {
            2
        } else {
            1
        };
        let mut arrivals = Vec::new();
        for _ in 0..copies {
            let jitter = self.link.jitter.mul_f64(random.fraction());
            arrivals.push(self.read_at(through + self.link.delay + jitter, random));
        }
        arrivals
    }

    /// Of what was sent at `from` or later: the 95th percentile of the time in
    /// the bottleneck's queue, and the share lost.
    pub fn queue(&self, from: Instant) -> (Duration, f64) {
        let sent: Vec<_> = self.queued.iter().filter(|(at, _)| *at >= from).collect();
        let mut times: Vec<_> = sent.iter().filter_map(|(_, time)| *time).collect();
        times.sort_unstable();
        let lost = sent.len() - times.len();
        let slow = times.len() * 95 / 100;
        (times[slow], lost as f64 / sent.len() as f64)
    }

    /// When the receiver's machine reads a packet that came at a moment.
    fn read_at(&mut self, came: Instant, random: &mut Random) -> Instant {
        if let Some(until) = self.unread_until.filter(|until| came < *until) {
            return until;
        }
        let Lateness {
            probability,
            longest,
        } = self.link.lateness;
        if probability <= 0.0 || !random.happens(probability) {
            return came;
        }
        let until = came + longest.mul_f64(random.fraction());
        self.unread_until = Some(until);
        until
    }

    /// When the bottleneck has sent on a packet; `None` if its queue is full.
    fn pass_bottleneck(&mut self, now: Instant, bytes: usize) -> Option<Instant> {
        let Some(bottleneck) = self.link.bottleneck else {
            return Some(now);
        };
        let time =
            |bytes| Duration::from_nanos(bytes * 8 * 1_000_000_000 / bottleneck.bits_per_second);
        let credit = time(bottleneck.burst);
        let start = self.free_at.map_or(now, |free| free.max(now));
        if start - now > bottleneck.longest_queue + credit {
            return None;
        }
        let free = start + time((bytes + IP_AND_UDP) as u64 + bottleneck.framing);
        self.free_at = Some(free);
        Some(free.checked_sub(credit).map_or(now, |end| end.max(now)))
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

/// Headers of IPv4 and UDP.
const IP_AND_UDP: usize = 28;
