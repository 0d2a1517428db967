//! Congestion control toward one receiver: how much its network takes, found
//! by its transport-wide feedback, and packets released at that pace.
//!
//! `docs/congestion-control.md` says which algorithms this follows and where
//! it differs.

mod acknowledged;
mod bitrate;
mod controller;
mod delay;
mod history;
mod loss;
mod pacer;
mod probe;
mod rate_control;
mod second;

pub use bitrate::Bitrate;
pub use controller::Controller;
#[cfg(test)]
pub(crate) use controller::tests::report;
pub use delay::Usage;
pub use loss::LossWindow;
pub use pacer::Pacer;
pub use probe::ClusterId;
pub use second::REPEATED_AFTER;
