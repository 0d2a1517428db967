//! Sequence numbers and their extension past the 16-bit wrap.

/// A packet's place in its stream, extended so that it never wraps: the low
/// 16 bits are the RTP sequence number, the rest counts its wraps, which is
/// also SRTP's roll-over counter (RFC 3711 §3.3.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct ExtendedSequence(pub u64);

impl ExtendedSequence {
    /// The sequence number as it stands in an RTP header.
    pub fn number(self) -> u16 {
        (self.0 & 0xFFFF) as u16
    }

    /// SRTP's roll-over counter for this packet.
    pub fn roll_over_counter(self) -> u32 {
        ((self.0 >> 16) & 0xFFFF_FFFF) as u32
    }

    /// The place `count` packets on.
    #[must_use]
    pub fn plus(self, count: u64) -> Self {
        Self(self.0.wrapping_add(count))
    }

    /// The place nearest to this one, the highest received, that has `number`
    /// in its low bits (RFC 3711 appendix A).
    #[must_use]
    pub fn nearest(self, number: u16) -> Self {
        let forward = number.wrapping_sub(self.number());
        if forward < 0x8000 {
            return Self(self.0.wrapping_add(u64::from(forward)));
        }
        let backward = u64::from(self.number().wrapping_sub(number));
        match self.0.checked_sub(backward) {
            Some(place) => Self(place),
            // Before the first wrap there is nothing behind zero: a number
            // from there can only belong to what is ahead.
            None => Self(self.0.wrapping_add(u64::from(forward))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_are_counted_in_both_directions() {
        let highest = ExtendedSequence(0x0001_FFFE);

        assert_eq!(highest.nearest(0x0001), ExtendedSequence(0x0002_0001));
        assert_eq!(highest.nearest(0xFFF0), ExtendedSequence(0x0001_FFF0));
        assert_eq!(
            ExtendedSequence(0x0002_0001).nearest(0xFFFF),
            ExtendedSequence(0x0001_FFFF)
        );
        assert_eq!(ExtendedSequence(0x0002_0001).roll_over_counter(), 2);
    }

    #[test]
    fn nothing_lies_before_the_first_packet() {
        assert_eq!(
            ExtendedSequence(5).nearest(0xFFFF),
            ExtendedSequence(0xFFFF)
        );
    }
}
