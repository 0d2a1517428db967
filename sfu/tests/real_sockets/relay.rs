//! How participants reach the worker: by its socket, or through a relay in its
//! process.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sfu::driver::WorkerHandle;
use sfu::identity::ParticipantId;
use turn::driver::{LocalPeer, RelayPorts, Settings, TurnThread};
use turn::stun::{
    Attribute, Class, Integrity, Key, Message, Method, PasswordAlgorithm, Transaction, Writer,
};
use turn::{
    ChannelData, ChannelNumber, Channels, Config, Family, Limits, SharedSecret, write_channel_data,
};

pub struct Relay(pub TurnThread);

/// A participant's socket.
pub struct Wire {
    socket: UdpSocket,
    /// In data on it, through a relay.
    channel: Option<ChannelNumber>,
}

impl Relay {
    pub fn start(worker: &WorkerHandle) -> Self {
        let turn = TurnThread::spawn(Settings {
            server: Config {
                realm: REALM.into(),
                secrets: vec![SharedSecret::new(SECRET)],
                families: Family::ALL.to_vec(),
                synthetic_hosts: 1..=254,
                channels: Channels::default(),
                limits: Limits::default(),
                key: [7; 32],
            },
            addresses: vec!["127.0.0.1:0".parse().expect("an address")],
            local_peers: vec![LocalPeer {
                addresses: worker.address().candidates.clone(),
                sender: worker.relayed(),
            }],
            other_peers: Vec::new(),
            relay_ports: RelayPorts {
                addresses: Vec::new(),
                ports: 50_000..=50_000,
            },
            most_waiting: 64 << 20,
        });
        let turn = turn.expect("the loopback");
        worker.set_relay(turn.from_peers());
        Self(turn)
    }

    /// A socket with a channel to the worker.
    pub fn reach(&self, worker: SocketAddr, id: ParticipantId) -> Wire {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.connect(self.0.addresses()[0]).expect("a socket");
        let patience = Some(Duration::from_secs(5));
        socket.set_read_timeout(patience).expect("a socket");
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let expires = now.expect("after 1970") + Duration::from_hours(1);
        let credentials = SharedSecret::new(SECRET).issue(&id.0.to_string(), expires);
        let key = Key::long_term(
            PasswordAlgorithm::Md5,
            &credentials.username,
            REALM,
            &credentials.password,
        );
        let mut nonce: Option<Vec<u8>> = None;
        let mut ask = |method, number, write: &dyn Fn(&mut Writer)| {
            let mut bytes = Vec::new();
            let transaction = Transaction([number; 12]);
            let mut writer = Writer::new(&mut bytes, Class::Request, method, transaction);
            write(&mut writer);
            if let Some(nonce) = &nonce {
                writer.attribute(Attribute::USERNAME, credentials.username.as_bytes());
                writer.attribute(Attribute::REALM, REALM.as_bytes());
                writer.attribute(Attribute::NONCE, nonce);
                writer.sign(Integrity::Sha1, &key);
            }
            socket.send(&bytes).expect("sent");
            let mut answer = [0; 1000];
            let length = socket.recv(&mut answer).expect("an answer");
            let message = Message::read(&answer[..length]).expect("a message");
            if nonce.is_none() {
                nonce = message.get(Attribute::NONCE).map(<[u8]>::to_vec);
            } else {
                assert_eq!(message.class, Class::Success);
            }
        };
        let over_udp =
            |writer: &mut Writer| writer.attribute(Attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
        ask(Method::ALLOCATE, 1, &over_udp);
        ask(Method::ALLOCATE, 2, &over_udp);
        ask(Method::CHANNEL_BIND, 3, &|writer| {
            writer.attribute(Attribute::CHANNEL_NUMBER, &[0x40, 0x01, 0, 0]);
            writer.xor_address(Attribute::XOR_PEER_ADDRESS, worker);
        });
        socket.set_nonblocking(true).expect("a socket");
        Wire {
            socket,
            channel: ChannelNumber::new(0x4001),
        }
    }
}

impl Wire {
    pub fn direct(worker: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.connect(worker).expect("a socket");
        socket.set_nonblocking(true).expect("a socket");
        Self {
            socket,
            channel: None,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("an address")
    }

    pub fn send(&self, datagram: &[u8]) {
        let mut bytes = Vec::new();
        match self.channel {
            Some(number) => write_channel_data(&mut bytes, number, datagram, false),
            None => bytes.extend_from_slice(datagram),
        }
        self.socket.send(&bytes).expect("loopback");
    }

    pub fn receive(&self) -> Option<Vec<u8>> {
        let mut memory = [0; 2048];
        let length = self.socket.recv(&mut memory).ok()?;
        let bytes = &memory[..length];
        if self.channel.is_none() {
            return Some(bytes.to_vec());
        }
        let data = ChannelData::read(bytes).expect("data on the channel");
        Some(data.data.to_vec())
    }
}

const REALM: &str = "quietroom";
const SECRET: &[u8] = b"what only the server knows";
