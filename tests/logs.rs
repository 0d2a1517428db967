//! What the log of a running server says of its people.

#![allow(clippy::float_cmp, reason = "counts are whole, and so exact")]

mod node;

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use node::{Node, get, mint};
use serde_json::json;
use signaling::access::{DevelopmentKey, UnixTime};
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::Message;
use turn::stun::{
    Attribute, Class, Integrity, Key, Message as Stun, Method, PasswordAlgorithm, Transaction,
    Writer,
};

#[tokio::test]
async fn by_default_the_log_holds_no_address_and_no_secret() {
    let session = Session::run("log_info", "info").await;

    session.expect_traces();
    session.expect_none_of(&session.secrets);
    session.expect_none_of(&session.addresses);
}

#[tokio::test]
async fn not_even_the_fullest_log_holds_a_secret() {
    for level in ["debug", "trace"] {
        let session = Session::run(&format!("log_{level}"), level).await;

        session.expect_traces();
        assert!(session.log.contains("DEBUG"), "{}", session.log);
        session.expect_none_of(&session.secrets);
    }
}

/// All that a server lives through in a session, and what it logged.
struct Session {
    log: String,
    participants: Vec<String>,
    secrets: Vec<String>,
    addresses: Vec<String>,
}

impl Session {
    async fn run(name: &str, level: &str) -> Self {
        let relay = free_udp_port();
        let settings = format!("[turn]\nport = {}\n", relay.port());
        let node = Node::start_keeping_places(name, &settings, level, 2);
        let sources: Vec<IpAddr> = (71..76).map(|last| [127, 0, 0, last].into()).collect();
        let mut secrets = vec!["subject-of-the-token".into(), "id-of-the-token".into()];
        let room = "room-of-somebody";
        secrets.push(room.into());
        let mut participants = Vec::new();
        let mut clients = Vec::new();
        for source in &sources[..2] {
            let (mut client, id) = node.join_from(*source, room).await;
            let (offer, answer) = client.negotiate().await;
            secrets.extend(secrets_of(&offer).chain(secrets_of(&answer)));
            participants.push(id);
            secrets.extend(client.relay_pass.clone().expect("there is a relay"));
            probe(&answer, sources[2]);
            clients.push(client);
        }
        secrets.extend(parts(&node.token(room)));

        for token in [
            mint(&DevelopmentKey::generate(), room, UnixTime::now()),
            node.token_at(room, UnixTime(1_000_000)),
            "garbage-in-place-of-a-token".to_owned(),
        ] {
            let mut stranger = node.connect_from(sources[3]).await.expect("it opens");
            stranger
                .send(&json!({"type": "join", "token": token}))
                .await;
            stranger.expect("error").await;
            secrets.extend(parts(&token));
        }
        let token = node.token(room);
        secrets.extend(parts(&token));
        let client = &mut clients[0];
        client.send(&json!({"type": "join", "token": token})).await;
        client.expect("error").await;
        client
            .send(&json!({"type": token, "sdp": "a=ice-pwd:not-yet-a-password"}))
            .await;
        client.expect("error").await;
        secrets.push("not-yet-a-password".into());
        client
            .send(&json!({"type": "offer", "sdp": "a=ice-pwd:not-yet-a-password", "publications": [], "slots": []}))
            .await;
        client.expect("error").await;
        client
            .send(&json!({"type": "media", "microphone": true, "camera": true}))
            .await;
        let pass = client.relay_pass.clone().expect("there is a relay");
        secrets.extend(ask_relay(relay, sources[2], &pass));
        let mut tester = node.connect_from(sources[0]).await.expect("it opens");
        let token = node.token(room);
        secrets.extend(parts(&token));
        tester
            .send(&json!({"type": "test-network", "token": token}))
            .await;
        let test = tester.expect("network-test").await;
        secrets.extend(tester.note_relays(&test).expect("there is a relay"));
        drop(tester);
        get(node.clients, &format!("/?token={token}"));
        get(node.clients, &format!("/v1/signal?token={token}"));
        flood(&node, sources[4], room).await;

        client.send(&json!({"type": "leave"})).await;
        client.expect_end().await;
        let wrong = "A".repeat(43);
        let right = clients[1].resume_secret.clone();
        for (secret, answer) in [
            (wrong, "error"),
            (right.expect("its place is kept"), "resumed"),
        ] {
            let mut returned = node.connect_from(sources[1]).await.expect("it opens");
            let id = &participants[1];
            let resume = json!({
                "type": "resume", "participantId": id, "secret": secret, "received": 1,
            });
            returned.send(&resume).await;
            let next = returned.expect(answer).await;
            secrets.extend(next["secret"].as_str().map(String::from));
            secrets.push(secret);
            clients.push(returned);
        }
        drop(clients);
        node.settle("all have left", |now| now["quietroom_participants"] == 0.0)
            .await;
        let log = written(&node, &participants).await;
        secrets.sort_unstable();
        secrets.dedup();
        Self {
            log,
            participants,
            secrets,
            addresses: sources.iter().map(ToString::to_string).collect(),
        }
    }

    /// The session must have been logged at all.
    fn expect_traces(&self) {
        for participant in &self.participants {
            assert!(self.log.contains(participant), "{}", self.log);
        }
        assert!(self.log.contains("left"), "{}", self.log);
        assert!(self.secrets.len() > 12, "{:?}", self.secrets);
    }

    fn expect_none_of(&self, words: &[String]) {
        for line in self.log.lines() {
            for word in words {
                assert!(!line.contains(word.as_str()), "{word} is in: {line}");
            }
        }
    }
}

/// The log, once it tells of these; its writer is somewhat behind.
async fn written(node: &Node, participants: &[String]) -> String {
    let mut log = node.log();
    for _ in 0..200 {
        if log.contains("left") && participants.iter().all(|id| log.contains(id)) {
            break;
        }
        sleep(Duration::from_millis(100)).await;
        log = node.log();
    }
    log
}

/// A token and its parts, any of which would be too much.
fn parts(token: &str) -> impl Iterator<Item = String> {
    // The header is the same for all, and says nothing.
    token
        .split('.')
        .skip(usize::from(token.contains('.')))
        .map(str::to_owned)
}

/// ICE credentials and fingerprints.
fn secrets_of(sdp: &str) -> impl Iterator<Item = String> {
    let values = sdp.lines().filter_map(|line| {
        line.strip_prefix("a=ice-ufrag:")
            .or_else(|| line.strip_prefix("a=ice-pwd:"))
            .or_else(|| line.strip_prefix("a=fingerprint:sha-256 "))
    });
    values.map(str::to_owned)
}

/// Sends what a stranger might to the media port.
fn probe(answer: &str, source: IpAddr) {
    let candidate = answer
        .lines()
        .find(|line| line.starts_with("a=candidate:"))
        .expect("the answer has a candidate");
    let fields: Vec<_> = candidate.split(' ').collect();
    let media: SocketAddr = format!("{}:{}", fields[4], fields[5])
        .parse()
        .expect("a candidate has an address");
    let socket = UdpSocket::bind((source, 0)).expect("the loopback has many addresses");
    let stun = b"\x00\x01\x00\x00\x21\x12\xa4\x42quietroom-id";
    for datagram in [&stun[..], &[22; 60], &[0x80; 60], &[0xff; 60], &[]] {
        socket.send_to(datagram, media).expect("it is sent");
    }
}

/// Asks the relay for what it gives to nobody without good credentials, and
/// once more with a user name and password that are good; gives what was shown.
fn ask_relay(relay: SocketAddr, source: IpAddr, pass: &[String; 2]) -> [String; 2] {
    let shown = [
        "1900000000:user-of-the-relay",
        "obMatJos2nonce-of-the-relay",
    ];
    let socket = UdpSocket::bind((source, 0)).expect("the loopback has many addresses");
    let patience = Some(Duration::from_secs(5));
    socket.set_read_timeout(patience).expect("it can be");
    let mut request = Vec::new();
    let transaction = Transaction(*b"quietroom-id");
    let mut writer = Writer::new(&mut request, Class::Request, Method::ALLOCATE, transaction);
    writer.attribute(Attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
    writer.attribute(Attribute::USERNAME, shown[0].as_bytes());
    writer.attribute(Attribute::NONCE, shown[1].as_bytes());
    for datagram in [&[0x40; 60][..], &[0; 60], &request] {
        socket.send_to(datagram, relay).expect("it is sent");
    }
    let mut memory = [0; 1000];
    let length = socket.recv(&mut memory).expect("an answer");
    let refusal = Stun::read(&memory[..length]).expect("a message");
    let of_relay = [Attribute::REALM, Attribute::NONCE].map(|attribute| {
        let value = refusal.get(attribute).expect("it is told");
        (attribute, value.to_vec())
    });
    let [username, password] = pass;
    let realm = String::from_utf8_lossy(&of_relay[0].1);
    let key = Key::long_term(PasswordAlgorithm::Md5, username, &realm, password);
    let mut request = Vec::new();
    let transaction = Transaction(*b"quietroom-ok");
    let mut writer = Writer::new(&mut request, Class::Request, Method::ALLOCATE, transaction);
    writer.attribute(Attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
    writer.attribute(Attribute::USERNAME, username.as_bytes());
    for (attribute, value) in &of_relay {
        writer.attribute(*attribute, value);
    }
    writer.sign(Integrity::Sha1, &key);
    socket.send_to(&request, relay).expect("it is sent");
    let length = socket.recv(&mut memory).expect("an answer");
    let answer = Stun::read(&memory[..length]).expect("a message");
    assert_eq!(answer.class, Class::Success);
    shown.map(String::from)
}

fn free_udp_port() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("the loopback has ports");
    socket.local_addr().expect("it is bound")
}

/// Is closed for sending too fast.
async fn flood(node: &Node, source: IpAddr, room: &str) {
    use futures_util::SinkExt;

    let (mut client, _) = node.join_from(source, room).await;
    let message = Message::text("{\"type\":\"dance\"}");
    while client.stream.send(message.clone()).await.is_ok() {}
}
