//! Everybody's way into a session, and how long each part of it took.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use crate::client::engine::{Id, Progress};
use crate::client::participant::{Plan, Stage};
use crate::measure::quantile::quantile;
use crate::scenario::{Person, Scenario};
use crate::target::{Server, Stay, TargetError};
use crate::trial::{Machine, Ports, TrialError};

/// How the joins of a test went.
#[derive(Clone, Debug, Default)]
pub struct Joins {
    pub count: usize,
    /// From the first start to the last arrival.
    pub time: Duration,
    /// Handshakes that our own side gave up, and began anew.
    pub client_failures: usize,
    /// In milliseconds, of those who receive; of publishers alone if nobody
    /// does.
    pub signaling: Vec<f64>,
    pub ice: Vec<f64>,
    pub dtls: Vec<f64>,
    /// From the handshake's end to the first packet.
    pub media: Vec<f64>,
    pub total: Vec<f64>,
}

impl Joins {
    pub fn a_second(&self) -> f64 {
        self.count as f64 / self.time.as_secs_f64().max(1e-3)
    }

    /// A quantile of the whole way, in milliseconds.
    pub fn total_quantile(&self, part: f64) -> Option<f64> {
        quantile(&self.total, part)
    }
}

/// Starts joins at their rate and keeps track of them.
#[derive(Debug)]
pub struct Joiner {
    server: Arc<Server>,
    people: Vec<Track>,
    /// For each plan: whose it is, and whether media should come.
    plans: Vec<PlanTrack>,
    waiting: Vec<usize>,
    interval: Duration,
    next: tokio::time::Instant,
    full_part: f64,
    receivers: usize,
    ports: Ports,
    joins: Joins,
    first_start: Option<Instant>,
    last_failure: Option<String>,
    entered: usize,
}

#[derive(Debug)]
struct Track {
    person: Person,
    is_full: bool,
    attempts: usize,
    started: Option<Instant>,
    signaled: Option<Instant>,
    plans: Vec<Id>,
    is_in: bool,
}

#[derive(Debug)]
struct PlanTrack {
    owner: usize,
    receives: bool,
    checked: Option<Instant>,
    secured: Option<Instant>,
    media: Option<Instant>,
}

impl Joiner {
    pub fn new(scenario: &Scenario, machine: &Machine, server: Arc<Server>) -> Self {
        let mut receivers = 0;
        let people: Vec<_> = scenario
            .people()
            .into_iter()
            .map(|person| {
                receivers += usize::from(person.receives > 0);
                Track {
                    person,
                    is_full: person.receives > 0 && is_full(receivers - 1, machine.full_part),
                    attempts: 0,
                    started: None,
                    signaled: None,
                    plans: Vec::new(),
                    is_in: false,
                }
            })
            .collect();
        Self {
            server,
            waiting: (0..people.len()).rev().collect(),
            people,
            plans: Vec::new(),
            interval: Duration::from_secs_f64(1.0 / machine.joins_a_second),
            next: tokio::time::Instant::now(),
            full_part: machine.full_part,
            receivers,
            ports: Ports::new(),
            joins: Joins::default(),
            first_start: None,
            last_failure: None,
            entered: 0,
        }
    }

    pub fn total(&self) -> usize {
        self.people.len()
    }

    pub fn entered(&self) -> usize {
        self.entered
    }

    pub fn is_done(&self) -> bool {
        self.entered == self.people.len()
    }

    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// How long all joins together may take.
    pub fn patience(&self) -> Duration {
        self.interval * self.people.len() as u32 + PATIENCE
    }

    /// When to start the next join; `None` while it must wait for others.
    pub fn next_start(&self) -> Option<tokio::time::Instant> {
        let next = &self.people[*self.waiting.last()?].person;
        // Receivers who send nothing find all publishers there.
        let must_wait = !next.publishes
            && self
                .people
                .iter()
                .any(|track| track.person.publishes && !track.is_in);
        (!must_wait).then_some(self.next)
    }

    /// Starts the next join; its result goes to `arrived`.
    pub fn start_next(
        &mut self,
        arrived: &UnboundedSender<(usize, Result<Stay, TargetError>)>,
    ) {
        let Some(index) = self.waiting.pop() else {
            return;
        };
        self.next = self.next.max(tokio::time::Instant::now() - self.interval) + self.interval;
        let track = &mut self.people[index];
        let now = Instant::now();
        track.attempts += 1;
        track.started = Some(now);
        self.first_start.get_or_insert(now);
        let (server, person, is_full) = (Arc::clone(&self.server), track.person, track.is_full);
        let arrived = arrived.clone();
        tokio::spawn(async move {
            let result = server.join(person, is_full).await;
            // Without a listener the test is over.
            let _ = arrived.send((index, result));
        });
    }

    /// Notes that a person's signaling is done; gives the plan its number.
    pub fn has_signaled(&mut self, index: usize, plan: &Plan) -> Id {
        let id = self.plans.len();
        self.ports.insert(plan.socket.local().port());
        self.plans.push(PlanTrack {
            owner: index,
            receives: plan.receives,
            checked: None,
            secured: None,
            media: None,
        });
        let track = &mut self.people[index];
        track.signaled = Some(Instant::now());
        track.plans.push(id);
        id
    }

    pub fn has_progressed(&mut self, step: Progress) {
        let plan = &mut self.plans[step.id];
        let index = plan.owner;
        match step.stage {
            Stage::Checked => plan.checked = Some(step.at),
            Stage::Secured => plan.secured = Some(step.at),
            Stage::Media => plan.media = Some(step.at),
            Stage::Failed(reason) => {
                self.joins.client_failures += 1;
                let track = &mut self.people[index];
                self.last_failure = Some(reason);
                if track.attempts < ATTEMPTS && !track.is_in {
                    track.plans.clear();
                    self.waiting.push(index);
                }
                return;
            }
        }
        self.note_arrival(index, step.at);
    }

    /// Why not everybody got in.
    pub fn failure(&self) -> TrialError {
        let stuck = |stage: &str, count: usize| format!("{count} {stage}");
        let lacks = |of: fn(&PlanTrack) -> bool| self.plans.iter().filter(|plan| of(plan)).count();
        let reason = self.last_failure.clone().unwrap_or_else(|| {
            [
                stuck("without an answer to checks", lacks(|p| p.checked.is_none())),
                stuck(
                    "in the DTLS handshake",
                    lacks(|p| p.checked.is_some() && p.secured.is_none()),
                ),
                stuck(
                    "without media",
                    lacks(|p| p.secured.is_some() && p.receives && p.media.is_none()),
                ),
            ]
            .join(", ")
        });
        TrialError::Joins {
            expected: self.people.len(),
            joined: self.entered,
            patience: self.patience(),
            reason,
        }
    }

    /// How the joins went.
    pub fn joins(&self) -> Joins {
        self.joins.clone()
    }

    /// The part of receivers that are full clients.
    pub fn full_part(&self) -> f64 {
        self.full_part.min(self.receivers as f64)
    }

    fn note_arrival(&mut self, index: usize, at: Instant) {
        let track = &mut self.people[index];
        let plans: Vec<_> = track.plans.iter().map(|id| &self.plans[*id]).collect();
        let is_in = plans
            .iter()
            .all(|plan| plan.secured.is_some() && (!plan.receives || plan.media.is_some()));
        if track.is_in || !is_in {
            return;
        }
        track.is_in = true;
        self.entered += 1;
        self.joins.count += 1;
        if let Some(first) = self.first_start {
            self.joins.time = at - first;
        }
        // A publisher's media has no arrival; where somebody receives, they
        // are who is asked about.
        let counts = track.person.receives > 0 || self.receivers == 0;
        let last = plans.last();
        let (Some(started), Some(signaled), Some(plan), true) =
            (track.started, track.signaled, last, counts)
        else {
            return;
        };
        let milliseconds = |from: Option<Instant>, to: Option<Instant>| {
            let time = to.zip(from).map(|(to, from)| to.saturating_duration_since(from));
            time.map(|time| time.as_secs_f64() * 1000.0)
        };
        let joins = &mut self.joins;
        joins
            .signaling
            .extend(milliseconds(Some(started), Some(signaled)));
        joins.ice.extend(milliseconds(Some(signaled), plan.checked));
        joins.dtls.extend(milliseconds(plan.checked, plan.secured));
        joins.media.extend(milliseconds(plan.secured, plan.media));
        joins.total.extend(milliseconds(Some(started), Some(at)));
    }
}

/// Spreads the full clients evenly; the first receiver always is one.
fn is_full(receiver: usize, part: f64) -> bool {
    let before = (receiver as f64 * part).ceil();
    let after = ((receiver + 1) as f64 * part).ceil();
    after > before
}

const PATIENCE: Duration = Duration::from_secs(25);
const ATTEMPTS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_clients_are_at_least_their_part() {
        for receivers in [1, 2, 10, 50, 500] {
            let full = (0..receivers).filter(|at| is_full(*at, 0.05)).count();
            assert!(full * 20 >= receivers, "{receivers}");
            assert!(full <= receivers / 20 + 1, "{receivers}");
        }
        assert!((0..9).all(|at| is_full(at, 1.0)));
    }
}
