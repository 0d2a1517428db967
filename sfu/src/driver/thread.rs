//! The loop of one worker's thread.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use super::gauge::Meter;
use super::messages::{ReceiveBatch, SendMessages};
use super::udp::{Poll, Socket};
use crate::transport::Path;
use crate::worker::Worker;
use crate::worker::batch::TransmitBatch;
use crate::worker::command::Command;
use crate::worker::event::Event;

/// What the handle tells the thread.
pub(super) enum Message {
    Command(Box<Command>),
    Stop,
}

pub(super) struct WorkerThread<F> {
    worker: Worker,
    sockets: Vec<Socket>,
    inbox: Receiver<Message>,
    woken: UnixStream,
    /// The sockets, in order, then `woken`.
    poll: Poll,
    meter: Meter,
    on_event: F,
    received: ReceiveBatch,
    transmit: TransmitBatch,
    messages: SendMessages,
}

impl<F: FnMut(Event)> WorkerThread<F> {
    pub(super) fn new(
        worker: Worker,
        sockets: Vec<Socket>,
        inbox: Receiver<Message>,
        woken: UnixStream,
        meter: Meter,
        on_event: F,
    ) -> Self {
        let descriptors = sockets.iter().map(Socket::as_fd);
        let poll = Poll::new(descriptors.chain([woken.as_fd()]));
        Self {
            worker,
            sockets,
            inbox,
            woken,
            poll,
            meter,
            on_event,
            received: ReceiveBatch::new(),
            transmit: TransmitBatch::new(),
            messages: SendMessages::new(),
        }
    }

    /// Runs until told to stop.
    pub(super) fn run(&mut self) {
        loop {
            let hidden = self.meter.rest(Instant::now(), || self.worker.statistics());
            self.wait(hidden);
            self.meter.wake(Instant::now());
            if self.poll.is_ready(self.sockets.len()) && self.handle_messages() == Continue::No {
                return;
            }
            for index in 0..self.sockets.len() {
                if self.poll.is_ready(index) {
                    self.receive(index);
                }
            }
            self.worker.handle_timeout(Instant::now());
            self.flush();
        }
    }

    /// Waits for datagrams, messages or the worker's next deadline. Only a
    /// worker without deadlines is woken after `limit`.
    fn wait(&mut self, limit: Option<Duration>) {
        let due = self
            .worker
            .next_timeout()
            .map(|at| at.saturating_duration_since(Instant::now()));
        if let Err(error) = self.poll.wait(due.or(limit)) {
            tracing::error!(%error, "waiting for datagrams failed");
            std::thread::sleep(AFTER_FAILURE);
        }
    }

    fn handle_messages(&mut self) -> Continue {
        // The pipe only wakes; what it holds says nothing.
        let mut bytes = [0; 256];
        while matches!(self.woken.read(&mut bytes), Ok(count) if count == bytes.len()) {}
        while let Ok(message) = self.inbox.try_recv() {
            match message {
                Message::Command(command) => {
                    self.worker.handle_command(Instant::now(), *command);
                }
                Message::Stop => return Continue::No,
            }
        }
        Continue::Yes
    }

    /// Takes what has come to a socket, but no more than a few batches: the
    /// other sockets and the timers must have their turn.
    fn receive(&mut self, index: usize) {
        for _ in 0..BATCHES {
            let socket = &self.sockets[index];
            let count = match socket.receive(&mut self.received) {
                Ok(0) | Err(_) => return,
                Ok(count) => count,
            };
            let now = Instant::now();
            let local = socket.local();
            let mut since_flush = 0;
            for message in 0..count {
                let Some((remote, segments)) = self.received.message(message) else {
                    continue;
                };
                let path = Path { local, remote };
                for datagram in segments {
                    self.worker.handle_datagram(now, path, datagram);
                    since_flush += 1;
                }
                if since_flush >= DATAGRAMS_A_FLUSH {
                    since_flush = 0;
                    flush(
                        &mut self.worker,
                        &self.sockets,
                        &mut self.transmit,
                        &mut self.messages,
                    );
                }
            }
            self.flush();
            if !self.received.is_full(count) {
                return;
            }
        }
    }

    fn flush(&mut self) {
        flush(
            &mut self.worker,
            &self.sockets,
            &mut self.transmit,
            &mut self.messages,
        );
        while let Some(event) = self.worker.poll_event() {
            (self.on_event)(event);
        }
    }
}

fn flush(
    worker: &mut Worker,
    sockets: &[Socket],
    batch: &mut TransmitBatch,
    messages: &mut SendMessages,
) {
    loop {
        batch.clear();
        worker.poll_transmit(Instant::now(), batch);
        if batch.is_empty() {
            return;
        }
        for socket in sockets {
            socket.send(batch, messages);
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
/// Few enough that no packet leaves a stream's ring before it is sent on.
const DATAGRAMS_A_FLUSH: usize = 128;
const AFTER_FAILURE: Duration = Duration::from_millis(100);
