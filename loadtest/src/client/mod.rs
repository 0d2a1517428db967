//! Participants: real ICE, DTLS and SRTP, on crates that no server here uses
//! for these.

pub mod checks;
pub mod dtls;
pub mod engine;
pub mod feedback;
pub mod history;
pub mod ice;
pub mod loss;
pub mod missing;
pub mod participant;
pub mod publisher;
pub mod reception;
pub mod srtp;
pub mod tally;
pub mod transport;
