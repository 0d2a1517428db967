//! The websocket service: one socket and one task for each participant, and
//! the register of rooms that they share.

mod frame;
mod group;
mod line;
mod network_test;
mod origin;
mod outbox;
mod pending;
mod register;
mod relay_pass;
mod request;
mod resume;
mod secret;
mod service;
mod session;
mod statistics;
mod stay;

pub use origin::AllowedOrigins;
pub use service::{Encryption, Service, Settings, Timing};
pub use statistics::{GivenUp, JoinOutcome, Statistics};
