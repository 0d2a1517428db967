//! Probing: a short burst at a higher rate than is known to pass, and what
//! rate it arrives at.

use std::num::NonZeroU8;
use std::time::{Duration, Instant};

use super::Bitrate;
use super::rate_control::MOST;

/// Names a burst while its packets are on their way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClusterId(NonZeroU8);

/// The probes of one receiver.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Probing {
    /// The burst that is being sent.
    sending: Option<ClusterId>,
    clusters: [Option<Cluster>; CLUSTERS],
    next_id: NonZeroU8,
    /// The rate of a cluster to be sent after the present one.
    queued: Option<Bitrate>,
    /// Bursts so far, up to a few.
    started: u8,
    /// Bursts since the last one that showed more.
    vain: u32,
    next: Option<Instant>,
}

/// One burst. Whatever is sent meanwhile is part of it.
#[derive(Debug)]
struct Cluster {
    id: ClusterId,
    target: Bitrate,
    /// Of all of it, more or less.
    bytes: u64,
    /// What may have been sent by now.
    released: u64,
    next_release: Instant,
    packets: u32,
    sent: Span,
    arrived_packets: u32,
    arrived_bytes: u64,
    /// When how much of it was there.
    arrivals: Vec<Arrival>,
    is_measured: bool,
    ended: Option<Instant>,
}

/// Bytes over a stretch of time.
#[derive(Clone, Copy, Default, Debug)]
struct Span {
    first: Option<i64>,
    /// The last moment, and the bytes of that one.
    last: Option<(i64, u64)>,
    bytes: u64,
}

/// A packet of a burst at its receiver.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    /// The burst's bytes up to its end, of those that came.
    bytes: u64,
    /// In microseconds, by the sender's clock and by the receiver's.
    sent: i64,
    at: i64,
}

/// Of one packet, since the first.
#[derive(Clone, Copy, Debug)]
struct Point {
    bytes: f64,
    /// In microseconds.
    sent: f64,
    arrived: f64,
}

/// How fast a part of a burst left and came.
#[derive(Clone, Copy, Debug)]
struct Passage {
    /// `None` if it left all at once.
    sent: Option<Bitrate>,
    arrived: Bitrate,
}

/// When so many bytes have left, or are there: `time = start + slope * bytes`, in
/// microseconds.
#[derive(Clone, Copy, Debug)]
struct Line {
    start: f64,
    slope: f64,
}

/// What an arrived burst proves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ProbeResult {
    pub(super) rate: Bitrate,
    /// It arrived as fast as it was sent: there may be more.
    pub(super) passed: bool,
}

impl Probing {
    pub(super) fn new() -> Self {
        Self {
            clusters: [const { None }; CLUSTERS],
            sending: None,
            next_id: NonZeroU8::MIN,
            queued: None,
            started: 0,
            vain: 0,
            next: None,
        }
    }

    /// Starts a burst if it is time for one: at once, then every few seconds
    /// while `most`, twice the highest rate of use, is beyond `estimate`.
    pub(super) fn start_due(&mut self, now: Instant, estimate: Bitrate, most: Bitrate) {
        if self.sending.is_some() {
            return;
        }
        let most = most.min(MOST);
        let queued = self.queued.take();
        if estimate >= most {
            self.next = None;
        } else if let Some(target) = queued {
            self.start(now, target.min(most));
        } else if self.started == 0 {
            self.next = Some(now + INTERVAL);
            self.start(now, estimate.scaled(FIRST).min(most));
            self.queued = Some(estimate.scaled(SECOND).min(most));
        } else if now >= *self.next.get_or_insert(now + SOON) {
            let is_missed = estimate < most.scaled(0.5);
            self.next = Some(now + if is_missed { SHORT_INTERVAL } else { INTERVAL });
            self.start(now, estimate.scaled(2.0).min(most));
        }
    }

    /// Has the next burst come soon: the estimate has fallen.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.queued = None;
        self.next = Some(now + SOON);
    }

    /// Has the next burst come no later than soon.
    pub(super) fn expect(&mut self, now: Instant) {
        self.next = self.next.map(|at| at.min(now + SOON));
    }

    /// Has a burst that did not pass followed by another soon, a few times:
    /// nothing else says that the path is full.
    pub(super) fn retry(&mut self, now: Instant) {
        if self.vain <= RETRIES {
            self.next = Some(now + SOON);
        }
    }

    /// The burst that is being sent.
    pub(super) fn current(&self) -> Option<ClusterId> {
        self.sending
    }

    /// When the burst that is being sent wants more.
    pub(super) fn next_release(&self) -> Option<Instant> {
        self.sending().map(|cluster| cluster.next_release)
    }

    /// The bytes of padding to be sent now.
    pub(super) fn release(&mut self, now: Instant) -> u64 {
        let Some(cluster) = self.sending_mut() else {
            return 0;
        };
        if now < cluster.next_release {
            return 0;
        }
        // What should have left before is not made up for: that would be
        // faster than the target.
        cluster.next_release = now + RELEASE;
        cluster.released += cluster.target.bytes_in(RELEASE);
        let left = cluster.bytes.saturating_sub(cluster.sent.bytes);
        cluster
            .released
            .saturating_sub(cluster.sent.bytes)
            .min(left)
    }

    /// Takes note that a burst has shown more than was known.
    pub(super) fn succeed(&mut self) {
        self.vain = 0;
    }

    /// Ends the burst: it has no way to be sent.
    pub(super) fn abandon(&mut self) {
        self.queued = None;
        if let Some(id) = self.sending.take() {
            self.clusters[slot(id)] = None;
        }
    }

    /// Notes a packet sent as part of the present burst.
    pub(super) fn sent(&mut self, now: Instant, at: i64, bytes: u64) {
        if let Some(cluster) = self.sending_mut() {
            cluster.packets += 1;
            cluster.sent.add(at, bytes);
            if cluster.sent.bytes >= cluster.bytes {
                cluster.ended = Some(now);
                self.sending = None;
            }
        }
    }

    /// Notes that a burst's packet, sent at a moment, arrived at another.
    pub(super) fn arrived(&mut self, id: ClusterId, sent: i64, at: i64, bytes: u64) {
        if let Some(cluster) = &mut self.clusters[slot(id)]
            && cluster.id == id
        {
            cluster.arrived_packets += 1;
            cluster.arrived_bytes += bytes;
            cluster.arrivals.push(Arrival {
                bytes: cluster.arrived_bytes,
                sent,
                at,
            });
        }
    }

    /// What the bursts that have arrived since the last call prove, if any.
    /// `inherent_loss` is the share that the path itself loses.
    pub(super) fn measure(&mut self, now: Instant, inherent_loss: f64) -> Option<ProbeResult> {
        let mut best: Option<ProbeResult> = None;
        for cluster in self.clusters.iter_mut().flatten() {
            if let Some(result) = cluster.measure(1.0 - inherent_loss)
                && best.is_none_or(|best| result.rate > best.rate)
            {
                best = Some(result);
            }
        }
        for entry in &mut self.clusters {
            let is_over = entry.as_ref().is_some_and(|cluster| {
                cluster.is_measured
                    || cluster
                        .ended
                        .is_some_and(|at| now.saturating_duration_since(at) > PATIENCE)
            });
            if is_over {
                *entry = None;
            }
        }
        if let Some(result) = best.filter(|result| result.passed) {
            self.queued = Some(result.rate.scaled(2.0));
        }
        best
    }

    fn start(&mut self, now: Instant, target: Bitrate) {
        // What trembles too much for a short burst may show in a longer one.
        let duration = match self.started {
            0 | 1 => SHORTEST,
            _ => DURATION * (1 << (self.vain / 4).min(MOST_DOUBLINGS)),
        };
        self.started = self.started.saturating_add(1);
        self.vain += 1;
        // Not to fill a narrow path's queue.
        let least = LEAST_BYTES.min(target.bytes_in(LONGEST_SENT));
        let id = ClusterId(self.next_id);
        self.next_id = self.next_id.checked_add(1).unwrap_or(NonZeroU8::MIN);
        self.sending = Some(id);
        self.clusters[slot(id)] = Some(Cluster {
            id,
            target,
            bytes: target.bytes_in(duration).max(least),
            released: 0,
            next_release: now,
            packets: 0,
            sent: Span::default(),
            arrived_packets: 0,
            arrived_bytes: 0,
            arrivals: Vec::new(),
            is_measured: false,
            ended: None,
        });
    }

    fn sending(&self) -> Option<&Cluster> {
        self.clusters[slot(self.sending?)].as_ref()
    }

    fn sending_mut(&mut self) -> Option<&mut Cluster> {
        self.clusters[slot(self.sending?)].as_mut()
    }
}

impl Cluster {
    /// `reach` is the share of packets that the path does not lose by itself.
    fn measure(&mut self, reach: f64) -> Option<ProbeResult> {
        let is_there =
            f64::from(self.arrived_packets) >= f64::from(self.packets) * reach * MOST_ARRIVE;
        if self.is_measured
            || self.ended.is_none()
            || self.arrived_packets < LEAST_PACKETS
            || !is_there
        {
            return None;
        }
        self.is_measured = true;
        let sent = self.sent.rate().unwrap_or(self.target);
        let sent = sent.min(self.target.scaled(OVERSHOOT));
        // A shaper lets the beginning of a burst through at once: the more it
        // does, the later its own rate shows.
        let head = (self.bytes / 3).max(HEAD.min(self.bytes / 2));
        if self.lasts_too_long() {
            return None;
        }
        let tail = self.passage_beyond(head);
        let end = self.passage_beyond(self.bytes / 3 * 2);
        let is_shaped = |tail: &Passage, end: &Passage| {
            end.is_slowed_to(SHAPED) && end.arrived < tail.arrived.scaled(SHAPED)
        };
        let passage = match (tail, end) {
            (Some(tail), Some(end)) if is_shaped(&tail, &end) => Some(end),
            _ => tail,
        };
        let arrived = passage.map_or(sent, |passage| passage.arrived.scaled(1.0 / reach));
        // A burst leaves unevenly where pictures are part of it: what came of
        // a part is to be held against how that part left.
        let is_full = passage.is_some_and(|passage| passage.is_slowed_to(SATURATED));
        Some(if is_full {
            // A full pipe: all of it would leave a queue standing.
            ProbeResult {
                rate: arrived.scaled(HEADROOM),
                passed: false,
            }
        } else {
            ProbeResult {
                rate: sent.min(arrived),
                passed: true,
            }
        })
    }
}

impl Cluster {
    fn lasts_too_long(&self) -> bool {
        let times = || self.arrivals.iter().map(|arrival| arrival.at);
        let (first, last) = (times().min(), times().max());
        first
            .zip(last)
            .is_some_and(|(first, last)| last.saturating_sub(first) > LONGEST)
    }

    /// How fast left and came what is beyond the first `bytes`; `None` if it
    /// all came at once.
    ///
    /// A busy receiver reads packets late, but none early. So those that are
    /// late by a first line are left out of the next.
    #[allow(clippy::cast_precision_loss, reason = "bytes and times of a burst")]
    fn passage_beyond(&self, bytes: u64) -> Option<Passage> {
        let from = self
            .arrivals
            .partition_point(|arrival| arrival.bytes <= bytes);
        let arrivals = &self.arrivals[from..];
        let first = arrivals.first()?;
        let points = arrivals.iter().map(|arrival| Point {
            bytes: arrival.bytes as f64,
            sent: arrival.sent.saturating_sub(first.sent) as f64,
            arrived: arrival.at.saturating_sub(first.at) as f64,
        });
        let mut arrived = Line::through(points.clone().map(Point::arrival))?;
        let mut sent = Line::through(points.clone().map(Point::sending));
        for _ in 0..REFITS {
            let line = arrived;
            let in_time = points
                .clone()
                .filter(|point| point.arrived <= line.start + line.slope * point.bytes + TOLERANCE);
            if in_time.clone().count() < LEAST_PACKETS as usize {
                break;
            }
            sent = Line::through(in_time.clone().map(Point::sending));
            arrived = Line::through(in_time.map(Point::arrival)).unwrap_or(line);
        }
        Some(Passage {
            sent: sent.map(Line::rate),
            arrived: arrived.rate(),
        })
    }
}

impl Passage {
    /// Whether it came at less than this share of the rate at which it left.
    fn is_slowed_to(&self, share: f64) -> bool {
        self.sent
            .is_none_or(|sent| self.arrived < sent.scaled(share))
    }
}

impl Point {
    fn arrival(self) -> (f64, f64) {
        (self.bytes, self.arrived)
    }

    fn sending(self) -> (f64, f64) {
        (self.bytes, self.sent)
    }
}

impl Span {
    fn add(&mut self, at: i64, bytes: u64) {
        self.bytes += bytes;
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        match &mut self.last {
            Some((last, count)) if at == *last => *count += bytes,
            Some((last, _)) if at < *last => {}
            last => *last = Some((at, bytes)),
        }
    }

    /// The rate, without the bytes that left last, which took none of the time.
    fn rate(&self) -> Option<Bitrate> {
        let (first, (last, last_bytes)) = (self.first?, self.last?);
        let time = Duration::from_micros(u64::try_from(last.checked_sub(first)?).ok()?);
        Bitrate::of(self.bytes.saturating_sub(last_bytes), time)
    }
}

impl Line {
    /// The line that fits best (least squares); `None` if it was all at once.
    fn through(times_of: impl Iterator<Item = (f64, f64)>) -> Option<Self> {
        let (mut count, mut bytes, mut times) = (0.0, 0.0, 0.0);
        let (mut products, mut squares) = (0.0, 0.0);
        for (byte, time) in times_of {
            count += 1.0;
            bytes += byte;
            times += time;
            products += byte * time;
            squares += byte * byte;
        }
        let slope = (count * products - bytes * times) / (count * squares - bytes * bytes);
        let is_known = slope.is_finite() && slope > 0.0;
        is_known.then(|| Self {
            start: (times - slope * bytes) / count,
            slope,
        })
    }

    fn rate(self) -> Bitrate {
        Bitrate::bits_per_second(8_000_000).scaled(1.0 / self.slope)
    }
}

fn slot(id: ClusterId) -> usize {
    usize::from(id.0.get()) % CLUSTERS
}

const CLUSTERS: usize = 4;
const DURATION: Duration = Duration::from_millis(40);
/// Of the first bursts, which may be far beyond what a path takes.
const SHORTEST: Duration = Duration::from_millis(20);
const MOST_DOUBLINGS: u32 = 1;
const RELEASE: Duration = Duration::from_millis(5);
/// More than most shapers let through at once.
const LEAST_BYTES: u64 = 6000;
/// But no longer than this at the target.
const LONGEST_SENT: Duration = Duration::from_millis(150);
const LEAST_PACKETS: u32 = 4;
/// A burst's first bytes, which say nothing: at twice its rate, a shaper lets
/// twice as much through as its bucket holds, a packet of full size at least.
const HEAD: u64 = 3300;
/// Of the rate at arrival without the first part, the end has at least as much
/// unless a shaper let still more through.
const SHAPED: f64 = 0.85;
/// The first bursts, times the first estimate.
const FIRST: f64 = 3.0;
const SECOND: f64 = 6.0;
const INTERVAL: Duration = Duration::from_secs(4);
/// While there is less than could be shown.
const SHORT_INTERVAL: Duration = Duration::from_millis(2500);
const SOON: Duration = Duration::from_secs(1);
const RETRIES: u32 = 4;
/// After its end a burst has arrived, or will not.
const PATIENCE: Duration = Duration::from_secs(2);
/// Of a burst, less the path's own loss: with fewer it cannot be measured.
const MOST_ARRIVE: f64 = 0.75;
const OVERSHOOT: f64 = 1.2;
const SATURATED: f64 = 0.9;
const HEADROOM: f64 = 0.95;
/// In microseconds: a burst spread over more says nothing.
const LONGEST: i64 = 1_000_000;
const REFITS: u32 = 3;
/// In microseconds: feedback tells times in quarters of milliseconds.
const TOLERANCE: f64 = 250.0;

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    /// Sends a whole burst, with a packet of 300 bytes each; gives its target
    /// and packets' times of sending.
    fn send(probing: &mut Probing, start: Instant) -> (ClusterId, Vec<i64>) {
        let id = probing.current().expect("a burst");
        let mut sent = Vec::new();
        for millisecond in 0..100 {
            let now = start + Duration::from_millis(millisecond);
            let mut bytes = probing.release(now);
            while bytes > 0 && probing.current() == Some(id) {
                let at = i64::try_from(millisecond * 1000).expect("small");
                probing.sent(now, at, 300);
                sent.push(at);
                bytes = bytes.saturating_sub(300);
            }
        }
        (id, sent)
    }

    #[test]
    fn a_narrow_path_shows_its_width_and_a_wide_one_the_target() {
        for (capacity, least, most) in [(1000, 900, 1000), (50_000, 1300, 1800)] {
            let start = Instant::now();
            let mut probing = Probing::new();
            let most_wanted = Bitrate::kilobits_per_second(5000);
            probing.start_due(start, Bitrate::kilobits_per_second(500), most_wanted);
            let (id, sent) = send(&mut probing, start);
            let capacity = Bitrate::kilobits_per_second(capacity);
            let serialization = i64::try_from(capacity.time_for(300).as_micros()).expect("small");

            let mut free = 0;
            for at in sent {
                free = free.max(at) + serialization;
                probing.arrived(id, at, free + 50_000, 300);
            }
            let result = probing.measure(start + Duration::from_secs(1), 0.0);

            let rate = result.expect("a result").rate.as_bits_per_second() / 1000;
            assert!((least..=most).contains(&rate), "{rate} of {capacity}");
        }
    }

    #[test]
    fn a_burst_whose_end_waited_for_its_turn_is_not_taken_for_a_full_path() {
        let start = Instant::now();
        let mut probing = Probing::new();
        let most = Bitrate::kilobits_per_second(5000);
        probing.start_due(start, Bitrate::kilobits_per_second(500), most);
        let id = probing.current().expect("a burst");
        let mut at = 0_i64;
        let mut sent = Vec::new();
        while probing.current() == Some(id) {
            // 1.6 Mbit/s, and then 800 kbit/s, at which pictures leave.
            at += if sent.len() < 10 { 1500 } else { 3000 };
            probing.sent(start + Duration::from_micros(at.unsigned_abs()), at, 300);
            sent.push(at);
        }
        assert!(sent.len() >= 20, "{sent:?}");

        for at in sent {
            probing.arrived(id, at, at + 50_000, 300);
        }

        let result = probing.measure(start + Duration::from_secs(1), 0.0);
        let result = result.expect("a result");
        assert!(result.passed);
        let rate = result.rate.as_bits_per_second() / 1000;
        assert!((750..=1100).contains(&rate), "{rate}");
    }

    #[test]
    fn what_a_shaper_lets_through_at_once_is_not_taken_for_its_rate() {
        let start = Instant::now();
        let mut probing = Probing::new();
        probing.started = 2;
        probing.next = Some(start);
        let most = Bitrate::kilobits_per_second(5000);
        probing.start_due(start, Bitrate::kilobits_per_second(400), most);
        let (id, sent) = send(&mut probing, start);
        let serialization = 8000;
        let bucket = 2000;

        // 300 kbit/s, and as much at once as the bucket holds.
        let (mut tokens, mut free) = (bucket, 0);
        for at in sent {
            tokens = (tokens + (at.max(free) - free) * 300 / 8000).min(bucket) - 300;
            free = at.max(free);
            if tokens < 0 {
                free += serialization * -tokens / 300;
                tokens = 0;
            }
            probing.arrived(id, at, free, 300);
        }

        let result = probing.measure(start + Duration::from_secs(1), 0.0);
        let rate = result.expect("a result").rate.as_bits_per_second() / 1000;
        assert!((240..=315).contains(&rate), "{rate}");
    }

    #[test]
    fn a_burst_that_is_lost_proves_nothing_and_another_follows() {
        let start = Instant::now();
        let mut probing = Probing::new();
        let (estimate, most) = (
            Bitrate::kilobits_per_second(500),
            Bitrate::kilobits_per_second(5000),
        );
        let mut bursts = 0;
        for second in 0..30 {
            let now = start + Duration::from_secs(second);
            probing.start_due(now, estimate, most);
            if probing.current().is_some() {
                bursts += 1;
                let (id, sent) = send(&mut probing, now);
                for at in sent.iter().take(2) {
                    probing.arrived(id, *at, *at, 300);
                }
            }
            assert_eq!(probing.measure(now + Duration::from_millis(900), 0.0), None);
        }
        assert!((9..=13).contains(&bursts), "{bursts}");
    }

    #[test]
    fn a_burst_that_takes_more_than_a_second_proves_nothing() {
        let start = Instant::now();
        let mut probing = Probing::new();
        probing.start_due(start, Bitrate::kilobits_per_second(500), MOST);
        let (id, sent) = send(&mut probing, start);

        for (packet, at) in (0..).zip(&sent) {
            probing.arrived(
                id,
                *at,
                packet * (LONGEST + 100_000) / (i64::try_from(sent.len()).expect("few") - 1),
                300,
            );
        }

        assert_eq!(probing.measure(start + Duration::from_secs(1), 0.0), None);
    }

    #[test]
    fn what_arrives_in_no_time_proves_no_more_than_was_tried() {
        let start = Instant::now();
        let mut probing = Probing::new();
        let estimate = Bitrate::kilobits_per_second(500);
        probing.start_due(start, estimate, MOST);
        let (id, sent) = send(&mut probing, start);

        for at in sent {
            probing.arrived(id, at, i64::MIN, 300);
            probing.arrived(id, at, i64::MIN, 300);
        }

        let result = probing.measure(start + Duration::from_secs(1), 0.0);
        let rate = result.expect("a result").rate;
        assert!(rate <= estimate.scaled(FIRST * OVERSHOOT + 0.01), "{rate}");
    }
}
