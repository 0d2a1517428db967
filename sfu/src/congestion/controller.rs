//! The congestion controller of one receiver.

use std::time::{Duration, Instant};

use super::acknowledged::RateMeter;
use super::delay::{DelayDetector, Usage};
use super::history::{News, SendHistory};
use super::loss::{LossControl, LossWindow};
use super::probe::{ProbeResult, Probing};
use super::rate_control::{Evidence, LEAST, RateControl};
use super::second::SecondArrival;
use super::{Bitrate, ClusterId};
use crate::rtcp::ArrivalTime;

/// Estimates what the path to one receiver takes, from its transport-wide
/// feedback, or if it gives none from its reports and REMB.
///
/// What each packet sent needs comes first, close together in memory.
#[derive(Debug)]
#[repr(C)]
pub struct Controller {
    start: Instant,
    /// The last moment that was asked for, and the same in microseconds since
    /// the start: all packets of a train leave at one.
    latest: (Instant, i64),
    history: SendHistory,
    sent: RateMeter,
    feedback: Feedback,
    /// The receiver's own estimate (draft-alvestrand-rmcat-remb-03), and when
    /// it came.
    remb: Option<(Instant, Bitrate)>,
    rate: RateControl,
    loss: LossControl,
    probing: Probing,
    /// What a burst has shown that is less than the estimate.
    doubt: Option<Bitrate>,
    acknowledged: RateMeter,
    arrival: ArrivalClock,
    second: SecondArrival,
    delay: DelayDetector,
    round_trip: Duration,
    /// The highest rate that is of use.
    wanted: Bitrate,
    backed_off: Instant,
    /// Over-use or loss has shown where the path ends. A probe alone does not:
    /// a busy machine sends its burst as unevenly as a full path delivers it.
    has_met_limit: bool,
    /// What arrived of late, and filled no queue.
    flowing: Bitrate,
}

/// How far feedback has come.
#[derive(Clone, Copy, Default, Debug)]
struct Feedback {
    /// The first numbered packet's time.
    first_sent: Option<Instant>,
    /// The same of packets that bear no number.
    first_unnumbered: Option<Instant>,
    /// The last numbered packet's that was no probe.
    last_sent: Option<Instant>,
    last: Option<Instant>,
    /// When last nothing was being sent.
    idle_at: Option<Instant>,
    /// Of the present report: the newest packet's sending and arrival.
    newest: Option<(i64, i64)>,
}

impl Controller {
    pub fn new(now: Instant) -> Self {
        Self {
            start: now,
            latest: (now, 0),
            history: SendHistory::default(),
            delay: DelayDetector::default(),
            acknowledged: RateMeter::new(ACKNOWLEDGED_WINDOW),
            sent: RateMeter::new(SENT_WINDOW),
            rate: RateControl::new(FIRST_ESTIMATE),
            loss: LossControl::new(),
            probing: Probing::new(),
            doubt: None,
            arrival: ArrivalClock::default(),
            second: SecondArrival::default(),
            feedback: Feedback::default(),
            round_trip: FIRST_ROUND_TRIP,
            wanted: Bitrate::ZERO,
            remb: None,
            backed_off: now,
            has_met_limit: false,
            flowing: Bitrate::ZERO,
        }
    }

    /// What the path takes, as far as is known; `None` if the receiver says
    /// nothing from which it could be.
    pub fn estimate(&self, now: Instant) -> Option<Bitrate> {
        let by_feedback = self.is_fed(now).then(|| self.rate.estimate());
        let is_recent = |at: Instant| now.saturating_duration_since(at) < REMB_LASTS;
        let remb = self.remb.filter(|(at, _)| is_recent(*at));
        let bounds = [by_feedback, self.loss.bound(), remb.map(|(_, own)| own)];
        let least = bounds.into_iter().flatten().min()?;
        Some(least.max(LEAST))
    }

    /// As [`Controller::estimate`], once it rests on more than a first guess:
    /// a limit was met, or none was for a while. Until one is met, what flows
    /// can go on.
    pub fn settled_estimate(&self, now: Instant) -> Option<Bitrate> {
        let first = self
            .feedback
            .first_sent
            .or(self.feedback.first_unnumbered)?;
        let estimate = self.estimate(now)?;
        if self.has_met_limit {
            return Some(estimate);
        }
        let is_known = self.feedback.last.is_some() || !self.is_fed(now);
        let is_settled = is_known && now.saturating_duration_since(first) > SETTLING;
        is_settled.then(|| estimate.max(self.flowing))
    }

    /// Whether the path has shown where it ends.
    pub fn has_met_limit(&self) -> bool {
        self.has_met_limit
    }

    /// Whether packets are lost though no queue is full: what is sent again may
    /// be lost too, and to send it twice does no harm.
    pub fn is_lossy(&self) -> bool {
        self.recent_loss() > LOSSY
            && self.delay.usage() == Usage::Normal
            && !self.delay.has_long_queue()
    }

    /// The share of packets lost of late, from 0 to 1. Where much is sent once,
    /// it is of that alone; otherwise what was sent twice counts as lost if it
    /// seems that only the second came.
    pub fn recent_loss(&self) -> f64 {
        self.loss.recent_once().unwrap_or(self.loss.recent())
    }

    /// Whether [`Controller::recent_loss`] rests on what is sent once. By the
    /// rest, a delay that trembles looks like loss.
    pub fn is_loss_certain(&self) -> bool {
        self.loss.recent_once().is_some()
    }

    /// As [`Controller::recent_loss`], in the last half second or so.
    pub fn loss_window(&self) -> LossWindow {
        self.loss.judged()
    }

    /// Whether packets wait for one another on their way.
    pub fn is_congested(&self) -> bool {
        self.delay.usage() == Usage::Over || self.delay.has_long_queue()
    }

    /// Begins anew, as the receiver is elsewhere: what its former path was
    /// like, and how long it had been dead, says nothing of this one. Numbers
    /// go on.
    pub fn handle_new_path(&mut self, now: Instant) {
        let mut history = std::mem::take(&mut self.history);
        history.forget();
        *self = Self {
            history,
            wanted: self.wanted,
            ..Self::new(now)
        };
    }

    /// Sets the highest rate that is of use to the receiver: probes go no
    /// further than somewhat beyond it.
    pub fn set_wanted(&mut self, wanted: Bitrate) {
        self.wanted = wanted;
    }

    /// Notes a packet that is sent now, of so many bytes without UDP and IP
    /// headers, and gives its transport-wide number.
    pub fn sent(&mut self, now: Instant, bytes: u16) -> u16 {
        let bytes = bytes.saturating_add(UDP_AND_IP);
        let at = self.microseconds(now);
        let cluster = self.probing.current();
        if cluster.is_some() {
            self.probing.sent(now, at, u64::from(bytes));
        } else {
            self.sent.record(at, u64::from(bytes));
            self.feedback.last_sent = Some(now);
        }
        self.feedback.first_sent.get_or_insert(now);
        self.history.record(at, bytes, cluster)
    }

    /// As [`Controller::sent`], toward a receiver that takes no numbers.
    pub fn sent_unnumbered(&mut self, now: Instant, bytes: u16) {
        let at = self.microseconds(now);
        self.feedback.first_unnumbered.get_or_insert(now);
        self.sent
            .record(at, u64::from(bytes.saturating_add(UDP_AND_IP)));
    }

    /// Notes that the packet with this number, sent now, will be sent again
    /// after [`super::REPEATED_AFTER`].
    pub fn will_repeat(&mut self, number: u16) {
        self.history.repeat(number);
    }

    /// Notes so many bytes that are sent now and were before, with the numbers
    /// that they had.
    pub fn sent_again(&mut self, now: Instant, bytes: u16) {
        let at = self.microseconds(now);
        self.sent
            .record(at, u64::from(bytes.saturating_add(UDP_AND_IP)));
    }

    /// Takes what feedback says of the packet with this number: when it
    /// arrived, or that it did not.
    pub fn packet_feedback(&mut self, number: u16, arrival: Option<ArrivalTime>) {
        let news = self.history.report(number, arrival.is_some());
        let (packet, was_lost, was_presumed) = match news {
            Some(News::Arrived {
                packet,
                was_lost,
                was_presumed,
            }) => (packet, was_lost, was_presumed),
            Some(News::Lost(packet)) => {
                self.loss.note_loss(packet.is_repeated);
                return;
            }
            None => return,
        };
        let Some(arrival) = arrival else { return };
        let Some(arrived) = self.arrival.place(arrival) else {
            self.delay.reset();
            self.acknowledged.reset();
            return;
        };
        // A report that was lost says nothing against what it was on.
        self.history.take_passed_over(|other| {
            let at = arrived.saturating_add(other.at.saturating_sub(packet.at));
            self.acknowledged.record(at, other.bytes_in_all());
        });
        let is_second = self.second.is_second(&packet, arrived);
        if !was_presumed {
            // Only the first to come is told of, and as both were sent, both
            // are to count: otherwise less would seem to arrive than is sent.
            let bytes = if is_second {
                u64::from(packet.bytes)
            } else {
                packet.bytes_in_all()
            };
            self.acknowledged.record(arrived, bytes);
        }
        if is_second {
            // What became of the first is what tells of the path.
            if !was_lost {
                self.loss.note_loss(true);
            }
            return;
        }
        self.loss.note_arrival(was_lost, packet.is_repeated);
        match packet.cluster {
            Some(cluster) => {
                self.probing
                    .arrived(cluster, packet.at, arrived, u64::from(packet.bytes));
                self.delay.end_rise();
            }
            // A probe fills queues on purpose.
            None => self
                .delay
                .record(packet.at, arrived, u64::from(packet.bytes)),
        }
        let newest = &mut self.feedback.newest;
        if newest.is_none_or(|(sent, _)| packet.at > sent) {
            *newest = Some((packet.at, arrived));
        }
    }

    /// Draws conclusions at a report's end.
    pub fn feedback_end(&mut self, now: Instant) {
        let Some((sent, arrived)) = self.feedback.newest.take() else {
            return;
        };
        self.feedback.last = Some(now);
        self.remb = None;
        let elapsed = self.microseconds(now).saturating_sub(sent);
        let round_trip = Duration::from_micros(elapsed.unsigned_abs()).min(LONGEST_ROUND_TRIP);
        self.round_trip = self.round_trip * 7 / 8 + round_trip / 8;
        let before = self.rate.estimate();
        // By a burst of ours that was too fast, as much arrives as ever.
        let rise = self.delay.take_rise();
        let rise = rise.filter(|narrow| *narrow < before.scaled(NARROWER));
        let acknowledged = self.acknowledged.rate(arrived);
        // What came before the path became narrower counts no more.
        let acknowledged = acknowledged.map(|rate| rise.map_or(rate, |narrow| narrow.min(rate)));
        let is_starved = self.is_starved(now, acknowledged);
        let usage = match self.delay.usage() {
            _ if rise.is_some() || is_starved || self.delay.take_standing_queue() => Usage::Over,
            // No room for more, whoever's queue it is.
            Usage::Normal if self.delay.has_long_queue() => Usage::Under,
            usage => usage,
        };
        let evidence = Evidence {
            usage,
            acknowledged,
            round_trip: self.round_trip,
            limited_to: self.application_limit(now),
            inherent_loss: self.loss.inherent(),
        };
        self.rate.update(now, &evidence);
        if evidence.usage == Usage::Normal
            && let Some(rate) = acknowledged
        {
            // More than the estimate arrives when packets may not wait any
            // longer. What fills no queue is proven.
            self.rate.raise_to(rate.scaled(PROVEN));
            self.loss.hold(rate.scaled(PROVEN));
            self.flowing = rate.scaled(ROOM_TO_WAVER);
        }
        self.loss.update(now, self.lowest(), acknowledged);
        let probe = self.probing.measure(now, self.loss.inherent());
        self.has_met_limit |= self.lowest() < before;
        if self.lowest() < before.scaled(FALL) {
            self.probing.hurry(now);
        }
        if let Some(result) = probe.filter(|_| evidence.usage != Usage::Over) {
            self.take_probe(now, result, evidence.limited_to.is_some());
        }
    }

    /// Takes what a burst has proven. What is too high by a burst that was
    /// uneven the lucky way, nothing else puts right while less is sent: but it
    /// takes two bursts, since one can be uneven the other way.
    fn take_probe(&mut self, now: Instant, result: ProbeResult, is_limited: bool) {
        let ProbeResult { rate, passed } = result;
        let before = self.lowest();
        if !passed && !self.has_met_limit {
            self.probing.retry(now);
        }
        let is_less = !passed && is_limited && rate < before.scaled(CONFIRMED);
        if !is_less {
            self.doubt = None;
        } else if let Some(other) = self.doubt.take() {
            self.rate.lower_to(rate.max(other).max(self.flowing));
        } else {
            self.doubt = Some(rate);
            self.probing.expect(now);
        }
        if rate > before {
            self.probing.succeed();
            if !passed {
                self.probing.expect(now);
            }
        }
        self.rate.raise_to(rate);
        self.loss.raise_to(rate);
    }

    /// Takes a report block's loss in 1/256, from a receiver that gives no
    /// transport-wide feedback.
    pub fn loss_report(&mut self, now: Instant, fraction_lost: u8) {
        if self.is_fed(now) {
            return;
        }
        let at = self.microseconds(now);
        if let Some(sent) = self.sent.rate(at) {
            let loss = f64::from(fraction_lost) / 256.0;
            let estimate = self.loss.bound().unwrap_or(sent).min(sent);
            self.loss
                .report(now, loss, estimate, Some(sent.scaled(1.0 - loss)));
        }
    }

    /// Takes the receiver's own estimate, which counts only while it gives no
    /// transport-wide feedback.
    pub fn remb(&mut self, now: Instant, estimate: Bitrate) {
        self.remb = (!self.is_fed(now)).then_some((now, estimate));
    }

    /// Does what time brings: backs off when the receiver has fallen silent
    /// while something is sent, and starts probes.
    pub fn handle_timeout(&mut self, now: Instant) {
        let Feedback {
            last, last_sent, ..
        } = self.feedback;
        let is_silent = last.is_some_and(|last| {
            now.saturating_duration_since(last) > SILENCE
                && last_sent.is_some_and(|sent| sent > last)
        });
        let is_idle = last_sent.is_none_or(|sent| now.saturating_duration_since(sent) > SILENCE);
        if is_idle {
            self.feedback.idle_at = Some(now);
            // Nothing would ever show that the queue has drained, or that the
            // path is back, but a probe.
            self.delay.end_usage();
            if is_silent {
                self.probing.expect(now);
            }
        } else if is_silent {
            if now.saturating_duration_since(self.backed_off) > BACK_OFF_INTERVAL {
                self.backed_off = now;
                self.rate.back_off(now, SILENCE_FACTOR);
                self.probing.hurry(now);
            }
            return;
        }
        let may_probe = self.feedback.last.is_some()
            && self.delay.usage() == Usage::Normal
            && !self.delay.has_long_queue()
            && !self.rate.was_decreased_within(now, AFTER_DECREASE)
            && self.wanted > Bitrate::ZERO;
        if may_probe {
            let most = self.wanted.scaled(BEYOND_WANTED).max(LEAST_PROBED);
            self.probing.start_due(now, self.lowest(), most);
        }
    }

    /// How long the receiver has said nothing while it was sent something; none
    /// if nothing waits to be reported on.
    pub fn silence(&self, now: Instant) -> Option<Duration> {
        let last = self.feedback.last?;
        let sent = self.feedback.last_sent?;
        let since = self.feedback.idle_at.map_or(last, |at| at.max(last));
        (sent > since).then(|| now.saturating_duration_since(since))
    }

    /// When [`Controller::release_probe`] is next to be called, while a probe
    /// is being sent.
    pub fn next_probe(&self) -> Option<Instant> {
        self.probing.next_release()
    }

    /// The bytes of padding to send now as a probe.
    pub fn release_probe(&mut self, now: Instant) -> u64 {
        self.probing.release(now)
    }

    /// Gives up a probe that nothing can be sent for.
    pub fn abandon_probe(&mut self) {
        self.probing.abandon();
    }

    /// The burst that packets sent now belong to.
    pub fn current_probe(&self) -> Option<ClusterId> {
        self.probing.current()
    }

    /// The time from a packet's sending until it is reported on, if that is
    /// known: with all that waits on its way.
    pub fn round_trip(&self) -> Option<Duration> {
        self.feedback.last.map(|_| self.round_trip)
    }

    /// The pace at which packets may leave. What is sent faster than the
    /// estimate while packets wait long would be lost in a full queue.
    pub fn pace(&self, now: Instant) -> Option<Bitrate> {
        let factor = match self.has_met_limit {
            _ if self.is_congested() => 1.0,
            true => KNOWN_PACE,
            false => PACE,
        };
        Some(self.estimate(now)?.scaled(factor))
    }

    /// Whether the estimate rests on transport-wide feedback, or may yet.
    fn is_fed(&self, now: Instant) -> bool {
        match (self.feedback.last, self.feedback.first_sent) {
            (Some(_), _) => true,
            (None, Some(first)) => now.saturating_duration_since(first) < FIRST_FEEDBACK,
            (None, None) => false,
        }
    }

    fn lowest(&self) -> Bitrate {
        let estimate = self.rate.estimate();
        self.loss
            .bound()
            .map_or(estimate, |bound| bound.min(estimate))
    }

    /// What is sent, if it is less than could be.
    fn application_limit(&mut self, now: Instant) -> Option<Bitrate> {
        let at = self.microseconds(now);
        let most = self.lowest().scaled(APPLICATION_LIMITED);
        self.sent.rate(at).filter(|rate| *rate < most)
    }

    /// Whether packets wait long and most of what is sent does not arrive,
    /// which shows before the trend does, and where packets are read late.
    fn is_starved(&mut self, now: Instant, acknowledged: Option<Bitrate>) -> bool {
        let at = self.microseconds(now);
        let sent = self.sent.rate(at).map(|sent| sent.scaled(STARVED));
        self.delay.has_long_queue() && acknowledged < sent && acknowledged.is_some()
    }

    fn microseconds(&mut self, now: Instant) -> i64 {
        if now != self.latest.0 {
            let elapsed = now.saturating_duration_since(self.start).as_micros();
            self.latest = (now, i64::try_from(elapsed).unwrap_or(i64::MAX));
        }
        self.latest.1
    }
}

/// Follows the receiver's clock past its wraps.
#[derive(Clone, Copy, Default, Debug)]
struct ArrivalClock {
    newest: Option<(ArrivalTime, i64)>,
}

impl ArrivalClock {
    /// The moment on a clock that does not wrap; `None` if it leapt, which
    /// starts another.
    fn place(&mut self, arrival: ArrivalTime) -> Option<i64> {
        let Some((newest, at)) = self.newest else {
            self.newest = Some((arrival, 0));
            return Some(0);
        };
        let elapsed = arrival.since(newest);
        if elapsed.abs() > LONGEST_GAP {
            self.newest = Some((arrival, at));
            return None;
        }
        let place = at.saturating_add(elapsed);
        if elapsed > 0 {
            self.newest = Some((arrival, place));
        }
        Some(place)
    }
}

/// Of IPv4; they matter where packets are small.
const UDP_AND_IP: u16 = 28;
const FIRST_ESTIMATE: Bitrate = Bitrate::kilobits_per_second(500);
const FIRST_ROUND_TRIP: Duration = Duration::from_millis(100);
const LONGEST_ROUND_TRIP: Duration = Duration::from_secs(5);
/// Seven pictures at 30 a second.
const ACKNOWLEDGED_WINDOW: Duration = Duration::from_millis(250);
const SENT_WINDOW: Duration = Duration::from_millis(500);
/// The acknowledged rate wavers: a window may hold a frame more than others.
const PROVEN: f64 = 0.9;
/// A picture takes more in one second than in another.
const ROOM_TO_WAVER: f64 = 1.2;
/// Faster than the estimate, so that what waits here gets less.
const PACE: f64 = 1.5;
/// Where the path is known to end, so that a key frame leaves no queue.
const KNOWN_PACE: f64 = 1.2;
/// A path that takes less than this share of its estimate has become narrower.
const NARROWER: f64 = 0.8;
/// A share of what is sent.
const STARVED: f64 = 0.5;
/// A share of packets: less is repaired well enough.
const LOSSY: f64 = 0.03;
/// Less than this share of the estimate says nothing of the path.
const APPLICATION_LIMITED: f64 = 0.85;
/// A receiver that gives feedback has given some by then.
const FIRST_FEEDBACK: Duration = Duration::from_secs(3);
/// By then the first probes have shown how wide a wide path is.
const SETTLING: Duration = Duration::from_secs(2);
/// No feedback for so long, with packets on their way, is congestion.
const SILENCE: Duration = Duration::from_secs(1);
const BACK_OFF_INTERVAL: Duration = Duration::from_millis(500);
const SILENCE_FACTOR: f64 = 0.8;
/// An estimate that fell further is probed soon: the cause may have passed.
const FALL: f64 = 0.7;
/// Queues drain before they are filled again.
const AFTER_DECREASE: Duration = Duration::from_millis(500);
/// A burst that shows less than this share of the estimate speaks against it.
const CONFIRMED: f64 = 0.97;
/// A receiver that goes by its own estimate tells it each second or so.
const REMB_LASTS: Duration = Duration::from_secs(10);
/// Key frames and the speed at which a pause ends need some room.
const BEYOND_WANTED: f64 = 2.0;
const LEAST_PROBED: Bitrate = Bitrate::kilobits_per_second(1000);
/// In microseconds.
const LONGEST_GAP: i64 = 10_000_000;

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
pub(super) mod tests;
