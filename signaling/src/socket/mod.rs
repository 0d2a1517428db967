//! The websocket service: one socket and one task for each participant, and
//! the register of rooms that they share.

mod group;
mod origin;
mod outbox;
mod register;
mod secret;
mod service;
mod session;
mod statistics;

pub use origin::AllowedOrigins;
pub use service::{Encryption, Service, Settings, Timing};
pub use statistics::{GivenUp, JoinOutcome, Statistics};
