//! Who feeds which slot: what the worker is told of it.

use sfu::identity::{ParticipantId, Source};
use sfu::worker::command::Command;

use super::Effect;
use super::authority::Muting;
use super::state::{Devices, Member, Muted, Room};
use crate::access::Permissions;
use crate::protocol::Permission;
use crate::slot::{SlotsBy, slot_id};

/// Somebody in a slot, and what of it may be passed on.
#[derive(Clone, Copy)]
pub(super) struct Occupant {
    id: ParticipantId,
    permissions: Permissions,
    muted: Muted,
    devices: Devices,
}

impl Room {
    /// Feeds a member's slots beyond those `known` with those who already send.
    pub(super) fn feed_new_slots(
        &self,
        member: &Member,
        known: SlotsBy<u16>,
        effects: &mut Vec<Effect>,
    ) {
        for (slot, occupant) in member.slots.occupied() {
            if slot >= known.people && self.is_negotiated(occupant) {
                member.assign(slot, self.occupant(occupant), effects);
            }
        }
        for (slot, sharer) in self.screens.occupied() {
            if slot >= known.screens && sharer != member.id && self.is_negotiated(sharer) {
                self.assign_screen(member, slot, Some(sharer), effects);
            }
        }
    }

    /// Feeds everyone else's slot for somebody who can send from now on.
    pub(super) fn feed_others(&self, sender: &Member, effects: &mut Vec<Effect>) {
        for member in self.members.iter().filter(|member| member.id != sender.id) {
            if let Some(slot) = member.slots.find(sender.id) {
                member.assign(slot, Some(sender.occupant()), effects);
            }
            if let Some(slot) = self.screens.find(sender.id) {
                self.assign_screen(member, slot, Some(sender.id), effects);
            }
        }
    }

    /// Feeds everyone else's slot anew with one source of somebody's, whose
    /// passing on was stopped or allowed.
    pub(super) fn feed_source(&self, sender: &Member, source: Source, effects: &mut Vec<Effect>) {
        if sender.negotiated.is_none() {
            return;
        }
        for member in self.members.iter().filter(|member| member.id != sender.id) {
            let slot = member.slots.find(sender.id);
            let known = member.negotiated.map_or(0, |known| known.people);
            if let Some(slot) = slot.filter(|slot| *slot < known) {
                effects.extend(member.feed(slot, Some(sender.occupant()), [source]));
            }
        }
    }

    pub(super) fn occupant(&self, id: ParticipantId) -> Option<Occupant> {
        Some(self.members[self.position(id)?].occupant())
    }

    /// Tells the worker whose screen is in a member's screen slot, as
    /// [`Member::assign`] does of people.
    pub(super) fn assign_screen(
        &self,
        member: &Member,
        slot: u16,
        sharer: Option<ParticipantId>,
        effects: &mut Vec<Effect>,
    ) {
        if member.negotiated.is_none_or(|known| slot >= known.screens)
            || !member.permissions.allow(Permission::Receive)
        {
            return;
        }
        let sharer = sharer.and_then(|id| self.occupant(id));
        let pair = self.size.slots().people + slot;
        let halves = [Source::ScreenAudio, Source::Screen];
        effects.extend(member.feed(pair, sharer, halves));
    }
}

impl Member {
    pub(super) fn occupant(&self) -> Occupant {
        Occupant {
            id: self.id,
            permissions: self.permissions,
            muted: self.muted,
            devices: self.devices,
        }
    }

    /// Tells the worker who feeds a slot. Slots it does not know of yet wait
    /// for the offer that brings them.
    pub(super) fn assign(&self, slot: u16, occupant: Option<Occupant>, effects: &mut Vec<Effect>) {
        if self.negotiated.is_none_or(|known| slot >= known.people) {
            return;
        }
        effects.extend(self.feed(slot, occupant, [Source::Microphone, Source::Camera]));
    }

    /// The commands that feed these parts of a slot.
    pub(super) fn feed<const N: usize>(
        &self,
        pair: u16,
        occupant: Option<Occupant>,
        parts: [Source; N],
    ) -> [Effect; N] {
        parts.map(|source| {
            let occupant = occupant.filter(|occupant| occupant.sends(source));
            Effect::Media(Command::Assign {
                subscriber: self.id,
                slot: slot_id(pair, source.kind()),
                source: occupant.map(|occupant| (occupant.id, source)),
            })
        })
    }
}

impl Occupant {
    /// Whether others may get this of it: what its owner says is off is not
    /// passed on, whatever comes.
    pub(super) fn sends(self, source: Source) -> bool {
        let (is_on, muting) = match source {
            Source::Microphone => (self.devices.microphone, self.muted.microphone),
            Source::Camera => (self.devices.camera, self.muted.camera),
            Source::Screen | Source::ScreenAudio => (true, Muting::No),
        };
        is_on && muting == Muting::No && self.permissions.allow(permission(source))
    }
}

/// What it takes to send this.
pub(super) fn permission(source: Source) -> Permission {
    match source {
        Source::Microphone => Permission::Microphone,
        Source::Camera => Permission::Camera,
        Source::Screen | Source::ScreenAudio => Permission::Screen,
    }
}
