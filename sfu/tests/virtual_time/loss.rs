//! Losses, bursts, disorder and duplicates: what was lost is repaired in time,
//! and nothing comes twice.

use std::collections::BTreeMap;
use std::time::Duration;

use sfu::identity::{ParticipantId, RoomId};
use sfu::rtcp;

use crate::link::{Link, Loss};
use crate::session::{Session, seeds, seeds_and, slot_ssrc, video_slot, video_ssrc};

const ROOM: RoomId = RoomId(1);
const A: ParticipantId = ParticipantId(1);
const B: ParticipantId = ParticipantId(2);

/// What came of the pictures that a receiver should have got.
#[derive(Debug)]
struct Outcome {
    expected: usize,
    /// By their age when they came, in milliseconds.
    ages: Vec<u128>,
    /// The same of the last packets of pictures.
    last_ages: Vec<u128>,
}

impl Outcome {
    /// The share that came no later than `buffer` after the path's own delay.
    fn in_time(&self, path: Duration, buffer: Duration) -> f64 {
        let limit = (path + buffer).as_millis();
        let count = self.ages.iter().filter(|age| **age <= limit).count();
        count as f64 / self.expected as f64
    }
}

/// A sends to B for `duration`, each over its own link.
fn send(session: &mut Session, links: [Link; 2], duration: Duration) -> Outcome {
    meet(session, links);
    outcome(session, links, duration)
}

/// A and B come in, and will ask for what such links lose.
fn meet(session: &mut Session, links: [Link; 2]) {
    for (id, link) in [A, B].into_iter().zip(links) {
        session.join(ROOM, id, 1, Link::good());
        session.peer(id).repairs_within = Some(2 * link.delay + link.jitter);
        if session.is_unmeasured {
            // What does not fit is then not held back: all must be repaired.
            session.peer(id).feedback_every = None;
        }
        session.watch(B, 0, A);
    }
    session.connect();
}

fn outcome(session: &mut Session, links: [Link; 2], duration: Duration) -> Outcome {
    session.start_media(A);
    session.run(Duration::from_secs(2));
    let started = session.now;
    let first = session.sending(A).packets;
    session.set_link(A, links[0]);
    session.set_link(B, links[1]);
    session.run(duration);
    let last = session.sending(A).packets;
    for id in [A, B] {
        session.set_link(id, Link::good());
    }
    session.run(Duration::from_secs(2));

    let mut ages = BTreeMap::new();
    for packet in session.peers[&B].received_on(slot_ssrc(B, video_slot(0))) {
        let frame = u64::from_be_bytes(packet.payload[18..26].try_into().expect("a number"));
        let place = frame * 3 + u64::from(packet.payload[26]);
        if (first..last).contains(&place) {
            let sent = started + Duration::from_millis((frame - first / 3) * 33);
            let age = packet.at.saturating_duration_since(sent).as_millis();
            ages.entry(place).or_insert(age);
        }
    }
    let is_last = |(place, age): (&u64, &u128)| (place % 3 == 2).then_some(*age);
    Outcome {
        expected: (last - first) as usize,
        last_ages: ages.iter().filter_map(is_last).collect(),
        ages: ages.into_values().collect(),
    }
}

fn lossy(milliseconds: u64, loss: Loss) -> Link {
    Link {
        delay: Duration::from_millis(milliseconds),
        loss,
        ..Link::good()
    }
}

#[test]
fn random_loss_of_five_in_a_hundred_is_repaired_within_a_jitter_buffer() {
    let bad = lossy(25, Loss::Random(0.05));
    let good = lossy(1, Loss::None);
    for (name, links) in [("publisher", [bad, good]), ("receiver", [good, bad])] {
        let mut expected = 0;
        let mut in_time = 0.0;
        for seed in seeds_and(4, &[116, 360]) {
            let mut session = Session::new(seed);
            let outcome = send(&mut session, links, Duration::from_secs(30));
            in_time += outcome.in_time(Duration::from_millis(27), Duration::from_millis(200))
                * outcome.expected as f64;
            expected += outcome.expected;
        }
        let share = in_time / expected as f64;
        println!(
            "{name}'s side: {:.4} % of {expected} in time",
            share * 100.0
        );
        assert!(share > 0.999, "{name}: {share}");
    }
}

#[test]
fn no_picture_stands_still_for_a_tenth_that_is_lost_on_the_way_from_its_publisher() {
    // What a browser holds back where much is lost, and what is a freeze.
    let buffer = Duration::from_millis(250 + 150);
    let (mut late, mut frames, mut slow) = (0, 0, 0);
    for seed in seeds(8) {
        let mut session = Session::new(seed);
        let links = [lossy(30, Loss::Random(0.1)), Link::good()];
        let outcome = send(&mut session, links, Duration::from_mins(1));
        let limit = (Duration::from_millis(31) + buffer).as_millis();
        late += outcome.expected - outcome.ages.iter().filter(|age| **age <= limit).count();
        slow += outcome
            .ages
            .iter()
            .filter(|age| **age > limit - 200)
            .count();
        frames += outcome.expected / 3;
    }
    let minutes = frames as f64 / 30.0 / 60.0;
    println!("{late} packets too late and {slow} by half in {minutes:.1} minutes");
    assert!(late as f64 / minutes < 0.5, "{late}");
}

#[test]
fn what_a_publisher_probes_with_makes_good_what_was_just_lost() {
    let links = [lossy(30, Loss::Random(0.1)), Link::good()];
    let [asked_for, probed] = [false, true].map(|probes| {
        let mut session = Session::new(9);
        meet(&mut session, links);
        session.peer(A).probes_by_repeating = probes;
        let ages = outcome(&mut session, links, Duration::from_secs(30)).last_ages;
        // The way, and a picture that the first one may be off by.
        let late = ages.iter().filter(|age| **age > 31 + 33).count();
        late as f64 / ages.len() as f64
    });

    println!("late: {asked_for:.3} without probes, {probed:.3} with");
    assert!(asked_for > 0.07, "{asked_for}");
    assert!(probed < 0.03, "{probed}");
}

#[test]
fn pictures_that_come_late_are_not_reported_as_lost() {
    let mut session = Session::of(8, ROOM, &[A, B], 1);
    let trembling = Link {
        jitter: Duration::from_millis(20),
        ..Link::good()
    };
    session.set_link(A, trembling);
    session.run(Duration::from_secs(20));
    session.set_link(A, Link::good());
    session.run(Duration::from_secs(3));

    let reports = session.peers[&A].reports.iter().rev();
    let mut blocks = reports
        .filter(|report| report[1] == RECEIVER_REPORT)
        .flat_map(|report| report[8..].chunks_exact(24));
    let last = blocks.find(|block| block[..4] == video_ssrc(A).0.to_be_bytes());
    // In all, since the beginning (RFC 3550 §6.4.1).
    assert_eq!(last.map(|block| &block[5..8]), Some(&[0, 0, 0][..]));
}

/// The packet type of a receiver report.
const RECEIVER_REPORT: u8 = 201;

#[test]
fn whatever_the_network_does_nothing_is_sent_twice_unasked_and_no_key_frame_storm_follows() {
    let losses = [
        Loss::None,
        Loss::Random(0.02),
        Loss::Random(0.2),
        Loss::Bursts {
            start: 0.01,
            end: 0.2,
        },
    ];
    for seed in seeds(24) {
        let link = Link {
            delay: Duration::from_millis([1, 20, 150, 300][(seed / 4) as usize % 4]),
            jitter: Duration::from_millis([0, 5, 40][seed as usize % 3]),
            loss: losses[seed as usize % 4],
            duplication: if seed % 2 == 0 { 0.05 } else { 0.0 },
            ..Link::good()
        };
        let mut session = Session::new(seed);
        session.is_unmeasured = true;

        let outcome = send(&mut session, [link, link], Duration::from_secs(10));

        let statistics = session.worker.statistics();
        assert!(
            statistics.retransmitted <= statistics.nacks_received,
            "seed {seed}: {statistics:?}"
        );
        let came = outcome.ages.len() as f64 / outcome.expected as f64;
        let least = match link.loss {
            Loss::None => 1.0,
            Loss::Random(share) if share < 0.1 => 0.995,
            _ => 0.93,
        };
        assert!(came >= least, "seed {seed} {link:?}: {came} came");
        let key_frames = session.sending(A).key_frames;
        assert!(
            key_frames <= 8,
            "seed {seed} {link:?}: {key_frames} key frames"
        );
    }
}

#[test]
fn numbers_wrap_without_a_trace() {
    for first in [65_000, 65_530, 0xFFFF_F000] {
        let mut session = Session::new(first);
        session.join(ROOM, A, 1, Link::good());
        session.join(ROOM, B, 1, Link::good());
        session.watch(B, 0, A);
        // Days of packets are behind the publisher: but SRTP's roll-over
        // counter starts with the session, so only the low bits are high.
        session.sending(A).first = first & 0xFFFF;
        session.connect();
        session.start_media(A);

        session.run(Duration::from_mins(1));

        let sent = session.sending(A).packets as usize;
        let video = session.peers[&B].received_on(slot_ssrc(B, video_slot(0)));
        assert!(video.len() >= sent - 3, "{} of {sent}", video.len());
        for pair in video.windows(2) {
            let step = pair[1]
                .sequence_number
                .wrapping_sub(pair[0].sequence_number);
            assert_eq!(step, 1);
        }
    }
}

#[test]
fn a_publisher_hears_what_was_lost_and_the_way_there_and_back_is_measured() {
    let mut session = Session::new(3);
    let link = lossy(40, Loss::Random(0.1));

    send(&mut session, [link, Link::good()], Duration::from_secs(20));

    let mut lost = 0;
    for report in &session.peers[&A].reports {
        rtcp::read(report, |item| {
            if let rtcp::Received::ReportBlock { fraction_lost, .. } = item {
                lost = lost.max(fraction_lost);
            }
        });
    }
    assert!((10..=80).contains(&lost), "{lost}/256 lost at the most");
    let statistics = session.worker.statistics();
    assert!(statistics.nacks_sent > 50, "{statistics:?}");
    assert!(statistics.packets_lost > 50, "{statistics:?}");
}

#[test]
fn a_packet_that_cannot_be_had_again_brings_a_key_frame_unasked() {
    let mut session = Session::of(5, ROOM, &[A, B], 1);
    session.run(Duration::from_secs(5));
    let before = session.sending(A).key_frames;
    // A number that nothing is sent under.
    session.sending(A).packets += 1;

    let mut key_frames = Vec::new();
    for _ in 0..10 {
        session.run(Duration::from_millis(500));
        key_frames.push(session.sending(A).key_frames - before);
    }

    assert_eq!(key_frames[0], 0);
    assert!(
        key_frames[2..].iter().all(|count| *count == 1),
        "{key_frames:?}"
    );
}

#[test]
fn where_much_is_lost_requests_and_repairs_go_out_twice() {
    let lossy = Link {
        delay: Duration::from_millis(30),
        loss: Loss::Random(0.1),
        ..Link::good()
    };
    for (links, downlink, uplink) in [
        ([Link::good(), lossy], true, false),
        ([lossy, Link::good()], false, true),
        (
            [Link {
                loss: Loss::Random(0.01),
                ..lossy
            }; 2],
            false,
            false,
        ),
    ] {
        let mut session = Session::new(7);
        let sent = send(&mut session, links, Duration::from_secs(20)).expected;

        let counted = session.worker.statistics();
        let asked = session.peers[&A].nacks as f64 / counted.nacks_sent.max(1) as f64;
        let repaired = counted.retransmitted as f64 / (sent as f64 / 10.0);
        println!("requests came {asked:.2} times, of a tenth {repaired:.2} was sent again");
        assert_eq!(asked > 1.4, uplink, "{asked}");
        assert_eq!(repaired > 1.6, downlink, "{repaired}");
    }
}
