//! What signaling needs of the media plane.

use sfu::driver::WorkerHandle;
use sfu::worker::command::{Command, WorkerAddress};

/// The workers of this node, numbered from 0. There is at least one.
pub trait MediaPlane: Send + Sync + 'static {
    fn workers(&self) -> usize;

    /// Where a worker is reached.
    ///
    /// # Panics
    /// There is no such worker.
    fn address(&self, worker: usize) -> &WorkerAddress;

    /// Hands a worker a command, without blocking.
    ///
    /// # Panics
    /// There is no such worker.
    fn send(&self, worker: usize, command: Command);
}

impl MediaPlane for Vec<WorkerHandle> {
    fn workers(&self) -> usize {
        self.len()
    }

    fn address(&self, worker: usize) -> &WorkerAddress {
        self[worker].address()
    }

    fn send(&self, worker: usize, command: Command) {
        self[worker].send(command);
    }
}
