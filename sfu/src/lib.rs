//! The media plane of Quietroom.
//!
//! [`worker`] is the core: a state machine that takes datagrams, commands and
//! the time, and gives out datagrams, events and its next deadline. It owns no
//! socket, clock, thread or lock. [`driver`] is the thin layer that gives one
//! worker a thread and its sockets.

pub mod driver;
pub mod identity;
pub mod rtp;
pub mod srtp;
pub mod transport;
pub mod worker;

pub use dtls::DtlsCertificate;
