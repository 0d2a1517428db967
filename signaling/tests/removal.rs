//! Removal is of a token, whichever of its stays a host points at.

mod server;

use std::time::Duration;

use serde_json::json;
use server::role::{barrier, come, join};
use server::{Client, Server};
use sfu::identity::ParticipantId;
use signaling::access::AccessPolicy;
use signaling::api::LiveRooms;
use signaling::limits::Limits;
use signaling::room::{Consent, SessionPolicy};
use signaling::socket::Timing;

#[tokio::test]
async fn all_stays_of_the_token_end_also_those_that_no_host_sees() {
    let consent = Consent {
        version: "1".into(),
        text: "I agree.".into(),
    };
    let server = start(SessionPolicy {
        consent: Some(consent),
        ..SessionPolicy::default()
    })
    .await;
    let mut host = come(&server, "room", "host", "h").await;
    accept(&mut host).await;
    let mut second = come(&server, "room", "client", "c").await;
    accept_nothing(&mut second).await;
    let mut inside = come(&server, "room", "client", "c").await;
    accept(&mut inside).await;
    let mut other = come(&server, "room", "client", "d").await;
    let hash = accept_nothing(&mut other).await;
    barrier(&mut inside).await;
    barrier(&mut second).await;

    remove(&mut host, &inside.chosen).await;

    inside.expect_fatal("removed").await;
    second.expect_fatal("removed").await;
    let mut again = come(&server, "room", "client", "c").await;
    again.expect_fatal("token-revoked").await;
    other
        .send(&json!({"type": "accept-consent", "hash": hash}))
        .await;
    other.expect("joined").await;
}

#[tokio::test]
async fn who_has_just_left_is_removed_all_the_same_and_so_is_the_stay_that_came_after() {
    let server = start(SessionPolicy::default()).await;
    let mut host = join(&server, "room", "host", "h").await;
    let mut first = join(&server, "room", "client", "c").await;
    first.send(&json!({"type": "leave"})).await;
    first.expect("slots").await;
    first.expect_end().await;
    let mut second = join(&server, "room", "client", "c").await;
    barrier(&mut second).await;

    remove(&mut host, first.id()).await;

    second.expect_fatal("removed").await;
    let mut again = come(&server, "room", "client", "c").await;
    again.expect_fatal("token-revoked").await;
}

#[tokio::test]
async fn a_removal_of_nobody_or_of_oneself_is_answered() {
    let server = start(SessionPolicy::default()).await;
    let mut host = join(&server, "room", "host", "h").await;
    let second = join(&server, "room", "host", "h").await;
    barrier(&mut host).await;

    for (id, code) in [
        ("00000000000000ff", "unknown-participant"),
        (second.id(), "not-allowed"),
    ] {
        host.send(&json!({"type": "remove", "participantId": id}))
            .await;
        assert_eq!(host.expect("error").await["code"], code);
    }

    assert_eq!(barrier(&mut host).await, [json!(null); 0]);
}

#[tokio::test]
async fn the_clinic_finds_who_has_just_left_and_removes_all_stays() {
    let server = start(SessionPolicy {
        waiting_room: true,
        ..SessionPolicy::default()
    })
    .await;
    let mut host = join(&server, "room", "host", "h").await;
    let mut first = come(&server, "room", "client", "c").await;
    first.expect("waiting").await;
    first.send(&json!({"type": "leave"})).await;
    first.expect_end().await;
    let mut second = come(&server, "room", "client", "c").await;
    second.expect("waiting").await;
    let id = u64::from_str_radix(&first.chosen, 16).expect("it is a number");

    let bearer = server.service.bearer("room", ParticipantId(id));
    let bearer = bearer.expect("it was here");
    server.service.remove("room", &bearer.token_id);

    second.expect_fatal("removed").await;
    barrier(&mut host).await;
}

async fn remove(host: &mut Client, id: &str) {
    host.send(&json!({"type": "remove", "participantId": id}))
        .await;
}

async fn accept(client: &mut Client) {
    let hash = accept_nothing(client).await;
    client
        .send(&json!({"type": "accept-consent", "hash": hash}))
        .await;
    client.joined = client.expect("joined").await;
}

/// Waits to be asked.
async fn accept_nothing(client: &mut Client) -> String {
    let asked = client.expect("consent-required").await;
    asked["hash"].as_str().expect("text").to_owned()
}

async fn start(policy: SessionPolicy) -> Server {
    let timing = Timing {
        resume_window: Duration::ZERO,
        ..Timing::default()
    };
    let rules = (AccessPolicy::default(), policy);
    Server::start_ruled(timing, Limits::default(), rules).await
}
