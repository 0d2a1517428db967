//! Who is there, at a real socket: logged off when nobody is at the device or
//! the session's time is over, and on a second device by the rule for that.

mod server;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use server::role::{barrier, come, join};
use server::{Client, Server};
use sfu::identity::{ParticipantId, RoomId};
use signaling::access::{AccessPolicy, UnixTime};
use signaling::limits::Limits;
use signaling::protocol::{ErrorCode, Role, ServerMessage};
use signaling::room::{
    Arrival, Devices, Effect, Room, RoomSize, Rules, SecondDevice, SessionPolicy, Window,
};
use signaling::socket::Timing;
use tokio::time::{Interval, interval};

#[tokio::test]
async fn whoever_does_nothing_is_warned_and_then_logged_off() {
    let server = start(idle_for(LIMIT), SecondDevice::Allow).await;
    let mut host = join(&server, "room", "host", "h").await;
    let began = Instant::now();
    let mut client = join(&server, "room", "client", "c").await;
    let busy = tokio::spawn(async move {
        // What a person does counts, and so does saying that somebody is there.
        let told = keep(&mut host, &[json!({"type": "active"})], 2 * LIMIT).await;
        (host, told)
    });

    // What a client says by itself does not count as somebody who is there.
    let by_itself = [
        json!({"type": "ack", "received": 1}),
        json!({"type": "media", "microphone": true, "camera": true}),
        json!({"type": "show", "people": [{"slot": 0, "width": 0}]}),
        json!({"type": "mls-resync"}),
        json!({"type": "something-of-tomorrow"}),
    ];
    let told = keep(&mut client, &by_itself, 3 * LIMIT).await;

    let (warned, warning) = first(&told, "inactivity-warning").expect("there is a warning");
    assert!(
        warning["seconds"]
            .as_u64()
            .is_some_and(|left| left < LIMIT.as_secs())
    );
    let (ended, end) = told.last().expect("it was told");
    assert_eq!(
        (&end["code"], &end["fatal"]),
        (&json!("inactive"), &json!(true))
    );
    let (warned, ended) = (*warned - began, *ended - began);
    assert!(
        warned >= LIMIT / 2 && ended >= LIMIT && warned < ended,
        "{warned:?} {ended:?}"
    );
    assert_eq!(count(&told, "inactivity-warning"), 1);

    let (mut host, told) = busy.await.expect("no panic");
    assert_eq!(count(&told, "inactivity-warning"), 0, "{told:?}");
    assert_eq!(count(&told, "participant-left"), 1);
    barrier(&mut host).await;
    // It was no removal: the token is good still.
    join(&server, "room", "client", "c").await;
}

#[tokio::test]
async fn whoever_is_warned_stays_by_being_there() {
    let server = start(idle_for(LIMIT), SecondDevice::Allow).await;
    let mut said = join(&server, "room", "host", "said").await;
    let mut done = join(&server, "room", "host", "done").await;
    let stay = async |client: &mut Client, answer: Value| {
        until(client, "inactivity-warning").await;
        client.send(&answer).await;
        // The time begins anew: next is another warning, and not the end.
        until(client, "inactivity-warning").await;
    };

    tokio::join!(
        stay(&mut said, json!({"type": "active"})),
        stay(&mut done, json!({"type": "lock", "locked": true})),
    );
}

#[test]
fn whoever_speaks_is_there_for_as_long_and_listening_is_no_sign_of_it() {
    let limit = Duration::from_secs(100);
    let rules = Rules {
        policy: idle_for(limit),
        ..Rules::default()
    };
    let mut room = Room::with_rules(RoomId(1), SIZE, rules);
    let start = Instant::now();
    let [speaks, listens, says_a_word] = [1, 2, 3].map(ParticipantId);
    for id in [speaks, listens, says_a_word] {
        let effects = room.arrive(arrival(id, Role::Client), start);
        effects.expect("there is space");
        let devices = Devices {
            microphone: true,
            camera: false,
        };
        room.set_devices(id, devices);
    }
    room.tick(start, UnixTime(0));
    let gone_by = |room: &mut Room, seconds| {
        room.tick(start + Duration::from_secs(seconds), UnixTime(seconds));
        [speaks, listens, says_a_word].map(|id| !room.is_in(id))
    };

    room.speak([speaks].into_iter());
    assert_eq!(gone_by(&mut room, 90), [false; 3]);
    // Between two looks.
    room.speak([speaks, says_a_word].into_iter());
    room.speak([speaks].into_iter());
    assert_eq!(gone_by(&mut room, 99), [false; 3]);

    assert_eq!(gone_by(&mut room, 100), [false, true, false]);
    assert_eq!(gone_by(&mut room, 198), [false, true, false]);
    assert_eq!(gone_by(&mut room, 199), [false, true, true]);
    assert_eq!(gone_by(&mut room, 1_000), [false, true, true]);
    room.speak([].into_iter());
    assert_eq!(gone_by(&mut room, 1_099), [false, true, true]);
    assert_eq!(gone_by(&mut room, 1_100), [true; 3]);
}

#[tokio::test]
async fn the_end_of_the_time_is_announced_and_the_grace_kept() {
    let now = UnixTime::now();
    let window = Window {
        opens: now,
        closes: UnixTime(now.0 + 6),
        grace: Duration::from_secs(3),
    };
    let policy = SessionPolicy {
        window: Some(window),
        ..SessionPolicy::default()
    };
    let server = start(policy, SecondDevice::Allow).await;
    let mut client = join(&server, "room", "client", "c").await;

    let told = keep(&mut client, &[], PATIENCE).await;

    let warnings: Vec<_> = told
        .iter()
        .filter(|(_, message)| message["type"] == "session-ending")
        .map(|(_, message)| message["seconds"].as_u64().expect("a number"))
        .collect();
    // At once, since little is left, and when the grace begins.
    let [first, second] = warnings[..] else {
        panic!("{warnings:?}");
    };
    assert!(first > 3 && first <= 9 && second <= 3, "{warnings:?}");
    let (_, end) = told.last().expect("it was told");
    assert_eq!(end["code"], "session-ended");
    assert!(UnixTime::now().0 >= now.0 + 9);
}

#[test]
fn nobody_waits_on_when_the_time_is_over_and_latecomers_hear_of_the_end() {
    let window = Window {
        opens: UnixTime(0),
        closes: UnixTime(1_000),
        grace: Duration::from_secs(100),
    };
    let policy = SessionPolicy {
        window: Some(window),
        waiting_room: true,
        ..SessionPolicy::default()
    };
    let rules = Rules {
        policy,
        ..Rules::default()
    };
    let mut room = Room::with_rules(RoomId(1), SIZE, rules);
    let now = Instant::now();
    let come = |room: &mut Room, id, role| {
        let effects = room.arrive(arrival(id, role), now);
        effects.expect("there is space")
    };
    let ending = |effects: &[Effect], to| {
        let mut told = effects.iter().filter_map(|effect| match effect {
            Effect::Tell(id, ServerMessage::SessionEnding { seconds }) if *id == to => {
                Some(*seconds)
            }
            _ => None,
        });
        (told.next(), told.next())
    };
    let [early, late, caller] = [1, 2, 3].map(ParticipantId);

    room.tick(now, UnixTime(700));
    let before = come(&mut room, early, Role::Host);
    let first = room.tick(now, UnixTime(800));
    room.tick(now, UnixTime(900));
    let after = come(&mut room, late, Role::Host);
    come(&mut room, caller, Role::Client);
    let still = room.tick(now, UnixTime(999));
    assert!(room.is_waiting(caller));
    let closed = room.tick(now, UnixTime(1_000));

    assert_eq!(ending(&before, early), (None, None));
    assert_eq!(ending(&first, early), (Some(300), None));
    assert_eq!(ending(&after, late), (Some(200), None));
    assert_eq!(ending(&still, late), (None, None));
    assert!(!room.is_waiting(caller) && room.is_in(early) && room.is_in(late));
    let is_told = closed.iter().any(|effect| {
        matches!(effect, Effect::Tell(to, ServerMessage::Error { code, fatal: true, .. })
            if *to == caller && *code == ErrorCode::SessionEnded)
    });
    assert!(is_told && closed.contains(&Effect::Close(caller)));
    assert_eq!(ending(&closed, late), (Some(100), None));
}

#[tokio::test]
async fn somebody_on_two_devices_stays_on_both_where_that_is_allowed() {
    let server = start(SessionPolicy::default(), SecondDevice::Allow).await;
    let mut first = join(&server, "room", "client", "c").await;

    let mut second = join(&server, "room", "client", "c").await;

    assert_ne!(first.id(), second.id());
    let joined = until(&mut first, "participant-joined").await;
    assert_eq!(joined["participant"]["id"], second.joined["participantId"]);
    barrier(&mut first).await;
    barrier(&mut second).await;
}

#[tokio::test]
async fn the_newer_device_wins_where_one_replaces_the_other() {
    let server = start(SessionPolicy::default(), SecondDevice::Replace).await;
    let mut host = join(&server, "room", "host", "h").await;
    let mut first = join(&server, "room", "client", "c").await;
    barrier(&mut host).await;

    let second = join(&server, "room", "client", "c").await;

    let told = keep(&mut first, &[], PATIENCE).await;
    assert_eq!(
        told.last().expect("it was told").1["code"],
        "joined-elsewhere"
    );
    let told = barrier(&mut host).await;
    let about = |kind: &str| told.iter().find(|message| message["type"] == kind);
    let left = about("participant-left").expect("the first left");
    assert_eq!(left["participantId"], first.joined["participantId"]);
    let joined = about("participant-joined").expect("the second came");
    assert_eq!(joined["participant"]["id"], second.joined["participantId"]);
}

#[tokio::test]
async fn the_older_device_wins_where_a_second_one_is_refused() {
    let server = start(SessionPolicy::default(), SecondDevice::Refuse).await;
    let mut first = join(&server, "room", "client", "c").await;

    let mut second = come(&server, "room", "client", "c").await;

    second.expect_fatal("second-device").await;
    assert_eq!(barrier(&mut first).await, Vec::<Value>::new());
    join(&server, "room", "client", "somebody-else").await;
    join(&server, "another-room", "client", "c").await;
    first.send(&json!({"type": "leave"})).await;
    while first.receive_or_end().await.is_some() {}
    join(&server, "room", "client", "c").await;
}

#[tokio::test]
async fn the_rule_holds_once_somebody_comes_in_and_not_at_the_door() {
    for (rule, outcome) in [
        (SecondDevice::Allow, None),
        (SecondDevice::Replace, Some("joined-elsewhere")),
        (SecondDevice::Refuse, Some("second-device")),
    ] {
        let policy = SessionPolicy {
            waiting_room: true,
            ..SessionPolicy::default()
        };
        let server = start(policy, rule).await;
        let mut host = join(&server, "room", "host", "h").await;
        let mut first = come(&server, "room", "client", "c").await;
        first.expect("waiting").await;
        let mut second = come(&server, "room", "client", "c").await;
        second.expect("waiting").await;
        let admit = |id: &str| json!({"type": "admit", "participantIds": [id]});
        host.send(&admit(&first.chosen)).await;
        first.expect("joined").await;
        barrier(&mut second).await;

        host.send(&admit(&second.chosen)).await;
        barrier(&mut host).await;

        let (goes, stays) = match rule {
            SecondDevice::Replace => (&mut first, &mut second),
            _ => (&mut second, &mut first),
        };
        let told = match outcome {
            Some(code) => {
                let told = keep(goes, &[], PATIENCE).await;
                assert_eq!(told.last().expect("it was told").1["code"], code);
                barrier(stays).await
            }
            None => barrier(goes).await,
        };
        let is_in = told.iter().any(|message| message["type"] == "joined");
        assert_eq!(is_in, rule != SecondDevice::Refuse, "{rule:?}");
    }
}

fn arrival(id: ParticipantId, role: Role) -> Arrival {
    Arrival {
        subject: format!("subject-{id}"),
        ..Arrival::new(id, role)
    }
}

/// Says these again and again, and gives what came, each with its time, until
/// so much time has passed or the socket ends.
async fn keep(client: &mut Client, saying: &[Value], time: Duration) -> Vec<(Instant, Value)> {
    let end = tokio::time::sleep(time);
    tokio::pin!(end);
    let mut ticks: Interval = interval(Duration::from_millis(250));
    let mut told = Vec::new();
    loop {
        tokio::select! {
            () = &mut end => return told,
            _ = ticks.tick() => for message in saying {
                client.send_if_open(message).await;
            },
            message = client.receive_or_end() => match message {
                Some(message) => told.push((Instant::now(), message)),
                None => return told,
            }
        }
    }
}

/// Passes over everything before this.
async fn until(client: &mut Client, kind: &str) -> Value {
    loop {
        let message = client.receive_or_end().await;
        let message = message.unwrap_or_else(|| panic!("{kind} should come"));
        if message["type"] == kind {
            return message;
        }
    }
}

fn first<'a>(told: &'a [(Instant, Value)], kind: &str) -> Option<&'a (Instant, Value)> {
    told.iter().find(|(_, message)| message["type"] == kind)
}

fn count(told: &[(Instant, Value)], kind: &str) -> usize {
    let of_kind = told.iter().filter(|(_, message)| message["type"] == kind);
    of_kind.count()
}

async fn start(policy: SessionPolicy, second_device: SecondDevice) -> Server {
    let timing = Timing {
        resume_window: Duration::ZERO,
        ..Timing::default()
    };
    let mut limits = Limits::default();
    limits.joins.burst = 10_000;
    let rules = (AccessPolicy::default(), policy);
    Server::start_with_devices(timing, limits, rules, second_device).await
}

fn idle_for(limit: Duration) -> SessionPolicy {
    SessionPolicy {
        inactivity_limit: Some(limit),
        ..SessionPolicy::default()
    }
}

/// Rooms look at the clock once a second.
const LIMIT: Duration = Duration::from_secs(5);

const PATIENCE: Duration = Duration::from_secs(20);

const SIZE: RoomSize = RoomSize {
    people: 5,
    screens: 1,
};
