//! A server and what it sends.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use turn::stun::{Attribute, Class, Method};
use turn::{
    Channels, Config, Destination, Family, FiveTuple, Limits, Output, Peers, Rate, Reach, Request,
    Server, SharedSecret,
};

use crate::client::{Answer, Client, REALM, SECRET};

/// A peer in the server's process.
pub const HERE: &str = "203.0.113.5:443";
pub const HERE_V6: &str = "[2001:db8:5::1]:443";
/// A peer on another node.
pub const ELSEWHERE: &str = "203.0.113.6:443";
/// Nobody that clients may reach.
pub const STRANGER: &str = "203.0.113.66:443";

pub fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

pub struct Network {
    pub now: Instant,
    pub server: Server,
    /// What has been sent to clients, a datagram or piece of a stream each.
    pub to_clients: Vec<(FiveTuple, Vec<u8>)>,
    /// What has been sent to peers.
    pub to_peers: Vec<(Destination, Vec<u8>)>,
    pub requests: Vec<Request>,
    output: Output,
}

pub fn config() -> Config {
    Config {
        realm: REALM.into(),
        secrets: vec![SharedSecret::new(SECRET)],
        families: Family::ALL.to_vec(),
        synthetic_hosts: 1..=254,
        channels: Channels::default(),
        limits: Limits::default(),
        key: [42; 32],
    }
}

/// Limits that are no matter of the test.
pub fn generous() -> Limits {
    let without_end = Rate {
        a_second: u32::MAX,
        at_once: u32::MAX,
    };
    Limits {
        bandwidth: without_end,
        requests: without_end,
        answers_to_strangers: without_end,
        ..Limits::default()
    }
}

impl Network {
    /// All peers are in the server's process.
    pub fn new() -> Self {
        Self::with(config())
    }

    pub fn with(config: Config) -> Self {
        let now = Instant::now();
        let since_1970 = Duration::from_hours(1);
        let mut server = Server::new(now, since_1970, config).expect("a good configuration");
        server.set_peers(here());
        Self {
            now,
            server,
            to_clients: Vec::new(),
            to_peers: Vec::new(),
            requests: Vec::new(),
            output: Output::new(),
        }
    }

    /// Peers on other nodes too, for whom relay ports are needed.
    pub fn of_several_nodes() -> Self {
        let mut network = Self::new();
        network.server.set_peers(everywhere());
        network
    }

    /// Lets time pass.
    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(at) = self.server.poll_timeout()
            && at <= end
        {
            self.now = self.now.max(at);
            self.server.handle_timeout(self.now, &mut self.output);
            self.collect();
            let next = self.server.poll_timeout();
            assert!(next.is_none_or(|next| next > self.now), "it hangs");
        }
        self.now = end;
    }

    /// Has a client send a datagram, or bytes of its stream.
    pub fn send(&mut self, client: &Client, bytes: &[u8]) {
        self.send_from(client.five_tuple, bytes);
    }

    pub fn send_from(&mut self, five_tuple: FiveTuple, bytes: &[u8]) {
        let output = &mut self.output;
        if five_tuple.transport.is_stream() {
            self.server
                .handle_stream(self.now, five_tuple, bytes, output);
        } else {
            let length = bytes.len();
            self.server
                .handle_datagrams(self.now, five_tuple, bytes, length, output);
        }
        self.collect();
    }

    /// What a client is sent for a request, if anything.
    pub fn ask(&mut self, client: &Client, request: &[u8]) -> Option<Answer> {
        let before = self.to_clients.len();
        self.send(client, request);
        let mut answers = self.to_clients.drain(before..);
        let answer = answers.next();
        assert!(answers.next().is_none(), "more than one answer");
        answer.map(|(to, bytes)| {
            assert_eq!(to, client.five_tuple);
            Answer { bytes }
        })
    }

    /// What a client is answered.
    pub fn answer(&mut self, client: &Client, request: &[u8]) -> Answer {
        self.ask(client, request).expect("an answer")
    }

    /// The number of the error that a request is answered with, or 0.
    pub fn code(&mut self, client: &Client, request: &[u8]) -> u16 {
        self.answer(client, request).code()
    }

    /// Has a client learn a nonce.
    pub fn challenge(&mut self, client: &mut Client) -> Answer {
        let bytes = client.bare(Class::Request, Method::ALLOCATE, crate::client::ask_for_udp);
        let answer = self.answer(client, &bytes);
        client.nonce = answer.get(Attribute::NONCE).expect("a nonce").to_vec();
        answer
    }

    /// Has a client, whose connection is opened if it needs one, get an
    /// allocation.
    pub fn allocate(&mut self, client: &mut Client) -> Answer {
        if client.five_tuple.transport.is_stream() {
            assert!(self.open(client));
        }
        self.challenge(client);
        let request = client.allocate();
        let answer = self.answer(client, &request);
        assert_eq!(answer.code(), 0);
        answer
    }

    /// Has a client get an allocation with a relay port of its own, whose
    /// number follows that of the client's port.
    pub fn allocate_with_port(&mut self, client: &mut Client) -> SocketAddr {
        self.challenge(client);
        let request = client.allocate();
        assert!(self.ask(client, &request).is_none(), "it has to wait");
        let Some(Request::OpenRelay { relay, .. }) = self.requests.pop() else {
            panic!("no relay port is asked for");
        };
        let port = client.five_tuple.client.port() + 1;
        let relayed = SocketAddr::new(address(ELSEWHERE).ip(), port);
        self.call(|server, now, output| server.relay_opened(now, relay, Ok(relayed), output));
        let answer = self.received(client).pop().expect("an answer");
        assert_eq!(Answer { bytes: answer }.relayed(), relayed);
        relayed
    }

    /// A client with an allocation and a channel to a peer.
    pub fn bound(&mut self, client: &mut Client, number: u16, peer: &str) -> SocketAddr {
        let relayed = self.allocate(client).relayed();
        let request = client.bind(number, address(peer));
        assert_eq!(self.code(client, &request), 0);
        relayed
    }

    pub fn open(&mut self, client: &Client) -> bool {
        let is_open = self
            .server
            .open_stream(self.now, client.five_tuple, &mut self.output);
        self.collect();
        is_open
    }

    pub fn close(&mut self, client: &Client) {
        self.server
            .close_stream(self.now, client.five_tuple, &mut self.output);
        self.collect();
    }

    /// Calls the server for something else.
    pub fn call(&mut self, call: impl FnOnce(&mut Server, Instant, &mut Output)) {
        call(&mut self.server, self.now, &mut self.output);
        self.collect();
    }

    pub fn send_back(&mut self, relayed: SocketAddr, peer: &str, data: &[u8]) {
        let peer = address(peer);
        self.call(|server, now, output| {
            server.from_peer(now, relayed, peer, data, data.len(), output);
        });
    }

    /// What has been sent to a client since this was asked last.
    pub fn received(&mut self, client: &Client) -> Vec<Vec<u8>> {
        let (theirs, others) = std::mem::take(&mut self.to_clients)
            .into_iter()
            .partition(|(to, _)| *to == client.five_tuple);
        self.to_clients = others;
        let theirs: Vec<(FiveTuple, Vec<u8>)> = theirs;
        theirs.into_iter().map(|(_, bytes)| bytes).collect()
    }

    fn collect(&mut self) {
        for train in self.output.trains() {
            let bytes = self.output.bytes(train);
            match train.to {
                Destination::Client(client) if client.transport.is_stream() => {
                    self.to_clients.push((client, bytes.to_vec()));
                }
                Destination::Client(client) => {
                    for datagram in segments(bytes, train.segment_length) {
                        self.to_clients.push((client, datagram.to_vec()));
                    }
                }
                to => {
                    for datagram in segments(bytes, train.segment_length) {
                        self.to_peers.push((to, datagram.to_vec()));
                    }
                }
            }
        }
        self.requests.extend_from_slice(self.output.requests());
        self.output.clear();
    }
}

/// The datagrams of a train; an empty one is one too.
fn segments(bytes: &[u8], length: usize) -> Vec<&[u8]> {
    if bytes.is_empty() {
        return vec![bytes];
    }
    bytes.chunks(length).collect()
}

pub fn here() -> Peers {
    [HERE, HERE_V6]
        .map(|peer| (address(peer), Reach::HandOver))
        .into_iter()
        .collect()
}

pub fn everywhere() -> Peers {
    [
        (HERE, Reach::HandOver),
        (HERE_V6, Reach::HandOver),
        (ELSEWHERE, Reach::RelayPort),
    ]
    .map(|(peer, reach)| (address(peer), reach))
    .into_iter()
    .collect()
}
