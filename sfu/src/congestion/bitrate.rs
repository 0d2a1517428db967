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
        Some(Self(ratio(bytes, 8_000_000, microseconds(duration))?))
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
        ratio(self.0, microseconds(duration), 8_000_000).unwrap_or(u64::MAX)
    }

    /// How long so many bytes take, an hour at the most.
    pub fn time_for(self, bytes: u64) -> Duration {
        let microseconds = ratio(bytes, 8_000_000, self.0).unwrap_or(u64::MAX);
        Duration::from_micros(microseconds).min(LONGEST)
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

/// `value` times `factor` by `divisor`, or as much as fits; `None` if the
/// divisor is zero. Long numbers are divided only where it must be: that is
/// slow, and this is done for each frame.
fn ratio(value: u64, factor: u64, divisor: u64) -> Option<u64> {
    if let Some(product) = value.checked_mul(factor) {
        return product.checked_div(divisor);
    }
    let product = u128::from(value) * u128::from(factor);
    let ratio = product.checked_div(u128::from(divisor))?;
    Some(u64::try_from(ratio).unwrap_or(u64::MAX))
}

fn microseconds(duration: Duration) -> u64 {
    let seconds = duration.as_secs().saturating_mul(1_000_000);
    seconds.saturating_add(duration.subsec_micros().into())
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
