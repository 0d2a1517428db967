//! The rooms of this node, and everybody in them.

use std::collections::HashMap;
use std::collections::hash_map;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sfu::identity::{ParticipantId, RoomId};
use sfu::worker::command::WorkerAddress;
use thiserror::Error;
use tokio::sync::mpsc;

use super::outbox::Outbox;
use super::relay_pass::RelayPass;
use super::request;
use super::resume::{Door, Return};
use super::secret;
use crate::MediaPlane;
use crate::access::{Admission, Permissions, UnixTime};
use crate::api::LiveParticipant;
use crate::audit::{Actor, AuditEvent, AuditSink, Person};
use crate::limits::Limits;
use crate::protocol::{ClientMessage, ErrorCode, ResumeSecret, Resumption, ServerMessage};
use crate::relays::{Authority, Relays};
use crate::room::{
    self, Arrival, Decided, Decision, Effect, Entrance, Entry, NoEntry, NotAdmitted, Recorded,
    Room, RoomSize, Rules, SecondDevice, Sessions, Undertaking,
};

/// Rooms come with their first participant and go with their last. A room
/// stays on the worker that had the fewest participants when it came.
pub(super) struct Register {
    plane: Arc<dyn MediaPlane>,
    settings: RegisterSettings,
    sessions: Arc<dyn Sessions>,
    audit: Arc<dyn AuditSink>,
    relays: Arc<dyn Relays>,
    rooms: HashMap<String, OpenRoom>,
    /// Of open rooms.
    names: HashMap<RoomId, String>,
    stays: HashMap<ParticipantId, Stay>,
    /// Participants on each worker.
    loads: Vec<usize>,
    next_room: u64,
    is_going_down: bool,
}

/// What holds for all rooms.
#[derive(Clone, Copy, Debug)]
pub(super) struct RegisterSettings {
    pub(super) size: RoomSize,
    pub(super) limits: Limits,
    pub(super) resume_window: Duration,
    pub(super) host_permissions: Permissions,
    pub(super) second_device: SecondDevice,
    pub(super) relay_credentials: Duration,
}

/// Somebody whose token is good and proven.
#[derive(Clone, Debug)]
pub(super) struct Bearer {
    pub(super) admission: Admission,
    pub(super) permissions: Permissions,
    pub(super) entrance: Option<Entrance>,
    /// What it asked for when it opened its socket.
    pub(super) host: Option<Authority>,
}

struct OpenRoom {
    room: Room,
    /// Whose room it is, if the clinic opened a session.
    session: Option<String>,
    id: RoomId,
    worker: usize,
    /// Somebody was let in, since all had left the last time.
    is_in_use: bool,
}

struct Stay {
    room: String,
    /// The session that the clinic opened there, if it did.
    session: Option<String>,
    /// Which room of that name: it may end, and another begin, while a socket
    /// whose media was lost is still being closed.
    id: RoomId,
    worker: usize,
    outbox: Outbox,
    door: Door,
    relay_pass: RelayPass,
    /// As the API shows it.
    live: LiveParticipant,
    /// The first resume secret, until the client is let in and told.
    secret: Option<ResumeSecret>,
    person: Person,
    /// It is being sent away, and hears nothing but why.
    is_cut_off: bool,
}

/// What takes place in a room once it is on disk.
#[derive(Debug)]
#[must_use = "the room waits for it"]
pub(super) struct Order {
    room: RoomId,
    room_name: String,
    session: Option<String>,
    by: Person,
    target: Option<Person>,
    undertaking: Undertaking,
    recorded: Recorded,
}

impl Order {
    /// Waits until it is on disk. `false`: it could not be written. Who waits
    /// may give up, and ask again.
    pub(super) async fn written(&mut self) -> bool {
        self.recorded.done().await
    }
}

/// What a newcomer's session must know.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) room: RoomId,
    pub(super) worker: WorkerAddress,
}

/// Why a newcomer does not get in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub(super) enum NoSeat {
    #[error(transparent)]
    NotAdmitted(#[from] NotAdmitted),
    #[error(transparent)]
    NoEntry(#[from] NoEntry),
    #[error("this server is full")]
    ServerFull,
}

impl NoSeat {
    /// The protocol's code for this refusal.
    pub(super) fn code(self) -> ErrorCode {
        match self {
            Self::NotAdmitted(why) => why.code(),
            Self::NoEntry(why) => why.code(),
            Self::ServerFull => ErrorCode::ServerFull,
        }
    }
}

impl Register {
    pub(super) fn new(
        plane: Arc<dyn MediaPlane>,
        sessions: Arc<dyn Sessions>,
        audit: Arc<dyn AuditSink>,
        relays: Arc<dyn Relays>,
        settings: RegisterSettings,
    ) -> Self {
        Self {
            loads: vec![0; plane.workers()],
            plane,
            settings,
            sessions,
            audit,
            relays,
            rooms: HashMap::new(),
            names: HashMap::new(),
            stays: HashMap::new(),
            next_room: 1,
            is_going_down: false,
        }
    }

    /// Takes somebody to the room its token names, or to its door, under an id
    /// that is new. Gives its seat, and where its next sockets arrive.
    pub(super) fn join(
        &mut self,
        id: ParticipantId,
        bearer: Bearer,
        outbox: Outbox,
    ) -> Result<(Seat, mpsc::Receiver<Return>), NoSeat> {
        if self.stays.len() >= self.settings.limits.participants {
            return Err(NoSeat::ServerFull);
        }
        let admission = bearer.admission;
        // Under the lock that an end or a revocation takes to send people away:
        // it is either known here already, or finds this one.
        let Entry {
            policy,
            session,
            standing,
        } = self.sessions.enter(&admission, UnixTime::now())?;
        self.supersede(&admission.room, session.as_deref());
        let lifetime = self.settings.relay_credentials;
        let relay_pass = RelayPass::new(secret::relay_user(), bearer.host, policy.window, lifetime);
        let rules = Rules {
            policy,
            host_permissions: self.settings.host_permissions,
            second_device: self.settings.second_device,
        };
        let (rooms, idlest) = (self.rooms.len(), self.idlest_worker());
        let open = match self.rooms.entry(admission.room.clone()) {
            hash_map::Entry::Occupied(entry) => {
                let open = entry.into_mut();
                if open.session.is_none() {
                    open.room.begin_anew(rules.policy.locked);
                }
                open.room.set_rules(rules);
                open
            }
            hash_map::Entry::Vacant(_) if rooms >= self.settings.limits.rooms => {
                return Err(NoSeat::ServerFull);
            }
            hash_map::Entry::Vacant(entry) => {
                let worker = idlest;
                let room = RoomId(self.next_room);
                self.next_room += 1;
                self.names.insert(room, admission.room.clone());
                entry.insert(OpenRoom {
                    room: Room::with_rules(room, self.settings.size, rules),
                    session: session.clone(),
                    id: room,
                    worker,
                    is_in_use: false,
                })
            }
        };
        let arrival = Arrival {
            id,
            role: admission.role,
            permissions: bearer.permissions,
            subject: admission.subject.clone(),
            token_id: admission.token_id.clone(),
            standing,
            entrance: bearer.entrance,
        };
        let (room, worker) = (open.id, open.worker);
        let effects = match open.room.arrive(arrival, Instant::now()) {
            Ok(effects) => effects,
            Err(why) => {
                if open.room.is_empty() {
                    self.rooms.remove(&admission.room);
                    self.names.remove(&room);
                }
                return Err(why.into());
            }
        };
        let (door, secret, returns) = Door::new();
        self.loads[worker] += 1;
        let stay = Stay {
            room: admission.room,
            session,
            id: room,
            worker,
            outbox,
            door,
            relay_pass,
            live: LiveParticipant {
                id,
                role: admission.role,
                subject: admission.subject.clone(),
                token_id: admission.token_id.clone(),
                joined: UnixTime::now(),
            },
            secret: Some(secret),
            person: Person {
                participant: id,
                subject: admission.subject,
                role: admission.role,
            },
            is_cut_off: false,
        };
        self.stays.insert(id, stay);
        self.apply(id, worker, effects);
        let seat = Seat {
            room,
            worker: self.plane.address(worker).clone(),
        };
        Ok((seat, returns))
    }

    /// The worker with the fewest participants.
    pub(super) fn idlest_worker(&self) -> usize {
        (0..self.loads.len())
            .min_by_key(|worker| self.loads[*worker])
            .unwrap_or(0)
    }

    /// Whether somebody is in a room, and not at its door.
    pub(super) fn is_in(&self, id: ParticipantId) -> bool {
        let stay = self.stays.get(&id);
        let open = stay.and_then(|stay| self.rooms.get(&stay.room));
        open.is_some_and(|open| open.room.is_in(id))
    }

    /// Lets each room see what is due by now.
    pub(super) fn tick(&mut self, now: Instant, time: UnixTime) {
        let mut due = Vec::new();
        for open in self.rooms.values_mut() {
            // Effects name participants, so somebody's stay tells the room.
            let somebody = open.room.somebody();
            let effects = open.room.tick(now, time);
            if let Some(somebody) = somebody
                && !effects.is_empty()
            {
                due.push((somebody, open.worker, effects));
            }
        }
        for (somebody, worker, effects) in due {
            self.apply(somebody, worker, effects);
        }
        for stay in self.stays.values_mut() {
            if stay.relay_pass.is_due(now) {
                stay.renew_relay_pass(&*self.relays, now, time);
            }
        }
    }

    /// The way to the stay that an id and a resume secret name. Whether it is
    /// the id or the secret that is wrong cannot be told by the time it takes.
    pub(super) fn returning(
        &mut self,
        id: ParticipantId,
        secret: &ResumeSecret,
    ) -> Option<mpsc::Sender<Return>> {
        let stay = self.stays.get_mut(&id);
        let door = stay
            .filter(|stay| !stay.outbox.is_closed())
            .map(|stay| &mut stay.door);
        Door::open(door, secret)
    }

    /// Makes another resume secret. The present one stays good until
    /// [`Register::confirm_secret`].
    pub(super) fn renew_secret(&mut self, id: ParticipantId) -> Option<ResumeSecret> {
        Some(self.stays.get_mut(&id)?.door.renew())
    }

    /// Somebody is back, maybe on a network where it needs relays now.
    pub(super) fn renew_relay_pass(&mut self, id: ParticipantId, host: Option<Authority>) {
        let Some(stay) = self.stays.get_mut(&id) else {
            return;
        };
        stay.relay_pass.set_host(host);
        let now = Instant::now();
        if stay.relay_pass.is_due_soon(now) {
            stay.renew_relay_pass(&*self.relays, now, UnixTime::now());
        }
    }

    pub(super) fn confirm_secret(&mut self, id: ParticipantId) {
        if let Some(stay) = self.stays.get_mut(&id) {
            stay.door.confirm();
        }
    }

    /// Whether somebody is here under this id.
    pub(super) fn knows(&self, id: ParticipantId) -> bool {
        self.stays.contains_key(&id)
    }

    /// Hands somebody's request to its room. Gives what takes place once it is
    /// on disk.
    pub(super) fn request(&mut self, id: ParticipantId, message: ClientMessage) -> Option<Order> {
        let stay = self.stays.get(&id).filter(|stay| !stay.is_cut_off)?;
        let open = self.rooms.get_mut(&stay.room)?;
        if open.id != stay.id {
            return None;
        }
        let (room, worker) = (open.id, open.worker);
        let (now, time) = (Instant::now(), UnixTime::now());
        let Decided {
            effects,
            undertaking,
        } = request::handle(&mut open.room, id, message, now, time);
        let order = undertaking.map(|undertaking| Order {
            room,
            room_name: stay.room.clone(),
            session: stay.session.clone(),
            by: stay.person.clone(),
            target: undertaking.target().and_then(|id| self.person(stay, id)),
            recorded: self.sessions.record(
                &stay.room,
                stay.session.as_deref(),
                undertaking.decisions(),
            ),
            undertaking,
        });
        self.apply(id, worker, effects);
        order
    }

    /// Names those who wait as of now, in a request that means all of them.
    pub(super) fn name_all(&self, id: ParticipantId, message: ClientMessage) -> ClientMessage {
        let ClientMessage::AdmitAll {} = message else {
            return message;
        };
        let stay = self.stays.get(&id);
        let open = stay.and_then(|stay| self.rooms.get(&stay.room));
        let waiting = open.into_iter().flat_map(|open| open.room.waiting_people());
        ClientMessage::Admit {
            participant_ids: waiting.map(|id| id.to_string()).collect(),
        }
    }

    /// Carries an order out that is on disk, or could not be written. If all have
    /// left by then, it is still put on record what was done.
    pub(super) fn conclude(&mut self, order: Order, is_written: bool) {
        let Order {
            room,
            room_name,
            session,
            by,
            target,
            undertaking,
            ..
        } = order;
        if !self.names.contains_key(&room) {
            let Some(action) = undertaking.action().filter(|_| is_written) else {
                return;
            };
            return self.audit.record(&AuditEvent {
                at: UnixTime::now(),
                session,
                room: Some(room),
                room_name,
                actor: Actor::Person(by),
                target,
                action,
            });
        }
        self.update_room(room, |room| {
            room.conclude(undertaking, is_written, Instant::now())
        });
    }

    /// Silences whom an order sends away.
    pub(super) fn cut_off(&mut self, order: &Order) {
        self.update_room(order.room, |room| {
            room.cut_off(&order.undertaking, Instant::now())
        });
    }

    /// Hands what somebody says to its room. Nothing happens when it has left,
    /// or is being sent away.
    pub(super) fn hear(
        &mut self,
        id: ParticipantId,
        change: impl FnOnce(&mut Room) -> Vec<Effect>,
    ) {
        let stay = self.stays.get(&id);
        if stay.is_some_and(|stay| !stay.is_cut_off) {
            self.update(id, change);
        }
    }

    /// Changes somebody's room. Nothing happens when it has left.
    pub(super) fn update(
        &mut self,
        id: ParticipantId,
        change: impl FnOnce(&mut Room) -> Vec<Effect>,
    ) {
        let Some(stay) = self.stays.get(&id) else {
            return;
        };
        let Some(open) = self.rooms.get_mut(&stay.room) else {
            return;
        };
        if open.id == stay.id {
            let effects = change(&mut open.room);
            let worker = open.worker;
            self.apply(id, worker, effects);
        }
    }

    /// As [`Register::update`], by the room itself.
    pub(super) fn update_room(
        &mut self,
        room: RoomId,
        change: impl FnOnce(&mut Room) -> Vec<Effect>,
    ) {
        let name = self.names.get(&room);
        let Some(open) = name.and_then(|name| self.rooms.get_mut(name)) else {
            return;
        };
        if let Some(somebody) = open.room.somebody() {
            let effects = change(&mut open.room);
            let worker = open.worker;
            self.apply(somebody, worker, effects);
        }
    }

    /// Ends somebody's stay. Nothing happens when it has ended.
    pub(super) fn leave(&mut self, id: ParticipantId) {
        self.update(id, |room| room.leave(id, Instant::now()));
        let Some(stay) = self.stays.remove(&id) else {
            return;
        };
        stay.outbox.close();
        stay.relay_pass.end(&*self.relays);
        let load = &mut self.loads[stay.worker];
        *load = load.saturating_sub(1);
        if let hash_map::Entry::Occupied(open) = self.rooms.entry(stay.room)
            && open.get().room.is_empty()
        {
            self.names.remove(&open.get().id);
            open.remove();
        }
    }

    /// Who is in a room, whoever came first first.
    pub(super) fn live(&self, room: &str) -> Vec<LiveParticipant> {
        let open = self.rooms.get(room);
        let there = open.into_iter().flat_map(|open| open.room.participants());
        self.describe(there)
    }

    /// Who is at a room's door, whoever came first first.
    pub(super) fn waiting(&self, room: &str) -> Vec<LiveParticipant> {
        let open = self.rooms.get(room);
        let there = open.into_iter().flat_map(|open| open.room.waiting_people());
        self.describe(there)
    }

    fn describe(&self, ids: impl Iterator<Item = ParticipantId>) -> Vec<LiveParticipant> {
        ids.filter_map(|id| Some(self.stays.get(&id)?.live.clone()))
            .collect()
    }

    /// Ends a room for all who are there or at its door.
    pub(super) fn end(&mut self, room: &str) {
        let Some(open) = self.rooms.get_mut(room) else {
            return;
        };
        if let Some(somebody) = open.room.somebody() {
            let worker = open.worker;
            let effects = open.room.end();
            self.apply(somebody, worker, effects);
        }
    }

    /// Who is in a room or at its door under an id, or was lately.
    pub(super) fn bearer(&self, room: &str, id: ParticipantId) -> Option<room::Bearer> {
        self.rooms.get(room)?.room.bearer(id)
    }

    /// Ends a room that is not this session's: of one that is over, or of none.
    pub(super) fn supersede(&mut self, room: &str, session: Option<&str>) {
        let Some(open) = self.rooms.get_mut(room) else {
            return;
        };
        if open.session.as_deref() == session {
            return;
        }
        let somebody = open.room.somebody();
        let effects = match open.session {
            None => open.room.make_way(),
            Some(_) => open.room.end(),
        };
        let worker = open.worker;
        if let Some(somebody) = somebody {
            self.apply(somebody, worker, effects);
        }
        if let Some(open) = self.rooms.remove(room) {
            self.names.remove(&open.id);
        }
    }

    /// Ends all stays of a token in a room and at its door.
    pub(super) fn remove(&mut self, room: &str, token_id: &str) {
        let Some(open) = self.rooms.get_mut(room) else {
            return;
        };
        if let Some(somebody) = open.room.somebody() {
            let worker = open.worker;
            let effects = open.room.remove_token(token_id, Instant::now());
            self.apply(somebody, worker, effects);
        }
    }

    pub(super) fn rooms(&self) -> usize {
        self.rooms.len()
    }

    pub(super) fn participants(&self) -> usize {
        self.stays.len()
    }

    /// Ends all stays: the server is going down.
    pub(super) fn close_all(&mut self) {
        self.is_going_down = true;
        let ids: Vec<_> = self.stays.keys().copied().collect();
        for stay in self.stays.values() {
            stay.outbox.push(&ServerMessage::Error {
                code: ErrorCode::ShuttingDown,
                message: "the server is shutting down".into(),
                fatal: true,
            });
            stay.outbox.close();
        }
        for id in ids {
            self.leave(id);
        }
    }

    /// Who has or had an id, of somebody's room.
    fn person(&self, stay: &Stay, id: ParticipantId) -> Option<Person> {
        if let Some(stay) = self.stays.get(&id) {
            return Some(stay.person.clone());
        }
        let bearer = self.rooms.get(&stay.room)?.room.bearer(id)?;
        Some(Person {
            participant: id,
            subject: bearer.subject,
            role: bearer.role,
        })
    }

    /// Does what the room of `somebody` wants done.
    fn apply(&mut self, somebody: ParticipantId, worker: usize, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Tell(id, message) => {
                    if let Some(stay) = self.stays.get_mut(&id) {
                        if stay.is_cut_off && !matches!(message, ServerMessage::Error { .. }) {
                            continue;
                        }
                        if matches!(message, ServerMessage::Joined { .. }) {
                            // Nobody waits for it: a lock that would keep this
                            // one out is written after it.
                            let token_id = stay.live.token_id.clone();
                            let admitted = Decision::Admit { token_id };
                            let session = stay.session.as_deref();
                            let _ = self.sessions.record(&stay.room, session, &[admitted]);
                            let open = self.rooms.get_mut(&stay.room);
                            if let Some(open) = open.filter(|open| open.id == stay.id) {
                                open.is_in_use = true;
                            }
                        }
                        let window = self.settings.resume_window;
                        let message = stay.with_secrets(message, window, &*self.relays);
                        stay.outbox.push(&message);
                    }
                }
                Effect::CutOff(id) => {
                    if let Some(stay) = self.stays.get_mut(&id) {
                        stay.is_cut_off = true;
                    }
                }
                Effect::Media(command) => self.plane.send(worker, command),
                Effect::Close(id) => {
                    if let Some(stay) = self.stays.get(&id) {
                        stay.outbox.close();
                    }
                }
                Effect::Audit {
                    actor,
                    target,
                    action,
                } => {
                    let Some(stay) = self.stays.get(&somebody) else {
                        continue;
                    };
                    let person = |id: Option<ParticipantId>| self.person(stay, id?);
                    self.audit.record(&AuditEvent {
                        at: UnixTime::now(),
                        session: stay.session.clone(),
                        room: Some(stay.id),
                        room_name: stay.room.clone(),
                        actor: person(actor).map_or(Actor::Server, Actor::Person),
                        target: person(target),
                        action,
                    });
                }
            }
        }
        self.note_emptied(somebody);
    }

    /// Puts on record that all have left somebody's room. Others may be at its
    /// door still.
    fn note_emptied(&mut self, somebody: ParticipantId) {
        let Some(stay) = self.stays.get(&somebody) else {
            return;
        };
        let open = self.rooms.get_mut(&stay.room);
        let Some(open) = open.filter(|open| open.id == stay.id && open.is_in_use) else {
            return;
        };
        if open.room.participants().next().is_some() {
            return;
        }
        open.is_in_use = false;
        // Whoever is sent away by the server's own end comes back.
        if open.session.is_none() && !self.is_going_down {
            let at = UnixTime::now();
            let emptied = Decision::Emptied { at };
            let _ = self.sessions.record(&stay.room, None, &[emptied]);
        }
    }
}

impl Stay {
    /// A room draws no random numbers and knows of no relays, so what a stay
    /// is taken up again with, and what gets it into relays, is added here.
    fn with_secrets(
        &mut self,
        mut message: ServerMessage,
        window: Duration,
        relays: &dyn Relays,
    ) -> ServerMessage {
        let ServerMessage::Joined {
            resume,
            ice_servers,
            ..
        } = &mut message
        else {
            return message;
        };
        *ice_servers = self
            .relay_pass
            .issue(relays, Instant::now(), UnixTime::now());
        if !window.is_zero()
            && let Some(secret) = self.secret.take()
        {
            let seconds = u16::try_from(window.as_secs()).unwrap_or(u16::MAX);
            *resume = Some(Resumption { secret, seconds });
        }
        message
    }

    fn renew_relay_pass(&mut self, relays: &dyn Relays, now: Instant, time: UnixTime) {
        let ice_servers = self.relay_pass.issue(relays, now, time);
        if !ice_servers.is_empty() && !self.is_cut_off {
            self.outbox.push(&ServerMessage::IceServers { ice_servers });
        }
    }
}

impl std::fmt::Debug for Register {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Register")
            .field("rooms", &self.rooms.len())
            .field("participants", &self.stays.len())
            .field("loads", &self.loads)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
