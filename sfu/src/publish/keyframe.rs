//! Requests for key frames toward a publisher, merged and throttled.

use std::time::{Duration, Instant};

/// Whether somebody waits for a key frame, and when one was last asked for.
#[derive(Clone, Copy, Default, Debug)]
pub struct KeyFrameRequests {
    is_wanted: bool,
    /// When somebody may say so who has waited since it last did.
    owed_at: Option<Instant>,
    last_sent: Option<Instant>,
    /// Requests in a row after which nothing came at all.
    unanswered: u8,
}

impl KeyFrameRequests {
    /// Somebody needs a key frame.
    pub fn want(&mut self) {
        self.is_wanted = true;
        self.unanswered = 0;
    }

    /// Somebody needs a key frame, and may have asked for so many that it has
    /// to wait until then.
    pub fn want_at(&mut self, at: Instant) {
        self.owed_at = Some(self.owed_at.map_or(at, |before| before.min(at)));
    }

    /// Whether the time has come for somebody who had to wait.
    pub fn take_owed(&mut self, now: Instant) -> bool {
        self.owed_at.take_if(|at| now >= *at).is_some()
    }

    /// A key frame came: whoever waited has it.
    pub fn satisfy(&mut self) {
        self.is_wanted = false;
        self.owed_at = None;
    }

    /// Whether somebody waits for one.
    pub fn is_wanted(&self) -> bool {
        self.is_wanted
    }

    /// Whether to send a request now, of a stream that something came of last
    /// at `last_media`. It is repeated until a key frame comes, since both it
    /// and the frame can get lost; but a camera that is off is asked only a few
    /// times for each wish, and then with its next packet.
    pub fn poll(&mut self, now: Instant, last_media: Instant) -> bool {
        if !self.is_wanted {
            return false;
        }
        let is_due = match self.last_sent {
            None => true,
            Some(at) if last_media > at => {
                self.unanswered = 0;
                now >= at + INTERVAL
            }
            Some(at) => {
                self.unanswered < MOST_UNANSWERED
                    && now >= at + INTERVAL * (1 << self.unanswered.saturating_sub(1))
            }
        };
        if is_due {
            self.last_sent = Some(now);
            self.unanswered += 1;
        }
        is_due
    }
}

/// The least time between two requests: a key frame costs as much as a
/// second of other frames, and a round trip must have time to bring one.
const INTERVAL: Duration = Duration::from_millis(300);
/// Each of these waits twice as long as the one before.
const MOST_UNANSWERED: u8 = 4;

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn many_wishes_make_one_request_until_it_is_answered() {
        let start = Instant::now();
        let mut requests = KeyFrameRequests::default();
        let sent = |requests: &mut KeyFrameRequests, milliseconds| {
            let now = start + Duration::from_millis(milliseconds);
            requests.poll(now, now)
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

    #[test]
    fn who_does_not_answer_is_asked_ever_more_rarely() {
        let start = Instant::now();
        let mut requests = KeyFrameRequests::default();
        requests.want();
        let mut asked = |range: std::ops::Range<u64>, last_media| -> Vec<u64> {
            range
                .filter(|milliseconds| {
                    let now = start + Duration::from_millis(*milliseconds);
                    requests.poll(now, last_media)
                })
                .collect()
        };

        assert_eq!(asked(1..60_000, start), [1, 301, 901, 2101]);
        let back = start + Duration::from_mins(1);
        assert_eq!(asked(60_000..61_000, back), [60_000, 60_300, 60_900]);
    }
}
