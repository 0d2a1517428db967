//! A server on its thread, with clients and peers on real sockets of the
//! loopback, and peers in this process.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "these tests run in real time, on real sockets"
)]
#![allow(
    clippy::cast_possible_truncation,
    reason = "the formats on the wire keep the low bits of larger numbers"
)]
#![allow(dead_code, reason = "the client is that of the tests on virtual time")]

#[path = "../virtual_time/client.rs"]
mod client;
mod link;
mod running;

mod abuse;
mod forgery;
mod relaying;
mod slow;

mod network {
    pub fn address(text: &str) -> std::net::SocketAddr {
        text.parse().expect("an address")
    }
}
