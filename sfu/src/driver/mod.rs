//! Threads and sockets around a worker: the only place of the media plane that
//! makes system calls, reads a clock or crosses a thread.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this is the driver"
)]

mod streams;
mod thread;
mod users;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::mpsc::{self, Sender, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dtls::DtlsCertificate;
use io_thread::gauge::{Gauge, Meter};
use io_thread::hand_over;
use io_thread::udp::Socket;
use io_thread::wake::{self, Waker};
use thiserror::Error;

use crate::rtcp::WallClock;
use crate::transport::framing::first_datagram;
use crate::transport::{DtlsConfig, stun, ufrag_prefix};
use crate::worker::Worker;
use crate::worker::command::{Command, WorkerAddress};
use crate::worker::event::Event;
use crate::worker::statistics::Statistics;
use streams::Streams;
use thread::{Connection, Inbox, Message, WorkerThread};
use users::{Users, named_by};

/// What a worker's thread needs to start.
#[derive(Clone, Debug)]
pub struct WorkerSettings {
    /// Addresses to listen on, each with its own socket.
    pub addresses: Vec<IpAddr>,
    /// Addresses to announce in place of the listening ones, for a server
    /// behind a one-to-one NAT. Empty: announce what is listened on.
    pub announced: Vec<IpAddr>,
    /// The UDP port; 0 lets the system choose one.
    pub port: u16,
    /// Where clients make connections whose owner hands them to this worker
    /// ([`WorkerHandle::accept`]); empty if there are none.
    pub tcp: Vec<SocketAddr>,
    /// This worker's number among those of its process: by it whoever accepts
    /// connections finds the worker that one is for
    /// ([`crate::transport::worker_of`]).
    pub number: u8,
    /// Bytes that may wait for slow readers of connections, all of them
    /// together: the longest queue is cut first.
    pub most_waiting: usize,
}

/// Why a worker could not be started.
#[derive(Debug, Error)]
pub enum StartError {
    #[error("cannot listen on {address}: {source}")]
    Bind {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    #[error("the DTLS certificate cannot be used: {0}")]
    Certificate(String),
}

/// A running worker. Dropping it stops the thread.
#[derive(Debug)]
pub struct WorkerHandle {
    address: WorkerAddress,
    messages: Sender<Message>,
    connections: SyncSender<Connection>,
    users: Users,
    waker: Waker,
    relayed: hand_over::Sender,
    gauge: Gauge<Statistics>,
    thread: Option<JoinHandle<()>>,
}

impl WorkerHandle {
    /// Starts a worker on a thread of its own. Its events are handed to
    /// `on_event` on that thread, which must not block.
    ///
    /// # Errors
    /// The socket cannot be bound, or the thread not started.
    pub fn spawn(
        settings: &WorkerSettings,
        certificate: &DtlsCertificate,
        on_event: impl FnMut(Event) + Send + 'static,
    ) -> Result<Self, StartError> {
        let sockets = bind(settings)?;
        let dtls = DtlsConfig::new(certificate.clone())
            .map_err(|error| StartError::Certificate(error.to_string()))?;
        let address = WorkerAddress {
            candidates: candidates(settings, &sockets),
            tcp_candidates: settings.tcp.clone(),
            ufrag_prefix: ufrag_prefix(settings.number),
            fingerprint: dtls.fingerprint(),
        };
        let (waker, sleep) = wake::pair().map_err(StartError::Thread)?;
        let (relayed, from_relay) = hand_over::channel(waker.clone(), BUFFER_BYTES as usize);
        let (messages, received) = mpsc::channel();
        let (connections, accepted) = mpsc::sync_channel(WAITING_CONNECTIONS);
        let users = Users::default();
        let inbox = Inbox {
            messages: received,
            connections: accepted,
            users: users.clone(),
            relayed: from_relay,
            sleep,
        };
        let now = Instant::now();
        let streams = Streams::new(now, settings.most_waiting).map_err(StartError::Thread)?;
        let worker = Worker::new(now, dtls, wall_clock(now));
        let gauge = Gauge::default();
        let meter = Meter::new(gauge.clone(), now);
        let thread = std::thread::Builder::new()
            .name("sfu-worker".into())
            .spawn(move || {
                let _guard = AbortOnPanic;
                // The batches' memory must be this thread's own.
                WorkerThread::new(worker, sockets, streams, inbox, meter, on_event).run();
            })
            .map_err(StartError::Thread)?;
        Ok(Self {
            address,
            messages,
            connections,
            users,
            waker,
            relayed,
            gauge,
            thread: Some(thread),
        })
    }

    /// Where the worker is reached.
    pub fn address(&self) -> &WorkerAddress {
        &self.address
    }

    /// What the worker has counted, as of a moment ago.
    pub fn statistics(&self) -> Statistics {
        self.gauge.statistics()
    }

    /// How long the worker's thread has worked rather than waited.
    pub fn busy(&self) -> Duration {
        self.gauge.busy()
    }

    /// The way by which a relay in this process hands over what its clients
    /// send: `local` is the address that a client named, `remote` its own.
    pub fn relayed(&self) -> hand_over::Sender {
        self.relayed.clone()
    }

    /// Sets what takes, the same way round, what is sent to those clients.
    pub fn set_relay(&self, relay: hand_over::Sender) {
        self.message(Message::Relay(relay));
    }

    /// Hands the worker a command. Never blocks.
    pub fn send(&self, command: Command) {
        // Before the worker has it: who is given a name may use it at once.
        if let Some(ufrag) = named_by(&command) {
            self.users.add(ufrag);
        }
        self.message(Message::Command(Box::new(command)));
    }

    /// Hands the worker a connection that a client has made, with the bytes
    /// that were read of it, the frame of a connectivity check at the least
    /// (RFC 6544 §7.2). It is closed if the check is not a participant's, and
    /// if very many wait already. Never blocks.
    pub fn accept(&self, stream: TcpStream, received: Vec<u8>) {
        let check = first_datagram(&received).ok().flatten();
        let ufrag = check.and_then(|check| stun::local_ufrag(&received[check]));
        if !ufrag.is_some_and(|ufrag| self.users.contains(ufrag)) {
            return;
        }
        let connection = Connection { stream, received };
        if self.connections.try_send(connection).is_ok() {
            self.waker.wake();
        }
    }

    fn message(&self, message: Message) {
        // The thread ends only with this handle.
        if self.messages.send(message).is_ok() {
            self.waker.wake();
        }
    }
}

impl Drop for WorkerHandle {
    fn drop(&mut self) {
        self.message(Message::Stop);
        if let Some(thread) = self.thread.take() {
            // It cannot have panicked: that ends the process.
            let _ = thread.join();
        }
    }
}

/// Ends the process when a worker's thread panics: a supervisor starts a
/// server that died, but nobody one whose rooms fell silent.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("a media worker failed; ending the process");
            std::process::abort();
        }
    }
}

fn bind(settings: &WorkerSettings) -> Result<Vec<Socket>, StartError> {
    let mut port = settings.port;
    let mut sockets = Vec::with_capacity(settings.addresses.len());
    for &ip in &settings.addresses {
        let address = SocketAddr::new(ip, port);
        let socket = Socket::bind(address, BUFFER_BYTES)
            .map_err(|source| StartError::Bind { address, source })?;
        // A port that the system chose is the same on all addresses.
        port = socket.local().port();
        sockets.push(socket);
    }
    Ok(sockets)
}

fn candidates(settings: &WorkerSettings, sockets: &[Socket]) -> Vec<SocketAddr> {
    if settings.announced.is_empty() {
        return sockets.iter().map(Socket::local).collect();
    }
    let port = sockets
        .first()
        .map_or(settings.port, |socket| socket.local().port());
    settings
        .announced
        .iter()
        .map(|&ip| SocketAddr::new(ip, port))
        .collect()
}

fn wall_clock(now: Instant) -> WallClock {
    let since_1970 = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let seconds = since_1970.as_secs().wrapping_add(SECONDS_FROM_1900_TO_1970);
    let fraction = (u64::from(since_1970.subsec_nanos()) << 32) / 1_000_000_000;
    WallClock::new(now, (seconds << 32) | fraction)
}

/// What may wait for a worker, in a socket or from a relay.
const BUFFER_BYTES: u32 = 4 * 1024 * 1024;
/// Connections that may wait for a worker: each holds a descriptor open.
const WAITING_CONNECTIONS: usize = 128;
const SECONDS_FROM_1900_TO_1970: u64 = 2_208_988_800;
