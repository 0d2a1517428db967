//! The thread that drives participants. It polls their sockets on a timer
//! and never sleeps on them, so no server pays for waking it.

use std::io;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::dtls::Identity;
use super::participant::{Participant, Plan, Stage};
use super::tally::Tally;
use crate::system::affinity;
use crate::system::udp::Batch;

/// A number that the caller gives a participant.
pub type Id = usize;

/// A participant took a step of its join.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Progress {
    pub id: Id,
    pub stage: Stage,
    pub at: Instant,
}

/// A running engine. Dropping it ends the thread and all its participants.
#[derive(Debug)]
pub struct Engine {
    commands: Sender<Command>,
    thread: Option<JoinHandle<()>>,
}

enum Command {
    Add(Id, Box<Plan>),
    Remove(Id),
    Pause,
    /// Goes on publishing, and counts from there on.
    ResumeAnew,
    Tally(oneshot::Sender<Tally>),
    Stop,
}

impl Engine {
    /// Starts a thread on `core`. Participants' progress goes to `progress`.
    ///
    /// # Errors
    /// No thread can be had.
    pub fn start(
        core: usize,
        identity: Identity,
        progress: mpsc::UnboundedSender<Progress>,
    ) -> io::Result<Self> {
        let (commands, inbox) = channel();
        let thread = thread::Builder::new()
            .name(format!("load-{core}"))
            .spawn(move || {
                // Where the core cannot be had, the scheduler's choice serves.
                let _ = affinity::confine_to(&[core]);
                Loop::new(inbox, identity, progress).run();
            })?;
        Ok(Self {
            commands,
            thread: Some(thread),
        })
    }

    pub fn add(&self, id: Id, plan: Plan) {
        self.tell(Command::Add(id, Box::new(plan)));
    }

    pub fn remove(&self, id: Id) {
        self.tell(Command::Remove(id));
    }

    /// Stops publishing; what is on its way still arrives.
    pub fn pause(&self) {
        self.tell(Command::Pause);
    }

    pub fn resume_anew(&self) {
        self.tell(Command::ResumeAnew);
    }

    /// What was counted since the last [`Engine::resume_anew`].
    pub async fn tally(&self) -> Tally {
        let (answer, tally) = oneshot::channel();
        self.tell(Command::Tally(answer));
        tally.await.unwrap_or_default()
    }

    fn tell(&self, command: Command) {
        // The thread ends only when told to, so somebody listens.
        let _ = self.commands.send(command);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.tell(Command::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Loop {
    inbox: Receiver<Command>,
    identity: Identity,
    progress: mpsc::UnboundedSender<Progress>,
    participants: Vec<(Id, Participant)>,
    is_paused: bool,
    whole: Batch,
    starts: Batch,
    longest_round: Duration,
}

impl Loop {
    fn new(
        inbox: Receiver<Command>,
        identity: Identity,
        progress: mpsc::UnboundedSender<Progress>,
    ) -> Self {
        Self {
            inbox,
            identity,
            progress,
            participants: Vec::new(),
            is_paused: false,
            whole: Batch::new(WHOLE_BYTES),
            starts: Batch::new(START_BYTES),
            longest_round: Duration::ZERO,
        }
    }

    fn run(&mut self) {
        let mut next_sweep = Instant::now();
        loop {
            let now = Instant::now();
            if self.handle_commands(now) {
                return;
            }
            self.publish(now);
            let is_sweep = now >= next_sweep;
            if is_sweep {
                next_sweep = now + SWEEP;
            }
            self.poll(now, is_sweep);
            self.longest_round = self.longest_round.max(now.elapsed());
            self.sleep(now + TICK);
        }
    }

    /// Gives whether to stop.
    fn handle_commands(&mut self, now: Instant) -> bool {
        loop {
            match self.inbox.try_recv() {
                Ok(Command::Add(id, plan)) => self.add(now, id, *plan),
                Ok(Command::Remove(gone)) => self.participants.retain(|(id, _)| *id != gone),
                Ok(Command::Pause) => self.is_paused = true,
                Ok(Command::ResumeAnew) => {
                    self.is_paused = false;
                    self.longest_round = Duration::ZERO;
                    for (_, participant) in &mut self.participants {
                        participant.reset();
                        participant.resume(now);
                    }
                }
                Ok(Command::Tally(answer)) => {
                    let _ = answer.send(self.tally());
                }
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => return true,
                Err(TryRecvError::Empty) => return false,
            }
        }
    }

    fn add(&mut self, now: Instant, id: Id, plan: Plan) {
        match Participant::new(now, plan) {
            Ok(participant) => self.participants.push((id, participant)),
            Err(reason) => {
                let _ = self.progress.send(Progress {
                    id,
                    stage: Stage::Failed(reason),
                    at: now,
                });
            }
        }
    }

    fn publish(&mut self, now: Instant) {
        if self.is_paused {
            return;
        }
        for (_, participant) in &mut self.participants {
            if participant.next_due().is_some_and(|at| now >= at) {
                participant.publish(now);
            }
        }
    }

    /// Looks at every socket in a sweep, else only at those that have
    /// something to answer soon.
    fn poll(&mut self, now: Instant, is_sweep: bool) {
        for (id, participant) in &mut self.participants {
            if !is_sweep && !participant.is_urgent() {
                continue;
            }
            let batch = if participant.needs_whole_datagrams() {
                &mut self.whole
            } else {
                &mut self.starts
            };
            participant.receive(now, &self.identity, batch);
            participant.handle_timeout(now);
            for stage in participant.take_stages() {
                // Without a listener the test is over.
                let _ = self.progress.send(Progress {
                    id: *id,
                    stage,
                    at: Instant::now(),
                });
            }
        }
    }

    fn sleep(&self, until: Instant) {
        let media = (!self.is_paused)
            .then(|| {
                self.participants
                    .iter()
                    .filter_map(|(_, p)| p.next_due())
                    .min()
            })
            .flatten();
        let until = media.map_or(until, |at| at.min(until));
        let rest = until.saturating_duration_since(Instant::now());
        if !rest.is_zero() {
            thread::sleep(rest);
        }
    }

    fn tally(&self) -> Tally {
        let mut tally = Tally {
            longest_round: self.longest_round,
            ..Tally::default()
        };
        for (_, participant) in &self.participants {
            participant.add_to(&mut tally);
        }
        tally
    }
}

const TICK: Duration = Duration::from_millis(1);
const SWEEP: Duration = Duration::from_millis(4);
const WHOLE_BYTES: usize = 2048;
/// Of a datagram that is only counted: enough for RTP's header with its
/// extensions, and for a request in RTCP.
const START_BYTES: usize = 256;
