//! A driver for tests: one thread, which asks all of its sockets in turn.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use turn::{
    Channels, Config, Destination, Family, FiveTuple, Limits, Output, PortWish, Reach, RelayId,
    RelayRefused, Request, Server, SharedSecret, Statistics, Transport,
};

pub const SECRET: &str = "north";

/// How the server reaches its peers, who send back whatever they get.
#[derive(Clone, Copy)]
pub enum PeersAre {
    Here,
    Elsewhere,
}

/// A server on its thread.
pub struct Running {
    address: SocketAddr,
    peers: [SocketAddr; 2],
    is_over: Arc<AtomicBool>,
    statistics: Arc<Mutex<Statistics>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub fn start(peers: PeersAre) -> Self {
        let (udp, tcp) = loop {
            let udp = bind(0).expect("a free port");
            let port = udp.local_addr().expect("bound").port();
            if let Ok(tcp) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
                break (udp, tcp);
            }
        };
        tcp.set_nonblocking(true).expect("it can be");
        let address = udp.local_addr().expect("bound");
        let (even, odd) = bind_pair().expect("two free ports");
        let peer_sockets = [even, odd];
        let addresses = peer_sockets
            .each_ref()
            .map(|socket| socket.local_addr().expect("bound"));
        let is_over = Arc::new(AtomicBool::new(false));
        let statistics: Arc<Mutex<Statistics>> = Arc::default();
        let mut driver = Driver {
            server: server(peers, addresses),
            udp,
            tcp,
            address,
            peers: peer_sockets,
            streams: HashMap::new(),
            relays: HashMap::new(),
            output: Output::new(),
        };
        let (until, shared) = (Arc::clone(&is_over), Arc::clone(&statistics));
        let thread = std::thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                driver.turn();
                *shared.lock().expect("nobody panicked") = driver.server.statistics();
                std::thread::sleep(Duration::from_micros(300));
            }
        });
        Self {
            address,
            peers: addresses,
            is_over,
            statistics,
            thread: Some(thread),
        }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn peer_port(&self) -> u16 {
        self.peers[0].port()
    }

    pub fn statistics(&self) -> Statistics {
        *self.statistics.lock().expect("nobody panicked")
    }

    /// Asks for an address.
    pub fn assert_serving(&self) {
        let socket = bind(0).expect("a free port");
        socket.set_nonblocking(false).expect("it can be");
        let time = Some(Duration::from_secs(5));
        socket.set_read_timeout(time).expect("it can be");
        let mut request = vec![0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42];
        request.extend([7; 12]);
        socket.send_to(&request, self.address).expect("sent");
        let mut answer = [0; 100];
        let length = socket.recv(&mut answer).expect("an answer");
        assert_eq!(answer[..2], [1, 1], "{:?}", &answer[..length]);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking());
        }
    }
}

fn server(peers: PeersAre, addresses: [SocketAddr; 2]) -> Server {
    let now = Instant::now();
    let config = Config {
        realm: "quietroom".into(),
        secrets: vec![SharedSecret::new(SECRET.as_bytes())],
        families: Family::ALL.to_vec(),
        synthetic_hosts: 1..=254,
        channels: Channels::Rfc5766,
        limits: Limits::default(),
        key: [7; 32],
    };
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut server =
        Server::new(now, since_1970.expect("after 1970"), config).expect("a good configuration");
    let reach = match peers {
        PeersAre::Here => Reach::HandOver,
        PeersAre::Elsewhere => Reach::RelayPort,
    };
    server.set_peers(addresses.map(|peer| (peer, reach)).into_iter().collect());
    server
}

struct Driver {
    server: Server,
    udp: UdpSocket,
    tcp: TcpListener,
    address: SocketAddr,
    peers: [UdpSocket; 2],
    streams: HashMap<FiveTuple, TcpStream>,
    relays: HashMap<RelayId, UdpSocket>,
    output: Output,
}

impl Driver {
    fn turn(&mut self) {
        let now = Instant::now();
        for peer in &self.peers {
            while let Some((bytes, from)) = receive(peer) {
                let _ = peer.send_to(&bytes, from);
            }
        }
        while let Some((bytes, client)) = receive(&self.udp) {
            let client = self.client(Transport::Udp, client);
            let length = bytes.len();
            self.server
                .handle_datagrams(now, client, &bytes, length, &mut self.output);
            self.carry_out(now);
        }
        while let Ok((stream, client)) = self.tcp.accept() {
            let client = self.client(Transport::Tcp, client);
            stream.set_nonblocking(true).expect("it can be");
            if self.server.open_stream(now, client, &mut self.output) {
                self.streams.insert(client, stream);
            }
            self.carry_out(now);
        }
        self.read_streams(now);
        self.read_relays(now);
        if self.server.poll_timeout().is_some_and(|at| at <= now) {
            self.server.handle_timeout(now, &mut self.output);
            self.carry_out(now);
        }
    }

    fn client(&self, transport: Transport, client: SocketAddr) -> FiveTuple {
        FiveTuple {
            transport,
            server: self.address,
            client,
        }
    }

    fn read_streams(&mut self, now: Instant) {
        let clients: Vec<_> = self.streams.keys().copied().collect();
        for client in clients {
            let mut bytes = [0; 4096];
            let Some(stream) = self.streams.get_mut(&client) else {
                continue;
            };
            match stream.read(&mut bytes) {
                Ok(length) if length > 0 => {
                    self.server
                        .handle_stream(now, client, &bytes[..length], &mut self.output);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                _ => {
                    self.streams.remove(&client);
                    self.server.close_stream(now, client, &mut self.output);
                }
            }
            self.carry_out(now);
        }
    }

    fn read_relays(&mut self, now: Instant) {
        let mut received = Vec::new();
        for socket in self.relays.values() {
            let relayed = socket.local_addr().expect("bound");
            while let Some((bytes, peer)) = receive(socket) {
                received.push((relayed, peer, bytes));
            }
        }
        for (relayed, peer, bytes) in received {
            let length = bytes.len();
            self.server
                .from_peer(now, relayed, peer, &bytes, length, &mut self.output);
            self.carry_out(now);
        }
    }

    /// Does what the server asks for until it asks for nothing.
    fn carry_out(&mut self, now: Instant) {
        while !self.output.is_empty() {
            let output = std::mem::take(&mut self.output);
            for train in output.trains() {
                let bytes = output.bytes(train);
                for datagram in bytes.chunks(train.segment_length.max(1)) {
                    self.send(now, train.to, datagram);
                }
            }
            for request in output.requests() {
                self.grant(now, *request);
            }
        }
    }

    fn send(&mut self, now: Instant, to: Destination, bytes: &[u8]) {
        match to {
            Destination::Client(client) if client.transport == Transport::Udp => {
                self.udp.send_to(bytes, client.client).expect("sent");
            }
            Destination::Client(client) => {
                if let Some(stream) = self.streams.get_mut(&client) {
                    let _ = stream.write_all(bytes);
                }
            }
            Destination::Peer { relay, peer } => {
                self.relays[&relay].send_to(bytes, peer).expect("sent");
            }
            Destination::HandOver { relayed, peer } => {
                let length = bytes.len();
                self.server
                    .from_peer(now, relayed, peer, bytes, length, &mut self.output);
            }
        }
    }

    fn grant(&mut self, now: Instant, request: Request) {
        match request {
            Request::OpenRelay {
                relay, port, next, ..
            } => {
                let opened = self.open(relay, port, next);
                self.server
                    .relay_opened(now, relay, opened, &mut self.output);
            }
            Request::CloseRelay(relay) => {
                self.relays.remove(&relay);
            }
            Request::CloseStream(client) => {
                self.streams.remove(&client);
            }
        }
    }

    fn open(
        &mut self,
        relay: RelayId,
        port: PortWish,
        next: Option<RelayId>,
    ) -> Result<SocketAddr, RelayRefused> {
        let socket = match port {
            PortWish::Any => bind(0).ok(),
            PortWish::Even | PortWish::EvenAndNext => bind_pair().map(|(even, odd)| {
                if let Some(next) = next {
                    self.relays.insert(next, odd);
                }
                even
            }),
        };
        let socket = socket.ok_or(RelayRefused)?;
        let address = socket.local_addr().or(Err(RelayRefused))?;
        self.relays.insert(relay, socket);
        Ok(address)
    }
}

fn bind(port: u16) -> std::io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// An even port and the next.
fn bind_pair() -> Option<(UdpSocket, UdpSocket)> {
    (0..100).find_map(|_| {
        let even = bind(0).ok()?;
        let port = even.local_addr().ok()?.port();
        let odd = bind(port + 1).ok()?;
        port.is_multiple_of(2).then_some((even, odd))
    })
}

fn receive(socket: &UdpSocket) -> Option<(Vec<u8>, SocketAddr)> {
    let mut bytes = [0; 2048];
    let (length, from) = socket.recv_from(&mut bytes).ok()?;
    Some((bytes[..length].to_vec(), from))
}
