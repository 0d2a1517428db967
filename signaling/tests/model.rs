//! A session's rules against a model of them that is small enough to be read:
//! whatever people do in whatever order, the room lets through what the model
//! allows and nothing else.

#![allow(
    clippy::collapsible_match,
    clippy::too_many_lines,
    reason = "the model reads as one list of rules"
)]

mod negotiated;

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use sfu::identity::{ParticipantId, RoomId, SlotId, Source};
use sfu::worker::command::{Command, Publication};
use signaling::SlotsBy;
use signaling::access::{Permissions, UnixTime};
use signaling::protocol::{ErrorCode, Permission, PublicationSource, Role, ServerMessage};
use signaling::room::{
    Arrival, Consent, Decision, Devices, Effect, Room, RoomSize, Rules, Session, SessionPolicy,
    Undertaking,
};

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_room_lets_through_what_its_rules_allow(
        policy in policies(),
        actions in prop::collection::vec(actions(), 1..80),
    ) {
        let mut trial = Trial::new(policy);
        for action in actions {
            trial.perform(&action);
        }
    }
}

/// `QUIETROOM_SEEDS` asks for more of them.
fn cases() -> u32 {
    let seeds = std::env::var("QUIETROOM_SEEDS").ok();
    seeds.and_then(|seeds| seeds.parse().ok()).unwrap_or(400)
}

/// A stay, by number; what each is in the room follows from it.
type Who = u8;

/// Whose token a stay came with.
type Token = u8;

/// The stays. Some come with the token of another.
const STAYS: [(Role, Token); 11] = [
    (Role::Host, 0),
    (Role::CoHost, 1),
    (Role::CoHost, 2),
    (Role::Client, 3),
    (Role::Client, 4),
    (Role::Observer, 5),
    (Role::Interpreter, 6),
    (Role::Client, 3),
    (Role::Client, 3),
    (Role::Client, 3),
    (Role::CoHost, 1),
];

#[derive(Clone, Debug)]
enum Action {
    Arrive(Who),
    Accept(Who, bool),
    Admit(Who, Who),
    AdmitAll(Who),
    Refuse(Who, Who),
    Lock(Who, bool),
    Mute(Who, Who),
    MuteAll(Who),
    Ask(Who, Who),
    ShareScreen(Who),
    StopShare(Who, Who),
    Remove(Who, Who),
    End(Who),
    Negotiate(Who),
    /// Microphone and camera.
    Devices(Who, bool, bool),
    Leave(Who),
    /// A decision that the disk takes its time for.
    Slow(Box<Action>),
    /// One of those, by number, is on record now, or could not be written.
    Settle(usize, bool),
}

fn actions() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => quick_actions(),
        2 => decisions().prop_map(|decision| Action::Slow(Box::new(decision))),
        2 => (any::<usize>(), prop::bool::weighted(0.7)).prop_map(|(one, good)| Action::Settle(one, good)),
    ]
}

fn who() -> std::ops::Range<Who> {
    0..Who::try_from(STAYS.len()).expect("few")
}

fn quick_actions() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => who().prop_map(Action::Arrive),
        13 => decisions(),
        1 => (who(), who()).prop_map(|(a, b)| Action::Refuse(a, b)),
        2 => (who(), who()).prop_map(|(a, b)| Action::Mute(a, b)),
        1 => who().prop_map(Action::MuteAll),
        1 => (who(), who()).prop_map(|(a, b)| Action::Ask(a, b)),
        1 => who().prop_map(Action::ShareScreen),
        1 => (who(), who()).prop_map(|(a, b)| Action::StopShare(a, b)),
        4 => who().prop_map(Action::Negotiate),
        4 => (who(), any::<bool>(), any::<bool>()).prop_map(|(a, on, camera)| Action::Devices(a, on, camera)),
        2 => who().prop_map(Action::Leave),
    ]
}

/// What must be on record before it takes place.
fn decisions() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (who(), prop::bool::weighted(0.8)).prop_map(|(a, good)| Action::Accept(a, good)),
        3 => (who(), who()).prop_map(|(a, b)| Action::Admit(a, b)),
        2 => who().prop_map(Action::AdmitAll),
        2 => (who(), any::<bool>()).prop_map(|(a, on)| Action::Lock(a, on)),
        1 => (who(), who()).prop_map(|(a, b)| Action::Remove(a, b)),
        1 => prop::option::weighted(0.2, who()).prop_map(|a| a.map_or(Action::AdmitAll(0), Action::End)),
    ]
}

fn policies() -> impl Strategy<Value = SessionPolicy> {
    (any::<bool>(), any::<bool>(), any::<bool>(), 2..6_u16).prop_map(
        |(waiting_room, locked, has_text, capacity)| SessionPolicy {
            waiting_room,
            locked,
            capacity: Some(capacity),
            consent: has_text.then(|| Consent {
                version: "1".into(),
                text: TEXT.into(),
            }),
            ..SessionPolicy::default()
        },
    )
}

/// What must hold, in the plainest words.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Model {
    inside: Vec<Who>,
    /// Who is at the door, and whether the text is accepted or there is none.
    door: Vec<(Who, bool)>,
    let_in: BTreeSet<Token>,
    agreed: BTreeSet<Token>,
    removed: BTreeSet<Token>,
    /// Who was here.
    seen: BTreeSet<Who>,
    locked: bool,
    /// Which decision on the lock is in force.
    lock_turn: usize,
    ended: bool,
    /// Somebody has ended it, and that is not on record yet.
    ending: bool,
    /// Who at the door is let in, or accepts the text, by which decision.
    deciding: BTreeMap<Who, usize>,
    /// Who is sent away as soon as that is on record.
    cut_off: BTreeSet<Who>,
    turns: usize,
    locks_pending: usize,
    connected: BTreeSet<Who>,
    /// Whose microphone is on by their own word.
    on: BTreeSet<Who>,
    /// Whose camera is.
    filming: BTreeSet<Who>,
    /// Whose microphone others turned off; whether the owner has said so since.
    muted: BTreeMap<Who, bool>,
    sharing: Vec<Who>,
}

/// What was decided, and waits for the disk.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Deed {
    Admit(Vec<Who>),
    Accept(Who),
    Lock(bool),
    Remove(Token),
    End,
}

impl Model {
    /// The co-host who stands in while no host is there.
    fn standing_in(&self) -> Option<Who> {
        let there = || self.inside.iter().filter(|who| !self.cut_off.contains(who));
        let has_host = there().any(|who| role(*who) == Role::Host);
        let co_host = there().find(|who| role(**who) == Role::CoHost);
        co_host.copied().filter(|_| !has_host)
    }

    fn may(&self, who: Who, permission: Permission) -> bool {
        let own = Permissions::of(role(who)).allow(permission);
        let powers = Permissions::POWERS.allow(permission);
        let is_heard = self.inside.contains(&who) && !self.cut_off.contains(&who);
        is_heard && (own || powers && self.standing_in() == Some(who))
    }

    fn may_over(&self, who: Who, other: Who, permission: Permission) -> bool {
        let is_above = role(other) != Role::Host || role(who) == Role::Host;
        self.may(who, permission) && (is_above || !self.was_here(other))
    }

    fn is_here(&self, who: Who) -> bool {
        self.inside.contains(&who) || self.door.iter().any(|(other, _)| *other == who)
    }

    fn was_here(&self, who: Who) -> bool {
        self.is_here(who) || self.seen.contains(&who)
    }

    /// The oldest of a person's stays that are too many with one more.
    fn surplus(stays: impl Iterator<Item = Who>, who: Who) -> Option<Who> {
        let own: Vec<_> = stays.filter(|stay| token(*stay) == token(who)).collect();
        (own.len() >= MOST_DEVICES).then(|| own[0])
    }

    /// The last seat is a host's while none is there.
    fn has_seat(&self, who: Who, policy: &SessionPolicy) -> bool {
        let hosts = self.inside.iter().filter(|who| role(**who) == Role::Host);
        let kept = usize::from(role(who) != Role::Host && hosts.count() == 0);
        let mut seats = BTreeMap::new();
        for other in self.inside.iter().chain(self.entering()) {
            *seats.entry(token(*other)).or_insert(0) += 1;
        }
        // Of one person's many, the oldest make way.
        let taken = seats.into_iter().map(|(person, seats)| {
            let own = usize::from(person == token(who));
            seats.min(MOST_DEVICES - own)
        });
        taken.sum::<usize>() + kept < capacity(policy)
    }

    /// Who is let in, and keeps its seat.
    fn entering(&self) -> impl Iterator<Item = &Who> {
        let deciding = self.deciding.keys();
        deciding.filter(|who| self.door.contains(&(**who, true)))
    }

    fn waits(&self, who: Who) -> bool {
        self.door.contains(&(who, true)) && !self.deciding.contains_key(&who)
    }

    fn wait(&mut self, who: Who, has_agreed: bool) {
        let door = self.door.iter().map(|(who, _)| *who);
        if let Some(oldest) = Self::surplus(door, who) {
            self.go(oldest);
        }
        self.door.push((who, has_agreed));
    }

    fn enter(&mut self, who: Who) {
        if let Some(oldest) = Self::surplus(self.inside.iter().copied(), who) {
            self.go(oldest);
        }
        self.let_in.insert(token(who));
        self.inside.push(who);
    }

    fn go(&mut self, who: Who) {
        if self.is_here(who) {
            self.seen.insert(who);
        }
        self.inside.retain(|other| *other != who);
        self.door.retain(|(other, _)| *other != who);
        self.connected.remove(&who);
        self.on.remove(&who);
        self.filming.remove(&who);
        self.muted.remove(&who);
        self.sharing.retain(|other| *other != who);
        self.deciding.remove(&who);
        self.cut_off.remove(&who);
    }

    /// What comes of a decision, once it is on record.
    fn decide(&mut self, action: &Action, policy: &SessionPolicy) -> Option<(usize, Deed)> {
        let turn = self.turns + 1;
        let deed = match *action {
            Action::Accept(who, is_good) => {
                let reads = self.door.contains(&(who, false)) && !self.deciding.contains_key(&who);
                if !is_good || !reads {
                    return None;
                }
                self.deciding.insert(who, turn);
                Deed::Accept(who)
            }
            Action::Admit(by, who) if self.may(by, Permission::Admit) => {
                self.admit(&[who], turn, policy)?
            }
            Action::AdmitAll(by) if self.may(by, Permission::Admit) => {
                let all: Vec<_> = self.door.iter().map(|(who, _)| *who).collect();
                self.admit(&all, turn, policy)?
            }
            Action::Lock(by, locked) if self.may(by, Permission::Lock) => {
                if self.locked == locked && self.locks_pending == 0 {
                    return None;
                }
                self.locks_pending += 1;
                Deed::Lock(locked)
            }
            Action::Remove(by, who)
                // Nobody does it to itself, on another device either.
                if self.may_over(by, who, Permission::Remove)
                    && self.was_here(who)
                    && token(by) != token(who)
                    && !self.removed.contains(&token(who)) =>
            {
                self.removed.insert(token(who));
                self.let_in.remove(&token(who));
                Deed::Remove(token(who))
            }
            Action::End(by) if self.may(by, Permission::End) && !self.ending => {
                self.ending = true;
                Deed::End
            }
            _ => return None,
        };
        self.turns = turn;
        Some((turn, deed))
    }

    fn admit(&mut self, people: &[Who], turn: usize, policy: &SessionPolicy) -> Option<Deed> {
        let mut entering = Vec::new();
        for who in people {
            let may = self.waits(*who) && !self.removed.contains(&token(*who));
            if may && self.has_seat(*who, policy) {
                self.deciding.insert(*who, turn);
                entering.push(*who);
            }
        }
        (!entering.is_empty()).then_some(Deed::Admit(entering))
    }

    /// Nothing is passed on of whom a deed sends away.
    fn cut(&mut self, deed: &Deed) {
        let meant = match deed {
            Deed::Remove(gone) => of_token(*gone),
            Deed::End => self.inside.clone(),
            _ => Vec::new(),
        };
        for who in meant.into_iter().filter(|who| self.inside.contains(who)) {
            if self.connected.remove(&who) {
                self.sharing.retain(|other| *other != who);
            }
            self.cut_off.insert(who);
        }
    }

    /// It is on record, or could not be written: then only who is sent away
    /// goes.
    fn conclude(&mut self, turn: usize, deed: &Deed, is_good: bool, policy: &SessionPolicy) {
        let is_meant = |model: &Self, who| model.deciding.get(&who) == Some(&turn);
        match deed {
            Deed::Admit(entering) => {
                for who in entering.iter().copied() {
                    let is_here = is_meant(self, who);
                    if !is_good {
                        if is_here {
                            self.deciding.remove(&who);
                        }
                    } else if !self.removed.contains(&token(who)) {
                        self.let_in.insert(token(who));
                        if is_here {
                            self.door.retain(|(other, _)| *other != who);
                            self.deciding.remove(&who);
                            self.enter(who);
                        }
                    }
                }
            }
            Deed::Accept(who) => {
                let is_here = is_meant(self, *who);
                if is_good {
                    self.agreed.insert(token(*who));
                }
                let is_out = is_good && self.removed.contains(&token(*who));
                if is_here && !is_out {
                    self.deciding.remove(who);
                    if is_good {
                        self.door.retain(|(other, _)| other != who);
                        self.pass(*who, policy);
                    }
                }
            }
            Deed::Lock(locked) => {
                self.locks_pending -= 1;
                if is_good && turn > self.lock_turn {
                    self.lock_turn = turn;
                    self.locked = *locked;
                }
            }
            Deed::Remove(gone) => {
                for who in of_token(*gone) {
                    self.go(who);
                }
            }
            Deed::End => {
                self.ended = true;
                for who in self.inside.clone() {
                    self.go(who);
                }
                for (who, _) in mem::take(&mut self.door) {
                    // Nobody comes in any more, whatever was being written.
                    self.deciding.remove(&who);
                }
            }
        }
    }

    /// Past the text: in, or waiting, or away.
    fn pass(&mut self, who: Who, policy: &SessionPolicy) {
        let may_admit = Permissions::of(role(who)).allow(Permission::Admit);
        let is_free = may_admit || self.let_in.contains(&token(who));
        if policy.waiting_room && !is_free {
            self.wait(who, true);
        } else if self.has_seat(who, policy) && (!self.locked || is_free) {
            self.enter(who);
        } else {
            self.seen.insert(who);
        }
    }

    /// What needs no record.
    fn perform(&mut self, action: &Action, policy: &SessionPolicy) {
        match *action {
            Action::Arrive(who) => {
                let may_admit = Permissions::of(role(who)).allow(Permission::Admit);
                let is_shut = self.locked && !self.let_in.contains(&token(who)) && !may_admit;
                if self.ended
                    || self.ending
                    || self.is_here(who)
                    || self.removed.contains(&token(who))
                    || is_shut
                    || !self.has_seat(who, policy)
                {
                    return;
                }
                if policy.consent.is_some() && !self.agreed.contains(&token(who)) {
                    self.wait(who, false);
                } else {
                    self.pass(who, policy);
                }
            }
            Action::Refuse(by, who) if self.may_over(by, who, Permission::Admit) => {
                let is_let_in = self.entering().any(|other| *other == who);
                if !self.inside.contains(&who) && !is_let_in {
                    self.go(who);
                }
            }
            Action::Mute(by, who) if self.may_over(by, who, Permission::Mute) => self.mute(who),
            Action::MuteAll(by) if self.may(by, Permission::Mute) => {
                let quiet: Vec<_> = self.inside.clone();
                for who in quiet {
                    if !self.may(who, Permission::Mute) {
                        self.mute(who);
                    }
                }
            }
            Action::ShareScreen(who) => {
                let is_free = self.sharing.len() < usize::from(SIZE.screens);
                if self.may(who, Permission::Screen) && is_free && !self.sharing.contains(&who) {
                    self.sharing.push(who);
                }
            }
            Action::StopShare(by, who) if self.may_over(by, who, Permission::Mute) => {
                self.sharing.retain(|other| *other != who);
            }
            Action::Negotiate(who) => {
                if self.inside.contains(&who) {
                    self.connected.insert(who);
                }
            }
            Action::Devices(who, on, camera) if self.inside.contains(&who) => {
                let before = (self.on.contains(&who), self.filming.contains(&who));
                if before == (on, camera) {
                    return;
                }
                if camera {
                    self.filming.insert(who);
                } else {
                    self.filming.remove(&who);
                }
                if on {
                    self.on.insert(who);
                } else {
                    self.on.remove(&who);
                }
                match (self.muted.get(&who), on) {
                    (Some(false), false) => {
                        self.muted.insert(who, true);
                    }
                    (Some(true), true) => {
                        self.muted.remove(&who);
                    }
                    _ => {}
                }
            }
            Action::Leave(who) => self.go(who),
            _ => {}
        }
    }

    fn mute(&mut self, who: Who) {
        if self.inside.contains(&who) {
            self.muted.insert(who, !self.on.contains(&who));
        }
    }

    /// Whether anybody may hear this one.
    fn may_be_heard(&self, who: Who) -> bool {
        self.connected.contains(&who)
            && Permissions::of(role(who)).allow(Permission::Microphone)
            && self.on.contains(&who)
            && !self.muted.contains_key(&who)
    }

    fn may_be_seen(&self, who: Who) -> bool {
        self.connected.contains(&who)
            && Permissions::of(role(who)).allow(Permission::Camera)
            && self.filming.contains(&who)
    }
}

/// The room and the model side by side.
struct Trial {
    policy: SessionPolicy,
    room: Room,
    model: Model,
    now: Instant,
    /// What waits for the disk.
    slow: Vec<(Undertaking, (usize, Deed))>,
    /// Who feeds each slot of the media plane.
    fed: BTreeMap<(ParticipantId, SlotId), (ParticipantId, Source)>,
}

impl Trial {
    fn new(policy: SessionPolicy) -> Self {
        let rules = Rules {
            policy: policy.clone(),
            ..Rules::default()
        };
        Self {
            model: Model {
                locked: policy.locked,
                ..Model::default()
            },
            room: Room::with_rules(RoomId(1), SIZE, rules),
            policy,
            now: Instant::now(),
            slow: Vec::new(),
            fed: BTreeMap::new(),
        }
    }

    fn perform(&mut self, action: &Action) {
        self.now += Duration::from_millis(100);
        match action {
            Action::Slow(decision) => {
                let Some((undertaking, deed)) = self.decide(decision) else {
                    return;
                };
                let before = self.model.clone();
                let effects = self.room.cut_off(&undertaking, Instant::now());
                self.model.cut(&deed.1);
                self.slow.push((undertaking, deed));
                self.compare(&before, effects);
            }
            Action::Settle(one, is_good) => {
                if !self.slow.is_empty() {
                    let one = one % self.slow.len();
                    let (undertaking, deed) = self.slow.remove(one);
                    self.conclude(undertaking, deed, *is_good);
                }
            }
            Action::Accept(..)
            | Action::Admit(..)
            | Action::AdmitAll(_)
            | Action::Lock(..)
            | Action::Remove(..)
            | Action::End(_) => {
                if let Some((undertaking, deed)) = self.decide(action) {
                    self.conclude(undertaking, deed, true);
                }
            }
            _ if self.is_unheard(action) => {}
            _ => {
                let before = self.model.clone();
                let effects = self.act(action);
                self.model.perform(action, &self.policy);
                self.compare(&before, effects);
            }
        }
    }

    fn decide(&mut self, action: &Action) -> Option<(Undertaking, (usize, Deed))> {
        if self.is_unheard(action) {
            return None;
        }
        let before = self.model.clone();
        let (room, now) = (&mut self.room, self.now);
        let decided = match *action {
            Action::Accept(who, is_good) => {
                room.decide_accept(id(who), &hash(is_good), UnixTime(0))
            }
            Action::Admit(by, who) => room.decide_admit(id(by), &[id(who)], now),
            Action::AdmitAll(by) => {
                let all: Vec<_> = room.waiting_people().collect();
                room.decide_admit(id(by), &all, now)
            }
            Action::Lock(by, locked) => room.decide_lock(id(by), locked),
            Action::Remove(by, who) => room.decide_remove(id(by), id(who)),
            Action::End(by) => room.decide_end(id(by)),
            _ => unreachable!("it is no decision"),
        };
        let deed = self.model.decide(action, &self.policy);
        self.compare(&before, decided.effects);
        let recorded = decided.undertaking.as_ref().map(Undertaking::decisions);
        self.check_record(recorded.unwrap_or_default(), deed.as_ref());
        decided.undertaking.zip(deed)
    }

    fn conclude(&mut self, undertaking: Undertaking, (turn, deed): (usize, Deed), is_good: bool) {
        let before = self.model.clone();
        let effects = self.room.conclude(undertaking, is_good, self.now);
        self.model.conclude(turn, &deed, is_good, &self.policy);
        self.compare(&before, effects);
    }

    /// Whether nobody listens to who does it any more.
    fn is_unheard(&self, action: &Action) -> bool {
        let by = match action {
            Action::Accept(by, _)
            | Action::Admit(by, _)
            | Action::AdmitAll(by)
            | Action::Refuse(by, _)
            | Action::Lock(by, _)
            | Action::Mute(by, _)
            | Action::MuteAll(by)
            | Action::Ask(by, _)
            | Action::ShareScreen(by)
            | Action::StopShare(by, _)
            | Action::Remove(by, _)
            | Action::End(by)
            | Action::Negotiate(by)
            | Action::Devices(by, ..) => by,
            Action::Arrive(_) | Action::Leave(_) | Action::Slow(_) | Action::Settle(..) => {
                return false;
            }
        };
        self.model.cut_off.contains(by)
    }

    /// That the room is as the model says, and told people what they may hear.
    fn compare(&mut self, before: &Model, effects: Vec<Effect>) {
        let ids = |people: &[Who]| people.iter().copied().map(id).collect::<Vec<_>>();
        assert_eq!(
            self.room.participants().collect::<Vec<_>>(),
            ids(&self.model.inside)
        );
        let door: Vec<_> = self.model.door.iter().map(|(who, _)| *who).collect();
        assert_eq!(self.room.waiting_people().collect::<Vec<_>>(), ids(&door));
        for who in everybody() {
            for permission in Permission::ALL {
                let allowed = self.room.allows(id(who), permission);
                assert_eq!(
                    allowed,
                    self.model.may(who, permission),
                    "{who} {permission:?}"
                );
            }
        }
        for effect in effects {
            self.check(before, effect);
        }
        for ((subscriber, _), (source, half)) in &self.fed {
            assert!(self.model.inside.contains(&person(*subscriber)));
            let who = person(*source);
            match half {
                Source::Microphone => assert!(self.model.may_be_heard(who), "{who} is heard"),
                Source::Camera => assert!(self.model.may_be_seen(who), "{who} is seen"),
                Source::Screen | Source::ScreenAudio => {
                    assert!(self.model.sharing.contains(&who), "{who} shows a screen");
                }
            }
        }
        // And nobody is kept from being heard or seen who may be.
        for listener in self.model.connected.iter().copied() {
            for speaker in self.model.connected.iter().copied() {
                for (source, may) in [
                    (Source::Microphone, self.model.may_be_heard(speaker)),
                    (Source::Camera, self.model.may_be_seen(speaker)),
                ] {
                    let is_fed = self.fed.iter().any(|((subscriber, _), fed)| {
                        *subscriber == id(listener) && *fed == (id(speaker), source)
                    });
                    assert!(
                        is_fed || !may || speaker == listener,
                        "{listener} gets no {source:?} of {speaker}"
                    );
                }
            }
        }
    }

    fn act(&mut self, action: &Action) -> Vec<Effect> {
        let (room, now) = (&mut self.room, self.now);
        match *action {
            Action::Arrive(who) => {
                // The id is in use.
                if self.model.is_here(who) {
                    return Vec::new();
                }
                room.arrive(arrival(who), now).unwrap_or_default()
            }
            Action::Refuse(by, who) => room.refuse(id(by), id(who), now),
            Action::Mute(by, who) => room.mute(id(by), id(who), PublicationSource::Microphone),
            Action::MuteAll(by) => room.mute_all(id(by)),
            Action::Ask(by, who) => room.ask(id(by), id(who), PublicationSource::Microphone),
            Action::ShareScreen(who) => room.share_screen(id(who)),
            Action::StopShare(by, who) => room.stop_share(id(by), id(who)),
            Action::Negotiate(who) => room.negotiate(id(who), session()),
            Action::Devices(who, microphone, camera) => {
                room.set_devices(id(who), Devices { microphone, camera })
            }
            Action::Leave(who) => room.leave(id(who), now),
            _ => unreachable!("it is a decision"),
        }
    }

    /// What is put on record is what was decided, no more and no less.
    fn check_record(&self, recorded: &[Decision], deed: Option<&(usize, Deed)>) {
        let tokens = |ids: &[String]| ids.iter().map(|id| token_named(id)).collect::<Vec<_>>();
        let Some((_, deed)) = deed else {
            assert!(recorded.is_empty());
            return;
        };
        match (deed, recorded) {
            (Deed::Admit(entering), admitted) => {
                let admitted = admitted.iter().map(|decision| match decision {
                    Decision::Admit { token_id } => token_named(token_id),
                    other => panic!("{other:?}"),
                });
                let entering = entering.iter().map(|who| token(*who));
                assert!(admitted.eq(entering));
            }
            (Deed::Accept(who), [Decision::Accept { token_id, .. }]) => {
                assert_eq!(token_named(token_id), token(*who));
            }
            (Deed::Lock(locked), [Decision::Lock(recorded)]) => assert_eq!(recorded, locked),
            (Deed::Remove(gone), [Decision::Remove { token_id }]) => {
                assert_eq!(token_named(token_id), *gone);
            }
            (Deed::End, [Decision::End { token_ids }]) => {
                let here = self.model.inside.iter();
                let here = here.chain(self.model.door.iter().map(|(who, _)| who));
                assert_eq!(
                    tokens(token_ids),
                    here.map(|who| token(*who)).collect::<Vec<_>>()
                );
            }
            other => panic!("{other:?}"),
        }
    }

    fn check(&mut self, before: &Model, effect: Effect) {
        match effect {
            Effect::Tell(to, message) => self.check_told(before, person(to), &message),
            Effect::Media(Command::Negotiate { participant, media }) => {
                let permissions = Permissions::of(role(person(participant)));
                let sources: Vec<_> = media.publications.iter().map(|sent| sent.source).collect();
                for (source, permission) in SOURCES {
                    let is_taken = sources.contains(&source);
                    assert_eq!(is_taken, permissions.allow(permission), "{source:?}");
                }
            }
            Effect::Media(Command::Assign {
                subscriber,
                slot,
                source,
            }) => {
                match source {
                    Some(source) => self.fed.insert((subscriber, slot), source),
                    None => self.fed.remove(&(subscriber, slot)),
                };
            }
            Effect::Media(Command::Leave { participant }) => {
                self.fed.retain(|(subscriber, _), (source, _)| {
                    *subscriber != participant && *source != participant
                });
            }
            Effect::CutOff(id) => assert!(self.model.cut_off.contains(&person(id))),
            Effect::Media(_) | Effect::Close(_) | Effect::Audit { .. } => {}
        }
    }

    /// What somebody may hear at all.
    fn check_told(&self, before: &Model, to: Who, message: &ServerMessage) {
        let is_in = self.model.inside.contains(&to) || before.inside.contains(&to);
        match message {
            ServerMessage::Joined { .. } => assert!(self.model.let_in.contains(&token(to))),
            ServerMessage::ConsentRequired { .. } | ServerMessage::Waiting { .. } => {
                assert!(!self.model.inside.contains(&to));
            }
            ServerMessage::WaitingList { .. } => {
                assert!(self.model.may(to, Permission::Admit) || before.may(to, Permission::Admit));
            }
            ServerMessage::Error { code, fatal, .. } => {
                // That the disk failed is said to whoever decided, before it goes.
                if *code == ErrorCode::Internal {
                    assert!(!fatal);
                    return;
                }
                // Who is sent away is out; all others are where they were.
                let is_sent_away = before.is_here(to) && !self.model.is_here(to);
                assert_eq!(*fatal, is_sent_away, "{to} is told {code:?}");
            }
            _ => assert!(is_in, "{to} at the door is told {message:?}"),
        }
    }
}

fn everybody() -> impl Iterator<Item = Who> {
    0..Who::try_from(STAYS.len()).expect("few")
}

fn of_token(gone: Token) -> Vec<Who> {
    everybody().filter(|who| token(*who) == gone).collect()
}

fn role(who: Who) -> Role {
    STAYS[usize::from(who)].0
}

fn token(who: Who) -> Token {
    STAYS[usize::from(who)].1
}

fn id(who: Who) -> ParticipantId {
    ParticipantId(u64::from(who) + 1)
}

fn person(id: ParticipantId) -> Who {
    Who::try_from(id.0 - 1).expect("one of ours")
}

fn token_named(token_id: &str) -> Token {
    token_id.parse().expect("one of ours")
}

fn capacity(policy: &SessionPolicy) -> usize {
    policy
        .capacity
        .unwrap_or(SIZE.people)
        .min(SIZE.people)
        .into()
}

fn arrival(who: Who) -> Arrival {
    Arrival {
        subject: format!("person {}", token(who)),
        token_id: token(who).to_string(),
        ..Arrival::new(id(who), role(who))
    }
}

fn hash(is_good: bool) -> String {
    let consent = Consent {
        version: "1".into(),
        text: if is_good { TEXT } else { "another" }.into(),
    };
    URL_SAFE_NO_PAD.encode(consent.hash())
}

fn session() -> Session {
    let publications = SOURCES.map(|(source, _)| Publication {
        source,
        mid: String::new(),
        ssrcs: Vec::new(),
        rtx_ssrcs: Vec::new(),
        stream_ids: Vec::new(),
        codecs: Vec::new(),
    });
    let slots = SlotsBy {
        people: SIZE.people - 1,
        screens: SIZE.screens,
    };
    let mut session = negotiated::session(slots);
    session.media.publications = publications.to_vec();
    session
}

const SOURCES: [(Source, Permission); 4] = [
    (Source::Microphone, Permission::Microphone),
    (Source::Camera, Permission::Camera),
    (Source::Screen, Permission::Screen),
    (Source::ScreenAudio, Permission::Screen),
];

const TEXT: &str = "I agree.";

const MOST_DEVICES: usize = 3;

const SIZE: RoomSize = RoomSize {
    people: 6,
    screens: 2,
};
