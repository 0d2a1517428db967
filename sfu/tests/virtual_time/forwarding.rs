//! Media goes from each participant to the others, unchanged, in order and in
//! its own room only.

use std::collections::BTreeMap;
use std::time::Duration;

use sfu::identity::{ParticipantId, RoomId};
use sfu::rtp::Timestamp;
use sfu::rtp::sequence::ExtendedSequence;
use sfu::srtp::Profile;
use sfu::transport::Path;
use sfu::worker::batch::TransmitBatch;
use sfu::worker::command::Command;
use sfu::worker::event::{DisconnectReason, Event};

use crate::link::Link;
use crate::peer::ReceivedPacket;
use crate::session::{
    AUDIO_PT, Session, VIDEO_PT, audio_slot, server, slot_ssrc, video_slot, video_ssrc,
};

const ROOM: RoomId = RoomId(1);
const OTHER_ROOM: RoomId = RoomId(2);
const A: ParticipantId = ParticipantId(1);
const B: ParticipantId = ParticipantId(2);
const C: ParticipantId = ParticipantId(3);

fn two_in_a_room() -> Session {
    let mut session = Session::new(1);
    for id in [A, B] {
        session.join(ROOM, id, 2, Link::good());
    }
    session.watch(A, 0, B);
    session.watch(B, 0, A);
    session.connect();
    session
}

fn publisher_of(packet: &ReceivedPacket) -> Option<ParticipantId> {
    let tag = packet
        .payload
        .windows(5)
        .position(|bytes| bytes == b"audio" || bytes == b"video")?;
    let id = packet.payload.get(tag + 5..tag + 13)?;
    Some(ParticipantId(u64::from_be_bytes(id.try_into().ok()?)))
}

fn assert_contiguous(packets: &[&ReceivedPacket]) {
    for pair in packets.windows(2) {
        assert_eq!(
            pair[1].sequence_number,
            pair[0].sequence_number.wrapping_add(1)
        );
    }
}

#[test]
fn two_participants_get_each_others_sound_and_picture() {
    let mut session = two_in_a_room();
    session.start_media(A);
    session.start_media(B);

    session.run(Duration::from_secs(2));

    for (receiver, publisher) in [(A, B), (B, A)] {
        let audio = session.peers[&receiver].received_on(slot_ssrc(receiver, audio_slot(0)));
        let video = session.peers[&receiver].received_on(slot_ssrc(receiver, video_slot(0)));
        assert!(audio.len() >= 99, "{} packets of sound", audio.len());
        assert!(video.len() >= 180, "{} packets of pictures", video.len());
        for (packets, payload_type) in [(&audio, AUDIO_PT), (&video, VIDEO_PT)] {
            assert_contiguous(packets);
            assert!(packets.iter().all(|packet| {
                packet.payload_type == payload_type && publisher_of(packet) == Some(publisher)
            }));
        }
        assert!(audio.iter().all(|packet| packet.audio_level == Some(0x9E)));
        assert!(video.iter().all(|packet| packet.payload.len() >= 900));
    }
}

#[test]
fn the_strongest_profile_is_taken() {
    let session = two_in_a_room();

    assert!(session.events.contains(&Event::Connected {
        participant: A,
        profile: Profile::AeadAes256Gcm
    }));
}

#[test]
fn a_latecomers_picture_starts_with_a_key_frame() {
    let mut session = two_in_a_room();
    session.start_media(A);
    session.run(Duration::from_secs(2));
    session.join(ROOM, C, 2, Link::good());
    session.watch(C, 0, A);
    session.connect();

    session.run(Duration::from_secs(1));

    let video = session.peers[&C].received_on(slot_ssrc(C, video_slot(0)));
    let first = video.first().expect("a picture");
    assert_eq!(first.payload[0] & 0x10, 0x10, "starts a frame");
    assert_eq!(first.payload[4] & 0x01, 0, "of the key kind");
    assert_contiguous(&video);
    let key_frames = session.sending(A).key_frames;
    assert!(key_frames <= 3, "{key_frames} key frames for two receivers");
}

#[test]
fn who_takes_long_to_connect_does_not_wait_for_the_picture_then() {
    let mut session = two_in_a_room();
    session.start_media(A);
    session.run(Duration::from_secs(2));
    let far = Link {
        delay: Duration::from_millis(50),
        ..Link::good()
    };
    session.join(ROOM, C, 2, far);
    session.watch(C, 0, A);
    session.connect();
    let connected = session.now;

    session.run(Duration::from_secs(2));

    let video = session.peers[&C].received_on(slot_ssrc(C, video_slot(0)));
    let first = video.first().expect("a picture").at - connected;
    assert!(first <= Duration::from_millis(150), "{first:?}");
}

#[test]
fn another_stream_in_the_slot_goes_on_with_its_numbers() {
    let mut session = two_in_a_room();
    session.join(ROOM, C, 2, Link::good());
    session.connect();
    for id in [B, C] {
        session.start_media(id);
    }
    session.run(Duration::from_millis(990));
    session.watch(A, 0, C);

    session.run(Duration::from_secs(1));

    for slot in [audio_slot(0), video_slot(0)] {
        let packets = session.peers[&A].received_on(slot_ssrc(A, slot));
        let switch = packets
            .iter()
            .position(|packet| publisher_of(packet) == Some(C))
            .expect("the second stream");
        assert!(switch > 0);
        assert!(
            packets[switch..]
                .iter()
                .all(|packet| publisher_of(packet) == Some(C))
        );
        assert_contiguous(&packets);
        let step = packets[switch]
            .timestamp
            .since(packets[switch - 1].timestamp);
        let rate = if slot == audio_slot(0) { 48 } else { 90 };
        let elapsed = (packets[switch].at - packets[switch - 1].at).as_millis() as u32;
        assert!(step > 0 && step <= (elapsed + 40) * rate, "{step} ticks");
        if slot == video_slot(0) {
            let picture = |packet: &ReceivedPacket| {
                u16::from_be_bytes([packet.payload[2] & 0x7F, packet.payload[3]])
            };
            assert_eq!(
                picture(packets[switch]),
                picture(packets[switch - 1]) + 1,
                "picture numbers go on"
            );
        }
    }
}

#[test]
fn what_no_longer_fits_a_batch_is_sent_whatever_comes_between() {
    let mut session = Session::new(1);
    session.join(ROOM, A, 1, Link::good());
    let receivers: Vec<_> = (2..32).map(ParticipantId).collect();
    for &id in &receivers {
        session.join(ROOM, id, 1, Link::good());
        session.watch(id, 0, A);
    }
    session.connect();
    session.sending(A).packets_a_frame = 8;
    session.start_media(A);
    session.run(Duration::from_secs(3));
    let path = Path::udp(server(), session.peers[&A].address);
    let next = session.sending(A).packets + session.sending(A).first + 1;
    for number in next..next + 8 {
        let payload = [&[0x00, 0x01][..], &[3; 1140]].concat();
        let packet = session.peer(A).protected_rtp(
            video_ssrc(A),
            VIDEO_PT,
            ExtendedSequence(number),
            Timestamp(9_000_000),
            false,
            &payload,
        );
        let mut packet = packet.expect("connected");
        session
            .worker
            .handle_datagram(session.now, path, &mut packet);
    }
    let mut batch = TransmitBatch::new();
    let mut sent = BTreeMap::<_, usize>::new();
    let mut count = |batch: &TransmitBatch| {
        let media = batch
            .datagrams()
            .filter(|(_, bytes)| bytes[0] & 0xDF == 0x90);
        for (path, _) in media {
            *sent.entry(path.remote).or_default() += 1;
        }
    };

    session.worker.poll_transmit(session.now, &mut batch);
    count(&batch);
    let first = batch.trains().len();
    session.worker.handle_command(
        session.now,
        Command::Leave {
            participant: receivers[0],
        },
    );
    loop {
        batch.clear();
        session.worker.poll_transmit(session.now, &mut batch);
        if batch.is_empty() {
            break;
        }
        count(&batch);
    }

    assert!((1..receivers.len()).contains(&first), "{first}");
    assert_eq!(sent.len(), receivers.len());
    assert!(sent.values().all(|packets| *packets == 8), "{sent:?}");
}

#[test]
fn an_emptied_slot_falls_silent() {
    let mut session = two_in_a_room();
    session.start_media(B);
    session.run(Duration::from_secs(1));
    for slot in [audio_slot(0), video_slot(0)] {
        session.command(Command::Assign {
            subscriber: A,
            slot,
            source: None,
        });
    }
    session.run(Duration::from_millis(5));
    session.peer(A).received.clear();

    session.run(Duration::from_secs(1));

    assert_eq!(session.peers[&A].received, []);
}

#[test]
fn two_rooms_on_one_worker_never_mix() {
    let mut session = two_in_a_room();
    session.join(OTHER_ROOM, C, 2, Link::good());
    session.connect();
    // Even if the signaling side were to ask for it.
    session.watch(C, 0, A);
    session.watch(A, 1, C);
    for id in [A, B, C] {
        session.start_media(id);
    }

    session.run(Duration::from_secs(1));

    assert_eq!(session.peers[&C].received, []);
    assert!(!session.peers[&B].received.is_empty());
    let strangers = session.peers[&A]
        .received
        .iter()
        .filter(|packet| publisher_of(packet) == Some(C));
    assert_eq!(strangers.count(), 0);
}

#[test]
fn nobody_is_sent_their_own_stream() {
    let mut session = two_in_a_room();
    session.watch(A, 1, A);
    session.start_media(A);

    session.run(Duration::from_secs(1));

    assert_eq!(session.peers[&A].received, []);
}

#[test]
fn a_participant_that_vanishes_is_given_up_and_the_others_go_on() {
    let mut session = two_in_a_room();
    session.join(ROOM, C, 2, Link::good());
    session.watch(C, 0, A);
    session.connect();
    session.start_media(A);
    session.run(Duration::from_secs(1));
    session.peer(B).is_gone = true;

    session.run(Duration::from_secs(35));

    assert_eq!(
        session.events.last(),
        Some(&Event::Disconnected {
            participant: B,
            reason: DisconnectReason::ConsentExpired
        })
    );
    let last = session.peers[&C].received.last().expect("media").at;
    assert!(session.now - last < Duration::from_millis(50));
}

#[test]
fn a_participant_that_leaves_is_forgotten() {
    let mut session = two_in_a_room();
    session.start_media(A);
    session.start_media(B);
    session.run(Duration::from_secs(1));

    session.leave(A);
    session.leave(B);

    assert_eq!(session.worker.next_timeout(), None);
}

#[test]
fn a_participant_can_come_back_to_its_slot() {
    let mut session = two_in_a_room();
    session.start_media(B);
    session.run(Duration::from_secs(1));
    session.leave(B);
    session.run(Duration::from_millis(200));
    session.peer(A).received.clear();
    session.join(ROOM, C, 2, Link::good());
    session.watch(A, 0, C);
    session.connect();
    session.start_media(C);

    session.run(Duration::from_secs(1));

    let video = session.peers[&A].received_on(slot_ssrc(A, video_slot(0)));
    assert!(video.len() > 60, "{} packets", video.len());
    assert_contiguous(&video);
}
