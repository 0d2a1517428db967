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
        }
    }

    /// In the order of those that they are beside, or none.
    pub fn sockets(&self) -> &[Socket] {
        &self.sockets
    }

    /// Until when feedback may wait; `None` if it is to wake the thread.
    pub fn rests_until(&self, now: Instant) -> Option<Instant> {
        let end = self.read + LONGEST_REST;
        (self.is_frequent && now < end).then_some(end)
    }

    /// Whether to look for feedback in passing.
    pub fn is_due(&self, now: Instant) -> bool {
        !self.sockets.is_empty() && now.saturating_duration_since(self.read) >= LOOKS_APART
    }

    /// Takes note of a look, and whether it found any.
    pub fn note(&mut self, now: Instant, has_come: bool) {
        let has_rested = now >= self.read + LONGEST_REST;
        self.read = now;
        self.is_frequent = has_come || (self.is_frequent && !has_rested);
    }
}

/// A little more than pictures are apart at 30 a second: where there are any,
/// feedback wakes nobody. Receivers give it every 50 to 250 ms.
pub const LONGEST_REST: Duration = Duration::from_millis(35);
/// A busy thread need not look each time.
const LOOKS_APART: Duration = Duration::from_millis(5);
