//! What a connection is for, and who gets it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use sfu::transport::framing::first_datagram;
use sfu::transport::{stun, worker_of};
use signaling::limits::Connection;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConnection;
use tokio_rustls::server::TlsStream;
use turn::driver::Stream;

use super::first_bytes::{ENOUGH, Spoken, classify};
use super::hand_over::HandOver;
use super::http;
use super::rewound::Rewound;
use super::tls::STUN_TURN;

/// What a port needs for each of its connections.
#[derive(Clone)]
pub(super) struct Dispatch {
    /// `None`: HTTP is in the clear.
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) router: Router,
    /// `None`: there is HTTP only.
    pub(super) hand_over: Option<Arc<dyn HandOver>>,
    pub(super) deadlines: Deadlines,
    pub(super) stop: watch::Receiver<bool>,
}

/// How long a client may take.
#[derive(Clone, Copy)]
pub(super) struct Deadlines {
    /// Until it is clear what it speaks.
    pub(super) first_bytes: Duration,
    /// For a TLS handshake.
    pub(super) handshake: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            first_bytes: Duration::from_secs(5),
            handshake: Duration::from_secs(10),
        }
    }
}

impl Dispatch {
    /// Serves a connection, or gives it to whom it is for. Whoever is silent
    /// or makes no sense is closed.
    pub(super) async fn serve(self, stream: TcpStream, connection: Connection) {
        if let Err(error) = self.tell_apart(stream, connection).await {
            tracing::debug!(%error, "connection ended before it was clear what for");
        }
    }

    async fn tell_apart(self, mut stream: TcpStream, connection: Connection) -> io::Result<()> {
        // Messages are small and must not wait for one another.
        let _ = stream.set_nodelay(true);
        let mut received = Vec::with_capacity(ENOUGH);
        let reading = first_bytes(&mut stream, &mut received);
        let spoken = timeout(self.deadlines.first_bytes, reading).await??;
        match (spoken, &self.tls) {
            (Spoken::Tls, Some(tls)) => {
                let accepting = tls.accept(Rewound::new(stream, received));
                let stream = timeout(self.deadlines.handshake, accepting).await??;
                self.tell_apart_in_tls(stream, connection).await
            }
            (Spoken::Http, None) => {
                self.requests(Rewound::new(stream, received), connection)
                    .await;
                Ok(())
            }
            (Spoken::Http, Some(_)) => http::refuse_plain(stream).await,
            (Spoken::IceTcp, _) => self.media(stream, received).await,
            (Spoken::TurnTcp, _) => self.turn(stream, None, received),
            (Spoken::Tls, None) | (Spoken::Nonsense | Spoken::NeedMore, _) => Err(nonsense()),
        }
    }

    /// Browsers name HTTP in the handshake, and nothing for TURN.
    async fn tell_apart_in_tls(
        self,
        mut stream: TlsStream<Rewound<TcpStream>>,
        connection: Connection,
    ) -> io::Result<()> {
        let mut received = Vec::new();
        let spoken = match stream.get_ref().1.alpn_protocol() {
            Some(STUN_TURN) => Spoken::TurnTcp,
            Some(_) => Spoken::Http,
            None => {
                let reading = first_bytes(&mut stream, &mut received);
                timeout(self.deadlines.first_bytes, reading).await??
            }
        };
        match spoken {
            Spoken::Http => {
                self.requests(Rewound::new(stream, received), connection)
                    .await;
                Ok(())
            }
            Spoken::TurnTcp => {
                let (stream, mut tls) = stream.into_inner();
                take_decrypted(&mut tls, &mut received)?;
                let (stream, unread) = stream.into_parts();
                if !unread.is_empty() {
                    return Err(nonsense());
                }
                self.turn(stream, Some(Box::new(tls)), received)
            }
            _ => Err(nonsense()),
        }
    }

    async fn requests<S>(self, stream: S, connection: Connection)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        http::requests(stream, connection, self.router, self.stop).await;
    }

    /// Reads the first check as a whole, which tells the worker.
    async fn media(self, mut stream: TcpStream, mut received: Vec<u8>) -> io::Result<()> {
        let Some(hand_over) = self.hand_over else {
            return Err(nonsense());
        };
        let reading = async {
            loop {
                match first_datagram(&received) {
                    Ok(Some(check)) => return Ok(check),
                    Ok(None) if received.len() < LONGEST_CHECK => {}
                    _ => return Err(nonsense()),
                }
                let room = LONGEST_CHECK - received.len();
                if (&mut stream)
                    .take(room as u64)
                    .read_buf(&mut received)
                    .await?
                    == 0
                {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
        };
        let check = timeout(self.deadlines.first_bytes, reading).await??;
        let worker = stun::local_ufrag(&received[check]).and_then(worker_of);
        hand_over.media(worker.ok_or_else(nonsense)?, stream.into_std()?, received);
        Ok(())
    }

    fn turn(
        self,
        stream: TcpStream,
        tls: Option<Box<ServerConnection>>,
        received: Vec<u8>,
    ) -> io::Result<()> {
        let Some(hand_over) = self.hand_over else {
            return Err(nonsense());
        };
        hand_over.turn(Stream {
            stream: stream.into_std()?,
            tls,
            received,
        });
        Ok(())
    }
}

/// Reads into `received` until it is clear what is spoken.
async fn first_bytes<S>(stream: &mut S, received: &mut Vec<u8>) -> io::Result<Spoken>
where
    S: AsyncRead + Unpin,
{
    loop {
        match classify(received) {
            Spoken::NeedMore => {}
            spoken => return Ok(spoken),
        }
        let room = ENOUGH.saturating_sub(received.len());
        if (&mut *stream).take(room as u64).read_buf(received).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Moves what has been decrypted and not been read into `received`.
fn take_decrypted(tls: &mut ServerConnection, received: &mut Vec<u8>) -> io::Result<()> {
    match io::Read::read_to_end(&mut tls.reader(), received) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error),
    }
}

fn nonsense() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "nothing is spoken there like this",
    )
}

/// With its frame, in bytes; a check has some hundred.
const LONGEST_CHECK: usize = 1502;
