//! What kind of packet a datagram holds (RFC 7983, RFC 5761).

/// The protocols that share a media port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
}

impl Protocol {
    /// Tells the protocol by the first two bytes, or `None` for a datagram
    /// that is of none of them.
    pub fn of(datagram: &[u8]) -> Option<Self> {
        match *datagram {
            [0..=3, ..] => Some(Self::Stun),
            [20..=63, ..] => Some(Self::Dtls),
            [128..=191, 192..=223, ..] => Some(Self::Rtcp),
            [128..=191, _, ..] => Some(Self::Rtp),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_decide() {
        assert_eq!(Protocol::of(&[0, 1]), Some(Protocol::Stun));
        assert_eq!(Protocol::of(&[22, 254]), Some(Protocol::Dtls));
        assert_eq!(Protocol::of(&[0x80, 96]), Some(Protocol::Rtp));
        assert_eq!(Protocol::of(&[0x80, 0xE0]), Some(Protocol::Rtp));
        assert_eq!(Protocol::of(&[0x80, 200]), Some(Protocol::Rtcp));
        assert_eq!(Protocol::of(&[0x81, 207]), Some(Protocol::Rtcp));
    }

    #[test]
    fn the_rest_is_nothing() {
        for datagram in [
            &[][..],
            &[4],
            &[19, 0],
            &[64, 0],
            &[127],
            &[192, 0],
            &[0x80],
        ] {
            assert_eq!(Protocol::of(datagram), None, "{datagram:?}");
        }
    }
}
