//! A server, and a peer in this process.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use io_thread::hand_over::{self, Trains};
use io_thread::udp::{Poll, Train};
use io_thread::wake::{self, Sleep};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use turn::driver::{LocalPeer, RelayAddress, RelayPorts, Settings, Statistics, Stream, TurnThread};
use turn::{Channels, Config, Family, Limits, SharedSecret};

use crate::client::{REALM, SECRET};

/// By which clients name the peer of this process. Nothing listens there.
pub const PEER: &str = "127.0.0.1:9";

pub struct Running {
    pub turn: TurnThread,
    pub peer: Peer,
    tcp: TcpListener,
    tls: Arc<ServerConfig>,
    /// What vouches for the server's certificate.
    pub roots: RootCertStore,
}

/// What a media worker is to the server.
pub struct Peer {
    received: hand_over::Receiver,
    sleep: Sleep,
    sender: hand_over::Sender,
    trains: Trains,
}

/// What came to the peer: from whom, and each datagram.
pub type Arrived = Vec<(SocketAddr, Vec<u8>)>;

impl Running {
    pub fn start() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let (waker, sleep) = wake::pair().expect("descriptors");
        let (to_peer, received) = hand_over::channel(waker, 64 << 20);
        let loopback = Ipv4Addr::LOCALHOST.into();
        let mut settings = Settings {
            server: Config {
                realm: REALM.into(),
                secrets: vec![SharedSecret::new(SECRET)],
                families: Family::ALL.to_vec(),
                synthetic_hosts: 1..=254,
                channels: Channels::default(),
                limits: Limits::default(),
                key: [7; 32],
            },
            addresses: vec![SocketAddr::new(loopback, 0)],
            local_peers: vec![LocalPeer {
                addresses: vec![crate::network::address(PEER)],
                sender: to_peer,
            }],
            other_peers: Vec::new(),
            relay_ports: RelayPorts {
                addresses: vec![RelayAddress {
                    bound: loopback,
                    announced: loopback,
                }],
                ports: 42_000..=42_999,
            },
            most_waiting: 64 << 20,
        };
        change(&mut settings);
        let turn = TurnThread::spawn(settings).expect("the loopback");
        let peer = Peer {
            received,
            sleep,
            sender: turn.from_peers(),
            trains: Trains::default(),
        };
        let (tls, roots) = certificate();
        Self {
            turn,
            peer,
            tcp: TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback"),
            tls,
            roots,
        }
    }

    pub fn udp(&self) -> SocketAddr {
        self.turn.addresses()[0]
    }

    /// Opens a connection and has the server take it over; with `first` read
    /// of it already.
    pub fn connect(&self, is_tls: bool, first: &[u8]) -> TcpStream {
        let address = self.tcp.local_addr().expect("bound");
        let client = TcpStream::connect(address).expect("the loopback");
        client.set_nodelay(true).expect("it can be");
        let (stream, _) = self.tcp.accept().expect("a connection");
        let tls = is_tls.then(|| {
            let tls = ServerConnection::new(self.tls.clone());
            Box::new(tls.expect("a good configuration"))
        });
        self.turn.handle().accept(Stream {
            stream,
            tls,
            received: first.to_vec(),
        });
        client
    }

    pub fn statistics(&self) -> Statistics {
        self.turn.handle().statistics()
    }

    /// Waits until the counters are as they should be.
    pub fn settle(&self, what: &str, is_settled: impl Fn(&Statistics) -> bool) -> Statistics {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let statistics = self.statistics();
            if is_settled(&statistics) {
                return statistics;
            }
            assert!(Instant::now() < deadline, "{what}: {statistics:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Peer {
    /// Waits for so many datagrams, asleep until it is woken.
    pub fn receive(&mut self, count: usize) -> Arrived {
        let mut arrived = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        let mut poll = Poll::new(std::iter::once(self.sleep.as_fd()));
        while arrived.len() < count {
            self.sleep.begin();
            if !self.received.has_some() {
                poll.wait(1, Some(PATIENCE)).expect("a descriptor");
            }
            self.sleep.end();
            self.sleep.clear();
            self.received.take(&mut self.trains);
            for train in self.trains.iter_mut() {
                assert_eq!(train.local, crate::network::address(PEER));
                assert!(train.received.elapsed() < PATIENCE);
                let datagrams = train.bytes.chunks(train.segment_length);
                arrived.extend(datagrams.map(|datagram| (train.remote, datagram.to_vec())));
            }
            assert!(Instant::now() < deadline, "{} have come", arrived.len());
        }
        arrived
    }

    /// Whether nothing comes for a while.
    pub fn hears_nothing(&mut self) -> bool {
        thread::sleep(Duration::from_millis(100));
        !self.received.has_some()
    }

    /// Sends datagrams of `length` bytes in one train to a client, as soon as
    /// the server has room for it.
    pub fn send(&self, client: SocketAddr, bytes: &[u8], length: usize) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let train = Train {
                remote: client,
                bytes,
                segment_length: length,
            };
            let mut sending = self.sender.begin();
            sending.push(crate::network::address(PEER), train, Instant::now());
            if sending.lost() == 0 {
                return;
            }
            drop(sending);
            assert!(Instant::now() < deadline, "the server takes nothing");
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Far beyond what anything here takes.
pub const PATIENCE: Duration = Duration::from_secs(20);

fn certificate() -> (Arc<ServerConfig>, RootCertStore) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a name");
    let certificate: CertificateDer = made.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("it is one");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("there are some")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())
        .expect("they belong together");
    (Arc::new(config), roots)
}
