//! Frames that are not encrypted end to end go no further than the worker,
//! once it has been told by which keys they should be.

use std::time::Duration;

use sfu::identity::{ParticipantId, RoomId};
use sfu::rtp::sframe_header::SframeKey;
use sfu::worker::command::{Command, ExpectedFrames};

use crate::link::{Link, Loss};
use crate::peer::ReceivedPacket;
use crate::session::{Session, audio_slot, slot_ssrc, video_slot};

const ROOM: RoomId = RoomId(1);
const A: ParticipantId = ParticipantId(1);
const B: ParticipantId = ParticipantId(2);
const KEY: SframeKey = SframeKey {
    leaf: 0xAB,
    epoch: 0x15A,
};

/// A publishes under `sframe`, and B watches.
fn publishing(sframe: Option<SframeKey>, link: Link) -> Session {
    let mut session = Session::new(3);
    session.join(ROOM, A, 1, link);
    session.join(ROOM, B, 1, Link::good());
    session.watch(B, 0, A);
    session.connect();
    session.sending(A).sframe = sframe;
    session.start_media(A);
    session
}

fn expect(session: &mut Session, frames: ExpectedFrames) {
    session.command(Command::ExpectFrames {
        participant: A,
        frames,
    });
}

fn received(session: &Session) -> [Vec<&ReceivedPacket>; 2] {
    [audio_slot(0), video_slot(0)].map(|slot| session.peers[&B].received_on(slot_ssrc(B, slot)))
}

fn counts(session: &Session) -> [usize; 2] {
    received(session).map(|packets| packets.len())
}

fn assert_contiguous(session: &Session) {
    for packets in received(session) {
        for pair in packets.windows(2) {
            assert_eq!(
                pair[1].sequence_number,
                pair[0].sequence_number.wrapping_add(1)
            );
        }
    }
}

fn dropped(session: &Session) -> u64 {
    session.worker.statistics().dropped.unencrypted
}

#[test]
fn before_the_group_has_reported_all_is_forwarded() {
    let mut session = publishing(None, Link::good());

    session.run(Duration::from_secs(1));

    assert!(counts(&session).iter().all(|count| *count > 40));
    assert_eq!(dropped(&session), 0);
}

#[test]
fn frames_under_the_senders_key_are_forwarded_unchanged() {
    let mut session = publishing(Some(KEY), Link::good());
    expect(&mut session, ExpectedFrames::Key(KEY));

    session.run(Duration::from_secs(2));

    let [audio, video] = counts(&session);
    assert!(
        audio >= 99 && video >= 180,
        "{audio} of sound, {video} of pictures"
    );
    assert_eq!(dropped(&session), 0);
    assert_contiguous(&session);
}

#[test]
fn no_packet_of_a_frame_in_the_clear_is_forwarded() {
    let mut session = publishing(None, Link::good());
    expect(&mut session, ExpectedFrames::Key(KEY));

    session.run(Duration::from_secs(1));

    assert_eq!(counts(&session), [0, 0]);
    assert!(dropped(&session) > 100, "{}", dropped(&session));
}

#[test]
fn nothing_is_forwarded_of_one_who_encrypts_and_has_no_key_yet() {
    for sframe in [None, Some(KEY)] {
        let mut session = publishing(sframe, Link::good());
        expect(&mut session, ExpectedFrames::Nothing);

        session.run(Duration::from_secs(1));

        assert_eq!(counts(&session), [0, 0]);
        assert!(dropped(&session) > 100, "{}", dropped(&session));
    }
}

#[test]
fn a_newcomer_whose_leaf_is_not_known_yet_is_forwarded_by_its_epoch() {
    let mut session = publishing(Some(KEY), Link::good());
    expect(&mut session, ExpectedFrames::Nothing);
    expect(&mut session, ExpectedFrames::Epoch(KEY.epoch));
    session.run(Duration::from_secs(1));
    let [audio, video] = counts(&session);
    assert!(
        audio >= 49 && video >= 80,
        "{audio} of sound, {video} of pictures"
    );

    session.sending(A).sframe = None;
    session.run(Duration::from_millis(200));
    let before = counts(&session);
    session.run(Duration::from_secs(1));
    assert_eq!(counts(&session), before);
}

#[test]
fn no_packet_under_anothers_key_is_forwarded() {
    let mut session = publishing(Some(SframeKey { leaf: 0xAC, ..KEY }), Link::good());
    expect(&mut session, ExpectedFrames::Key(KEY));

    session.run(Duration::from_secs(1));

    assert_eq!(counts(&session), [0, 0]);
}

#[test]
fn a_client_that_stops_encrypting_is_cut_off_and_may_come_back_without_a_gap() {
    let mut session = publishing(Some(KEY), Link::good());
    expect(&mut session, ExpectedFrames::Key(KEY));
    session.run(Duration::from_secs(1));
    session.sending(A).sframe = None;
    session.run(Duration::from_millis(200));
    let before = counts(&session);
    session.run(Duration::from_secs(1));
    assert_eq!(counts(&session), before);
    session.sending(A).sframe = Some(KEY);

    session.run(Duration::from_secs(1));

    let after = counts(&session);
    assert!(after[0] >= before[0] + 45, "{before:?}, then {after:?}");
    assert!(after[1] >= before[1] + 80, "{before:?}, then {after:?}");
    assert_contiguous(&session);
}

#[test]
fn a_sender_one_epoch_behind_is_heard() {
    let mut session = publishing(Some(KEY), Link::good());
    expect(&mut session, ExpectedFrames::Key(KEY));
    expect(
        &mut session,
        ExpectedFrames::Key(SframeKey {
            epoch: 0x15B,
            ..KEY
        }),
    );

    session.run(Duration::from_secs(1));

    assert!(counts(&session).iter().all(|count| *count > 40));
    assert_eq!(dropped(&session), 0);
}

#[test]
fn an_epoch_long_gone_is_not() {
    let mut session = publishing(Some(KEY), Link::good());
    for epoch in 0x15A..0x16A {
        expect(
            &mut session,
            ExpectedFrames::Key(SframeKey { epoch, ..KEY }),
        );
    }

    session.run(Duration::from_secs(1));

    assert_eq!(counts(&session), [0, 0]);
}

#[test]
fn losses_and_their_repair_cost_no_encrypted_frame() {
    let link = Link {
        loss: Loss::Random(0.05),
        ..Link::good()
    };
    let mut session = publishing(Some(KEY), link);
    expect(&mut session, ExpectedFrames::Key(KEY));

    session.run(Duration::from_secs(4));

    assert_eq!(dropped(&session), 0);
    let sent = session.sending(A).packets;
    let [_, video] = counts(&session);
    assert!(
        video as u64 >= sent * 98 / 100,
        "{video} of {sent} packets of pictures"
    );
}
