//! Published sequence numbers turned into those a slot sends.

use crate::rtp::sequence::ExtendedSequence;

/// How a slot numbers the stream it carries: contiguously with what it sent
/// before, and with no gap for packets that were not forwarded on purpose.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct SequenceMap {
    /// From here on, as almost always.
    newest: Segment,
    /// How many there were before, that are remembered.
    count: usize,
    /// Those, oldest first.
    before: [Segment; SEGMENTS - 1],
}

/// From a published place on, what is added to it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Segment {
    from: ExtendedSequence,
    /// Added to the published place, modulo 2^64.
    offset: u64,
}

impl SequenceMap {
    /// A map whose first packet, at `published`, is sent as `sent`.
    pub fn starting(published: ExtendedSequence, sent: ExtendedSequence) -> Self {
        Self {
            newest: Segment {
                from: published,
                offset: sent.0.wrapping_sub(published.0),
            },
            count: 0,
            before: [Segment::default(); SEGMENTS - 1],
        }
    }

    /// The place that `published` is sent at; `None` for what lies before the
    /// map's start, or was passed over.
    pub fn sent(&self, published: ExtendedSequence) -> Option<ExtendedSequence> {
        if self.newest.from <= published {
            return Some(self.newest.place(published));
        }
        let before = self.before();
        let at = before
            .iter()
            .rposition(|segment| segment.from <= published)?;
        let sent = before[at].place(published);
        // A packet that was passed over would collide with its successor.
        let next = before.get(at + 1).unwrap_or(&self.newest);
        (sent < next.place(next.from)).then_some(sent)
    }

    /// The published packet that was sent as `sent`.
    pub fn published(&self, sent: ExtendedSequence) -> Option<ExtendedSequence> {
        let segments = std::iter::once(&self.newest).chain(self.before().iter().rev());
        segments
            .map(|segment| {
                (
                    segment,
                    ExtendedSequence(sent.0.wrapping_sub(segment.offset)),
                )
            })
            .find(|(segment, published)| {
                *published >= segment.from && self.sent(*published) == Some(sent)
            })
            .map(|(_, published)| published)
    }

    /// Passes over the packet at `published`, which must be newer than all
    /// that was sent: those after it close up. If newer ones were passed over
    /// before, its number stays empty: those after it have theirs already.
    pub fn skip(&mut self, published: ExtendedSequence) {
        let present = self.newest;
        if present.from > published {
            return;
        }
        self.newest = Segment {
            from: published.plus(1),
            offset: present.offset.wrapping_sub(1),
        };
        if present.from == published {
            return;
        }
        if self.count == self.before.len() {
            self.before.rotate_left(1);
            self.count -= 1;
        }
        self.before[self.count] = present;
        self.count += 1;
    }

    fn before(&self) -> &[Segment] {
        &self.before[..self.count]
    }
}

impl Segment {
    fn place(&self, published: ExtendedSequence) -> ExtendedSequence {
        ExtendedSequence(published.0.wrapping_add(self.offset))
    }
}

/// Packets passed over beyond this many are forgotten: late ones from before
/// them are then not sent.
const SEGMENTS: usize = 16;

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
}
