//! Which frames of somebody's the worker may pass on.

use std::collections::VecDeque;

use sfu::rtp::sframe_header::SframeKey;
use sfu::worker::command::ExpectedFrames;

use super::admission::Entrance;
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
            }));
        }
        frames
    }

    /// Takes over somebody's place in the group. Returns what is new to the
    /// worker.
    pub(super) fn note(&mut self, place: Option<Place>) -> Option<ExpectedFrames> {
        let frames = expected(place?)?;
        if self.known.back() == Some(&frames) {
            return None;
        }
        if self.known.len() == KNOWN {
            self.known.pop_front();
        }
        self.known.push_back(frames);
        Some(frames)
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

/// A leaf that no key id can name is not expected.
fn expected(Place { leaf, epoch }: Place) -> Option<ExpectedFrames> {
    let epoch = epoch.into();
    let Some(leaf) = leaf else {
        return Some(ExpectedFrames::Epoch(epoch));
    };
    let leaf = leaf.try_into().ok()?;
    Some(ExpectedFrames::Key(SframeKey { leaf, epoch }))
}

/// As many as the worker keeps.
const KNOWN: usize = 8;
