//! The loop of one worker's thread.

use std::net::TcpStream;
use std::os::fd::AsFd;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use io_thread::arrival::Reading;
use io_thread::feedback::{Feedback, Look};
use io_thread::gauge::Meter;
use io_thread::hand_over::{self, Trains};
use io_thread::messages::{ReceiveBatch, SendMessages};
use io_thread::udp::{self, Carried, Poll, Socket};
use io_thread::wake::Sleep;

use super::streams::{Came, READ_BYTES, Streams};
use super::users::{Users, named_by};
use crate::transport::framing::first_datagram;
use crate::transport::{Path, TransportProtocol};
use crate::worker::Worker;
use crate::worker::batch::{Train, TransmitBatch};
use crate::worker::command::Command;
use crate::worker::event::Event;
use crate::worker::statistics::Statistics;

/// What the handle tells the thread.
pub(super) enum Message {
    Command(Box<Command>),
    /// What takes datagrams for clients of a relay.
    Relay(hand_over::Sender),
    Stop,
}

/// A connection that begins with a check, and what was read of it.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) received: Vec<u8>,
}

/// What comes from other threads.
pub(super) struct Inbox {
    pub(super) messages: Receiver<Message>,
    pub(super) connections: Receiver<Connection>,
    /// Whose connections are let through.
    pub(super) users: Users,
    /// What a relay of this process hands over.
    pub(super) relayed: hand_over::Receiver,
    pub(super) sleep: Sleep,
}

pub(super) struct WorkerThread<F> {
    worker: Worker,
    exits: Exits,
    inbox: Inbox,
    feedback: Feedback,
    /// The sockets, in order, then the inbox, the streams, and those of feedback.
    poll: Poll,
    meter: Meter<Statistics>,
    on_event: F,
    received: ReceiveBatch,
    stream_bytes: Box<[u8]>,
    handed_over: Trains,
    transmit: TransmitBatch,
    /// More connections may wait.
    is_behind: bool,
}

/// The ways out.
struct Exits {
    sockets: Vec<Socket>,
    streams: Streams,
    relay: Option<hand_over::Sender>,
    messages: SendMessages,
}

impl<F: FnMut(Event)> WorkerThread<F> {
    pub(super) fn new(
        worker: Worker,
        sockets: Vec<Socket>,
        streams: Streams,
        inbox: Inbox,
        meter: Meter<Statistics>,
        on_event: F,
    ) -> Self {
        let feedback = Feedback::beside(&sockets, Carried::Bare);
        let descriptors = sockets.iter().map(Socket::as_fd);
        let others = feedback.sockets().iter().map(Socket::as_fd);
        let between = [inbox.sleep.as_fd(), streams.as_fd()];
        let poll = Poll::new(descriptors.chain(between).chain(others));
        Self {
            worker,
            exits: Exits {
                sockets,
                streams,
                relay: None,
                messages: SendMessages::default(),
            },
            inbox,
            feedback,
            poll,
            meter,
            on_event,
            received: ReceiveBatch::default(),
            stream_bytes: vec![0; READ_BYTES].into_boxed_slice(),
            handed_over: Trains::default(),
            transmit: TransmitBatch::new(),
            is_behind: false,
        }
    }

    /// Runs until told to stop.
    pub(super) fn run(&mut self) {
        loop {
            let hidden = self.meter.rest(Instant::now(), || Statistics {
                connections: self.exits.streams.len() as u64,
                left_out: self.exits.streams.left_out(),
                ..self.worker.statistics()
            });
            self.wait(hidden);
            self.meter.wake(Instant::now());
            if self.poll.is_ready(self.exits.sockets.len())
                && self.handle_messages() == Continue::No
            {
                return;
            }
            self.accept_connections();
            self.receive_relayed();
            for index in 0..self.exits.sockets.len() {
                if self.poll.is_ready(index) {
                    self.receive(index);
                }
            }
            self.receive_feedback();
            self.serve_connections();
            self.worker.handle_timeout(Instant::now());
            self.flush();
        }
    }

    /// Waits for datagrams, messages or the worker's next deadline. Only a
    /// worker without deadlines is woken after `limit`.
    fn wait(&mut self, limit: Option<Duration>) {
        let now = Instant::now();
        let until = |at: Instant| at.saturating_duration_since(now);
        let due = [self.worker.next_timeout(), self.exits.streams.next_look()];
        let mut timeout = due.into_iter().flatten().min().map(until).or(limit);
        let mut watched = self.first_of_feedback();
        match self.feedback.rests_until(now) {
            Some(at) => timeout = Some(timeout.map_or(until(at), |other| other.min(until(at)))),
            None => watched += self.feedback.sockets().len(),
        }
        self.inbox.sleep.begin();
        if self.is_behind || self.inbox.relayed.has_some() {
            timeout = Some(Duration::ZERO);
        }
        if let Err(error) = self.poll.wait(watched, timeout) {
            tracing::error!(%error, "waiting for datagrams failed");
            std::thread::sleep(AFTER_FAILURE);
        }
        self.inbox.sleep.end();
    }

    fn handle_messages(&mut self) -> Continue {
        self.inbox.sleep.clear();
        while let Ok(message) = self.inbox.messages.try_recv() {
            match message {
                Message::Command(command) => self.carry_out(*command),
                Message::Relay(relay) => self.exits.relay = Some(relay),
                Message::Stop => return Continue::No,
            }
        }
        Continue::Yes
    }

    fn carry_out(&mut self, command: Command) {
        let ufrag = named_by(&command).map(str::to_owned);
        self.worker.handle_command(Instant::now(), command);
        // It was ignored, or has ended somebody's stay.
        if let Some(ufrag) = ufrag.filter(|ufrag| !self.worker.knows_user(ufrag)) {
            self.inbox.users.remove(&ufrag);
        }
    }

    /// Takes over connections, but no more than a few: all else must have its
    /// turn.
    fn accept_connections(&mut self) {
        for _ in 0..CONNECTIONS_A_TURN {
            let Ok(Connection { stream, received }) = self.inbox.connections.try_recv() else {
                self.is_behind = false;
                return;
            };
            self.accept(stream, &received);
        }
        self.is_behind = true;
    }

    /// Takes what has come to a socket, but no more than a few batches: the
    /// other sockets and the timers must have their turn.
    fn receive(&mut self, index: usize) {
        for _ in 0..BATCHES {
            let Some(count) = self.receive_batch(index) else {
                return;
            };
            if !self.received.is_full(count) {
                return;
            }
        }
    }

    /// Takes what a relay has handed over.
    fn receive_relayed(&mut self) {
        self.inbox.relayed.take(&mut self.handed_over);
        let now = Instant::now();
        let mut since_flush = 0;
        for train in self.handed_over.iter_mut() {
            let path = Path::relayed(train.local, train.remote);
            for datagram in train.bytes.chunks_mut(train.segment_length) {
                self.worker
                    .handle_received(now, train.received, path, datagram);
                since_flush += 1;
            }
            if since_flush >= DATAGRAMS_A_FLUSH {
                since_flush = 0;
                self.exits.flush(&mut self.worker, &mut self.transmit);
            }
        }
    }

    /// Takes the feedback that has come, if it is time for it.
    fn receive_feedback(&mut self) {
        let first = self.first_of_feedback();
        let indices = first..first + self.feedback.sockets().len();
        let is_ready = indices.clone().any(|index| self.poll.is_ready(index));
        let now = Instant::now();
        if !is_ready && !self.feedback.is_due(now) {
            return;
        }
        let mut look = Look::Nothing;
        for index in indices {
            for batch in 1..=BATCHES {
                let Some(count) = self.receive_batch(index) else {
                    break;
                };
                look = look.max(Look::Some);
                if !self.received.is_full(count) {
                    break;
                }
                if batch == BATCHES {
                    look = Look::Full;
                }
            }
        }
        self.feedback.note(now, look);
    }

    /// Takes one batch from the socket that is polled at `index`; gives how
    /// many messages it had, if any.
    fn receive_batch(&mut self, index: usize) -> Option<usize> {
        let socket = match index.checked_sub(self.first_of_feedback()) {
            Some(of_feedback) => &self.feedback.sockets()[of_feedback],
            None => &self.exits.sockets[index],
        };
        let count = match socket.receive(&mut self.received) {
            Ok(0) | Err(_) => return None,
            Ok(count) => count,
        };
        let reading = Reading::begin();
        let local = socket.local();
        let mut since_flush = 0;
        for message in 0..count {
            let Some(message) = self.received.message(message) else {
                continue;
            };
            let path = Path::udp(local, message.remote);
            let received = reading.moment(message.received);
            for datagram in message.datagrams() {
                self.worker
                    .handle_received(reading.now, received, path, datagram);
                since_flush += 1;
            }
            if since_flush >= DATAGRAMS_A_FLUSH {
                since_flush = 0;
                self.exits.flush(&mut self.worker, &mut self.transmit);
            }
        }
        self.flush();
        Some(count)
    }

    /// Takes a connection over. It stays only if it begins with a check of a
    /// participant.
    fn accept(&mut self, stream: TcpStream, received: &[u8]) {
        let now = Instant::now();
        if received.len() > self.stream_bytes.len() {
            return;
        }
        let Ok(Some(check)) = first_datagram(received) else {
            return;
        };
        let path = match Streams::path(&stream) {
            Ok(path) => path,
            Err(error) => {
                tracing::debug!(%error, "a connection for media ended at once");
                return;
            }
        };
        // Its ports can be those of one that has ended unnoticed.
        if let Some(before) = self.exits.streams.find(&path) {
            self.close(now, before);
        }
        let key = match self.exits.streams.add(now, stream, path) {
            Ok(key) => key,
            Err(error) => {
                tracing::debug!(%error, "a connection for media could not be taken over");
                return;
            }
        };
        let rest = &received[check.end..];
        self.stream_bytes[..received.len()].copy_from_slice(received);
        let check = &mut self.stream_bytes[check];
        self.worker.handle_received(now, now, path, check);
        // Nothing else is looked at before it is known whose it is.
        let is_known = self.worker.knows(&path);
        self.stream_bytes[..rest.len()].copy_from_slice(rest);
        if !is_known || !self.take_frames(now, key, path, rest.len()) {
            self.close(now, key);
        }
        self.flush();
    }

    /// Reads what has come over connections, and ends those that are over.
    fn serve_connections(&mut self) {
        let now = Instant::now();
        if self.poll.is_ready(self.exits.sockets.len() + 1) {
            for key in self.exits.streams.poll(now) {
                match self.exits.streams.read(now, key, &mut self.stream_bytes) {
                    Came::Bytes(path, length) => {
                        if !self.take_frames(now, key, path, length) {
                            self.close(now, key);
                        }
                        self.flush();
                    }
                    Came::Nothing => {}
                    Came::End => self.close(now, key),
                }
            }
        }
        self.exits.streams.look(now);
        while let Some(key) = self.exits.streams.poll_failed() {
            self.close(now, key);
        }
    }

    /// Takes the datagrams in the first `length` bytes that were read of a
    /// connection. `false` if that is not what they are.
    fn take_frames(&mut self, now: Instant, key: usize, path: Path, length: usize) -> bool {
        let mut start = 0;
        let mut since_flush = 0;
        loop {
            let rest = &mut self.stream_bytes[start..length];
            match first_datagram(rest) {
                Ok(Some(range)) => {
                    start += range.end;
                    let datagram = &mut rest[range];
                    self.worker.handle_received(now, now, path, datagram);
                    since_flush += 1;
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::debug!(%error, "a connection for media makes no sense");
                    return false;
                }
            }
            if since_flush == DATAGRAMS_A_FLUSH {
                since_flush = 0;
                self.exits.flush(&mut self.worker, &mut self.transmit);
            }
        }
        let partial = &self.stream_bytes[start..length];
        self.exits.streams.keep(now, key, partial, start > 0);
        true
    }

    fn close(&mut self, now: Instant, key: usize) {
        if let Some(path) = self.exits.streams.remove(key) {
            self.worker.lose_path(now, path);
        }
    }

    fn flush(&mut self) {
        self.exits.flush(&mut self.worker, &mut self.transmit);
        while let Some(event) = self.worker.poll_event() {
            (self.on_event)(event);
        }
        while let Some(path) = self.worker.poll_abandoned() {
            self.exits.streams.end(Instant::now(), &path);
        }
        while let Some(ufrag) = self.worker.poll_forgotten_user() {
            self.inbox.users.remove(&ufrag);
        }
    }

    /// Where in the list of what is polled the sockets of feedback begin.
    fn first_of_feedback(&self) -> usize {
        self.exits.sockets.len() + 2
    }
}

impl Exits {
    fn flush(&mut self, worker: &mut Worker, batch: &mut TransmitBatch) {
        loop {
            batch.clear();
            let now = Instant::now();
            worker.poll_transmit(now, batch);
            if batch.is_empty() {
                return;
            }
            let trains = |protocol| {
                let trains = batch.trains().iter();
                trains.filter(move |train: &&Train| train.path.protocol == protocol)
            };
            let as_datagrams = |train: &Train| udp::Train {
                remote: train.path.remote,
                bytes: batch.bytes(train),
                segment_length: train.segment_length,
            };
            for socket in &self.sockets {
                let trains = trains(TransportProtocol::Udp);
                let trains = trains.filter(|train| train.path.local == socket.local());
                socket.send(trains.map(as_datagrams), &mut self.messages);
            }
            self.streams.send(now, batch);
            if let Some(relay) = &self.relay
                && trains(TransportProtocol::Relayed).next().is_some()
            {
                let mut sending = relay.begin();
                for train in trains(TransportProtocol::Relayed) {
                    sending.push(train.path.local, as_datagrams(train), now);
                }
            }
        }
    }
}

#[derive(PartialEq, Eq)]
enum Continue {
    Yes,
    No,
}

/// Receive calls on one socket before the next one's turn.
const BATCHES: usize = 8;
/// Connections taken over before all else has its turn: one takes some
/// 25 microseconds.
const CONNECTIONS_A_TURN: usize = 8;
/// Few enough that no packet leaves a stream's ring before it is sent on.
const DATAGRAMS_A_FLUSH: usize = 128;
const AFTER_FAILURE: Duration = Duration::from_millis(100);
