//! People come and go, and nothing of them stays behind.

use std::time::Duration;

use sfu::identity::{ParticipantId, RoomId};

use crate::link::Link;
use crate::session::{Session, audio_slot, seeds, slot_ssrc, video_slot};

#[test]
fn joins_and_leaves_leave_nothing_behind_and_nobody_is_disturbed() {
    let rounds = seeds(12).end * 25;
    let mut session = Session::new(9);
    let (stays, watches) = (ParticipantId(1), ParticipantId(2));
    for id in [stays, watches] {
        session.join(RoomId(1), id, 2, Link::good());
    }
    session.watch(watches, 0, stays);
    session.connect();
    session.start_media(stays);
    session.run(Duration::from_millis(100));
    let kept = session.worker.footprint();
    let mut last_number = None;
    let mut round_of_one = |session: &mut Session, round: u64| {
        let id = ParticipantId(10 + round % 1000);
        session.join(RoomId(1 + round % 3), id, 2, Link::good());
        session.watch(id, 0, stays);
        session.watch(watches, 1, id);
        match round % 5 {
            // Some leave before they have connected, or without a word.
            0 => {}
            1 => session.peer(id).is_gone = true,
            _ => {
                session.connect();
                session.start_media(id);
                session.run(Duration::from_millis(50));
            }
        }
        session.leave(id);

        let sound = slot_ssrc(watches, audio_slot(0));
        for packet in session.peers[&watches].received_on(sound) {
            let number = packet.sequence_number;
            let expected = last_number.map(|last: u16| last.wrapping_add(1));
            assert!(
                expected.is_none_or(|expected| expected == number),
                "round {round}"
            );
            last_number = Some(number);
        }
        session.peer(watches).received.clear();
        session.events.clear();
    };

    for round in 0..rounds / 2 {
        round_of_one(&mut session, round);
    }
    // Of this thread alone: other tests run beside it.
    let second_half = allocation_counter::measure(|| {
        for round in rounds / 2..rounds {
            round_of_one(&mut session, round);
        }
    });

    session.run(Duration::from_millis(100));
    assert_eq!(session.worker.footprint(), kept);
    let statistics = session.worker.statistics();
    assert_eq!((statistics.rooms, statistics.participants), (1, 2));
    let grown = second_half.bytes_current;
    println!("{rounds} joins and leaves; the second half took {grown} bytes more");
    let most = MOST_GROWTH * (rounds / 2).cast_signed();
    assert!(grown < most, "{grown} bytes");
}

#[test]
fn of_a_join_or_a_leave_among_twenty_five_nobody_else_loses_a_packet() {
    let mut session = Session::new(3);
    let people: Vec<_> = (1..25).map(ParticipantId).collect();
    for id in &people {
        session.join(RoomId(1), *id, PAIRS + 1, Link::good());
    }
    for id in &people {
        for pair in 0..PAIRS {
            let other = (id.0 + u64::from(pair)) % 24 + 1;
            session.watch(*id, pair, ParticipantId(other));
        }
    }
    session.connect();
    for id in &people {
        session.start_media(*id);
    }
    session.run(Duration::from_secs(1));
    for id in &people {
        session.peer(*id).received.clear();
    }

    let comer = ParticipantId(25);
    session.join(RoomId(1), comer, PAIRS + 1, Link::good());
    for pair in 0..PAIRS {
        session.watch(comer, pair, people[usize::from(pair)]);
    }
    for id in &people {
        session.watch(*id, PAIRS, comer);
    }
    session.connect();
    session.start_media(comer);
    session.run(Duration::from_secs(1));
    session.leave(comer);
    session.run(Duration::from_secs(1));

    for id in &people {
        for pair in 0..PAIRS {
            // Of so many voices at once not all are passed on.
            for (slot, least) in [(audio_slot(pair), 0), (video_slot(pair), 170)] {
                let packets = session.peers[id].received_on(slot_ssrc(*id, slot));
                let pairs = packets.windows(2);
                let gaps = pairs.filter(|pair| {
                    pair[1].sequence_number != pair[0].sequence_number.wrapping_add(1)
                });
                assert_eq!(gaps.count(), 0, "{id} {slot:?}");
                assert!(packets.len() >= least, "{id} {slot:?}: {}", packets.len());
            }
        }
        let seen = session.peers[id].received_on(slot_ssrc(*id, video_slot(PAIRS)));
        assert!(seen.len() > 60, "{} packets of who came", seen.len());
    }
}

/// Those whom each of many sees and hears.
const PAIRS: u16 = 5;

#[test]
fn the_last_to_go_leaves_no_timer() {
    let mut session = Session::new(1);
    let id = ParticipantId(1);
    session.join(RoomId(1), id, 2, Link::good());
    session.connect();
    session.start_media(id);
    session.run(Duration::from_secs(1));

    session.leave(id);

    assert_eq!(session.worker.next_timeout(), None);
    session.assert_nothing_is_kept();
}

/// In bytes, for each round: far less than one participant takes, but more than
/// what the simulated links write down.
const MOST_GROWTH: i64 = 16 * 1024;
