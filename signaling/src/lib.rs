//! Sign-in, rooms and session descriptions.

pub mod access;
pub mod protocol;
