//! The two ends that datagrams travel between, and what carries them.

use std::net::SocketAddr;

/// The server's address that a datagram came to or leaves from, the peer's,
/// and what is between.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Path {
    pub protocol: TransportProtocol,
    pub local: SocketAddr,
    pub remote: SocketAddr,
}

/// What carries datagrams.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TransportProtocol {
    Udp,
    /// A connection that the peer made, with each datagram in a frame
    /// (RFC 6544 §2, RFC 4571 §2). It is there as long as its path is.
    Tcp,
    /// A relay in this process, which hands datagrams over. The remote address
    /// is what it knows its client by; no socket leads there.
    Relayed,
}

impl Path {
    pub fn udp(local: SocketAddr, remote: SocketAddr) -> Self {
        Self {
            protocol: TransportProtocol::Udp,
            local,
            remote,
        }
    }

    pub fn relayed(local: SocketAddr, remote: SocketAddr) -> Self {
        Self {
            protocol: TransportProtocol::Relayed,
            local,
            remote,
        }
    }

    pub fn tcp(local: SocketAddr, remote: SocketAddr) -> Self {
        Self {
            protocol: TransportProtocol::Tcp,
            local,
            remote,
        }
    }
}
