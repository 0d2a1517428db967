//! The room's state machine.

use std::collections::HashSet;
use std::time::Instant;

use sfu::identity::{ParticipantId, RoomId, Source};
use sfu::quality::Rating;
use sfu::worker::command::{Command, ExpectedFrames, MediaParameters, TransportParameters};
use thiserror::Error;

use super::admission::{Arrival, Caller, Entrance, Rules};
use super::authority::Muting;
use super::codecs::{self, Common};
use super::feed::permission;
use super::frames::Frames;
use super::slots::Slots;
use super::{Effect, Standing};
use crate::access::Permissions;
use crate::audit::Action;
use crate::mls::{Delivery, Invalid, Told};
use crate::protocol::{
    AudioCodec, ErrorCode, Opaque, Participant, Permission, Role, ServerMessage, SlotAssignment,
    VideoCodec,
};
use crate::slot::SlotsBy;

/// The people in one room, each with a slot for every other.
#[derive(Debug)]
pub struct Room {
    id: RoomId,
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
    pub(super) is_locked: bool,
    /// Who acts as host while no host is there.
    pub(super) hosting: Option<ParticipantId>,
    /// How often everybody was told that the end is near.
    pub(super) warnings: usize,
    pub(super) has_ended: bool,
    /// Who shares a screen; in the same slot for everyone, the sharer's own
    /// being left empty.
    pub(super) screens: Slots,
    /// Who speaks, as members were told.
    pub(super) speakers: Vec<ParticipantId>,
    delivery: Delivery,
    audio_codecs: Common<AudioCodec>,
    video_codecs: Common<VideoCodec>,
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

/// An answered offer, as far as the room passes it on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// The answer's text.
    pub answer: String,
    pub transport: TransportParameters,
    /// The transport goes on with other ICE credentials.
    pub restarts_ice: bool,
    pub media: MediaParameters,
    /// How many slots of each kind, from the first on, the client can receive
    /// in.
    pub slots: SlotsBy<u16>,
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
    /// When the person last gave a sign of being there.
    pub(super) active_at: Option<Instant>,
    /// That it will be logged off.
    pub(super) is_warned: bool,
    /// What those who wait seal their names to.
    pub(super) door_key: Option<Opaque>,
    /// Of its connection, as members were told.
    pub(super) rating: Rating,
    /// Its socket is gone, and may come back.
    reconnecting: bool,
    pub(super) slots: Slots,
    /// How many slots the worker knows of; `None` before the first offer.
    pub(super) negotiated: Option<SlotsBy<u16>>,
    frames: Frames,
    /// What it decodes; unknown without slots for sound, or for pictures.
    audio_codecs: Option<Vec<AudioCodec>>,
    video_codecs: Option<Vec<VideoCodec>>,
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
            rules,
            members: Vec::new(),
            callers: Vec::new(),
            admitted: HashSet::new(),
            consented: HashSet::new(),
            hosting: None,
            warnings: 0,
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

    /// Lets somebody in with all that the role allows, past the door.
    ///
    /// # Errors
    /// As many are there as the room takes.
    pub fn join(&mut self, id: ParticipantId, role: Role) -> Result<Vec<Effect>, RoomFull> {
        if self.members.len() >= self.capacity() {
            return Err(RoomFull);
        }
        let arrival = Arrival {
            id,
            role,
            permissions: Permissions::of(role),
            subject: id.to_string(),
            token_id: id.to_string(),
            standing: Standing::default(),
            entrance: None,
        };
        // Nothing is measured against the time without an inactivity limit.
        Ok(self.seat(arrival, Instant::now()))
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
            standing: _,
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
            token_id,
            devices: Devices::default(),
            muted: Muted::default(),
            active_at: None,
            is_warned: false,
            door_key: None,
            rating: Rating::default(),
            reconnecting: false,
            slots: Slots::new(slots),
            negotiated: None,
            frames: Frames::new(entrance.as_ref()),
            audio_codecs: None,
            video_codecs: None,
        };
        let mut effects = vec![Effect::Tell(
            id,
            ServerMessage::Joined {
                participant_id: id.to_string(),
                role,
                participants: self.members.iter().map(Member::describe).collect(),
                slots: joiner.slots.len(),
                screen_slots: if receives { self.screens.len() } else { 0 },
                ice_servers: Vec::new(),
                resume: None,
                permissions: permissions.iter().collect(),
                locked: self.is_locked,
            },
        )];

        let mut assignments = Vec::new();
        for member in &mut self.members {
            // A slot is free on both sides: each has one for all others.
            if let Some(slot) = joiner.slots.fill(member.id) {
                assignments.push(occupied(slot, member.id));
            }
            effects.push(Effect::Tell(
                member.id,
                ServerMessage::ParticipantJoined {
                    participant: joiner.describe(),
                },
            ));
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
        let news = self.speakers_now().into_iter().chain(self.qualities_now());
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

    /// Takes over what an offer and its answer agreed upon. Somebody who is
    /// not there is ignored, here and below.
    pub fn negotiate(&mut self, id: ParticipantId, mut session: Session) -> Vec<Effect> {
        let Some(index) = self.position(id) else {
            return match self.caller(id) {
                Some(_) => vec![tell_error(id, ErrorCode::NotAdmitted, NOT_ADMITTED)],
                None => Vec::new(),
            };
        };
        // What may not be sent is not even looked for.
        let permissions = self.members[index].permissions;
        session
            .media
            .publications
            .retain(|publication| permissions.allow(permission(publication.source)));
        let before = self.members[index].negotiated.replace(session.slots);

        let mut effects = Vec::new();
        if before.is_none() {
            effects.push(Effect::Media(Command::Join {
                room: self.id,
                participant: id,
                transport: session.transport,
            }));
            let to_expect = self.members[index].frames.to_expect();
            effects.extend(to_expect.map(|frames| expect(id, frames)));
        } else if session.restarts_ice {
            effects.push(Effect::Media(Command::RestartIce {
                participant: id,
                local: session.transport.local,
                remote: session.transport.remote,
            }));
        }
        self.members[index].audio_codecs = codecs::decoded_by(&session.media);
        self.members[index].video_codecs = codecs::decoded_by(&session.media);
        effects.push(Effect::Media(Command::Negotiate {
            participant: id,
            media: session.media,
        }));
        let known = before.unwrap_or_default();
        self.feed_new_slots(&self.members[index], known, &mut effects);
        if before.is_none() {
            self.feed_others(&self.members[index], &mut effects);
        }
        // Before the answer: the others shall have changed what they send by
        // the time that this one can receive it.
        effects.extend(self.tell_codecs(Some(id)));
        effects.push(Effect::Tell(
            id,
            ServerMessage::Answer {
                sdp: session.answer,
            },
        ));
        effects
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
        member.devices = devices;
        let before = member.muted;
        member.muted = Muted {
            microphone: before.microphone.heard(devices.microphone),
            camera: before.camera.heard(devices.camera),
        };
        let after = member.muted;
        let mut effects = Vec::new();
        let member = &self.members[index];
        for (source, before, after) in [
            (Source::Microphone, before.microphone, after.microphone),
            (Source::Camera, before.camera, after.camera),
        ] {
            if before != Muting::No && after == Muting::No {
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
        self.delivery.set_away(id, reconnecting, now);
        self.tell_of(index)
    }

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

    /// Ends somebody's stay: the client left, or its socket is gone.
    pub fn leave(&mut self, id: ParticipantId, now: Instant) -> Vec<Effect> {
        if let Some(index) = self.caller(id) {
            self.callers.remove(index);
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
        effects.extend(tell(self.delivery.leave(id, now)));
        effects.extend(self.tell_codecs(None));
        effects.extend(self.hand_over());
        if could_admit {
            effects.extend(self.tell_waiting());
        }
        effects.push(Effect::by(id, Action::Leave));
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

    /// Ends the stay of somebody whose media the worker has given up.
    pub fn media_disconnected(&mut self, id: ParticipantId, now: Instant) -> Vec<Effect> {
        if self.position(id).is_none() {
            return Vec::new();
        }
        let why = "the media connection failed or fell silent";
        self.expel(id, ErrorCode::MediaDisconnected, why, now)
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

    /// Tells the worker which keys' frames it may see from now on.
    fn expect_frames(&mut self) -> Vec<Effect> {
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

    /// Takes a screen slot back; `is_fed`: the worker knows the sharer.
    fn clear_screen(&mut self, id: ParticipantId, is_fed: bool) -> Vec<Effect> {
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

    /// Tells all others how somebody is now.
    pub(super) fn tell_of(&self, index: usize) -> Vec<Effect> {
        let member = &self.members[index];
        let participant = member.describe();
        self.members
            .iter()
            .filter(|other| other.id != member.id)
            .map(|other| {
                let participant = participant.clone();
                Effect::Tell(other.id, ServerMessage::ParticipantUpdated { participant })
            })
            .collect()
    }

    /// Tells everyone which codecs all can decode, if that is news;
    /// `newcomer` in any case.
    fn tell_codecs(&mut self, newcomer: Option<ParticipantId>) -> Vec<Effect> {
        let members = &self.members;
        let audio = members.iter().flat_map(|member| &member.audio_codecs);
        let audio = self.audio_codecs.update(audio);
        let video = members.iter().flat_map(|member| &member.video_codecs);
        let video = self.video_codecs.update(video);
        let audio = audio.map(|(codecs, is_news)| (ServerMessage::AudioCodecs { codecs }, is_news));
        let video = video.map(|(codecs, is_news)| (ServerMessage::VideoCodecs { codecs }, is_news));
        let mut effects = Vec::new();
        for (message, is_news) in [audio, video].into_iter().flatten() {
            let informed = members
                .iter()
                .filter(|member| member.negotiated.is_some())
                .filter(|member| is_news || Some(member.id) == newcomer);
            effects.extend(informed.map(|member| Effect::Tell(member.id, message.clone())));
        }
        effects
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
        Participant {
            id: self.id.to_string(),
            role: self.role,
            microphone: self.devices.microphone && self.occupant().sends(Source::Microphone),
            camera: self.devices.camera && self.occupant().sends(Source::Camera),
            reconnecting: self.reconnecting,
        }
    }
}

fn expect(participant: ParticipantId, frames: ExpectedFrames) -> Effect {
    Effect::Media(Command::ExpectFrames {
        participant,
        frames,
    })
}

fn tell(told: Vec<Told>) -> Vec<Effect> {
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

fn tell_screen(to: ParticipantId, assignment: SlotAssignment) -> Effect {
    let assignments = vec![assignment];
    Effect::Tell(to, ServerMessage::Screens { assignments })
}

fn occupied(slot: u16, participant: ParticipantId) -> SlotAssignment {
    SlotAssignment {
        slot,
        participant_id: Some(participant.to_string()),
    }
}

const NOT_ADMITTED: &str = "nobody has let you in yet";
