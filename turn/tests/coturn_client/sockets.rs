//! A server on its thread, as the binary has it, with peers that send back
//! whatever they get.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use io_thread::hand_over::{self, Trains};
use io_thread::udp::Train;
use io_thread::wake;
use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection};
use turn::driver::{
    Handle, LocalPeer, RelayAddress, RelayPorts, Settings, Statistics, Stream, TurnThread,
};
use turn::{Channels, Config, Family, Limits, SharedSecret};

pub const SECRET: &str = "north";

/// How the server reaches its peers.
#[derive(Clone, Copy, Debug)]
pub enum PeersAre {
    Here,
    Elsewhere,
}

/// A server at work.
pub struct Running {
    server: TurnThread,
    tcp: SocketAddr,
    tls: SocketAddr,
    peers: [SocketAddr; 2],
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Running {
    pub fn start(peers: PeersAre) -> Self {
        let [tcp, tls] = [(); 2].map(|()| listen().expect("a free port"));
        let (even, odd) = bind_pair().expect("two free ports");
        let peer_sockets = [even, odd];
        let addresses = peer_sockets
            .each_ref()
            .map(|socket| socket.local_addr().expect("bound"));
        let (waker, _sleep) = wake::pair().expect("descriptors");
        let (sender, received) = hand_over::channel(waker, 1 << 20);
        let (local_peers, other_peers) = match peers {
            PeersAre::Here => (
                vec![LocalPeer {
                    addresses: addresses.to_vec(),
                    sender,
                }],
                Vec::new(),
            ),
            PeersAre::Elsewhere => (Vec::new(), addresses.to_vec()),
        };
        let server = TurnThread::spawn(Settings {
            server: config(),
            addresses: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
            local_peers,
            other_peers,
            relay_ports: RelayPorts {
                addresses: vec![RelayAddress {
                    bound: Ipv4Addr::LOCALHOST.into(),
                    announced: Ipv4Addr::LOCALHOST.into(),
                }],
                ports: 20_000..=60_000,
            },
            most_waiting: 64 << 20,
        })
        .expect("it starts");
        let [tcp_address, tls_address] =
            [&tcp, &tls].map(|listener| listener.local_addr().expect("bound"));
        let mut running = Self {
            tcp: tcp_address,
            tls: tls_address,
            peers: addresses,
            is_over: Arc::default(),
            threads: Vec::new(),
            server,
        };
        let back = running.server.from_peers();
        running.repeat(move || answer_within(&received, &back));
        running.repeat(move || answer(&peer_sockets));
        let handle = running.server.handle().clone();
        running.repeat(move || accept(&tcp, None, &handle));
        let (handle, certificate) = (running.server.handle().clone(), certificate());
        running.repeat(move || accept(&tls, Some(&certificate), &handle));
        running
    }

    pub fn udp_address(&self) -> SocketAddr {
        self.server.addresses()[0]
    }

    pub fn tcp_address(&self) -> SocketAddr {
        self.tcp
    }

    pub fn tls_address(&self) -> SocketAddr {
        self.tls
    }

    pub fn peers(&self) -> [SocketAddr; 2] {
        self.peers
    }

    /// What was counted, once it is as it should be.
    pub fn statistics(&self, is_so: impl Fn(&Statistics) -> bool) -> Statistics {
        let start = Instant::now();
        loop {
            let statistics = self.server.handle().statistics();
            if is_so(&statistics) || start.elapsed() > PATIENCE {
                return statistics;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Asks for an address.
    pub fn assert_serving(&self) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        socket.set_read_timeout(Some(PATIENCE)).expect("it can be");
        let mut request = vec![0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42];
        request.extend([7; 12]);
        socket.send_to(&request, self.udp_address()).expect("sent");
        let mut answer = [0; 100];
        let length = socket.recv(&mut answer).expect("an answer");
        assert_eq!(answer[..2], [1, 1], "{:?}", &answer[..length]);
    }

    /// Does something again and again on a thread.
    fn repeat(&mut self, mut act: impl FnMut() + Send + 'static) {
        let is_over = Arc::clone(&self.is_over);
        self.threads.push(std::thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                act();
                std::thread::sleep(Duration::from_micros(300));
            }
        }));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking());
        }
    }
}

fn config() -> Config {
    Config {
        realm: "quietroom".into(),
        secrets: vec![SharedSecret::new(SECRET.as_bytes())],
        families: Family::ALL.to_vec(),
        synthetic_hosts: 1..=254,
        channels: Channels::Rfc5766,
        limits: Limits {
            // The client has one name for all of its sessions.
            allocations_of_participant: 1000,
            ..Limits::default()
        },
        key: [7; 32],
    }
}

/// Sends back what was handed over.
fn answer_within(received: &hand_over::Receiver, back: &hand_over::Sender) {
    let mut trains = Trains::default();
    received.take(&mut trains);
    let mut sending = back.begin();
    for train in trains.iter_mut() {
        let answer = Train {
            remote: train.remote,
            bytes: train.bytes,
            segment_length: train.segment_length,
        };
        sending.push(train.local, answer, Instant::now());
    }
}

/// Sends back what came to sockets.
fn answer(sockets: &[UdpSocket]) {
    let mut bytes = [0; 2048];
    for socket in sockets {
        while let Ok((length, from)) = socket.recv_from(&mut bytes) {
            let _ = socket.send_to(&bytes[..length], from);
        }
    }
}

fn accept(listener: &TcpListener, tls: Option<&Arc<ServerConfig>>, server: &Handle) {
    while let Ok((stream, _)) = listener.accept() {
        stream.set_nonblocking(true).expect("it can be");
        let tls = tls.map(|config| {
            let connection = ServerConnection::new(Arc::clone(config));
            Box::new(connection.expect("a good configuration"))
        });
        server.accept(Stream {
            stream,
            tls,
            received: Vec::new(),
        });
    }
}

fn certificate() -> Arc<ServerConfig> {
    let key = KeyPair::generate().expect("it is random");
    let params = CertificateParams::new(["localhost".to_owned()]).expect("it is a name");
    let certificate = params.self_signed(&key).expect("it signs");
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("they belong together");
    Arc::new(config)
}

fn listen() -> io::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn bind(port: u16) -> io::Result<UdpSocket> {
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

const PATIENCE: Duration = Duration::from_secs(20);
