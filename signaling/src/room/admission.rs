//! Who comes in: the text to accept, the waiting room, the lock.
//!
//! Whoever is at the door has no media, hears nothing of who is in the room,
//! and nothing of the group that encrypts it.

use std::collections::HashMap;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sfu::identity::ParticipantId;
use thiserror::Error;

use super::state::{Member, Room, RoomFull, tell_error};
use super::{Effect, SessionPolicy, Standing};
use crate::access::Permissions;
use crate::audit::Action;
use crate::protocol::{
    ErrorCode, GroupReport, Opaque, Permission, Role, ServerMessage, WaitingPerson, WaitingReason,
};

/// What holds in a room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rules {
    pub policy: SessionPolicy,
    /// What a host may do, for who stands in for one.
    pub host_permissions: Permissions,
    pub second_device: SecondDevice,
}

/// What happens when somebody who is there comes again on another device.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum SecondDevice {
    /// Both stay, up to three; then the oldest goes.
    #[default]
    Allow,
    /// The new one takes the old one's place.
    Replace,
    /// The new one is refused.
    Refuse,
}

/// Somebody who comes with a good token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arrival {
    pub id: ParticipantId,
    pub role: Role,
    pub permissions: Permissions,
    /// The clinic's opaque id for the person.
    pub subject: String,
    /// The token's own id.
    pub token_id: String,
    /// What was decided of that token before.
    pub standing: Standing,
    pub entrance: Option<Entrance>,
}

impl Arrival {
    /// With the role's usual permissions, the id for subject and token, nothing
    /// decided before, and no group.
    pub fn new(id: ParticipantId, role: Role) -> Self {
        Self {
            id,
            role,
            permissions: Permissions::of(role),
            subject: id.to_string(),
            token_id: id.to_string(),
            standing: Standing::default(),
            entrance: None,
        }
    }
}

/// What a client brings to be part of the group that encrypts the session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entrance {
    /// It wants to be added, now or when its key package has followed.
    KeyPackage(Option<Opaque>),
    /// It is in the group already.
    Report(GroupReport),
}

/// Why somebody with a good token does not even get to the door.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum NotAdmitted {
    #[error(transparent)]
    Full(#[from] RoomFull),
    #[error("the room is locked")]
    Locked,
    #[error("this person is here on another device")]
    SecondDevice,
    #[error("the token's bearer was sent away")]
    Removed,
    #[error("the session is over")]
    Ended,
}

/// Somebody at the door.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) arrival: Arrival,
    /// The text of the session is accepted, or there is none.
    pub(super) has_consented: bool,
    /// The turn in which somebody lets it in, or it accepts the text, while that
    /// is not on record. Who is let in has its seat.
    pub(super) deciding: Option<u64>,
    sealed_name: Option<Opaque>,
    knocks: u8,
}

impl NotAdmitted {
    /// The protocol's code for this refusal.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::Full(_) => ErrorCode::RoomFull,
            Self::Locked => ErrorCode::RoomLocked,
            Self::SecondDevice => ErrorCode::SecondDevice,
            Self::Removed => ErrorCode::TokenRevoked,
            Self::Ended => ErrorCode::SessionEnded,
        }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            policy: SessionPolicy::default(),
            host_permissions: Permissions::of(Role::Host),
            second_device: SecondDevice::default(),
        }
    }
}

impl Room {
    /// Takes somebody in, or to the door if something is due before.
    ///
    /// # Errors
    /// The rules keep this one out; the room is as it was.
    pub fn arrive(&mut self, arrival: Arrival, now: Instant) -> Result<Vec<Effect>, NotAdmitted> {
        if self.is_removed(&arrival.token_id) {
            return Err(NotAdmitted::Removed);
        }
        let is_known = self.was_let_in(&arrival);
        let may_admit = arrival.permissions.allow(Permission::Admit);
        if self.has_ended || self.is_ending {
            return Err(NotAdmitted::Ended);
        }
        if self.is_locked && !is_known && !may_admit {
            return Err(NotAdmitted::Locked);
        }
        if self.is_here_elsewhere(&arrival) {
            return Err(NotAdmitted::SecondDevice);
        }
        let is_crowded = self.callers.len() >= MOST_CALLERS && !is_known && !may_admit;
        if is_crowded || !self.has_seat(&arrival) {
            return Err(RoomFull.into());
        }
        let mut effects = vec![Effect::by(arrival.id, Action::Arrive)];
        let accepted = self.accepted_text(&arrival.token_id, arrival.standing);
        let consent = self.rules.policy.consent.as_ref();
        if let Some(consent) = consent.filter(|_| accepted.is_none()) {
            effects.push(Effect::Tell(
                arrival.id,
                ServerMessage::ConsentRequired {
                    version: consent.version.clone(),
                    text: consent.text.clone(),
                    hash: URL_SAFE_NO_PAD.encode(consent.hash()),
                },
            ));
            effects.extend(self.keep_waiting(Caller::new(arrival, false), now));
            return Ok(effects);
        }
        effects.extend(self.wait_or_enter(Caller::new(arrival, true), now));
        Ok(effects)
    }

    /// Whether somebody is at the door.
    pub fn is_waiting(&self, id: ParticipantId) -> bool {
        self.caller(id).is_some()
    }

    /// Keeps what somebody at the door is to be added by to the group. The
    /// newest one counts.
    pub fn keep_key_package(&mut self, id: ParticipantId, key_package: Opaque) {
        if let Some(index) = self.caller(id)
            && let Some(Entrance::KeyPackage(kept)) = &mut self.callers[index].arrival.entrance
        {
            *kept = Some(key_package);
        }
    }

    /// Takes over the name of somebody who waits, sealed to the hosts.
    pub fn knock(&mut self, id: ParticipantId, sealed_name: Opaque) -> Vec<Effect> {
        let Some(index) = self.caller(id) else {
            return Vec::new();
        };
        let caller = &mut self.callers[index];
        if sealed_name.len() > LONGEST_NAME || caller.knocks >= MOST_KNOCKS {
            let why = "the name is too long, or given too often";
            return vec![tell_error(id, ErrorCode::InvalidMessage, why)];
        }
        caller.knocks += 1;
        caller.sealed_name = Some(sealed_name);
        if !caller.has_consented {
            return Vec::new();
        }
        self.tell_waiting_list()
    }

    /// Takes over the key that names may be sealed to.
    pub fn set_door_key(&mut self, by: ParticipantId, key: Opaque) -> Vec<Effect> {
        if let Err(refusal) = self.require(by, Permission::Admit) {
            return refusal;
        }
        if key.len() > LONGEST_KEY {
            return vec![tell_error(
                by,
                ErrorCode::InvalidMessage,
                "the key is too long",
            )];
        }
        if let Some(index) = self.position(by) {
            self.members[index].door_key = Some(key);
        }
        self.tell_waiting()
    }

    /// Turns somebody away who waits. The token stays good.
    pub fn refuse(&mut self, by: ParticipantId, id: ParticipantId, now: Instant) -> Vec<Effect> {
        if let Err(refusal) = self.require_over(by, id, Permission::Admit) {
            return refusal;
        }
        let Some(index) = self.caller(id) else {
            return Vec::new();
        };
        if self.callers[index].is_entering() {
            let why = "somebody else is letting this person in";
            return vec![tell_error(by, ErrorCode::UnknownParticipant, why)];
        }
        let mut effects = vec![Effect::done(by, id, Action::Refuse)];
        effects.extend(self.expel(id, ErrorCode::Refused, "a host said no", now));
        effects.extend(self.tell_door_news());
        effects
    }

    /// Passes something on to somebody who waits.
    pub fn tell_caller(
        &self,
        by: ParticipantId,
        id: ParticipantId,
        message: Opaque,
    ) -> Vec<Effect> {
        if let Err(refusal) = self.require(by, Permission::Admit) {
            return refusal;
        }
        if message.len() > LONGEST_MESSAGE {
            return vec![tell_error(
                by,
                ErrorCode::InvalidMessage,
                "the message is too long",
            )];
        }
        match self.caller(id) {
            Some(_) => vec![Effect::Tell(id, ServerMessage::WaitingMessage { message })],
            None => Vec::new(),
        }
    }

    /// Lets people in for whom that was decided. Who has left meanwhile comes in
    /// when it is back.
    pub(super) fn let_in(
        &mut self,
        by: ParticipantId,
        turn: u64,
        entering: Vec<(ParticipantId, String)>,
        now: Instant,
    ) -> Vec<Effect> {
        if self.is_ending {
            return Vec::new();
        }
        let before = self.callers.len();
        let mut effects = Vec::new();
        for (id, token_id) in entering {
            if self.is_removed(&token_id) {
                continue;
            }
            remember(&mut self.admitted, &token_id);
            let Some(index) = self.caller_of_turn(id, turn) else {
                continue;
            };
            let caller = self.callers.remove(index);
            if self.is_here_elsewhere(&caller.arrival) {
                effects.extend(self.turn_away(caller, NotAdmitted::SecondDevice, now));
                continue;
            }
            effects.push(Effect::done(by, id, Action::Admit));
            effects.extend(self.enter(caller.arrival, now));
        }
        effects.extend(self.tell_waiting_list());
        if self.callers.len() != before {
            // Else the host would press again for somebody who is no longer there.
            effects.extend(self.tell_door_news());
        }
        effects
    }

    /// Takes somebody past the text, who may have left meanwhile.
    pub(super) fn pass_text(
        &mut self,
        id: ParticipantId,
        turn: u64,
        token_id: &str,
        accepted: Action,
        now: Instant,
    ) -> Vec<Effect> {
        remember(&mut self.consented, token_id);
        let mut effects = vec![Effect::by(id, accepted)];
        let caller = self.caller_of_turn(id, turn);
        if let Some(index) = caller.filter(|_| !self.is_ending && !self.is_removed(token_id)) {
            let mut caller = self.callers.remove(index);
            caller.has_consented = true;
            caller.deciding = None;
            effects.extend(self.wait_or_enter(caller, now));
        }
        effects
    }

    pub(super) fn set_locked(&mut self, by: ParticipantId, locked: bool) -> Vec<Effect> {
        if self.is_locked == locked {
            return Vec::new();
        }
        self.is_locked = locked;
        let action = if locked { Action::Lock } else { Action::Unlock };
        let mut effects = vec![Effect::by(by, action)];
        effects.extend(self.members.iter().map(|member| {
            let by = by.to_string();
            Effect::Tell(member.id, ServerMessage::Locked { locked, by })
        }));
        effects
    }

    pub(super) fn caller(&self, id: ParticipantId) -> Option<usize> {
        self.callers
            .iter()
            .position(|caller| caller.arrival.id == id)
    }

    /// Somebody at the door, if it is still the stay that a turn was about.
    pub(super) fn caller_of_turn(&self, id: ParticipantId, turn: u64) -> Option<usize> {
        let caller = self.caller(id);
        caller.filter(|index| self.callers[*index].deciding == Some(turn))
    }

    /// How many may be in the room.
    pub(super) fn capacity(&self) -> usize {
        let most = self.rules.policy.capacity.unwrap_or(self.size.people);
        usize::from(most.min(self.size.people))
    }

    /// Tells those who wait why, and by which keys they may give their names.
    pub(super) fn tell_waiting(&self) -> Vec<Effect> {
        let waiting = self.callers.iter().filter(|caller| caller.has_consented);
        waiting
            .map(|caller| Effect::Tell(caller.arrival.id, self.waiting()))
            .collect()
    }

    /// Tells those who may let people in who waits; if that was said often just
    /// now, a little later, so that people at the door cannot drown a host.
    pub(super) fn tell_waiting_list(&mut self) -> Vec<Effect> {
        self.door_news.is_due = true;
        if self.door_news.allowance == 0 {
            return Vec::new();
        }
        self.door_news.allowance -= 1;
        self.tell_door_news()
    }

    /// Allows for one more list, and sends the one that is due. To be called
    /// every second or so.
    pub(super) fn refill_door_news(&mut self) -> Vec<Effect> {
        let news = self.tell_door_news();
        let refilled = self.door_news.allowance + 1;
        self.door_news.allowance = refilled.min(DoorNews::BURST);
        news
    }

    fn tell_door_news(&mut self) -> Vec<Effect> {
        if !std::mem::take(&mut self.door_news.is_due) {
            return Vec::new();
        }
        self.members
            .iter()
            .filter(|member| self.permissions(member).allow(Permission::Admit))
            .map(|member| Effect::Tell(member.id, self.waiting_list()))
            .collect()
    }

    pub(super) fn waiting_list(&self) -> ServerMessage {
        let waiting = self.callers.iter().filter(|caller| caller.has_consented);
        ServerMessage::WaitingList {
            people: waiting.map(Caller::person).collect(),
        }
    }

    /// The wording of the text in force, if the bearer of a token has accepted it.
    pub(super) fn accepted_text(&self, token_id: &str, standing: Standing) -> Option<String> {
        let consent = self.rules.policy.consent.as_ref()?;
        let is_accepted =
            standing.accepted == Some(consent.hash()) || self.consented.contains(token_id);
        is_accepted.then(|| consent.version.clone())
    }

    pub(super) fn somebody_waits(&self) -> bool {
        self.callers.iter().any(|caller| caller.has_consented)
    }

    fn waiting(&self) -> ServerMessage {
        let hosts: Vec<_> = self
            .members
            .iter()
            .filter(|member| self.permissions(member).allow(Permission::Admit))
            .collect();
        ServerMessage::Waiting {
            reason: if hosts.is_empty() {
                WaitingReason::HostAbsent
            } else {
                WaitingReason::Admission
            },
            door_keys: hosts
                .into_iter()
                .filter_map(|host| host.door_key.clone())
                .take(MOST_KEYS)
                .collect(),
        }
    }

    fn wait_or_enter(&mut self, caller: Caller, now: Instant) -> Vec<Effect> {
        let Arrival {
            id, permissions, ..
        } = caller.arrival;
        let was_let_in = self.was_let_in(&caller.arrival);
        let waits =
            self.rules.policy.waiting_room && !permissions.allow(Permission::Admit) && !was_let_in;
        if waits {
            let mut effects = self.keep_waiting(caller, now);
            effects.push(Effect::Tell(id, self.waiting()));
            effects.extend(self.tell_waiting_list());
            return effects;
        }
        // Others may have come in while the text was being read.
        let is_shut = self.is_locked && !permissions.allow(Permission::Admit) && !was_let_in;
        if self.is_here_elsewhere(&caller.arrival) {
            self.turn_away(caller, NotAdmitted::SecondDevice, now)
        } else if !self.has_seat(&caller.arrival) {
            self.turn_away(caller, RoomFull.into(), now)
        } else if is_shut {
            self.turn_away(caller, NotAdmitted::Locked, now)
        } else {
            self.enter(caller.arrival, now)
        }
    }

    /// Whether somebody may come in past the waiting room and the lock. What the
    /// clinic's record says is not remembered: it may hold for a while only.
    fn was_let_in(&self, arrival: &Arrival) -> bool {
        arrival.standing.is_admitted || self.admitted.contains(&arrival.token_id)
    }

    /// Gives somebody a place at the door. Of one person's many, the oldest
    /// goes.
    fn keep_waiting(&mut self, caller: Caller, now: Instant) -> Vec<Effect> {
        let subject = &caller.arrival.subject;
        let own = self.callers.iter().map(|caller| &caller.arrival);
        let own: Vec<_> = own
            .filter(|arrival| arrival.subject == *subject)
            .map(|arrival| arrival.id)
            .collect();
        self.callers.push(caller);
        let surplus = (own.len() + 1).saturating_sub(MOST_DEVICES);
        self.replace(&own[..surplus], now)
    }

    pub(super) fn turn_away(
        &mut self,
        caller: Caller,
        why: NotAdmitted,
        now: Instant,
    ) -> Vec<Effect> {
        let id = caller.arrival.id;
        self.callers.push(caller);
        self.expel(id, why.code(), &why.to_string(), now)
    }

    fn replace(&mut self, ids: &[ParticipantId], now: Instant) -> Vec<Effect> {
        let mut effects = Vec::new();
        for id in ids {
            effects.push(Effect::by(*id, Action::Replace));
            let why = "the same person has come in on another device";
            effects.extend(self.expel(*id, ErrorCode::JoinedElsewhere, why, now));
        }
        effects
    }

    fn enter(&mut self, arrival: Arrival, now: Instant) -> Vec<Effect> {
        remember(&mut self.admitted, &arrival.token_id);
        let id = arrival.id;
        // Not before it is in itself: a bare token at the door moves nobody.
        let mut effects = self.replace(&self.displaced_by(&arrival), now);
        effects.extend(self.seat(arrival, now));
        effects.push(Effect::by(id, Action::Enter));
        effects
    }

    /// Whether there is a seat for somebody. The last one is kept for a host
    /// while none is there.
    pub(super) fn has_seat(&self, arrival: &Arrival) -> bool {
        let is_for_all = arrival.role == Role::Host
            || self.capacity() == 1
            || self.members.iter().any(|member| member.role == Role::Host);
        self.seats_taken_beside(arrival) + usize::from(!is_for_all) < self.capacity()
    }

    /// The seats of all others, when somebody has come in and those who are
    /// being let in: some of one person's many then make way.
    fn seats_taken_beside(&self, arrival: &Arrival) -> usize {
        let mut seats: HashMap<&str, usize> = HashMap::new();
        let members = self.members.iter().map(|member| &member.subject);
        let entering = self.entering().map(|arrival| &arrival.subject);
        for subject in members.chain(entering) {
            *seats.entry(subject).or_default() += 1;
        }
        let most = self.most_devices();
        seats
            .into_iter()
            .map(|(subject, seats)| {
                let own = usize::from(subject == arrival.subject);
                seats.min(most - own)
            })
            .sum()
    }

    /// Who is being let in, and has a seat already.
    fn entering(&self) -> impl Iterator<Item = &Arrival> {
        let callers = self.callers.iter();
        let entering = callers.filter(|caller| caller.is_entering());
        entering.map(|caller| &caller.arrival)
    }

    /// Whether the person is in the room already, where only one device may be.
    /// One whose socket is gone does not count.
    pub(super) fn is_here_elsewhere(&self, arrival: &Arrival) -> bool {
        let is_entering =
            |other: &Arrival| other.subject == arrival.subject && other.id != arrival.id;
        self.rules.second_device == SecondDevice::Refuse
            && (self.devices_of(arrival).any(|member| !member.reconnecting)
                || self.entering().any(is_entering))
    }

    /// Whose place somebody takes by coming in: the same person's.
    fn displaced_by(&self, arrival: &Arrival) -> Vec<ParticipantId> {
        let mut devices: Vec<_> = self.devices_of(arrival).collect();
        // The first to go are those that may be gone already.
        devices.sort_by_key(|member| !member.reconnecting);
        let surplus = devices.len().saturating_sub(self.most_devices() - 1);
        devices[..surplus].iter().map(|member| member.id).collect()
    }

    /// Of one person, in the room.
    fn most_devices(&self) -> usize {
        match self.rules.second_device {
            SecondDevice::Allow => MOST_DEVICES,
            SecondDevice::Replace | SecondDevice::Refuse => 1,
        }
    }

    fn devices_of(&self, arrival: &Arrival) -> impl Iterator<Item = &Member> {
        let members = self.members.iter();
        members.filter(|member| member.subject == arrival.subject)
    }
}

/// How often hosts may be told who waits.
#[derive(Debug)]
pub(super) struct DoorNews {
    allowance: u8,
    is_due: bool,
}

impl DoorNews {
    /// A full list has up to 70 KB, and what waits for a host is bounded.
    const BURST: u8 = 3;
}

impl Default for DoorNews {
    fn default() -> Self {
        Self {
            allowance: Self::BURST,
            is_due: false,
        }
    }
}

impl Caller {
    fn new(arrival: Arrival, has_consented: bool) -> Self {
        Self {
            arrival,
            has_consented,
            deciding: None,
            sealed_name: None,
            knocks: 0,
        }
    }

    /// For somebody to let it in.
    pub(super) fn waits(&self) -> bool {
        self.has_consented && self.deciding.is_none()
    }

    /// Somebody lets it in.
    fn is_entering(&self) -> bool {
        self.has_consented && self.deciding.is_some()
    }

    fn person(&self) -> WaitingPerson {
        WaitingPerson {
            id: self.arrival.id.to_string(),
            role: self.arrival.role,
            sealed_name: self.sealed_name.clone(),
        }
    }
}

/// Whoever is not remembered waits and consents again, no more.
fn remember(tokens: &mut std::collections::HashSet<String>, token_id: &str) {
    if tokens.len() < MOST_REMEMBERED {
        tokens.insert(token_id.to_owned());
    }
}

/// At the door of one room. Those who may let people in pass it.
const MOST_CALLERS: usize = 32;

/// Of one person, in the room, and as many again at its door.
const MOST_DEVICES: usize = 3;

/// With each host that comes, the name is sealed anew.
const MOST_KNOCKS: u8 = 64;

const MOST_REMEMBERED: usize = 4_096;

const MOST_KEYS: usize = 8;

// In characters of base64url. A name for as many keys as are given out has
// 1,600, a key package with the longest ids 1,300.
const LONGEST_NAME: usize = 2_048;
const LONGEST_KEY: usize = 2_048;
const LONGEST_MESSAGE: usize = 4_096;
