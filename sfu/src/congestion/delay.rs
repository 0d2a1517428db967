//! Over-use of the path, by the trend of one-way delay
//! (draft-ietf-rmcat-gcc-02 §5.1 to §5.4, with a line fitted through the
//! delays in place of the Kalman filter).

use std::collections::VecDeque;
use std::time::Duration;

use super::Bitrate;

/// What the delay says of the path.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Usage {
    #[default]
    Normal,
    /// Queues grow.
    Over,
    /// Queues drain.
    Under,
}

/// Watches the delay of packets that arrived. Times are in microseconds; the
/// sender's clock and the receiver's need not agree.
#[derive(Debug, Default)]
pub(super) struct DelayDetector {
    group: Option<Group>,
    previous: Option<Group>,
    backward: u32,
    trend: Trend,
    threshold: Threshold,
    standing: StandingQueue,
    rise: Rise,
}

impl DelayDetector {
    /// Takes a packet of so many bytes that arrived, in the order of sending.
    pub(super) fn record(&mut self, sent: i64, arrived: i64, bytes: u64) {
        self.standing.record(arrived, arrived - sent);
        let Some(group) = &mut self.group else {
            self.group = Some(Group::new(sent, arrived, bytes));
            return;
        };
        if sent < group.first_sent {
            return;
        }
        if group.takes(sent, arrived) {
            group.add(sent, arrived, bytes);
            return;
        }
        let done = *group;
        self.group = Some(Group::new(sent, arrived, bytes));
        if let Some(previous) = self.previous.replace(done) {
            self.compare(previous, done);
        }
    }

    pub(super) fn usage(&self) -> Usage {
        self.threshold.usage
    }

    /// Whether packets wait long, be it growing or not.
    pub(super) fn has_long_queue(&self) -> bool {
        self.standing.long_since.is_some()
    }

    /// Whether a long queue neither grows nor drains, which the trend does not
    /// show. Gives it once; then it must go on for some time.
    pub(super) fn take_standing_queue(&mut self) -> bool {
        self.standing.take()
    }

    /// What arrives while the delay rises so steeply that the path must have
    /// become narrower. The trend shows that as well, but half a second later,
    /// when the queue is full. Gives it once for each rise.
    pub(super) fn take_rise(&mut self) -> Option<Bitrate> {
        self.rise.take()
    }

    /// Forgets a rise of the delay: a burst of ours has part in it.
    pub(super) fn end_rise(&mut self) {
        self.rise = Rise::default();
    }

    /// Forgets what was found wrong: nothing is sent that could still queue.
    pub(super) fn end_usage(&mut self) {
        if self.usage() != Usage::Normal || self.has_long_queue() {
            self.reset();
        }
    }

    /// Forgets all: the clocks have leapt.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    fn compare(&mut self, previous: Group, group: Group) {
        let sent = group.last_sent - previous.last_sent;
        let arrived = group.last_arrived - previous.last_arrived;
        if (arrived - sent).abs() > LEAP {
            self.reset();
            return;
        }
        if arrived < 0 {
            self.backward += 1;
            if self.backward >= BACKWARD_GROUPS {
                self.reset();
            }
            return;
        }
        self.backward = 0;
        self.rise.record(&group);
        let trend = self.trend.update(arrived - sent, group.last_arrived);
        self.threshold.compare(
            trend,
            self.trend.samples,
            milliseconds(sent),
            group.last_arrived,
        );
    }
}

/// A queue that stays long, by the delay above the least of the last while.
#[derive(Debug, Default)]
struct StandingQueue {
    started: Option<i64>,
    least: i64,
    least_before: i64,
    /// Since when no packet was quick.
    long_since: Option<i64>,
    newest: i64,
    /// How often it was told and went on.
    told: u32,
}

impl StandingQueue {
    fn record(&mut self, arrived: i64, delay: i64) {
        let started = *self.started.get_or_insert_with(|| {
            (self.least, self.least_before) = (delay, delay);
            arrived
        });
        self.least = self.least.min(delay);
        if arrived - started > BASE_WINDOW {
            self.started = Some(arrived);
            self.least_before = std::mem::replace(&mut self.least, delay);
        }
        self.newest = arrived;
        if delay - self.least.min(self.least_before) > LONG_QUEUE {
            self.long_since.get_or_insert(arrived);
        } else {
            self.long_since = None;
            self.told = 0;
        }
    }

    fn take(&mut self) -> bool {
        let stands = self
            .long_since
            .is_some_and(|since| self.newest - since > STANDING_TIME);
        if stands {
            self.long_since = Some(self.newest);
            self.told += 1;
        }
        // When sending less does not shorten it, it is others' queue.
        stands && self.told <= MOST_TOLD
    }
}

/// Delay that rises from one group to the next. Where a radio held packets up
/// and then released them together, it rises once and then falls.
#[derive(Clone, Copy, Debug, Default)]
struct Rise {
    /// The delay and arrival of the last group before it.
    foot: Option<(i64, i64)>,
    delay: i64,
    arrived: i64,
    groups: u32,
    bytes: u64,
}

impl Rise {
    fn record(&mut self, group: &Group) {
        let delay = group.last_arrived - group.last_sent;
        if self.foot.is_none() || delay <= self.delay {
            *self = Self {
                foot: Some((delay, group.last_arrived)),
                ..Self::default()
            };
        } else {
            self.groups += 1;
            self.bytes += group.bytes;
        }
        (self.delay, self.arrived) = (delay, group.last_arrived);
    }

    fn take(&mut self) -> Option<Bitrate> {
        let (foot, since) = self.foot?;
        let elapsed = self.arrived - since;
        let is_steep = self.groups >= STEEP_GROUPS
            && self.bytes >= STEEP_BYTES
            && self.delay - foot >= STEEP
            && self.delay - foot >= elapsed / 3;
        if !is_steep {
            return None;
        }
        let elapsed = Duration::from_micros(elapsed.unsigned_abs());
        let rate = Bitrate::of(self.bytes, elapsed);
        *self = Self::default();
        rate
    }
}

/// Packets sent in one burst: their spread says nothing of the queues.
#[derive(Clone, Copy, Debug)]
struct Group {
    first_sent: i64,
    last_sent: i64,
    first_arrived: i64,
    last_arrived: i64,
    bytes: u64,
}

impl Group {
    fn new(sent: i64, arrived: i64, bytes: u64) -> Self {
        Self {
            first_sent: sent,
            last_sent: sent,
            first_arrived: arrived,
            last_arrived: arrived,
            bytes,
        }
    }

    fn takes(&self, sent: i64, arrived: i64) -> bool {
        if sent - self.first_sent <= BURST {
            return true;
        }
        // Packets that the network held up and then released together.
        let gap = arrived - self.last_arrived;
        gap < sent - self.last_sent && gap <= BURST && arrived - self.first_arrived < LONGEST_BURST
    }

    fn add(&mut self, sent: i64, arrived: i64, bytes: u64) {
        self.bytes += bytes;
        self.last_sent = self.last_sent.max(sent);
        self.first_arrived = self.first_arrived.min(arrived);
        self.last_arrived = self.last_arrived.max(arrived);
    }
}

/// The slope of the smoothed delay.
#[derive(Debug, Default)]
struct Trend {
    /// Groups compared, up to a limit.
    samples: u32,
    first_arrival: Option<i64>,
    accumulated: f64,
    smoothed: f64,
    /// Arrival and smoothed delay in milliseconds, oldest first.
    window: VecDeque<(f64, f64)>,
    slope: f64,
}

impl Trend {
    fn update(&mut self, variation: i64, arrived: i64) -> f64 {
        if self.window.capacity() == 0 {
            self.window.reserve_exact(WINDOW + 1);
        }
        self.samples = (self.samples + 1).min(MOST_SAMPLES);
        let first = *self.first_arrival.get_or_insert(arrived);
        self.accumulated += milliseconds(variation);
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * self.accumulated;
        self.window
            .push_back((milliseconds(arrived - first), self.smoothed));
        if self.window.len() > WINDOW {
            self.window.pop_front();
        }
        if self.window.len() == WINDOW {
            self.slope = self.fit().unwrap_or(self.slope);
        }
        self.slope
    }

    /// The least-squares slope; `None` if all came at once.
    fn fit(&self) -> Option<f64> {
        let count = f64::from(u32::try_from(self.window.len()).ok()?);
        let (sum_x, sum_y) = self
            .window
            .iter()
            .fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
        let (mean_x, mean_y) = (sum_x / count, sum_y / count);
        let (numerator, denominator) = self.window.iter().fold((0.0, 0.0), |(n, d), (x, y)| {
            let x = x - mean_x;
            (n + x * (y - mean_y), d + x * x)
        });
        (denominator > 0.0).then(|| numerator / denominator)
    }
}

/// The detector, whose threshold follows the trend so that it neither is deaf
/// nor starves beside flows that fill the queue (§5.4).
#[derive(Debug)]
struct Threshold {
    usage: Usage,
    limit: f64,
    updated: Option<i64>,
    over_for: f64,
    over_count: u32,
    last_slope: f64,
}

impl Default for Threshold {
    fn default() -> Self {
        Self {
            usage: Usage::Normal,
            limit: FIRST_LIMIT,
            updated: None,
            over_for: 0.0,
            over_count: 0,
            last_slope: 0.0,
        }
    }
}

impl Threshold {
    /// `apart` is the time between the last two groups' sending, in
    /// milliseconds.
    fn compare(&mut self, slope: f64, samples: u32, apart: f64, now: i64) {
        if samples < 2 {
            return;
        }
        let trend = f64::from(samples.min(GAIN_SAMPLES)) * slope * GAIN;
        if trend > self.limit {
            self.over_for += if self.over_count == 0 {
                apart / 2.0
            } else {
                apart
            };
            self.over_count += 1;
            if self.over_for > OVER_USE_TIME && self.over_count > 1 && slope >= self.last_slope {
                self.over_for = 0.0;
                self.over_count = 0;
                self.usage = Usage::Over;
            }
        } else {
            self.over_for = 0.0;
            self.over_count = 0;
            self.usage = if trend < -self.limit {
                Usage::Under
            } else {
                Usage::Normal
            };
        }
        self.last_slope = slope;
        self.adapt(trend, now);
    }

    fn adapt(&mut self, trend: f64, now: i64) {
        let elapsed = milliseconds(now - self.updated.replace(now).unwrap_or(now));
        let size = trend.abs();
        if size > self.limit + FURTHEST {
            return;
        }
        let gain = if size < self.limit { DOWN } else { UP };
        let step = gain * (size - self.limit) * elapsed.clamp(0.0, LONGEST_STEP);
        self.limit = (self.limit + step).clamp(LEAST_LIMIT, MOST_LIMIT);
    }
}

#[allow(clippy::cast_precision_loss, reason = "differences of a few seconds")]
fn milliseconds(microseconds: i64) -> f64 {
    microseconds as f64 / 1000.0
}

/// In microseconds (§5.2).
const BURST: i64 = 5_000;
const LONGEST_BURST: i64 = 100_000;
/// A change of delay that no queue explains, in microseconds.
const LEAP: i64 = 3_000_000;
/// As many groups in a row that arrived before their predecessors are no
/// disorder but another path or clock.
const BACKWARD_GROUPS: u32 = 3;
/// Microseconds, as are the next two: the least delay is that of one or two
/// such windows.
const BASE_WINDOW: i64 = 15_000_000;
const LONG_QUEUE: i64 = 100_000;
const STANDING_TIME: i64 = 600_000;
const MOST_TOLD: u32 = 6;
/// Microseconds: more than trembling paths rise by in several steps, and a
/// third of the time it takes at least.
const STEEP: i64 = 80_000;
const STEEP_GROUPS: u32 = 4;
/// Sound alone never has as much in so few groups: what fills a path is more.
const STEEP_BYTES: u64 = 3000;
const WINDOW: usize = 20;
const SMOOTHING: f64 = 0.9;
const MOST_SAMPLES: u32 = 1000;
const GAIN_SAMPLES: u32 = 60;
const GAIN: f64 = 4.0;
/// Milliseconds, as are the limits (§5.4).
const OVER_USE_TIME: f64 = 10.0;
const FIRST_LIMIT: f64 = 12.5;
const LEAST_LIMIT: f64 = 6.0;
const MOST_LIMIT: f64 = 600.0;
/// A trend this far above the limit is a leap that must not move it.
const FURTHEST: f64 = 15.0;
const UP: f64 = 0.0087;
const DOWN: f64 = 0.039;
const LONGEST_STEP: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets 20 ms apart, each with the delay that `delay` gives in
    /// microseconds.
    fn usages(count: i64, delay: impl Fn(i64) -> i64) -> Vec<Usage> {
        let mut detector = DelayDetector::default();
        (0..count)
            .map(|packet| {
                detector.record(packet * 20_000, packet * 20_000 + delay(packet), 500);
                detector.usage()
            })
            .collect()
    }

    #[test]
    fn a_queue_that_grows_is_over_use_and_one_that_drains_is_under_use() {
        let grows = usages(60, |packet| packet * 2_000);
        let drains = usages(100, |packet| 1_000_000 - packet * 2_000);

        assert!(grows.contains(&Usage::Over));
        assert!(!grows.contains(&Usage::Under));
        assert!(drains.contains(&Usage::Under));
        assert!(!drains.contains(&Usage::Over));
    }

    #[test]
    fn a_steady_or_a_trembling_path_is_normal() {
        for spread in [0, 1_000, 4_000] {
            let usages = usages(2_000, |packet| 50_000 + (packet * 7_919 % 11) * spread / 11);
            assert!(
                usages.iter().all(|usage| *usage == Usage::Normal),
                "{spread}"
            );
        }
    }

    #[test]
    fn a_path_that_narrows_is_seen_before_its_queue_is_full_and_a_radio_that_stalls_is_none() {
        let rises = |delay: fn(i64) -> i64| -> Vec<_> {
            let mut detector = DelayDetector::default();
            let told = (0..200_i64).filter_map(|packet| {
                let sent = packet * 10_000;
                detector.record(sent, sent + delay(packet), 500);
                Some((packet, detector.take_rise()?))
            });
            told.collect()
        };
        // 400 kbit/s, of which 200 pass: each packet waits 10 ms longer.
        let narrows = rises(|packet| 20_000 + (packet - 100).max(0) * 10_000);
        // 150 ms during which nothing comes, and then all of it.
        let stalls = rises(|packet| match packet % 50 {
            phase @ 30..45 => 20_000 + (45 - phase) * 10_000,
            _ => 20_000,
        });
        let trembles = rises(|packet| 20_000 + packet * 7_919 % 40 * 1_000);

        let (first, rate) = narrows[0];
        assert!((106..=112).contains(&first), "{first}");
        let kilobits = rate.as_bits_per_second() / 1000;
        assert!((180..=220).contains(&kilobits), "{kilobits}");
        assert_eq!((stalls, trembles), (vec![], vec![]));
    }

    #[test]
    fn a_few_packets_of_sound_that_come_late_show_no_narrower_path() {
        let mut detector = DelayDetector::default();
        let told = (0..60_i64).filter_map(|packet| {
            let sent = packet * 20_000;
            // Five of them each 20 ms later than the one before.
            let late = (packet - 30).clamp(0, 5) * 20_000;
            detector.record(sent, sent + 20_000 + late, 130);
            detector.take_rise()
        });
        assert_eq!(told.count(), 0);
    }

    #[test]
    fn a_queue_that_stands_is_told_until_that_is_vain() {
        let mut detector = DelayDetector::default();
        let mut told = Vec::new();
        for packet in 0..600_i64 {
            let queue = if packet > 100 { 300_000 } else { 5_000 };
            detector.record(packet * 20_000, packet * 20_000 + queue, 500);
            if detector.take_standing_queue() {
                told.push(packet * 20);
            }
        }

        assert_eq!(told, [2640, 3260, 3880, 4500, 5120, 5740]);
    }

    #[test]
    fn no_clock_makes_it_panic_or_lose_its_numbers() {
        let mut detector = DelayDetector::default();
        let times = [0, 1, 1 << 40, -(1 << 40), 5_000_000, -1, 1 << 41, 3];
        for round in 0..5_000_i64 {
            let arrived = times[(round % 8) as usize] + round % 13 * 1_000;
            detector.record(round * 6_000, arrived, 500);
            detector.take_rise();
        }
        for packet in 0..100 {
            detector.record(40_000_000 + packet * 20_000, packet * 20_000, 500);
        }

        assert_eq!(detector.usage(), Usage::Normal);
        assert!(detector.trend.slope.is_finite());
    }
}
