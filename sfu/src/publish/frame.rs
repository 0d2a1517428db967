//! What a packet's frame is to receivers: where frames start, which layers
//! they are of, and where one may go up a layer.

use crate::rtp::dependency_descriptor::{DependencyDescriptor, Indications, References};
use crate::rtp::picture_id::PictureNumbers;
use crate::rtp::{Codec, Layer, av1, vp8, vp9};

/// A packet's part of a frame.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "they are four questions")]
pub struct FramePart {
    pub starts_frame: bool,
    /// A receiver can start here. Of sound, every packet is such.
    pub starts_key_frame: bool,
    pub ends_frame: bool,
    /// Who took the layers below may take this temporal layer from here on.
    pub is_switch_point: bool,
    pub layer: Layer,
    /// What a Dependency Descriptor said.
    pub dependencies: Option<Dependencies>,
}

/// What a frame needs, and who needs it.
#[derive(Clone, Copy, Debug)]
pub struct Dependencies {
    pub frame_number: u16,
    pub indications: Indications,
    pub references: References,
}

impl FramePart {
    /// A packet of sound, which is a whole frame.
    pub fn of_sound() -> Self {
        Self {
            starts_frame: true,
            starts_key_frame: true,
            // A marker has another meaning there.
            ends_frame: false,
            is_switch_point: true,
            layer: Layer::default(),
            dependencies: None,
        }
    }

    /// What `descriptor` says instead. `has_structure` tells that it had one
    /// attached, as those of key frames do.
    pub fn described_by(descriptor: &DependencyDescriptor, has_structure: bool) -> Self {
        let needs_none = descriptor.references.as_slice().is_empty();
        Self {
            starts_frame: descriptor.starts_frame,
            starts_key_frame: descriptor.starts_frame
                && has_structure
                && needs_none
                && descriptor.layer.spatial == 0,
            ends_frame: descriptor.ends_frame,
            is_switch_point: false,
            layer: descriptor.layer,
            dependencies: Some(Dependencies {
                frame_number: descriptor.frame_number,
                indications: descriptor.indications,
                references: descriptor.references,
            }),
        }
    }
}

/// What a video packet's payload descriptor says.
#[derive(Clone, Copy, Debug)]
pub struct PayloadDescription {
    pub frame: FramePart,
    pub numbers: PictureNumbers,
    /// Where in a frame's first packet its ciphertext begins, if that can be
    /// told.
    pub ciphertext: Option<usize>,
    /// The picture's height in pixels, where the packet tells.
    pub height: Option<u16>,
}

impl PayloadDescription {
    /// Reads the descriptor of a packet of video, or `None` if it is
    /// malformed. `marker` is the RTP header's.
    pub fn parse(codec: Codec, payload: &[u8], marker: bool) -> Option<Self> {
        match codec {
            Codec::Vp8 => Some(of_vp8(&vp8::Descriptor::parse(payload)?, marker)),
            Codec::Vp9 => Some(of_vp9(&vp9::Descriptor::parse(payload)?)),
            Codec::Av1 => Some(of_av1(av1::AggregationHeader::parse(payload)?, marker)),
            Codec::Opus | Codec::Red => None,
        }
    }
}

fn of_vp8(descriptor: &vp8::Descriptor, marker: bool) -> PayloadDescription {
    let clear = if descriptor.starts_key_frame {
        VP8_KEY_FRAME_CLEAR
    } else {
        VP8_INTER_FRAME_CLEAR
    };
    PayloadDescription {
        frame: FramePart {
            starts_frame: descriptor.starts_frame,
            starts_key_frame: descriptor.starts_key_frame,
            ends_frame: marker,
            is_switch_point: descriptor.is_layer_sync,
            layer: descriptor.layer,
            dependencies: None,
        },
        numbers: descriptor.numbers,
        ciphertext: Some(usize::from(descriptor.length) + clear),
        height: descriptor.height,
    }
}

fn of_vp9(descriptor: &vp9::Descriptor) -> PayloadDescription {
    PayloadDescription {
        frame: FramePart {
            starts_frame: descriptor.starts_frame,
            starts_key_frame: descriptor.starts_key_frame,
            ends_frame: descriptor.ends_frame,
            is_switch_point: descriptor.is_switch_point,
            layer: descriptor.layer,
            dependencies: None,
        },
        numbers: descriptor.numbers,
        ciphertext: Some(usize::from(descriptor.length)),
        height: None,
    }
}

/// Encrypted frames are one unit each, so that a unit starts where a frame
/// does.
fn of_av1(header: av1::AggregationHeader, marker: bool) -> PayloadDescription {
    PayloadDescription {
        frame: FramePart {
            starts_frame: header.starts_unit,
            starts_key_frame: header.starts_sequence,
            ends_frame: marker,
            is_switch_point: false,
            layer: Layer::default(),
            dependencies: None,
        },
        numbers: PictureNumbers::default(),
        ciphertext: header.content.map(usize::from),
        height: None,
    }
}

/// Bytes of a VP8 frame that clients leave in the clear for packetizers.
const VP8_KEY_FRAME_CLEAR: usize = 10;
const VP8_INTER_FRAME_CLEAR: usize = 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(codec: Codec, payload: &[u8]) -> PayloadDescription {
        PayloadDescription::parse(codec, payload, true).expect("it is whole")
    }

    #[test]
    fn the_ciphertext_is_found_in_each_codec() {
        assert_eq!(parse(Codec::Vp8, &[0x10, 0x00, 1]).ciphertext, Some(11));
        assert_eq!(parse(Codec::Vp8, &[0x10, 0x01, 1]).ciphertext, Some(2));
        assert_eq!(parse(Codec::Vp9, &[0x88, 0x05, 1]).ciphertext, Some(2));
        assert_eq!(parse(Codec::Av1, &[0x18, 0x08, 1]).ciphertext, Some(2));
        assert_eq!(parse(Codec::Av1, &[0x90, 0x08, 1]).ciphertext, None);
    }

    #[test]
    fn key_frames_are_seen_in_each_codec() {
        for (codec, key, other) in [
            (Codec::Vp8, &[0x10, 0x00, 1], &[0x10, 0x01, 1]),
            (Codec::Vp9, &[0x88, 0x05, 1], &[0xC8, 0x05, 1]),
            (Codec::Av1, &[0x18, 0x08, 1], &[0x10, 0x30, 1]),
        ] {
            assert!(parse(codec, key).frame.starts_key_frame, "{codec:?}");
            assert!(!parse(codec, other).frame.starts_key_frame, "{codec:?}");
            assert!(parse(codec, other).frame.starts_frame, "{codec:?}");
        }
    }
}
