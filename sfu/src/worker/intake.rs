//! How much is taken from whoever is known: what one participant sends is
//! decrypted, kept and sent on to all others, and must not cost them more than
//! a camera, a screen and a voice do.

use std::time::Instant;

use super::budget::Budget;

/// What may still come, in packets and in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Intake {
    packets: Budget,
    bytes: Budget,
}

impl Intake {
    /// For all media of a participant.
    pub(super) fn of_media(now: Instant) -> Self {
        Self {
            packets: Budget::new(now, PACKETS_A_SECOND, PACKETS_A_SECOND),
            bytes: Budget::new(now, BYTES_A_SECOND, BYTES_A_SECOND),
        }
    }

    /// For one stream of sound, which receivers are sent before all else and
    /// however narrow their path is.
    pub(super) fn of_sound(now: Instant) -> Self {
        Self {
            packets: Budget::new(now, SOUND_PACKETS_A_SECOND, 2 * SOUND_PACKETS_A_SECOND),
            bytes: Budget::new(now, SOUND_BYTES_A_SECOND, 2 * SOUND_BYTES_A_SECOND),
        }
    }

    /// For a participant's RTCP.
    pub(super) fn of_control(now: Instant) -> Self {
        Self {
            packets: Budget::new(now, REPORTS_A_SECOND, REPORTS_A_SECOND),
            bytes: Budget::new(now, REPORT_BYTES_A_SECOND, REPORT_BYTES_A_SECOND),
        }
    }

    /// Whether another packet may come.
    pub(super) fn is_open(&mut self, now: Instant) -> bool {
        self.packets.has_some(now) && self.bytes.has_some(now)
    }

    /// Counts a packet that came. Only one that is authentic may be counted:
    /// nobody can use up what is another's.
    pub(super) fn count(&mut self, bytes: usize) {
        self.packets.take(1);
        self.bytes.take(u32::try_from(bytes).unwrap_or(u32::MAX));
    }
}

/// Several times what a camera in three layers and a screen come in.
const PACKETS_A_SECOND: u32 = 4000;
/// 24 Mbit/s: a browser probes its path with bursts at twice of what it sends.
const BYTES_A_SECOND: u32 = 3_000_000;
/// Browsers send fifty, or a hundred if asked to.
const SOUND_PACKETS_A_SECOND: u32 = 150;
/// 400 kbit/s: twice Opus's best for speech and its repetition (RFC 2198).
const SOUND_BYTES_A_SECOND: u32 = 50_000;
/// Feedback, reports, and requests for two dozen pictures on a bad path, each
/// every few milliseconds, come to less.
const REPORTS_A_SECOND: u32 = 4000;
const REPORT_BYTES_A_SECOND: u32 = 500_000;
