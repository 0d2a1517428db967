//! What a decision changes before it is on record.

use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sfu::identity::{ParticipantId, RoomId};
use signaling::access::UnixTime;
use signaling::protocol::{GroupReport, Opaque, Role, ServerMessage};
use signaling::room::{
    Arrival, Consent, Decided, Effect, Entrance, Room, RoomSize, Rules, SessionPolicy, Undertaking,
};

#[test]
fn nobody_is_let_in_while_the_session_is_being_ended() {
    let now = Instant::now();
    let mut room = room(SessionPolicy {
        waiting_room: true,
        ..SessionPolicy::default()
    });
    arrive(&mut room, HOST, Role::Host);
    arrive(&mut room, BEN, Role::Client);
    arrive(&mut room, CAT, Role::Client);
    let admitted = undertaking(room.decide_admit(HOST, &[BEN], now));

    let end = undertaking(room.decide_end(HOST));
    let too_late = room.decide_admit(HOST, &[CAT], now);

    assert!(too_late.undertaking.is_none());
    let _ = room.conclude(admitted, true, now);
    assert!(room.waiting_people().eq([BEN, CAT]));
    let _ = room.conclude(end, true, now);
    assert!(room.is_empty());
}

#[test]
fn nobody_comes_in_by_accepting_the_text_while_the_session_is_being_ended() {
    let consent = Consent {
        version: "1".into(),
        text: "I agree.".into(),
    };
    let hash = URL_SAFE_NO_PAD.encode(consent.hash());
    let mut room = room(SessionPolicy {
        consent: Some(consent),
        ..SessionPolicy::default()
    });
    let accept = |room: &mut Room, id| room.decide_accept(id, &hash, UnixTime(0));
    for (id, role) in [(HOST, Role::Host), (BEN, Role::Client), (CAT, Role::Client)] {
        arrive(&mut room, id, role);
    }
    let accepted = undertaking(accept(&mut room, HOST));
    let _ = room.conclude(accepted, true, Instant::now());
    let accepted = undertaking(accept(&mut room, BEN));

    let _end = undertaking(room.decide_end(HOST));

    assert!(accept(&mut room, CAT).undertaking.is_none());
    // That it did is on record all the same.
    let effects = room.conclude(accepted, true, Instant::now());
    assert_eq!(effects.len(), 1);
    assert!(room.participants().eq([HOST]));
}

#[test]
fn nobody_waits_to_be_added_to_the_group_by_one_who_is_being_removed() {
    let now = Instant::now();
    let mut room = room(SessionPolicy::default());
    let alone = Entrance::KeyPackage(None);
    let arrived = room.arrive(arrival(BEN, Role::Client, Some(alone)), now);
    arrived.expect("there is room");
    let report = GroupReport {
        epoch: 0,
        transcript_hash: opaque("hash"),
        leaf: 0,
        group_info: None,
        commits: Vec::new(),
    };
    let _ = room.deliver(BEN, |delivery| delivery.report(BEN, report, now));
    let newcomer = Entrance::KeyPackage(Some(opaque("key")));
    let arrived = room.arrive(arrival(HOST, Role::Host, Some(newcomer)), now);
    let is_to_create = |effects: &[Effect]| {
        let create = Effect::Tell(HOST, ServerMessage::MlsCreate {});
        effects.contains(&create)
    };
    assert!(!is_to_create(&arrived.expect("there is room")));

    let removal = undertaking(room.decide_remove(HOST, BEN));
    assert!(is_to_create(&room.cut_off(&removal, now)));

    // That the socket goes meanwhile is no news to the group.
    let _ = room.set_reconnecting(BEN, true, now);
    assert!(!is_to_create(&room.conclude(removal, true, now)));
    assert!(room.participants().eq([HOST]));
}

fn undertaking(decided: Decided) -> Undertaking {
    decided.undertaking.expect("it may")
}

fn arrive(room: &mut Room, id: ParticipantId, role: Role) {
    let arrived = room.arrive(arrival(id, role, None), Instant::now());
    arrived.expect("there is room");
}

fn arrival(id: ParticipantId, role: Role, entrance: Option<Entrance>) -> Arrival {
    Arrival {
        entrance,
        ..Arrival::new(id, role)
    }
}

fn opaque(text: &str) -> Opaque {
    text.to_owned().try_into().expect("it is base64url")
}

fn room(policy: SessionPolicy) -> Room {
    let size = RoomSize {
        people: 4,
        screens: 1,
    };
    let rules = Rules {
        policy,
        ..Rules::default()
    };
    Room::with_rules(RoomId(1), size, rules)
}

const HOST: ParticipantId = ParticipantId(1);
const BEN: ParticipantId = ParticipantId(2);
const CAT: ParticipantId = ParticipantId(3);
