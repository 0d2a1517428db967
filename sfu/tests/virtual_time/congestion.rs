//! Receivers behind narrow paths: what the worker sends them fits, and nobody
//! else notices.

use std::time::Duration;

use sfu::congestion::Bitrate;
use sfu::identity::{ParticipantId, RoomId, Source};
use sfu::quality::{Capacity, Cause, Level};
use sfu::rtcp;
use sfu::rtp::Ssrc;
use sfu::rtp::sequence::ExtendedSequence;
use sfu::worker::command::Command;
use sfu::worker::event::{Event, PauseReason};

use crate::distribution::{Bars, Distribution};
use crate::estimate::{narrow, shaped};
use crate::layered::{Layered, longest_freeze, shown};
use crate::link::{Link, Loss};
use crate::session::{
    LARGE, Session, audio_slot, audio_ssrc, seeds, seeds_and, slot_ssrc, video_slot,
};

const ROOM: RoomId = RoomId(1);
const A: ParticipantId = ParticipantId(1);
const B: ParticipantId = ParticipantId(2);
const C: ParticipantId = ParticipantId(3);

/// A publishes, and the receivers watch it, each over its own link.
fn session(seed: u64, receivers: &[(ParticipantId, Link)]) -> Session {
    let mut session = Session::new(seed);
    session.join(ROOM, A, 1, Link::good());
    for (id, link) in receivers {
        session.join(ROOM, *id, 1, *link);
        session.peer(*id).repairs_within = Some(2 * link.delay);
        session.watch(*id, 0, A);
    }
    session.connect();
    session.start_media(A);
    session
}

#[test]
fn what_a_receivers_path_takes_is_known_within_four_seconds() {
    for seed in seeds(3) {
        let mut session = session(seed, &[(B, narrow(1000, 100))]);

        session.run(Duration::from_secs(4));
        let after = session.now;
        let mut inside = 0;
        for _ in 0..200 {
            session.run(Duration::from_millis(100));
            let estimate = session.worker.estimate(session.now, B);
            let range = Bitrate::kilobits_per_second(800)..=Bitrate::kilobits_per_second(1050);
            inside += u32::from(estimate.is_some_and(|estimate| range.contains(&estimate)));
        }

        let (queue, lost) = session.down(B).queue(after);
        println!(
            "seed {seed}: {:.1} % of the time in 80 to 105 %, queue p95 {queue:?}, lost {lost}",
            f64::from(inside) / 2.0
        );
        assert!(inside >= 190, "seed {seed}: {inside}");
        assert!(queue < Duration::from_millis(150), "seed {seed}: {queue:?}");
        assert!(lost < 0.02, "seed {seed}: {lost}");
    }
}

#[test]
fn one_receiver_behind_a_narrow_path_costs_the_others_nothing() {
    let mut receivers: Vec<_> = (2..26)
        .map(|id| (ParticipantId(id), Link::good()))
        .collect();
    receivers[0].1 = narrow(300, 100);
    let mut session = session(5, &receivers);

    session.run(Duration::from_secs(10));

    let sent = session.sending(A).packets as usize;
    for (id, _) in &receivers[1..] {
        let video = session.peers[id].received_on(slot_ssrc(*id, video_slot(0)));
        assert!(video.len() + 6 >= sent, "{id}: {} of {sent}", video.len());
        let longest = video.windows(2).map(|pair| pair[1].at - pair[0].at).max();
        assert!(
            longest <= Some(Duration::from_millis(40)),
            "{id}: {longest:?}"
        );
        assert!(video.iter().all(|packet| !packet.is_repair));
    }
}

#[test]
fn a_large_key_frame_waits_in_the_pacer_and_sound_passes_it() {
    let mut session = session(1, &[(B, narrow(1500, 60))]);
    session.run(Duration::from_secs(6));
    session.sending(A).packets_a_frame = 30;
    let before = session.now;
    session.run(Duration::from_millis(34));
    session.sending(A).packets_a_frame = 3;

    session.run(Duration::from_secs(1));

    let (queue, lost) = session.down(B).queue(before);
    // All at once they would stand for 144 ms.
    println!("27,000 bytes at once: queue p95 {queue:?}");
    assert!(queue < Duration::from_millis(100), "{queue:?}");
    assert!(lost < f64::EPSILON);
    let audio = session.peers[&B].received_on(slot_ssrc(B, audio_slot(0)));
    let after = audio.iter().filter(|packet| packet.at > before);
    let times: Vec<_> = after.map(|packet| packet.at).collect();
    let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max();
    assert!(longest < Some(Duration::from_millis(100)), "{longest:?}");
}

#[test]
fn frames_to_a_receiver_with_a_wide_path_leave_at_once() {
    let mut session = session(1, &[(B, Link::good())]);
    session.run(Duration::from_secs(5));
    let estimate = session.worker.estimate(session.now, B);
    let before = session.peers[&B].received.len();

    session.run(Duration::from_secs(2));

    println!("estimate {estimate:?}");
    let video = slot_ssrc(B, video_slot(0));
    let mut frames = 0;
    let received = &session.peers[&B].received[before..];
    let packets: Vec<_> = received
        .iter()
        .filter(|packet| packet.ssrc == video)
        .collect();
    for frame in packets.chunk_by(|one, other| one.timestamp == other.timestamp) {
        frames += 1;
        assert!(frame.iter().all(|packet| packet.at == frame[0].at));
    }
    assert!(frames >= 58, "{frames}");
}

#[test]
fn a_receiver_without_feedback_is_not_paced_but_heeds_its_own_estimate() {
    let mut session = session(1, &[(B, Link::good())]);
    session.peer(B).feedback_every = None;
    session.run(Duration::from_secs(4));
    assert_eq!(session.worker.estimate(session.now, B), None);

    // REMB of 250 kbit/s for one source (draft-alvestrand-rmcat-remb-03).
    let mut remb = vec![0x8F, 206, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0];
    remb.extend(b"REMB");
    remb.extend([1, 0b0000_0100, 0xF4, 0x24, 0, 0, 0, 1]);
    remb[17] = 2 << 2;
    session.peer(B).send_rtcp(remb);
    session.run(Duration::from_millis(10));

    let estimate = session.worker.estimate(session.now, B);
    assert_eq!(estimate, Some(Bitrate::bits_per_second(0xF424 << 2)));
}

/// A has a camera in layers of some 180, 370 and 620 kbit/s, C a microphone;
/// B takes both over `link`.
fn layered_call(seed: u64, link: Link) -> (Session, Layered) {
    let mut session = Session::new(seed);
    let mut camera = Layered::join(&mut session, ROOM, A, &["q", "h", "f"]);
    camera.sizes = [300, 700, 1200];
    session.join(ROOM, B, 2, link);
    session.join(ROOM, C, 1, Link::good());
    session.peer(B).repairs_within = Some(2 * link.delay);
    session.watch(B, 0, A);
    session.command(Command::Assign {
        subscriber: B,
        slot: audio_slot(1),
        source: Some((C, Source::Microphone)),
    });
    session.connect();
    session.start_media(C);
    (session, camera)
}

/// The layer that B sees at the end of each tenth of a second; none if it
/// sees nothing.
fn layers_seen(session: &mut Session, camera: &mut Layered, tenths: u32) -> Vec<Option<u8>> {
    (0..tenths)
        .map(|_| {
            let before = session.peers[&B].received.len();
            camera.run(session, Duration::from_millis(100));
            let received = session.peers[&B].received[before..].iter();
            let video: Vec<_> = received
                .filter(|packet| packet.ssrc == slot_ssrc(B, video_slot(0)))
                .collect();
            shown(&video).last().map(|packet| packet.layer)
        })
        .collect()
}

#[test]
fn a_path_that_narrows_costs_sharpness_and_no_freeze_and_sharpness_comes_back() {
    for seed in seeds(3) {
        let (mut session, mut camera) = layered_call(seed, narrow(2000, 100));
        camera.run(&mut session, Duration::from_secs(10));
        let start = session.now;

        let wide = layers_seen(&mut session, &mut camera, 10);
        session.set_link(B, narrow(300, 100));
        let squeezed = layers_seen(&mut session, &mut camera, 200);
        session.set_link(B, narrow(2000, 100));
        let back = layers_seen(&mut session, &mut camera, 150);

        let received = &session.peers[&B].received;
        let times = |slot| -> Vec<_> {
            let packets = received.iter().filter(|packet| {
                packet.ssrc == slot_ssrc(B, slot) && packet.at > start && !packet.is_repair
            });
            packets.map(|packet| packet.at).collect()
        };
        let pictures = times(video_slot(0));
        let freeze = pictures.windows(2).map(|pair| pair[1] - pair[0]).max();
        let freeze = freeze.expect("pictures");
        let expected = (session.now - start).as_millis() as f64 / 20.0;
        let missing = 1.0 - times(audio_slot(1)).len() as f64 / expected;
        let up = back.iter().position(|layer| *layer == Some(2));
        println!(
            "seed {seed}: longest freeze {freeze:?}, audio missing {:.2} %, up after {:?} tenths",
            missing * 100.0,
            up
        );
        assert!(wide.iter().all(|layer| *layer == Some(2)), "{wide:?}");
        let settled = &squeezed[30..];
        assert!(
            settled.iter().all(|layer| *layer <= Some(0)),
            "{squeezed:?}"
        );
        assert!(freeze < Duration::from_secs(1), "seed {seed}: {freeze:?}");
        assert!(missing < 0.015, "seed {seed}: {missing}");
        assert!(
            up.is_some_and(|tenths| tenths < 100),
            "seed {seed}: {back:?}"
        );
    }
}

#[test]
fn a_camera_as_browsers_encode_it_hardly_stands_still_where_a_path_narrows() {
    let mut freezes = Distribution::of("longest freeze");
    let mut ups = Distribution::of("tenths of a second until the upper layer is back");
    for seed in seeds_and(6, &[9]) {
        let (mut session, mut camera) = layered_call(seed, shaped(2000, 100, 1600));
        camera.encode_as_browsers_do();
        camera.run(&mut session, Duration::from_secs(15));
        let wide = layers_seen(&mut session, &mut camera, 10);
        let start = session.now;
        session.set_link(B, shaped(300, 100, 1600));
        camera.run(&mut session, Duration::from_secs(12));
        session.set_link(B, shaped(2000, 100, 1600));
        let back = layers_seen(&mut session, &mut camera, 150);

        let received = &session.peers[&B].received;
        let of = |slot| -> Vec<_> {
            let packets = received.iter();
            packets
                .filter(|packet| packet.ssrc == slot_ssrc(B, slot) && packet.at > start)
                .collect()
        };
        let (since, freeze) = longest_freeze(&of(video_slot(0)));
        let expected = (session.now - start).as_millis() as f64 / 20.0;
        let missing = 1.0 - of(audio_slot(1)).len() as f64 / expected;
        let up = back.iter().position(|layer| *layer == Some(2));
        let estimate = session.worker.estimate(session.now, B);
        println!(
            "seed {seed}: longest freeze {freeze:?} from {:?} on, sound missing {:.2} %, \
             the upper layer back after {up:?} tenths, {estimate:?}",
            since - start,
            missing * 100.0,
        );
        assert!(wide.iter().all(|layer| *layer == Some(2)), "{wide:?}");
        assert!(missing < 0.015, "seed {seed}: {missing}");
        freezes.note(seed, freeze);
        ups.note(seed, up.unwrap_or(usize::MAX));
    }
    freezes.assert_at_most(Bars {
        median: Duration::from_millis(200),
        nearly_all: Duration::from_millis(400),
        worst: Duration::from_secs(1),
    });
    ups.assert_at_most(Bars::all(99));
}

#[test]
fn the_best_layer_that_fits_is_chosen_within_four_seconds_and_stays() {
    for seed in seeds(3) {
        let (mut session, mut camera) = layered_call(seed, narrow(600, 100));
        camera.run(&mut session, Duration::from_secs(4));

        let layers = layers_seen(&mut session, &mut camera, 300);

        let changes = layers.windows(2).filter(|pair| pair[0] != pair[1]).count();
        let fitting = layers.iter().filter(|layer| **layer == Some(1)).count();
        println!("seed {seed}: {fitting} of 300 tenths on the middle layer, {changes} changes");
        assert!(fitting >= 270, "seed {seed}: {layers:?}");
        assert!(changes <= 4, "seed {seed}: {layers:?}");
    }
}

#[test]
fn a_least_layer_that_does_not_fit_loses_frames_before_it_is_paused() {
    for seed in seeds(3) {
        let (mut session, mut camera) = layered_call(seed, narrow(210, 100));
        camera.has_temporal_layers = true;
        camera.run(&mut session, Duration::from_secs(10));
        let before = session.peers[&B].received.len();

        camera.run(&mut session, Duration::from_secs(20));

        let received = session.peers[&B].received[before..].iter();
        let video: Vec<_> = received
            .filter(|packet| packet.ssrc == slot_ssrc(B, video_slot(0)) && !packet.is_repair)
            .collect();
        let longest = video.windows(2).map(|pair| pair[1].at - pair[0].at).max();
        let seen = shown(&video);
        let top = seen.iter().filter(|packet| packet.temporal == 2).count();
        println!(
            "seed {seed}: {} packets, {top} of the top temporal layer, longest freeze {longest:?}",
            seen.len()
        );
        assert!(seen.iter().all(|packet| packet.layer == 0));
        assert!(top * 5 < seen.len(), "seed {seed}: {top}");
        assert!(longest < Some(Duration::from_millis(400)), "{longest:?}");
    }
}

#[test]
fn a_picture_that_does_not_fit_is_paused_with_its_reason_and_sound_goes_on() {
    let (mut session, mut camera) = layered_call(1, narrow(120, 100));
    camera.run(&mut session, Duration::from_secs(10));

    let paused = layers_seen(&mut session, &mut camera, 50);
    let before = session.peers[&B]
        .received_on(slot_ssrc(B, audio_slot(1)))
        .len();
    session.set_link(B, narrow(2000, 100));
    let back = layers_seen(&mut session, &mut camera, 200);

    assert!(paused.iter().all(Option::is_none), "{paused:?}");
    assert!(before >= 600, "{before} packets of sound");
    assert_eq!(back.last(), Some(&Some(2)), "{back:?}");
    let told: Vec<_> = session
        .events
        .iter()
        .filter(|event| matches!(event, Event::Paused { .. } | Event::Resumed { .. }))
        .collect();
    let [
        Event::Paused { reason, source, .. },
        ..,
        Event::Resumed { .. },
    ] = told[..]
    else {
        panic!("{told:?}");
    };
    assert_eq!(*reason, PauseReason::SlowConnection);
    let ratings: Vec<_> = session
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Rated {
                participant,
                rating,
            } => Some((*participant, rating.level, rating.cause)),
            _ => None,
        })
        .collect();
    assert!(
        ratings.contains(&(B, Level::Poor, Some(Cause::SlowDownlink))),
        "{ratings:?}"
    );
    assert_eq!(ratings.last(), Some(&(B, Level::Good, None)));
    assert!(ratings.iter().all(|(id, ..)| *id == B), "{ratings:?}");
    assert_eq!(*source, Source::Camera);
    assert!(told.len() <= 4, "{told:?}");
}

#[test]
fn who_is_left_with_sound_alone_hears_of_it_once_and_gets_pictures_back() {
    for seed in seeds(3) {
        let (mut session, mut camera) = layered_call(seed, narrow(120, 100));
        camera.run(&mut session, Duration::from_secs(8));
        assert_eq!(audio_only(&session), [true], "seed {seed}");

        // Now and then a picture would fit, but not for long.
        for _ in 0..4 {
            session.set_link(B, narrow(160, 100));
            camera.run(&mut session, Duration::from_secs(2));
            session.set_link(B, narrow(100, 100));
            let seen = layers_seen(&mut session, &mut camera, 40);
            assert!(seen.iter().all(Option::is_none), "seed {seed}: {seen:?}");
        }
        assert_eq!(audio_only(&session), [true], "seed {seed}");
        session.set_link(B, narrow(2000, 100));
        let back = layers_seen(&mut session, &mut camera, 200);

        let first = back.iter().position(Option::is_some);
        println!("seed {seed}: pictures back after {first:?} tenths");
        assert_eq!(audio_only(&session), [true, false], "seed {seed}");
        assert!(first.is_some_and(|tenths| tenths < 120), "seed {seed}");
        assert_eq!(back.last(), Some(&Some(2)), "seed {seed}: {back:?}");
    }
}

/// What B was told of pictures as a whole.
fn audio_only(session: &Session) -> Vec<bool> {
    let events = session.events.iter();
    events
        .filter_map(|event| match event {
            Event::AudioOnly {
                participant,
                is_audio_only,
            } => {
                assert_eq!(*participant, B);
                Some(*is_audio_only)
            }
            _ => None,
        })
        .collect()
}

#[test]
fn a_slow_uplink_is_named_as_the_cause_by_its_owners_word() {
    let (mut session, mut camera) = layered_call(1, Link::good());
    camera.run(&mut session, Duration::from_secs(3));
    for capacity in [Capacity::Paused, Capacity::All] {
        session.command(Command::RateUplink {
            participant: C,
            capacity,
        });
        camera.run(&mut session, Duration::from_secs(12));
    }

    let of_c = |event: &Event| match event {
        Event::Rated {
            participant,
            rating,
        } if *participant == C => Some((rating.level, rating.cause)),
        _ => None,
    };
    let ratings: Vec<_> = session.events.iter().filter_map(of_c).collect();
    let expected = [(Level::Poor, Some(Cause::SlowUplink)), (Level::Good, None)];
    assert_eq!(ratings, expected);
}

#[test]
fn a_picture_comes_back_when_the_path_widens_though_nobody_is_heard() {
    for seed in seeds(3) {
        let (mut session, mut camera) = layered_call(seed, narrow(120, 100));
        session.sending(C).is_on = false;
        camera.run(&mut session, Duration::from_secs(15));
        let paused = layers_seen(&mut session, &mut camera, 50);

        session.set_link(B, narrow(2000, 100));
        let back = layers_seen(&mut session, &mut camera, 200);

        assert!(paused.iter().all(Option::is_none), "{seed}: {paused:?}");
        assert_eq!(back.last(), Some(&Some(2)), "{seed}: {back:?}");
    }
}

#[test]
fn a_picture_hidden_as_the_path_dropped_out_is_there_soon_after_it_is_shown() {
    let (mut session, mut camera) = layered_call(1, narrow(1000, 100));
    session.sending(C).is_on = false;
    camera.run(&mut session, Duration::from_secs(8));
    let mut dead = narrow(1000, 100);
    dead.loss = Loss::Random(1.0);
    session.set_link(B, dead);
    camera.run(&mut session, Duration::from_millis(300));
    session.show(B, 0, None);
    session.set_link(B, narrow(1000, 100));
    camera.run(&mut session, Duration::from_secs(15));

    session.show(B, 0, Some(LARGE));
    let back = layers_seen(&mut session, &mut camera, 30);

    assert!(back[10..].iter().all(Option::is_some), "{back:?}");
}

#[test]
fn a_dead_path_is_rated_poor_and_a_live_one_good_again() {
    let mut session = session(1, &[(B, Link::good()), (C, Link::good())]);
    session.run(Duration::from_secs(3));
    session.events.clear();
    session.peer(B).is_gone = true;
    session.run(Duration::from_secs(8));
    let rated = |session: &Session| -> Vec<_> {
        let events = session.events.iter();
        let ratings = events.filter_map(|event| match event {
            Event::Rated {
                participant,
                rating,
            } => Some((*participant, rating.level)),
            _ => None,
        });
        ratings.collect()
    };
    assert_eq!(rated(&session).last(), Some(&(B, Level::Poor)));

    session.peer(B).is_gone = false;
    session.run(Duration::from_secs(20));

    assert_eq!(rated(&session).last(), Some(&(B, Level::Good)));
    assert!(rated(&session).iter().all(|(id, _)| *id == B));
}

#[test]
fn a_long_way_is_no_more_told_of_when_nothing_measures_it() {
    let mut slow = Link::good();
    slow.delay = Duration::from_millis(450);
    let mut session = session(1, &[(B, slow)]);
    session.run(Duration::from_secs(10));
    let last = |session: &Session| {
        let events = session.events.iter().rev();
        let mut ratings = events.filter_map(|event| match event {
            Event::Rated {
                participant: B,
                rating,
            } => Some((rating.level, rating.cause)),
            _ => None,
        });
        ratings.next()
    };
    assert_eq!(last(&session), Some((Level::Poor, Some(Cause::Delay))));

    session.leave(A);
    session.run(Duration::from_secs(1));
    session.peer(B).forget_reports();
    session.run(Duration::from_secs(25));

    assert_eq!(last(&session), Some((Level::Good, None)));
}

#[test]
fn a_picture_that_is_hidden_is_not_called_paused_until_it_is_shown_again() {
    let (mut session, mut camera) = layered_call(1, narrow(120, 100));
    session.show(B, 0, None);
    camera.run(&mut session, Duration::from_secs(10));
    let news = |session: &mut Session| std::mem::take(&mut session.events);
    let while_hidden = news(&mut session);
    session.show(B, 0, Some(LARGE));
    camera.run(&mut session, Duration::from_secs(2));
    let shown = news(&mut session);
    session.command(Command::Assign {
        subscriber: B,
        slot: video_slot(0),
        source: None,
    });
    let taken_out = news(&mut session);

    let is_told = |events: &[Event]| {
        events
            .iter()
            .any(|event| matches!(event, Event::Paused { .. }))
    };
    assert!(!is_told(&while_hidden), "{while_hidden:?}");
    assert!(is_told(&shown), "{shown:?}");
    assert!(
        matches!(taken_out[..], [Event::Resumed { publisher: A, .. }]),
        "{taken_out:?}"
    );
}

#[test]
fn voices_that_are_withheld_take_nothing_from_pictures() {
    let mut session = Session::new(1);
    let mut camera = Layered::join(&mut session, ROOM, A, &["q", "h", "f"]);
    camera.sizes = [300, 700, 1200];
    session.join(ROOM, B, 31, narrow(1000, 100));
    session.watch(B, 0, A);
    for id in (3..33).map(ParticipantId) {
        session.join(ROOM, id, 1, Link::good());
        session.peer(id).audio_level = 127;
        session.sending(id).packets_a_frame = 0;
        let pair = u16::try_from(id.0 - 2).expect("few");
        session.watch(B, pair, id);
    }
    session.connect();
    for id in (3..33).map(ParticipantId) {
        session.start_media(id);
    }
    camera.run(&mut session, Duration::from_secs(6));

    // Ten are heard, some 590 kbit/s; all thirty would be beyond the path.
    let layers = layers_seen(&mut session, &mut camera, 50);

    let seen = layers.iter().filter(|layer| layer.is_some()).count();
    assert!(seen >= 45, "{layers:?}");
}

#[test]
fn a_paused_picture_that_is_taken_away_is_no_more_called_paused() {
    let (mut session, mut camera) = layered_call(1, narrow(120, 100));
    camera.run(&mut session, Duration::from_secs(10));
    session.events.clear();
    let mut media = crate::session::media(A, 1);
    media.publications.retain(|of| of.source != Source::Camera);
    session.command(Command::Negotiate {
        participant: A,
        media,
    });

    session.run(Duration::from_secs(1));

    let resumed = session
        .events
        .iter()
        .filter(|event| matches!(event, Event::Resumed { publisher: A, .. }));
    assert_eq!(resumed.count(), 1);
}

#[test]
fn an_upper_layer_that_comes_back_is_not_tried_where_it_does_not_fit() {
    for seed in seeds(3) {
        let (mut session, mut camera) = layered_call(seed, narrow(600, 100));
        camera.sizes = [300, 700, 1300];
        camera.run(&mut session, Duration::from_secs(10));
        let start = session.now;
        let mut layers = Vec::new();
        for round in 0..6 {
            if round % 2 == 0 {
                camera.layers[2].is_on = false;
                layers.extend(layers_seen(&mut session, &mut camera, 40));
                camera.layers[2].is_on = true;
            } else {
                // The whole camera is off.
                session.run(Duration::from_secs(15));
            }
            layers.extend(layers_seen(&mut session, &mut camera, 40));
        }

        let upper = layers.iter().filter(|layer| **layer == Some(2)).count();
        let seen = layers.iter().filter(|layer| layer.is_some()).count();
        let (queue, lost) = session.down(B).queue(start);
        println!("seed {seed}: upper {upper} of {seen} tenths, queue p95 {queue:?}, lost {lost}");
        assert_eq!(upper, 0, "seed {seed}: {layers:?}");
        assert!(seen >= layers.len() * 9 / 10, "seed {seed}: {layers:?}");
        assert!(queue < Duration::from_millis(150), "seed {seed}: {queue:?}");
    }
}

#[test]
fn a_middle_tile_stays_as_sharp_when_the_largest_layer_stalls() {
    let (mut session, mut camera) = layered_call(1, Link::good());
    session.show(B, 0, Some((711, 400)));
    camera.run(&mut session, Duration::from_secs(3));
    camera.layers[2].is_on = false;

    let layers = layers_seen(&mut session, &mut camera, 50);

    assert_eq!(layers, [Some(1); 50]);
}

#[test]
fn how_a_picture_is_shown_decides_its_layer() {
    let (mut session, mut camera) = layered_call(1, Link::good());
    camera.run(&mut session, Duration::from_secs(3));
    let mut see = |shown: Option<(u16, u16)>| {
        session.show(B, 0, shown);
        camera.run(&mut session, Duration::from_secs(1));
        layers_seen(&mut session, &mut camera, 3)
    };

    assert_eq!(see(Some((320, 180))), [Some(0); 3]);
    assert_eq!(see(Some((640, 360))), [Some(1); 3]);
    assert_eq!(see(None), [None; 3]);
    assert_eq!(see(Some((1920, 1080))), [Some(2); 3]);
    assert!(
        !session
            .events
            .iter()
            .any(|event| matches!(event, Event::Paused { .. }))
    );
}

#[test]
fn a_speaker_hears_of_twice_the_worst_receivers_loss_but_of_no_more_than_a_fifth() {
    for (lost, least, most) in [(0, 0, 0), (13, 26, 26), (26, 51, 51), (255, 51, 51)] {
        let mut session = session(1, &[(B, Link::good()), (C, Link::good())]);
        session.run(Duration::from_secs(2));
        session.peer(A).reports.clear();
        let figures = rtcp::Figures {
            fraction_lost: lost,
            lost_since_last: 0,
            expected_since_last: 0,
            total_lost: 0,
            highest: ExtendedSequence(1),
            jitter: 0,
        };
        let block = rtcp::ReportBlock::new(slot_ssrc(B, audio_slot(0)), figures, None);
        let report = rtcp::receiver_report(Ssrc(1), &[block]);
        session.peer(B).send_rtcp(report);

        session.run(Duration::from_millis(1100));

        let mut heard = Vec::new();
        for report in &session.peers[&A].reports {
            rtcp::read(report, |item| {
                if let rtcp::Received::ReportBlock {
                    ssrc,
                    fraction_lost,
                    ..
                } = item
                {
                    let expected = if ssrc == audio_ssrc(A) {
                        fraction_lost
                    } else {
                        0
                    };
                    assert_eq!(fraction_lost, expected, "pictures are repaired");
                    heard.push(fraction_lost);
                }
            });
        }
        let worst = heard.into_iter().max();
        assert!(
            worst.is_some_and(|worst| (least..=most).contains(&worst)),
            "{worst:?}"
        );
    }
}

#[test]
fn pictures_do_not_wait_for_a_probe_that_is_being_sent() {
    let mut session = session(1, &[(B, Link::good())]);

    session.run(Duration::from_secs(10));

    let peer = &session.peers[&B];
    assert!(peer.probes >= 20, "{} packets of probes", peer.probes);
    let video = peer.received_on(slot_ssrc(B, video_slot(0)));
    let gaps = video.windows(2).map(|pair| pair[1].at - pair[0].at);
    // Thirty pictures a second.
    let longest = gaps.max().expect("pictures");
    assert!(longest <= Duration::from_millis(34), "{longest:?}");
}
