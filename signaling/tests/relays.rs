//! Credentials for relays: who gets which, when, and until when.

mod server;

use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use server::role::{barrier, claims, come, join, sign};
use server::{Client, Server};
use sfu::worker::command::Command;
use signaling::access::{AccessPolicy, Nonce, ProofPurpose, Thumbprint, UnixTime, signed_content};
use signaling::limits::{Limits, Rate};
use signaling::room::{SessionPolicy, Window};
use signaling::socket::{JoinOutcome, Timing};
use tokio::time::sleep;

#[tokio::test]
async fn who_joins_gets_credentials_of_its_own_for_the_host_that_it_asked_for() {
    let server = start(Timing::default(), SessionPolicy::default()).await;
    let before = UnixTime::now();

    let ann = join(&server, "r", "client", "ann").await;
    let ben = join(&server, "r", "client", "ben").await;

    let server_of = |client: &Client| client.joined["iceServers"][0].clone();
    assert_eq!(server_of(&ann)["urls"], json!(["turn:127.0.0.1"]));
    let issued = server.relays.issued();
    for (index, client) in [&ann, &ben].into_iter().enumerate() {
        let (user, expires) = &issued[index];
        let expected = format!("{}:{user}", index + 1);
        assert_eq!(server_of(client)["username"], expected);
        assert!((3_600..=3_630).contains(&(expires.0 - before.0)));
        // An outside server's operator learns it.
        assert_ne!(*user, client.id());
    }
    assert_ne!(issued[0].0, issued[1].0);
}

#[tokio::test]
async fn who_waits_at_the_door_gets_none_until_it_is_let_in() {
    let policy = SessionPolicy {
        waiting_room: true,
        ..SessionPolicy::default()
    };
    let server = start(Timing::default(), policy).await;
    let mut host = join(&server, "r", "host", "h").await;

    let mut guest = come(&server, "r", "client", "c").await;
    guest.expect("waiting").await;
    assert_eq!(server.relays.issued().len(), 1);
    host.send(&json!({"type": "admit", "participantIds": [guest.chosen]}))
        .await;

    let joined = guest.expect("joined").await;
    let (user, _) = &server.relays.issued()[1];
    assert_eq!(joined["iceServers"][0]["username"], format!("2:{user}"));
}

#[tokio::test]
async fn credentials_end_with_the_session() {
    let now = UnixTime::now();
    let closes = UnixTime(now.0 + 100);
    let policy = SessionPolicy {
        window: Some(Window {
            opens: UnixTime(now.0 - 100),
            closes,
            grace: Duration::from_secs(20),
        }),
        ..SessionPolicy::default()
    };
    let server = start(Timing::default(), policy).await;

    join(&server, "r", "client", "ann").await;

    let issued = server.relays.issued();
    assert_eq!(issued[0].1, UnixTime(closes.0 + 20));
}

#[tokio::test]
async fn credentials_are_renewed_when_half_their_time_is_over() {
    let server = start(living(4), SessionPolicy::default()).await;
    let mut ann = join(&server, "r", "client", "ann").await;

    let renewed = ann.expect("ice-servers").await;

    let issued = server.relays.issued();
    assert_eq!(issued[0].0, issued[1].0);
    let expected = format!("2:{}", issued[1].0);
    assert_eq!(renewed["iceServers"][0]["username"], expected);
    let later = issued[1].1.0 - issued[0].1.0;
    assert!((2..=4).contains(&later), "{issued:?}");
    ann.expect("ice-servers").await;
}

#[tokio::test]
async fn who_comes_back_gets_others_if_a_quarter_of_the_time_is_over() {
    let server = start(living(8), SessionPolicy::default()).await;
    let mut early = join(&server, "r", "client", "early").await;
    let mut late = join(&server, "q", "client", "late").await;
    for client in [&mut early, &mut late] {
        client
            .send(&json!({"type": "media", "microphone": true, "camera": true}))
            .await;
        barrier(client).await;
    }

    let mut back = resume(&server, &early).await;
    back.expect_nothing().await;
    sleep(Duration::from_millis(2_100)).await;
    let mut back = resume(&server, &late).await;

    let renewed = back.expect("ice-servers").await;
    let issued = server.relays.issued();
    assert_eq!(issued[2].0, issued[1].0);
    let expected = format!("3:{}", issued[2].0);
    assert_eq!(renewed["iceServers"][0]["username"], expected);
}

#[tokio::test]
async fn relays_hear_of_who_is_gone_once() {
    let timing = Timing {
        resume_window: Duration::ZERO,
        ..Timing::default()
    };
    let server = start(timing, SessionPolicy::default()).await;
    let mut host = join(&server, "r", "host", "h").await;
    let mut ann = join(&server, "r", "client", "ann").await;
    let mut ben = join(&server, "r", "client", "ben").await;

    ann.send(&json!({"type": "leave"})).await;
    barrier_to_end(&mut ann).await;
    host.send(&json!({"type": "remove", "participantId": ben.id()}))
        .await;
    barrier_to_end(&mut ben).await;

    assert_eq!(server.relays.ended(), server.relays.issued()[1..]);
    // Who comes back, under the same id or not, is another to the relay.
    join(&server, "r", "client", "ann").await;
    let issued = server.relays.issued();
    assert!(issued[..3].iter().all(|(user, _)| *user != issued[3].0));
}

#[tokio::test]
async fn a_network_is_tested_with_a_token_before_the_join_and_the_token_is_still_good() {
    let server = start(Timing::default(), SessionPolicy::default()).await;
    let token = sign(&server, &claims("r", "client", "ann"));
    let before = UnixTime::now();

    let (mut tester, test) = begin_test(&server, &token).await;

    assert_eq!(test["iceServers"][0]["urls"], json!(["turn:127.0.0.1"]));
    let (user, expires) = server.relays.issued()[0].clone();
    assert!(user.starts_with("test-") && user.len() <= 32, "{user}");
    assert!((300..=330).contains(&(expires.0 - before.0)));
    tester.send(&server::microphone_offer()).await;
    let answer = tester.expect("answer").await;
    assert!(
        answer["sdp"]
            .as_str()
            .is_some_and(|sdp| sdp.contains("a=candidate:"))
    );
    let [(worker, Command::Join { participant, .. })] = server.plane.commands()[..] else {
        panic!("the transport alone: {:?}", server.plane.commands());
    };
    let _ann = join(&server, "r", "client", "ann").await;

    tester.stream.close(None).await.expect("it is open");
    tester.expect_end().await;

    until(|| {
        let commands = server.plane.commands();
        commands.last() == Some(&(worker, Command::Leave { participant }))
    })
    .await;
    until(|| server.relays.ended() == server.relays.issued()[..1]).await;
    let joins = server.service.statistics().joins;
    assert!(
        joins.contains(&(JoinOutcome::NetworkTested, 1)),
        "{joins:?}"
    );
}

#[tokio::test]
async fn a_test_takes_one_offer_and_nothing_else() {
    let server = start(Timing::default(), SessionPolicy::default()).await;
    let offer = server::microphone_offer();
    for (first, code) in [
        (&offer, "invalid-message"),
        (&json!({"type": "leave"}), "invalid-message"),
        (
            &json!({"type": "offer", "sdp": "v=0", "publications": [], "slots": []}),
            "invalid-offer",
        ),
    ] {
        let (mut tester, _) = begin_test(&server, &server.token("r")).await;
        tester.send(first).await;
        tester.send_if_open(&offer).await;
        let mut messages = Vec::new();
        while let Some(message) = tester.receive_or_end().await {
            messages.push(message);
        }
        let last = messages.last().expect("an error");
        assert_eq!(last["code"], code, "{messages:?}");
    }
    until(|| {
        let commands = server.plane.commands();
        let count = |is: fn(&Command) -> bool| commands.iter().filter(|(_, one)| is(one)).count();
        let joins = count(|one| matches!(one, Command::Join { .. }));
        let leaves = count(|one| matches!(one, Command::Leave { .. }));
        (joins, leaves) == (1, 1)
    })
    .await;
}

#[tokio::test]
async fn each_test_is_a_user_of_its_own_and_ends_as_such() {
    let server = start(Timing::default(), SessionPolicy::default()).await;
    let token = sign(&server, &claims("r", "client", "ann"));
    let (first, _) = begin_test(&server, &token).await;
    let (_second, _) = begin_test(&server, &token).await;

    drop(first);

    until(|| server.relays.ended() == server.relays.issued()[..1]).await;
    let issued = server.relays.issued();
    assert_ne!(issued[0].0, issued[1].0);
}

#[tokio::test]
async fn nobody_tests_without_a_token_that_would_be_good_to_join_with() {
    let server = start(Timing::default(), SessionPolicy::default()).await;
    let mut stranger = server.connect().await;
    stranger
        .send(&json!({"type": "test-network", "token": "x.y.z"}))
        .await;
    stranger.expect_fatal("invalid-token").await;

    let mut host = join(&server, "r", "host", "h").await;
    let mut removed = join(&server, "r", "client", "c").await;
    host.send(&json!({"type": "remove", "participantId": removed.id()}))
        .await;
    barrier_to_end(&mut removed).await;
    let mut again = server.connect().await;
    let token = sign(&server, &claims("r", "client", "c"));
    again
        .send(&json!({"type": "test-network", "token": token}))
        .await;
    again.expect_fatal("token-revoked").await;

    // Those of the host and of the client, when they joined.
    assert_eq!(server.relays.issued().len(), 2);
}

#[tokio::test]
async fn a_bound_token_tests_only_with_a_proof_that_is_for_that() {
    let server = start(Timing::default(), SessionPolicy::default()).await;
    let key = Ed25519KeyPair::generate().expect("a key can be made");
    let public = key.public_key().as_ref().try_into().expect("32 bytes");
    let mut bound = claims("r", "client", "c");
    bound["cnf"] = json!({"jkt": Thumbprint::of_ed25519(&public).to_string()});
    let token = sign(&server, &bound);

    let mut bare = server.connect().await;
    bare.send(&json!({"type": "test-network", "token": token}))
        .await;
    bare.expect_fatal("proof-required").await;
    for (purpose, is_good) in [
        (ProofPurpose::Join, false),
        (ProofPurpose::NetworkTest, true),
    ] {
        let mut tester = server.connect().await;
        let proof = prove(&key, purpose, &tester.nonce, &token);
        tester
            .send(&json!({"type": "test-network", "token": token, "proof": proof}))
            .await;
        if is_good {
            tester.expect("network-test").await;
        } else {
            tester.expect_fatal("invalid-proof").await;
        }
    }
    let mut joiner = server.connect().await;
    let proof = prove(&key, ProofPurpose::NetworkTest, &joiner.nonce, &token);
    joiner
        .send(&json!({"type": "join", "token": token, "proof": proof}))
        .await;
    joiner.expect_fatal("invalid-proof").await;
}

#[tokio::test]
async fn tests_count_as_attempts_to_join() {
    let joins = Rate {
        per_second: 1,
        burst: 3,
    };
    let limits = Limits {
        joins,
        ..Limits::default()
    };
    let server = Server::start_with(Timing::default(), limits).await;
    let token = server.token("r");
    for _ in 0..3 {
        begin_test(&server, &token).await;
    }

    assert_eq!(server.refused(Some("quietroom.v1"), None).await, 429);
}

async fn begin_test(server: &Server, token: &str) -> (Client, Value) {
    let mut tester = server.connect().await;
    tester
        .send(&json!({"type": "test-network", "token": token}))
        .await;
    let test = tester.expect("network-test").await;
    (tester, test)
}

async fn until(is_so: impl Fn() -> bool) {
    for _ in 0..200 {
        if is_so() {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("it never is");
}

fn prove(key: &Ed25519KeyPair, purpose: ProofPurpose, nonce: &str, token: &str) -> Value {
    let nonce = URL_SAFE_NO_PAD.decode(nonce).expect("it is base64url");
    let nonce = Nonce::new(nonce.try_into().expect("32 bytes"));
    let signature = key.sign(&signed_content(purpose, &nonce, "r", token));
    json!({
        "key": {"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(key.public_key())},
        "signature": URL_SAFE_NO_PAD.encode(signature),
    })
}

async fn barrier_to_end(client: &mut Client) {
    while client.receive_or_end().await.is_some() {}
}

/// Somebody on another socket, who has read `joined` alone.
async fn resume(server: &Server, client: &Client) -> Client {
    let mut back = server.connect().await;
    back.send(&json!({
        "type": "resume",
        "participantId": client.id(),
        "secret": client.joined["resume"]["secret"],
        // And the refusal that the barrier met.
        "received": 2,
    }))
    .await;
    back.expect("resumed").await;
    back
}

/// With credentials that are good for so many seconds.
fn living(seconds: u64) -> Timing {
    Timing {
        relay_credentials: Duration::from_secs(seconds),
        ..Timing::default()
    }
}

async fn start(timing: Timing, policy: SessionPolicy) -> Server {
    let rules = (AccessPolicy::default(), policy);
    Server::start_ruled(timing, Limits::default(), rules).await
}
