//! Which frames of somebody's the worker may pass on.

use std::collections::VecDeque;

use sfu::identity::ParticipantId;
use sfu::rtp::sframe_header::SframeKey;
use sfu::worker::command::{Command, ExpectedFrames};

use super::Effect;
use super::admission::Entrance;
use super::state::Room;
use crate::mls::Place;

/// What the worker is to expect of one participant's frames. Whoever came to
/// encrypt is passed on only under keys that are known, for its whole stay: who
/// loses its place in the group keeps its last ones.
#[derive(Debug)]
pub(super) struct Frames {
    encrypts: bool,
    /// The last few, the newest last.
    known: VecDeque<ExpectedFrames>,
}

impl Frames {
    pub(super) fn new(entrance: Option<&Entrance>) -> Self {
        let mut frames = Self {
            encrypts: entrance.is_some(),
            known: VecDeque::new(),
        };
        // It goes on under the key that it has until it is in the present epoch.
        if let Some(Entrance::Report(report)) = entrance {
            frames.note(Some(Place {
                leaf: Some(report.leaf),
                epoch: report.epoch,
                own_epoch: None,
            }));
        }
        frames
    }

    /// Takes over somebody's place in the group. Returns what is new to the
    /// worker. The epoch that it said to be in stays expected, however many
    /// changes there are that it does not follow.
    pub(super) fn note(&mut self, place: Option<Place>) -> Vec<ExpectedFrames> {
        let Some(place) = place else {
            return Vec::new();
        };
        let newest = expected(place.leaf, place.epoch);
        let Some(newest) = newest.filter(|newest| self.known.back() != Some(newest)) else {
            return Vec::new();
        };
        let own = place.own_epoch;
        let own = own.and_then(|epoch| expected(place.leaf, epoch));
        let kept: Vec<_> = self.known.iter().rev().take(KNOWN - 1).collect();
        let own = own.filter(|own| *own != newest && !kept.contains(&own));
        let news: Vec<_> = own.into_iter().chain([newest]).collect();
        for frames in &news {
            if self.known.len() == KNOWN {
                self.known.pop_front();
            }
            self.known.push_back(*frames);
        }
        news
    }

    /// What to tell a worker that has just got to know the participant, in this
    /// order.
    pub(super) fn to_expect(&self) -> impl Iterator<Item = ExpectedFrames> {
        let nothing = self.encrypts && self.known.is_empty();
        nothing
            .then_some(ExpectedFrames::Nothing)
            .into_iter()
            .chain(self.known.iter().copied())
    }
}

impl Room {
    /// Tells the worker which keys' frames it may see from now on.
    pub(super) fn expect_frames(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        for member in &mut self.members {
            let news = member.frames.note(self.delivery.place(member.id));
            if member.negotiated.is_some() {
                let news = news.into_iter();
                effects.extend(news.map(|frames| expect(member.id, frames)));
            }
        }
        effects
    }
}

pub(super) fn expect(participant: ParticipantId, frames: ExpectedFrames) -> Effect {
    Effect::Media(Command::ExpectFrames {
        participant,
        frames,
    })
}

/// A leaf that no key id can name is not expected.
fn expected(leaf: Option<u32>, epoch: u32) -> Option<ExpectedFrames> {
    let epoch = epoch.into();
    let Some(leaf) = leaf else {
        return Some(ExpectedFrames::Epoch(epoch));
    };
    let leaf = leaf.try_into().ok()?;
    Some(ExpectedFrames::Key(SframeKey { leaf, epoch }))
}

/// As many as the worker keeps.
const KNOWN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_that_somebody_does_not_follow_push_out_none_of_its_own_frames() {
        let mut frames = Frames::new(Some(&Entrance::KeyPackage(None)));
        let mut place = Place {
            leaf: Some(2),
            epoch: 5,
            own_epoch: Some(5),
        };
        let mut worker = VecDeque::from(frames.note(Some(place)));
        let own = worker[0];

        for epoch in 6..40 {
            place.epoch = epoch;
            worker.extend(frames.note(Some(place)));
            let oldest = worker.len().saturating_sub(KNOWN);
            worker.drain(..oldest);
            assert!(worker.contains(&own), "in epoch {epoch}");
        }
    }
}
