//! Publishers whose sequence numbers leap, and probes that pass one another.

use std::time::Duration;

use sfu::identity::{ParticipantId, RoomId};
use sfu::rtp::Timestamp;
use sfu::rtp::sequence::ExtendedSequence;
use sfu::worker::command::Command;

use crate::link::{Link, Loss};
use crate::session::{
    AUDIO_PT, FRAME_TICKS, Sending, Session, VIDEO_PT, audio_slot, audio_ssrc, media, slot_ssrc,
    video_slot, video_ssrc,
};

const ROOM: RoomId = RoomId(1);
const A: ParticipantId = ParticipantId(1);
const B: ParticipantId = ParticipantId(2);
const C: ParticipantId = ParticipantId(3);

fn in_a_call() -> Session {
    let mut session = Session::of(1, ROOM, &[A, B, C], 1);
    session.run(Duration::from_secs(1));
    session.sending(A).is_on = false;
    session.run(Duration::from_millis(50));
    session
}

/// Sends a packet of sound and one of a key picture whose numbers are so far
/// ahead.
fn leap_by(session: &mut Session, sending: &Sending, leap: u64, far: u64) {
    let peer = session.peer(A);
    peer.send_rtp(
        audio_ssrc(A),
        AUDIO_PT,
        ExtendedSequence(sending.first + sending.audio + far),
        Timestamp(leap as u32 * 960),
        false,
        &[4; 80],
    );
    peer.send_rtp(
        video_ssrc(A),
        VIDEO_PT,
        ExtendedSequence(sending.first + sending.packets + far),
        Timestamp(leap as u32 * 3000),
        true,
        &[0x10, 0x00, 0x01, 0x02, 0x03],
    );
}

#[test]
fn a_publisher_that_leaps_cannot_part_a_receiver_from_its_slot() {
    let mut session = in_a_call();
    let sending = session.sending(A).clone();
    session.set_link(
        B,
        Link {
            loss: Loss::Random(0.3),
            ..Link::good()
        },
    );
    for leap in 1..200_u64 {
        let far = leap * 30_000;
        leap_by(&mut session, &sending, leap, far);
        session.run(Duration::from_millis(5));
    }
    session.set_link(B, Link::good());

    session.start_media(C);
    session.watch(B, 0, C);
    session.peer(B).received.clear();
    session.run(Duration::from_secs(1));

    for (slot, least) in [(audio_slot(0), 45), (video_slot(0), 80)] {
        let came = session.peers[&B].received_on(slot_ssrc(B, slot)).len();
        assert!(came >= least, "{came} packets in {slot:?}");
    }
}

#[test]
fn nor_can_one_that_leaps_by_little_again_and_again() {
    let mut session = in_a_call();
    let sending = session.sending(A).clone();
    session.peer(B).received.clear();
    let (audio, video) = (slot_ssrc(B, audio_slot(0)), slot_ssrc(B, video_slot(0)));

    for leap in 1..=80_u64 {
        let far = leap * 500;
        leap_by(&mut session, &sending, leap, far);
        session.run(Duration::from_millis(20));
    }

    for slot in [audio, video] {
        let came = session.peers[&B].received_on(slot);
        let numbers = came.iter().map(|packet| u32::from(packet.sequence_number));
        let (first, last) = (numbers.clone().min(), numbers.max());
        assert_eq!(came.len(), 80);
        assert!(last <= first.map(|first| first + 700), "{first:?} {last:?}");
    }
}

#[test]
fn probes_that_pass_one_another_give_no_two_packets_one_number() {
    let mut session = in_a_call();
    let sending = session.sending(A).clone();
    let next = sending.first + sending.packets;
    let mut send = |offset: u64, payload: &[u8]| {
        session.peer(A).send_rtp(
            video_ssrc(A),
            VIDEO_PT,
            ExtendedSequence(next + offset),
            Timestamp(sending.frames as u32 * 3000),
            false,
            payload,
        );
        session.run(Duration::from_millis(2));
    };

    // Packets without payload, the later one first; then what lies around.
    send(9, &[]);
    send(5, &[]);
    for offset in [4, 6, 7, 3, 8, 10, 11] {
        send(offset, &[0x00, 0x01, 0x02, 0x03]);
    }

    // The session itself asserts that no number is ever sent twice.
    let video = session.peers[&B].received_on(slot_ssrc(B, video_slot(0)));
    let last = video.last().expect("pictures");
    assert_eq!(last.payload, [0x00, 0x01, 0x02, 0x03]);
}

#[test]
fn a_slots_own_numbers_and_timestamps_wrap_without_a_trace() {
    let mut session = Session::new(1);
    for id in [A, B] {
        session.join(ROOM, id, 1, Link::good());
    }
    session.watch(B, 0, A);
    // Faster than any path that is measured.
    let mut media = media(B, 1);
    media.extensions.transport_sequence_number = None;
    session.command(Command::Negotiate {
        participant: B,
        media,
    });
    session.connect();
    session.sending(A).packets_a_frame = 100;
    // Thirteen hours of pictures are behind the publisher.
    session.sending(A).frames = (1 << 32) / FRAME_TICKS - 100;
    session.start_media(A);

    session.run(Duration::from_secs(24));

    let video = session.peers[&B].received_on(slot_ssrc(B, video_slot(0)));
    assert!(video.len() > 70_000, "{} packets", video.len());
    for pair in video.windows(2) {
        assert_eq!(
            pair[1].sequence_number,
            pair[0].sequence_number.wrapping_add(1)
        );
        let step = pair[1].timestamp.since(pair[0].timestamp);
        assert!(step == 0 || u64::from(step) == FRAME_TICKS, "{step} ticks");
    }
}
