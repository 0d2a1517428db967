//! How a client reaches its server: datagrams, or messages in a stream of
//! bytes, in the clear or in TLS.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
};

use super::message::channel_head;
use crate::system::udp::{Batch, Socket};

/// What a client speaks to its server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
}

/// A client's end.
#[derive(Debug)]
pub enum Wire {
    Datagrams(Socket),
    Stream(Box<Stream>),
}

/// Messages in a stream of bytes. It never waits.
pub struct Stream {
    inner: Inner,
    unread: Vec<u8>,
    unsent: Vec<u8>,
}

enum Inner {
    Tcp(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Transport {
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }
}

impl Wire {
    /// Reaches the server from a free port of `local`.
    ///
    /// # Errors
    /// Nobody answers there, or not with TLS.
    pub fn open(transport: Transport, local: IpAddr, server: SocketAddr) -> io::Result<Self> {
        if transport == Transport::Udp {
            let socket = Socket::bind(local)?;
            socket.connect(server)?;
            return Ok(Self::Datagrams(socket));
        }
        let socket = TcpStream::connect_timeout(&server, PATIENCE)?;
        socket.set_nodelay(true)?;
        let inner = if transport == Transport::Tls {
            socket.set_read_timeout(Some(PATIENCE))?;
            let mut stream = Box::new(StreamOwned::new(client(server)?, socket));
            while stream.conn.is_handshaking() {
                stream.conn.complete_io(&mut stream.sock)?;
            }
            stream.sock.set_nonblocking(true)?;
            Inner::Tls(stream)
        } else {
            socket.set_nonblocking(true)?;
            Inner::Tcp(socket)
        };
        Ok(Self::Stream(Box::new(Stream {
            inner,
            unread: Vec::new(),
            unsent: Vec::new(),
        })))
    }

    /// Sends a request.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn send(&mut self, message: &[u8]) -> io::Result<()> {
        match self {
            Self::Datagrams(socket) => {
                socket.send(message);
                Ok(())
            }
            Self::Stream(stream) => stream.send(message),
        }
    }

    /// Sends data on a channel, all with as few system calls as may be.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn send_data(&mut self, channel: u16, data: &[Vec<u8>]) -> io::Result<()> {
        let framed = data.iter().map(|data| {
            let mut message = channel_head(channel, data.len()).to_vec();
            message.extend(data);
            message
        });
        match self {
            Self::Datagrams(socket) => {
                socket.send_all(&framed.collect::<Vec<_>>());
                Ok(())
            }
            Self::Stream(stream) => {
                let mut bytes = Vec::new();
                for message in framed {
                    bytes.extend(&message);
                    bytes.resize(bytes.len().next_multiple_of(4), 0);
                }
                stream.send(&bytes)
            }
        }
    }

    /// Hands over every message that has come, without waiting.
    ///
    /// # Errors
    /// The connection is gone, or what comes makes no messages.
    pub fn receive(&mut self, batch: &mut Batch, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        match self {
            Self::Datagrams(socket) => loop {
                let count = socket.receive(batch)?;
                (0..count).for_each(|index| take(batch.datagram(index).bytes));
                if !batch.is_full() {
                    return Ok(());
                }
            },
            Self::Stream(stream) => stream.receive(take),
        }
    }
}

impl Stream {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.unsent.extend(bytes);
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut sent = 0;
        while sent < self.unsent.len() {
            match self.inner.write(&self.unsent[sent..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.unsent.drain(..sent);
        match self.inner.flush() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }

    fn receive(&mut self, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        self.flush()?;
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.inner.read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.unread.extend(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        let mut start = 0;
        while let Some((message, whole)) = first_message(&self.unread[start..])? {
            take(&self.unread[start..start + message]);
            start += whole;
        }
        self.unread.drain(..start);
        Ok(())
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").finish_non_exhaustive()
    }
}

impl Read for Inner {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Inner {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// The length of the first message, and of it with its padding (RFC 8656
/// §12.5); `None` while some of it is missing.
fn first_message(bytes: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let &[first, _, high, low, ..] = bytes else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let (message, whole) = match first {
        0..=3 => (STUN_HEADER + length, STUN_HEADER + length),
        0x40..=0x4F => (4 + length, (4 + length).next_multiple_of(4)),
        _ => return Err(ErrorKind::InvalidData.into()),
    };
    Ok((bytes.len() >= whole).then_some((message, whole)))
}

fn client(server: SocketAddr) -> io::Result<ClientConnection> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    ClientConnection::new(Arc::new(config), ServerName::from(server.ip())).map_err(io::Error::other)
}

/// The server is one that the test started.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.0.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

const STUN_HEADER: usize = 20;
const PATIENCE: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cut_from_a_stream_with_their_padding() {
        let mut bytes = channel_head(0x4000, 3).to_vec();
        bytes.extend([1, 2, 3]);
        assert_eq!(first_message(&bytes).unwrap(), None);
        bytes.push(0);
        assert_eq!(first_message(&bytes).unwrap(), Some((7, 8)));
        assert_eq!(first_message(&[1, 1, 0, 0]).unwrap(), None);
        assert_eq!(first_message(&[0; 20]).unwrap(), Some((20, 20)));
        assert_eq!(first_message(&[]).unwrap(), None);
        assert!(first_message(&[0x80, 0, 0, 0]).is_err());
    }
}
