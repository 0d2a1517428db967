//! Addresses change, clocks jump, handshakes go wrong.

use std::net::SocketAddr;
use std::time::Duration;

use sfu::identity::{ParticipantId, RoomId};
use sfu::rtp::Timestamp;
use sfu::rtp::sequence::ExtendedSequence;
use sfu::transport::Fingerprint;
use sfu::worker::event::{DisconnectReason, Event};

use crate::link::{Link, Loss};
use crate::session::{AUDIO_PT, Session, audio_slot, audio_ssrc, seeds, slot_ssrc};

const ROOM: RoomId = RoomId(1);
const A: ParticipantId = ParticipantId(1);
const B: ParticipantId = ParticipantId(2);

fn in_a_call() -> Session {
    let mut session = Session::new(1);
    for id in [A, B] {
        session.join(ROOM, id, 1, Link::good());
    }
    session.watch(A, 0, B);
    session.watch(B, 0, A);
    session.connect();
    session.start_media(A);
    session.start_media(B);
    session.run(Duration::from_secs(1));
    session
}

fn sound_since(session: &mut Session, id: ParticipantId, duration: Duration) -> usize {
    session.peer(id).received.clear();
    session.run(duration);
    let ssrc = slot_ssrc(id, audio_slot(0));
    session.peers[&id].received_on(ssrc).len()
}

#[test]
fn an_address_that_changes_takes_the_media_along() {
    let mut session = in_a_call();
    session.peer(A).address = SocketAddr::from(([203, 0, 113, 9], 4000));
    let check = session.peer(A).check();
    let address = session.peers[&A].address;

    session.inject(address, check);

    let heard = sound_since(&mut session, A, Duration::from_secs(1));
    assert!(heard >= 48, "A hears {heard} packets");
    let heard = sound_since(&mut session, B, Duration::from_secs(1));
    assert!(heard >= 48, "B hears {heard} packets");
}

#[test]
fn a_check_that_comes_again_from_elsewhere_moves_nothing() {
    let mut session = in_a_call();
    // It only listens.
    session.sending(A).is_on = false;
    let address = session.peers[&A].address;
    let check = session.peer(A).check();
    session.inject(address, check.clone());
    session.deliveries_to_strangers = 0;
    session.peer(A).received.clear();

    for port in 0..60 {
        let elsewhere = SocketAddr::from(([203, 0, 113, 66], 4000 + port % 20));
        session.inject(elsewhere, check.clone());
        session.run(Duration::from_millis(100));
    }

    let ssrc = slot_ssrc(A, audio_slot(0));
    let heard = session.peers[&A].received_on(ssrc).len();
    assert!(heard >= 298, "A hears {heard} packets");
    assert_eq!(session.deliveries_to_strangers, 0);
}

#[test]
fn a_check_that_was_caught_on_its_way_moves_nothing_while_the_peer_is_heard() {
    let mut session = in_a_call();
    session.sending(A).is_on = false;
    session.peer(A).received.clear();

    for port in 0..60 {
        let check = session.peer(A).check();
        let elsewhere = SocketAddr::from(([203, 0, 113, 66], 4000 + port));
        session.inject(elsewhere, check);
        session.run(Duration::from_millis(100));
    }

    let ssrc = slot_ssrc(A, audio_slot(0));
    let heard = session.peers[&A].received_on(ssrc).len();
    assert!(heard >= 298, "A hears {heard} packets");
}

#[test]
fn who_only_listens_takes_the_media_along_to_another_address() {
    let mut session = in_a_call();
    session.sending(A).is_on = false;
    session.peer(A).address = SocketAddr::from(([203, 0, 113, 9], 4000));
    for _ in 0..5 {
        let check = session.peer(A).check();
        let address = session.peers[&A].address;
        session.inject(address, check);
        session.run(Duration::from_millis(500));
    }

    let heard = sound_since(&mut session, A, Duration::from_secs(1));

    assert!(heard >= 48, "A hears {heard} packets");
}

#[test]
fn a_check_sent_again_in_the_peers_name_is_no_consent() {
    let mut session = in_a_call();
    let address = session.peers[&A].address;
    let check = session.peer(A).check();
    session.inject(address, check.clone());
    session.peer(A).is_gone = true;

    for _ in 0..31 {
        session.inject(address, check.clone());
        session.run(Duration::from_secs(1));
    }

    assert_eq!(session.worker.statistics().participants, 1);
}

#[test]
fn media_goes_where_media_comes_from_before_that_is_nominated() {
    let mut session = in_a_call();
    let former = session.peers[&A].address;
    let sending = session.sending(A);
    let held_up = ExtendedSequence(sending.first + sending.audio);
    sending.audio += 1;
    let late = session
        .peer(A)
        .protected_rtp(audio_ssrc(A), AUDIO_PT, held_up, Timestamp(0), false, b"x")
        .expect("connected");
    let address = SocketAddr::from(([203, 0, 113, 9], 4000));
    session.peer(A).address = address;
    let check = session.peer(A).check_that(false);
    session.inject(address, check);

    let heard = sound_since(&mut session, A, Duration::from_secs(1));
    assert!(heard >= 46, "A hears {heard} packets");

    // What comes late by the former path moves nothing.
    session.inject(former, late);
    let heard = sound_since(&mut session, A, Duration::from_secs(1));
    assert!(heard >= 48, "A hears {heard} packets");
}

#[test]
fn media_from_an_address_that_no_check_vouches_for_is_dropped() {
    let mut session = in_a_call();
    session.peer(A).address = SocketAddr::from(([203, 0, 113, 9], 4000));

    // Its next check comes after at most two and a half seconds.
    let before = session.worker.statistics().dropped.unknown_path;
    session.run(Duration::from_millis(400));
    let dropped = session.worker.statistics().dropped.unknown_path - before;

    assert!(dropped == 0 || dropped > 40, "{dropped}");
    let heard = sound_since(&mut session, B, Duration::from_secs(4));
    assert!(heard > 50, "after the check B hears {heard} packets");
}

#[test]
fn a_machine_held_up_does_not_take_it_for_the_peers_silence() {
    let mut session = in_a_call();

    session.now += Duration::from_mins(10);
    session.run(Duration::from_secs(5));

    assert_eq!(session.worker.statistics().participants, 2);
    let heard = sound_since(&mut session, A, Duration::from_secs(1));
    assert!(heard >= 48, "{heard} packets");
}

#[test]
fn time_that_stands_still_or_runs_back_is_survived() {
    let mut session = in_a_call();
    let later = session.now + Duration::from_secs(5);

    session.worker.handle_timeout(later);
    let heard = sound_since(&mut session, A, Duration::from_secs(6));

    assert!(heard >= 290, "{heard} packets");
}

#[test]
fn a_certificate_other_than_the_signalled_one_ends_the_stay() {
    let mut session = Session::new(1);
    session.join_as(ROOM, A, 1, Link::good(), |parameters| {
        parameters.remote_fingerprint = Fingerprint([7; 32]);
    });

    session.run(Duration::from_secs(5));

    assert_eq!(
        session.events,
        [Event::Disconnected {
            participant: A,
            reason: DisconnectReason::DtlsFailed
        }]
    );
    assert_eq!(session.worker.statistics().dtls_wrong_certificate, 1);
    assert_eq!(session.worker.statistics().participants, 0);
}

#[test]
fn handshakes_get_through_loss_and_duplication() {
    for seed in seeds(30) {
        let mut session = Session::new(seed);
        let link = Link {
            delay: Duration::from_millis(30),
            jitter: Duration::from_millis(20),
            loss: Loss::Random(0.1),
            duplication: 0.1,
            ..Link::good()
        };
        session.join(ROOM, A, 1, link);

        session.connect();

        let connected = session
            .events
            .iter()
            .any(|event| matches!(event, Event::Connected { .. }));
        assert!(connected, "seed {seed}");
    }
}

#[test]
fn a_second_client_hello_or_an_alert_in_the_clear_changes_nothing() {
    let mut session = in_a_call();
    let address = session.peers[&A].address;
    let hello = session.peers[&A].first_hello.clone();
    assert_eq!(hello[0], 22);
    // A fatal handshake_failure, not encrypted, epoch 0 (RFC 6347 §4.1).
    let alert = [21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40];

    for _ in 0..5 {
        session.inject(address, hello.clone());
        session.inject(address, alert.to_vec());
    }

    let heard = sound_since(&mut session, A, Duration::from_secs(2));
    assert!(heard >= 98, "{heard} packets");
    assert_eq!(session.worker.statistics().participants, 2);
}

#[test]
fn a_peer_that_closes_is_gone_at_once() {
    let mut session = in_a_call();

    session.peer(A).close();
    session.run(Duration::from_millis(20));

    assert_eq!(
        session.events.last(),
        Some(&Event::Disconnected {
            participant: A,
            reason: DisconnectReason::Closed
        })
    );
}

/// A DTLS record in the clear (RFC 6347 §4.1).
fn record(content_type: u8, number: u16, body: &[u8]) -> Vec<u8> {
    let mut record = vec![content_type, 254, 253, 0, 0, 0, 0, 0, 0];
    record.extend(number.to_be_bytes());
    record.extend((body.len() as u16).to_be_bytes());
    record.extend(body);
    record
}

/// Records that anybody could have written, of each kind and in each form.
fn anybodys_records() -> Vec<Vec<u8>> {
    let fragment = |kind: u8, message: u8| {
        let header = [kind, 0, 0, 200, 0, message, 0, 0, 0, 0, 0, 4];
        [&header[..], &[1, 2, 3, 4]].concat()
    };
    (0..100_u16)
        .flat_map(|number| {
            [
                record(20, number, &[1]),
                record(21, number, &[1, 0]),
                record(21, number, &[2, 40]),
                record(22, number, &fragment(11, number as u8)),
                record(22, number, &[0; 3]),
                record(23, number, b"hello"),
                record(24, number, &[1, 0, 1, 7]),
                [record(23, number, b"hello"), record(21, number, &[2, 40])].concat(),
            ]
        })
        .collect()
}

#[test]
fn records_that_anybody_could_have_written_end_no_session() {
    let mut session = in_a_call();
    let address = session.peers[&A].address;

    for record in anybodys_records() {
        session.inject(address, record);
    }

    let heard = sound_since(&mut session, A, Duration::from_secs(2));
    assert!(heard >= 98, "{heard} packets");
    session.peer(A).close();
    session.run(Duration::from_millis(20));
    assert_eq!(
        session.events.last(),
        Some(&Event::Disconnected {
            participant: A,
            reason: DisconnectReason::Closed
        }),
        "what the peer says is still heard"
    );
}

#[test]
fn a_participant_that_claims_anothers_address_does_not_cut_it_off() {
    let mut session = in_a_call();
    let address = session.peers[&A].address;
    session.peer(B).received.clear();

    for _ in 0..30 {
        let check = session.peer(B).check();
        session.inject(address, check);
        session.run(Duration::from_millis(100));
    }

    let ssrc = slot_ssrc(B, audio_slot(0));
    let heard = session.peers[&B].received_on(ssrc).len();
    assert!(heard >= 148, "{heard} packets");
}

#[test]
fn an_address_whose_holder_fell_silent_is_free_for_another() {
    let mut session = in_a_call();
    session.peer(A).is_gone = true;
    session.run(Duration::from_secs(11));
    session.peer(B).address = session.peers[&A].address;
    session.forget(A);

    session.run(Duration::from_secs(3));

    let before = session.worker.statistics().packets_received;
    session.run(Duration::from_secs(1));
    let came = session.worker.statistics().packets_received - before;
    assert!(came > 100, "{came} packets");
}

#[test]
fn a_worker_looks_at_the_time_often_only_while_something_waits_for_an_answer() {
    let mut session = Session::new(1);
    session.join(ROOM, A, 1, Link::good());
    session.join(ROOM, B, 1, Link::good());
    session.watch(B, 0, A);
    session.connect();
    session.start_media(A);
    session.run(Duration::from_secs(1));

    session.wakes = 0;
    session.run(Duration::from_secs(3));
    let quiet = session.wakes;
    session.sending(A).is_on = false;
    session.watch(B, 0, B);
    session.watch(B, 0, A);
    session.wakes = 0;
    session.run(Duration::from_secs(3));

    let waiting = session.wakes;
    session.wakes = 0;
    session.run(Duration::from_secs(3));

    assert!((40..=45).contains(&quiet), "{quiet} times in 3 s");
    assert!(waiting > 90, "{waiting} times in 3 s");
    // The camera is off: no answer will come.
    assert!(session.wakes <= 45, "{} times in 3 s", session.wakes);
}
