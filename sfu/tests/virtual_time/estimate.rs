//! The congestion controller and the pacer with a source that follows the
//! estimate, as an encoder does, over a seeded path.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use sfu::congestion::{Bitrate, Controller, Pacer};
use sfu::rtcp::{self, ArrivalRecorder, Received};
use sfu::rtp::Ssrc;

use crate::distribution::{Bars, Distribution};
use crate::link::{Bottleneck, Direction, Lateness, Link, Loss, Random};
use crate::session::{seeds, seeds_and};

/// One sender, its path, and its receiver.
struct Flow {
    now: Instant,
    start: Instant,
    random: Random,
    controller: Controller,
    pacer: Pacer,
    path: Direction,
    recorder: ArrivalRecorder,
    arriving: BinaryHeap<Reverse<(Instant, u16)>>,
    reports: VecDeque<(Instant, Vec<u8>)>,
    waiting: VecDeque<usize>,
    /// What the source could use at the most.
    wanted: Bitrate,
    /// Sent beside, through the same bottleneck.
    competing: Competitor,
    frames: u64,
    estimates: Vec<Bitrate>,
    sent: Vec<Instant>,
}

#[derive(Clone, Copy)]
enum Competitor {
    None,
    /// Packets of 1,200 bytes at a constant rate.
    Constant(Bitrate),
}

impl Flow {
    fn new(seed: u64, link: Link, wanted: u64) -> Self {
        let now = Instant::now();
        let wanted = Bitrate::kilobits_per_second(wanted);
        let mut controller = Controller::new(now);
        controller.set_wanted(wanted);
        Self {
            now,
            start: now,
            random: Random::new(seed),
            controller,
            pacer: Pacer::new(now),
            path: Direction::new(link),
            recorder: ArrivalRecorder::new(now),
            arriving: BinaryHeap::new(),
            reports: VecDeque::new(),
            waiting: VecDeque::new(),
            wanted,
            competing: Competitor::None,
            frames: 0,
            estimates: Vec::new(),
            sent: Vec::new(),
        }
    }

    fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.now < end {
            self.now += Duration::from_millis(1);
            self.receive();
            self.produce();
            self.send();
            let estimate = self.controller.estimate(self.now);
            self.estimates.push(estimate.unwrap_or_default());
        }
    }

    fn milliseconds(&self) -> u64 {
        (self.now - self.start).as_millis() as u64
    }

    fn produce(&mut self) {
        let milliseconds = self.milliseconds();
        if milliseconds.is_multiple_of(20) {
            self.transmit(140);
        }
        if milliseconds.is_multiple_of(33) {
            let estimate = self.controller.estimate(self.now).unwrap_or_default();
            let audio = Bitrate::kilobits_per_second(60);
            let target = estimate.scaled(0.95).min(self.wanted).minus(audio);
            let mut size = target.bytes_in(Duration::from_millis(33)) as f64
                * (0.8 + 0.4 * self.random.fraction());
            if self.frames.is_multiple_of(300) {
                size *= 5.0;
            }
            self.frames += 1;
            while size > 0.0 {
                self.waiting.push_back(size.clamp(100.0, 1200.0) as usize);
                size -= 1200.0;
            }
        }
        if let Competitor::Constant(rate) = self.competing {
            let gap = rate.time_for(1200).as_millis().max(1) as u64;
            if milliseconds.is_multiple_of(gap) {
                self.path.arrivals(self.now, 1200, &mut self.random);
                self.path.queued.pop();
            }
        }
    }

    fn send(&mut self) {
        if self.milliseconds().is_multiple_of(20) {
            self.controller.handle_timeout(self.now);
        }
        let waiting: usize = self.waiting.iter().sum();
        let pace = self.controller.pace(self.now);
        self.pacer.update(self.now, pace, waiting as u64);
        while self.pacer.allowance() > 0
            && let Some(bytes) = self.waiting.pop_front()
        {
            self.transmit(bytes);
        }
        if self.waiting.is_empty() {
            self.pacer.rest();
            let mut padding = self.controller.release_probe(self.now);
            while padding > 0 && self.controller.current_probe().is_some() {
                self.transmit(300);
                padding = padding.saturating_sub(300);
            }
        }
    }

    fn transmit(&mut self, bytes: usize) {
        let number = self.controller.sent(self.now, bytes as u16);
        self.pacer.spend(bytes as u64);
        self.sent.push(self.now);
        for at in self.path.arrivals(self.now, bytes, &mut self.random) {
            self.arriving.push(Reverse((at, number)));
        }
    }

    fn receive(&mut self) {
        while let Some(Reverse((at, number))) = self.arriving.peek().copied()
            && at <= self.now
        {
            self.arriving.pop();
            self.recorder.record(at, number);
        }
        if self.milliseconds().is_multiple_of(70)
            && let Some(report) = self.recorder.report(Ssrc(1), Ssrc(2))
        {
            let at = self.now + self.path.link.delay;
            self.reports.push_back((at, report));
        }
        while let Some((at, _)) = self.reports.front()
            && *at <= self.now
            && let Some((_, report)) = self.reports.pop_front()
        {
            rtcp::read(&report, |received| match received {
                Received::Arrival { number, at } => self.controller.packet_feedback(number, at),
                Received::ArrivalsEnd => self.controller.feedback_end(self.now),
                _ => {}
            });
        }
    }

    /// From the given second on: the share of time that the estimate is within
    /// the given range in kbit/s, and its median.
    fn within(&self, from: usize, range: RangeInclusive<u64>) -> (f64, u64) {
        let mut estimates: Vec<_> = self.estimates[from * 1000..]
            .iter()
            .map(|estimate| estimate.as_bits_per_second() / 1000)
            .collect();
        estimates.sort_unstable();
        let inside = estimates.iter().filter(|estimate| range.contains(estimate));
        (
            inside.count() as f64 / estimates.len() as f64,
            estimates[estimates.len() / 2],
        )
    }

    /// When the estimate first is at least so many kbit/s, after the given
    /// second.
    fn first_at(&self, from: usize, kilobits: u64) -> Duration {
        let least = Bitrate::kilobits_per_second(kilobits);
        let mut estimates = self.estimates.iter().skip(from * 1000);
        let found = estimates.position(|estimate| *estimate >= least);
        Duration::from_millis(found.map_or(u64::MAX, |at| at as u64))
    }

    fn queue(&self, from: u64) -> (Duration, f64) {
        self.path.queue(self.start + Duration::from_secs(from))
    }
}

/// A path with a bottleneck.
pub fn narrow(kilobits: u64, round_trip: u64) -> Link {
    Link {
        delay: Duration::from_millis(round_trip / 2),
        bottleneck: Some(Bottleneck::kilobits(kilobits)),
        ..Link::good()
    }
}

/// A path as Linux shapes it, to a machine that is busy.
pub fn shaped(kilobits: u64, round_trip: u64, burst: u64) -> Link {
    Link {
        bottleneck: Some(Bottleneck::token_bucket(kilobits, burst)),
        lateness: Lateness {
            probability: 0.05,
            longest: Duration::from_millis(10),
        },
        ..narrow(kilobits, round_trip)
    }
}

#[test]
fn a_shaper_that_lets_bursts_through_is_found_as_wide_as_it_is_though_half_of_it_is_used() {
    // A packet's worth is not to be seen at all, and of more not much.
    for (burst, most) in [(1600, 1050), (4000, 1150)] {
        let mut founds = Distribution::of("800 kbit/s found after the first second");
        let mut insides = Distribution::of("share of time in 80 to 105 or 115 %");
        let mut queues = Distribution::of("queue p95");
        let mut losses = Distribution::of("share lost");
        for seed in seeds_and(4, &[50]) {
            let mut flow = Flow::new(seed, shaped(1000, 100, burst), 3000);
            // At first the camera's upper layer, then one that takes half.
            flow.run(Duration::from_secs(2));
            flow.wanted = Bitrate::kilobits_per_second(560);

            flow.run(Duration::from_secs(58));

            let found = flow.first_at(1, 800);
            let (inside, median) = flow.within(4, 800..=most);
            let (queue, lost) = flow.queue(4);
            println!(
                "burst {burst}, seed {seed}: 800 kbit/s {found:?} after the first second; \
                 from 4 s on {median} kbit/s, {:.1} % of the time in 800 to {most}; \
                 queue p95 {queue:?}, lost {:.2} %",
                inside * 100.0,
                lost * 100.0
            );
            founds.note(seed, found);
            insides.note(seed, inside);
            queues.note(seed, queue);
            losses.note(seed, lost);
        }
        founds.assert_at_most(Bars {
            median: Duration::from_secs(1),
            nearly_all: Duration::from_secs(3),
            worst: Duration::from_secs(3),
        });
        insides.assert_at_least(Bars {
            median: 0.95,
            nearly_all: 0.9,
            worst: 0.9,
        });
        queues.assert_at_most(Bars::all(Duration::from_millis(150)));
        losses.assert_at_most(Bars::all(0.02));
    }
}

#[test]
fn a_megabit_is_found_within_four_seconds_and_its_queue_stays_short() {
    for seed in seeds(4) {
        let mut flow = Flow::new(seed, narrow(1000, 100), 3000);

        flow.run(Duration::from_mins(1));

        let found = flow.first_at(0, 800);
        let (inside, median) = flow.within(4, 800..=1050);
        let (queue, lost) = flow.queue(4);
        println!(
            "seed {seed}: 800 kbit/s after {found:?}; from 4 s on {median} kbit/s, \
             {:.1} % of the time in 80 to 105 %; queue p95 {queue:?}, lost {:.2} %",
            inside * 100.0,
            lost * 100.0
        );
        assert!(found <= Duration::from_secs(4), "seed {seed}");
        assert!((800..=1050).contains(&median), "seed {seed}: {median}");
        assert!(inside > 0.85, "seed {seed}: {inside}");
        assert!(queue < Duration::from_millis(150), "seed {seed}: {queue:?}");
        assert!(lost < 0.02, "seed {seed}: {lost}");
    }
}

#[test]
fn probes_leave_a_very_narrow_path_to_speech() {
    for seed in seeds(3) {
        let mut flow = Flow::new(seed, narrow(100, 100), 500);
        // Speech alone takes three fifths of it.
        flow.wanted = Bitrate::ZERO;

        flow.run(Duration::from_secs(40));

        let (inside, median) = flow.within(10, 60..=105);
        let from = flow.start + Duration::from_secs(10);
        let queued = flow.path.queued.iter().filter(|(at, _)| *at >= from);
        let times: Option<Vec<_>> = queued.map(|(_, time)| *time).collect();
        let longest = times
            .expect("nothing is lost in the queue")
            .into_iter()
            .max();
        println!("seed {seed}: {median} kbit/s, {inside:.3} in 60 to 105, queue up to {longest:?}");
        let longest = longest.expect("something was sent");
        assert!(longest < Duration::from_millis(250), "seed {seed}");
        assert!(inside > 0.8, "seed {seed}: {inside} {median}");
    }
}

#[test]
fn a_path_that_narrows_is_followed_and_one_that_widens_is_found() {
    let mut downs = Distribution::of("down after");
    let mut ups = Distribution::of("up after");
    for seed in seeds_and(4, &[208]) {
        let mut flow = Flow::new(seed, narrow(2000, 100), 3000);
        flow.run(Duration::from_secs(20));
        flow.path.link = narrow(300, 100);
        flow.run(Duration::from_secs(30));
        let (_, before) = flow.within(10, 0..=0);
        flow.path.link = narrow(2000, 100);
        flow.run(Duration::from_secs(20));

        let down = flow.estimates[20_000..]
            .iter()
            .position(|estimate| *estimate <= Bitrate::kilobits_per_second(320));
        let up = flow.first_at(50, 1500);
        println!("seed {seed}: {before} kbit/s; down after {down:?} ms, up after {up:?}");
        downs.note(seed, down.unwrap_or(usize::MAX));
        ups.note(seed, up);
    }
    downs.assert_at_most(Bars::all(3000));
    ups.assert_at_most(Bars {
        median: Duration::from_secs(3),
        nearly_all: Duration::from_secs(6),
        worst: Duration::from_secs(10),
    });
}

#[test]
fn random_loss_does_not_starve_a_flow() {
    let mut insides = Distribution::of("share of time above 1000 kbit/s");
    for seed in seeds_and(4, &[54]) {
        let mut flow = Flow::new(
            seed,
            Link {
                loss: Loss::Random(0.1),
                ..narrow(2000, 60)
            },
            1500,
        );

        flow.run(Duration::from_mins(1));

        let (inside, median) = flow.within(5, 1000..=2500);
        println!(
            "seed {seed}: 10 % random loss: {median} kbit/s, {inside:.3} of the time above 1000"
        );
        insides.note(seed, inside);
    }
    insides.assert_at_least(Bars {
        median: 0.99,
        nearly_all: 0.9,
        worst: 0.9,
    });
}

#[test]
fn bursts_of_loss_disorder_and_a_long_way_do_not_starve_a_flow() {
    let bursts = Loss::Bursts {
        start: 0.005,
        end: 0.2,
    };
    let links = [
        (
            "bursts",
            Link {
                loss: bursts,
                ..narrow(1000, 100)
            },
        ),
        ("300 ms", narrow(1000, 300)),
        (
            "disorder",
            Link {
                jitter: Duration::from_millis(8),
                ..narrow(1000, 60)
            },
        ),
    ];
    for (name, link) in links {
        let mut insides = Distribution::of(name);
        for seed in seeds_and(3, &[144, 174]) {
            let mut flow = Flow::new(seed, link, 3000);

            flow.run(Duration::from_mins(1));

            let (inside, median) = flow.within(6, 500..=1100);
            let (queue, lost) = flow.queue(6);
            println!(
                "{name}, seed {seed}: {median} kbit/s, {inside:.3} in 500 to 1100, queue p95 {queue:?}, lost {lost:.3}"
            );
            insides.note(seed, inside);
        }
        insides.assert_at_least(Bars {
            median: 0.99,
            nearly_all: 0.9,
            worst: 0.9,
        });
    }
}

#[test]
fn a_competing_flow_leaves_what_it_leaves() {
    for seed in seeds(3) {
        let mut flow = Flow::new(seed, narrow(1500, 60), 3000);
        flow.run(Duration::from_secs(20));
        flow.competing = Competitor::Constant(Bitrate::kilobits_per_second(800));
        flow.run(Duration::from_secs(30));
        let (_, during) = flow.within(25, 0..=0);
        flow.competing = Competitor::None;
        flow.run(Duration::from_secs(15));

        let (queue, _) = flow.queue(25);
        let up = flow.first_at(50, 1200);
        println!(
            "seed {seed}: beside 800 of 1500 kbit/s: {during}; up after {up:?}; queue p95 {queue:?}"
        );
        assert!((400..=850).contains(&during), "seed {seed}: {during}");
        assert!(up < Duration::from_secs(10), "seed {seed}: {up:?}");
    }
}

#[test]
fn what_is_not_sent_does_not_inflate_the_estimate() {
    for seed in seeds(3) {
        let mut flow = Flow::new(seed, narrow(1000, 100), 200);

        flow.run(Duration::from_mins(2));

        let (_, median) = flow.within(4, 0..=0);
        let most = flow.estimates.iter().skip(4000).max().copied();
        println!("seed {seed}: {median} kbit/s, at most {most:?}");
        assert!(
            most < Some(Bitrate::kilobits_per_second(1060)),
            "seed {seed}"
        );
        assert!(median >= 500, "seed {seed}: {median}");
    }
}

#[test]
fn feedback_of_any_kind_leaves_an_estimate_that_makes_sense() {
    for seed in seeds(20) {
        let mut random = Random::new(seed);
        let start = Instant::now();
        let mut controller = Controller::new(start);
        controller.set_wanted(Bitrate::kilobits_per_second(2500));
        for step in 0..4_000 {
            let now = start + Duration::from_millis(step * 5);
            controller.sent(now, (random.next() % 1400) as u16);
            let mut report = vec![0x8F, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
            let length = random.next() % 60;
            report.extend((0..length).map(|_| random.next() as u8));
            // Numbers near those that were sent, so that some are taken.
            if report.len() > 20 {
                report[12..14].copy_from_slice(&(step as u16).to_be_bytes());
                report[14] = 0;
            }
            report.resize(report.len().next_multiple_of(4), 0);
            let words = (report.len() / 4 - 1) as u8;
            report[3] = words;
            rtcp::read(&report, |received| match received {
                Received::Arrival { number, at } => controller.packet_feedback(number, at),
                Received::ArrivalsEnd => controller.feedback_end(now),
                _ => {}
            });
            controller.handle_timeout(now);
            controller.release_probe(now);
            controller.loss_report(now, random.next() as u8);
            let estimate = controller.estimate(now).expect("packets were sent");
            let range = Bitrate::kilobits_per_second(40)..=Bitrate::kilobits_per_second(20_000);
            assert!(range.contains(&estimate), "seed {seed}: {estimate}");
        }
    }
}
