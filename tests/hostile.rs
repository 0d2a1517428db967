//! A running server among strangers, with people in a room who go on.

#![allow(clippy::float_cmp, reason = "counts are whole, and so exact")]

mod node;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use node::{Client, Node, PATIENCE, mint};
use serde_json::json;
use signaling::access::{DevelopmentKey, UnixTime};
use tokio::net::TcpSocket;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_idle_connections_keep_nobody_out() {
    let node = Node::start("idle", "", "warn");
    let mut inside = node.join("r").await;
    let before = node.scrape();

    let mut idle = Vec::new();
    let mut unjoined = Vec::new();
    for number in 0..1_000 {
        if number % 10 == 0 && unjoined.len() < 90 {
            let source = Ipv4Addr::LOCALHOST.into();
            unjoined.push(node.connect_from(source).await.expect("it opens"));
            continue;
        }
        let mut stream = TcpStream::connect(node.clients).expect("it listens");
        if number % 3 == 0 {
            stream
                .write_all(b"GET /v1/signal HTTP/1.1\r\nHost: a\r\nX: ")
                .expect("it is sent");
        }
        idle.push(stream);
    }
    let start = Instant::now();
    let joined = node.join("r").await;
    println!("joined in {:?}", start.elapsed());

    inside.expect("participant-joined").await;
    let during = node
        .settle("the oldest made way", |now| {
            now["quietroom_connections"] < 110.0 && now["quietroom_websockets"] < 100.0
        })
        .await;
    // Their own deadlines would have ended them later, and evict nobody.
    assert!(during["quietroom_connections_evicted_total"] >= 890.0);
    assert_eq!(during["quietroom_participants"], 2.0);

    drop((idle, unjoined, joined));
    inside.expect("participant-left").await;
    node.settle("all is as before", |now| same(&before, now))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_strangers_send_is_refused_and_leaves_nothing_behind() {
    let node = Node::start("strangers", MANY_JOINS, "warn");
    let conversation = Conversation::begin(&node).await;
    // What is made once, such as the allocator's areas, is no leak.
    insult(&node).await;
    let before = settled(&node).await;

    for _ in 0..2 {
        insult(&node).await;
    }

    let after = node
        .settle("all is as before", |now| same(&before, now))
        .await;
    assert_memory_is_kept(&before, &after, 8e6);
    let slowest = conversation.end().await;
    println!("slowest message among those inside: {slowest:?}");
    // Usually under 100 ms; a machine that compiles beside it stalls for longer.
    assert!(slowest < SILENCE / 2, "{slowest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_is_closed_and_the_others_go_on() {
    let node = Node::start("slow", GENEROUS, "warn");
    let mut talker = node.join("r").await;
    let socket = TcpSocket::new_v4().expect("there are sockets");
    socket
        .set_recv_buffer_size(4_096)
        .expect("the size is allowed");
    let mut slow = node.connect_by(socket).await.expect("it opens");
    let token = node.token("r");
    slow.send(&json!({"type": "join", "token": token})).await;
    slow.expect("joined").await;
    talker.expect("participant-joined").await;

    let talking = async {
        let mut on = false;
        loop {
            for _ in 0..500 {
                on = !on;
                let text = json!({"type": "media", "microphone": on, "camera": on});
                let message = Message::text(text.to_string());
                talker.stream.feed(message).await.expect("it is heard");
            }
            talker.stream.flush().await.expect("it is heard");
            let left = talker.expect("participant-left");
            if timeout(Duration::from_millis(1), left).await.is_ok() {
                return;
            }
        }
    };
    timeout(PATIENCE, talking)
        .await
        .expect("the slow one is closed");

    let figures = node.scrape();
    assert_eq!(
        figures["quietroom_websockets_given_up_total{reason=\"slow-reader\"}"],
        1.0
    );
    assert_eq!(figures["quietroom_participants"], 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_stays_leave_nothing_behind() {
    let node = Node::start("stays", GENEROUS, "warn");
    stays(&node, 100).await;
    let before = settled(&node).await;

    stays(&node, 500).await;

    let after = node
        .settle("all is as before", |now| same(&before, now))
        .await;
    assert_memory_is_kept(&before, &after, 4e6);
    assert_eq!(after["quietroom_joins_total{outcome=\"joined\"}"], 600.0);
}

#[tokio::test]
async fn behind_a_trusted_proxy_clients_are_limited_one_by_one() {
    let strict = "[limits]\njoins_per_second = 1\njoin_burst = 2\n";
    let trusting = format!("trusted_proxies = [\"127.0.0.1\"]\n{strict}");
    for (name, settings, status_of_second) in [
        ("distrust", strict, "429"),
        ("trust", trusting.as_str(), "101"),
    ] {
        let node = Node::start(name, settings, "warn");

        for expected in ["101", "101", "429"] {
            assert_eq!(open_for(&node, "192.0.2.1"), expected, "{name}");
        }
        assert_eq!(open_for(&node, "192.0.2.2"), status_of_second, "{name}");
        let figures = node.scrape();
        assert!(figures["quietroom_joins_total{outcome=\"rate-limited\"}"] >= 1.0);
    }
}

/// The status of a handshake that a proxy passes on.
fn open_for(node: &Node, client: &str) -> String {
    let mut stream = TcpStream::connect(node.clients).expect("it listens");
    write!(
        stream,
        "GET /v1/signal HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: quietroom.v1\r\n\
         X-Forwarded-For: 198.51.100.1, {client}\r\n\r\n"
    )
    .expect("it is sent");
    let mut line = String::new();
    BufReader::new(stream)
        .read_line(&mut line)
        .expect("it answers");
    let status = line.split(' ').nth(1);
    status.expect("an answer has a status").to_owned()
}

/// Two people in a room who hear one another all the time.
struct Conversation {
    stop: oneshot::Sender<()>,
    talking: JoinHandle<Duration>,
}

impl Conversation {
    async fn begin(node: &Node) -> Self {
        let mut talker = node.join("r").await;
        let mut listener = node.join("r").await;
        talker.expect("participant-joined").await;
        let (stop, mut stopped) = oneshot::channel();
        let talking = tokio::spawn(async move {
            let mut slowest = Duration::ZERO;
            let mut on = false;
            while stopped.try_recv().is_err() {
                on = !on;
                let start = Instant::now();
                talker
                    .send(&json!({"type": "media", "microphone": on, "camera": on}))
                    .await;
                let heard = listener.expect("participant-updated").await;
                slowest = slowest.max(start.elapsed());
                assert_eq!(heard["participant"]["microphone"], on);
                // Pings are answered while it is waited for more.
                let silence = talker.stream.next();
                let _ = timeout(Duration::from_millis(100), silence).await;
            }
            slowest
        });
        Self { stop, talking }
    }

    /// Gives the longest time that a message took.
    async fn end(self) -> Duration {
        self.stop.send(()).expect("they are still talking");
        self.talking.await.expect("nobody was closed")
    }
}

/// People who come, negotiate and go, four at a time in a room, half of them
/// without a word.
async fn stays(node: &Node, count: usize) {
    for number in 0..count / 4 {
        let room = format!("room {number}");
        let mut inside = Vec::new();
        for _ in 0..4 {
            let mut client = node.join(&room).await;
            client.negotiate().await;
            inside.push(client);
        }
        for mut client in inside.into_iter().skip(2) {
            client.send(&json!({"type": "leave"})).await;
            client.expect_end().await;
        }
    }
}

/// One of each thing that a stranger or a broken client might send.
async fn insult(node: &Node) {
    let now = UnixTime::now();
    for (token, code) in [
        (node.token_at("r", UnixTime(now.0 - 7_200)), "token-expired"),
        (
            node.token_at("r", UnixTime(now.0 + 3_600)),
            "token-not-yet-valid",
        ),
        (mint(&DevelopmentKey::generate(), "r", now), "invalid-token"),
        ("x".repeat(9_000), "invalid-token"),
        ("x".repeat(17_000), "message-too-large"),
        ("a.b.c".into(), "invalid-token"),
    ] {
        let mut stranger = node.connect().await;
        stranger
            .send(&json!({"type": "join", "token": token}))
            .await;
        stranger.expect_fatal(code).await;
    }
    for text in ["", "null", "{}", "[[[[", "{\"type\":\"dance\"}", "\u{0}"] {
        let mut stranger = node.connect().await;
        send(&mut stranger, Message::text(text)).await;
        stranger.expect_fatal("invalid-message").await;
    }
    let mut stranger = node.connect().await;
    send(&mut stranger, Message::binary(vec![0xff; 100])).await;
    stranger.expect_fatal("invalid-message").await;

    let mut huge = node.connect().await;
    send(&mut huge, Message::text("x".repeat(10_000_000))).await;
    ended(huge).await;
    let mut huge = node.join("elsewhere").await;
    send(&mut huge, Message::text("x".repeat(10_000_000))).await;
    ended(huge).await;

    for message in [
        Message::text("{\"type\":\"dance\"}"),
        Message::Ping("x".into()),
        Message::text("x".repeat(100_000)),
    ] {
        for mut flood in [node.connect().await, node.join("elsewhere").await] {
            let flooding = async { while flood.stream.send(message.clone()).await.is_ok() {} };
            timeout(PATIENCE, flooding).await.expect("it is closed");
        }
    }
    for request in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        b"GET /v1/signal HTTP/9.9\r\n\r\n",
        b"GET /v1/signal HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
        &[0; 4_096],
        &vec![b'x'; 1_000_000],
    ] {
        let mut stream = TcpStream::connect(node.clients).expect("it listens");
        // It may be refused before all is sent.
        let _ = stream.write_all(request);
    }
}

async fn send(client: &mut Client, message: Message) {
    // A server that has had enough takes no more.
    let _ = timeout(PATIENCE, client.stream.send(message)).await;
}

async fn ended(mut client: Client) {
    let start = Instant::now();
    client.expect_end().await;
    // And not for its silence.
    assert!(start.elapsed() < SILENCE);
}

/// The figures once what was closed is gone.
async fn settled(node: &Node) -> BTreeMap<String, f64> {
    let mut last = node.scrape();
    for _ in 0..100 {
        sleep(Duration::from_millis(300)).await;
        let now = node.scrape();
        if same(&last, &now) {
            return now;
        }
        last = now;
    }
    panic!("the server does not come to rest: {last:#?}");
}

fn same(before: &BTreeMap<String, f64>, now: &BTreeMap<String, f64>) -> bool {
    [
        "quietroom_rooms",
        "quietroom_participants",
        "quietroom_websockets",
        "quietroom_connections",
        "quietroom_media_participants",
        "quietroom_tasks",
        "process_open_fds",
    ]
    .iter()
    .all(|name| before[*name] == now[*name])
}

fn assert_memory_is_kept(
    before: &BTreeMap<String, f64>,
    after: &BTreeMap<String, f64>,
    growth: f64,
) {
    let name = "process_resident_memory_bytes";
    println!("resident: {} before, {} after", before[name], after[name]);
    assert!(
        after[name] <= before[name] + growth,
        "{} bytes became {}",
        before[name],
        after[name]
    );
}

/// When the server closes whoever says nothing.
const SILENCE: Duration = Duration::from_secs(15);

const MANY_JOINS: &str = "[limits]\njoins_per_second = 10000\njoin_burst = 10000\n";

/// So much a second that the limits on rates are not what is tested.
const GENEROUS: &str = "[limits]\njoins_per_second = 10000\njoin_burst = 10000\n\
    messages_per_second = 20000\nmessage_burst = 20000\n";
