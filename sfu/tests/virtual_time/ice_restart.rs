//! ICE restarts: both sides take new credentials, and media does not notice.

use std::net::SocketAddr;
use std::time::Duration;

use sfu::congestion::Bitrate;
use sfu::identity::{ParticipantId, RoomId};
use sfu::transport::IceCredentials;
use sfu::worker::command::Command;
use sfu::worker::event::Event;

use crate::link::{Link, Loss};
use crate::session::{Session, audio_slot, slot_ssrc};

const ROOM: RoomId = RoomId(1);
const A: ParticipantId = ParticipantId(1);
const B: ParticipantId = ParticipantId(2);

fn in_a_call() -> Session {
    let mut session = Session::new(1);
    let link = Link {
        delay: Duration::from_millis(25),
        ..Link::good()
    };
    for id in [A, B] {
        session.join(ROOM, id, 1, link);
    }
    session.watch(A, 0, B);
    session.watch(B, 0, A);
    session.connect();
    session.start_media(A);
    session.start_media(B);
    session.run(Duration::from_secs(2));
    session
}

fn credentials(side: &str, round: u32) -> IceCredentials {
    IceCredentials {
        ufrag: format!("{side}{round:08}"),
        password: format!("password-of-{side}-{round:022}"),
    }
}

/// Tells the worker of A's new credentials. A knows them only when it takes
/// them.
fn restart(session: &mut Session, round: u32) -> [IceCredentials; 2] {
    let [local, remote] = ["node", "peer"].map(|side| credentials(side, round));
    session.command(Command::RestartIce {
        participant: A,
        local: local.clone(),
        remote: remote.clone(),
    });
    [local, remote]
}

fn take(session: &mut Session, [local, remote]: [IceCredentials; 2]) {
    let peer = session.peer(A);
    (peer.server_ice, peer.ice) = (local, remote);
}

/// A is from now on elsewhere.
fn move_to(session: &mut Session, last: u8) -> SocketAddr {
    let address = SocketAddr::from(([203, 0, 113, last], 4000));
    session.peer(A).address = address;
    address
}

/// Sequence numbers of sound as A got them, without the gaps.
fn numbers(session: &Session) -> Vec<u16> {
    let packets = session.peers[&A].received_on(slot_ssrc(A, audio_slot(0)));
    packets.iter().map(|of| of.sequence_number).collect()
}

#[test]
fn media_goes_on_at_another_address_after_a_restart() {
    let mut session = in_a_call();
    let before = *numbers(&session).last().expect("sound came");
    move_to(&mut session, 9);
    // The way to the server and back, for the offer and its answer.
    session.run(Duration::from_millis(50));
    let fresh = restart(&mut session, 1);
    session.run(Duration::from_millis(50));
    session.peer(A).received.clear();
    let start = session.now;

    take(&mut session, fresh);
    session.peer(A).check_now();
    session.run(Duration::from_secs(2));

    let first = session.peers[&A].received.first().expect("media came");
    let took = first.at - start;
    println!("media flows {} ms after the answer", took.as_millis());
    assert!(took <= Duration::from_millis(75), "{took:?}");
    // Nothing starts anew: no handshake, no numbers.
    let connections = session.events.iter();
    let connections = connections.filter(|of| matches!(of, Event::Connected { .. }));
    assert_eq!(connections.count(), 2);
    let leap = numbers(&session)[0].wrapping_sub(before);
    assert!(leap < 15, "{leap} packets were sent in between");
}

#[test]
fn nobody_misses_a_packet_when_the_path_stays() {
    let mut session = in_a_call();
    session.peer(A).received.clear();
    session.peer(B).received.clear();
    let fresh = restart(&mut session, 1);
    session.run(Duration::from_secs(3));

    take(&mut session, fresh);
    session.run(Duration::from_secs(12));

    for id in [A, B] {
        let packets = session.peers[&id].received_on(slot_ssrc(id, audio_slot(0)));
        let pairs = packets.windows(2);
        let gaps = pairs.filter(|pair| {
            pair[1]
                .sequence_number
                .wrapping_sub(pair[0].sequence_number)
                != 1
        });
        assert_eq!(gaps.count(), 0);
        assert!(packets.len() >= 745, "{} packets", packets.len());
    }
}

#[test]
fn until_a_path_is_nominated_with_new_credentials_the_former_ones_hold() {
    let mut session = in_a_call();
    let fresh = restart(&mut session, 1);

    // The answer does not come; checks with the former credentials do.
    session.run(Duration::from_secs(40));
    let [sound, _] = session.received_within(A, Duration::from_secs(1));
    assert!(sound >= 49, "{sound} packets");

    // Even an address may change with them.
    let address = move_to(&mut session, 9);
    session.check_from(A, address);
    let [sound, _] = session.received_within(A, Duration::from_secs(1));
    assert!(sound >= 46, "{sound} packets");

    take(&mut session, fresh);
    session.run(Duration::from_secs(40));
    let [sound, pictures] = session.received_within(A, Duration::from_secs(1));
    assert!(sound >= 49 && pictures > 60, "{sound}, {pictures} packets");
}

#[test]
fn who_comes_back_elsewhere_sees_pictures_at_once_however_long_the_way_was_dead() {
    let mut session = in_a_call();
    session.run(Duration::from_secs(5));
    let fresh = restart(&mut session, 1);
    move_to(&mut session, 9);
    take(&mut session, fresh);
    session.set_link(
        A,
        Link {
            loss: Loss::Random(1.0),
            ..Link::good()
        },
    );
    session.run(Duration::from_secs(12));
    session.set_link(A, Link::good());
    session.peer(A).check_now();
    session.run(Duration::from_millis(200));

    let [_, pictures] = session.received_within(A, Duration::from_secs(1));

    assert!(pictures > 70, "{pictures} packets of 90");
    let estimate = session.worker.estimate(session.now, A);
    assert!(
        estimate.is_some_and(|of| of > Bitrate::kilobits_per_second(1000)),
        "{estimate:?}"
    );
}

#[test]
fn nobody_goes_back_to_the_credentials_before() {
    let mut session = in_a_call();
    let former = session.peers[&A].address;
    let old_check = session.peer(A).check();
    let fresh = restart(&mut session, 1);
    take(&mut session, fresh);
    let address = move_to(&mut session, 9);
    session.check_from(A, address);
    session.run(Duration::from_millis(100));

    session.inject(former, old_check.clone());
    let [sound, _] = session.received_within(A, Duration::from_secs(6));
    assert!(sound >= 298, "{sound} packets");

    // By now they are not even known.
    let before = session.deliveries_to_strangers;
    let dropped = session.worker.statistics().dropped.stun;
    for _ in 0..300 {
        session.inject(former, old_check.clone());
    }
    let refused = session.deliveries_to_strangers - before;
    assert!(refused <= 100, "{refused} answers");
    assert!(session.worker.statistics().dropped.stun > dropped);
}

#[test]
fn consent_ends_where_only_the_former_credentials_are_used() {
    let mut session = in_a_call();
    let former = session.peers[&A].server_ice.clone();
    let fresh = restart(&mut session, 1);
    let own = session.peers[&A].ice.clone();
    take(&mut session, fresh);
    let address = session.peers[&A].address;
    session.check_from(A, address);
    take(&mut session, [former, own]);

    session.run(Duration::from_secs(31));

    assert_eq!(session.worker.statistics().participants, 1);
}

#[test]
fn a_check_with_one_sides_former_credentials_is_refused() {
    let mut session = in_a_call();
    let former = session.peers[&A].ice.clone();
    let [local, _] = restart(&mut session, 1);
    take(&mut session, [local, former]);
    let address = move_to(&mut session, 9);

    session.check_from(A, address);

    let [sound, _] = session.received_within(A, Duration::from_secs(1));
    assert_eq!(sound, 0);
}

#[test]
fn of_many_restarts_nothing_is_kept() {
    let mut session = in_a_call();
    let before = session.worker.footprint();
    let mut fresh = None;
    for round in 0..1_000 {
        fresh = Some(restart(&mut session, round));
    }
    assert_eq!(session.worker.footprint().routes, before.routes + 1);

    // The last one counts, and so do the ones in use until then.
    let [sound, _] = session.received_within(A, Duration::from_secs(3));
    assert!(sound >= 149, "{sound} packets");
    take(&mut session, fresh.expect("there were some"));
    session.run(Duration::from_secs(10));
    assert_eq!(session.worker.footprint(), before);
    let [sound, _] = session.received_within(A, Duration::from_secs(1));
    assert!(sound >= 49, "{sound} packets");

    session.leave(A);
    session.leave(B);
    session.assert_nothing_is_kept();
}

#[test]
fn a_restart_takes_nobody_elses_name_and_of_strangers_says_nothing() {
    let mut session = in_a_call();
    let others = session.peers[&B].server_ice.clone();
    session.command(Command::RestartIce {
        participant: A,
        local: others,
        remote: credentials("peer", 1),
    });
    session.command(Command::RestartIce {
        participant: ParticipantId(77),
        local: credentials("node", 1),
        remote: credentials("peer", 1),
    });

    session.run(Duration::from_secs(40));

    assert_eq!(session.worker.statistics().participants, 2);
}
