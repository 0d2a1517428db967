//! Delivery of the group's messages (RFC 9420, RFC 9750 §5): the server orders
//! commits and hands out what newcomers need. It sees no secret, and nothing it
//! says is believed by members without proof from another member.
//!
//! [`Delivery`] is a state machine without sockets or clocks, one for each
//! room. All that it knows its members can tell it again, so it may be lost.

mod commits;
mod creation;
mod delivery;
mod dispute;
mod enrolment;
mod former;
mod recovery;
mod size;

pub use delivery::{Delivery, Invalid, Place, Told};
