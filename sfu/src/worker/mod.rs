//! A worker: the rooms of one core, as a state machine.

pub mod command;
pub mod event;
