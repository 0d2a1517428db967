//! The video codecs that everybody in a room can decode.

use sfu::identity::MediaKind;
use sfu::rtp::Codec;
use sfu::worker::command::MediaParameters;

use crate::protocol::VideoCodec;

/// What somebody decodes in all of its slots, the room's most wanted first;
/// `None` if it has no slots for pictures.
pub(super) fn decoded_by(media: &MediaParameters) -> Option<Vec<VideoCodec>> {
    let mut slots = media
        .slots
        .iter()
        .filter(|slot| slot.kind == MediaKind::Video)
        .map(|slot| {
            slot.codecs
                .iter()
                .filter_map(|of| named(of.codec))
                .collect()
        });
    let first: Vec<VideoCodec> = slots.next()?;
    Some(slots.fold(first, |common, codecs: Vec<_>| both(common, &codecs)))
}

/// What all of these decode; `None` if there are none.
pub(super) fn common<'a>(
    mut members: impl Iterator<Item = &'a Vec<VideoCodec>>,
) -> Option<Vec<VideoCodec>> {
    let first = members.next()?.clone();
    Some(members.fold(first, |common, codecs| both(common, codecs)))
}

fn both(mut codecs: Vec<VideoCodec>, others: &[VideoCodec]) -> Vec<VideoCodec> {
    codecs.retain(|codec| others.contains(codec));
    codecs
}

fn named(codec: Codec) -> Option<VideoCodec> {
    match codec {
        Codec::Vp8 => Some(VideoCodec::Vp8),
        Codec::Vp9 => Some(VideoCodec::Vp9),
        Codec::Av1 => Some(VideoCodec::Av1),
        Codec::Opus | Codec::Red => None,
    }
}
