//! The loop of a server's thread.

use std::io;
use std::mem;
use std::os::fd::OwnedFd;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use io_thread::arrival::Reading;
use io_thread::feedback::{Feedback, LONGEST_REST, Look};
use io_thread::gauge::Meter;
use io_thread::hand_over::{self, Trains};
use io_thread::icmp;
use io_thread::messages::ReceiveBatch;
use io_thread::udp::{Carried, Socket};
use io_thread::wake::Sleep;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use super::connection::Connection;
use super::exits::Exits;
use super::relay_ports::RelayPorts;
use super::{LocalPeer, Statistics, Stream, since_1970};
use crate::{FiveTuple, Icmp, Output, RelayId, Request, Server, Transport};

/// What the handle tells the thread.
#[derive(Debug)]
pub(super) enum Message {
    /// By its name, and when the last of its credentials expire, counted from
    /// 1970.
    EndParticipant(Box<str>, Duration),
    Stop,
}

/// What comes from other threads.
pub(super) struct Inbox {
    pub(super) commands: mpsc::Receiver<Message>,
    pub(super) accepted: mpsc::Receiver<Stream>,
    pub(super) handed_over: hand_over::Receiver,
    pub(super) sleep: Sleep,
}

pub(super) struct ServerThread {
    server: Server,
    output: Output,
    /// When that came of which the output's trains are made.
    times: Vec<Instant>,
    /// The output that is being worked off.
    former: Output,
    exits: Exits,
    feedback: Feedback,
    /// Whether feedback wakes the thread.
    is_feedback_watched: bool,
    /// Since when feedback may wait for a peer's thread.
    patient_since: Option<Instant>,
    relay_ports: RelayPorts,
    inbox: Inbox,
    meter: Meter<Statistics>,
    wall_clock_set: Instant,
    events: Vec<epoll::Event>,
    received: ReceiveBatch,
    handed_over: Trains,
    memory: Box<[u8]>,
}

/// What the thread is told of, as the number that stands for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source {
    Sleep,
    Socket(usize),
    Relay(RelayId),
    Connection(usize),
}

/// Sockets for clients, and the list of what the thread waits for.
pub(super) struct Listening {
    epoll: OwnedFd,
    sockets: Vec<Socket>,
}

/// Makes the list of what the thread waits for.
///
/// # Errors
/// There are no descriptors left.
pub(super) fn watch(sockets: Vec<Socket>, sleep: &Sleep) -> io::Result<Listening> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let reads = epoll::EventFlags::IN;
    epoll::add(&epoll, sleep, Source::Sleep.data(), reads)?;
    for (index, socket) in sockets.iter().enumerate() {
        epoll::add(&epoll, socket, Source::Socket(index).data(), reads)?;
    }
    Ok(Listening { epoll, sockets })
}

impl ServerThread {
    pub(super) fn new(
        server: Server,
        Listening { epoll, sockets }: Listening,
        peers: &[LocalPeer],
        relay_ports: RelayPorts,
        most_waiting: usize,
        inbox: Inbox,
        meter: Meter<Statistics>,
    ) -> Self {
        let feedback = Feedback::beside(&sockets, Carried::OnChannels);
        Self {
            server,
            output: Output::new(),
            times: Vec::new(),
            former: Output::new(),
            exits: Exits::new(epoll, sockets, peers, most_waiting),
            feedback,
            is_feedback_watched: false,
            patient_since: None,
            relay_ports,
            inbox,
            meter,
            wall_clock_set: Instant::now(),
            events: Vec::with_capacity(EVENTS),
            received: ReceiveBatch::default(),
            handed_over: Trains::default(),
            memory: vec![0; READ_BYTES].into_boxed_slice(),
        }
    }

    /// Runs until told to stop.
    pub(super) fn run(&mut self) {
        loop {
            let now = Instant::now();
            let statistics = || self.exits.statistics(&self.server);
            let hidden = self.meter.rest(now, statistics);
            self.wait(hidden);
            let now = Instant::now();
            self.meter.wake(now);
            self.set_wall_clock(now);
            if self.feedback.is_due(now) {
                self.receive_feedback(now);
            }
            let mut events = mem::take(&mut self.events);
            for event in events.drain(..) {
                let (flags, data) = (event.flags, event.data);
                match Source::of(data) {
                    Source::Sleep => self.inbox.sleep.clear(),
                    Source::Socket(index) if index < self.exits.sockets.len() => {
                        self.receive_from_clients(index);
                    }
                    Source::Socket(_) => self.receive_feedback(now),
                    Source::Relay(relay) => {
                        if flags.contains(epoll::EventFlags::ERR) {
                            self.receive_errors(relay);
                        }
                        self.receive_from_peers(relay);
                    }
                    Source::Connection(key) => self.serve(key, flags),
                }
            }
            self.events = events;
            if self.handle_messages() == Continue::No {
                return;
            }
            self.take_handed_over();
            let now = Instant::now();
            self.end_patience(now);
            if self.server.poll_timeout().is_some_and(|at| at <= now) {
                self.server.handle_timeout(now, &mut self.output);
            }
            self.carry_out(now);
        }
    }

    /// Waits for something to come, for the server's next deadline, or for as
    /// long as `limit`.
    fn wait(&mut self, limit: Option<Duration>) {
        let now = Instant::now();
        let until = |at: Instant| at.saturating_duration_since(now);
        let rests_until = self.feedback.rests_until(now);
        self.watch_feedback(rests_until.is_none());
        if !self
            .exits
            .peers
            .senders
            .iter()
            .any(hand_over::Sender::has_some)
        {
            self.patient_since = None;
        }
        let patience_ends = self.patient_since.map(|since| since + LONGEST_REST);
        let deadlines = [self.server.poll_timeout(), rests_until, patience_ends];
        let deadlines = deadlines.into_iter().flatten().map(until);
        let mut timeout = deadlines.chain(limit).min();
        self.inbox.sleep.begin();
        if self.inbox.handed_over.has_some() {
            timeout = Some(Duration::ZERO);
        }
        // The kernel may count in milliseconds, and must not wake us too early.
        let timeout = timeout.map(|timeout| {
            let milliseconds = timeout.as_nanos().div_ceil(1_000_000).min(LONGEST_SLEEP);
            Timespec {
                tv_sec: (milliseconds / 1000) as i64,
                tv_nsec: ((milliseconds % 1000) * 1_000_000) as i64,
            }
        });
        let events = spare_capacity(&mut self.events);
        match epoll::wait(&self.exits.epoll, events, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => {
                tracing::error!(%error, "waiting for TURN clients failed");
                std::thread::sleep(AFTER_FAILURE);
            }
        }
        self.inbox.sleep.end();
    }

    fn set_wall_clock(&mut self, now: Instant) {
        if now.saturating_duration_since(self.wall_clock_set) >= WALL_CLOCK_APART {
            self.wall_clock_set = now;
            self.server.set_wall_clock(now, since_1970());
        }
    }

    fn handle_messages(&mut self) -> Continue {
        while let Ok(message) = self.inbox.commands.try_recv() {
            match message {
                Message::EndParticipant(participant, expires) => {
                    let (now, output) = (Instant::now(), &mut self.output);
                    self.server
                        .end_participant(now, &participant, expires, output);
                }
                Message::Stop => return Continue::No,
            }
        }
        while let Ok(stream) = self.inbox.accepted.try_recv() {
            self.accept(stream);
        }
        Continue::Yes
    }

    fn accept(&mut self, mut stream: Stream) {
        let received = mem::take(&mut stream.received);
        // Whoever has gone already needs no answer.
        let Ok(connection) = Connection::new(stream) else {
            return;
        };
        let now = Instant::now();
        let client = connection.client;
        if !self.server.open_stream(now, client, &mut self.output) {
            connection.close();
            return;
        }
        let key = self.exits.connections.insert(connection);
        self.exits.by_client.insert(client, key);
        let stream = self.exits.connections[key].stream();
        let (data, reads) = (Source::Connection(key).data(), epoll::EventFlags::IN);
        if let Err(error) = epoll::add(&self.exits.epoll, stream, data, reads) {
            tracing::warn!(%error, "a TURN connection cannot be watched");
            self.end_connection(now, key);
            return;
        }
        self.server
            .handle_stream(now, client, &received, &mut self.output);
        self.times.resize(self.output.trains().len(), now);
        // TLS may hold more that was read already, of which nobody tells.
        self.read_connection(key);
    }

    /// Has feedback wake the thread, or not.
    fn watch_feedback(&mut self, is_watched: bool) {
        if is_watched == self.is_feedback_watched {
            return;
        }
        self.is_feedback_watched = is_watched;
        let numbers = self.exits.sockets.len()..;
        for (number, socket) in numbers.zip(self.feedback.sockets()) {
            let (epoll, data) = (&self.exits.epoll, Source::Socket(number).data());
            let done = if is_watched {
                epoll::add(epoll, socket, data, epoll::EventFlags::IN)
            } else {
                epoll::delete(epoll, socket)
            };
            if let Err(error) = done {
                tracing::error!(%error, "feedback to the relay cannot be watched");
            }
        }
    }

    /// Takes feedback, and hands it over without waking anybody.
    fn receive_feedback(&mut self, now: Instant) {
        // What waits is not of this kind.
        self.carry_out(now);
        self.exits.is_patient = true;
        let mut look = Look::Nothing;
        let sockets = self.exits.sockets.len();
        for index in sockets..sockets + self.feedback.sockets().len() {
            look = look.max(self.receive_from_clients(index));
        }
        self.exits.is_patient = false;
        self.feedback.note(now, look);
        if look > Look::Nothing && self.patient_since.is_none() {
            self.patient_since = Some(now);
        }
    }

    /// Has peers take feedback that has waited for long.
    fn end_patience(&mut self, now: Instant) {
        if self
            .patient_since
            .is_some_and(|since| now >= since + LONGEST_REST)
        {
            self.patient_since = None;
            for sender in &self.exits.peers.senders {
                sender.hurry();
            }
        }
    }

    /// Takes what has come to a socket, but no more than a few batches: others
    /// must have their turn.
    fn receive_from_clients(&mut self, index: usize) -> Look {
        let mut look = Look::Nothing;
        for batch in 1..=BATCHES {
            let sockets = &self.exits.sockets;
            let socket = match index.checked_sub(sockets.len()) {
                Some(of_feedback) => &self.feedback.sockets()[of_feedback],
                None => &sockets[index],
            };
            let server = socket.local();
            let count = match socket.receive(&mut self.received) {
                Ok(0) | Err(_) => break,
                Ok(count) => count,
            };
            look = Look::Some;
            let reading = Reading::begin();
            for at in 0..count {
                let Some(message) = self.received.message(at) else {
                    continue;
                };
                if Server::is_synthetic(message.remote) {
                    // Nobody's address: it was forged.
                    continue;
                }
                let client = FiveTuple {
                    transport: Transport::Udp,
                    server,
                    client: message.remote,
                };
                self.server.handle_datagrams(
                    reading.now,
                    client,
                    message.bytes,
                    message.segment_length,
                    &mut self.output,
                );
                let received = reading.moment(message.received);
                self.times.resize(self.output.trains().len(), received);
                if self.output.byte_count() > FULL {
                    self.carry_out(reading.now);
                }
            }
            if !self.received.is_full(count) {
                break;
            }
            if batch == BATCHES {
                look = Look::Full;
            }
        }
        self.carry_out(Instant::now());
        look
    }

    /// Takes what the network says of what was sent from a relay port.
    fn receive_errors(&mut self, relay: RelayId) {
        for _ in 0..ERRORS {
            let Some(port) = self.exits.relays.get(&relay) else {
                break;
            };
            let Some(error) = icmp::receive_error(&port.socket) else {
                break;
            };
            let (now, relayed) = (Instant::now(), port.address);
            let icmp = Icmp {
                typ: error.typ,
                code: error.code,
                mtu: error.information,
            };
            self.server
                .icmp_from_peer(now, relayed, error.remote, icmp, &mut self.output);
        }
    }

    /// Takes what peers have sent to a relay port.
    fn receive_from_peers(&mut self, relay: RelayId) {
        for _ in 0..BATCHES {
            // It may have been closed by what came just before.
            let Some(port) = self.exits.relays.get(&relay) else {
                break;
            };
            let relayed = port.address;
            let count = match port.socket.receive(&mut self.received) {
                Ok(0) | Err(_) => break,
                Ok(count) => count,
            };
            let now = Instant::now();
            for at in 0..count {
                let Some(message) = self.received.message(at) else {
                    continue;
                };
                self.server.from_peer(
                    now,
                    relayed,
                    message.remote,
                    message.bytes,
                    message.segment_length,
                    &mut self.output,
                );
                if self.output.byte_count() > FULL {
                    self.carry_out(now);
                }
            }
            if !self.received.is_full(count) {
                break;
            }
        }
        self.carry_out(Instant::now());
    }

    /// Takes what peers of this process have handed over.
    fn take_handed_over(&mut self) {
        let mut trains = mem::take(&mut self.handed_over);
        self.inbox.handed_over.take(&mut trains);
        let now = Instant::now();
        for train in trains.iter_mut() {
            self.server.from_peer(
                now,
                train.remote,
                train.local,
                train.bytes,
                train.segment_length,
                &mut self.output,
            );
            if self.output.byte_count() > FULL {
                self.carry_out(now);
            }
        }
        self.handed_over = trains;
        self.carry_out(now);
    }

    fn serve(&mut self, key: usize, flags: epoll::EventFlags) {
        if flags.contains(epoll::EventFlags::OUT) && self.exits.flush(key).is_err() {
            self.end_connection(Instant::now(), key);
            return;
        }
        self.exits.watch_writes(key);
        if flags.intersects(!epoll::EventFlags::OUT) {
            self.read_connection(key);
        }
    }

    fn read_connection(&mut self, key: usize) {
        let Some(connection) = self.exits.connections.get_mut(key) else {
            return;
        };
        let now = Instant::now();
        let (client, before) = (connection.client, connection.waiting());
        let (server, output) = (&mut self.server, &mut self.output);
        let read = connection.receive(&mut self.memory, |bytes| {
            server.handle_stream(now, client, bytes, output);
        });
        let after = connection.waiting();
        self.exits.threshold.change(before, after);
        self.times.resize(self.output.trains().len(), now);
        if read.is_err() {
            self.end_connection(now, key);
        } else {
            self.exits.watch_writes(key);
        }
        if self.output.byte_count() > FULL {
            self.carry_out(now);
        }
    }

    /// Forgets a connection that has ended.
    fn end_connection(&mut self, now: Instant, key: usize) {
        if let Some(connection) = self.exits.remove_connection(key) {
            let client = connection.client;
            // What was for it goes nowhere, even if it comes again at once.
            self.exits.by_client.remove(&client);
            self.server.close_stream(now, client, &mut self.output);
        }
    }

    /// Does all that the server wants done.
    fn carry_out(&mut self, now: Instant) {
        while !self.output.is_empty() || !self.exits.ended.is_empty() {
            self.times.resize(self.output.trains().len(), now);
            mem::swap(&mut self.output, &mut self.former);
            self.exits.send(&self.former, &self.times);
            self.times.clear();
            let former = mem::take(&mut self.former);
            for request in former.requests() {
                self.grant(now, *request);
            }
            self.former = former;
            self.former.clear();
            while let Some(key) = self.exits.ended.pop() {
                self.end_connection(now, key);
            }
        }
    }

    fn grant(&mut self, now: Instant, request: Request) {
        match request {
            Request::OpenRelay {
                relay,
                family,
                port,
                next,
            } => {
                let bound = &self.exits.relays_bound;
                let opened = self.relay_ports.open(family, port, bound);
                let opened = opened.and_then(|ports| self.exits.keep(relay, next, port, ports));
                self.server
                    .relay_opened(now, relay, opened, &mut self.output);
            }
            Request::CloseRelay(relay) => {
                if let Some(port) = self.exits.relays.remove(&relay) {
                    self.exits.relays_bound.remove(&port.socket.local());
                }
            }
            Request::CloseStream(client) => {
                if let Some(key) = self.exits.by_client.remove(&client)
                    && let Some(connection) = self.exits.remove_connection(key)
                {
                    connection.close();
                }
            }
        }
    }
}

impl Source {
    pub(super) fn data(self) -> epoll::EventData {
        let (kind, number) = match self {
            Self::Sleep => (0, 0),
            Self::Socket(index) => (1, index as u64),
            Self::Relay(relay) => (2, relay.0),
            Self::Connection(key) => (3, key as u64),
        };
        epoll::EventData::new_u64(number << 2 | kind)
    }

    fn of(data: epoll::EventData) -> Self {
        let number = data.u64() >> 2;
        match data.u64() & 3 {
            0 => Self::Sleep,
            1 => Self::Socket(number as usize),
            2 => Self::Relay(RelayId(number)),
            _ => Self::Connection(number as usize),
        }
    }
}

#[derive(PartialEq, Eq)]
enum Continue {
    Yes,
    No,
}

/// What the kernel tells at once.
const EVENTS: usize = 256;
/// Receive calls on one socket before the next one's turn.
const BATCHES: usize = 8;
/// Of one relay port, before its turn to be read.
const ERRORS: usize = 16;
/// Little enough that the kernel finds it in the processor's cache.
const FULL: usize = 192 * 1024;
/// What is read of a connection at once.
const READ_BYTES: usize = 64 * 1024;
/// In milliseconds.
const LONGEST_SLEEP: u128 = 3_600_000;
const WALL_CLOCK_APART: Duration = Duration::from_secs(10);
const AFTER_FAILURE: Duration = Duration::from_millis(100);
