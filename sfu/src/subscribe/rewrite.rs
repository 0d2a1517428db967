//! Published sequence numbers turned into those a slot sends.

use super::place_window::PlaceWindow;
use crate::rtp::sequence::ExtendedSequence;

/// How a slot numbers the stream it carries: contiguously with what it sent
/// before, and with no gap for packets that were not forwarded on purpose.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct SequenceMap {
    /// Added to published places after the newest that was passed over, modulo
    /// 2^64. Before it, as much more as were passed over since.
    offset: u64,
    passed_over: PlaceWindow,
    start: ExtendedSequence,
}

impl SequenceMap {
    /// A map whose first packet, at `published`, is sent as `sent`.
    pub fn starting(published: ExtendedSequence, sent: ExtendedSequence) -> Self {
        Self {
            offset: sent.0.wrapping_sub(published.0),
            passed_over: PlaceWindow::before(published),
            start: published,
        }
    }

    /// The place that `published` is sent at; `None` for what lies before the
    /// map's start, was passed over, or is too long ago.
    pub fn sent(&self, published: ExtendedSequence) -> Option<ExtendedSequence> {
        if published >= self.passed_over.end() {
            return Some(published.plus(self.offset));
        }
        if published < self.start || self.passed_over.is_marked(published)? {
            return None;
        }
        let since = self.passed_over.count_after(published)?;
        Some(published.plus(self.offset).plus(since))
    }

    /// The published packet that was sent as `sent`.
    pub fn published(&self, sent: ExtendedSequence) -> Option<ExtendedSequence> {
        let end = self.passed_over.end();
        let after = end.plus(self.offset);
        if sent >= after {
            return Some(end.plus(sent.0 - after.0));
        }
        let mut back = after.0 - sent.0;
        let mut published = end;
        while back > 0 {
            if published <= self.start {
                return None;
            }
            published = ExtendedSequence(published.0 - 1);
            back -= u64::from(!self.passed_over.is_marked(published)?);
        }
        Some(published)
    }

    /// Passes over the packet at `published`, which must be newer than all
    /// that was sent: those after it close up. If newer ones were passed over
    /// before, its number stays empty: those after it have theirs already.
    pub fn skip(&mut self, published: ExtendedSequence) {
        if published >= self.passed_over.end() {
            self.passed_over.mark(published);
            self.offset = self.offset.wrapping_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(map: &SequenceMap, published: u64) -> Option<u64> {
        map.sent(ExtendedSequence(published)).map(|place| place.0)
    }

    #[test]
    fn numbers_go_on_from_what_was_sent_before() {
        let map = SequenceMap::starting(ExtendedSequence(500), ExtendedSequence(65_536));

        assert_eq!(sent(&map, 499), None);
        assert_eq!(sent(&map, 500), Some(65_536));
        assert_eq!(sent(&map, 503), Some(65_539));
    }

    #[test]
    fn a_packet_passed_over_leaves_no_gap_and_late_ones_keep_their_numbers() {
        let mut map = SequenceMap::starting(ExtendedSequence(10), ExtendedSequence(100));

        map.skip(ExtendedSequence(13));
        map.skip(ExtendedSequence(14));

        assert_eq!(sent(&map, 12), Some(102));
        assert_eq!(sent(&map, 13), None);
        assert_eq!(sent(&map, 14), None);
        assert_eq!(sent(&map, 15), Some(103));
        assert_eq!(sent(&map, 16), Some(104));
    }

    #[test]
    fn what_was_sent_leads_back_to_what_was_published() {
        let mut map = SequenceMap::starting(ExtendedSequence(10), ExtendedSequence(100));
        map.skip(ExtendedSequence(13));

        for published in [10, 11, 12, 14, 15] {
            let place = map.sent(ExtendedSequence(published)).expect("is sent");
            assert_eq!(map.published(place), Some(ExtendedSequence(published)));
        }
        assert_eq!(map.published(ExtendedSequence(99)), None);
    }

    #[test]
    fn packets_passed_over_out_of_order_share_no_number() {
        let mut map = SequenceMap::starting(ExtendedSequence(10), ExtendedSequence(100));

        map.skip(ExtendedSequence(20));
        map.skip(ExtendedSequence(15));
        map.skip(ExtendedSequence(20));

        let all: Vec<_> = (10..40)
            .filter_map(|published| sent(&map, published))
            .collect();
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "{all:?}");
    }

    #[test]
    fn no_two_packets_ever_share_a_number() {
        let mut map = SequenceMap::starting(ExtendedSequence(0), ExtendedSequence(7));
        for published in (1..200).filter(|p| p % 5 == 0 || p % 7 == 0) {
            map.skip(ExtendedSequence(published));
        }

        let all: Vec<_> = (0..200)
            .filter_map(|published| sent(&map, published))
            .collect();

        assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "{all:?}");
    }

    #[test]
    fn what_was_sent_is_found_again_however_much_was_passed_over_since() {
        let mut map = SequenceMap::starting(ExtendedSequence(0), ExtendedSequence(7));
        for published in (1..1000).filter(|place| place % 3 != 0) {
            map.skip(ExtendedSequence(published));
        }
        for published in (0..1000).filter(|place| place % 3 == 0) {
            let place = map.sent(ExtendedSequence(published));
            let is_kept = published >= 1000 - 512;
            assert_eq!(place.is_some(), is_kept, "{published}");
            let expected = is_kept.then_some(ExtendedSequence(7 + published / 3));
            assert_eq!(place, expected);
            let found = map.published(ExtendedSequence(7 + published / 3));
            assert_eq!(found, is_kept.then_some(ExtendedSequence(published)));
        }
    }
}
