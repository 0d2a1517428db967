//! What the forwarder is told on its standard input, one JSON object a line,
//! and what it says on its standard output.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// A line to the forwarder. When there are no more, it ends.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Order {
    Source(Source),
    Receiver(Receiver),
}

/// A stream that comes in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Source {
    pub room: usize,
    pub participant: usize,
    pub ssrc: u32,
    pub key: Vec<u8>,
    pub salt: Vec<u8>,
    /// Whether it is sent on, or only unprotected.
    pub is_taken: bool,
}

/// Somebody who gets every stream of its room but its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Receiver {
    pub room: usize,
    pub participant: usize,
    pub address: SocketAddr,
    pub key: Vec<u8>,
    pub salt: Vec<u8>,
}

/// The forwarder's last line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    pub packets: u64,
    /// Processor time in system calls that send, delivery included.
    pub send_nanoseconds: u64,
    /// Datagrams joined into one send, on average, in hundredths.
    pub train_length_hundredths: u64,
}
