//! A room: who is in it and who is seen where.
//!
//! [`Room`] is a state machine without sockets, clocks or random numbers:
//! what happened goes in, a list of [`Effect`]s comes out. Admission (waiting
//! room, lock, consent) comes before a seat (`admission.rs`); delivery of MLS messages
//! ([`crate::mls`]) goes on beside it and knows nothing of slots.

mod admission;
mod authority;
mod codecs;
mod decision;
mod effect;
mod feed;
mod frames;
mod negotiation;
mod policy;
mod presence;
mod removal;
mod schedule;
mod screens;
mod slots;
mod state;
mod view;

pub use admission::{Arrival, Entrance, NotAdmitted, Rules, SecondDevice};
pub use decision::{Decided, Undertaking};
pub use effect::Effect;
pub use negotiation::Session;
pub use policy::{
    Consent, Decision, Entry, NoEntry, Recorded, SessionPolicy, Sessions, Standing, Window,
};
pub use removal::Bearer;
pub use state::{Devices, Room, RoomFull, RoomSize};
