//! Sockets, from the handshake to the last message.

mod server;

use std::time::Duration;

use futures_util::SinkExt;
use serde_json::json;
use server::{PATIENCE, Server, new_token};
use sfu::worker::command::Command;
use sfu::worker::event::{DisconnectReason, Event};
use signaling::access::{DevelopmentKey, UnixTime};
use signaling::limits::{Limits, Rate};
use signaling::socket::{GivenUp, JoinOutcome, Timing};
use tokio::net::TcpSocket;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

#[tokio::test]
async fn two_participants_see_each_other_come_and_go() {
    let server = Server::start().await;
    let mut first = server.join("r").await;
    let mut second = server.join("r").await;

    assert_eq!(second.joined["participants"][0]["id"], first.id());
    let came = first.expect("participant-joined").await;
    assert_eq!(came["participant"]["id"], second.id());
    let slots = first.expect("slots").await;
    assert_eq!(
        slots["assignments"],
        json!([{"slot": 0, "participantId": second.id()}])
    );

    first
        .send(&json!({"type": "media", "microphone": true, "camera": false}))
        .await;
    second.expect("slots").await;
    let update = second.expect("participant-updated").await;
    assert_eq!(update["participant"]["microphone"], true);
    assert_eq!(update["participant"]["camera"], false);

    second.send(&json!({"type": "leave"})).await;
    second.expect_end().await;
    let slots = first.expect("slots").await;
    assert_eq!(
        slots["assignments"],
        json!([{"slot": 0, "participantId": null}])
    );
    let left = first.expect("participant-left").await;
    assert_eq!(left["participantId"], second.id());
}

#[tokio::test]
async fn without_a_window_a_dropped_socket_ends_the_stay_at_once() {
    let server = Server::start().await;
    let mut first = server.join("r").await;
    let second = server.join("r").await;
    first.expect("participant-joined").await;
    first.expect("slots").await;

    drop(second);

    first.expect("slots").await;
    first.expect("participant-left").await;
}

#[tokio::test]
async fn rooms_do_not_mix() {
    let server = Server::start().await;
    let mut first = server.join("a").await;
    let second = server.join("b").await;

    assert_eq!(second.joined["participants"], json!([]));
    first.expect_nothing().await;
}

#[tokio::test]
async fn rooms_spread_over_workers() {
    let server = Server::start().await;
    let mut participants = Vec::new();
    for room in ["a", "b", "c", "d"] {
        let mut participant = server.join(room).await;
        participant.offer().await;
        participant.expect_answer().await;
        participants.push(participant);
    }

    let mut workers: Vec<_> = server
        .plane
        .commands()
        .iter()
        .filter(|(_, command)| matches!(command, Command::Join { .. }))
        .map(|(worker, _)| *worker)
        .collect();
    workers.sort_unstable();
    assert_eq!(workers, [0, 0, 1, 1]);
}

#[tokio::test]
async fn an_offer_is_answered_and_reaches_the_worker() {
    let server = Server::start().await;
    let mut participant = server.join("r").await;

    participant.offer().await;

    let answer = participant.expect_answer().await;
    let sdp = answer["sdp"].as_str().expect("an answer has SDP");
    assert!(sdp.contains("a=candidate:1 1 udp 33555199 192.0.2.1 8443 typ host\r\n"));
    let id = participant.number();
    let commands = server.plane.commands();
    let [
        (_, Command::Join { participant, .. }),
        (_, Command::Negotiate { media, .. }),
    ] = &commands[..]
    else {
        panic!("the worker hears of the transport and then of the media");
    };
    assert_eq!(*participant, id);
    assert_eq!(media.slots.len(), 4);
}

#[tokio::test]
async fn ice_restarts_reach_the_worker_and_a_flood_of_them_does_not() {
    let server = Server::start().await;
    let mut ann = server.join("r").await;
    let mut ben = server.join("r").await;
    for _ in 0..2 {
        ann.receive().await;
    }
    ben.receive().await;
    ann.offer().await;
    ann.expect_answer().await;
    let before = server.plane.commands().len();

    for round in 0..40 {
        ann.restart(round).await;
    }

    let mut answers = Vec::new();
    let mut refusals = 0;
    while answers.len() + refusals < 40 {
        let message = ann.receive().await;
        match message["type"].as_str() {
            Some("answer") => answers.push(message["sdp"].to_string()),
            Some("error") if message["code"] == "rate-limited" => {
                assert_eq!(message["fatal"], false);
                refusals += 1;
            }
            Some("audio-codecs" | "video-codecs") => {}
            _ => panic!("{message}"),
        }
    }
    assert!((10..=13).contains(&answers.len()), "{}", answers.len());
    let commands = server.plane.commands().split_off(before);
    let restarts: Vec<_> = commands
        .iter()
        .filter_map(|(_, command)| match command {
            Command::RestartIce {
                participant, local, ..
            } => Some((*participant, local.ufrag.clone())),
            Command::Negotiate { .. } => None,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(restarts.len(), answers.len());
    for (answer, (participant, ufrag)) in answers.iter().zip(&restarts) {
        assert_eq!(*participant, ann.number());
        assert!(answer.contains(&format!("a=ice-ufrag:{ufrag}")));
    }
    ben.expect_nothing().await;
}

#[tokio::test]
async fn a_shared_screen_is_told_to_all_and_one_too_many_refused() {
    let server = Server::start().await;
    let mut ann = server.join("r").await;
    assert_eq!(ann.joined["screenSlots"], 1);
    let mut ben = server.join("r").await;
    ann.expect("participant-joined").await;
    ann.expect("slots").await;
    ben.expect("slots").await;

    ann.send(&json!({ "type": "share-screen" })).await;

    let shared = json!([{ "slot": 0, "participantId": ann.id() }]);
    assert_eq!(ann.expect("screens").await["assignments"], shared);
    assert_eq!(ben.expect("screens").await["assignments"], shared);

    ben.send(&json!({ "type": "share-screen" })).await;
    let refusal = ben.expect("error").await;
    assert_eq!(refusal["code"], "screens-full");
    assert_eq!(refusal["fatal"], false);

    ann.send(&json!({ "type": "stop-screen-share" })).await;
    let free = json!([{ "slot": 0, "participantId": null }]);
    assert_eq!(ben.expect("screens").await["assignments"], free);
}

#[tokio::test]
async fn who_joins_before_its_key_package_is_made_takes_part_in_the_group() {
    let server = Server::start().await;
    let mut ann = server.connect().await;
    let token = server.token("r");
    let join = json!({ "type": "join", "token": token, "keyPackageFollows": true });
    ann.send(&join).await;
    ann.expect("joined").await;
    ann.expect("mls-create").await;
    let report = json!({ "type": "mls-report", "epoch": 0, "transcriptHash": "aa", "leaf": 0 });
    ann.send(&report).await;

    let mut ben = server.connect().await;
    let token = server.token("r");
    let join = json!({ "type": "join", "token": token, "keyPackageFollows": true });
    ben.send(&join).await;
    let joined = ben.expect("joined").await;
    ann.expect("participant-joined").await;
    ann.expect("slots").await;
    let claim = json!({ "type": "mls-claim", "participantIds": [joined["participantId"]] });
    ann.send(&claim).await;
    ben.expect("slots").await;
    ben.expect("mls-key-package-wanted").await;
    let key_package = json!({ "type": "mls-key-package", "keyPackage": "bbbb" });
    ben.send(&key_package).await;

    assert_eq!(ann.expect("mls-key-package").await["keyPackage"], "bbbb");
}

#[tokio::test]
async fn lost_media_ends_the_socket_with_its_reason() {
    let server = Server::start().await;
    let mut participant = server.join("r").await;

    server.service.handle_media_event(Event::Disconnected {
        participant: participant.number(),
        reason: DisconnectReason::ConsentExpired,
    });

    participant.expect_fatal("media-disconnected").await;
}

#[tokio::test]
async fn a_token_that_is_not_good_is_refused_with_its_reason() {
    let server = Server::start().await;
    let now = UnixTime::now();
    let old = server.token_at("r", UnixTime(now.0 - 7_200));
    let early = server.token_at("r", UnixTime(now.0 + 3_600));
    let forged = DevelopmentKey::generate().mint(&new_token("r", now));
    let mut stripped = server.token("r");
    stripped.truncate(stripped.rfind('.').expect("a token has dots") + 1);

    for (token, code) in [
        (old, "token-expired"),
        (early, "token-not-yet-valid"),
        (forged, "invalid-token"),
        (stripped, "invalid-token"),
        ("garbage".into(), "invalid-token"),
        (String::new(), "invalid-token"),
        ("x".repeat(9_000), "invalid-token"),
    ] {
        let mut socket = server.connect().await;
        socket.send(&json!({"type": "join", "token": token})).await;
        socket.expect_fatal(code).await;
    }
    assert!(server.plane.commands().is_empty());
}

#[tokio::test]
async fn a_full_room_is_refused() {
    let server = Server::start().await;
    // The last seat is a host's.
    let mut inside = Vec::new();
    for _ in 0..2 {
        inside.push(server.join("r").await);
    }

    let mut socket = server.connect().await;
    let token = server.token("r");
    socket.send(&json!({"type": "join", "token": token})).await;

    socket.expect_fatal("room-full").await;
}

#[tokio::test]
async fn nothing_but_join_may_come_first() {
    let server = Server::start().await;
    for text in [
        "",
        "null",
        "[]",
        "{}",
        "garbage",
        "{\"type\":\"leave\"}",
        "{\"type\":\"join\"}",
        "{\"type\":\"join\",\"token\":1}",
        "{\"type\":\"dance\"}",
    ] {
        let mut socket = server.connect().await;
        socket.send_raw(Message::text(text)).await;
        socket.expect_fatal("invalid-message").await;
    }
}

#[tokio::test]
async fn deep_json_is_refused() {
    let server = Server::start().await;
    let mut socket = server.connect().await;

    socket.send_raw(Message::text("[".repeat(10_000))).await;

    socket.expect_fatal("invalid-message").await;
}

#[tokio::test]
async fn who_says_nothing_is_closed() {
    let server = start_impatient().await;
    let mut socket = server.connect().await;

    socket.expect_fatal("invalid-message").await;
}

#[tokio::test]
async fn unknown_fields_are_ignored() {
    let server = Server::start().await;
    let mut socket = server.connect().await;
    let token = server.token("r");

    socket
        .send(&json!({"type": "join", "token": token, "later": {"version": 2}}))
        .await;

    socket.expect("joined").await;
}

#[tokio::test]
async fn a_mistake_after_joining_is_told_and_survived() {
    let server = Server::start().await;
    let mut participant = server.join("r").await;

    participant
        .send_raw(Message::text("{\"type\":\"dance\"}"))
        .await;
    let error = participant.expect("error").await;
    assert_eq!(error["code"], "invalid-message");
    assert_eq!(error["fatal"], false);

    let token = server.token("r");
    participant
        .send(&json!({"type": "join", "token": token}))
        .await;
    let error = participant.expect("error").await;
    assert_eq!(error["fatal"], false);

    participant.offer().await;
    participant.expect_answer().await;
}

#[tokio::test]
async fn a_first_offer_that_cannot_be_answered_ends_the_stay() {
    let server = Server::start().await;
    let mut participant = server.join("r").await;

    participant
        .send(&json!({"type": "offer", "sdp": "v=0", "publications": [], "slots": []}))
        .await;

    participant.expect_fatal("invalid-offer").await;
}

#[tokio::test]
async fn a_later_offer_that_cannot_be_answered_does_not() {
    let server = Server::start().await;
    let mut participant = server.join("r").await;
    participant.offer().await;
    participant.expect_answer().await;

    participant
        .send(&json!({"type": "offer", "sdp": "v=0", "publications": [], "slots": []}))
        .await;

    let error = participant.expect("error").await;
    assert_eq!(error["code"], "invalid-offer");
    assert_eq!(error["fatal"], false);
}

#[tokio::test]
async fn binary_messages_are_refused() {
    let server = Server::start().await;
    let mut stranger = server.connect().await;
    let mut participant = server.join("r").await;

    stranger.send_raw(Message::binary(vec![0; 10])).await;
    participant.send_raw(Message::binary(vec![0; 10])).await;

    stranger.expect_fatal("invalid-message").await;
    participant.expect_fatal("invalid-message").await;
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused() {
    let server = Server::start().await;
    let large = Message::text("x".repeat(256 * 1024 + 1));

    let mut stranger = server.connect().await;
    stranger.send_raw(large.clone()).await;
    stranger.expect_fatal("message-too-large").await;

    let mut participant = server.join("r").await;
    participant.send_raw(large).await;
    let error = participant.expect("error").await;
    assert_eq!(error["code"], "message-too-large");
}

#[tokio::test]
async fn a_huge_message_ends_the_socket() {
    let server = Server::start().await;
    let mut socket = server.connect().await;

    let huge = Message::text("x".repeat(4 * 1024 * 1024));
    let _ = timeout(PATIENCE, socket.stream.send(huge)).await;

    socket.expect_end().await;
}

#[tokio::test]
async fn a_reader_that_does_not_keep_up_is_closed_and_the_room_goes_on() {
    // So patient that only what is queued can be the reason.
    let server = Server::start_with(
        Timing {
            silence_limit: 10 * PATIENCE,
            resume_window: Duration::ZERO,
            ..Timing::default()
        },
        Limits {
            messages: Rate {
                per_second: u32::MAX,
                burst: u32::MAX,
            },
            ..Limits::default()
        },
    )
    .await;
    let mut talker = server.join("r").await;
    let slow = server.join_with_small_buffers("r").await;
    talker.expect("participant-joined").await;
    talker.expect("slots").await;

    let talking = async {
        let mut on = false;
        loop {
            on = !on;
            for _ in 0..200 {
                on = !on;
                let text = json!({"type": "media", "microphone": on, "camera": on});
                let message = Message::text(text.to_string());
                talker
                    .stream
                    .feed(message)
                    .await
                    .expect("the talker is heard");
            }
            talker.stream.flush().await.expect("the talker is heard");
            if let Ok(message) = timeout(Duration::from_millis(1), talker.receive()).await {
                return message;
            }
        }
    };
    let message = timeout(PATIENCE, talking)
        .await
        .expect("the slow one is closed");

    assert_eq!(message["type"], "slots");
    let left = talker.expect("participant-left").await;
    assert_eq!(left["participantId"], slow.id());
    let given_up = server.service.statistics().given_up;
    assert!(given_up.contains(&(GivenUp::SlowReader, 1)), "{given_up:?}");
}

#[tokio::test]
async fn a_silent_client_is_closed() {
    let server = start_impatient().await;
    let mut alive = server.join("r").await;
    let silent = server.join("r").await;
    alive.expect("participant-joined").await;
    alive.expect("slots").await;

    // A client that is not polled answers no ping.
    let left = async {
        alive.expect("slots").await;
        alive.expect("participant-left").await
    };
    let left = timeout(PATIENCE, left)
        .await
        .expect("the silent one is closed");

    assert_eq!(left["participantId"], silent.id());
}

/// A server that waits for nobody long. Others wait for whoever is not heard,
/// be it that the machine stands still.
async fn start_impatient() -> Server {
    let timing = Timing {
        join_deadline: Duration::from_millis(1_500),
        ping_interval: Duration::from_millis(300),
        silence_limit: Duration::from_millis(1_500),
        resume_window: Duration::ZERO,
        ..Timing::default()
    };
    Server::start_with(timing, Limits::default()).await
}

#[tokio::test]
async fn only_an_offer_may_be_large() {
    let server = Server::start().await;
    let large =
        json!({"type": "media", "microphone": true, "camera": true, "x": "x".repeat(17_000)});

    let mut stranger = server.connect().await;
    let token = "x".repeat(17_000);
    stranger
        .send(&json!({"type": "join", "token": token}))
        .await;
    stranger.expect_fatal("message-too-large").await;

    let mut participant = server.join("r").await;
    participant.send(&large).await;
    let error = participant.expect("error").await;
    assert_eq!(error["code"], "message-too-large");
    assert_eq!(error["fatal"], false);
}

#[tokio::test]
async fn messages_that_come_too_fast_are_dropped_and_their_sender_told_once() {
    let server = Server::start_limited(Limits {
        messages: Rate {
            per_second: 2,
            burst: 10,
        },
        ..Limits::default()
    })
    .await;
    let mut other = server.join("r").await;
    let mut hasty = server.join("r").await;
    other.expect("participant-joined").await;
    other.expect("slots").await;
    hasty.expect("slots").await;

    // One token went for join, and what is refused has an account of ten.
    for round in 0..14 {
        let on = round % 2 == 0;
        hasty
            .send(&json!({"type": "media", "microphone": on, "camera": on}))
            .await;
    }

    let error = hasty.expect("error").await;
    assert_eq!(error["code"], "rate-limited");
    assert_eq!(error["fatal"], false);
    tokio::time::sleep(Duration::from_millis(800)).await;
    hasty
        .send(&json!({"type": "media", "microphone": true, "camera": false}))
        .await;
    let heard = async {
        loop {
            let update = other.expect("participant-updated").await;
            if update["participant"]["camera"] != update["participant"]["microphone"] {
                return;
            }
        }
    };
    timeout(PATIENCE, heard).await.expect("it is heard again");
    assert!(server.service.statistics().messages_dropped >= 1);
}

#[tokio::test]
async fn who_goes_on_too_fast_is_closed() {
    let server = Server::start().await;
    let mut other = server.join("r").await;
    let mut flood = server.join("r").await;
    other.expect("participant-joined").await;
    other.expect("slots").await;
    flood.expect("slots").await;

    let flooding = async {
        let message = Message::text("{\"type\":\"dance\"}");
        while flood.stream.send(message.clone()).await.is_ok() {}
    };
    timeout(PATIENCE, flooding)
        .await
        .expect("the socket closes");

    other.expect("slots").await;
    other.expect("participant-left").await;
    let statistics = server.service.statistics();
    assert!(statistics.given_up.contains(&(GivenUp::Flooding, 1)));
}

#[tokio::test]
async fn a_flood_before_joining_is_closed_too() {
    let server = Server::start().await;
    let mut stranger = server.connect().await;

    for _ in 0..150 {
        if stranger
            .stream
            .send(Message::Ping("x".into()))
            .await
            .is_err()
        {
            break;
        }
    }

    stranger.expect_fatal("rate-limited").await;
}

#[tokio::test]
async fn a_full_server_says_so() {
    let server = Server::start_limited(Limits {
        rooms: 2,
        participants: 3,
        ..Limits::default()
    })
    .await;
    let mut first = server.join("a").await;
    let _second = server.join("b").await;

    server.refuse("c", "server-full").await;
    let _third = server.join("b").await;
    server.refuse("b", "server-full").await;
    let statistics = server.service.statistics();
    assert_eq!((statistics.rooms, statistics.participants), (2, 3));
    assert!(statistics.joins.contains(&(JoinOutcome::Joined, 3)));
    assert!(statistics.joins.contains(&(JoinOutcome::ServerFull, 2)));

    first.send(&json!({"type": "leave"})).await;
    first.expect_end().await;
    server.join("c").await;
}

#[tokio::test]
async fn more_streams_than_allowed_are_refused() {
    let server = Server::start_limited(Limits {
        publications: 1,
        ..Limits::default()
    })
    .await;
    let mut participant = server.join("r").await;

    participant.offer().await;

    participant.expect_fatal("invalid-offer").await;
    assert!(server.plane.commands().is_empty());
}

#[tokio::test]
async fn too_many_attempts_are_refused_before_the_socket_opens() {
    let server = Server::start_limited(Limits {
        joins: Rate {
            per_second: 1,
            burst: 2,
        },
        ..Limits::default()
    })
    .await;
    let _first = server.connect().await;
    let _second = server.connect().await;

    let response = server.refusal(Some("quietroom.v1"), None).await;

    assert_eq!(response.status(), 429);
    let wait = response.headers()["retry-after"]
        .to_str()
        .expect("it is text");
    let wait: u64 = wait.parse().expect("it is a number of seconds");
    tokio::time::sleep(Duration::from_secs(wait)).await;
    server.join("r").await;
}

#[tokio::test]
async fn the_subprotocol_must_be_named() {
    let server = Server::start().await;
    for protocol in [None, Some("quietroom.v2")] {
        let status = server.refused(protocol, None).await;
        assert_eq!(status, 400, "{protocol:?}");
    }
}

#[tokio::test]
async fn pages_of_other_hosts_are_refused() {
    let server = Server::start().await;

    let status = server
        .refused(Some("quietroom.v1"), Some("https://evil.example"))
        .await;

    assert_eq!(status, 403);
}

#[tokio::test]
async fn a_server_that_goes_down_says_so_and_waits_for_nobody_long() {
    let server = Server::start().await;
    let mut stranger = server.connect().await;
    let mut participant = server.join("r").await;

    server.service.shut_down();

    for client in [&mut stranger, &mut participant] {
        let error = client.expect("error").await;
        assert_eq!(error["code"], "shutting-down");
        assert_eq!(client.close_code().await, CloseCode::Away);
    }
    timeout(PATIENCE, server.service.closed())
        .await
        .expect("all sockets are closed");

    let socket = TcpSocket::new_v4().expect("there are sockets");
    let mut late = server.open(socket).await;
    // The challenge comes only if it was sent before the socket was looked at.
    let first = late.receive().await;
    if first["type"] == "challenge" {
        late.expect_fatal("shutting-down").await;
    } else {
        assert_eq!(first["code"], "shutting-down", "{first}");
    }
}
