//! Slots: what a receiver is sent, with numbers that never break.

pub mod allocation;
pub mod fallback;
mod numbering;
mod place_window;
mod repair;
pub mod repetition;
mod rewrite;
mod selection;
mod slot;
mod train;
mod wishes;

pub use repair::RepairLog;
pub use rewrite::SequenceMap;
pub use selection::Selection;
pub use slot::{Allowed, Forward, Offered, Padding, SlotNumbers, SlotState};
pub use train::{MAX_TRAIN, Segment, runs};
