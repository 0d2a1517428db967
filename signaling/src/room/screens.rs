//! Whose screen is shared, and in which slot.

use sfu::identity::ParticipantId;

use super::Effect;
use super::state::{Room, tell_error};
use crate::protocol::{ErrorCode, Permission, ServerMessage, SlotAssignment};

impl Room {
    /// Gives somebody a screen slot, so that everyone sees the screen there, or
    /// says that none is free. Who has one is told so again.
    pub fn share_screen(&mut self, id: ParticipantId) -> Vec<Effect> {
        let Some(index) = self.position(id) else {
            return Vec::new();
        };
        if let Err(refusal) = self.require(id, Permission::Screen) {
            return refusal;
        }
        if let Some(slot) = self.screens.find(id) {
            return vec![tell_screen(id, occupied(slot, id))];
        }
        let Some(slot) = self.screens.fill(id) else {
            let why = format!("{} screens are shared already", self.size.screens);
            return vec![tell_error(id, ErrorCode::ScreensFull, &why)];
        };
        let is_negotiated = self.members[index].negotiated.is_some();
        let mut effects = Vec::new();
        for member in &self.members {
            if member.id != id && is_negotiated {
                self.assign_screen(member, slot, Some(id), &mut effects);
            }
            effects.push(tell_screen(member.id, occupied(slot, id)));
        }
        effects
    }

    /// Takes somebody's screen slot back.
    pub fn stop_screen_share(&mut self, id: ParticipantId) -> Vec<Effect> {
        let is_fed = self.is_negotiated(id);
        self.clear_screen(id, is_fed)
    }

    /// Takes a screen slot back; `is_fed`: the worker knows the sharer.
    pub(super) fn clear_screen(&mut self, id: ParticipantId, is_fed: bool) -> Vec<Effect> {
        let Some(slot) = self.screens.clear(id) else {
            return Vec::new();
        };
        let mut effects = Vec::new();
        for member in &self.members {
            if member.id != id && is_fed {
                self.assign_screen(member, slot, None, &mut effects);
            }
            let assignment = SlotAssignment {
                slot,
                participant_id: None,
            };
            effects.push(tell_screen(member.id, assignment));
        }
        effects
    }
}

pub(super) fn occupied(slot: u16, participant: ParticipantId) -> SlotAssignment {
    SlotAssignment {
        slot,
        participant_id: Some(participant.to_string()),
    }
}

fn tell_screen(to: ParticipantId, assignment: SlotAssignment) -> Effect {
    let assignments = vec![assignment];
    Effect::Tell(to, ServerMessage::Screens { assignments })
}
