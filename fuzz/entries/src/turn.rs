//! A TURN server. The first byte of an input tells what carries the rest, and
//! how much of it is made authentic; the rest is messages and channel data, as
//! a participant with an allocation sends them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use turn::stun::{
    Attribute, Class, Integrity, Key, Message, Method, PasswordAlgorithm, Transaction, Writer,
};
use turn::{
    Channels, Config, Destination, Family, FiveTuple, Footprint, Limits, Output, Peers, Rate,
    Reach, Request, Server, SharedSecret, Transport,
};

/// Runs a session of one client.
pub fn run(data: &[u8]) {
    let Some((&how, messages)) = data.split_first() else {
        return;
    };
    let mut session = Session::new(how);
    if how & STREAM == 0 {
        for (number, message) in pieces(messages).take(MOST_MESSAGES).enumerate() {
            session.send(&session.authentic(how, message, number));
        }
    } else {
        let stream: Vec<u8> = pieces(messages)
            .take(MOST_MESSAGES)
            .enumerate()
            .flat_map(|(number, message)| session.authentic(how, message, number))
            .collect();
        let size = 1 + usize::from(how >> 4) * 7;
        for piece in stream.chunks(size) {
            session.send(piece);
        }
    }
    session.end();
}

/// What a bit of the first byte says.
pub const STREAM: u8 = 1;
/// Messages are signed by a participant who has shown credentials.
pub const SIGNED: u8 = 2;
/// An allocation is there from the start.
pub const ALLOCATED: u8 = 4;
/// Some peers are on other nodes.
pub const RELAY_PORTS: u8 = 8;

/// A server with a client.
struct Session {
    now: Instant,
    server: Server,
    client: FiveTuple,
    username: String,
    key: Key,
    nonce: Vec<u8>,
    is_open: bool,
    output: Output,
    sent: usize,
    received: usize,
}

impl Session {
    fn new(how: u8) -> Self {
        let now = Instant::now();
        let without_end = Rate {
            a_second: u32::MAX,
            at_once: u32::MAX,
        };
        let secret = SharedSecret::new(b"known to the fuzzer only");
        let credentials = secret.issue("alice", Duration::from_secs(1));
        let config = Config {
            realm: REALM.into(),
            secrets: vec![secret],
            families: Family::ALL.to_vec(),
            synthetic_hosts: 1..=254,
            channels: Channels::default(),
            limits: Limits {
                bandwidth: without_end,
                requests: without_end,
                answers_to_strangers: without_end,
                ..Limits::default()
            },
            key: [7; 32],
        };
        let client = FiveTuple {
            transport: if how & STREAM == 0 {
                Transport::Udp
            } else {
                Transport::Tcp
            },
            server: SocketAddr::from(([198, 51, 100, 1], 3478)),
            client: SocketAddr::from(([192, 0, 2, 10], 5000)),
        };
        let mut session = Self {
            now,
            server: Server::new(now, Duration::ZERO, config).expect("a good configuration"),
            client,
            key: Key::long_term(
                PasswordAlgorithm::Md5,
                &credentials.username,
                REALM,
                &credentials.password,
            ),
            username: credentials.username,
            nonce: Vec::new(),
            is_open: true,
            output: Output::new(),
            sent: 0,
            received: 0,
        };
        session.server.set_peers(peers(how));
        if client.transport.is_stream() {
            let output = &mut session.output;
            session.is_open = session.server.open_stream(now, client, output);
        }
        session.learn_nonce();
        if how & ALLOCATED != 0 {
            let allocate = request(|writer| {
                writer.attribute(Attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
            });
            let allocate = session.authentic(SIGNED, &allocate, 0);
            session.send(&allocate);
        }
        session
    }

    /// Asks without credentials, as every client does first.
    fn learn_nonce(&mut self) {
        let bytes = self.exchange(&request(|_| {}));
        let challenge = Message::read(&bytes).expect("a challenge");
        assert_eq!(challenge.class, Class::Error);
        let nonce = challenge.get(Attribute::NONCE).expect("a nonce");
        self.nonce = nonce.to_vec();
    }

    /// A message as it is sent: signed, if it is one, and `how` says so.
    fn authentic(&self, how: u8, message: &[u8], number: usize) -> Vec<u8> {
        let request = Message::read(message).filter(|read| read.class == Class::Request);
        let Some(request) = request.filter(|_| how & SIGNED != 0) else {
            return message.to_vec();
        };
        // Requests that are the same are answered as one.
        let mut transaction = request.transaction;
        transaction.0[11] ^= number as u8;
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, request.class, request.method, transaction);
        for (attribute, value) in request.attributes() {
            writer.attribute(attribute, value);
        }
        writer.attribute(Attribute::USERNAME, self.username.as_bytes());
        writer.attribute(Attribute::REALM, REALM.as_bytes());
        writer.attribute(Attribute::NONCE, &self.nonce);
        writer.sign(Integrity::Sha1, &self.key);
        bytes
    }

    /// Sends bytes, and has the peers answer.
    fn send(&mut self, bytes: &[u8]) {
        self.exchange(bytes);
        self.now += Duration::from_millis(10);
        assert!(self.received <= self.sent * MOST_GROWTH + MOST_ADDED);
        assert!(self.server.footprint().allocations <= 1);
    }

    /// What the client is sent for these bytes.
    fn exchange(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.sent += bytes.len();
        let (now, client) = (self.now, self.client);
        if client.transport.is_stream() {
            self.server
                .handle_stream(now, client, bytes, &mut self.output);
        } else {
            self.server
                .handle_datagrams(now, client, bytes, bytes.len(), &mut self.output);
        }
        let mut received = Vec::new();
        self.carry_out(&mut received);
        self.received += received.len();
        received
    }

    /// Does what the server asks for: peers send back what they get, and relay
    /// ports open.
    fn carry_out(&mut self, received: &mut Vec<u8>) {
        let now = self.now;
        let mut answers = Output::new();
        let output = std::mem::take(&mut self.output);
        for train in output.trains() {
            let bytes = output.bytes(train);
            match train.to {
                Destination::Client(to) => {
                    assert_eq!(to, self.client);
                    received.extend_from_slice(bytes);
                }
                Destination::HandOver { relayed, peer } => {
                    assert!(is_peer(peer));
                    let length = train.segment_length;
                    self.server
                        .from_peer(now, relayed, peer, bytes, length, &mut answers);
                }
                Destination::Peer { peer, .. } => assert!(is_peer(peer)),
            }
        }
        for request in output.requests() {
            match *request {
                Request::OpenRelay { relay, family, .. } => {
                    let port = 40_000 + 2 * (relay.0 as u16 % 10_000);
                    let opened = match family {
                        Family::V4 => SocketAddr::from(([198, 51, 100, 1], port)),
                        Family::V6 => SocketAddr::from(([0x20, 1, 0xD, 0xB8, 0, 0, 0, 1], port)),
                    };
                    self.server
                        .relay_opened(now, relay, Ok(opened), &mut answers);
                }
                Request::CloseRelay(_) => {}
                Request::CloseStream(client) => {
                    assert_eq!(client, self.client);
                    self.is_open = false;
                }
            }
        }
        for train in answers.trains() {
            assert_eq!(train.to, Destination::Client(self.client));
            received.extend_from_slice(answers.bytes(train));
        }
    }

    /// Ends all that there is, after which nothing is left.
    fn end(mut self) {
        let (now, client) = (self.now, self.client);
        if self.is_open {
            self.server.close_stream(now, client, &mut self.output);
        }
        let hours = now + Duration::from_hours(2);
        while let Some(at) = self.server.poll_timeout() {
            assert!(at <= hours, "it lasts too long");
            self.server.handle_timeout(at, &mut self.output);
            assert!(self.server.poll_timeout().is_none_or(|next| next > at));
        }
        assert_eq!(self.server.footprint(), Footprint::default());
    }
}

/// A request for an allocation.
fn request(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let transaction = Transaction(*b"a request of");
    let mut writer = Writer::new(&mut bytes, Class::Request, Method::ALLOCATE, transaction);
    write(&mut writer);
    bytes
}

/// Cuts an input into what is sent, each after its length in two bytes.
fn pieces(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (&[high, low], rest) = bytes.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes([high, low])).min(rest.len());
        let (piece, rest) = rest.split_at(length);
        bytes = rest;
        Some(piece)
    })
}

fn peers(how: u8) -> Peers {
    let elsewhere = if how & RELAY_PORTS == 0 {
        Reach::HandOver
    } else {
        Reach::RelayPort
    };
    [
        (PEERS[0].parse(), Reach::HandOver),
        (PEERS[1].parse(), Reach::HandOver),
        (PEERS[2].parse(), elsewhere),
    ]
    .into_iter()
    .map(|(peer, reach): (Result<SocketAddr, _>, _)| (peer.expect("an address"), reach))
    .collect()
}

fn is_peer(peer: SocketAddr) -> bool {
    PEERS.contains(&peer.to_string().as_str())
}

/// Whom the client can reach.
pub const PEERS: [&str; 3] = ["203.0.113.5:443", "[2001:db8:5::1]:443", "203.0.113.6:443"];
const REALM: &str = "quietroom";
const MOST_MESSAGES: usize = 64;
/// A challenge for a request without attributes, data with a head each way.
const MOST_GROWTH: usize = 9;
const MOST_ADDED: usize = 400;

pub const DICTIONARY: &[&[u8]] = &[
    &[0x21, 0x12, 0xA4, 0x42],
    &[0x00, 0x01],
    &[0x00, 0x03],
    &[0x00, 0x04],
    &[0x00, 0x08],
    &[0x00, 0x09],
    &[0x00, 0x16],
    &[0x40, 0x00, 0x00, 0x04],
    &[0x00, 0x0C, 0x00, 0x04, 0x40, 0x00, 0x00, 0x00],
    &[0x00, 0x0D, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00],
    &[0x00, 0x12, 0x00, 0x08, 0x00, 0x01],
    &[0x00, 0x12, 0x00, 0x14, 0x00, 0x02],
    &[0x00, 0x13, 0x00, 0x04],
    &[0x00, 0x17, 0x00, 0x04, 0x02, 0x00, 0x00, 0x00],
    &[0x00, 0x18, 0x00, 0x01, 0x80, 0x00, 0x00, 0x00],
    &[0x00, 0x19, 0x00, 0x04, 0x11, 0x00, 0x00, 0x00],
    &[0x00, 0x22, 0x00, 0x08],
    &[0x80, 0x00, 0x00, 0x04, 0x02, 0x00, 0x00, 0x00],
    &[0x80, 0x28, 0x00, 0x04],
];
