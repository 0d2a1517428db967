//! Each receiver gets one of a camera's layers: the best it wants of those
//! that are there, and none before a picture it can start with.

use std::time::Duration;

use sfu::identity::{ParticipantId, RoomId};
use sfu::rtp::header::Outgoing;
use sfu::rtp::sequence::ExtendedSequence;
use sfu::rtp::{PayloadType, Timestamp};

use crate::layered::{Layered, Shown, layer_ssrc, send, shown};
use crate::link::{Link, Loss};
use crate::peer::{MID_ID, STREAM_ID};
use crate::session::{Session, VIDEO_PT, slot_ssrc, video_slot};

const ROOM: RoomId = RoomId(1);
const A: ParticipantId = ParticipantId(1);
const B: ParticipantId = ParticipantId(2);
const C: ParticipantId = ParticipantId(3);
const NAMES: [&str; 3] = ["q", "h", "f"];

/// A with a camera in three layers; B and C watch.
fn call() -> (Session, Layered) {
    let mut session = Session::new(1);
    let camera = Layered::join(&mut session, ROOM, A, &NAMES);
    for id in [B, C] {
        session.join(ROOM, id, 1, Link::good());
        session.watch(id, 0, A);
    }
    session.connect();
    (session, camera)
}

fn seen(session: &Session, id: ParticipantId) -> Vec<Shown> {
    shown(&session.peers[&id].received_on(slot_ssrc(id, video_slot(0))))
}

/// What came to a receiver since `before` packets.
fn seen_after(session: &Session, id: ParticipantId, before: usize) -> Vec<Shown> {
    seen(session, id).split_off(before)
}

/// Numbers and timestamps go on, and each layer begins with a key frame.
fn assert_unbroken(packets: &[Shown]) {
    for pair in packets.windows(2) {
        let [before, after] = pair else { continue };
        assert_eq!(
            after.sequence_number,
            before.sequence_number.wrapping_add(1),
            "{before:?} {after:?}"
        );
        let is_same = (before.layer, before.picture) == (after.layer, after.picture);
        let ticks = after.timestamp.since(before.timestamp).cast_signed();
        assert_eq!(ticks == 0, is_same, "{before:?} {after:?}");
        assert!(ticks >= 0, "{before:?} {after:?}");
        let ids = after.picture_id.wrapping_sub(before.picture_id) & 0x7FFF;
        assert_eq!(ids, u16::from(!is_same), "{before:?} {after:?}");
        let bases = after.base_layer_index.wrapping_sub(before.base_layer_index);
        assert_eq!(bases, u8::from(!is_same), "{before:?} {after:?}");
        if before.layer != after.layer {
            assert!(after.is_key && after.part == 0, "{before:?} {after:?}");
        }
    }
}

fn layers_of(packets: &[Shown]) -> Vec<u8> {
    let mut layers: Vec<_> = packets.iter().map(|packet| packet.layer).collect();
    layers.dedup();
    layers
}

#[test]
fn without_a_limit_the_highest_layer_is_sent() {
    let (mut session, mut camera) = call();

    camera.run(&mut session, Duration::from_secs(2));

    let packets = seen(&session, B);
    assert_unbroken(&packets);
    assert!(packets[0].is_key);
    assert_eq!(layers_of(&packets), [0, 1, 2]);
    let highest = packets.iter().filter(|packet| packet.layer == 2).count();
    assert!(highest >= 110, "{highest} packets");
}

#[test]
fn each_receiver_has_the_layer_it_wants() {
    let (mut session, mut camera) = call();
    session.limit(B, 0, 9);
    session.limit(C, 1, 9);

    camera.run(&mut session, Duration::from_secs(2));

    assert_eq!(layers_of(&seen(&session, B)), [0]);
    assert_eq!(layers_of(&seen(&session, C)), [0, 1]);
    let statistics = session.worker.statistics();
    assert!(statistics.layers[2].received > 100);
    assert_eq!(statistics.layers[2].sent, 0);
    assert!(statistics.layers[1].sent > 100);
}

#[test]
fn it_goes_down_at_once_and_up_again_at_a_key_frame_only() {
    let (mut session, mut camera) = call();
    camera.run(&mut session, Duration::from_secs(1));
    let before = seen(&session, B).len();

    session.limit(B, 0, 9);
    camera.run(&mut session, Duration::from_millis(300));
    let down = seen_after(&session, B, before);
    let first = down.iter().position(|packet| packet.layer == 0);
    assert!(first.is_some_and(|at| at <= 6), "{first:?}");
    session.limit(B, 9, 9);
    camera.run(&mut session, Duration::from_millis(300));

    let packets = seen(&session, B);
    assert_unbroken(&packets);
    let layers = layers_of(&packets[before..]);
    assert!(layers.ends_with(&[0, 2]), "{layers:?}");
    assert_eq!(layers_of(&seen(&session, C)), [0, 1, 2]);
    let statistics = session.worker.statistics();
    assert_eq!((statistics.switched_up, statistics.switched_down), (5, 1));
}

#[test]
fn an_upper_layer_does_not_go_on_for_long_when_the_lower_has_no_key_frame() {
    let (mut session, mut camera) = call();
    camera.run(&mut session, Duration::from_secs(1));
    let before = seen(&session, B).len();

    camera.layers[0].lost_key_frames = 3;
    session.limit(B, 0, 9);
    camera.run(&mut session, Duration::from_millis(1500));

    let packets = seen(&session, B);
    assert_unbroken(&packets);
    let after = &packets[before..];
    assert_eq!(layers_of(after), [2, 0]);
    let upper = after.iter().filter(|packet| packet.layer == 2).count();
    assert!((12..=18).contains(&upper), "{upper} packets");
}

#[test]
fn a_layer_that_stalls_is_left_and_taken_again_when_it_is_back() {
    let (mut session, mut camera) = call();
    camera.run(&mut session, Duration::from_secs(1));
    let before = seen(&session, B).len();

    camera.layers[2].is_on = false;
    camera.run(&mut session, Duration::from_secs(1));
    let without = seen_after(&session, B, before);
    camera.layers[2].is_on = true;
    camera.run(&mut session, Duration::from_secs(1));

    assert_eq!(layers_of(&without), [1]);
    // A stall shows after 350 ms, at the next look 70 ms later at most, and the
    // key frame comes with the next picture of two packets.
    assert!(without.len() >= 30, "{} packets", without.len());
    let packets = seen(&session, B);
    assert_unbroken(&packets);
    assert_eq!(layers_of(&packets[before..]), [1, 2]);
    let last = packets.last().expect("pictures").picture;
    assert!(last >= 85, "{last}");
}

#[test]
fn what_comes_late_of_a_layer_that_stalls_does_not_keep_it() {
    let (mut session, mut camera) = call();
    camera.run(&mut session, Duration::from_secs(1));
    let before = seen(&session, B).len();

    let mut late = camera.layers[2].sequence..;
    camera.layers[2].sequence += 40;
    camera.run(&mut session, Duration::from_millis(33));
    camera.layers[2].is_on = false;
    for _ in 0..30 {
        camera.run(&mut session, Duration::from_millis(33));
        let sequence = ExtendedSequence(late.next().expect("numbers go on"));
        send_late(&mut session, sequence);
    }

    let lower = seen_after(&session, B, before);
    let lower = lower.iter().filter(|packet| packet.layer == 1).count();
    assert!(lower >= 30, "{lower} packets");
}

#[test]
fn of_a_layer_that_nobody_takes_nothing_is_asked_for_again() {
    let (mut session, mut camera) = call();
    session.limit(B, 0, 9);
    session.limit(C, 0, 9);
    camera.run(&mut session, Duration::from_secs(1));

    for layer in &mut camera.layers {
        layer.sequence += 5;
    }
    camera.run(&mut session, Duration::from_millis(200));

    let asked = &session.peers[&A].nacks_on;
    let asked = [0, 1, 2].map(|layer| asked.get(&layer_ssrc(A, layer)).copied().unwrap_or(0));
    assert!(asked[0] >= 5, "{asked:?}");
    assert_eq!(asked[1..], [0, 0]);
}

#[test]
fn where_little_comes_and_most_is_lost_little_is_asked_for() {
    let asked = |session: &Session| {
        let asked = &session.peers[&A].nacks_on;
        asked.get(&layer_ssrc(A, 2)).copied().unwrap_or(0)
    };
    let (mut session, mut camera) = call();
    camera.run(&mut session, Duration::from_secs(10));

    camera.layers[2].sequence += 100;
    camera.run(&mut session, Duration::from_millis(34));
    assert!(asked(&session) >= 100, "{}", asked(&session));
    camera.run(&mut session, Duration::from_secs(2));

    let before = asked(&session);
    camera.interval = 165;
    for _ in 0..6 {
        camera.layers[2].sequence += 20;
        camera.run(&mut session, Duration::from_millis(165));
    }
    let then = asked(&session) - before;
    assert!((12..=150).contains(&then), "{then}");
}

/// Sends a packet of A's highest layer with the number of one that is missing.
fn send_late(session: &mut Session, sequence: ExtendedSequence) {
    let header = Outgoing {
        marker: true,
        payload_type: VIDEO_PT,
        sequence_number: sequence.number(),
        timestamp: Timestamp(0x3000_0000),
        ssrc: layer_ssrc(A, 2),
        has_extensions: true,
        has_padding: false,
    };
    let payload = [
        0x80, 0xE0, 0x80, 0, 0, 0, 1, b'L', 2, 0, 0, 0, 0, 0, 0, 0x55,
    ];
    let names: [(u8, &[u8]); 2] = [(MID_ID, b"1"), (STREAM_ID, b"f")];
    send(session, A, header, sequence, &names, &payload);
}

#[test]
fn a_camera_that_pauses_keeps_its_layers() {
    let (mut session, mut camera) = call();
    camera.run(&mut session, Duration::from_secs(1));
    session.run(Duration::from_secs(3));
    let before = seen(&session, B).len();

    camera.run(&mut session, Duration::from_secs(1));

    let packets = seen(&session, B);
    assert_unbroken(&packets);
    assert_eq!(layers_of(&packets[before..]), [2]);
    assert_eq!(session.worker.statistics().switched_down, 0);
}

#[test]
fn a_key_frame_lost_at_a_switch_is_waited_for_on_the_layer_before() {
    let (mut session, mut camera) = call();
    session.limit(B, 0, 9);
    camera.run(&mut session, Duration::from_secs(1));
    let before = seen(&session, B).len();

    camera.layers[2].lost_key_frames = 2;
    session.limit(B, 2, 9);
    camera.run(&mut session, Duration::from_millis(1500));

    let packets = seen(&session, B);
    assert_unbroken(&packets);
    let after = &packets[before..];
    assert_eq!(layers_of(after), [0, 2]);
    let waited = after.iter().filter(|packet| packet.layer == 0).count();
    assert!(waited >= 30, "{waited} packets of the layer before");
}

#[test]
fn numbers_wrap_on_every_layer_without_a_trace() {
    let (mut session, mut camera) = call();
    for (at, layer) in (0..).zip(&mut camera.layers) {
        layer.sequence = 65_536 - 40 - 10 * at;
        layer.clock = u32::MAX - 100_000;
        layer.picture_id = 0x7FFF - 20;
    }
    for step in 0..30 {
        session.limit(B, step % 3, 9);
        // More key frames a second would not be asked for.
        let pause = if step < 5 { 150 } else { 1050 };
        camera.run(&mut session, Duration::from_millis(pause));
    }

    let packets = seen(&session, B);
    assert_unbroken(&packets);
    assert!(layers_of(&packets).len() > 20, "{:?}", layers_of(&packets));
}

#[test]
fn sender_reports_relate_the_layers_clocks() {
    for has_reports in [true, false] {
        let (mut session, mut camera) = call();
        camera.has_reports = has_reports;
        session.limit(B, 0, 9);
        camera.run(&mut session, Duration::from_millis(800));
        for step in 1..10 {
            session.limit(B, step % 3, 9);
            camera.run(&mut session, Duration::from_millis(200));
        }

        let packets = seen(&session, B);
        assert_unbroken(&packets);
        let (first, last) = (packets[60], packets[packets.len() - 1]);
        let pictures = last.picture - first.picture;
        let drift =
            last.timestamp.since(first.timestamp).cast_signed() - pictures.cast_signed() * 2970;
        // Without reports, arrival tells them to some milliseconds.
        let bound = if has_reports { 20 } else { 30_000 };
        assert!(drift.abs() <= bound, "{drift} ticks, {has_reports}");
    }
}

#[test]
fn a_layer_whose_clock_lies_moves_nobodys_picture_far() {
    let (mut session, mut camera) = call();
    session.limit(B, 0, 9);
    camera.run(&mut session, Duration::from_millis(800));
    let figures = sfu::rtcp::SentFigures {
        ssrc: layer_ssrc(A, 2),
        ntp: 1 << 60,
        timestamp: Timestamp(77),
        packets: 0,
        octets: 0,
    };
    camera.has_reports = false;
    session
        .peer(A)
        .send_rtcp(sfu::rtcp::sender_report(&figures, "peer"));
    session.limit(B, 2, 9);

    camera.run(&mut session, Duration::from_millis(500));

    let packets = seen(&session, B);
    assert_eq!(layers_of(&packets), [0, 2]);
    assert_unbroken(&packets);
    for pair in packets.windows(2) {
        assert!(pair[1].timestamp.since(pair[0].timestamp) < 20_000);
    }
}

#[test]
fn a_stream_under_a_name_that_was_not_negotiated_is_dropped() {
    let (mut session, mut camera) = call();
    camera.run(&mut session, Duration::from_millis(200));
    let before = session.worker.footprint().streams;
    for (at, name) in ["x", "", "qq", "q"].into_iter().enumerate() {
        let header = Outgoing {
            marker: true,
            payload_type: if at == 0 { VIDEO_PT } else { PayloadType(96) },
            sequence_number: 1,
            timestamp: Timestamp(1),
            ssrc: layer_ssrc(A, 100 + at as u8),
            has_extensions: true,
            has_padding: false,
        };
        let names: [(u8, &[u8]); 2] = [(MID_ID, b"1"), (STREAM_ID, name.as_bytes())];
        send(
            &mut session,
            A,
            header,
            ExtendedSequence(1),
            &names,
            &[0x10, 0, 1],
        );
    }

    assert_eq!(session.worker.footprint().streams, before);
    assert_eq!(session.worker.statistics().dropped.unknown_source, 4);
}

#[test]
fn losses_on_the_way_and_changes_of_mind_never_break_the_numbers() {
    for seed in crate::session::seeds(6) {
        let mut session = Session::new(seed);
        let mut camera = Layered::join(&mut session, ROOM, A, &NAMES);
        session.join(ROOM, B, 1, Link::good());
        session.watch(B, 0, A);
        session.connect();
        session.set_link(
            B,
            Link {
                loss: Loss::Random(0.05),
                jitter: Duration::from_millis(10),
                ..Link::good()
            },
        );
        for _ in 0..40 {
            let spatial = session.random.next() % 4;
            session.limit(B, spatial as u8, 9);
            let at = (session.random.next() % 3) as usize;
            camera.layers[at].is_on = session.random.happens(0.7);
            let pause = session.random.next() % 300;
            camera.run(&mut session, Duration::from_millis(pause));
        }
        for layer in &mut camera.layers {
            layer.is_on = true;
        }
        session.set_link(B, Link::good());
        session.limit(B, 2, 9);
        // Until the path is trusted again.
        camera.run(&mut session, Duration::from_secs(20));
        let before = seen(&session, B).len();

        // The session itself asserts that no number is sent twice.
        camera.run(&mut session, Duration::from_secs(1));

        let after = seen_after(&session, B, before);
        assert_eq!(layers_of(&after), [2], "seed {seed}");
        assert_unbroken(&after);
    }
}

#[test]
fn nothing_is_left_of_layers_when_their_publisher_goes() {
    let (mut session, mut camera) = call();
    camera.run(&mut session, Duration::from_millis(500));
    session.limit(B, 0, 9);

    session.leave(A);
    session.run(Duration::from_millis(50));

    let footprint = session.worker.footprint();
    assert_eq!((footprint.streams, footprint.subscriptions), (0, 0));
}
