//! The media plane of Quietroom.
//!
//! [`worker`] is the core: a state machine that takes datagrams, commands and
//! the time, and gives out datagrams, events and its next deadline. It owns no
//! socket, clock, thread or lock. [`driver`] is the thin layer that gives one
//! worker a thread and its sockets.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the formats on the wire keep the low bits of larger numbers"
)]

#[cfg(all(feature = "media-keys", not(debug_assertions)))]
compile_error!("the feature media-keys is for tests and belongs in no release");

pub mod audio;
pub mod congestion;
pub mod driver;
pub mod identity;
mod publish;
pub mod quality;
pub mod rtcp;
pub mod rtp;
pub mod srtp;
mod subscribe;
pub mod transport;
pub mod worker;

pub use dtls::DtlsCertificate;
