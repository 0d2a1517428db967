//! Times counted in buckets, each a fiftieth or so as wide as its value.

use std::time::Duration;

/// Times from a microsecond to about an hour.
#[derive(Clone, Debug)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: vec![0; OCTAVES * STEPS],
            count: 0,
        }
    }
}

impl Histogram {
    pub fn record(&mut self, time: Duration) {
        let microseconds = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let last = self.buckets.len() - 1;
        self.buckets[bucket(microseconds).min(last)] += 1;
        self.count += 1;
    }

    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.count += other.count;
    }

    /// The time that `part` of all recorded ones do not exceed, to about two
    /// per cent; `None` without any.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let rank = (self.count as f64 * part).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (at, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank && self.count > 0 {
                return Some(Duration::from_micros(upper_edge(at)));
            }
        }
        None
    }
}

/// The first two octaves are linear, a microsecond a bucket.
fn bucket(microseconds: u64) -> usize {
    let steps = STEPS as u64;
    if microseconds < 2 * steps {
        return microseconds as usize;
    }
    let shift = microseconds.ilog2() - STEPS.ilog2();
    let within = (microseconds >> shift) - steps;
    (shift as usize + 1) * STEPS + within as usize
}

fn upper_edge(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let steps = STEPS as u64;
    if bucket < 2 * steps {
        return bucket;
    }
    let shift = bucket / steps - 1;
    let within = bucket % steps + steps;
    ((within + 1) << shift) - 1
}

const STEPS: usize = 64;
const OCTAVES: usize = 27;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_within_its_bucket() {
        for microseconds in (0..20_000).chain([1_000_000, 3_599_999_999]) {
            let edge = upper_edge(bucket(microseconds));
            assert!(edge >= microseconds, "{microseconds}");
            assert!(
                edge as f64 <= microseconds as f64 * 1.02 + 1.0,
                "{microseconds}"
            );
        }
    }

    #[test]
    fn quantiles_are_those_of_what_was_recorded() {
        let mut histogram = Histogram::default();
        for milliseconds in 1..=1000 {
            histogram.record(Duration::from_millis(milliseconds));
        }
        let quantile = |part| histogram.quantile(part).unwrap().as_secs_f64();

        assert!((quantile(0.5) - 0.5).abs() < 0.01);
        assert!((quantile(0.99) - 0.99).abs() < 0.02);
        assert!((quantile(1.0) - 1.0).abs() < 0.02);
    }

    #[test]
    fn merging_is_recording_in_one() {
        let (mut a, mut b) = (Histogram::default(), Histogram::default());
        a.record(Duration::from_millis(1));
        b.record(Duration::from_millis(9));
        a.merge(&b);

        assert_eq!(a.count, 2);
        assert!(a.quantile(1.0).unwrap() >= Duration::from_millis(9));
    }

    #[test]
    fn nothing_recorded_has_no_quantile() {
        assert_eq!(Histogram::default().quantile(0.5), None);
    }
}
