//! Packets that are lost on the way on purpose: media only, since the
//! handshakes of the clients' crate do not survive losses. The same seed
//! loses the same packets.

/// A way that loses a part of what goes over it.
#[derive(Clone, Debug)]
pub struct Loss {
    part: f64,
    state: u64,
    passed: u32,
}

impl Loss {
    /// `part` is from 0 to 1.
    pub fn new(part: f64, seed: u64) -> Self {
        Self {
            part,
            state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            passed: 0,
        }
    }

    /// Whether the next packet is lost.
    pub fn takes(&mut self) -> bool {
        if self.part <= 0.0 {
            return false;
        }
        if self.passed < SPARED {
            self.passed += 1;
            return false;
        }
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let position = (self.state >> 33) as f64 / (1_u64 << 31) as f64;
        position < self.part
    }
}

/// The first packets pass: among them is the frame that shows whether a server
/// checks frames.
const SPARED: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_packets_pass() {
        let mut loss = Loss::new(1.0, 1);

        let fates: Vec<_> = (0..SPARED + 2).map(|_| loss.takes()).collect();

        assert_eq!(
            fates.iter().position(|is_lost| *is_lost),
            Some(SPARED as usize)
        );
    }

    #[test]
    fn about_the_wanted_part_is_lost() {
        for (part, seed) in [(0.0, 1), (0.02, 2), (0.5, 3), (1.0, 4)] {
            let mut loss = Loss::new(part, seed);

            let gone = (0..100_000).filter(|_| loss.takes()).count() as f64;

            assert!((gone / 100_000.0 - part).abs() < 0.005, "{part}: {gone}");
        }
    }
}
