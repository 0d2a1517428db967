//! What a server counts.

use super::Server;

/// Counters, all but the first two from the start.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Statistics {
    /// Allocations that there are.
    pub allocations: u64,
    /// Connections that there are.
    pub streams: u64,
    pub requests: u64,
    /// Requests that were refused, challenges for credentials not included.
    pub refused: u64,
    /// Of those, channels whose number is another peer's. Clients that draw
    /// numbers by chance ask for one now and then.
    pub numbers_taken: u64,
    /// Allocations that were made.
    pub allocated: u64,
    /// Connections that were refused or closed for what they sent or did not
    /// send.
    pub streams_ended: u64,
    /// From clients to peers.
    pub packets_up: u64,
    pub bytes_up: u64,
    /// From peers to clients.
    pub packets_down: u64,
    pub bytes_down: u64,
    pub dropped: Dropped,
}

/// What was not passed on or answered, by reason.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Dropped {
    /// Neither message nor channel data.
    pub malformed: u64,
    /// Data of a client without allocation, or for an address that is no
    /// client's.
    pub unknown: u64,
    /// Data on a channel, or for or from a peer, that is not permitted.
    pub not_permitted: u64,
    /// More requests or data than one client may send or receive.
    pub excess: u64,
}

/// How much a server keeps, for finding leaks.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Footprint {
    pub allocations: usize,
    pub clients: usize,
    pub relayed: usize,
    pub reservations: usize,
    pub opening: usize,
    pub timers: usize,
    pub streams: usize,
    pub waiting: usize,
    pub participants: usize,
    pub sources: usize,
}

impl Server {
    pub fn footprint(&self) -> Footprint {
        let (participants, sources) = self.quotas.footprint();
        Footprint {
            allocations: self.allocations.len(),
            clients: self.by_client.len(),
            relayed: self.by_relayed.len(),
            reservations: self.reservations.len(),
            opening: self.opening.len(),
            timers: self.timers.len(),
            streams: self.streams.len(),
            waiting: self.waiting.len(),
            participants,
            sources: sources + self.stream_sources.len(),
        }
    }
}
