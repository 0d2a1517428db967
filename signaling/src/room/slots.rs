//! One participant's slots and who is in them.

use sfu::identity::ParticipantId;

/// A fixed number of places. Nobody is in two of them.
#[derive(Debug)]
pub(super) struct Slots {
    occupants: Vec<Option<ParticipantId>>,
}

impl Slots {
    pub(super) fn new(count: u16) -> Self {
        Self {
            occupants: vec![None; usize::from(count)],
        }
    }

    pub(super) fn len(&self) -> u16 {
        u16::try_from(self.occupants.len()).unwrap_or(u16::MAX)
    }

    /// Puts somebody into the first free slot.
    pub(super) fn fill(&mut self, participant: ParticipantId) -> Option<u16> {
        debug_assert!(self.find(participant).is_none());
        let (slot, free) = (0..)
            .zip(&mut self.occupants)
            .find(|(_, occupant)| occupant.is_none())?;
        *free = Some(participant);
        Some(slot)
    }

    /// Takes somebody out of its slot.
    pub(super) fn clear(&mut self, participant: ParticipantId) -> Option<u16> {
        let slot = self.find(participant)?;
        self.occupants[usize::from(slot)] = None;
        Some(slot)
    }

    pub(super) fn find(&self, participant: ParticipantId) -> Option<u16> {
        self.occupied()
            .find(|(_, occupant)| *occupant == participant)
            .map(|(slot, _)| slot)
    }

    /// The slots with somebody in them, in order.
    pub(super) fn occupied(&self) -> impl Iterator<Item = (u16, ParticipantId)> {
        (0..)
            .zip(&self.occupants)
            .filter_map(|(slot, occupant)| Some((slot, (*occupant)?)))
    }
}
