//! What a participant's datagrams travel over.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use sfu::driver::WorkerHandle;
use sfu::transport::framing::{first_datagram, write_frame};
use socket2::{Domain, Socket, Type};

use crate::relay::Wire;

pub enum Line {
    Udp(Wire),
    Tcp(TcpLine),
}

/// A connection to whoever hands it to the worker (RFC 6544).
pub struct TcpLine {
    stream: TcpStream,
    /// The worker's end, until there is a check to hand over with it.
    accepted: Option<TcpStream>,
    received: Vec<u8>,
    /// Reads nothing.
    pub is_asleep: bool,
    pub has_ended: bool,
}

impl Line {
    /// Whose end takes in little before it is read.
    pub fn tcp() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        let address = listener.local_addr().expect("an address");
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a socket");
        socket.connect(&address.into()).expect("it listens");
        let stream = TcpStream::from(socket);
        stream.set_nonblocking(true).expect("a socket");
        stream.set_nodelay(true).expect("a socket");
        let (accepted, _) = listener.accept().expect("it is connected");
        Self::Tcp(TcpLine {
            stream,
            accepted: Some(accepted),
            received: Vec::new(),
            is_asleep: false,
            has_ended: false,
        })
    }

    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Udp(wire) => wire.address(),
            Self::Tcp(line) => line.stream.local_addr().expect("an address"),
        }
    }

    pub fn connection(&mut self) -> &mut TcpLine {
        match self {
            Self::Tcp(line) => line,
            Self::Udp(_) => panic!("it has none"),
        }
    }

    pub fn send(&mut self, worker: &WorkerHandle, datagram: &[u8]) {
        match self {
            Self::Udp(wire) => wire.send(datagram),
            Self::Tcp(line) => line.send(worker, datagram),
        }
    }

    /// The datagrams that have come.
    pub fn receive(&mut self) -> Vec<Vec<u8>> {
        match self {
            Self::Udp(wire) => std::iter::from_fn(|| wire.receive()).collect(),
            Self::Tcp(line) => line.receive(),
        }
    }
}

impl TcpLine {
    /// The first one goes along when the connection is handed over.
    pub fn send(&mut self, worker: &WorkerHandle, datagram: &[u8]) {
        let mut frame = Vec::new();
        write_frame(datagram, &mut frame);
        if let Some(accepted) = self.accepted.take() {
            worker.accept(accepted, frame);
        } else {
            self.write(&frame);
        }
    }

    pub fn write(&mut self, mut bytes: &[u8]) {
        let deadline = Instant::now() + Duration::from_secs(5);
        while !bytes.is_empty() && !self.has_ended {
            match self.stream.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    assert!(Instant::now() < deadline, "the worker reads nothing");
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(_) => self.has_ended = true,
            }
        }
    }

    pub fn receive(&mut self) -> Vec<Vec<u8>> {
        let mut buffer = [0; 4096];
        while !self.is_asleep && !self.has_ended {
            match self.stream.read(&mut buffer) {
                Ok(0) => self.has_ended = true,
                Ok(count) => self.received.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => self.has_ended = true,
            }
        }
        let mut datagrams = Vec::new();
        while let Some(range) = first_datagram(&self.received).expect("short frames") {
            datagrams.push(self.received[range.clone()].to_vec());
            self.received.drain(..range.end);
        }
        datagrams
    }

    /// Whether the worker ends it within some seconds.
    pub fn ends(&mut self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(5);
        while !self.has_ended && Instant::now() < deadline {
            self.receive();
            std::thread::sleep(Duration::from_millis(1));
        }
        self.has_ended
    }
}
