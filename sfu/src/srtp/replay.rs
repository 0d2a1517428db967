//! The replay window (RFC 3711 §3.3.2).

/// Remembers which of the last 1,024 places of a stream were received.
#[derive(Clone, Debug)]
pub(super) struct ReplayWindow {
    highest: Option<u64>,
    /// Bit `p % 1024` is place `p`, for the places within the window.
    seen: [u64; WORDS],
}

impl Default for ReplayWindow {
    fn default() -> Self {
        Self {
            highest: None,
            seen: [0; WORDS],
        }
    }
}

impl ReplayWindow {
    /// The highest place remembered.
    pub(super) fn highest(&self) -> Option<u64> {
        self.highest
    }

    /// Whether `place` was received, or is too old to tell.
    pub(super) fn has_seen(&self, place: u64) -> bool {
        match self.highest {
            None => false,
            Some(highest) if place > highest => false,
            Some(highest) if highest - place >= SIZE => true,
            Some(_) => {
                let (word, bit) = position(place);
                self.seen[word] & bit != 0
            }
        }
    }

    /// Remembers `place`, which must have been authenticated.
    pub(super) fn remember(&mut self, place: u64) {
        match self.highest {
            Some(highest) if place > highest => {
                if place - highest >= SIZE {
                    self.seen = [0; WORDS];
                } else {
                    for skipped in highest + 1..place {
                        let (word, bit) = position(skipped);
                        self.seen[word] &= !bit;
                    }
                }
                self.highest = Some(place);
            }
            Some(highest) if highest - place >= SIZE => return,
            Some(_) => {}
            None => self.highest = Some(place),
        }
        let (word, bit) = position(place);
        self.seen[word] |= bit;
    }
}

fn position(place: u64) -> (usize, u64) {
    let index = place % SIZE;
    ((index / 64) as usize, 1 << (index % 64))
}

const WORDS: usize = 16;
const SIZE: u64 = 64 * WORDS as u64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_new_once() {
        let mut window = ReplayWindow::default();

        for place in [5, 3, 1000, 999, 2000, 1500] {
            assert!(!window.has_seen(place), "{place}");
            window.remember(place);
            assert!(window.has_seen(place), "{place}");
        }
    }

    #[test]
    fn what_is_older_than_the_window_counts_as_seen() {
        let mut window = ReplayWindow::default();
        window.remember(5000);

        assert!(window.has_seen(5000 - SIZE));
        assert!(!window.has_seen(5000 - SIZE + 1));
    }

    #[test]
    fn sliding_forgets_the_places_whose_bits_are_reused() {
        let mut window = ReplayWindow::default();
        for place in 0..SIZE {
            window.remember(place);
        }

        window.remember(SIZE + 10);

        for place in SIZE..SIZE + 10 {
            assert!(!window.has_seen(place), "{place}");
        }
        assert!(window.has_seen(SIZE - 1));
    }

    #[test]
    fn a_long_leap_clears_everything() {
        let mut window = ReplayWindow::default();
        window.remember(1);

        window.remember(1 + 10 * SIZE);

        assert!(!window.has_seen(10 * SIZE));
    }
}
