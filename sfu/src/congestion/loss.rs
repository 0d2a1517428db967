//! The estimate as loss drives it (after draft-ietf-rmcat-gcc-02 §6).
//!
//! Unlike there, loss that does not yield when less is sent is taken for the
//! path's own, and only what exceeds it for congestion: a radio link that
//! always loses a tenth must not be starved.

use std::time::{Duration, Instant};

use super::Bitrate;
use super::rate_control::LEAST;

/// An upper bound of the estimate, while there is one.
#[derive(Debug)]
pub(super) struct LossControl {
    bound: Option<Bitrate>,
    /// The share that is lost whatever is sent.
    inherent: f64,
    /// The share lost of late, whoever's it is.
    recent: f64,
    /// The same of packets that are sent once, and when there were enough to
    /// tell.
    recent_once: Option<(Instant, f64)>,
    /// Shares that were judged, and the last.
    judged: LossWindow,
    window_started: Option<Instant>,
    all: Counted,
    /// Of these, packets that are sent once.
    once: Counted,
    last_cut: Option<Cut>,
    raised: Option<Instant>,
}

/// What was lost in a time that was long enough to tell.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct LossWindow {
    /// Such times so far.
    pub number: u64,
    /// Of packets, from 0 to 1.
    pub loss: f64,
}

#[derive(Clone, Copy, Debug)]
struct Cut {
    at: Instant,
    loss: f64,
    arriving: Bitrate,
}

impl LossControl {
    pub(super) fn new() -> Self {
        Self {
            bound: None,
            inherent: 0.0,
            recent: 0.0,
            recent_once: None,
            judged: LossWindow::default(),
            window_started: None,
            all: Counted::default(),
            once: Counted::default(),
            last_cut: None,
            raised: None,
        }
    }

    pub(super) fn bound(&self) -> Option<Bitrate> {
        self.bound
    }

    /// The share of packets that the path itself loses.
    pub(super) fn inherent(&self) -> f64 {
        self.inherent
    }

    /// The share of packets lost of late.
    pub(super) fn recent(&self) -> f64 {
        self.recent
    }

    /// As [`LossControl::recent`], of packets that are sent once; `None` if
    /// there were too few of late.
    pub(super) fn recent_once(&self) -> Option<f64> {
        self.recent_once.map(|(_, loss)| loss)
    }

    /// The last share that was judged.
    pub(super) fn judged(&self) -> LossWindow {
        self.judged
    }

    pub(super) fn note_arrival(&mut self, was_lost: bool, is_repeated: bool) {
        self.all.note_arrival(was_lost);
        if !is_repeated {
            self.once.note_arrival(was_lost);
        }
    }

    pub(super) fn note_loss(&mut self, is_repeated: bool) {
        self.all.note_loss();
        if !is_repeated {
            self.once.note_loss();
        }
    }

    /// Draws conclusions, when enough packets were reported since the last
    /// time. `estimate` is the present one, `arriving` what arrives.
    pub(super) fn update(&mut self, now: Instant, estimate: Bitrate, arriving: Option<Bitrate>) {
        let started = *self.window_started.get_or_insert(now);
        let elapsed = now.saturating_duration_since(started);
        let (packets, loss) = self.all.share();
        let is_enough = (elapsed >= WINDOW && packets >= WINDOW_PACKETS)
            || (elapsed >= 4 * WINDOW && packets >= LEAST_PACKETS);
        if !is_enough {
            return;
        }
        let (packets_once, loss_once) = self.once.share();
        if packets_once >= LEAST_PACKETS {
            let before = self.recent_once().unwrap_or(loss_once);
            self.recent_once = Some((now, before + SMOOTHING * (loss_once - before)));
            self.once.begin();
        } else {
            let is_fresh = |at: Instant| now.saturating_duration_since(at) < ONCE_LASTS;
            self.recent_once = self.recent_once.filter(|(at, _)| is_fresh(*at));
        }
        self.window_started = Some(now);
        self.all.begin();
        self.judge(now, loss, estimate, arriving);
    }

    /// Takes a share of packets lost, from 0 to 1, that the receiver counted.
    pub(super) fn report(
        &mut self,
        now: Instant,
        loss: f64,
        estimate: Bitrate,
        arriving: Option<Bitrate>,
    ) {
        let started = self.window_started.get_or_insert(now);
        // One report speaks of several streams: the first counts.
        if now.saturating_duration_since(*started) >= WINDOW {
            *started = now;
            self.recent_once = None;
            self.judge(now, loss.clamp(0.0, 1.0), estimate, arriving);
        }
    }

    /// Raises the bound to what was proven otherwise.
    pub(super) fn raise_to(&mut self, proven: Bitrate) {
        self.bound = self.bound.filter(|bound| *bound > proven);
    }

    /// Keeps the bound at what flows, at the least.
    pub(super) fn hold(&mut self, flowing: Bitrate) {
        self.bound = self.bound.map(|bound| bound.max(flowing));
    }

    fn judge(&mut self, now: Instant, loss: f64, estimate: Bitrate, arriving: Option<Bitrate>) {
        self.recent += SMOOTHING * (loss - self.recent);
        self.judged.number += 1;
        self.judged.loss = loss;
        let excess = loss - self.inherent;
        let arriving = arriving.unwrap_or_else(|| estimate.scaled(1.0 - loss));
        if excess > CONGESTED {
            self.raised = None;
            let persists = self.last_cut.is_some_and(|cut| {
                now.saturating_duration_since(cut.at) < CUT_MEMORY && cut.is_vain(loss, arriving)
            });
            if persists {
                self.inherent = (self.inherent + LEARNING * excess).min(MOST_INHERENT);
            }
            let lowered = estimate.scaled(1.0 - 0.5 * excess);
            self.bound = Some(lowered.max(arriving.min(estimate)).max(LEAST));
            self.last_cut = Some(Cut {
                at: now,
                loss,
                arriving,
            });
        } else if excess > QUIET {
            self.raised = None;
            self.inherent = (self.inherent + DRIFT * excess).min(MOST_INHERENT);
        } else {
            self.inherent += FORGETTING * excess.min(0.0);
            self.raise(now, estimate);
        }
    }

    fn raise(&mut self, now: Instant, estimate: Bitrate) {
        let before = self.raised.replace(now).unwrap_or(now);
        let elapsed = now.saturating_duration_since(before).min(4 * WINDOW);
        self.bound = self
            .bound
            .map(|bound| bound.scaled(GROWTH.powf(elapsed.as_secs_f64())))
            // Then it bounds nothing any more.
            .filter(|bound| *bound <= estimate.scaled(2.0));
    }
}

/// What became of packets in some time.
#[derive(Clone, Copy, Default, Debug)]
struct Counted {
    arrived: u32,
    /// Less than none, if more have come late than were lost: these were
    /// counted as lost before.
    lost: i32,
    /// How many were told to be lost, those that came late too, and in the time
    /// before.
    told: i32,
    told_before: i32,
}

impl Counted {
    fn note_arrival(&mut self, was_lost: bool) {
        self.arrived = self.arrived.saturating_add(1);
        self.lost = self.lost.saturating_sub(i32::from(was_lost));
    }

    fn note_loss(&mut self) {
        self.lost = self.lost.saturating_add(1);
        self.told = self.told.saturating_add(1);
    }

    /// How many packets, and the share of them that is lost.
    fn share(self) -> (u32, f64) {
        let lost = self.lost.max(0).unsigned_abs();
        let packets = self.arrived.saturating_add(lost);
        (packets, f64::from(lost) / f64::from(packets.max(1)))
    }

    /// Of those that came late, no more is made good than was told to be lost
    /// just before: a burst that comes after all would hide the next thousand
    /// losses.
    fn begin(&mut self) {
        let told_lately = self.told_before.saturating_add(self.told);
        *self = Self {
            arrived: 0,
            lost: self.lost.clamp(-told_lately, 0),
            told: 0,
            told_before: self.told,
        };
    }
}

impl Cut {
    /// Whether the loss since is the path's own. Of congestion, as much would
    /// arrive as before and the rest be lost.
    fn is_vain(&self, loss: f64, arriving: Bitrate) -> bool {
        let sent = arriving.as_f64() / (1.0 - loss.min(0.99));
        let by_congestion = 1.0 - (self.arriving.as_f64() / sent.max(1.0)).min(1.0);
        loss > f64::midpoint(by_congestion, self.loss)
    }
}

const WINDOW: Duration = Duration::from_millis(500);
/// From one probe to the next, and then some: where sound alone is sent, and
/// all of it twice, they are all that is sent once.
const ONCE_LASTS: Duration = Duration::from_secs(10);
/// Fewer say too little about a share of a tenth.
const WINDOW_PACKETS: u32 = 40;
const LEAST_PACKETS: u32 = 10;
/// Loss beyond the path's own that says that too much is sent (§6).
const CONGESTED: f64 = 0.10;
/// Loss beyond the path's own that says nothing.
const QUIET: f64 = 0.02;
const CUT_MEMORY: Duration = Duration::from_secs(5);
const LEARNING: f64 = 0.5;
const DRIFT: f64 = 0.1;
const FORGETTING: f64 = 0.1;
const SMOOTHING: f64 = 0.3;
const MOST_INHERENT: f64 = 0.3;
/// A second's increase.
const GROWTH: f64 = 1.2;

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    /// Half-second reports over a path that loses what `loss` gives for the
    /// rate that is sent.
    fn run(estimate: u64, seconds: u32, loss: impl Fn(Bitrate) -> f64) -> Bitrate {
        let start = Instant::now();
        let mut control = LossControl::new();
        let estimate = Bitrate::kilobits_per_second(estimate);
        let mut now = estimate;
        for step in 0..2 * seconds {
            let at = start + step * WINDOW;
            let share = loss(now);
            control.report(at, share, now, Some(now.scaled(1.0 - share)));
            now = control
                .bound()
                .map_or(estimate, |bound| bound.min(estimate));
        }
        now
    }

    #[test]
    fn loss_that_does_not_yield_is_the_paths_own() {
        for loss in [0.1, 0.15, 0.2] {
            let left = run(1000, 30, |_| loss);
            assert!(left > Bitrate::kilobits_per_second(600), "{loss}: {left}");
        }
    }

    #[test]
    fn loss_that_comes_of_too_much_lowers_the_rate_to_what_fits() {
        let capacity = Bitrate::kilobits_per_second(400);

        let left = run(2000, 30, |rate| {
            1.0 - (capacity.as_f64() / rate.as_f64()).min(1.0)
        });

        let kilobits = left.as_bits_per_second() / 1000;
        assert!((300..=560).contains(&kilobits), "{kilobits}");
    }

    #[test]
    fn what_flows_is_no_more_than_the_bound() {
        let start = Instant::now();
        let [much, little] = [900, 250].map(Bitrate::kilobits_per_second);
        let mut control = LossControl::new();
        control.hold(much);
        assert_eq!(control.bound(), None);

        // Of a burst of loss nothing was left but this.
        control.report(start, 0.0, much, Some(much));
        control.report(start + WINDOW, 0.5, little, Some(little));
        assert_eq!(control.bound(), Some(little));
        control.hold(much);

        assert_eq!(control.bound(), Some(much));
    }

    #[test]
    fn what_comes_late_is_not_lost_whenever_that_is_known() {
        let start = Instant::now();
        let rate = Bitrate::kilobits_per_second(1000);
        let mut control = LossControl::new();
        for window in 0..40 {
            // A tenth is told to be lost, and comes within the next window.
            for packet in 0..50 {
                if packet < 45 {
                    control.note_arrival(packet < 5 && window > 0, false);
                } else {
                    control.note_loss(false);
                }
            }
            control.update(start + window * WINDOW, rate, Some(rate));
        }

        assert!(control.recent() < 0.001, "{}", control.recent());
        assert!(control.recent_once().is_some_and(|loss| loss < 0.001));
    }

    #[test]
    fn a_burst_that_comes_after_all_hides_no_loss_for_long() {
        let start = Instant::now();
        let rate = Bitrate::kilobits_per_second(1000);
        let mut control = LossControl::new();
        let mut window = 0;
        let mut next = |control: &mut LossControl, arrived: u32, late: u32, lost: u32| {
            (0..arrived).for_each(|_| control.note_arrival(false, false));
            (0..late).for_each(|_| control.note_arrival(true, false));
            (0..lost).for_each(|_| control.note_loss(false));
            control.update(start + window * WINDOW, rate, Some(rate));
            window += 1;
        };
        next(&mut control, 100, 0, 0);
        next(&mut control, 10, 0, 500);
        next(&mut control, 100, 500, 0);

        for _ in 0..20 {
            next(&mut control, 90, 0, 10);
        }

        let is_a_tenth = |loss: f64| (loss - 0.1).abs() < 0.01;
        assert!(is_a_tenth(control.judged().loss), "{control:?}");
        assert!(control.recent_once().is_some_and(is_a_tenth));
    }

    #[test]
    fn a_little_loss_changes_nothing() {
        assert_eq!(run(1000, 10, |_| 0.05), Bitrate::kilobits_per_second(1000));
    }
}
