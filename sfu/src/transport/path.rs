//! The two ends that datagrams travel between.

use std::net::SocketAddr;

/// A UDP path: the server's address that a datagram came to or leaves from,
/// and the peer's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Path {
    pub local: SocketAddr,
    pub remote: SocketAddr,
}
