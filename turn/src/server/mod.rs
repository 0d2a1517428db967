//! The state machine.

mod allocate;
mod answer;
mod authentication;
mod data;
mod permission;
mod refresh;
mod relay_port;
mod reservation;
mod statistics;
mod stream;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use slab::Slab;
use thiserror::Error;

pub(crate) use self::answer::Question;
pub use self::data::Icmp;
pub use self::relay_port::RelayRefused;
use self::reservation::{Reservation, Tokens};
pub use self::statistics::{Dropped, Footprint, Statistics};
use self::stream::Stream;
use crate::address::{Family, FiveTuple, Source};
use crate::allocation::Allocation;
use crate::channel_data::Channels;
use crate::credentials::SharedSecret;
use crate::ended::Ended;
use crate::framing::Nonsense;
use crate::nonce::{Age, Nonces};
use crate::output::{Output, RelayId, Request};
use crate::peers::Peers;
use crate::quota::{Limits, Quotas};
use crate::strangers::Strangers;
use crate::stun::{Attribute, Class, ErrorCode, Message, Method};
use crate::synthetic::{self, SyntheticAddresses};

/// What a server is started with.
#[derive(Clone)]
pub struct Config {
    /// What clients are told that their credentials are for: 1 to 127 bytes.
    pub realm: String,
    /// Credentials of each of these are taken, so that one can be replaced.
    pub secrets: Vec<SharedSecret>,
    /// What relayed addresses there are.
    pub families: Vec<Family>,
    /// Which of the hosts, 1 to 254, that synthetic addresses have are this
    /// server's. Servers that hand over to the same peers must share none: a
    /// peer takes two clients with one address for one.
    pub synthetic_hosts: RangeInclusive<u8>,
    pub channels: Channels,
    pub limits: Limits,
    /// Random bytes that nobody else knows, for nonces and reservations. They
    /// are drawn anew for each server and at each start: under a key that was
    /// used before, what was overheard then is good once more.
    pub key: [u8; 32],
}

/// Why a server does not start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum ConfigError {
    #[error("the realm must have 1 to 127 bytes")]
    Realm,
    #[error("at least one secret is needed")]
    Secrets,
    #[error("at least one address family is needed")]
    Families,
    #[error("synthetic addresses need hosts from 1 to 254")]
    SyntheticHosts,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("realm", &self.realm)
            .field("families", &self.families)
            .field("synthetic_hosts", &self.synthetic_hosts)
            .field("channels", &self.channels)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// A TURN server.
#[derive(Debug)]
pub struct Server {
    config: Config,
    peers: Peers,
    nonces: Nonces,
    tokens: Tokens,
    /// A moment, and how long after 1970 it was.
    wall_clock: (Instant, Duration),
    allocations: Slab<Allocation>,
    by_client: HashMap<FiveTuple, usize>,
    /// Whose a relayed address is; nobody's while it is reserved.
    by_relayed: HashMap<SocketAddr, Option<usize>>,
    reservations: HashMap<[u8; 8], Reservation>,
    opening: HashMap<RelayId, usize>,
    timers: BTreeSet<(Instant, Timer)>,
    streams: HashMap<FiveTuple, Stream>,
    stream_sources: HashMap<Source, u32>,
    /// Connections without an allocation, and until when they may be so.
    waiting: BTreeSet<(Instant, FiveTuple)>,
    quotas: Quotas,
    ended: Ended,
    /// By source: anybody asks in anybody's name.
    strangers: Strangers,
    /// By five-tuple: they have shown a nonce, so they get what is sent there.
    newcomers: Strangers,
    synthetic: SyntheticAddresses,
    next_relay: u64,
    next_indication: u64,
    /// Whose the last packet was: mostly the next one is of the same client.
    recent: Option<(FiveTuple, usize)>,
    statistics: Statistics,
}

/// What is looked at when its time has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Timer {
    Allocation(usize),
    Reservation([u8; 8]),
}

impl Server {
    /// A server without peers. `now` is `since_1970` after 1970 by the wall
    /// clock.
    pub fn new(now: Instant, since_1970: Duration, config: Config) -> Result<Self, ConfigError> {
        if !(1..=127).contains(&config.realm.len()) {
            return Err(ConfigError::Realm);
        }
        if config.secrets.is_empty() {
            return Err(ConfigError::Secrets);
        }
        if config.families.is_empty() {
            return Err(ConfigError::Families);
        }
        let hosts = &config.synthetic_hosts;
        if hosts.is_empty() || *hosts.start() == 0 || *hosts.end() == 255 {
            return Err(ConfigError::SyntheticHosts);
        }
        Ok(Self {
            synthetic: SyntheticAddresses::new(hosts),
            nonces: Nonces::new(now, &config.key),
            tokens: Tokens::new(&config.key),
            config,
            peers: Peers::default(),
            wall_clock: (now, since_1970),
            allocations: Slab::new(),
            by_client: HashMap::new(),
            by_relayed: HashMap::new(),
            reservations: HashMap::new(),
            opening: HashMap::new(),
            timers: BTreeSet::new(),
            streams: HashMap::new(),
            stream_sources: HashMap::new(),
            waiting: BTreeSet::new(),
            quotas: Quotas::default(),
            ended: Ended::default(),
            strangers: Strangers::new(now),
            newcomers: Strangers::new(now),
            next_relay: 0,
            next_indication: 0,
            recent: None,
            statistics: Statistics::default(),
        })
    }

    /// Tells how long after 1970 `now` is, when the system's clock was set.
    pub fn set_wall_clock(&mut self, now: Instant, since_1970: Duration) {
        self.wall_clock = (now, since_1970);
    }

    /// Sets who can be reached. Permissions and channels for others end.
    ///
    /// Allocations have relay ports only if a peer of the same family needed
    /// one when they were made. Those made before cannot reach such a peer.
    pub fn set_peers(&mut self, peers: Peers) {
        for (_, allocation) in &mut self.allocations {
            allocation.keep_to(&peers);
        }
        self.peers = peers;
    }

    /// Ends all allocations of a participant. Of its credentials those that
    /// expire at `expires`, counted from 1970, or before are good no more.
    pub fn end_participant(
        &mut self,
        now: Instant,
        participant: &str,
        expires: Duration,
        output: &mut Output,
    ) {
        let today = self.seconds_since_1970(now);
        self.ended.note(today, participant, expires.as_secs());
        for key in self.quotas.held_by(participant).to_vec() {
            self.remove(now, key, output);
        }
    }

    /// Takes what a client sent over UDP at once: datagrams of
    /// `segment_length` bytes, the last of which may be shorter.
    pub fn handle_datagrams(
        &mut self,
        now: Instant,
        client: FiveTuple,
        datagrams: &[u8],
        segment_length: usize,
        output: &mut Output,
    ) {
        for datagram in datagrams.chunks(segment_length.max(1)) {
            // Over UDP nonsense is met with silence.
            if self.handle_frame(now, client, datagram, output).is_err() {
                self.statistics.dropped.malformed += 1;
            }
        }
    }

    /// The next time at which [`Server::handle_timeout`] must be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let timer = self.timers.first().map(|(at, _)| *at);
        let deadline = self.waiting.first().map(|(at, _)| *at);
        timer.into_iter().chain(deadline).min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant, output: &mut Output) {
        while let Some((at, timer)) = self.timers.first().copied()
            && at <= now
        {
            self.timers.pop_first();
            match timer {
                Timer::Allocation(key) => self.review(now, key, output),
                Timer::Reservation(token) => self.end_reservation(token, output),
            }
        }
        while let Some((at, client)) = self.waiting.first().copied()
            && at <= now
        {
            self.drop_stream(now, client, output);
        }
    }

    /// Whether this is an address that a client is reached at.
    pub fn is_relayed(&self, address: SocketAddr) -> bool {
        self.by_relayed.contains_key(&address)
    }

    /// Whether this is of the addresses that no socket is bound to, be it a
    /// client's or nobody's, or another server's. What peers send there must
    /// never reach a network, and what comes from there was forged.
    pub fn is_synthetic(address: SocketAddr) -> bool {
        synthetic::contain(address.ip())
    }

    /// What was counted since the start.
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// Takes a message or channel data.
    ///
    /// # Errors
    /// If it is neither, or the client asks for more than is good.
    fn handle_frame(
        &mut self,
        now: Instant,
        client: FiveTuple,
        frame: &[u8],
        output: &mut Output,
    ) -> Result<(), Nonsense> {
        if frame.len() > crate::LONGEST_MESSAGE {
            return Err(Nonsense);
        }
        if frame.first().is_some_and(|first| *first >= 0x40) {
            return self.handle_channel_data(now, client, frame, output);
        }
        let message = Message::read(frame).ok_or(Nonsense)?;
        match (message.class, message.method) {
            (Class::Indication, Method::SEND) => {
                self.handle_send(now, client, &message, output);
                Ok(())
            }
            (
                Class::Request,
                Method::BINDING
                | Method::ALLOCATE
                | Method::REFRESH
                | Method::CREATE_PERMISSION
                | Method::CHANNEL_BIND,
            ) => self.handle_request(now, client, &message, output),
            // RFC 8489 §6.3: what is of no use is ignored.
            _ => Ok(()),
        }
    }

    fn handle_request(
        &mut self,
        now: Instant,
        client: FiveTuple,
        message: &Message,
        output: &mut Output,
    ) -> Result<(), Nonsense> {
        self.statistics.requests += 1;
        let is_settled = self.by_client.contains_key(&client);
        let is_binding = message.method == Method::BINDING;
        let nonce = message.get(Attribute::NONCE).filter(|_| !is_binding);
        let age = nonce.and_then(|nonce| self.nonces.age(now, &client, nonce));
        // Over a stream, nobody else can use up what is the client's. Over UDP
        // only what is authentic counts for it.
        let is_stream = client.transport.is_stream();
        let may_ask = match (is_settled, is_stream) {
            (true, true) => self.spend_request(now, &client),
            (true, false) => !is_binding || self.may_answer_stranger(now, &client),
            (false, true) => self.count_early_request(&client).map(|()| true)?,
            (false, false) if age == Some(Age::Fresh) => self.may_answer_newcomer(now, &client),
            (false, false) => self.may_answer_stranger(now, &client),
        };
        if !may_ask {
            self.statistics.dropped.excess += 1;
            return Ok(());
        }
        if is_binding {
            self.answer_binding(client, message, output);
            return Ok(());
        }
        let identity = match self.authenticate(now, &client, message, age) {
            Ok(identity) => identity,
            Err(reason) => {
                let may_answer = if !is_settled || is_stream {
                    true
                } else if reason.is_only_stale {
                    self.spend_request(now, &client)
                } else {
                    self.may_answer_stranger(now, &client)
                };
                if may_answer {
                    self.challenge(now, client, message, reason.code, output);
                }
                return Ok(());
            }
        };
        if is_settled && !is_stream && !self.spend_request(now, &client) {
            self.statistics.dropped.excess += 1;
            return Ok(());
        }
        let question = Question::of(message, Some(&identity));
        if message.unknown_attributes().next().is_some() {
            self.refuse_unknown(client, message, &question, output);
            return Ok(());
        }
        let username = identity.username;
        let done = match message.method {
            Method::ALLOCATE => self.allocate(now, client, message, &question, username, output),
            Method::REFRESH => {
                self.refresh(now, client, message, &question, username.whole, output)
            }
            Method::CREATE_PERMISSION => {
                self.create_permission(now, client, message, &question, username.whole, output)
            }
            _ => self.bind_channel(now, client, message, &question, username.whole, output),
        };
        if let Err(code) = done {
            self.refuse(client, &question, code, output);
        }
        Ok(())
    }

    /// Whether an answer that anybody can ask for in another's name may leave.
    fn may_answer_stranger(&mut self, now: Instant, client: &FiveTuple) -> bool {
        let rate = self.config.limits.answers_to_strangers;
        self.strangers
            .may_be_answered(now, rate, Source::of(client))
    }

    /// Whether a client without an allocation, who gets our answers, may be
    /// given one more.
    fn may_answer_newcomer(&mut self, now: Instant, client: &FiveTuple) -> bool {
        let rate = self.config.limits.answers_to_strangers;
        self.newcomers.may_be_answered(now, rate, client)
    }

    /// Counts a request of a client that has an allocation.
    fn spend_request(&mut self, now: Instant, client: &FiveTuple) -> bool {
        let rate = self.config.limits.requests;
        self.by_client
            .get(client)
            .is_some_and(|key| self.allocations[*key].requests.take(now, rate, 1))
    }

    /// The allocation that a client can use.
    fn ready(&mut self, now: Instant, client: &FiveTuple) -> Option<usize> {
        let key = match self.recent {
            Some((recent, key)) if recent == *client => key,
            _ => {
                let key = *self.by_client.get(client)?;
                self.recent = Some((*client, key));
                key
            }
        };
        self.allocations[key].is_ready(now).then_some(key)
    }

    /// The allocation that a request is about, if it is its user's.
    fn owned(
        &mut self,
        now: Instant,
        client: &FiveTuple,
        username: &str,
    ) -> Result<usize, ErrorCode> {
        let key = self
            .ready(now, client)
            .ok_or(ErrorCode::ALLOCATION_MISMATCH)?;
        if *self.allocations[key].username != *username {
            return Err(ErrorCode::WRONG_CREDENTIALS);
        }
        Ok(key)
    }

    /// Has an allocation looked at when the first of its addresses expires.
    fn schedule(&mut self, key: usize, at: Instant) {
        let allocation = &mut self.allocations[key];
        self.timers
            .remove(&(allocation.timer, Timer::Allocation(key)));
        allocation.timer = at;
        self.timers.insert((at, Timer::Allocation(key)));
    }

    /// Ends what has expired of an allocation.
    fn review(&mut self, now: Instant, key: usize, output: &mut Output) {
        if self.allocations[key].pending.is_some() {
            self.give_up_opening(now, key, output);
            return;
        }
        for family in Family::ALL {
            let relay = self.allocations[key].relays[family.index()];
            if relay.is_some_and(|relay| relay.expires_at <= now) {
                self.end_relay(key, family, output);
            }
        }
        self.go_on(now, key, output);
    }

    /// Keeps an allocation for as long as it has any address.
    fn go_on(&mut self, now: Instant, key: usize, output: &mut Output) {
        match self.allocations[key].next_expiry() {
            Some(at) => self.schedule(key, at),
            None => self.remove(now, key, output),
        }
    }

    /// Takes one of an allocation's addresses away.
    fn end_relay(&mut self, key: usize, family: Family, output: &mut Output) {
        let Some(relay) = self.allocations[key].relays[family.index()].take() else {
            return;
        };
        self.by_relayed.remove(&relay.address);
        if let Some(port) = relay.port {
            output.request(Request::CloseRelay(port));
        }
    }

    fn remove(&mut self, now: Instant, key: usize, output: &mut Output) {
        for family in Family::ALL {
            self.end_relay(key, family, output);
        }
        let allocation = self.allocations.remove(key);
        self.quotas.let_go(allocation.share, key);
        self.recent = None;
        self.by_client.remove(&allocation.client);
        self.timers
            .remove(&(allocation.timer, Timer::Allocation(key)));
        let source = Source::of(&allocation.client);
        let pending = allocation.pending.iter();
        for opening in pending.flat_map(|pending| &pending.opening) {
            self.opening.remove(&opening.relay);
            relay_port::close(opening, output);
            if opening.next.is_some() {
                self.quotas.give_back(allocation.participant(), source);
            }
        }
        self.quotas.give_back(allocation.participant(), source);
        self.statistics.allocations = self.allocations.len() as u64;
        self.let_wait(now, allocation.client);
    }
}
