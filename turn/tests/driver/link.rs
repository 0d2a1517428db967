//! A client on a real socket.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use turn::stun::{Attribute, Class, Method};
use turn::{SharedSecret, Transport};

use crate::client::{Answer, Client, SECRET, ask_for_udp, on_channel};
use crate::network::address;
use crate::running::{PATIENCE, PEER, Running};

pub const CHANNEL: u16 = 0x4ABC;

pub struct Link {
    pub client: Client,
    /// Until when its credentials are good, counted from 1970.
    pub expires: Duration,
    wire: Wire,
    /// Of a stream, what is no whole frame yet.
    partial: Vec<u8>,
}

enum Wire {
    Udp(UdpSocket),
    Tcp(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Link {
    pub fn open(running: &Running, participant: &str, transport: Transport) -> Self {
        let wire = match transport {
            Transport::Udp => {
                let socket = UdpSocket::bind("127.0.0.1:0").expect("the loopback");
                socket.connect(running.udp()).expect("the loopback");
                let patience = Some(PATIENCE);
                socket.set_read_timeout(patience).expect("it can be");
                Wire::Udp(socket)
            }
            Transport::Tcp => Wire::Tcp(patient(running.connect(false, &[]))),
            Transport::Tls => {
                let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
                let config = ClientConfig::builder_with_provider(provider)
                    .with_safe_default_protocol_versions()
                    .expect("there are some")
                    .with_root_certificates(running.roots.clone())
                    .with_no_client_auth();
                let name = ServerName::try_from("localhost").expect("a name");
                let tls = ClientConnection::new(Arc::new(config), name).expect("it is good");
                let stream = patient(running.connect(true, &[]));
                Wire::Tls(Box::new(StreamOwned::new(tls, stream)))
            }
        };
        let mut client = Client::new(participant, "127.0.0.1:1", transport);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let expires = now.expect("after 1970") + Duration::from_hours(1);
        let credentials = SharedSecret::new(SECRET).issue(participant, expires);
        client.username = credentials.username;
        client.password = credentials.password;
        Self {
            client,
            expires,
            wire,
            partial: Vec::new(),
        }
    }

    /// One with an allocation and a channel to the peer of this process; gives
    /// its relayed address too.
    pub fn bound(running: &Running, participant: &str, transport: Transport) -> (Self, SocketAddr) {
        let mut link = Self::open(running, participant, transport);
        let relayed = link.allocate().relayed();
        let request = link.client.bind(CHANNEL, address(PEER));
        assert_eq!(link.ask(&request).code(), 0);
        (link, relayed)
    }

    pub fn allocate(&mut self) -> Answer {
        self.challenge();
        let request = self.client.allocate();
        self.ask(&request)
    }

    pub fn challenge(&mut self) {
        let request = self
            .client
            .bare(Class::Request, Method::ALLOCATE, ask_for_udp);
        let answer = self.ask(&request);
        let nonce = answer.get(Attribute::NONCE).expect("a nonce");
        self.client.nonce = nonce.to_vec();
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).expect("the server takes it");
    }

    pub fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.wire {
            Wire::Udp(socket) => socket.send(bytes).map(drop),
            Wire::Tcp(stream) => stream.write_all(bytes),
            Wire::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }

    pub fn send_data(&mut self, data: &[u8]) {
        let is_stream = !matches!(self.wire, Wire::Udp(_));
        self.send(&on_channel(CHANNEL, data, is_stream));
    }

    pub fn ask(&mut self, request: &[u8]) -> Answer {
        self.send(request);
        loop {
            let bytes = self.receive().expect("an answer");
            if bytes[0] < 0x40 {
                return Answer { bytes };
            }
        }
    }

    /// The next message or channel data.
    ///
    /// # Errors
    /// Nothing comes, or the connection has ended.
    pub fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut memory = vec![0; 65_536];
        loop {
            if let Some(frame) = self.frame() {
                return Ok(frame);
            }
            let count = match &mut self.wire {
                Wire::Udp(socket) => {
                    let count = socket.recv(&mut memory)?;
                    return Ok(memory[..count].to_vec());
                }
                Wire::Tcp(stream) => stream.read(&mut memory)?,
                Wire::Tls(stream) => stream.read(&mut memory)?,
            };
            if count == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.partial.extend_from_slice(&memory[..count]);
        }
    }

    /// The next data on the channel, without its head.
    pub fn receive_data(&mut self) -> Vec<u8> {
        let bytes = self.receive().expect("data");
        let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
        assert_eq!(bytes[..2], CHANNEL.to_be_bytes());
        bytes[4..4 + length].to_vec()
    }

    /// Takes a whole frame off what has come over a stream.
    fn frame(&mut self) -> Option<Vec<u8>> {
        let [kind, _, high, low, ..] = self.partial[..] else {
            return None;
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let whole = match kind {
            0x00..0x04 => 20 + length,
            0x40..0x50 => 4 + length.next_multiple_of(4),
            other => panic!("{other} begins no frame"),
        };
        (self.partial.len() >= whole).then(|| self.partial.drain(..whole).collect())
    }
}

fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).expect("it can be");
    stream
}
