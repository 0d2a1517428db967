//! Publishers hear of pictures that nobody sees, and of layers that nobody
//! takes.

use std::time::Duration;

use sfu::identity::{ParticipantId, RoomId};
use sfu::worker::command::Command;
use sfu::worker::event::Wanted;

use crate::link::Link;
use crate::session::{LARGE, Session};

const ROOM: RoomId = RoomId(1);
const A: ParticipantId = ParticipantId(1);
const B: ParticipantId = ParticipantId(2);
const C: ParticipantId = ParticipantId(3);

/// Everybody sees A.
fn in_a_call() -> Session {
    let mut session = Session::of(1, ROOM, &[A, B, C], 2);
    session.run(Duration::from_secs(3));
    session
}

fn told(session: &Session) -> Vec<Wanted> {
    session.told(A)
}

#[test]
fn a_picture_that_all_have_hidden_for_a_while_is_not_wanted() {
    let mut session = in_a_call();
    session.show(B, 0, None);
    session.run(Duration::from_secs(5));
    assert_eq!(told(&session), []);

    session.show(C, 0, None);
    session.run(Duration::from_millis(1900));
    assert_eq!(told(&session), []);
    session.run(Duration::from_millis(300));
    assert_eq!(told(&session), [Wanted::Nothing]);
    session.run(Duration::from_secs(10));
    assert_eq!(told(&session), [Wanted::Nothing]);

    session.show(B, 0, Some(LARGE));
    session.run(AT_ONCE);
    assert_eq!(told(&session), [Wanted::Nothing, Wanted::All]);
}

#[test]
fn who_hides_a_picture_for_a_moment_stops_nothing() {
    let mut session = in_a_call();
    for _ in 0..10 {
        for shown in [None, Some(LARGE)] {
            session.show(B, 0, shown);
            session.show(C, 0, shown);
            session.run(Duration::from_secs(1));
        }
    }

    assert_eq!(told(&session), []);
}

#[test]
fn a_newcomer_sees_what_all_others_have_hidden() {
    let mut session = in_a_call();
    session.show(B, 0, None);
    session.show(C, 0, None);
    session.run(Duration::from_secs(3));
    assert_eq!(told(&session), [Wanted::Nothing]);

    let newcomer = ParticipantId(4);
    session.join(ROOM, newcomer, 2, Link::good());
    session.watch(newcomer, 0, A);

    session.run(AT_ONCE);
    assert_eq!(told(&session), [Wanted::Nothing, Wanted::All]);
}

#[test]
fn whoever_saw_it_last_leaves_it_unseen() {
    let mut session = in_a_call();
    session.show(B, 0, None);

    session.leave(C);
    session.run(Duration::from_secs(3));
    assert_eq!(told(&session), [Wanted::Nothing]);

    // Nobody is left who could see it; who comes next does.
    session.leave(B);
    session.run(AT_ONCE);
    assert_eq!(told(&session), [Wanted::Nothing, Wanted::All]);
}

#[test]
fn a_crowd_is_looked_at_less_often() {
    let mut session = in_a_call();
    session.watch(B, 1, C);
    session.show(C, 0, None);
    session.show(B, 0, None);
    session.show(B, 1, None);
    // Some 60,000 slots of people who do not connect.
    for id in (10..110).map(ParticipantId) {
        session.join(ROOM, id, 300, Link::good());
        session.forget(id);
    }
    session.run(Duration::from_secs(4));
    session.events.clear();
    let told = |session: &Session, of| session.told(of) == [Wanted::All];

    session.show(B, 0, Some(LARGE));
    while !told(&session, A) {
        session.run(Duration::from_millis(1));
    }
    session.show(B, 1, Some(LARGE));
    session.run(Duration::from_millis(40));
    let soon = told(&session, C);
    session.run(Duration::from_millis(60));

    assert_eq!((soon, told(&session, C)), (false, true));
}

#[test]
fn sound_is_always_wanted() {
    let mut session = in_a_call();
    for subscriber in [B, C] {
        for slot in 0..2 {
            session.command(Command::Show {
                subscriber,
                slot: sfu::identity::SlotId(slot),
                shown: None,
            });
        }
    }
    session.run(Duration::from_secs(3));

    assert_eq!(told(&session), [Wanted::Nothing], "of the camera only");
}

/// How soon a worker looks at what it was told.
const AT_ONCE: Duration = Duration::from_millis(25);
