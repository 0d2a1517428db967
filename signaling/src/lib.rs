//! Sign-in, rooms and session descriptions.

pub mod protocol;
