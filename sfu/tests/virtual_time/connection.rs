//! A participant's TCP connection, as its driver and the network treat it.

use std::time::Instant;

use sfu::transport::framing::first_datagram;
use sfu::transport::{Backlog, Importance, Queued};

/// Bytes on their way to a participant, in their order and without loss.
pub struct Connection {
    /// What the way takes.
    pub bytes_a_millisecond: usize,
    /// Datagrams for which it was too far behind.
    pub left_out: usize,
    backlog: Backlog,
    received: Vec<u8>,
}

impl Connection {
    pub fn new(kilobits_a_second: usize) -> Self {
        Self {
            bytes_a_millisecond: kilobits_a_second / 8,
            left_out: 0,
            backlog: Backlog::default(),
            received: Vec::new(),
        }
    }

    pub fn send(&mut self, now: Instant, datagram: &[u8], importance: Importance) {
        match self.backlog.push(now, datagram, importance) {
            Queued::Waits => {}
            Queued::LeftOut => self.left_out += 1,
            Queued::Full => panic!("nothing fits any more"),
        }
    }

    /// What leaves within a millisecond.
    pub fn write(&mut self, now: Instant) -> Vec<u8> {
        let unwritten = self.backlog.unwritten();
        let count = unwritten.len().min(self.bytes_a_millisecond);
        let bytes = unwritten[..count].to_vec();
        self.backlog.advance(now, count);
        bytes
    }

    /// The datagrams that are whole now that these bytes have come.
    pub fn receive(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.received.extend_from_slice(bytes);
        let mut datagrams = Vec::new();
        while let Some(range) = first_datagram(&self.received).expect("short frames") {
            datagrams.push(self.received[range.clone()].to_vec());
            self.received.drain(..range.end);
        }
        datagrams
    }
}
