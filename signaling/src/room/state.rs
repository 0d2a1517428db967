//! The room's state machine.

use std::collections::HashSet;
use std::time::Instant;

use sfu::identity::{ParticipantId, RoomId, Source};
use sfu::quality::Rating;
use thiserror::Error;

use super::Effect;
use super::admission::{Caller, DoorNews, Rules};
use super::authority::Muting;
use super::codecs::Common;
use super::decision::Turns;
use super::frames::Frames;
use super::removal::Removals;
use super::schedule::Activity;
use super::slots::Slots;
use crate::access::{Permissions, UnixTime};
use crate::mls::{Delivery, Invalid, Told};
use crate::protocol::{
    AudioCodec, ErrorCode, Opaque, Participant, Permission, Role, ServerMessage, UplinkCapacity,
    VideoCodec,
};
use crate::slot::SlotsBy;

/// The people in one room, each with a slot for every other.
#[derive(Debug)]
pub struct Room {
    pub(super) id: RoomId,
    pub(super) size: RoomSize,
    pub(super) rules: Rules,
    /// In the order in which they came.
    pub(super) members: Vec<Member>,
    /// Those at the door, in the order in which they came.
    pub(super) callers: Vec<Caller>,
    /// Tokens whose bearers were let in, and may come back.
    pub(super) admitted: HashSet<String>,
    /// Tokens whose bearers accepted the session's text.
    pub(super) consented: HashSet<String>,
    pub(super) removals: Removals,
    pub(super) door_news: DoorNews,
    pub(super) is_locked: bool,
    pub(super) turns: Turns,
    /// Who acts as host while no host is there.
    pub(super) hosting: Option<ParticipantId>,
    /// How often everybody was told that the end is near.
    pub(super) warnings: usize,
    /// The time of day when the rules were last looked at.
    pub(super) looked_at: Option<UnixTime>,
    /// Somebody has ended the session, and that is not on record yet.
    pub(super) is_ending: bool,
    pub(super) has_ended: bool,
    /// Who shares a screen; in the same slot for everyone, the sharer's own
    /// being left empty.
    pub(super) screens: Slots,
    /// Who speaks, as members were told.
    pub(super) speakers: Vec<ParticipantId>,
    pub(super) delivery: Delivery,
    pub(super) audio_codecs: Common<AudioCodec>,
    pub(super) video_codecs: Common<VideoCodec>,
}

/// What fits into a room at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoomSize {
    pub people: u16,
    /// Screens that are shared.
    pub screens: u16,
}

impl RoomSize {
    /// The slots of everyone in such a room: one for each of the others.
    pub fn slots(self) -> SlotsBy<u16> {
        SlotsBy {
            people: self.people.saturating_sub(1),
            screens: self.screens,
        }
    }
}

/// Nobody else fits in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("the room is full")]
pub struct RoomFull;

/// Which devices somebody has on.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Devices {
    pub microphone: bool,
    pub camera: bool,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) id: ParticipantId,
    pub(super) role: Role,
    pub(super) permissions: Permissions,
    pub(super) subject: String,
    pub(super) token_id: String,
    pub(super) devices: Devices,
    pub(super) muted: Muted,
    pub(super) activity: Activity,
    /// The wording of the session's text that it has accepted.
    pub(super) consented: Option<String>,
    /// What those who wait seal their names to.
    pub(super) door_key: Option<Opaque>,
    /// What its path takes of what it would send, by its own word.
    pub(super) uplink: UplinkCapacity,
    /// Of its connection, as members were told.
    pub(super) rating: Rating,
    /// Its socket is gone, and may come back.
    pub(super) reconnecting: bool,
    /// It is sent away as soon as that is on record, and is neither heard nor
    /// told anything any more.
    pub(super) is_cut_off: bool,
    pub(super) slots: Slots,
    /// How many slots the worker knows of; `None` before the first offer.
    pub(super) negotiated: Option<SlotsBy<u16>>,
    pub(super) frames: Frames,
    /// What it decodes; unknown without slots for sound, or for pictures.
    pub(super) audio_codecs: Option<Vec<AudioCodec>>,
    pub(super) video_codecs: Option<Vec<VideoCodec>>,
}

/// Which devices others have turned off.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Muted {
    pub(super) microphone: Muting,
    pub(super) camera: Muting,
}

impl Room {
    /// An empty room that lets everybody in.
    pub fn new(id: RoomId, size: RoomSize) -> Self {
        Self::with_rules(id, size, Rules::default())
    }

    /// An empty room.
    pub fn with_rules(id: RoomId, size: RoomSize, rules: Rules) -> Self {
        Self {
            id,
            size,
            is_locked: rules.policy.locked,
            turns: Turns::default(),
            rules,
            members: Vec::new(),
            callers: Vec::new(),
            admitted: HashSet::new(),
            consented: HashSet::new(),
            removals: Removals::default(),
            door_news: DoorNews::default(),
            hosting: None,
            warnings: 0,
            looked_at: None,
            is_ending: false,
            has_ended: false,
            screens: Slots::new(size.screens),
            speakers: Vec::new(),
            delivery: Delivery::default(),
            audio_codecs: Common::default(),
            video_codecs: Common::default(),
        }
    }

    /// Changes the rules. Who is there stays; the lock is as it was.
    pub fn set_rules(&mut self, rules: Rules) {
        if rules.policy.consent != self.rules.policy.consent {
            self.consented.clear();
        }
        self.rules = rules;
    }

    /// Forgets who was let in, and takes the lock as it is given, if nobody is
    /// there: whoever comes next may begin another meeting.
    pub fn begin_anew(&mut self, locked: bool) {
        if self.members.is_empty() {
            self.admitted.clear();
            self.consented.clear();
            self.is_locked = locked;
        }
    }

    /// Notes which devices somebody has on, and tells the others.
    pub fn set_devices(&mut self, id: ParticipantId, devices: Devices) -> Vec<Effect> {
        let Some(index) = self.position(id) else {
            return Vec::new();
        };
        let member = &mut self.members[index];
        if member.devices == devices {
            return Vec::new();
        }
        let before = member.occupant();
        member.devices = devices;
        member.muted = Muted {
            microphone: member.muted.microphone.heard(devices.microphone),
            camera: member.muted.camera.heard(devices.camera),
        };
        let mut effects = Vec::new();
        let member = &self.members[index];
        for source in [Source::Microphone, Source::Camera] {
            if before.sends(source) != member.occupant().sends(source) {
                self.feed_source(member, source, &mut effects);
            }
        }
        effects.extend(self.tell_of(index));
        effects
    }

    /// Notes whether somebody's socket is gone, and tells the others.
    pub fn set_reconnecting(
        &mut self,
        id: ParticipantId,
        reconnecting: bool,
        now: Instant,
    ) -> Vec<Effect> {
        let Some(index) = self.position(id) else {
            return Vec::new();
        };
        let member = &mut self.members[index];
        if member.reconnecting == reconnecting {
            return Vec::new();
        }
        member.reconnecting = reconnecting;
        if !member.is_cut_off {
            self.delivery.set_away(id, reconnecting, now);
        }
        self.tell_of(index)
    }

    /// Passes on what somebody said about the group that encrypts the session.
    /// Who said something that the group has no use for is told so.
    pub fn deliver(
        &mut self,
        id: ParticipantId,
        deliver: impl FnOnce(&mut Delivery) -> Result<Vec<Told>, Invalid>,
    ) -> Vec<Effect> {
        if self.position(id).is_none() {
            return Vec::new();
        }
        match deliver(&mut self.delivery) {
            Ok(told) => {
                // Before members hear of a new epoch and send in it.
                let mut effects = self.expect_frames();
                effects.extend(tell(told));
                effects
            }
            Err(invalid) => {
                let why = invalid.to_string();
                vec![tell_error(id, ErrorCode::InvalidGroupMessage, &why)]
            }
        }
    }

    /// Who is there, in the order in which they came.
    pub fn participants(&self) -> impl Iterator<Item = ParticipantId> {
        self.members.iter().map(|member| member.id)
    }

    /// Who is at the door, in the order in which they came.
    pub fn waiting_people(&self) -> impl Iterator<Item = ParticipantId> {
        self.callers.iter().map(|caller| caller.arrival.id)
    }

    /// Whether somebody is in the room, and not at its door.
    pub fn is_in(&self, id: ParticipantId) -> bool {
        self.position(id).is_some()
    }

    /// Anybody who is there or at the door.
    pub fn somebody(&self) -> Option<ParticipantId> {
        let caller = self.callers.first().map(|caller| caller.arrival.id);
        self.members.first().map(|member| member.id).or(caller)
    }

    /// Whether nobody is there, nor at the door.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && self.callers.is_empty()
    }

    /// Tells all others how somebody is now.
    pub(super) fn tell_of(&self, index: usize) -> Vec<Effect> {
        let member = &self.members[index];
        self.members
            .iter()
            .filter(|other| other.id != member.id)
            .map(|other| {
                let participant = member.describe_to(self.permissions(other));
                Effect::Tell(other.id, ServerMessage::ParticipantUpdated { participant })
            })
            .collect()
    }

    pub(super) fn position(&self, id: ParticipantId) -> Option<usize> {
        self.members.iter().position(|member| member.id == id)
    }

    pub(super) fn is_negotiated(&self, id: ParticipantId) -> bool {
        self.members
            .iter()
            .any(|member| member.id == id && member.negotiated.is_some())
    }
}

impl Member {
    pub(super) fn describe(&self) -> Participant {
        let camera = self.occupant().sends(Source::Camera);
        Participant {
            id: self.id.to_string(),
            role: self.role,
            microphone: self.occupant().sends(Source::Microphone),
            camera,
            camera_paused: camera && self.uplink == UplinkCapacity::SoundOnly,
            reconnecting: self.reconnecting,
            consented: None,
        }
    }

    /// As somebody with these permissions is to know it.
    pub(super) fn describe_to(&self, permissions: Permissions) -> Participant {
        let may_know = permissions.allow(Permission::Admit);
        Participant {
            consented: self.consented.clone().filter(|_| may_know),
            ..self.describe()
        }
    }
}

pub(super) fn tell(told: Vec<Told>) -> Vec<Effect> {
    told.into_iter()
        .map(|(id, message)| Effect::Tell(id, message))
        .collect()
}

pub(super) fn tell_error(to: ParticipantId, code: ErrorCode, message: &str) -> Effect {
    Effect::Tell(
        to,
        ServerMessage::Error {
            code,
            message: message.to_owned(),
            fatal: false,
        },
    )
}
