//! A client's connection that carries datagrams in frames (RFC 4571).

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::udp::Batch;

/// It never waits.
#[derive(Debug)]
pub struct Framed {
    stream: TcpStream,
    local: SocketAddr,
    unread: Vec<u8>,
    unsent: Vec<u8>,
}

impl Framed {
    /// # Errors
    /// Nobody listens there.
    pub fn connect(remote: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&remote, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let local = stream.local_addr()?;
        Ok(Self {
            stream,
            local,
            unread: Vec::new(),
            unsent: Vec::new(),
        })
    }

    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Sends datagrams, or has them wait. What cannot be sent as the connection
    /// is gone shows when it is read.
    pub fn send_all<B: AsRef<[u8]>>(&mut self, datagrams: &[B]) {
        for datagram in datagrams {
            let datagram = datagram.as_ref();
            self.unsent.extend((datagram.len() as u16).to_be_bytes());
            self.unsent.extend(datagram);
        }
        let mut sent = 0;
        while sent < self.unsent.len() {
            match self.stream.write(&self.unsent[sent..]) {
                Ok(count) => sent += count,
                Err(_) => break,
            }
        }
        self.unsent.drain(..sent);
    }

    /// Fills `batch` with datagrams that have come; gives how many.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn receive(&mut self, batch: &mut Batch) -> io::Result<usize> {
        self.send_all::<&[u8]>(&[]);
        let mut memory = [0; 16 * 1024];
        if first_frame(&self.unread).is_none() {
            match self.stream.read(&mut memory) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.unread.extend(&memory[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        let mut start = 0;
        batch.fill(|| {
            let frame = first_frame(&self.unread[start..])?;
            start += HEAD + frame.len();
            Some(frame)
        });
        self.unread.drain(..start);
        Ok(batch.len())
    }
}

/// What a participant is reached by.
#[derive(Debug)]
pub enum Link {
    Datagrams(super::udp::Socket),
    Frames(Framed),
}

impl Link {
    pub fn local(&self) -> SocketAddr {
        match self {
            Self::Datagrams(socket) => socket.local(),
            Self::Frames(framed) => framed.local(),
        }
    }

    /// Takes datagrams of `remote` only, and sends there; a connection does
    /// nothing else.
    ///
    /// # Errors
    /// There is no way to `remote`.
    pub fn connect(&self, remote: SocketAddr) -> io::Result<()> {
        match self {
            Self::Datagrams(socket) => socket.connect(remote),
            Self::Frames(_) => Ok(()),
        }
    }

    pub fn send(&mut self, datagram: &[u8]) {
        match self {
            Self::Datagrams(socket) => socket.send(datagram),
            Self::Frames(framed) => framed.send_all(&[datagram]),
        }
    }

    /// Gives how many were taken.
    pub fn send_all<B: AsRef<[u8]>>(&mut self, datagrams: &[B]) -> usize {
        match self {
            Self::Datagrams(socket) => socket.send_all(datagrams),
            Self::Frames(framed) => {
                framed.send_all(datagrams);
                datagrams.len()
            }
        }
    }

    /// Fills `batch` with what has come, without waiting; gives how many.
    ///
    /// # Errors
    /// It is broken.
    pub fn receive(&mut self, batch: &mut Batch) -> io::Result<usize> {
        match self {
            Self::Datagrams(socket) => socket.receive(batch),
            Self::Frames(framed) => framed.receive(batch),
        }
    }
}

impl From<super::udp::Socket> for Link {
    fn from(socket: super::udp::Socket) -> Self {
        Self::Datagrams(socket)
    }
}

/// What is in the first frame, if all of it is there.
fn first_frame(bytes: &[u8]) -> Option<&[u8]> {
    let (head, rest) = bytes.split_first_chunk::<HEAD>()?;
    rest.get(..usize::from(u16::from_be_bytes(*head)))
}

const HEAD: usize = 2;
const PATIENCE: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    #[test]
    fn datagrams_come_whole_however_the_stream_is_cut() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut framed = Framed::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let sent: Vec<_> = (0..200_u8).map(|number| vec![number; 1100]).collect();
        framed.send_all(&sent);
        // Sent back as it came, in pieces.
        let mut batch = Batch::new(100);
        let mut received = Vec::new();
        let mut piece = [0; 777];
        let mut left = sent.len() * 1102;
        while received.len() < sent.len() {
            if left > 0 {
                let count = server.read(&mut piece).unwrap();
                server.write_all(&piece[..count]).unwrap();
                left -= count;
            }
            for index in 0..framed.receive(&mut batch).unwrap() {
                let datagram = batch.datagram(index);
                assert_eq!(datagram.length, 1100);
                assert_eq!(datagram.at, None);
                received.push(datagram.bytes.to_vec());
            }
        }
        let starts: Vec<_> = sent
            .iter()
            .map(|datagram| datagram[..100].to_vec())
            .collect();
        assert_eq!(received, starts);
    }
}
