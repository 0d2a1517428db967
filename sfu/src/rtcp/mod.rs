//! RTCP (RFC 3550 §6, RFC 4585): what is read and what is written.

use std::time::Duration;

use crate::rtp::Ssrc;

mod feedback;
mod reception;
mod reports;
mod transport_feedback;
mod transport_wide;
mod wall_clock;

pub use feedback::{Received, nack, picture_loss_indication, read};
pub use reception::{Figures, Reception};
pub use reports::{
    MOST_SENDER_REPORTS, ReportBlock, SentFigures, receiver_report, sender_report, sender_reports,
};
pub use transport_feedback::ArrivalTime;
pub use transport_wide::ArrivalRecorder;
pub use wall_clock::WallClock;

/// The round trip that a report block shows at `ntp`, our wall clock now
/// (RFC 3550 §6.4.1); `None` if it echoes no report, or an impossible one.
pub fn round_trip(ntp: u64, last_sender_report: u32, delay: u32) -> Option<Duration> {
    if last_sender_report == 0 {
        return None;
    }
    let units = wall_clock::middle(ntp)
        .wrapping_sub(last_sender_report)
        .wrapping_sub(delay);
    let microseconds = u64::from(units) * 1_000_000 / 65_536;
    // Clocks run at slightly different speeds, so a very short trip can come
    // out negative, which looks very long.
    let round_trip = Duration::from_micros(microseconds);
    (round_trip < LONGEST_ROUND_TRIP).then_some(round_trip)
}

/// The synchronization source of our own reports and requests. It sends no
/// media; browsers use the same number for theirs.
pub const SENDER: Ssrc = Ssrc(1);

/// What looks longer was measured across a sleep, or made up.
pub const LONGEST_ROUND_TRIP: Duration = Duration::from_secs(5);
