//! How much a stream carries.

use std::time::{Duration, Instant};

use crate::congestion::Bitrate;

/// The bitrate of one stream over the last few seconds.
#[derive(Clone, Copy, Debug)]
pub struct StreamBitrate {
    since: Instant,
    bytes: u64,
    measured: Option<Bitrate>,
    /// The same over some four seconds.
    steady: Bitrate,
}

impl StreamBitrate {
    pub fn new(now: Instant) -> Self {
        Self {
            since: now,
            bytes: 0,
            measured: None,
            steady: Bitrate::ZERO,
        }
    }

    /// Counts a packet's payload.
    pub fn count(&mut self, bytes: usize) {
        self.bytes += bytes as u64 + OVERHEAD;
    }

    /// Goes on from here, after a time that does not count.
    pub fn restart(&mut self, now: Instant) {
        self.since = now;
        self.bytes = 0;
    }

    /// Takes what was counted into the measure, once enough time has passed.
    pub fn measure(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.since);
        let is_due = elapsed >= INTERVAL || (self.measured.is_none() && elapsed >= FIRST_INTERVAL);
        if !is_due {
            return;
        }
        let rate = Bitrate::of(self.bytes, elapsed).unwrap_or_default();
        self.steady = match self.measured {
            Some(_) => self.steady.scaled(0.75).plus(rate.scaled(0.25)),
            None => rate,
        };
        self.measured = Some(match self.measured {
            // A second with a key frame in it is no other bitrate yet.
            Some(before) => before.scaled(1.0 - WEIGHT).plus(rate.scaled(WEIGHT)),
            None => rate,
        });
        self.since = now;
        self.bytes = 0;
    }

    /// With all headers, as a receiver gets it; zero before it was measured.
    pub fn get(&self) -> Bitrate {
        self.measured.unwrap_or_default()
    }

    /// The bitrate without the swing of a few seconds, as when a shared screen
    /// turns to another page; no more than [`StreamBitrate::get`].
    pub fn steady(&self) -> Bitrate {
        self.get().min(self.steady)
    }
}

/// Headers and protection of a packet, in bytes.
const OVERHEAD: u64 = 64;
const WEIGHT: f64 = 0.3;
const INTERVAL: Duration = Duration::from_secs(1);
const FIRST_INTERVAL: Duration = Duration::from_millis(300);

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_measured_soon_and_then_each_second() {
        let start = Instant::now();
        let mut bitrate = StreamBitrate::new(start);
        let mut measured = Vec::new();
        for step in 0..300_u32 {
            let now = start + step * Duration::from_millis(10);
            bitrate.measure(now);
            measured.push(bitrate.get().as_bits_per_second() / 1000);
            if step < 130 {
                bitrate.count(1186);
            }
        }

        assert_eq!(measured[29], 0);
        assert_eq!((measured[30], measured[129]), (1000, 1000));
        assert_eq!(measured[299], 700);
    }
}
