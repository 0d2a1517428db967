//! How much each of a stream's own layers carries: what is saved by leaving
//! out the others.

use std::time::Instant;

use super::StreamBitrate;
use crate::congestion::Bitrate;
use crate::rtp::Layer;

/// The bitrates of a stream up to each of [`STEPS`].
#[derive(Clone, Copy, Debug)]
pub struct LayerBitrates([StreamBitrate; STEPS.len()]);

/// A part of a stream that can be sent without the rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// The highest layers in it.
    pub highest: Layer,
    pub bitrate: Bitrate,
    /// The same without the swing of a few seconds; no more than it.
    pub steady: Bitrate,
}

impl LayerBitrates {
    pub fn new(now: Instant) -> Self {
        Self([StreamBitrate::new(now); STEPS.len()])
    }

    /// Counts a packet's payload in each step that `includes` it, by its
    /// place in [`STEPS`].
    pub fn count(&mut self, bytes: usize, includes: impl Fn(usize) -> bool) {
        for (at, bitrate) in self.0.iter_mut().enumerate() {
            if includes(at) {
                bitrate.count(bytes);
            }
        }
    }

    /// Goes on from here, after a time that does not count.
    pub fn restart(&mut self, now: Instant) {
        for bitrate in &mut self.0 {
            bitrate.restart(now);
        }
    }

    /// Takes what was counted into the bitrates, once enough time has passed.
    pub fn measure(&mut self, now: Instant) {
        for bitrate in &mut self.0 {
            bitrate.measure(now);
        }
    }

    /// Of all layers together.
    pub fn whole(&self) -> Bitrate {
        self.0[WHOLE].get()
    }

    /// What can be sent of the stream, the least first and each worth less
    /// than the next. The last is all of it.
    pub fn steps(&self) -> impl Iterator<Item = Step> + '_ {
        let mut is_worth_it = [false; STEPS.len()];
        is_worth_it[WHOLE] = true;
        let mut next = self.whole();
        for at in (0..WHOLE).rev() {
            let part = self.0[at].get();
            if part > Bitrate::ZERO && part < next.scaled(WORTH_LEAVING_OUT) {
                is_worth_it[at] = true;
                next = part;
            }
        }
        let steps = STEPS.iter().zip(&self.0).zip(is_worth_it);
        steps
            .filter(|(_, is_worth_it)| *is_worth_it)
            .map(|((highest, bitrate), _)| Step {
                highest: *highest,
                bitrate: bitrate.get(),
                steady: bitrate.steady(),
            })
    }

    /// The highest spatial layer that something came of, up to the third.
    pub fn highest_spatial(&self) -> u8 {
        let [.., least, more, most] = self.0.map(|part| part.get());
        if more == most {
            u8::from(least != more)
        } else {
            2
        }
    }
}

/// Fewer frames of the least picture first, then larger pictures.
pub const STEPS: [Layer; 5] = [
    Layer {
        spatial: 0,
        temporal: 0,
    },
    Layer {
        spatial: 0,
        temporal: 1,
    },
    Layer {
        spatial: 0,
        temporal: u8::MAX,
    },
    Layer {
        spatial: 1,
        temporal: u8::MAX,
    },
    Layer {
        spatial: u8::MAX,
        temporal: u8::MAX,
    },
];
const WHOLE: usize = STEPS.len() - 1;
/// More than this share of a bitrate is not worth leaving something out.
const WORTH_LEAVING_OUT: f64 = 0.85;

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The steps of a stream whose layers have these packets of 186 bytes in
    /// a second, with where each is and what it takes.
    fn steps(packets: &[(u8, u8, u32)]) -> Vec<(Layer, u64)> {
        let start = Instant::now();
        let mut bitrates = LayerBitrates::new(start);
        for (spatial, temporal, count) in packets {
            for _ in 0..*count {
                bitrates.count(186, |at| {
                    *spatial <= STEPS[at].spatial && *temporal <= STEPS[at].temporal
                });
            }
        }
        bitrates.measure(start + Duration::from_secs(1));
        let steps = bitrates.steps();
        steps
            .map(|step| (step.highest, step.bitrate.as_bits_per_second() / 1000))
            .collect()
    }

    #[test]
    fn a_stream_without_layers_is_sent_whole_or_not_at_all() {
        assert_eq!(steps(&[(0, 0, 100)]), [(STEPS[4], 200)]);
        assert_eq!(steps(&[]), [(STEPS[4], 0)]);
    }

    #[test]
    fn frames_are_left_out_before_the_picture_is() {
        let three = [(0, 0, 50), (0, 1, 50), (0, 2, 100)];
        assert_eq!(
            steps(&three),
            [(STEPS[0], 100), (STEPS[1], 200), (STEPS[4], 400)]
        );
        assert_eq!(
            steps(&[(0, 0, 50), (0, 1, 50)]),
            [(STEPS[0], 100), (STEPS[4], 200)]
        );
    }

    #[test]
    fn pictures_get_smaller_before_frames_are_left_out() {
        let layers = [(0, 0, 30), (0, 1, 30), (0, 2, 40), (1, 0, 150), (2, 1, 500)];
        assert_eq!(
            steps(&layers),
            [
                (STEPS[0], 60),
                (STEPS[1], 120),
                (STEPS[2], 200),
                (STEPS[3], 500),
                (STEPS[4], 1500)
            ]
        );
    }

    #[test]
    fn what_saves_little_is_no_step() {
        assert_eq!(
            steps(&[(0, 0, 90), (0, 1, 10), (1, 0, 100)]),
            [(STEPS[2], 200), (STEPS[4], 400)]
        );
    }
}
