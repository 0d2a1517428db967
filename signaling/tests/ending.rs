//! Who is on its way in while the session is being ended.

use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sfu::identity::{ParticipantId, RoomId};
use signaling::access::{Permissions, UnixTime};
use signaling::protocol::Role;
use signaling::room::{
    Arrival, Consent, Decided, Room, RoomSize, Rules, SessionPolicy, Standing, Undertaking,
};

#[test]
fn nobody_is_let_in_any_more() {
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
fn nobody_comes_in_by_accepting_the_text() {
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

fn undertaking(decided: Decided) -> Undertaking {
    decided.undertaking.expect("it may")
}

fn arrive(room: &mut Room, id: ParticipantId, role: Role) {
    let arrival = Arrival {
        id,
        role,
        permissions: Permissions::of(role),
        subject: id.to_string(),
        token_id: id.to_string(),
        standing: Standing::default(),
        entrance: None,
    };
    let arrived = room.arrive(arrival, Instant::now());
    arrived.expect("there is room");
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
