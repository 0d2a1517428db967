//! The estimate as the delay drives it: down when queues grow, slowly up when
//! they do not (draft-ietf-rmcat-gcc-02 §5.5).

use std::time::{Duration, Instant};

use super::Bitrate;
use super::delay::Usage;

/// Additive increase near the path's capacity, multiplicative far from it,
/// multiplicative decrease.
#[derive(Debug)]
pub(super) struct RateControl {
    estimate: Bitrate,
    increased: Option<Instant>,
    decreased: Option<Instant>,
    over_used_since: Option<Instant>,
    capacity: Capacity,
}

/// What is known when the estimate is updated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence {
    pub(super) usage: Usage,
    /// What arrives.
    pub(super) acknowledged: Option<Bitrate>,
    pub(super) round_trip: Duration,
    /// What is sent, if it is less than the estimate allows, so that it proves
    /// nothing.
    pub(super) limited_to: Option<Bitrate>,
    /// The share that the path itself loses.
    pub(super) inherent_loss: f64,
}

impl RateControl {
    pub(super) fn new(estimate: Bitrate) -> Self {
        Self {
            estimate,
            increased: None,
            decreased: None,
            over_used_since: None,
            capacity: Capacity::default(),
        }
    }

    pub(super) fn estimate(&self) -> Bitrate {
        self.estimate
    }

    /// Whether the estimate was lowered in the given time before `now`.
    pub(super) fn was_decreased_within(&self, now: Instant, time: Duration) -> bool {
        self.decreased
            .is_some_and(|at| now.saturating_duration_since(at) < time)
    }

    pub(super) fn update(&mut self, now: Instant, evidence: &Evidence) {
        if evidence.usage != Usage::Over {
            self.over_used_since = None;
        }
        match evidence.usage {
            Usage::Over => {
                self.over_used_since.get_or_insert(now);
                self.increased = None;
                self.decrease(now, evidence);
            }
            // Until the queues are empty.
            Usage::Under => self.increased = None,
            Usage::Normal => self.increase(now, evidence),
        }
    }

    /// Raises the estimate to what was proven otherwise.
    pub(super) fn raise_to(&mut self, proven: Bitrate) {
        if proven > self.estimate {
            self.estimate = proven.min(MOST);
            if self.capacity.is_exceeded_by(proven) {
                self.capacity = Capacity::default();
            }
        }
    }

    /// Lowers the estimate to what was proven otherwise, with no queue that
    /// would have to drain.
    pub(super) fn lower_to(&mut self, proven: Bitrate) {
        self.estimate = self.estimate.min(proven).max(LEAST);
    }

    /// Lowers the estimate without evidence of a capacity.
    pub(super) fn back_off(&mut self, now: Instant, factor: f64) {
        self.estimate = self.estimate.scaled(factor).max(LEAST);
        self.decreased = Some(now);
        self.increased = None;
    }

    fn decrease(&mut self, now: Instant, evidence: &Evidence) {
        let patience = evidence.round_trip.clamp(LEAST_PATIENCE, MOST_PATIENCE);
        let plunged = evidence
            .acknowledged
            .is_some_and(|rate| rate < self.estimate.scaled(0.5));
        let patience = if plunged { LEAST_PATIENCE } else { patience };
        if self.was_decreased_within(now, patience) {
            return;
        }
        let arriving = evidence.acknowledged.unwrap_or(self.estimate);
        // A burst can fill the queue while less is sent than the path takes:
        // what arrives is then not its capacity. Only over-use that goes on
        // says that the capacity has changed.
        let arriving = match self.capacity.mean() {
            Some(capacity)
                if arriving > capacity.scaled(NEAR_CAPACITY)
                    && !self.was_decreased_within(now, OVER_USE_GOES_ON) =>
            {
                arriving.max(capacity)
            }
            _ => arriving,
        };
        if evidence.acknowledged.is_some() && evidence.limited_to.is_none() {
            self.capacity.observe(arriving);
        }
        let reach = 1.0 - evidence.inherent_loss;
        let lowered = match evidence.limited_to {
            // All that the path does not lose arrives, or may yet: if it fills a queue at
            // all, then with others' help, and its own rate says little of
            // the capacity.
            Some(sent)
                if arriving > sent.scaled(ALL_ARRIVES * reach)
                    || (self.is_news(now) && arriving > sent.scaled(MUCH_ARRIVES * reach)) =>
            {
                self.estimate.scaled(BACK_OFF).max(arriving)
            }
            _ => arriving.scaled(BACK_OFF),
        };
        self.estimate = lowered.min(self.estimate).max(LEAST);
        self.decreased = Some(now);
    }

    /// Whether over-use has lasted for so short a time that it may be a leap
    /// of the delay.
    fn is_news(&self, now: Instant) -> bool {
        self.over_used_since
            .is_none_or(|since| now.saturating_duration_since(since) < NEWS)
    }

    fn increase(&mut self, now: Instant, evidence: &Evidence) {
        let elapsed = match self.increased.replace(now) {
            Some(before) => now.saturating_duration_since(before).min(LONGEST_STEP),
            None => Duration::ZERO,
        };
        if evidence.limited_to.is_some() {
            return;
        }
        let limit = evidence
            .acknowledged
            .map_or(self.estimate, |rate| rate.scaled(1.5).plus(HEADROOM));
        if self.capacity.is_exceeded_by(self.estimate) {
            self.capacity = Capacity::default();
        }
        let seconds = elapsed.as_secs_f64();
        let raised = if self.capacity.is_known() {
            let step = additive_step(self.estimate, evidence.round_trip);
            self.estimate.plus(step.scaled(seconds))
        } else {
            self.estimate.scaled(GROWTH.powf(seconds))
        };
        self.estimate = raised.min(limit).max(self.estimate).min(MOST);
    }
}

/// What a second adds: about half a packet for each response time.
fn additive_step(estimate: Bitrate, round_trip: Duration) -> Bitrate {
    let frame = estimate.bytes_in(Duration::from_secs(1)) / FRAMES_A_SECOND;
    let packet = frame / frame.div_ceil(PACKET_BYTES).max(1);
    let response = 2 * (round_trip.min(LONGEST_STEP) + DETECTION);
    Bitrate::of(packet, response)
        .unwrap_or_default()
        .max(LEAST_STEP)
}

/// What arrived whenever the path was over-used, averaged, in kbit/s.
#[derive(Clone, Copy, Default, Debug)]
struct Capacity {
    mean: Option<f64>,
    /// Of the samples, relative to the mean.
    variance: f64,
}

impl Capacity {
    fn is_known(&self) -> bool {
        self.mean.is_some()
    }

    fn mean(&self) -> Option<Bitrate> {
        let kilobit = Bitrate::kilobits_per_second(1);
        self.mean.map(|mean| kilobit.scaled(mean))
    }

    fn observe(&mut self, rate: Bitrate) {
        let sample = rate.as_f64() / 1000.0;
        if self.is_exceeded_by(rate) || self.falls_short_of_by(sample) {
            *self = Self::default();
        }
        let Some(mean) = self.mean else {
            self.mean = Some(sample);
            self.variance = LEAST_VARIANCE;
            return;
        };
        let next = mean + WEIGHT * (sample - mean);
        let error = (sample - next) * (sample - next) / next.max(1.0);
        self.variance =
            ((1.0 - WEIGHT) * self.variance + WEIGHT * error).clamp(LEAST_VARIANCE, MOST_VARIANCE);
        self.mean = Some(next);
    }

    fn is_exceeded_by(&self, rate: Bitrate) -> bool {
        self.mean
            .is_some_and(|mean| rate.as_f64() / 1000.0 > mean + 3.0 * self.deviation(mean))
    }

    fn falls_short_of_by(&self, sample: f64) -> bool {
        self.mean
            .is_some_and(|mean| sample < mean - 3.0 * self.deviation(mean))
    }

    fn deviation(&self, mean: f64) -> f64 {
        (self.variance * mean.max(0.0)).sqrt()
    }
}

/// Speech still goes through.
pub(super) const LEAST: Bitrate = Bitrate::kilobits_per_second(40);
/// More than a receiver here can be sent.
pub(super) const MOST: Bitrate = Bitrate::kilobits_per_second(20_000);
const BACK_OFF: f64 = 0.85;
/// A second's multiplicative increase.
const GROWTH: f64 = 1.08;
const NEWS: Duration = Duration::from_millis(250);
/// Less is a path that has narrowed, however short a time ago.
const MUCH_ARRIVES: f64 = 0.55;
/// A part of a burst may still be on its way.
const ALL_ARRIVES: f64 = 0.8;
const NEAR_CAPACITY: f64 = 0.7;
const OVER_USE_GOES_ON: Duration = Duration::from_millis(1500);
const HEADROOM: Bitrate = Bitrate::kilobits_per_second(10);
const LEAST_STEP: Bitrate = Bitrate::kilobits_per_second(4);
const LONGEST_STEP: Duration = Duration::from_secs(1);
const LEAST_PATIENCE: Duration = Duration::from_millis(100);
const MOST_PATIENCE: Duration = Duration::from_millis(300);
/// How long over-use takes to be seen.
const DETECTION: Duration = Duration::from_millis(100);
const FRAMES_A_SECOND: u64 = 30;
const PACKET_BYTES: u64 = 1200;
const WEIGHT: f64 = 0.05;
const LEAST_VARIANCE: f64 = 0.4;
const MOST_VARIANCE: f64 = 2.5;

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    fn evidence(usage: Usage, kilobits: u64) -> Evidence {
        Evidence {
            usage,
            acknowledged: Some(Bitrate::kilobits_per_second(kilobits)),
            round_trip: Duration::from_millis(100),
            limited_to: None,
            inherent_loss: 0.0,
        }
    }

    fn run(control: &mut RateControl, start: Instant, steps: u32, evidence: &Evidence) {
        for step in 0..steps {
            control.update(start + step * Duration::from_millis(100), evidence);
        }
    }

    #[test]
    fn over_use_lowers_the_estimate_below_what_arrives() {
        let start = Instant::now();
        let mut control = RateControl::new(Bitrate::kilobits_per_second(2000));

        control.update(start, &evidence(Usage::Over, 1000));

        assert_eq!(control.estimate(), Bitrate::kilobits_per_second(850));
    }

    #[test]
    fn it_grows_no_further_than_half_above_what_arrives() {
        let start = Instant::now();
        let mut control = RateControl::new(Bitrate::kilobits_per_second(300));

        run(&mut control, start, 600, &evidence(Usage::Normal, 400));

        assert_eq!(control.estimate(), Bitrate::kilobits_per_second(610));
    }

    #[test]
    fn what_the_application_does_not_send_proves_nothing() {
        let start = Instant::now();
        let before = Bitrate::kilobits_per_second(300);
        let mut control = RateControl::new(before);
        let limited = Evidence {
            limited_to: Some(Bitrate::kilobits_per_second(290)),
            ..evidence(Usage::Normal, 290)
        };

        run(&mut control, start, 600, &limited);

        assert_eq!(control.estimate(), before);
    }

    #[test]
    fn a_small_flow_that_meets_anothers_burst_keeps_most_of_its_estimate() {
        let start = Instant::now();
        let mut control = RateControl::new(Bitrate::kilobits_per_second(2000));
        let limited = Evidence {
            limited_to: Some(Bitrate::kilobits_per_second(300)),
            ..evidence(Usage::Over, 290)
        };

        control.update(start, &limited);

        assert_eq!(control.estimate(), Bitrate::kilobits_per_second(1700));
    }

    #[test]
    fn near_a_known_capacity_it_grows_slowly() {
        let start = Instant::now();
        let mut control = RateControl::new(Bitrate::kilobits_per_second(1200));
        control.update(start, &evidence(Usage::Over, 1000));
        let later = start + Duration::from_secs(1);

        run(&mut control, later, 50, &evidence(Usage::Normal, 850));

        let kilobits = control.estimate().as_bits_per_second() / 1000;
        assert!((870..=1000).contains(&kilobits), "{kilobits}");
    }
}
