//! Who comes in and who goes.

use std::time::Instant;

use sfu::identity::ParticipantId;
use sfu::quality::Rating;
use sfu::worker::command::Command;

use super::Effect;
use super::admission::{Arrival, Entrance};
use super::frames::Frames;
use super::removal::Bearer;
use super::schedule::Activity;
use super::screens::occupied;
use super::slots::Slots;
use super::state::{Devices, Member, Muted, Room, RoomFull, tell};
use crate::access::Permissions;
use crate::audit::Action;
use crate::protocol::{ErrorCode, Permission, Role, ServerMessage, SlotAssignment, UplinkCapacity};

impl Room {
    /// Lets somebody in with all that the role allows, past the door.
    ///
    /// # Errors
    /// As many are there as the room takes.
    pub fn join(&mut self, id: ParticipantId, role: Role) -> Result<Vec<Effect>, RoomFull> {
        if self.members.len() >= self.capacity() {
            return Err(RoomFull);
        }
        // Nothing is measured against the time without an inactivity limit.
        Ok(self.seat(Arrival::new(id, role), Instant::now()))
    }

    /// Ends somebody's stay: the client left, or its socket is gone.
    pub fn leave(&mut self, id: ParticipantId, now: Instant) -> Vec<Effect> {
        if let Some(index) = self.caller(id) {
            let caller = self.callers.remove(index);
            self.note_gone(Bearer::of(&caller.arrival));
            let mut effects = self.tell_waiting_list();
            effects.push(Effect::by(id, Action::Leave));
            return effects;
        }
        let Some(index) = self.position(id) else {
            return Vec::new();
        };
        let could_admit = self.allows(id, Permission::Admit);
        let leaver = self.members.remove(index);
        self.speakers.retain(|speaker| *speaker != id);
        self.note_gone(Bearer {
            id,
            role: leaver.role,
            subject: leaver.subject,
            token_id: leaver.token_id,
        });

        let mut effects = self.clear_screen(id, leaver.negotiated.is_some());
        for member in &mut self.members {
            let slot = member.slots.clear(id);
            if let Some(slot) = slot {
                if leaver.negotiated.is_some() {
                    member.assign(slot, None, &mut effects);
                }
                effects.push(Effect::Tell(
                    member.id,
                    ServerMessage::Slots {
                        assignments: vec![SlotAssignment {
                            slot,
                            participant_id: None,
                        }],
                    },
                ));
            }
            effects.push(Effect::Tell(
                member.id,
                ServerMessage::ParticipantLeft {
                    participant_id: id.to_string(),
                },
            ));
        }
        if leaver.negotiated.is_some() {
            effects.push(Effect::Media(Command::Leave { participant: id }));
        }
        if !leaver.is_cut_off {
            effects.extend(tell(self.delivery.leave(id, now)));
        }
        effects.extend(self.tell_codecs(None));
        effects.extend(self.hand_over());
        if could_admit {
            effects.extend(self.tell_waiting());
        }
        effects.push(Effect::by(id, Action::Leave));
        effects
    }

    /// Passes nothing on any more of what somebody sends, and nothing to it. Of
    /// the group it is no member any more, so that nobody waits for its commits.
    pub(super) fn silence(&mut self, id: ParticipantId, now: Instant) -> Vec<Effect> {
        let Some(index) = self.position(id) else {
            return Vec::new();
        };
        let member = &mut self.members[index];
        member.is_cut_off = true;
        member.permissions = Permissions::NONE;
        let is_known_to_worker = member.negotiated.take().is_some();
        let mut effects = Vec::new();
        if is_known_to_worker {
            effects.extend(self.clear_screen(id, true));
            for member in &self.members {
                if let Some(slot) = member.slots.find(id) {
                    member.assign(slot, None, &mut effects);
                }
            }
            effects.push(Effect::Media(Command::Leave { participant: id }));
        }
        effects.extend(self.tell_of(index));
        effects.extend(tell(self.delivery.leave(id, now)));
        effects.extend(self.hand_over());
        effects
    }

    /// Ends the stay of somebody whose media the worker has given up.
    pub fn media_disconnected(&mut self, id: ParticipantId, now: Instant) -> Vec<Effect> {
        if self.position(id).is_none() {
            return Vec::new();
        }
        let why = "the media connection failed or fell silent";
        self.expel(id, ErrorCode::MediaDisconnected, why, now)
    }

    /// Gives somebody a place, and tells everyone who is in which slot.
    pub(super) fn seat(&mut self, arrival: Arrival, now: Instant) -> Vec<Effect> {
        let Arrival {
            id,
            role,
            permissions,
            subject,
            token_id,
            entrance,
            standing,
        } = arrival;
        let person = subject.clone();
        let receives = permissions.allow(Permission::Receive);
        let slots = if receives {
            self.size.slots().people
        } else {
            0
        };
        let mut joiner = Member {
            id,
            role,
            permissions,
            subject,
            consented: self.accepted_text(&token_id, standing),
            token_id,
            devices: Devices::default(),
            uplink: UplinkCapacity::All,
            muted: Muted::default(),
            activity: Activity::default(),
            door_key: None,
            rating: Rating::default(),
            reconnecting: false,
            is_cut_off: false,
            slots: Slots::new(slots),
            negotiated: None,
            frames: Frames::new(entrance.as_ref()),
            audio_codecs: None,
            video_codecs: None,
        };
        let members = self.members.iter();
        let participants = members.map(|member| member.describe_to(permissions));
        let mut effects = vec![Effect::Tell(
            id,
            ServerMessage::Joined {
                participant_id: id.to_string(),
                role,
                participants: participants.collect(),
                slots: joiner.slots.len(),
                screen_slots: if receives { self.screens.len() } else { 0 },
                ice_servers: Vec::new(),
                resume: None,
                permissions: permissions.iter().collect(),
                locked: self.is_locked,
            },
        )];

        effects.extend(self.members.iter().map(|member| {
            let participant = joiner.describe_to(self.permissions(member));
            Effect::Tell(member.id, ServerMessage::ParticipantJoined { participant })
        }));
        let mut assignments = Vec::new();
        for member in &mut self.members {
            // A slot is free on both sides: each has one for all others.
            if let Some(slot) = joiner.slots.fill(member.id) {
                assignments.push(occupied(slot, member.id));
            }
            if let Some(slot) = member.slots.fill(id) {
                effects.push(Effect::Tell(
                    member.id,
                    ServerMessage::Slots {
                        assignments: vec![occupied(slot, id)],
                    },
                ));
            }
        }
        if !assignments.is_empty() {
            effects.push(Effect::Tell(id, ServerMessage::Slots { assignments }));
        }
        let assignments: Vec<_> = self
            .screens
            .occupied()
            .map(|(slot, sharer)| occupied(slot, sharer))
            .collect();
        if !assignments.is_empty() {
            effects.push(Effect::Tell(id, ServerMessage::Screens { assignments }));
        }
        let news = self.speakers_now().into_iter();
        let news = news.chain(self.qualities_now(permissions));
        let news = news.chain(self.ending_now());
        effects.extend(news.map(|message| Effect::Tell(id, message)));
        self.members.push(joiner);
        effects.extend(self.hand_over());
        if permissions.allow(Permission::Admit) && self.somebody_waits() {
            effects.push(Effect::Tell(id, self.waiting_list()));
            effects.extend(self.tell_waiting());
        }
        self.delivery.introduce(id, &person);
        if let Some(entrance) = entrance {
            effects.extend(self.deliver(id, |delivery| match entrance {
                Entrance::KeyPackage(key_package) => delivery.join(id, key_package, now),
                Entrance::Report(report) => delivery.rejoin(id, report, now),
            }));
        }
        effects
    }

    /// Ends somebody's stay, in the room or at the door, and says why.
    pub(super) fn expel(
        &mut self,
        id: ParticipantId,
        code: ErrorCode,
        why: &str,
        now: Instant,
    ) -> Vec<Effect> {
        let mut effects = self.leave(id, now);
        effects.push(Effect::Tell(
            id,
            ServerMessage::Error {
                code,
                message: why.to_owned(),
                fatal: true,
            },
        ));
        effects.push(Effect::Close(id));
        effects
    }
}
