//! What strangers and liars send is dropped, and the others do not notice.

use std::net::SocketAddr;
use std::time::Duration;

use sfu::identity::{ParticipantId, RoomId};
use sfu::rtp::sequence::ExtendedSequence;
use sfu::rtp::{PayloadType, Ssrc, Timestamp};

use crate::layered::Layered;
use crate::link::{Link, Random};
use crate::session::{AUDIO_PT, Session, audio_slot, audio_ssrc, slot_ssrc};

const ROOM: RoomId = RoomId(1);
const A: ParticipantId = ParticipantId(1);
const B: ParticipantId = ParticipantId(2);

fn in_a_call() -> Session {
    let mut session = Session::of(1, ROOM, &[A, B], 1);
    session.run(Duration::from_millis(500));
    session
}

fn heard(session: &Session) -> usize {
    session.peers[&B]
        .received_on(slot_ssrc(B, audio_slot(0)))
        .len()
}

fn stranger() -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 66], 666))
}

/// A little ahead of the sound that A has sent.
fn soon(session: &mut Session) -> ExtendedSequence {
    let sending = session.sending(A);
    ExtendedSequence(sending.first + sending.audio + 3)
}

/// Whatever has not come to B by now of what A sent is still on its way.
fn assert_undisturbed(session: &mut Session) {
    session.run(Duration::from_millis(500));
    let sent = session.sending(A).audio as usize;
    let came = heard(session);
    assert!(came + 2 >= sent, "{came} of {sent} came");
    assert_eq!(session.worker.statistics().participants, 2);
}

#[test]
fn forged_and_replayed_media_are_dropped() {
    let mut session = in_a_call();
    let address = session.peers[&A].address;
    let sequence = soon(&mut session);
    let packet = session
        .peer(A)
        .protected_rtp(audio_ssrc(A), AUDIO_PT, sequence, Timestamp(1), false, b"x")
        .expect("connected");
    let mut forged = packet.clone();
    forged[30] ^= 1;
    let before = session.worker.statistics().dropped;

    for _ in 0..10 {
        session.inject(address, forged.clone());
    }
    session.inject(address, packet.clone());
    for _ in 0..10 {
        session.inject(address, packet.clone());
    }
    session.inject(stranger(), packet);

    session.run(Duration::from_millis(3));
    let dropped = session.worker.statistics().dropped;
    assert_eq!(dropped.forged - before.forged, 10);
    assert_eq!(dropped.replayed - before.replayed, 10);
    assert_eq!(dropped.unknown_path - before.unknown_path, 1);
    let received = &session.peers[&B].received;
    let copies = received.iter().filter(|packet| packet.payload == b"x");
    assert_eq!(copies.count(), 1);
}

#[test]
fn sources_and_payload_types_that_were_not_negotiated_are_dropped() {
    let mut session = in_a_call();
    let footprint = session.worker.footprint();
    for number in 0..2000_u32 {
        let sequence = ExtendedSequence(u64::from(number));
        let ssrc = Ssrc(0xDEAD_0000 + number);
        session
            .peer(A)
            .send_rtp(ssrc, AUDIO_PT, sequence, Timestamp(0), false, b"stranger");
        let known = Ssrc(audio_ssrc(A).0 ^ 0x0800_0000);
        session.peer(A).send_rtp(
            known,
            PayloadType(77),
            sequence,
            Timestamp(0),
            false,
            b"odd",
        );
    }

    assert_undisturbed(&mut session);

    assert!(session.worker.statistics().dropped.unknown_source >= 2000);
    assert_eq!(session.worker.footprint(), footprint);
}

#[test]
fn noise_of_every_kind_is_dropped() {
    let mut session = in_a_call();
    let known = session.peers[&A].address;
    let mut random = Random::new(7);
    for round in 0..20_000_u64 {
        let length = (random.next() % 1500) as usize;
        let mut datagram: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
        if let Some(first) = datagram.first_mut() {
            *first = [0, 22, 0x80, 0x90, 21, 23, 64, 255][(round % 8) as usize];
        }
        let from = if round % 2 == 0 { known } else { stranger() };
        session.inject(from, datagram);
        if round % 100 == 0 {
            session.run(Duration::from_millis(20));
        }
    }

    assert_undisturbed(&mut session);
}

#[test]
fn mutations_of_honest_packets_are_dropped() {
    let mut session = in_a_call();
    let known = session.peers[&A].address;
    let mut random = Random::new(8);
    let check = session.peer(A).check();
    let hello = session.peers[&A].first_hello.clone();
    let soon = soon(&mut session);
    let media = session
        .peer(A)
        .protected_rtp(audio_ssrc(A), AUDIO_PT, soon, Timestamp(0), false, &[5; 80])
        .expect("connected");
    for round in 0..20_000 {
        let mut datagram = [&check, &hello, &media][round % 3].clone();
        for _ in 0..=random.next() % 4 {
            let at = (random.next() % datagram.len() as u64) as usize;
            match random.next() % 3 {
                0 => datagram[at] ^= 1 << (random.next() % 8),
                1 => datagram[at] = random.next() as u8,
                _ => datagram.truncate(at.max(1)),
            }
        }
        session.inject(known, datagram);
        if round % 100 == 0 {
            session.run(Duration::from_millis(20));
        }
    }

    assert_undisturbed(&mut session);
}

#[test]
fn a_flood_of_strangers_checks_is_answered_sparingly() {
    let mut session = in_a_call();
    let mut foreign = Session::new(2);
    foreign.join(ROOM, ParticipantId(99), 1, Link::good());
    let check = foreign.peer(ParticipantId(99)).check();
    session.deliveries_to_strangers = 0;

    for _ in 0..10_000 {
        session.inject(stranger(), check.clone());
    }

    let answers = session.deliveries_to_strangers;
    assert!((1..=200).contains(&answers), "{answers} answers");
    assert_undisturbed(&mut session);
}

#[test]
fn asking_for_packets_without_end_costs_little() {
    let mut session = in_a_call();
    session.peer(B).received.clear();
    let video = slot_ssrc(B, crate::session::video_slot(0));
    for _ in 0..200 {
        let numbers: Vec<u16> = (0..400).collect();
        session
            .peer(B)
            .send_rtcp(sfu::rtcp::nack(Ssrc(1), video, &numbers));
        session.run(Duration::from_millis(5));
    }

    let statistics = session.worker.statistics();
    assert!(statistics.nacks_received > 50_000, "{statistics:?}");
    assert!(statistics.retransmitted <= 1600, "{statistics:?}");
    session.run(Duration::from_millis(500));
    let sent = session.sending(A).audio as usize;
    assert!(
        heard(&session) + 30 >= sent,
        "{} of {sent}",
        heard(&session)
    );
}

#[test]
fn key_frames_are_not_to_be_had_in_storms() {
    let mut session = in_a_call();
    let video = slot_ssrc(B, crate::session::video_slot(0));
    let before = session.sending(A).key_frames;

    for _ in 0..1000 {
        let request = sfu::rtcp::picture_loss_indication(Ssrc(1), video);
        session.peer(B).send_rtcp(request);
        session.run(Duration::from_millis(1));
    }

    let key_frames = session.sending(A).key_frames - before;
    assert!((1..=4).contains(&key_frames), "{key_frames} in a second");
}

#[test]
fn sound_has_no_key_frames_to_ask_for() {
    let mut session = in_a_call();
    let before = session.worker.statistics().key_frame_requests_sent;

    let sound = slot_ssrc(B, audio_slot(0));
    let request = sfu::rtcp::picture_loss_indication(Ssrc(1), sound);
    session.peer(B).send_rtcp(request);
    session.run(Duration::from_secs(3));

    let sent = session.worker.statistics().key_frame_requests_sent - before;
    assert_eq!(sent, 0);
}

#[test]
fn nobody_is_asked_for_key_frames_that_nobody_waits_for() {
    let mut session = in_a_call();
    session.sending(A).is_on = false;
    session.watch(B, 0, A);
    let video = slot_ssrc(B, crate::session::video_slot(0));
    let request = sfu::rtcp::picture_loss_indication(Ssrc(1), video);
    session.peer(B).send_rtcp(request);
    session.run(Duration::from_millis(500));
    session.leave(B);
    let before = session.worker.statistics().key_frame_requests_sent;

    session.run(Duration::from_secs(3));

    let sent = session.worker.statistics().key_frame_requests_sent - before;
    assert_eq!(sent, 0);
}

#[test]
fn a_camera_that_is_off_is_not_asked_for_key_frames_until_it_is_on() {
    let mut session = in_a_call();
    session.sending(A).is_on = false;
    session.watch(B, 0, B);
    session.watch(B, 0, A);
    session.run(Duration::from_secs(5));
    let before = session.worker.statistics().key_frame_requests_sent;
    session.run(Duration::from_secs(10));
    let sent = session.worker.statistics().key_frame_requests_sent - before;
    assert_eq!(sent, 0);
    session.peer(B).received.clear();

    session.sending(A).is_on = true;
    session.run(Duration::from_millis(500));

    let video = slot_ssrc(B, crate::session::video_slot(0));
    let seen = session.peers[&B].received_on(video).len();
    assert!(seen >= 30, "{seen} packets");
}

#[test]
fn one_receiver_that_cannot_be_pleased_does_not_spoil_the_picture_for_all() {
    let mut session = in_a_call();
    let video = slot_ssrc(B, crate::session::video_slot(0));
    let before = session.sending(A).key_frames;

    for _ in 0..3000 {
        let request = sfu::rtcp::picture_loss_indication(Ssrc(1), video);
        session.peer(B).send_rtcp(request);
        session.run(Duration::from_millis(10));
    }

    let key_frames = session.sending(A).key_frames - before;
    assert!((10..=31).contains(&key_frames), "{key_frames} in 30 s");
}

#[test]
fn flipping_between_sizes_does_not_spoil_the_picture_for_all() {
    for small in [Some((320, 180)), None] {
        let mut session = Session::new(1);
        let mut camera = Layered::join(&mut session, ROOM, A, &["q", "h", "f"]);
        for id in [B, ParticipantId(3)] {
            session.join(ROOM, id, 1, Link::good());
            session.watch(id, 0, A);
        }
        session.connect();
        camera.run(&mut session, Duration::from_secs(6));
        let count = |camera: &Layered| -> u32 {
            let layers = camera.layers.iter();
            layers.map(|layer| layer.key_frames).sum()
        };
        let before = count(&camera);
        for round in 0..140 {
            let large = Some((1920, 1080));
            session.show(B, 0, if round % 2 == 0 { small } else { large });
            camera.run(&mut session, Duration::from_millis(143));
        }

        let key_frames = count(&camera) - before;
        assert!((5..=30).contains(&key_frames), "{key_frames} in 20 s");
        session.show(B, 0, Some((1920, 1080)));
        session.peer(B).received.clear();
        camera.run(&mut session, Duration::from_secs(2));
        let packets = session.peers[&B].received_on(slot_ssrc(B, crate::session::video_slot(0)));
        let last = crate::layered::shown(&packets)
            .last()
            .map(|packet| packet.layer);
        assert_eq!(last, Some(2), "its turn to ask comes");
    }
}

#[test]
fn who_floods_with_sound_is_sent_on_as_no_more_than_a_voice() {
    let mut session = in_a_call();
    session.sending(A).is_on = false;
    session.run(Duration::from_millis(100));
    let sending = session.sending(A);
    let mut next = sending.first + sending.audio;
    let bytes = |session: &Session| -> usize {
        let sound = session.peers[&B].received_on(slot_ssrc(B, audio_slot(0)));
        sound.iter().map(|packet| packet.payload.len()).sum()
    };
    let before = bytes(&session);

    // Some 9 Mbit/s.
    for _ in 0..5000 {
        session.peer(A).send_rtp(
            audio_ssrc(A),
            AUDIO_PT,
            ExtendedSequence(next),
            Timestamp((next * 960) as u32),
            false,
            &[7; 1100],
        );
        next += 1;
        session.run(Duration::from_millis(1));
    }

    let rate = (bytes(&session) - before) * 8 / 5;
    assert!((100_000..700_000).contains(&rate), "{rate} bit/s");
    session.sending(A).audio = next - session.sending(A).first;
    session.sending(A).is_on = true;
    session.run(Duration::from_secs(2));
    let before = heard(&session);
    session.run(Duration::from_secs(1));
    assert!(heard(&session) - before >= 49, "then it is heard again");
}

#[test]
fn who_sends_without_end_is_soon_not_even_decrypted() {
    let mut session = in_a_call();
    session.sending(A).is_on = false;
    session.run(Duration::from_millis(100));
    let sending = session.sending(A);
    let (first, packets) = (sending.first, sending.packets);
    let before = session.worker.statistics();
    let mut next = first + packets;

    for _ in 0..1000 {
        for _ in 0..15 {
            let video = crate::session::video_ssrc(A);
            let sequence = ExtendedSequence(next);
            next += 1;
            session.peer(A).send_rtp(
                video,
                crate::session::VIDEO_PT,
                sequence,
                Timestamp(1),
                false,
                &[0x00, 0x01, 0x02],
            );
        }
        session.run(Duration::from_millis(1));
    }
    let after = session.worker.statistics();
    let taken = after.packets_received - before.packets_received;
    assert!(taken <= 8200, "{taken}");
    assert!(after.dropped.excess >= 6500, "{after:?}");
}

#[test]
fn reports_without_end_are_not_read() {
    let mut session = in_a_call();
    let before = session.worker.statistics();
    let video = slot_ssrc(B, crate::session::video_slot(0));

    for _ in 0..1000 {
        for _ in 0..20 {
            let numbers = [1, 2, 3, 4, 5];
            session
                .peer(B)
                .send_rtcp(sfu::rtcp::nack(Ssrc(1), video, &numbers));
        }
        session.run(Duration::from_millis(1));
    }

    let after = session.worker.statistics();
    let read = (after.nacks_received - before.nacks_received) / 5;
    assert!((4000..8200).contains(&read), "{read}");
    assert!(after.dropped.excess >= 10_000, "{after:?}");
    assert_undisturbed(&mut session);
}

#[test]
fn what_others_send_in_a_participants_name_uses_up_nothing_of_what_it_may() {
    let mut session = in_a_call();
    let address = session.peers[&A].address;
    let sequence = soon(&mut session);
    let mut forged = session
        .peer(A)
        .protected_rtp(audio_ssrc(A), AUDIO_PT, sequence, Timestamp(1), false, b"x")
        .expect("connected");
    forged[30] ^= 1;

    for _ in 0..10_000 {
        session.inject(address, forged.clone());
    }

    assert_eq!(session.worker.statistics().dropped.excess, 0);
    assert_undisturbed(&mut session);
}
