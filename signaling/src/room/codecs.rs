//! The codecs that everybody in a room can decode.

use sfu::identity::{MediaKind, ParticipantId};
use sfu::rtp::Codec;
use sfu::worker::command::MediaParameters;

use super::Effect;
use super::state::Room;
use crate::protocol::{AudioCodec, ServerMessage, VideoCodec};

/// A codec by the name that clients know it by.
pub(super) trait Named: Copy + PartialEq {
    const KIND: MediaKind;

    /// `None` for codecs of the other kind.
    fn of(codec: Codec) -> Option<Self>;
}

impl Named for AudioCodec {
    const KIND: MediaKind = MediaKind::Audio;

    fn of(codec: Codec) -> Option<Self> {
        match codec {
            Codec::Opus => Some(Self::Opus),
            Codec::Red => Some(Self::Red),
            Codec::Vp8 | Codec::Vp9 | Codec::Av1 => None,
        }
    }
}

impl Named for VideoCodec {
    const KIND: MediaKind = MediaKind::Video;

    fn of(codec: Codec) -> Option<Self> {
        match codec {
            Codec::Vp8 => Some(Self::Vp8),
            Codec::Vp9 => Some(Self::Vp9),
            Codec::Av1 => Some(Self::Av1),
            Codec::Opus | Codec::Red => None,
        }
    }
}

impl Room {
    /// Tells everyone which codecs all can decode, if that is news;
    /// `newcomer` in any case.
    pub(super) fn tell_codecs(&mut self, newcomer: Option<ParticipantId>) -> Vec<Effect> {
        let members = &self.members;
        let audio = members.iter().flat_map(|member| &member.audio_codecs);
        let audio = self.audio_codecs.update(audio);
        let video = members.iter().flat_map(|member| &member.video_codecs);
        let video = self.video_codecs.update(video);
        let audio = audio.map(|(codecs, is_news)| (ServerMessage::AudioCodecs { codecs }, is_news));
        let video = video.map(|(codecs, is_news)| (ServerMessage::VideoCodecs { codecs }, is_news));
        let mut effects = Vec::new();
        for (message, is_news) in [audio, video].into_iter().flatten() {
            let informed = members
                .iter()
                .filter(|member| member.negotiated.is_some())
                .filter(|member| is_news || Some(member.id) == newcomer);
            effects.extend(informed.map(|member| Effect::Tell(member.id, message.clone())));
        }
        effects
    }
}

/// What somebody decodes in all of its slots, in the order of the answer;
/// `None` if it has no slots of that kind.
pub(super) fn decoded_by<C: Named>(media: &MediaParameters) -> Option<Vec<C>> {
    let mut slots = media
        .slots
        .iter()
        .filter(|slot| slot.kind == C::KIND)
        .map(|slot| {
            slot.codecs
                .iter()
                .filter_map(|of| C::of(of.codec))
                .collect()
        });
    let first: Vec<C> = slots.next()?;
    Some(slots.fold(first, |common, codecs: Vec<_>| both(common, &codecs)))
}

/// Codecs that all members decode, as they were told last.
#[derive(Debug)]
pub(super) struct Common<C>(Vec<C>);

impl<C> Default for Common<C> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<C: Named> Common<C> {
    /// Takes what each member decodes. `None` if nobody decodes anything yet,
    /// else what all do, and whether that is news.
    pub(super) fn update<'a>(
        &mut self,
        mut members: impl Iterator<Item = &'a Vec<C>>,
    ) -> Option<(Vec<C>, bool)>
    where
        C: 'a,
    {
        let first = members.next()?.clone();
        let codecs = members.fold(first, |common, codecs| both(common, codecs));
        let is_news = self.0 != codecs;
        self.0.clone_from(&codecs);
        Some((codecs, is_news))
    }
}

fn both<C: PartialEq>(mut codecs: Vec<C>, others: &[C]) -> Vec<C> {
    codecs.retain(|codec| others.contains(codec));
    codecs
}
