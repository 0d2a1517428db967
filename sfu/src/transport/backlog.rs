//! What waits to be written to a connection (RFC 4571 framing).
//!
//! TCP never loses what it was given, it only delays it, and what comes late
//! is worth nothing in a conversation. So when a connection falls behind,
//! media is left out here, before it gets a place in the stream: pictures
//! first, then sound and reports. Checks and handshakes are kept, as
//! everything hangs on them. The receiver tells of what is left out as it
//! tells of loss, by the numbers that packets carry, and of the delay before
//! that by their arrivals, so that the rate follows.

use std::time::{Duration, Instant};

use super::framing::{FRAME_HEAD, write_frame};

/// Bytes of one connection that are still to be written.
#[derive(Debug)]
pub struct Backlog {
    most_bytes: usize,
    bytes: Vec<u8>,
    /// How many of them have been written.
    written: usize,
    /// Since when there has been something.
    behind_since: Option<Instant>,
    /// When the connection last took something.
    progressed_at: Option<Instant>,
}

/// What a datagram is worth to a connection that is behind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Importance {
    /// Pictures, and probes.
    Picture,
    /// Sound, and reports.
    Sound,
    /// Checks and handshakes: everything hangs on them.
    Connection,
}

/// What became of a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Queued {
    Waits,
    /// It was left out, since the connection is behind.
    LeftOut,
    /// Not even what everything hangs on fits any more: the connection is of
    /// no use.
    Full,
}

impl Default for Backlog {
    fn default() -> Self {
        Self {
            most_bytes: MOST_BYTES,
            bytes: Vec::new(),
            written: 0,
            behind_since: None,
            progressed_at: None,
        }
    }
}

impl Backlog {
    /// Sets how much may wait when more is added, if that is less than is good
    /// for a connection: of pictures less than of sound, and of what everything
    /// hangs on as much as ever, so that nobody's memory ends a connection.
    pub fn limit(&mut self, most_bytes: usize) {
        self.most_bytes = most_bytes.min(MOST_BYTES);
    }

    /// Adds a datagram, or leaves it out as a whole.
    pub fn push(&mut self, now: Instant, datagram: &[u8], importance: Importance) -> Queued {
        let shrunk = |bytes: usize| bytes * self.most_bytes / MOST_BYTES;
        let (most_bytes, patience) = match importance {
            Importance::Picture => (shrunk(PICTURE_BYTES), PICTURE_PATIENCE),
            Importance::Sound => (shrunk(SOUND_BYTES), SOUND_PATIENCE),
            Importance::Connection => (MOST_BYTES, Duration::MAX),
        };
        let is_late = self
            .behind_since
            .is_some_and(|since| now.saturating_duration_since(since) > patience);
        let length = self.len() + FRAME_HEAD + datagram.len();
        if is_late || length > most_bytes {
            return match importance {
                Importance::Connection => Queued::Full,
                Importance::Picture | Importance::Sound => Queued::LeftOut,
            };
        }
        self.behind_since.get_or_insert(now);
        self.progressed_at.get_or_insert(now);
        write_frame(datagram, &mut self.bytes);
        Queued::Waits
    }

    /// What is to be written next.
    pub fn unwritten(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    /// Takes note that so many bytes were written.
    pub fn advance(&mut self, now: Instant, bytes: usize) {
        self.written = (self.written + bytes).min(self.bytes.len());
        if bytes > 0 {
            self.progressed_at = Some(now);
        }
        if self.is_empty() {
            self.bytes.clear();
            self.bytes.shrink_to(KEPT_BYTES);
            self.written = 0;
            self.behind_since = None;
            self.progressed_at = None;
        } else if self.written >= KEPT_BYTES {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that wait, with their frames.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// Whether something has waited for so long that the peer must be gone.
    pub fn is_stuck(&self, now: Instant) -> bool {
        self.progressed_at
            .is_some_and(|at| now.saturating_duration_since(at) >= STUCK)
    }
}

/// Later than that pictures are left out until all is written: whoever falls
/// so far behind gets more by it than by a longer wait.
const PICTURE_PATIENCE: Duration = Duration::from_millis(300);
const SOUND_PATIENCE: Duration = Duration::from_millis(600);
/// About what 300 ms of the best pictures are.
const PICTURE_BYTES: usize = 192 * 1024;
const SOUND_BYTES: usize = 224 * 1024;
const MOST_BYTES: usize = 256 * 1024;
/// Memory that a connection keeps when nothing waits.
const KEPT_BYTES: usize = 32 * 1024;
/// A browser gives up on a connection that is silent for less.
const STUCK: Duration = Duration::from_secs(15);

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use crate::transport::framing::first_datagram;

    type Datagram = (Vec<u8>, Importance);

    fn picture() -> Datagram {
        (vec![1; 1100], Importance::Picture)
    }

    /// A picture's last packet, or a probe's.
    fn small() -> Datagram {
        (vec![6; 290], Importance::Picture)
    }

    fn sound() -> Datagram {
        (vec![2; 100], Importance::Sound)
    }

    /// With redundancy, of what somebody shows.
    fn large_sound() -> Datagram {
        (vec![7; 600], Importance::Sound)
    }

    fn report() -> Datagram {
        (vec![3; 60], Importance::Sound)
    }

    fn check() -> Datagram {
        (vec![4; 80], Importance::Connection)
    }

    fn handshake() -> Datagram {
        (vec![5; 500], Importance::Connection)
    }

    fn push(backlog: &mut Backlog, now: Instant, (datagram, importance): Datagram) -> Queued {
        backlog.push(now, &datagram, importance)
    }

    fn frames(mut bytes: Vec<u8>) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        while let Some(range) = first_datagram(&bytes).expect("short frames") {
            frames.push(bytes[range.clone()].to_vec());
            bytes.drain(..range.end);
        }
        assert!(bytes.is_empty(), "a frame was cut");
        frames
    }

    #[test]
    fn a_connection_that_is_behind_loses_pictures_then_sound_and_never_checks() {
        let start = Instant::now();
        let mut backlog = Backlog::default();
        assert_eq!(push(&mut backlog, start, sound()), Queued::Waits);

        for (after, of_pictures, of_sound) in [
            (250, Queued::Waits, Queued::Waits),
            (350, Queued::LeftOut, Queued::Waits),
            (650, Queued::LeftOut, Queued::LeftOut),
        ] {
            let now = start + Duration::from_millis(after);
            let mut pushed = |of: [Datagram; 2]| of.map(|of| push(&mut backlog, now, of));
            assert_eq!(pushed([picture(), small()]), [of_pictures; 2], "{after} ms");
            assert_eq!(pushed([sound(), report()]), [of_sound; 2], "{after} ms");
            assert_eq!(
                pushed([large_sound(), sound()]),
                [of_sound; 2],
                "{after} ms"
            );
            assert_eq!(pushed([check(), handshake()]), [Queued::Waits; 2]);
        }

        let waiting = frames(backlog.unwritten().to_vec());
        assert_eq!(waiting.len(), 1 + 2 + 2 * 4 + 3 * 2);
        let now = start + Duration::from_millis(700);
        backlog.advance(now, backlog.len());
        assert_eq!(push(&mut backlog, now, picture()), Queued::Waits);
    }

    #[test]
    fn what_waits_is_whole_and_bounded_however_little_is_taken() {
        let start = Instant::now();
        let mut backlog = Backlog::default();
        let mut taken = Vec::new();
        let mut left_out = 0;
        for millisecond in 0..5000 {
            let now = start + Duration::from_millis(millisecond);
            for datagram in [picture(), sound(), report()] {
                left_out += u32::from(push(&mut backlog, now, datagram) == Queued::LeftOut);
            }
            let some = backlog.unwritten().len().min(37);
            taken.extend_from_slice(&backlog.unwritten()[..some]);
            backlog.advance(now, some);
            assert!(backlog.len() <= MOST_BYTES);
            assert!(backlog.bytes.len() <= MOST_BYTES + KEPT_BYTES);
        }
        taken.extend_from_slice(backlog.unwritten());

        assert!(left_out > 10_000, "{left_out}");
        for frame in frames(taken) {
            assert!([picture().0, sound().0, report().0].contains(&frame));
        }
    }

    #[test]
    fn where_memory_is_short_less_waits_and_checks_still_do() {
        let now = Instant::now();
        let mut backlog = Backlog::default();
        backlog.limit(16 * 1024);
        let mut waiting = |datagram: Datagram| {
            let fitted = (0..1000)
                .take_while(|_| push(&mut backlog, now, datagram.clone()) == Queued::Waits);
            fitted.count()
        };

        assert_eq!(waiting(picture()), 11);
        assert_eq!(waiting(sound()), 21);
        assert_eq!(waiting(check()), 1000);
        backlog.limit(usize::MAX);
        assert_eq!(push(&mut backlog, now, picture()), Queued::Waits);
    }

    #[test]
    fn others_that_wait_too_cost_a_long_queue_its_media_and_no_check() {
        let now = Instant::now();
        let mut backlog = Backlog::default();
        while push(&mut backlog, now, picture()) == Queued::Waits {}

        backlog.limit(16 * 1024);

        assert_eq!(push(&mut backlog, now, picture()), Queued::LeftOut);
        assert_eq!(push(&mut backlog, now, sound()), Queued::LeftOut);
        assert_eq!(push(&mut backlog, now, check()), Queued::Waits);
        assert_eq!(push(&mut backlog, now, handshake()), Queued::Waits);
    }

    #[test]
    fn a_flood_of_checks_ends_a_connection_that_takes_nothing() {
        let now = Instant::now();
        let mut backlog = Backlog::default();
        let fitted = (0..10_000)
            .take_while(|_| push(&mut backlog, now, check()) == Queued::Waits)
            .count();

        assert!((3_000..4_000).contains(&fitted), "{fitted}");
        assert_eq!(push(&mut backlog, now, check()), Queued::Full);
        assert!(!backlog.is_stuck(now + Duration::from_secs(14)));
        assert!(backlog.is_stuck(now + Duration::from_secs(15)));
    }

    #[test]
    fn a_slow_connection_is_not_a_stuck_one() {
        let start = Instant::now();
        let mut backlog = Backlog::default();
        push(&mut backlog, start, handshake());
        let later = start + Duration::from_secs(14);
        backlog.advance(later, 1);

        assert!(!backlog.is_stuck(start + Duration::from_secs(20)));
        backlog.advance(later, backlog.len());
        assert!(!backlog.is_stuck(start + Duration::from_mins(1)));
    }
}
