//! A safety net under end-to-end encryption: what is plainly no `SFrame`
//! ciphertext of its publisher is not forwarded.
//!
//! It holds no key, so it cannot tell a ciphertext from a header with anything
//! behind it. It catches a client that fails to encrypt, not one that wants
//! to deceive.

use crate::identity::Source;
use crate::rtp::Timestamp;
use crate::rtp::sframe_header::{KeyId, SframeKey};

/// What a participant's frames are from now on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExpectedFrames {
    /// Anything, encrypted or not.
    Any,
    /// Not to be forwarded: it will encrypt, and has no key yet.
    Nothing,
    /// Under a key of this epoch, whose leaf is not known yet.
    Epoch(u64),
    Key(SframeKey),
}

/// The keys that a participant's frames may be encrypted with. At first all
/// frames pass.
#[derive(Clone, Copy, Default, Debug)]
pub struct ExpectedKeys {
    is_checked: bool,
    /// Newest first.
    keys: [Option<ExpectedKey>; KEYS],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct ExpectedKey {
    /// Any, if it is not known.
    leaf: Option<u8>,
    epoch: u64,
}

impl ExpectedKeys {
    /// Expects `frames` from now on. A key is expected beside those just before
    /// it; all else makes them forgotten.
    pub fn set(&mut self, frames: ExpectedFrames) {
        let key = match frames {
            ExpectedFrames::Any => return *self = Self::default(),
            ExpectedFrames::Nothing => {
                *self = Self {
                    is_checked: true,
                    ..Self::default()
                };
                return;
            }
            ExpectedFrames::Epoch(epoch) => ExpectedKey { leaf: None, epoch },
            ExpectedFrames::Key(SframeKey { leaf, epoch }) => ExpectedKey {
                leaf: Some(leaf),
                epoch,
            },
        };
        self.is_checked = true;
        match &mut self.keys[0] {
            Some(newest) if *newest == key => {}
            Some(newest) if newest.epoch == key.epoch && newest.leaf.is_none() => *newest = key,
            _ => {
                self.keys.rotate_right(1);
                self.keys[0] = Some(key);
            }
        }
    }

    /// Whether a frame of `source` may begin with `bytes`.
    fn allow(&self, source: Source, bytes: &[u8]) -> bool {
        KeyId::parse(bytes).is_some_and(|id| {
            id.context == context(source) && self.keys.iter().flatten().any(|key| key.allows(id))
        })
    }
}

impl ExpectedKey {
    fn allows(self, id: KeyId) -> bool {
        self.leaf.is_none_or(|leaf| leaf == id.leaf) && self.epoch.to_le_bytes()[0] == id.epoch
    }
}

/// What a stream's newest frames turned out to be by their first packets.
#[derive(Debug, Default)]
pub struct FrameCheck {
    verdicts: [Option<(FrameId, bool)>; FRAMES],
    /// The index of the newest verdict.
    newest: usize,
}

impl FrameCheck {
    /// Whether a packet of sound, which is a whole frame, may pass.
    pub fn admits_sound(expected: &ExpectedKeys, source: Source, payload: &[u8]) -> bool {
        !expected.is_checked || expected.allow(source, payload)
    }

    /// Whether a packet of a video frame may pass. A frame's later packets
    /// share the fate of its first; those that come before it, that of the
    /// stream's newest frame. `ciphertext` is where a first packet's begins.
    pub fn admits_video(
        &mut self,
        expected: &ExpectedKeys,
        source: Source,
        frame: FrameId,
        starts_frame: bool,
        ciphertext: Option<usize>,
        payload: &[u8],
    ) -> bool {
        if !expected.is_checked {
            // Frames under way when the first key comes are let through.
            self.verdicts = [Some((frame, true)); FRAMES];
            return true;
        }
        if starts_frame {
            let is_ours = ciphertext
                .and_then(|start| payload.get(start..))
                .is_some_and(|bytes| expected.allow(source, bytes));
            self.note(frame, is_ours);
            return is_ours;
        }
        let mut verdicts = self.verdicts.iter().flatten();
        verdicts
            .find(|(of, _)| *of == frame)
            .or(self.verdicts[self.newest].as_ref())
            .is_some_and(|(_, is_ours)| *is_ours)
    }

    fn note(&mut self, frame: FrameId, is_ours: bool) {
        let mut verdicts = self.verdicts.iter_mut().flatten();
        if let Some(verdict) = verdicts.find(|(of, _)| *of == frame) {
            verdict.1 = is_ours;
            return;
        }
        self.newest = (self.newest + 1) % FRAMES;
        self.verdicts[self.newest] = Some((frame, is_ours));
    }
}

/// What tells the frames of a stream apart: the pictures of all spatial layers
/// share a timestamp.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameId {
    pub timestamp: Timestamp,
    pub spatial: u8,
}

/// Keys that are valid at once. Commits may follow one another each 100 ms,
/// faster than a busy client takes them in, and then sound goes on in the epoch
/// before for 300 ms.
const KEYS: usize = 8;

/// Frames whose packets may come mixed or late.
const FRAMES: usize = 12;

/// The context that clients encrypt a source in.
fn context(source: Source) -> u8 {
    match source {
        Source::Microphone => 0,
        Source::Camera => 1,
        Source::Screen => 2,
        Source::ScreenAudio => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::PayloadDescription;
    use crate::rtp::Codec;

    const KEY: SframeKey = SframeKey {
        leaf: 0xAB,
        epoch: 0x15A,
    };

    fn expecting(keys: impl IntoIterator<Item = SframeKey>) -> ExpectedKeys {
        let mut expected = ExpectedKeys::default();
        for key in keys {
            expected.set(ExpectedFrames::Key(key));
        }
        expected
    }

    fn epoch(epoch: u64) -> SframeKey {
        SframeKey { epoch, ..KEY }
    }

    fn header(context: u8, leaf: u8, epoch: u8) -> [u8; 5] {
        [0xA8, context, leaf, epoch, 0x09]
    }

    fn sound(expected: &ExpectedKeys, payload: &[u8]) -> bool {
        FrameCheck::admits_sound(expected, Source::Microphone, payload)
    }

    struct Camera {
        expected: ExpectedKeys,
        check: FrameCheck,
    }

    impl Camera {
        fn first(&mut self, timestamp: u32, frame: &[u8]) -> bool {
            self.packet(timestamp, &[&[0x90, 0x80, 0x05], frame].concat())
        }

        fn later(&mut self, timestamp: u32) -> bool {
            self.packet(timestamp, &[0x80, 0x80, 0x05, 0xC5, 0xC5])
        }

        fn packet(&mut self, timestamp: u32, payload: &[u8]) -> bool {
            self.packet_of(Codec::Vp8, 0, timestamp, payload)
        }

        fn packet_of(&mut self, codec: Codec, spatial: u8, timestamp: u32, payload: &[u8]) -> bool {
            let description =
                PayloadDescription::parse(codec, payload, false).expect("a descriptor");
            self.check.admits_video(
                &self.expected,
                Source::Camera,
                FrameId {
                    timestamp: Timestamp(timestamp),
                    spatial,
                },
                description.frame.starts_frame,
                description.ciphertext,
                payload,
            )
        }
    }

    fn camera() -> Camera {
        Camera {
            expected: expecting([KEY]),
            check: FrameCheck::default(),
        }
    }

    fn inter_frame() -> Vec<u8> {
        [&[0x11][..], &header(1, 0xAB, 0x5A), &[0xC5; 30]].concat()
    }

    fn clear_frame() -> Vec<u8> {
        vec![0x11; 40]
    }

    #[test]
    fn until_a_key_is_expected_all_passes() {
        let expected = ExpectedKeys::default();
        let mut camera = Camera {
            expected,
            check: FrameCheck::default(),
        };

        assert!(sound(&expected, &[0xFC, 0xFF, 0xFE]));
        assert!(camera.first(1, &clear_frame()));
        assert!(camera.later(1));
    }

    #[test]
    fn sound_passes_only_under_its_senders_key() {
        let expected = expecting([KEY]);

        assert!(sound(&expected, &header(0, 0xAB, 0x5A)));
        for other in [
            &header(0, 0xAC, 0x5A)[..],
            &header(0, 0xAB, 0x5B),
            &header(3, 0xAB, 0x5A),
            &[0xFC, 0xFF, 0xFE],
            &[],
        ] {
            assert!(!sound(&expected, other), "{other:x?}");
        }
    }

    #[test]
    fn nothing_passes_of_one_who_has_no_key_yet() {
        let mut expected = ExpectedKeys::default();
        expected.set(ExpectedFrames::Nothing);
        let mut camera = Camera {
            expected,
            check: FrameCheck::default(),
        };

        assert!(!sound(&expected, &[0xFC, 0xFF, 0xFE]));
        assert!(!sound(&expected, &header(0, 0xAB, 0x5A)));
        assert!(!camera.first(1, &clear_frame()));
        assert!(!camera.later(1));
    }

    #[test]
    fn until_the_leaf_is_known_the_epoch_decides() {
        let mut expected = expecting([epoch(1)]);
        expected.set(ExpectedFrames::Epoch(2));

        assert!(sound(&expected, &header(0, 0xAC, 2)));
        assert!(!sound(&expected, &header(0, 0xAC, 3)));
        assert!(!sound(&expected, &[0xFC, 0xFF, 0xFE]));

        expected.set(ExpectedFrames::Key(epoch(2)));
        assert!(!sound(&expected, &header(0, 0xAC, 2)));
        assert!(sound(&expected, &header(0, 0xAB, 2)));
        assert!(sound(&expected, &header(0, 0xAB, 1)));
    }

    #[test]
    fn the_last_few_epochs_pass() {
        let expected = expecting((1..=9).map(epoch));

        let passing: Vec<_> = (0..=10)
            .filter(|epoch| sound(&expected, &header(0, 0xAB, *epoch)))
            .collect();

        assert_eq!(passing, [2, 3, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn a_key_that_is_named_again_pushes_none_out() {
        let expected = expecting([1, 2, 2, 2, 2, 2].map(epoch));

        assert!(sound(&expected, &header(0, 0xAB, 1)));
    }

    #[test]
    fn a_frames_packets_share_the_fate_of_its_first() {
        let mut camera = camera();

        assert!(camera.first(1, &inter_frame()));
        assert!(camera.later(1));
        assert!(!camera.first(2, &clear_frame()));
        assert!(!camera.later(2));
        assert!(camera.later(1), "late, of the frame before");
        assert!(camera.first(3, &inter_frame()));
        assert!(!camera.later(2), "late, of the frame before");
    }

    #[test]
    fn a_key_frame_has_ten_bytes_in_the_clear() {
        let mut camera = camera();
        let header = header(1, 0xAB, 0x5A);

        assert!(camera.first(1, &[&[0x10; 10][..], &header].concat()));
        assert!(!camera.first(2, &[&[0x10; 1][..], &header, &[0xC5; 30]].concat()));
        assert!(!camera.first(3, &[0x10; 10]));
        assert!(!camera.first(4, &[0x10]));
    }

    #[test]
    fn vp9_has_nothing_in_the_clear_and_av1_its_units_header() {
        let header = header(1, 0xAB, 0x5A);
        for (codec, start, later) in [
            (Codec::Vp9, &[0x88, 0x05][..], &[0x80, 0x05, 0xC5][..]),
            (Codec::Av1, &[0x10, 0x30], &[0x90, 0xC5]),
            (Codec::Av1, &[0x00, 0x20, 0x30], &[0x80, 0x01, 0xC5]),
        ] {
            let mut camera = camera();
            let encrypted = [start, &header, &[0xC5; 30]].concat();
            let clear = [start, &[0xC5; 30]].concat();

            assert!(camera.packet_of(codec, 0, 1, &encrypted), "{codec:?}");
            assert!(camera.packet_of(codec, 0, 1, later), "{codec:?}");
            assert!(!camera.packet_of(codec, 0, 2, &clear), "{codec:?}");
            assert!(!camera.packet_of(codec, 0, 2, later), "{codec:?}");
        }
    }

    #[test]
    fn each_spatial_layers_frame_is_judged_alone() {
        let mut camera = camera();
        let start = [&[0x88, 0x05][..], &header(1, 0xAB, 0x5A)].concat();
        let later = [0x80, 0x05, 0xC5];

        assert!(camera.packet_of(Codec::Vp9, 0, 1, &start));
        assert!(!camera.packet_of(Codec::Vp9, 1, 1, &[0x88, 0x05, 0xC5]));
        assert!(camera.packet_of(Codec::Vp9, 0, 1, &later));
        assert!(!camera.packet_of(Codec::Vp9, 1, 1, &later));
    }

    #[test]
    fn a_packet_before_its_frames_first_follows_the_frame_before() {
        let mut camera = camera();

        assert!(!camera.later(1), "nothing is known of this stream");
        camera.first(1, &inter_frame());
        assert!(camera.later(2));
        camera.first(3, &clear_frame());
        assert!(!camera.later(4));
    }

    #[test]
    fn a_frame_under_way_when_the_key_comes_goes_on() {
        let mut camera = camera();
        camera.expected.set(ExpectedFrames::Any);
        camera.first(1, &clear_frame());
        camera.expected.set(ExpectedFrames::Key(KEY));

        assert!(camera.later(1));
        assert!(!camera.first(2, &clear_frame()));
    }
}
