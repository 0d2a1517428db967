//! Requests for key frames toward a publisher, merged and throttled.

use std::time::{Duration, Instant};

/// Whether somebody waits for a key frame, and when one was last asked for.
#[derive(Clone, Copy, Default, Debug)]
pub struct KeyFrameRequests {
    is_wanted: bool,
    last_sent: Option<Instant>,
}

impl KeyFrameRequests {
    /// Somebody needs a key frame.
    pub fn want(&mut self) {
        self.is_wanted = true;
    }

    /// A key frame came: whoever waited has it.
    pub fn satisfy(&mut self) {
        self.is_wanted = false;
    }

    /// Whether somebody waits for one.
    pub fn is_wanted(&self) -> bool {
        self.is_wanted
    }

    /// Whether to send a request now. It is repeated until a key frame comes,
    /// since both it and the frame can get lost.
    pub fn poll(&mut self, now: Instant) -> bool {
        let is_due = self.is_wanted && self.last_sent.is_none_or(|at| now >= at + INTERVAL);
        if is_due {
            self.last_sent = Some(now);
        }
        is_due
    }
}

/// The least time between two requests: a key frame costs as much as a
/// second of other frames, and a round trip must have time to bring one.
const INTERVAL: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods)]
    fn many_wishes_make_one_request_until_it_is_answered() {
        let start = Instant::now();
        let mut requests = KeyFrameRequests::default();
        let sent = |requests: &mut KeyFrameRequests, milliseconds| {
            requests.poll(start + Duration::from_millis(milliseconds))
        };

        assert!(!sent(&mut requests, 0));
        requests.want();
        requests.want();
        assert!(sent(&mut requests, 1));
        assert!(!sent(&mut requests, 2));
        assert!(!sent(&mut requests, 300));
        assert!(sent(&mut requests, 301));
        requests.satisfy();
        assert!(!sent(&mut requests, 900));
    }
}
