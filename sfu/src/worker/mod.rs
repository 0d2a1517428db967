//! A worker: the rooms of one core, as a state machine.
//!
//! Its owner hands it datagrams, commands and the time, and takes from it
//! datagrams to send, events, and the time at which it wants to be called
//! next. After each batch of input, [`Worker::poll_transmit`] must be called
//! until the batch comes back empty.

mod asking;
pub mod batch;
mod budget;
pub mod command;
mod congestion;
mod control;
pub mod event;
mod forwarding;
mod intake;
mod layers;
mod media;
#[cfg(feature = "media-keys")]
mod media_keys;
mod negotiation;
mod outbound;
mod participant;
mod repair;
mod reports;
mod routes;
mod speech;
pub mod statistics;
mod timers;
mod transport;
mod watching;
mod writer;

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use slab::Slab;

use crate::congestion::Bitrate;
use crate::identity::{ParticipantId, RoomId};
use crate::publish::{Stream, Subscriber};
use crate::rtcp::WallClock;
use crate::transport::demux::Protocol;
use crate::transport::{DtlsConfig, DtlsTransport, IceLite, Path};
use batch::TransmitBatch;
use budget::Budget;
use command::{Command, TransportParameters};
use control::Control;
use event::{DisconnectReason, Event};
use forwarding::Arrival;
use outbound::{Outbound, Scratch, Turn};
use participant::Participant;
use routes::Routes;
use speech::Told;
use statistics::Statistics;

/// The rooms of one core.
#[derive(Debug)]
pub struct Worker {
    dtls: DtlsConfig,
    clock: WallClock,
    started: Instant,
    participants: Slab<Participant>,
    streams: Slab<Stream>,
    rooms: HashMap<RoomId, Vec<usize>>,
    by_id: HashMap<ParticipantId, usize>,
    routes: Routes,
    /// Packets to be forwarded, in the order they came.
    arrived: Vec<Arrival>,
    /// Of how many receivers these have gone to, once that was begun: they are
    /// then of one stream.
    forwarded: Option<usize>,
    scratch: Scratch,
    /// Participants with forwarded packets to be sent.
    pending: VecDeque<usize>,
    /// Participants whose packets wait for their time.
    waiting: Vec<usize>,
    /// Slots that have just left a stream for another layer.
    left: Vec<(usize, Subscriber)>,
    /// Whom each room was last told to be speaking.
    speakers: HashMap<RoomId, Told>,
    /// Rooms whose speakers may be others by now.
    restless: Vec<RoomId>,
    /// Rooms where other pictures may be wanted by now.
    unreviewed: Vec<RoomId>,
    /// When large rooms may be looked at for that again.
    next_reviews: HashMap<RoomId, Instant>,
    /// When all rooms were last looked at for that.
    last_review: Instant,
    control: Control,
    /// Connections that have become of no use.
    abandoned: VecDeque<Path>,
    events: VecDeque<Event>,
    statistics: Statistics,
    /// Answers to checks that are no participant's.
    refusals: Budget,
    next_tick: Instant,
}

impl Worker {
    /// A worker without rooms. `clock` gives it wall-clock time for RTCP.
    pub fn new(now: Instant, dtls: DtlsConfig, clock: WallClock) -> Self {
        Self {
            dtls,
            clock,
            started: now,
            participants: Slab::new(),
            streams: Slab::new(),
            rooms: HashMap::new(),
            by_id: HashMap::new(),
            routes: Routes::default(),
            arrived: Vec::with_capacity(ARRIVALS),
            forwarded: None,
            scratch: Scratch::default(),
            pending: VecDeque::new(),
            waiting: Vec::new(),
            left: Vec::new(),
            speakers: HashMap::new(),
            restless: Vec::with_capacity(RESTLESS),
            unreviewed: Vec::new(),
            next_reviews: HashMap::new(),
            last_review: now,
            control: Control::default(),
            abandoned: VecDeque::new(),
            events: VecDeque::new(),
            statistics: Statistics::default(),
            refusals: Budget::new(now, REFUSALS_A_SECOND, MOST_REFUSALS),
            next_tick: now,
        }
    }

    /// Takes a datagram. Its bytes are changed. Whatever is not of a known
    /// participant, malformed or forged is dropped or answered as its
    /// protocol says.
    pub fn handle_datagram(&mut self, now: Instant, path: Path, datagram: &mut [u8]) {
        self.handle_received(now, now, path, datagram);
    }

    /// As [`Worker::handle_datagram`], for one that came at `received`, and has
    /// waited since. Only what is told of a path depends on when that was.
    pub fn handle_received(
        &mut self,
        now: Instant,
        received: Instant,
        path: Path,
        datagram: &mut [u8],
    ) {
        let received = received.min(now);
        let Some(protocol) = Protocol::of(datagram) else {
            self.statistics.dropped.unknown_protocol += 1;
            return;
        };
        self.finish_forwarding(now);
        if protocol == Protocol::Stun {
            self.handle_stun(now, path, datagram);
            return;
        }
        let Some(key) = self.routes.participant(&path) else {
            self.statistics.dropped.unknown_path += 1;
            return;
        };
        match protocol {
            Protocol::Dtls => self.handle_dtls(now, key, path, datagram),
            Protocol::Rtp => self.handle_rtp(now, received, key, path, datagram),
            Protocol::Rtcp => self.handle_rtcp(now, received, key, path, datagram),
            Protocol::Stun => {}
        }
    }

    /// Whether an authentic check of a participant came over `path`.
    pub fn knows(&self, path: &Path) -> bool {
        self.routes.find(path).is_some()
    }

    /// Takes note that the connection that was `path` has ended.
    pub fn lose_path(&mut self, now: Instant, path: Path) {
        if let Some(key) = self.routes.participant(&path) {
            self.finish_forwarding(now);
            self.forget_path(now, key, path);
        }
    }

    /// The next connection that its owner is to end, once what is to be sent
    /// over it was: no participant needs it any more.
    pub fn poll_abandoned(&mut self) -> Option<Path> {
        self.abandoned.pop_front()
    }

    /// Whether checks that bear this user name fragment of ours are somebody's.
    pub fn knows_user(&self, ufrag: &str) -> bool {
        self.routes.user(ufrag).is_some()
    }

    /// The next user name fragment that was somebody's and is not any more.
    pub fn poll_forgotten_user(&mut self) -> Option<String> {
        self.routes.poll_forgotten()
    }

    /// Carries out a command.
    pub fn handle_command(&mut self, now: Instant, command: Command) {
        self.finish_forwarding(now);
        self.hurry(now);
        match command {
            Command::Join {
                room,
                participant,
                transport,
            } => self.join(now, room, participant, transport),
            Command::RestartIce {
                participant,
                local,
                remote,
            } => {
                if let Some(&key) = self.by_id.get(&participant) {
                    self.restart_ice(key, local, remote);
                }
            }
            Command::Negotiate { participant, media } => {
                if let Some(&key) = self.by_id.get(&participant) {
                    self.negotiate(key, media);
                }
            }
            Command::Assign {
                subscriber,
                slot,
                source,
            } => {
                if let Some(&key) = self.by_id.get(&subscriber)
                    && let Some(index) = self.participants[key].slot_index(slot)
                {
                    self.assign(now, key, index, source);
                }
            }
            Command::LimitLayers {
                subscriber,
                slot,
                limit,
            } => {
                if let Some(&key) = self.by_id.get(&subscriber)
                    && let Some(index) = self.participants[key].slot_index(slot)
                {
                    let participant = &mut self.participants[key];
                    let slot = &mut participant.slots[index];
                    if std::mem::replace(&mut slot.limit, limit) != limit {
                        slot.update_admitted();
                        let room = participant.room;
                        self.note_unreviewed(room);
                        self.bind_slot(now, key, index);
                        self.request_key_frames_for(now, key, index);
                    }
                }
            }
            Command::Show {
                subscriber,
                slot,
                shown,
            } => {
                if let Some(&key) = self.by_id.get(&subscriber)
                    && let Some(index) = self.participants[key].slot_index(slot)
                {
                    let participant = &mut self.participants[key];
                    let slot = &mut participant.slots[index];
                    if std::mem::replace(&mut slot.shown, shown) != shown {
                        slot.update_admitted();
                        // With what is told of other slots, at the next look.
                        participant.outbound.share_out_now();
                        let room = participant.room;
                        self.note_unreviewed(room);
                        self.hurry(now);
                    }
                }
            }
            Command::RateUplink {
                participant,
                capacity,
            } => {
                if let Some(&key) = self.by_id.get(&participant) {
                    self.participants[key].uplink = capacity;
                }
            }
            Command::ExpectFrames {
                participant,
                frames,
            } => {
                if let Some(&at) = self.by_id.get(&participant) {
                    let participant = &mut self.participants[at];
                    participant.expected_keys.set(frames);
                    for stream in participant.streams() {
                        self.streams[stream].expected_keys = participant.expected_keys;
                    }
                }
            }
            Command::Leave { participant } => {
                if let Some(&key) = self.by_id.get(&participant) {
                    self.close(key);
                    self.remove(now, key);
                }
            }
        }
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.finish_forwarding(now);
        // Somewhat early rather than by a wake of its own.
        if now + EARLY >= self.next_tick {
            self.tick(now);
        }
        self.wake_waiting(now);
    }

    /// When to call [`Worker::handle_timeout`] next; never, without
    /// participants.
    pub fn next_timeout(&self) -> Option<Instant> {
        let released = self.waiting.iter().filter_map(|key| {
            let outbound = &self.participants[*key].outbound;
            match outbound.turn() {
                // Those that are held back leave together, a wake for all.
                Turn::At(at) if outbound.is_held() => Some(self.next_release_after(at)),
                Turn::At(at) => Some(at),
                Turn::Idle | Turn::Now => None,
            }
        });
        let tick = (!self.participants.is_empty()).then_some(self.next_tick);
        released.chain(tick).min()
    }

    /// Adds to `batch` what is to be sent. What does not fit waits for the
    /// next call, with the batch cleared.
    pub fn poll_transmit(&mut self, now: Instant, batch: &mut TransmitBatch) {
        self.control.drain_into(batch);
        if !self.forward_arrived(now, Some(batch)) {
            return;
        }
        // What forwarding asks of publishers.
        self.control.drain_into(batch);
        while batch.has_room()
            && let Some(&key) = self.pending.front()
        {
            let participant = &mut self.participants[key];
            let turn = participant.write(
                now,
                &self.streams,
                batch,
                &mut self.scratch,
                &mut self.statistics,
            );
            if is_cut_short(turn, key, participant, &mut self.waiting) {
                return;
            }
            self.pending.pop_front();
        }
    }

    /// The next event, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// How many things of each kind the worker keeps at present. Without
    /// participants it is all zero.
    pub fn footprint(&self) -> Footprint {
        Footprint {
            participants: self.participants.len() + self.by_id.len(),
            streams: self.streams.len(),
            subscriptions: self
                .streams
                .iter()
                .map(|(_, stream)| stream.subscribers.len())
                .sum(),
            rooms: self.rooms.len(),
            routes: self.routes.len(),
        }
    }

    /// What was counted so far.
    pub fn statistics(&self) -> Statistics {
        Statistics {
            rooms: self.rooms.len() as u64,
            participants: self.participants.len() as u64,
            narrow_paths: self.paths().filter(|path| path.is_narrow).count() as u64,
            narrowest_path: self
                .paths()
                .filter_map(|path| path.limit)
                .min()
                .map(Bitrate::as_bits_per_second),
            ..self.statistics
        }
    }

    fn paths(&self) -> impl Iterator<Item = &Outbound> {
        self.participants.iter().map(|(_, one)| &one.outbound)
    }

    fn join(
        &mut self,
        now: Instant,
        room: RoomId,
        id: ParticipantId,
        transport: TransportParameters,
    ) {
        if self.by_id.contains_key(&id) {
            return;
        }
        if self.participants.is_empty() {
            self.next_tick = now;
        }
        let dtls = DtlsTransport::new(now, &self.dtls, transport.remote_fingerprint);
        let ufrag = transport.local.ufrag.clone();
        let ice = IceLite::new(now, transport.local, transport.remote);
        let key = self
            .participants
            .insert(Participant::new(now, id, room, ice, dtls));
        self.by_id.insert(id, key);
        self.routes.add_user(ufrag, key);
        self.rooms.entry(room).or_default().push(key);
    }

    fn remove_stream(&mut self, stream: usize) {
        let removed = self.streams.remove(stream);
        self.arrived.retain(|arrival| arrival.stream != stream);
        if removed.voice.speaking_since().is_some()
            && let Some(publisher) = self.by_id.get(&removed.publisher)
        {
            let room = self.participants[*publisher].room;
            if !self.restless.contains(&room) {
                self.restless.push(room);
            }
        }
        for subscriber in &removed.subscribers {
            if let Some(participant) = self.participants.get_mut(subscriber.participant) {
                participant.slots[subscriber.slot].lose(stream);
            }
        }
        if let Some(publisher) = self.by_id.get(&removed.publisher) {
            self.participants[*publisher].retire(stream);
        }
        for key in self.pending.iter().chain(&self.waiting) {
            self.participants[*key].outbound.forget(stream);
        }
    }

    /// The next moment from `at` on at which packets that were held back leave.
    fn next_release_after(&self, at: Instant) -> Instant {
        let since = at.saturating_duration_since(self.started).as_micros();
        let rest = since % RELEASES.as_micros();
        let wait = u64::try_from((RELEASES.as_micros() - rest) % RELEASES.as_micros());
        at + Duration::from_micros(wait.unwrap_or(0))
    }

    /// Takes those whose time has come off the list of those that wait.
    fn wake_waiting(&mut self, now: Instant) {
        let participants = &mut self.participants;
        let pending = &mut self.pending;
        self.waiting.retain(|key| {
            let outbound = &mut participants[*key].outbound;
            if outbound.wake(now) {
                pending.push_back(*key);
            }
            outbound.is_listed = matches!(outbound.turn(), Turn::At(_));
            outbound.is_listed
        });
    }

    fn remove(&mut self, now: Instant, key: usize) {
        let streams: Vec<_> = self.participants[key].streams().collect();
        for stream in streams {
            self.remove_stream(stream);
        }
        for (_, stream) in &mut self.streams {
            stream
                .subscribers
                .retain(|subscriber| subscriber.participant != key);
        }
        let participant = self.participants.remove(key);
        self.by_id.remove(&participant.id);
        self.pending.retain(|pending| *pending != key);
        self.waiting.retain(|waiting| *waiting != key);
        for ufrag in participant.ice.local_ufrags() {
            self.routes.remove_user(ufrag);
        }
        for path in &participant.paths {
            self.routes.remove_path(path);
            self.abandon(*path);
        }
        if let Some(members) = self.rooms.get_mut(&participant.room) {
            members.retain(|member| *member != key);
            if members.is_empty() {
                self.rooms.remove(&participant.room);
                self.forget_speech(participant.room);
                self.next_reviews.remove(&participant.room);
            }
        }
        self.note_unreviewed(participant.room);
        self.hurry(now);
    }

    fn disconnect(&mut self, now: Instant, key: usize, reason: DisconnectReason) {
        let participant = self.participants[key].id;
        self.remove(now, key);
        self.events.push_back(Event::Disconnected {
            participant,
            reason,
        });
    }
}

/// What a worker keeps, for finding leaks.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Footprint {
    pub participants: usize,
    pub streams: usize,
    pub subscriptions: usize,
    pub rooms: usize,
    pub routes: usize,
}

/// What follows a participant's turn to be written for: if it has to wait for
/// its time, it is on the list of those that do. `true` if the batch was full
/// before the turn was over.
fn is_cut_short(
    turn: Turn,
    key: usize,
    participant: &mut Participant,
    waiting: &mut Vec<usize>,
) -> bool {
    if let Turn::At(_) = turn
        && !participant.outbound.is_listed
    {
        participant.outbound.is_listed = true;
        waiting.push(key);
    }
    turn == Turn::Now
}

/// So much before its time a look at what is due costs no wake.
const EARLY: Duration = Duration::from_millis(5);
/// How far apart the moments are at which packets that were held back leave:
/// at each the thread wakes once for all receivers.
const RELEASES: Duration = Duration::from_millis(4);
/// As many packets as a driver takes in before it sends.
const ARRIVALS: usize = 128;
/// Rooms in which somebody begins to speak between two looks.
const RESTLESS: usize = 64;
/// Enough for a peer that mistook its password, too few to be worth a flood.
const REFUSALS_A_SECOND: u32 = 1000;
const MOST_REFUSALS: u32 = 100;
