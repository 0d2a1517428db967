//! Bitrates.

use std::fmt;
use std::time::Duration;

/// Bits a second.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Bitrate(u64);

impl Bitrate {
    pub const ZERO: Self = Self(0);

    pub const fn bits_per_second(bits: u64) -> Self {
        Self(bits)
    }

    pub const fn kilobits_per_second(kilobits: u64) -> Self {
        Self(kilobits.saturating_mul(1000))
    }

    /// The rate of so many bytes in so much time; `None` if no time passed.
    pub fn of(bytes: u64, duration: Duration) -> Option<Self> {
        let bits = u128::from(bytes) * 8 * 1_000_000;
        let rate = bits.checked_div(duration.as_micros())?;
        Some(Self(u64::try_from(rate).unwrap_or(u64::MAX)))
    }

    pub fn as_bits_per_second(self) -> u64 {
        self.0
    }

    /// This rate times `factor`; zero for a factor that is negative or no
    /// number.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self((self.as_f64() * factor) as u64)
    }

    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The bytes that so much time carries.
    pub fn bytes_in(self, duration: Duration) -> u64 {
        let bits = u128::from(self.0) * duration.as_micros() / 1_000_000;
        u64::try_from(bits / 8).unwrap_or(u64::MAX)
    }

    /// How long so many bytes take, an hour at the most.
    pub fn time_for(self, bytes: u64) -> Duration {
        let microseconds = (u128::from(bytes) * 8 * 1_000_000)
            .checked_div(u128::from(self.0))
            .unwrap_or(u128::MAX);
        Duration::from_micros(u64::try_from(microseconds).unwrap_or(u64::MAX)).min(LONGEST)
    }

    #[allow(
        clippy::cast_precision_loss,
        reason = "exact to 2^53, beyond any network"
    )]
    pub(super) fn as_f64(self) -> f64 {
        self.0 as f64
    }
}

impl fmt::Display for Bitrate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} kbit/s", self.0 / 1000)
    }
}

const LONGEST: Duration = Duration::from_hours(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_arithmetic_overflows_or_divides_by_zero() {
        let most = Bitrate::bits_per_second(u64::MAX);

        assert_eq!(most.plus(most), most);
        assert_eq!(Bitrate::ZERO.minus(most), Bitrate::ZERO);
        assert_eq!(Bitrate::ZERO.time_for(1), LONGEST);
        assert_eq!(most.time_for(u64::MAX).as_secs(), 8);
        assert_eq!(Bitrate::of(u64::MAX, Duration::from_micros(1)), Some(most));
        assert_eq!(Bitrate::of(1, Duration::ZERO), None);
        assert_eq!(most.scaled(f64::NAN), Bitrate::ZERO);
        assert_eq!(most.scaled(-1.0), Bitrate::ZERO);
        assert_eq!(most.scaled(2.0), most);
    }
}
