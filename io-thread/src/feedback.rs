//! Feedback and reports, which are in no hurry.

use std::io;
use std::time::{Duration, Instant};

use crate::udp::{Carried, Socket};

/// The sockets beside others to which feedback and reports come, and when they
/// were last looked at. A wake costs as much as ten packets sent on, so
/// feedback is read when the thread is awake anyway, and wakes it only when it
/// has waited for long.
#[derive(Debug)]
pub struct Feedback {
    sockets: Vec<Socket>,
    /// When it was last looked for.
    read: Instant,
    /// There is some now and then: it is looked for, not waited for.
    is_frequent: bool,
    /// More had come than was taken.
    is_behind: bool,
}

/// What came of a look.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Look {
    Nothing,
    /// All that there was.
    Some,
    /// As much as one look takes: there may be more.
    Full,
}

impl Feedback {
    /// Has feedback to `sockets` come to others beside them. Where the kernel
    /// cannot do that, it comes with all else.
    pub fn beside(sockets: &[Socket], carried: Carried) -> Self {
        let beside: io::Result<_> = sockets
            .iter()
            .map(|socket| socket.split_feedback(carried))
            .collect();
        Self {
            sockets: beside.unwrap_or_default(),
            read: Instant::now(),
            is_frequent: false,
            is_behind: false,
        }
    }

    /// In the order of those that they are beside, or none.
    pub fn sockets(&self) -> &[Socket] {
        &self.sockets
    }

    /// Until when feedback may wait; `None` if it is to wake the thread.
    pub fn rests_until(&self, now: Instant) -> Option<Instant> {
        if self.is_behind {
            return Some(now);
        }
        let end = self.read + LONGEST_REST;
        (self.is_frequent && now < end).then_some(end)
    }

    /// Whether to look for feedback in passing.
    pub fn is_due(&self, now: Instant) -> bool {
        let has_passed = now.saturating_duration_since(self.read) >= LOOKS_APART;
        !self.sockets.is_empty() && (self.is_behind || has_passed)
    }

    /// Takes note of a look. After one that did not get to the end, the next is
    /// due at once: anybody can send what looks like feedback, and must not
    /// have that of others wait until it is lost.
    pub fn note(&mut self, now: Instant, look: Look) {
        let has_rested = now >= self.read + LONGEST_REST;
        self.read = now;
        self.is_frequent = look > Look::Nothing || (self.is_frequent && !has_rested);
        self.is_behind = look == Look::Full;
    }
}

/// A little more than pictures are apart at 30 a second: where there are any,
/// feedback wakes nobody. Receivers give it every 50 to 250 ms.
pub const LONGEST_REST: Duration = Duration::from_millis(35);
/// A busy thread need not look each time.
const LOOKS_APART: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_look_that_did_not_get_to_the_end_is_followed_by_another() {
        let socket = Socket::bind((Ipv4Addr::LOCALHOST, 0).into(), 100_000);
        let beside = Socket::bind((Ipv4Addr::LOCALHOST, 0).into(), 100_000);
        let now = Instant::now();
        let mut feedback = Feedback {
            sockets: vec![socket.expect("the loopback"), beside.expect("the loopback")],
            read: now,
            is_frequent: false,
            is_behind: false,
        };

        feedback.note(now, Look::Full);
        assert!(feedback.is_due(now));
        assert_eq!(feedback.rests_until(now), Some(now));

        feedback.note(now, Look::Some);
        assert!(!feedback.is_due(now));
        assert_eq!(feedback.rests_until(now), Some(now + LONGEST_REST));
    }
}
