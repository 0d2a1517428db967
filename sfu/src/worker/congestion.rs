//! What each receiver's path takes, and what would be of use to it.

use std::time::Instant;

use super::Worker;
use crate::congestion::Bitrate;
use crate::identity::ParticipantId;

impl Worker {
    /// What a participant's path takes, as far as is known.
    pub fn estimate(&self, now: Instant, participant: ParticipantId) -> Option<Bitrate> {
        let key = *self.by_id.get(&participant)?;
        self.participants[key].outbound.congestion.estimate(now)
    }

    /// Starts probes and notices silence.
    pub(super) fn tend_congestion(&mut self, now: Instant, key: usize) {
        let wanted = self.wanted(key);
        let outbound = &mut self.participants[key].outbound;
        outbound.congestion.set_wanted(wanted);
        outbound.congestion.handle_timeout(now);
        if outbound.wake(now) {
            self.pending.push_back(key);
        }
    }

    /// The rate of all that is meant for a participant, in full quality.
    fn wanted(&self, key: usize) -> Bitrate {
        let participant = &self.participants[key];
        let sources = participant.slots.iter().filter_map(|slot| slot.wanted);
        sources.fold(Bitrate::ZERO, |sum, (publisher, source)| {
            let layers = self.streams_of(participant.room, publisher, source);
            let highest = layers.map(|layer| self.streams[layer].bitrate.get()).max();
            sum.plus(highest.unwrap_or_default())
        })
    }
}
