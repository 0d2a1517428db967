//! Media over TCP: what a connection that is slow, stands still or ends does to
//! it, and how it goes over from UDP and back.

use std::net::SocketAddr;
use std::time::Duration;

use sfu::congestion::Bitrate;
use sfu::identity::{ParticipantId, RoomId};
use sfu::transport::{IceCredentials, Path};
use sfu::worker::command::Command;
use sfu::worker::event::Event;

use crate::link::{Link, Loss};
use crate::session::{Session, audio_slot, server, slot_ssrc, video_slot};

const ROOM: RoomId = RoomId(1);
const A: ParticipantId = ParticipantId(1);
const B: ParticipantId = ParticipantId(2);

/// A comes over TCP from the start, by a line of so many kilobits a second, or
/// over UDP.
fn in_a_call(kilobits: Option<usize>) -> Session {
    let mut session = Session::new(1);
    let link = Link {
        delay: Duration::from_millis(25),
        ..Link::good()
    };
    for id in [A, B] {
        session.join(ROOM, id, 1, link);
    }
    if let Some(kilobits) = kilobits {
        let address = session.peers[&A].address;
        session.open_connection(address, kilobits);
    }
    session.watch(A, 0, B);
    session.watch(B, 0, A);
    session.connect();
    session.start_media(A);
    session.start_media(B);
    session.run(Duration::from_secs(2));
    session
}

fn elsewhere(last: u8) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, last], 4000))
}

fn restart(session: &mut Session) {
    let [local, remote] = ["node", "peer"].map(|side| IceCredentials {
        ufrag: format!("{side}-fresh"),
        password: format!("password-of-{side}-after-the-restart"),
    });
    session.command(Command::RestartIce {
        participant: A,
        local: local.clone(),
        remote: remote.clone(),
    });
    let peer = session.peer(A);
    (peer.server_ice, peer.ice) = (local, remote);
    peer.check_now();
}

#[test]
fn media_flows_both_ways() {
    let mut session = in_a_call(Some(20_000));

    let [sound, pictures] = session.received_within(A, Duration::from_secs(5));
    assert!(sound >= 249 && pictures >= 440, "{sound}, {pictures}");
    let [sound, pictures] = session.received_within(B, Duration::from_secs(5));
    assert!(sound >= 249 && pictures >= 440, "{sound}, {pictures}");
}

#[test]
fn a_slow_connection_carries_sound_in_time_and_pictures_again_once_it_is_fast() {
    let mut session = in_a_call(Some(320));
    session.run(Duration::from_secs(15));

    let [sound, _] = session.received_within(A, Duration::from_secs(20));

    let ssrc = slot_ssrc(A, audio_slot(0));
    let packets = session.peers[&A].received_on(ssrc);
    let longest = packets.windows(2).map(|pair| pair[1].at - pair[0].at).max();
    println!("{sound} packets of sound, {longest:?} apart at most");
    assert!(sound >= 990, "{sound}");
    assert!(longest < Some(Duration::from_millis(300)), "{longest:?}");
    let estimate = session.worker.estimate(session.now, A);
    assert!(
        estimate.is_some_and(|of| of < Bitrate::kilobits_per_second(400)),
        "{estimate:?}"
    );

    let address = session.peers[&A].address;
    session.connection(address).bytes_a_millisecond = 2_500;
    session.run(Duration::from_secs(20));
    let [_, pictures] = session.received_within(A, Duration::from_secs(2));
    assert!(pictures >= 170, "{pictures}");
}

#[test]
fn over_a_connection_that_leaves_much_out_nothing_is_sent_again_twice() {
    let mut session = in_a_call(Some(20_000));
    let address = session.peers[&A].address;
    // It asks again for nothing that has only just been left out.
    session.peer(A).repairs_within = Some(Duration::from_secs(3));

    for _ in 0..20 {
        session.connection(address).bytes_a_millisecond = 0;
        session.run(Duration::from_millis(700));
        session.connection(address).bytes_a_millisecond = 2_500;
        session.run(Duration::from_secs(1));
    }

    let pictures = session.peers[&A].received_on(slot_ssrc(A, video_slot(0)));
    let repairs: Vec<_> = pictures.iter().filter(|packet| packet.is_repair).collect();
    let copies = repairs.windows(2).filter(|pair| {
        let [first, second] = [pair[0], pair[1]];
        let apart = second.at - first.at;
        first.sequence_number == second.sequence_number && apart < Duration::from_secs(1)
    });
    assert!(repairs.len() > 100, "{}", repairs.len());
    assert_eq!(copies.count(), 0);
}

#[test]
fn a_connection_that_stands_still_for_a_while_drops_media_and_goes_on_whole() {
    let mut session = in_a_call(Some(20_000));
    let address = session.peers[&A].address;
    session.connection(address).bytes_a_millisecond = 0;
    session.run(Duration::from_secs(4));
    assert!(session.connection(address).left_out > 300);

    session.connection(address).bytes_a_millisecond = 2_500;
    session.run(Duration::from_millis(300));
    let [sound, _] = session.received_within(A, Duration::from_secs(2));

    // Of what was dropped nothing is sent later: it would come too late.
    assert!((97..=101).contains(&sound), "{sound}");
    session.run(Duration::from_secs(10));
    let [_, pictures] = session.received_within(A, Duration::from_secs(2));
    assert!(pictures >= 170, "{pictures}");
    let events = &session.events;
    let connected = events
        .iter()
        .filter(|of| matches!(of, Event::Connected { .. }));
    assert_eq!(connected.count(), 2);
}

#[test]
fn a_restart_takes_media_from_udp_to_tcp_and_back() {
    let mut session = in_a_call(None);
    session.set_link(
        A,
        Link {
            loss: Loss::Random(1.0),
            ..Link::good()
        },
    );
    session.run(Duration::from_secs(5));

    // Of the link only what connections do not feel is lost.
    session.open_connection(elsewhere(9), 20_000);
    session.peer(A).address = elsewhere(9);
    restart(&mut session);
    session.run(Duration::from_millis(100));
    let [sound, pictures] = session.received_within(A, Duration::from_secs(2));
    assert!(sound >= 99 && pictures >= 150, "{sound}, {pictures}");

    session.set_link(A, Link::good());
    session.peer(A).address = elsewhere(10);
    session.close_connection(elsewhere(9));
    session.peer(A).check_now();
    session.run(Duration::from_millis(100));
    let [sound, pictures] = session.received_within(A, Duration::from_secs(2));
    assert!(sound >= 99 && pictures >= 150, "{sound}, {pictures}");
}

#[test]
fn an_address_that_changes_over_tcp_takes_the_media_along() {
    let mut session = in_a_call(Some(20_000));
    let former = session.peers[&A].address;
    session.open_connection(elsewhere(9), 20_000);
    session.peer(A).address = elsewhere(9);
    session.check_from(A, elsewhere(9));

    // The former connection may take minutes to end.
    let [sound, _] = session.received_within(A, Duration::from_secs(2));
    assert!(sound >= 97, "{sound}");
    session.close_connection(former);
    let [sound, _] = session.received_within(A, Duration::from_secs(1));
    assert!(sound >= 49, "{sound}");
}

#[test]
fn nothing_is_sent_to_a_connection_that_has_ended_until_another_path_is_there() {
    let mut session = in_a_call(Some(20_000));
    let address = session.peers[&A].address;

    session.close_connection(address);
    let before = session.deliveries_to_strangers;
    session.peer(A).is_gone = true;
    session.run(Duration::from_secs(1));
    assert_eq!(session.deliveries_to_strangers, before);
    assert!(!session.worker.knows(&Path::tcp(server(), address)));

    session.peer(A).is_gone = false;
    session.peer(A).check_now();
    session.run(Duration::from_millis(100));
    let [sound, _] = session.received_within(A, Duration::from_secs(1));
    assert!(sound >= 49, "{sound}");
}

#[test]
fn the_same_address_over_udp_and_tcp_are_two_paths() {
    let mut session = in_a_call(Some(20_000));
    let address = session.peers[&A].address;
    let before = session.worker.statistics().dropped.unknown_path;

    let path = Path::udp(server(), address);
    let mut packet = vec![0x80; 100];
    session
        .worker
        .handle_datagram(session.now, path, &mut packet);

    assert_eq!(session.worker.statistics().dropped.unknown_path, before + 1);
}

#[test]
fn connections_beyond_a_few_and_of_those_who_leave_are_given_up() {
    let mut session = in_a_call(Some(20_000));
    let used = session.peers[&A].address;
    for last in 0..10 {
        session.open_connection(elsewhere(last), 20_000);
        let check = session.peer(A).check_that(false);
        session.inject(elsewhere(last), check);
    }

    // Eight stay, and the one in use is none of those that go.
    assert_eq!(session.abandoned, [0, 1, 2].map(elsewhere));
    let [sound, _] = session.received_within(A, Duration::from_secs(1));
    assert!(sound >= 49, "{sound}");

    session.leave(A);
    assert_eq!(session.abandoned.len(), 11);
    assert!(session.abandoned.contains(&used));
    session.leave(B);
    session.assert_nothing_is_kept();
}

#[test]
fn a_check_that_comes_again_opens_no_connection() {
    let mut session = in_a_call(None);
    let check = session.peer(A).check();
    let address = session.peers[&A].address;
    session.inject(address, check.clone());

    session.open_connection(elsewhere(66), 20_000);
    session.inject(elsewhere(66), check);

    assert!(!session.worker.knows(&Path::tcp(server(), elsewhere(66))));
}
