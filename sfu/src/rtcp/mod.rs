//! RTCP (RFC 3550 §6, RFC 4585): what is read and what is written.

mod feedback;
mod reception;
mod reports;
mod transport_wide;
mod wall_clock;

pub use feedback::{Received, picture_loss_indication, read};
pub use reception::{Figures, Reception};
pub use reports::{ReportBlock, SentFigures, receiver_report, sender_report};
pub use transport_wide::ArrivalRecorder;
pub use wall_clock::WallClock;
