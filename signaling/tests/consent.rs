//! Who is told who has accepted the session's text.

use std::time::Instant;

use sfu::identity::{ParticipantId, RoomId};
use signaling::access::UnixTime;
use signaling::protocol::{Participant, Permission, Role, ServerMessage};
use signaling::room::{Arrival, Consent, Devices, Effect, Room, RoomSize, Rules, SessionPolicy};

#[test]
fn those_who_may_let_people_in_learn_who_has_accepted_the_text_and_others_do_not() {
    let mut room = room("7");
    accept(&mut room, HOST, Role::Host);

    let effects = accept(&mut room, BEN, Role::Client);
    assert_eq!(told(&effects, HOST), [(BEN, Some("7".into()))]);
    assert_eq!(told(&effects, BEN), [(HOST, None)]);

    let effects = room.set_devices(BEN, CAMERA);
    assert_eq!(told(&effects, HOST), [(BEN, Some("7".into()))]);

    let effects = accept(&mut room, CAT, Role::CoHost);
    let both = [(HOST, Some("7".into())), (BEN, Some("7".into()))];
    assert_eq!(told(&effects, CAT), both);
    assert_eq!(told(&effects, BEN), [(CAT, None)]);

    let effects = room.set_devices(HOST, CAMERA);
    assert_eq!(told(&effects, BEN), [(HOST, None)]);
}

#[test]
fn who_accepted_in_an_earlier_stay_is_known_to_have() {
    let mut room = room("7");
    accept(&mut room, HOST, Role::Host);
    let mut known = Arrival::new(BEN, Role::Client);
    known.standing.accepted = Some(text("7").hash());

    let effects = room.arrive(known, Instant::now()).expect("there is room");

    assert_eq!(told(&effects, HOST), [(BEN, Some("7".into()))]);
}

#[test]
fn who_accepted_another_wording_than_the_one_in_force_is_not_said_to_have_accepted_it() {
    let mut room = room("7");
    accept(&mut room, HOST, Role::Host);
    room.set_rules(rules(SessionPolicy {
        waiting_room: true,
        ..policy("7")
    }));
    accept(&mut room, BEN, Role::Client);

    room.set_rules(rules(policy("8")));
    let admitted = room.decide_admit(HOST, &[BEN], Instant::now()).undertaking;
    let effects = room.conclude(admitted.expect("it may"), true, Instant::now());

    assert_eq!(told(&effects, HOST), [(BEN, None)]);
    assert_eq!(told(&effects, BEN), [(HOST, None)]);
}

#[test]
fn who_takes_over_from_the_host_learns_it_then() {
    let mut room = room("7");
    accept(&mut room, HOST, Role::Host);
    accept(&mut room, BEN, Role::Client);
    let mut assistant = Arrival::new(CAT, Role::CoHost);
    assistant.permissions = assistant.permissions.without(Permission::Admit);
    assistant.standing.accepted = Some(text("7").hash());
    let effects = room
        .arrive(assistant, Instant::now())
        .expect("there is room");
    assert_eq!(told(&effects, CAT), [(HOST, None), (BEN, None)]);

    let effects = room.leave(HOST, Instant::now());

    assert_eq!(told(&effects, CAT), [(BEN, Some("7".into()))]);
    assert!(told(&effects, BEN).is_empty());
}

/// Whom somebody is told of, and the wording that each has accepted.
fn told(effects: &[Effect], to: ParticipantId) -> Vec<(ParticipantId, Option<String>)> {
    let messages = effects.iter().filter_map(|effect| match effect {
        Effect::Tell(id, message) if *id == to => Some(message),
        _ => None,
    });
    let participants = messages.flat_map(|message| match message {
        ServerMessage::Joined { participants, .. } => participants.clone(),
        ServerMessage::ParticipantJoined { participant }
        | ServerMessage::ParticipantUpdated { participant } => vec![participant.clone()],
        _ => Vec::new(),
    });
    participants
        .map(|Participant { id, consented, .. }| {
            let id = u64::from_str_radix(&id, 16).expect("an id");
            (ParticipantId(id), consented)
        })
        .collect()
}

/// Comes, and agrees to the text.
fn accept(room: &mut Room, id: ParticipantId, role: Role) -> Vec<Effect> {
    let arrived = room.arrive(Arrival::new(id, role), Instant::now());
    let arrived = arrived.expect("there is room");
    let hash = arrived.iter().find_map(|effect| match effect {
        Effect::Tell(_, ServerMessage::ConsentRequired { hash, .. }) => Some(hash),
        _ => None,
    });
    let decided = room.decide_accept(id, hash.expect("a text"), UnixTime(0));
    room.conclude(decided.undertaking.expect("it may"), true, Instant::now())
}

fn room(version: &str) -> Room {
    let size = RoomSize {
        people: 4,
        screens: 1,
    };
    Room::with_rules(RoomId(1), size, rules(policy(version)))
}

fn rules(policy: SessionPolicy) -> Rules {
    Rules {
        policy,
        ..Rules::default()
    }
}

fn policy(version: &str) -> SessionPolicy {
    SessionPolicy {
        waiting_room: false,
        consent: Some(text(version)),
        ..SessionPolicy::default()
    }
}

fn text(version: &str) -> Consent {
    Consent {
        version: version.into(),
        text: format!("I agree to wording {version}."),
    }
}

const CAMERA: Devices = Devices {
    microphone: false,
    camera: true,
};

const HOST: ParticipantId = ParticipantId(1);
const BEN: ParticipantId = ParticipantId(2);
const CAT: ParticipantId = ParticipantId(3);
