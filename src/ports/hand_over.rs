//! Whom connections are given to that are not for HTTP.

use std::net::TcpStream;
use std::sync::Arc;

use sfu::driver::WorkerHandle;
use turn::driver::{Handle, Stream};

/// Takes connections over, without blocking. They are non-blocking, and what
/// was read of them comes with them.
pub(crate) trait HandOver: Send + Sync + 'static {
    /// Takes a connection that carries media to one of the workers, and begins
    /// with a connectivity check (RFC 6544 §7.2).
    fn media(&self, worker: u8, stream: TcpStream, received: Vec<u8>);

    /// Takes a connection that speaks TURN, be it in TLS.
    fn turn(&self, stream: Stream);
}

/// This node's own.
pub(crate) struct Receivers {
    pub(crate) workers: Arc<Vec<WorkerHandle>>,
    /// Otherwise connections for media are closed.
    pub(crate) takes_media: bool,
    /// `None`: there is no relay, and connections for it are closed.
    pub(crate) turn: Option<Handle>,
}

impl HandOver for Receivers {
    fn media(&self, worker: u8, stream: TcpStream, received: Vec<u8>) {
        if let Some(worker) = self.workers.get(usize::from(worker))
            && self.takes_media
        {
            worker.accept(stream, received);
        }
    }

    fn turn(&self, stream: Stream) {
        if let Some(turn) = &self.turn {
            turn.accept(stream);
        }
    }
}
