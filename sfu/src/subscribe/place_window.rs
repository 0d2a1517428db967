//! Marks on the last places of a stream.

use crate::rtp::sequence::ExtendedSequence;

/// Which of the last [`PLACES`] places of a stream are marked, counted back from
/// the newest that is.
#[derive(Clone, Copy, Default, Debug)]
#[repr(C)]
pub(super) struct PlaceWindow {
    /// One beyond the newest.
    end: u64,
    /// A bit for each place, by its remainder.
    marks: [u64; PLACES / WORD],
}

impl PlaceWindow {
    /// Without marks, before `end`.
    pub(super) fn before(end: ExtendedSequence) -> Self {
        Self {
            end: end.0,
            ..Self::default()
        }
    }

    /// One beyond the newest mark.
    pub(super) fn end(&self) -> ExtendedSequence {
        ExtendedSequence(self.end)
    }

    /// Marks a place, unless it is too old.
    pub(super) fn mark(&mut self, place: ExtendedSequence) {
        if place.0 >= self.end {
            if place.0 - self.end >= PLACES as u64 {
                self.marks = [0; PLACES / WORD];
            } else {
                for passed in self.end..place.0 {
                    self.clear(ExtendedSequence(passed));
                }
            }
            self.end = place.0 + 1;
        }
        if self.holds(place) {
            let (word, bit) = position(place.0);
            self.marks[word] |= bit;
        }
    }

    /// Takes a mark away.
    pub(super) fn clear(&mut self, place: ExtendedSequence) {
        let (word, bit) = position(place.0);
        self.marks[word] &= !bit;
    }

    /// Whether a place is marked; `None` if that is forgotten.
    pub(super) fn is_marked(&self, place: ExtendedSequence) -> Option<bool> {
        if place.0 >= self.end {
            return Some(false);
        }
        let (word, bit) = position(place.0);
        self.holds(place).then_some(self.marks[word] & bit != 0)
    }

    /// How many places after this one are marked; `None` if that is forgotten.
    pub(super) fn count_after(&self, place: ExtendedSequence) -> Option<u64> {
        let mut at = place.0.checked_add(1)?;
        if at >= self.end {
            return Some(0);
        }
        if !self.holds(place) {
            return None;
        }
        let mut count = 0;
        while at < self.end {
            let (word, bit) = position(at);
            // From this bit on, and not beyond the last place.
            let mut marks = self.marks[word] & !(bit - 1);
            let left = self.end - at;
            let of_word = u64::from(u64::BITS - bit.trailing_zeros());
            if left < of_word {
                marks &= (bit << left) - 1;
            }
            count += u64::from(marks.count_ones());
            at += of_word;
        }
        Some(count)
    }

    fn holds(&self, place: ExtendedSequence) -> bool {
        place.0 < self.end && self.end - place.0 <= PLACES as u64
    }
}

fn position(place: u64) -> (usize, u64) {
    let at = (place % PLACES as u64) as usize;
    (at / WORD, 1 << (at % WORD))
}

/// As many packets as a video stream's ring holds.
pub(super) const PLACES: usize = 512;
const WORD: usize = u64::BITS as usize;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn marks_are_counted_until_they_are_too_old() {
        let mut seed = 7_u64;
        let mut window = PlaceWindow::before(ExtendedSequence(90));
        let mut all = BTreeSet::new();
        let mut end = 90;
        for _ in 0..3000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let ahead = match seed >> 60 {
                0 => 700 + (seed >> 40) % 100,
                1 => (seed >> 40) % 500,
                _ => (seed >> 40) % 6,
            };
            let back = if (seed >> 56).is_multiple_of(4) {
                (seed >> 32) % 20
            } else {
                0
            };
            let place = (end + ahead).saturating_sub(back);
            window.mark(ExtendedSequence(place));
            all.insert(place);
            end = end.max(place + 1);
            assert_eq!(window.end(), ExtendedSequence(end));
            for back in [1, 2, 63, 64, 65, 130, 511, 512, 513, 5000] {
                let Some(place) = end.checked_sub(back) else {
                    continue;
                };
                let is_kept = back <= PLACES as u64;
                let marked = is_kept.then(|| all.contains(&place));
                let count = is_kept.then(|| all.range(place + 1..).count() as u64);
                assert_eq!(window.is_marked(ExtendedSequence(place)), marked);
                assert_eq!(window.count_after(ExtendedSequence(place)), count);
            }
        }
    }

    #[test]
    fn a_mark_can_be_taken_away() {
        let mut window = PlaceWindow::default();
        window.mark(ExtendedSequence(1000));
        window.mark(ExtendedSequence(1001));

        window.clear(ExtendedSequence(1000));

        assert_eq!(window.is_marked(ExtendedSequence(1000)), Some(false));
        assert_eq!(window.count_after(ExtendedSequence(999)), Some(1));
        assert_eq!(window.count_after(ExtendedSequence(2000)), Some(0));
    }
}
