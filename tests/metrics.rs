//! The figures of a running server.

#![allow(clippy::float_cmp, reason = "counts are whole, and so exact")]

mod node;

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};

use node::{Node, get};
use serde_json::json;

#[tokio::test]
async fn figures_follow_what_happens() {
    let node = Node::start("figures", "", "info");
    let before = node.scrape();
    assert_eq!(before["quietroom_rooms"], 0.0);
    assert_eq!(before["quietroom_participants"], 0.0);

    let mut first = node.join("r").await;
    let mut second = node.join("r").await;
    let (_, answer) = first.negotiate().await;
    second.negotiate().await;
    let mut refused = node.connect().await;
    refused.send(&json!({"type": "join", "token": "x"})).await;
    refused.expect_fatal("invalid-token").await;
    drop(refused);
    send_garbage(&answer);

    let during = node
        .settle("two are there", |now| {
            now["quietroom_media_participants"] == 2.0
                && now["quietroom_websockets"] == 2.0
                && now["quietroom_datagrams_dropped_total{reason=\"unknown-protocol\"}"] == 7.0
        })
        .await;
    assert_eq!(during["quietroom_rooms"], 1.0);
    assert_eq!(during["quietroom_participants"], 2.0);
    assert_eq!(during["quietroom_joins_total{outcome=\"joined\"}"], 2.0);
    assert_eq!(
        during["quietroom_joins_total{outcome=\"invalid-token\"}"],
        1.0
    );
    for rising in [
        "process_cpu_seconds_total",
        "process_open_fds",
        "quietroom_tasks",
        "quietroom_worker_busy_seconds_total{worker=\"0\"}",
    ] {
        assert!(during[rising] > before[rising], "{rising}");
    }
    assert!(during["process_resident_memory_bytes"] > 1e6);

    first.send(&json!({"type": "leave"})).await;
    first.expect_end().await;
    drop(second);
    let after = node
        .settle("nobody is there", |now| {
            now["quietroom_websockets"] == 0.0
                && now["quietroom_media_participants"] == 0.0
                && now["quietroom_connections"] == 0.0
        })
        .await;
    assert_eq!(after["quietroom_rooms"], 0.0);
    assert_eq!(after["quietroom_participants"], 0.0);
    assert_eq!(after["quietroom_joins_total{outcome=\"joined\"}"], 2.0);
}

#[tokio::test]
async fn names_and_units_are_those_of_prometheus() {
    let node = Node::start("names", "", "info");
    let page = node.metrics_page();
    assert!(page.ends_with("# EOF\n"));

    let mut families = BTreeSet::new();
    let mut family = (String::new(), String::new());
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type has a name");
            assert!(families.insert(name.to_owned()), "{name} comes twice");
            family = (name.to_owned(), kind.to_owned());
        } else if !line.starts_with('#') {
            let name = line.split(['{', ' ']).next().expect("a sample has a name");
            let (base, kind) = (&family.0, &family.1);
            let expected = match kind.as_str() {
                "counter" => format!("{base}_total"),
                "gauge" => base.clone(),
                other => panic!("{name} is a {other}"),
            };
            assert_eq!(name, expected);
            assert!(
                name.starts_with("quietroom_") || name.starts_with("process_"),
                "{name}"
            );
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{name}"
            );
            for part in name.split('_') {
                assert!(!NOT_BASE_UNITS.contains(&part), "{name}");
            }
        }
    }
    for name in &families {
        assert!(page.contains(&format!("# HELP {name} ")), "{name}");
    }
    assert!(families.len() > 20, "{families:?}");
}

#[tokio::test]
async fn no_label_grows_with_rooms_or_people() {
    let node = Node::start("labels", "", "info");
    let before: Vec<_> = node.scrape().into_keys().collect();

    let mut names = vec!["subject-of-the-token".to_owned()];
    let mut clients = Vec::new();
    for room in 0..10 {
        let room = format!("room-of-somebody-{room}");
        for last in [81, 82] {
            let (mut client, id) = node.join_from([127, 0, 0, last].into(), &room).await;
            client.negotiate().await;
            clients.push(client);
            names.push(id);
        }
        names.push(room);
    }
    names.push("127.0.0.8".into());
    node.settle("all are there", |now| {
        now["quietroom_media_participants"] == 20.0
    })
    .await;

    let page = node.metrics_page();
    let after: Vec<_> = node.scrape().into_keys().collect();
    assert_eq!(before, after);
    for name in names {
        assert!(!page.contains(&name), "{name}");
    }
    for sample in after {
        let Some((_, labels)) = sample.split_once('{') else {
            continue;
        };
        let label = labels.split('=').next().expect("a label has a name");
        let known = ["direction", "outcome", "reason", "worker"];
        assert!(known.contains(&label), "{sample}");
    }
}

#[tokio::test]
async fn figures_are_not_on_the_clients_port() {
    let node = Node::start("own_port", "", "info");

    assert!(get(node.clients, "/metrics").starts_with("HTTP/1.1 404 "));
    assert!(get(node.metrics, "/v1/signal").starts_with("HTTP/1.1 404 "));
    assert!(get(node.metrics, "/").starts_with("HTTP/1.1 404 "));
}

/// Seven datagrams of no protocol to where the answer says that media goes.
fn send_garbage(answer: &str) {
    let candidate = answer
        .lines()
        .find(|line| line.starts_with("a=candidate:"))
        .expect("the answer has a candidate");
    let fields: Vec<_> = candidate.split(' ').collect();
    let media: SocketAddr = format!("{}:{}", fields[4], fields[5])
        .parse()
        .expect("a candidate has an address");
    let socket = UdpSocket::bind("127.0.0.1:0").expect("the loopback has ports");
    for _ in 0..7 {
        socket.send_to(&[0xff; 40], media).expect("it is sent");
    }
}

const NOT_BASE_UNITS: [&str; 8] = [
    "milliseconds",
    "microseconds",
    "nanoseconds",
    "ms",
    "kilobytes",
    "megabytes",
    "bits",
    "percent",
];
