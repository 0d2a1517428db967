//! The media plane as signaling sees it, with a memory of what it was told.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use sfu::identity::{ParticipantId, SlotId, Source};
use sfu::rtp::{Codec, Ssrc};
use sfu::worker::command::{Command, MediaParameters, WorkerAddress};
use signaling::MediaPlane;

use crate::recording::Recording;
use crate::worker_thread::{Order, WorkerThread};

/// One worker, and who is in which slot by signaling's word.
pub(crate) struct HostilePlane {
    worker: WorkerThread,
    recording: Recording,
    places: Mutex<Places>,
}

/// What a participant publishes.
pub(crate) type Publication = (ParticipantId, Source);

#[derive(Default)]
struct Places {
    by_publication: HashMap<(ParticipantId, Publication), SlotId>,
    sources: HashMap<(ParticipantId, SlotId), Ssrc>,
}

impl HostilePlane {
    pub(crate) fn new(worker: WorkerThread, recording: Recording) -> Self {
        Self {
            worker,
            recording,
            places: Mutex::default(),
        }
    }

    /// Shows `subscriber` one publication where signaling says that another
    /// is.
    pub(crate) fn show(
        &self,
        subscriber: ParticipantId,
        shown: Publication,
        in_place_of: Publication,
    ) -> Result<(), String> {
        let slot = self.slot(subscriber, in_place_of)?;
        self.worker.order(Order::Command(Command::Assign {
            subscriber,
            slot,
            source: Some(shown),
        }));
        Ok(())
    }

    /// The synchronization source by which `subscriber` gets a publication.
    pub(crate) fn source(
        &self,
        subscriber: ParticipantId,
        publication: Publication,
    ) -> Result<Ssrc, String> {
        let slot = self.slot(subscriber, publication)?;
        let source = self.places().sources.get(&(subscriber, slot)).copied();
        source.ok_or_else(|| "the slot was not negotiated".into())
    }

    pub(crate) fn worker(&self) -> &WorkerThread {
        &self.worker
    }

    fn slot(&self, subscriber: ParticipantId, publication: Publication) -> Result<SlotId, String> {
        let places = self.places();
        let slot = places.by_publication.get(&(subscriber, publication));
        slot.copied()
            .ok_or_else(|| "signaling put this publication into no slot there".into())
    }

    fn remember(&self, command: &Command) {
        match command {
            Command::Assign {
                subscriber,
                slot,
                source: Some(publication),
            } => {
                // A place that is emptied stays known: what was there can be sent
                // there again.
                let mut places = self.places();
                places
                    .by_publication
                    .retain(|(of, _), at| (*of, *at) != (*subscriber, *slot));
                let key = (*subscriber, *publication);
                places.by_publication.insert(key, *slot);
            }
            Command::Negotiate { participant, media } => {
                let mut places = self.places();
                for slot in &media.slots {
                    places.sources.insert((*participant, slot.slot), slot.ssrc);
                }
                self.recording.write(&described(*participant, media));
            }
            _ => {}
        }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MediaPlane for HostilePlane {
    fn workers(&self) -> usize {
        1
    }

    fn address(&self, _: usize) -> &WorkerAddress {
        self.worker.address()
    }

    fn send(&self, _: usize, command: Command) {
        self.remember(&command);
        self.worker.order(Order::Command(command));
    }
}

/// What the payload types of a participant's packets mean.
fn described(participant: ParticipantId, media: &MediaParameters) -> Value {
    let publications = media.publications.iter().flat_map(|of| &of.codecs);
    let slots = media.slots.iter().flat_map(|of| &of.codecs);
    let codecs = publications.chain(slots).map(|of| {
        json!({
            "payloadType": of.payload_type.0,
            "codec": match of.codec {
                Codec::Opus => "opus",
                Codec::Red => "red",
                Codec::Vp8 => "vp8",
                Codec::Vp9 => "vp9",
                Codec::Av1 => "av1",
            },
            "rtx": of.rtx.map(|rtx| rtx.0),
        })
    });
    json!({
        "kind": "negotiated",
        "participant": participant.to_string(),
        "codecs": codecs.collect::<Vec<_>>(),
    })
}
