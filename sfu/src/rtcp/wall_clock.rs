//! Wall-clock time as RTCP has it (RFC 3550 §4).

use std::time::Instant;

/// Translates the worker's clock to NTP timestamps: seconds since 1900 in 32
/// bits, and 32 bits of fraction.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    at: Instant,
    ntp: u64,
}

impl WallClock {
    /// A clock that shows `ntp` at `at`.
    pub fn new(at: Instant, ntp: u64) -> Self {
        Self { at, ntp }
    }

    /// What it shows at `now`, which must not be before the clock's start.
    pub fn ntp(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.at);
        self.ntp
            .wrapping_add((elapsed.as_secs() << 32) | fraction(elapsed.subsec_nanos()))
    }
}

/// The middle 32 bits of an NTP timestamp, as reports echo it.
pub(super) fn middle(ntp: u64) -> u32 {
    ((ntp >> 16) & 0xFFFF_FFFF) as u32
}

fn fraction(nanoseconds: u32) -> u64 {
    (u64::from(nanoseconds) << 32) / 1_000_000_000
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_second_and_a_half_is_that_in_ntp() {
        let start = Instant::now();
        let clock = WallClock::new(start, 7 << 32);

        let later = clock.ntp(start + Duration::from_millis(1500));

        assert_eq!(later, (8 << 32) | (1 << 31));
    }
}
