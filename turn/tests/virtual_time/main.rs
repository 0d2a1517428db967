//! A server, its clients and peers on virtual time.

#![allow(
    clippy::disallowed_methods,
    reason = "the clock is read once, as virtual time's zero"
)]
#![allow(
    clippy::cast_possible_truncation,
    reason = "the formats on the wire keep the low bits of larger numbers"
)]

mod client;
mod network;

mod allocation;
mod credentials;
mod data;
mod hostility;
mod memory;
mod permissions;
mod quotas;
mod relay_ports;
mod reservations;
mod streams;
