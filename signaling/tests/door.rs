//! The door stays open to a host, whatever one person with a good token does.

mod server;

use std::time::Duration;

use serde_json::{Value, json};
use server::Server;
use server::role::{barrier, come, join};
use signaling::access::AccessPolicy;
use signaling::limits::{Limits, Rate};
use signaling::room::SessionPolicy;
use signaling::socket::Timing;

#[tokio::test]
async fn one_person_fills_neither_the_door_nor_the_way_of_a_host() {
    let server = start(true).await;
    let mut crowd = Vec::new();
    for _ in 0..40 {
        let mut one = come(&server, "room", "client", "c").await;
        one.expect("waiting").await;
        crowd.push(one);
    }

    let mut host = join(&server, "room", "host", "h").await;

    let list = host.expect("waiting-list").await;
    assert_eq!(people(&list), 3);
    crowd[0].expect_fatal("joined-elsewhere").await;
}

#[tokio::test]
async fn a_crowd_at_the_door_keeps_others_out_but_no_host() {
    let server = start(true).await;
    let mut crowd = Vec::new();
    for person in 0..32 {
        let mut one = come(&server, "room", "client", &format!("c{person}")).await;
        one.expect("waiting").await;
        crowd.push(one);
    }
    let mut late = come(&server, "room", "client", "late").await;
    late.expect_fatal("room-full").await;

    join(&server, "room", "host", "h").await;
}

#[tokio::test]
async fn the_last_seat_is_a_hosts_while_none_is_there() {
    let server = start(false).await;
    let _clients = [
        join(&server, "room", "client", "c").await,
        join(&server, "room", "client", "d").await,
    ];
    let mut third = come(&server, "room", "client", "e").await;
    third.expect_fatal("room-full").await;

    join(&server, "room", "host", "h").await;
}

#[tokio::test]
async fn a_flood_of_knocks_does_not_become_one_of_lists() {
    let server = start(true).await;
    let mut host = join(&server, "room", "host", "h").await;
    let mut waiting = come(&server, "room", "client", "c").await;
    waiting.expect("waiting").await;
    let name = |round: usize| format!("{}{round:02}", "x".repeat(1_000));
    for round in 0..16 {
        waiting
            .send(&json!({"type": "knock", "sealedName": name(round)}))
            .await;
    }
    barrier(&mut waiting).await;

    let mut news: Vec<_> = barrier(&mut host).await;
    assert!(news.len() <= 5, "{} at once", news.len());

    // The last word is not lost.
    while !is_last(&news, &name(15)) {
        news.push(host.receive().await);
    }
    assert!(news.len() < 10, "{}", news.len());
}

#[tokio::test]
async fn who_was_let_in_or_refused_is_off_the_list_at_once_however_many_came() {
    let server = start(true).await;
    let mut host = join(&server, "room", "host", "h").await;
    for round in 0..8 {
        let mut waiting = come(&server, "room", "client", &format!("c{round}")).await;
        waiting.expect("waiting").await;
        let mut list = host.receive().await;
        while list["type"] != "waiting-list" || people(&list) == 0 {
            list = host.receive().await;
        }
        let id = list["people"][0]["id"].clone();
        let decision = if round % 2 == 0 {
            json!({"type": "admit", "participantIds": [id]})
        } else {
            json!({"type": "refuse", "participantId": id})
        };

        host.send(&decision).await;

        let news = barrier(&mut host).await;
        let mut lists = news.iter().rev().filter(|n| n["type"] == "waiting-list");
        assert_eq!(lists.next().map(people), Some(0), "{round}: {news:?}");
    }
}

fn is_last(news: &[Value], name: &str) -> bool {
    news.last()
        .is_some_and(|news| news.to_string().contains(name))
}

fn people(list: &Value) -> usize {
    list["people"].as_array().expect("a list").len()
}

async fn start(waiting_room: bool) -> Server {
    let timing = Timing {
        resume_window: Duration::ZERO,
        ..Timing::default()
    };
    let policy = SessionPolicy {
        waiting_room,
        ..SessionPolicy::default()
    };
    let limits = Limits {
        joins: Rate {
            per_second: 1_000,
            burst: 10_000,
        },
        ..Limits::default()
    };
    let rules = (AccessPolicy::default(), policy);
    Server::start_ruled(timing, limits, rules).await
}
