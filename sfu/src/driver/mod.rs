//! Threads and sockets around a worker.

use std::io;
use std::net::IpAddr;

use crate::worker::command::{Command, WorkerAddress};
use crate::worker::event::Event;

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
}

/// A running worker. Dropping it stops the thread.
#[derive(Debug)]
pub struct WorkerHandle {
    address: WorkerAddress,
}

impl WorkerHandle {
    /// Starts a worker on a thread of its own. Its events are handed to
    /// `on_event` on that thread, which must not block.
    ///
    /// # Errors
    /// The socket cannot be bound, or the thread not started.
    pub fn spawn(
        _settings: &WorkerSettings,
        _certificate: &dtls::DtlsCertificate,
        _on_event: impl FnMut(Event) + Send + 'static,
    ) -> io::Result<Self> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }

    /// Where the worker is reached.
    pub fn address(&self) -> &WorkerAddress {
        &self.address
    }

    /// Hands the worker a command. Never blocks.
    pub fn send(&self, _command: Command) {}
}
