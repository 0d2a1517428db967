//! The sizes of frames as an encoder makes them: much alike, a little apart,
//! and now and then a key frame. The same seed gives the same sizes.

/// The frames of one layer.
#[derive(Clone, Debug)]
pub struct Pattern {
    mean: f64,
    state: u64,
}

/// Bytes of a packet's payload at most, the end-to-end layer included.
pub const MAX_PAYLOAD: usize = 1160;

/// A key frame is this many times as large as another.
const KEY_FRAME_FACTOR: f64 = 4.0;
/// How far sizes go up and down from the mean, as a part of it.
const SPREAD: f64 = 0.2;

impl Pattern {
    /// Frames that come to `bitrate` bits a second.
    pub fn new(bitrate: u64, frames_a_second: f64, seed: u64) -> Self {
        Self {
            mean: bitrate as f64 / 8.0 / frames_a_second,
            state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
        }
    }

    /// The size of the next frame in bytes.
    pub fn next(&mut self, is_key_frame: bool) -> usize {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let position = (self.state >> 33) as f64 / (1_u64 << 31) as f64;
        let factor = if is_key_frame { KEY_FRAME_FACTOR } else { 1.0 };
        let size = self.mean * factor * (1.0 + SPREAD * (2.0 * position - 1.0));
        (size as usize).max(1)
    }
}

/// Splits a frame as browsers do: into the fewest packets, whose sizes differ
/// by a byte at most.
pub fn packet_sizes(frame: usize) -> impl Iterator<Item = usize> {
    let packets = frame.div_ceil(MAX_PAYLOAD).max(1);
    let (each, longer) = (frame / packets, frame % packets);
    (0..packets).map(move |packet| each + usize::from(packet >= packets - longer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_to_the_bitrate() {
        let mut pattern = Pattern::new(2_200_000, 30.0, 5);

        let second: usize = (0..3000).map(|_| pattern.next(false)).sum();

        let bits = second as f64 * 8.0 / 100.0;
        assert!((bits / 2_200_000.0 - 1.0).abs() < 0.02, "{bits}");
    }

    #[test]
    fn packets_of_a_frame_are_alike_and_small_enough() {
        for frame in 1..20_000 {
            let sizes: Vec<_> = packet_sizes(frame).collect();
            assert_eq!(sizes.iter().sum::<usize>(), frame);
            assert!(sizes.iter().all(|size| *size <= MAX_PAYLOAD));
            assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
        }
    }
}
