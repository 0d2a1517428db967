//! Offers after the first: streams and slots come, go and change places.

use std::time::Duration;

use sfu::identity::{ParticipantId, RoomId, Source};
use sfu::rtp::sequence::ExtendedSequence;
use sfu::rtp::{PayloadType, Timestamp};
use sfu::worker::command::{Command, MediaParameters};

use crate::link::Link;
use crate::session::{Session, VIDEO_PT, media, slot_ssrc, video_slot, video_ssrc};

const ROOM: RoomId = RoomId(1);
const A: ParticipantId = ParticipantId(1);
const B: ParticipantId = ParticipantId(2);

fn in_a_call(first: u64) -> Session {
    let mut session = Session::new(1);
    for id in [A, B] {
        session.join(ROOM, id, 2, Link::good());
    }
    session.sending(A).first = first;
    session.watch(B, 0, A);
    session.connect();
    session.start_media(A);
    session.run(Duration::from_secs(2));
    session
}

fn negotiate(session: &mut Session, id: ParticipantId, change: impl Fn(&mut MediaParameters)) {
    let mut media = media(id, 2);
    change(&mut media);
    session.command(Command::Negotiate {
        participant: id,
        media,
    });
}

fn without_camera(media: &mut MediaParameters) {
    media.publications.retain(|of| of.source != Source::Camera);
}

fn seen(session: &Session) -> usize {
    session.peers[&B]
        .received_on(slot_ssrc(B, video_slot(0)))
        .len()
}

#[test]
fn a_camera_that_comes_back_after_its_numbers_wrapped_is_seen_again() {
    let mut session = in_a_call(65_500);
    negotiate(&mut session, A, without_camera);
    session.run(Duration::from_millis(500));
    let before = seen(&session);

    negotiate(&mut session, A, |_| {});
    session.run(Duration::from_secs(1));

    let came = seen(&session) - before;
    assert!(came > 60, "{came} packets");
}

#[test]
fn what_was_sent_before_a_camera_came_back_cannot_be_replayed() {
    let mut session = in_a_call(100);
    let sending = session.sending(A);
    let sequence = ExtendedSequence(sending.first + sending.packets - 1);
    let old = session
        .peer(A)
        .protected_rtp(video_ssrc(A), VIDEO_PT, sequence, Timestamp(1), true, b"x")
        .expect("connected");
    let address = session.peers[&A].address;
    session.sending(A).is_on = false;
    session.run(Duration::from_millis(50));
    negotiate(&mut session, A, without_camera);
    negotiate(&mut session, A, |_| {});
    let before = session.worker.statistics();

    session.inject(address, old);

    let after = session.worker.statistics();
    assert_eq!(after.dropped.replayed - before.dropped.replayed, 1);
    assert_eq!(after.packets_received, before.packets_received);
}

#[test]
fn a_known_source_with_a_payload_type_that_was_not_negotiated_is_dropped() {
    let mut session = in_a_call(100);
    session.sending(A).is_on = false;
    session.run(Duration::from_millis(50));
    let sending = session.sending(A);
    let next = sending.first + sending.packets;
    let before = (session.worker.statistics(), seen(&session));

    for (index, payload_type) in [77, 111, 97].into_iter().enumerate() {
        session.peer(A).send_rtp(
            video_ssrc(A),
            PayloadType(payload_type),
            ExtendedSequence(next + index as u64),
            Timestamp(0),
            false,
            &[0x00, 0x01, 0x02, 0x03],
        );
    }
    session.run(Duration::from_millis(50));

    let dropped = session.worker.statistics().dropped;
    assert_eq!(dropped.unknown_source - before.0.dropped.unknown_source, 3);
    assert_eq!(seen(&session), before.1);
}

#[test]
fn slots_that_change_places_keep_their_streams_and_numbers() {
    let mut session = in_a_call(100);
    for round in 0..20 {
        negotiate(&mut session, B, |media| {
            media.slots.rotate_left(round % 4);
            media.slots.truncate(if round % 3 == 0 { 2 } else { 4 });
        });
        session.watch(B, 0, A);
        session.watch(B, 1, A);
        session.run(Duration::from_millis(100));
        negotiate(&mut session, A, |media| {
            if round % 5 == 0 {
                without_camera(media);
            }
        });
        session.run(Duration::from_millis(100));
    }

    // The session itself asserts that no number is ever sent twice.
    session.leave(B);
    session.leave(A);
    session.assert_nothing_is_kept();
}

#[test]
fn commands_in_odd_orders_are_survived() {
    let mut session = Session::new(1);
    session.watch(B, 0, A);
    session.command(Command::Leave { participant: A });
    session.command(Command::Negotiate {
        participant: A,
        media: media(A, 2),
    });
    session.join(ROOM, A, 1, Link::good());
    session.watch(A, 0, A);
    session.watch(A, 7, B);
    session.join(ROOM, B, 1, Link::good());
    session.watch(B, 0, A);
    session.watch(A, 0, B);
    session.connect();
    session.start_media(A);
    session.run(Duration::from_millis(500));
    session.command(Command::Leave { participant: A });
    session.command(Command::Leave { participant: A });
    session.command(Command::Negotiate {
        participant: A,
        media: media(A, 2),
    });
    session.forget(A);
    session.run(Duration::from_millis(500));

    assert_eq!(session.worker.statistics().participants, 1);
    session.leave(B);
    assert_eq!(session.worker.next_timeout(), None);
}
