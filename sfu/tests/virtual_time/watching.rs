//! Publishers hear of pictures that nobody sees, and of layers that nobody
//! takes.

use std::time::Duration;

use sfu::identity::{ParticipantId, RoomId, Source};
use sfu::worker::command::{Command, Shown};
use sfu::worker::event::{Event, Wanted};

use crate::link::Link;
use crate::session::{Session, video_slot};

const ROOM: RoomId = RoomId(1);
const A: ParticipantId = ParticipantId(1);
const B: ParticipantId = ParticipantId(2);
const C: ParticipantId = ParticipantId(3);

/// Everybody sees A.
fn in_a_call() -> Session {
    let mut session = Session::new(1);
    for id in [A, B, C] {
        session.join(ROOM, id, 2, Link::good());
    }
    session.watch(B, 0, A);
    session.watch(C, 0, A);
    session.connect();
    session.start_media(A);
    session.run(Duration::from_secs(3));
    session
}

fn show(session: &mut Session, subscriber: ParticipantId, shown: Option<Shown>) {
    session.command(Command::Show {
        subscriber,
        slot: video_slot(0),
        shown,
    });
}

/// What A was told of its camera, oldest first.
fn told(session: &Session) -> Vec<Wanted> {
    let events = session.events.iter();
    events
        .filter_map(|event| match event {
            Event::Watched {
                publisher: A,
                source: Source::Camera,
                wanted,
            } => Some(*wanted),
            Event::Watched { .. } => panic!("{event:?}"),
            _ => None,
        })
        .collect()
}

#[test]
fn a_picture_that_all_have_hidden_for_a_while_is_not_wanted() {
    let mut session = in_a_call();
    show(&mut session, B, None);
    session.run(Duration::from_secs(5));
    assert_eq!(told(&session), []);

    show(&mut session, C, None);
    session.run(Duration::from_millis(1900));
    assert_eq!(told(&session), []);
    session.run(Duration::from_millis(300));
    assert_eq!(told(&session), [Wanted::Nothing]);
    session.run(Duration::from_secs(10));
    assert_eq!(told(&session), [Wanted::Nothing]);

    show(&mut session, B, Some(Shown::default()));
    session.run(AT_ONCE);
    assert_eq!(told(&session), [Wanted::Nothing, Wanted::All]);
}

#[test]
fn who_hides_a_picture_for_a_moment_stops_nothing() {
    let mut session = in_a_call();
    for _ in 0..10 {
        for shown in [None, Some(Shown::default())] {
            show(&mut session, B, shown);
            show(&mut session, C, shown);
            session.run(Duration::from_secs(1));
        }
    }

    assert_eq!(told(&session), []);
}

#[test]
fn a_newcomer_sees_what_all_others_have_hidden() {
    let mut session = in_a_call();
    show(&mut session, B, None);
    show(&mut session, C, None);
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
    show(&mut session, B, None);

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
    let show_pair = |session: &mut Session, pair, shown| {
        session.command(Command::Show {
            subscriber: B,
            slot: video_slot(pair),
            shown,
        });
    };
    show(&mut session, C, None);
    show_pair(&mut session, 0, None);
    show_pair(&mut session, 1, None);
    // Some 60,000 slots of people who do not connect.
    for id in (10..110).map(ParticipantId) {
        session.join(ROOM, id, 300, Link::good());
        session.forget(id);
    }
    session.run(Duration::from_secs(4));
    session.events.clear();
    let told = |session: &Session, of| {
        let mut events = session.events.iter();
        events.any(|event| {
            matches!(event, Event::Watched { publisher, wanted: Wanted::All, .. } if *publisher == of)
        })
    };

    show_pair(&mut session, 0, Some(Shown::default()));
    while !told(&session, A) {
        session.run(Duration::from_millis(1));
    }
    show_pair(&mut session, 1, Some(Shown::default()));
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
