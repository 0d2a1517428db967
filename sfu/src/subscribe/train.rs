//! Runs of packets toward one receiver, laid out so that the kernel takes each
//! run as one train (UDP GSO: equal segments, only the last may be shorter).

use std::ops::Range;

/// The length of one packet in a run, and how much padding evens it out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Bytes on the wire without padding.
    pub length: usize,
    /// Whether RTP padding may be added.
    pub can_pad: bool,
}

/// Splits `segments` into the fewest runs, in order, whose packets can be made
/// equally long with little padding. Gives each run with its segment length.
pub fn runs(segments: &[Segment]) -> impl Iterator<Item = (Range<usize>, usize)> + '_ {
    let mut start = 0;
    std::iter::from_fn(move || {
        if start == segments.len() {
            return None;
        }
        let (end, length) = run(&segments[start..]);
        let range = start..start + end;
        start += end;
        Some((range, length))
    })
}

/// The packets of the first run of `segments`, and their common length.
fn run(segments: &[Segment]) -> (usize, usize) {
    let mut longest = segments[0].length;
    // The packet that leaves least room to grow: an unpaddable one none, a
    // paddable one up to the limit.
    let mut limit = most(segments[0]);
    let mut total = segments[0].length;
    for (at, segment) in segments.iter().enumerate().skip(1) {
        if at == MAX_SEGMENTS {
            return (at, longest);
        }
        if segment.length > limit {
            return (at, longest);
        }
        total += segment.length + MAX_PADDING;
        if total > MAX_TRAIN {
            return (at, longest);
        }
        if segment.length > longest {
            longest = segment.length;
        } else if most(*segment) < longest {
            // Too short to be evened out: it can still be the last.
            return (at + 1, longest);
        }
        limit = limit.min(most(*segment));
    }
    (segments.len(), longest)
}

fn most(segment: Segment) -> usize {
    if segment.can_pad {
        segment.length + MAX_PADDING
    } else {
        segment.length
    }
}

/// Padding that evening out may add to a packet, in bytes: a frame's packets
/// differ by a byte or two.
const MAX_PADDING: usize = 16;
/// Packets in a train.
const MAX_SEGMENTS: usize = 32;
/// Bytes in a train, within what one UDP send may carry.
pub const MAX_TRAIN: usize = 60_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn split(lengths: &[usize], can_pad: bool) -> Vec<(usize, usize)> {
        let segments: Vec<_> = lengths
            .iter()
            .map(|&length| Segment { length, can_pad })
            .collect();
        runs(&segments)
            .map(|(range, length)| (range.len(), length))
            .collect()
    }

    #[test]
    fn packets_a_byte_apart_travel_together() {
        assert_eq!(split(&[1199, 1200, 1199, 1200], true), [(4, 1200)]);
        assert_eq!(split(&[1199, 1200], false), [(1, 1199), (1, 1200)]);
    }

    #[test]
    fn a_short_packet_ends_its_run() {
        assert_eq!(
            split(&[1200, 1200, 300, 1200, 1200], true),
            [(3, 1200), (2, 1200)]
        );
    }

    #[test]
    fn a_longer_packet_starts_a_new_run() {
        assert_eq!(split(&[300, 1200, 1200], true), [(1, 300), (2, 1200)]);
    }

    #[test]
    fn every_packet_is_in_one_run_and_every_run_is_a_valid_train() {
        let mut seed = 1_u64;
        for _ in 0..2000 {
            let segments: Vec<_> = (0..40)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let length = 1000 + (seed >> 33) as usize % 40;
                    Segment {
                        length,
                        can_pad: !(seed >> 60).is_multiple_of(3),
                    }
                })
                .collect();
            let mut next = 0;
            for (range, length) in runs(&segments) {
                assert_eq!(range.start, next);
                next = range.end;
                let (last, others) = segments[range].split_last().expect("not empty");
                assert!(last.length <= length);
                for segment in others {
                    let padding = length - segment.length;
                    assert!(padding == 0 || (segment.can_pad && padding <= MAX_PADDING));
                }
            }
            assert_eq!(next, segments.len());
        }
    }
}
