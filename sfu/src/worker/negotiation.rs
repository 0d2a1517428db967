//! What a participant has agreed to send and to receive.

use super::Worker;
use super::command::MediaParameters;
use crate::publish::Stream;
use crate::subscribe::SlotState;

impl Worker {
    /// Follows an offer and its answer: what is not sent any more goes, and
    /// slots that stay keep what is in them.
    pub(super) fn negotiate(&mut self, key: usize, media: MediaParameters) {
        let participant = &mut self.participants[key];
        let room = participant.room;
        participant.extensions = media.extensions;
        participant.publications = media.publications;
        let gone: Vec<_> = participant
            .streams()
            .filter(|stream| {
                let Stream {
                    source,
                    ssrc,
                    layer,
                    ..
                } = &self.streams[*stream];
                !participant.publications.iter().any(|publication| {
                    publication.source == *source
                        && (publication.ssrcs.is_empty() || publication.ssrcs.contains(ssrc))
                        && usize::from(*layer) < publication.stream_ids.len().max(1)
                })
            })
            .collect();
        for stream in gone {
            self.remove_stream(stream);
        }
        let mut old: Vec<_> = std::mem::take(&mut self.participants[key].slots)
            .into_iter()
            .map(Some)
            .collect();
        let mut moved = vec![None; old.len()];
        let mut slots = Vec::with_capacity(media.slots.len());
        let former = &mut self.participants[key].former_slots;
        for slot in old.iter().flatten() {
            former.retain(|(ssrc, _)| *ssrc != slot.parameters.ssrc);
            former.push((slot.parameters.ssrc, slot.numbers()));
        }
        for parameters in media.slots {
            let same = old.iter().position(|slot| {
                slot.as_ref().is_some_and(|slot| {
                    slot.parameters.slot == parameters.slot
                        && slot.parameters.ssrc == parameters.ssrc
                })
            });
            let kept = same.and_then(|at| {
                moved[at] = Some(slots.len());
                old[at].take()
            });
            let known = former.iter().find(|(ssrc, _)| *ssrc == parameters.ssrc);
            slots.push(if let Some(mut slot) = kept {
                slot.renegotiate(parameters);
                slot
            } else if let Some((_, numbers)) = known {
                SlotState::resumed(parameters, *numbers)
            } else {
                SlotState::new(parameters)
            });
        }
        former.retain(|(ssrc, _)| slots.iter().all(|slot| slot.parameters.ssrc != *ssrc));
        self.participants[key].slots = slots;
        self.note_unreviewed(room);
        for (_, stream) in &mut self.streams {
            stream.subscribers.retain_mut(|subscriber| {
                if subscriber.participant != key {
                    return true;
                }
                match moved[subscriber.slot] {
                    Some(at) => {
                        subscriber.slot = at;
                        true
                    }
                    None => false,
                }
            });
        }
    }
}
