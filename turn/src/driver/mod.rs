//! A thread, its sockets and its connections around a server: the only place
//! of the TURN server that makes system calls or reads a clock.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this is the driver"
)]

mod connection;
mod exits;
mod relay_ports;
mod thread;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{self, Sender, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use io_thread::gauge::{Gauge, Meter};
use io_thread::hand_over;
use io_thread::udp::Socket;
use io_thread::wake::{self, Waker};
use rustls::ServerConnection;
use thiserror::Error;

pub use self::relay_ports::{RelayAddress, RelayPorts};
use self::thread::{Inbox, Message, ServerThread};
use crate::{Config, ConfigError, Peers, Reach, Server};

/// What a server's thread needs to start.
#[derive(Debug)]
pub struct Settings {
    pub server: Config,
    /// Where clients are served over UDP, each with its own socket; there may
    /// be none. Port 0 lets the system choose one. No media is to be received
    /// there: a browser takes all that comes from a TURN server for TURN.
    pub addresses: Vec<SocketAddr>,
    /// The media workers of this process.
    pub local_peers: Vec<LocalPeer>,
    /// Peers elsewhere, which are reached by relay ports.
    pub other_peers: Vec<SocketAddr>,
    /// Of no meaning while there are no peers elsewhere.
    pub relay_ports: RelayPorts,
    /// Bytes that may wait for slow readers of connections, all of them
    /// together: the longest queue is cut first.
    pub most_waiting: usize,
}

/// A peer of this process.
#[derive(Clone, Debug)]
pub struct LocalPeer {
    /// The addresses that clients name it by, and those that it has.
    pub addresses: Vec<SocketAddr>,
    /// Takes what clients send to it: `local` is the address that the client
    /// named, `remote` the client's own, to which it answers by
    /// [`TurnThread::from_peers`].
    pub sender: hand_over::Sender,
}

/// A client's connection whose first bytes have shown that it speaks TURN.
pub struct Stream {
    pub stream: TcpStream,
    /// For TURN over TLS, with the handshake done or under way.
    pub tls: Option<Box<ServerConnection>>,
    /// What was read of it, decrypted.
    pub received: Vec<u8>,
}

/// Why a server could not be started.
#[derive(Debug, Error)]
pub enum StartError {
    #[error("cannot listen on {address}: {source}")]
    Bind {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// What was counted, by the server and by its driver.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Statistics {
    pub server: crate::Statistics,
    /// Relay ports that are open.
    pub relay_ports: u64,
    /// Bytes that wait for slow readers of connections.
    pub waiting_bytes: u64,
    /// Trains of data that were left out since their client does not read as
    /// fast from its connection.
    pub late: u64,
    /// Trains that were not handed over, since the peer's thread is behind.
    pub lost: u64,
}

/// A running server. Dropping it stops the thread.
#[derive(Debug)]
pub struct TurnThread {
    addresses: Vec<SocketAddr>,
    handle: Handle,
    from_peers: hand_over::Sender,
    thread: Option<JoinHandle<()>>,
}

/// Speaks to a running server, from any thread. Nothing of it blocks.
#[derive(Clone, Debug)]
pub struct Handle {
    messages: Sender<Message>,
    streams: SyncSender<Stream>,
    waker: Waker,
    gauge: Gauge<Statistics>,
}

impl TurnThread {
    /// Starts a server on a thread of its own.
    ///
    /// # Errors
    /// A socket cannot be bound, the thread not started, or the server's
    /// configuration is none.
    pub fn spawn(settings: Settings) -> Result<Self, StartError> {
        let now = Instant::now();
        let mut server = Server::new(now, since_1970(), settings.server)?;
        server.set_peers(peers(&settings.local_peers, &settings.other_peers));
        let sockets = bind(&settings.addresses)?;
        let addresses = sockets.iter().map(Socket::local).collect();
        let (waker, sleep) = wake::pair().map_err(StartError::Thread)?;
        let (from_peers, handed_over) = hand_over::channel(waker.clone(), MOST_HANDED_OVER);
        let (messages, commands) = mpsc::channel();
        let (streams, accepted) = mpsc::sync_channel(MOST_UNACCEPTED);
        let gauge = Gauge::default();
        let meter = Meter::new(gauge.clone(), now);
        let inbox = Inbox {
            commands,
            accepted,
            handed_over,
            sleep,
        };
        let listening = thread::watch(sockets, &inbox.sleep).map_err(StartError::Thread)?;
        let thread = std::thread::Builder::new()
            .name("turn".into())
            .spawn(move || {
                let _guard = AbortOnPanic;
                // The batches' memory must be this thread's own.
                ServerThread::new(
                    server,
                    listening,
                    &settings.local_peers,
                    settings.relay_ports,
                    settings.most_waiting,
                    inbox,
                    meter,
                )
                .run();
            })
            .map_err(StartError::Thread)?;
        let handle = Handle {
            messages,
            streams,
            waker,
            gauge,
        };
        Ok(Self {
            addresses,
            handle,
            from_peers,
            thread: Some(thread),
        })
    }

    /// Where clients are served over UDP.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Takes what peers of this process send to clients: `remote` is the
    /// client's address, `local` the one that the client named the peer by.
    pub fn from_peers(&self) -> hand_over::Sender {
        self.from_peers.clone()
    }
}

impl Handle {
    /// Has the server take over a connection. One too many is closed.
    pub fn accept(&self, stream: Stream) {
        if self.streams.try_send(stream).is_ok() {
            self.waker.wake();
        }
    }

    /// Ends all allocations of a participant, by its name in the user name, and
    /// its credentials, the last of which expire at `expires`, counted from
    /// 1970.
    pub fn end_participant(&self, participant: &str, expires: Duration) {
        self.message(Message::EndParticipant(participant.into(), expires));
    }

    /// What was counted, as of a moment ago.
    pub fn statistics(&self) -> Statistics {
        self.gauge.statistics()
    }

    /// How long the thread has worked rather than waited.
    pub fn busy(&self) -> Duration {
        self.gauge.busy()
    }

    fn message(&self, message: Message) {
        // There is nobody to tell once the thread has ended.
        if self.messages.send(message).is_ok() {
            self.waker.wake();
        }
    }
}

impl Drop for TurnThread {
    fn drop(&mut self) {
        self.handle.message(Message::Stop);
        if let Some(thread) = self.thread.take() {
            // It cannot have panicked: that ends the process.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("is_tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}

/// Ends the process when the thread panics: a supervisor starts a server that
/// died, but nobody one that relays no more.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("the TURN server failed; ending the process");
            std::process::abort();
        }
    }
}

fn peers(local: &[LocalPeer], others: &[SocketAddr]) -> Peers {
    let others = others.iter().map(|peer| (*peer, Reach::RelayPort));
    let local = local.iter().flat_map(|peer| &peer.addresses);
    // The last one said of an address holds.
    others
        .chain(local.map(|peer| (*peer, Reach::HandOver)))
        .collect()
}

fn bind(addresses: &[SocketAddr]) -> Result<Vec<Socket>, StartError> {
    let bound = addresses.iter().map(|&address| {
        Socket::bind(address, BUFFER_BYTES).map_err(|source| StartError::Bind { address, source })
    });
    bound.collect()
}

fn since_1970() -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default()
}

/// Of each socket for clients.
const BUFFER_BYTES: u32 = 4 * 1024 * 1024;
/// What all peers together have handed over and the thread has not taken yet.
const MOST_HANDED_OVER: usize = 8 * 1024 * 1024;
/// Connections that the thread has not taken yet.
const MOST_UNACCEPTED: usize = 1024;
