//! How many messages a socket may send.

use std::time::Instant;

use super::token_bucket::{Rate, TokenBucket};

/// One socket's account of frames.
#[derive(Debug)]
pub(crate) struct MessageRate {
    allowed: TokenBucket,
    /// For what is refused: who goes on regardless is closed.
    patience: TokenBucket,
    refusing: bool,
}

/// What is to be done with a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Pass,
    /// Drop it and say so.
    Refuse,
    /// Drop it; the last answer said so.
    Ignore,
    /// Close the socket.
    Close,
}

impl MessageRate {
    pub(crate) fn new(rate: Rate, now: Instant) -> Self {
        Self {
            allowed: TokenBucket::new(rate, now),
            patience: TokenBucket::new(rate, now),
            refusing: false,
        }
    }

    /// Judges a frame of so many bytes.
    pub(crate) fn judge(&mut self, bytes: usize, now: Instant) -> Verdict {
        let cost = cost(bytes);
        if self.allowed.take(cost, now) {
            self.refusing = false;
            return Verdict::Pass;
        }
        if !self.patience.take(cost, now) {
            return Verdict::Close;
        }
        if self.refusing {
            return Verdict::Ignore;
        }
        self.refusing = true;
        Verdict::Refuse
    }
}

/// A large frame takes as long to read as several small ones.
fn cost(bytes: usize) -> u32 {
    u32::try_from(1 + bytes / BYTES_A_TOKEN).unwrap_or(u32::MAX)
}

const BYTES_A_TOKEN: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const RATE: Rate = Rate {
        per_second: 10,
        burst: 20,
    };

    #[test]
    fn who_keeps_to_the_rate_is_never_refused() {
        let start = Instant::now();
        let mut rate = MessageRate::new(RATE, start);

        for tick in 0..10_000 {
            let now = start + Duration::from_millis(100) * tick;
            assert_eq!(rate.judge(100, now), Verdict::Pass);
        }
    }

    #[test]
    fn excess_is_refused_once_then_ignored_then_closed() {
        let now = Instant::now();
        let mut rate = MessageRate::new(RATE, now);

        let verdicts: Vec<_> = (0..41).map(|_| rate.judge(100, now)).collect();

        assert!(verdicts[..20].iter().all(|v| *v == Verdict::Pass));
        assert_eq!(verdicts[20], Verdict::Refuse);
        assert!(verdicts[21..40].iter().all(|v| *v == Verdict::Ignore));
        assert_eq!(verdicts[40], Verdict::Close);
    }

    #[test]
    fn each_excess_is_told_anew() {
        let start = Instant::now();
        let mut rate = MessageRate::new(RATE, start);
        for _ in 0..21 {
            rate.judge(100, start);
        }
        let later = start + Duration::from_millis(100);
        assert_eq!(rate.judge(100, later), Verdict::Pass);

        assert_eq!(rate.judge(100, later), Verdict::Refuse);
    }

    #[test]
    fn large_frames_count_for_more() {
        let now = Instant::now();
        let mut rate = MessageRate::new(RATE, now);

        assert_eq!(rate.judge(256 * 1024, now), Verdict::Pass);
        assert_eq!(rate.judge(256 * 1024, now), Verdict::Refuse);
        assert_eq!(rate.judge(usize::MAX, now), Verdict::Close);
    }
}
