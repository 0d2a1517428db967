//! Slots: what a receiver is sent, with numbers that never break.

mod repair;
mod rewrite;
mod slot;
mod train;

pub use repair::RepairLog;
pub use rewrite::SequenceMap;
pub use slot::{Forward, SlotState};
pub use train::{MAX_TRAIN, Segment, runs};
