//! When datagrams came.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// When datagrams are read, by both clocks: the kernel gives their arrivals by
/// the wall clock.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    pub now: Instant,
    wall: Duration,
}

impl Reading {
    /// One that is done now.
    pub fn begin() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            now: Instant::now(),
            wall: wall.unwrap_or_default(),
        }
    }

    /// The moment that is `received` by the wall clock. What cannot be, as the
    /// clock was set in between, is now.
    pub fn moment(&self, received: Option<Duration>) -> Instant {
        received
            .and_then(|received| self.wall.checked_sub(received))
            .filter(|age| *age <= LONGEST_WAIT)
            .and_then(|age| self.now.checked_sub(age))
            .unwrap_or(self.now)
    }
}

/// A datagram that has waited longer for its thread shows nothing of a path.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_came_as_long_ago_as_the_kernel_says() {
        let reading = Reading::begin();
        let ago = |wait| {
            let received = reading.wall.checked_sub(wait);
            reading.now.duration_since(reading.moment(received))
        };

        for milliseconds in [0, 3, 400] {
            let wait = Duration::from_millis(milliseconds);
            assert_eq!(ago(wait), wait);
        }
    }

    #[test]
    fn a_clock_that_is_set_meanwhile_moves_no_arrival() {
        let reading = Reading::begin();
        let hour = Duration::from_hours(1);

        let before = reading.wall.checked_sub(hour);
        for received in [
            before,
            Some(reading.wall + hour),
            Some(Duration::ZERO),
            None,
        ] {
            assert_eq!(reading.moment(received), reading.now);
        }
    }
}
