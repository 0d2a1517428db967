//! The bare forwarder: what any server that ends SRTP must do for a packet,
//! and nothing else. It receives in batches, unprotects once, protects for
//! each receiver, and sends each receiver's packets as trains. It knows its
//! peers' keys and addresses beforehand: no ICE, no DTLS, no RTCP, no rules.

mod cipher;
mod control;
mod forward;

pub use control::{Cost, Order, Receiver, Source};
pub use forward::{Sending, run};
