//! The TURN server of Quietroom (RFC 8656, RFC 8489).
//!
//! [`Server`] is a state machine: bytes from clients and peers and the time
//! in; bytes, requests to the driver and the next deadline out. It owns no
//! socket, clock, thread or lock. [`driver`] gives one server a thread, its
//! sockets and connections.
//!
//! It is a closed relay. Only [`Peers`], our own media addresses, can be
//! reached through it. A peer in the same process is handed what is meant for
//! it, and what it sends back is handed to the server: no socket is bound for
//! the client then, and its relayed address is one that is nobody's.
//!
//! # What a driver does
//!
//! - It calls one method for whatever happens, with the time, which never goes
//!   back, and an [`Output`]:
//!   [`Server::handle_datagrams`] for what comes over UDP,
//!   [`Server::open_stream`], [`Server::handle_stream`] and
//!   [`Server::close_stream`] for TCP and TLS,
//!   [`Server::from_peer`] for what comes from a peer, by a relay port or from
//!   within, [`Server::icmp_from_peer`] for errors on relay ports,
//!   [`Server::handle_timeout`] when [`Server::poll_timeout`] has passed.
//! - Then it sends the output's trains in their order, does its requests, and
//!   clears it. Sending may fail: over UDP all are lost the same way. A stream
//!   whose client does not read must be bounded: once more waits for it than
//!   the driver likes, [`Train`]s for it that are no answers may be left out
//!   whole, never in part, or the connection closed and
//!   [`Server::close_stream`] called.
//! - It gives back to the server whatever peers in this process send to an
//!   address that [`Server::is_relayed`]. For a while they go on to send to
//!   clients that have gone: what is for any address that
//!   [`Server::is_synthetic`] leaves by no socket, and what comes in by one
//!   from such an address is thrown away.
//! - Now and then, and when the system's clock was set, it calls
//!   [`Server::set_wall_clock`]: new allocations need credentials that have
//!   not expired. One that is there stays usable with those that it was made
//!   with for half a day more, unless [`Server::end_participant`] ends it.
//! - A process may have several servers, each on a thread of its own. A client
//!   must always come to the same one, each has a key and hosts of its own
//!   ([`Config`]), and what [`Limits`] allow, each of them allows.
//! - TLS is its matter: the server sees the bytes inside. What a connection
//!   may take until it is handed to the server is bounded there.

#![allow(
    clippy::cast_possible_truncation,
    reason = "the formats on the wire keep the low bits of larger numbers"
)]

mod address;
mod allocation;
mod channel_data;
mod credentials;
pub mod driver;
mod ended;
mod framing;
mod nonce;
mod output;
mod peers;
mod quota;
mod server;
mod strangers;
pub mod stun;
mod synthetic;
mod token_bucket;

pub use address::{Family, FiveTuple, Transport};
pub use channel_data::{ChannelData, ChannelNumber, Channels, write_channel_data};
pub use credentials::{Credentials, SharedSecret};
pub use output::{Destination, Output, PortWish, RelayId, Request, Train};
pub use peers::{Peers, Reach};
pub use quota::Limits;
pub use server::{Config, ConfigError, Dropped, Footprint, Icmp, RelayRefused, Server, Statistics};
pub use token_bucket::Rate;

/// The longest message or channel data that is read, with its head, in bytes.
/// Media and handshakes keep to a path's MTU.
pub const LONGEST_MESSAGE: usize = 4096;
/// What each packet counts for beside its data, in bytes: headers of IP and
/// UDP, and the work.
pub const OVERHEAD: u32 = 48;
