//! Everybody's way into a session, and how long each part of it took.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use crate::client::engine::{Id, Progress};
use crate::client::participant::{Plan, Stage};
use crate::scenario::{Person, Scenario};
use crate::target::{Arrival, KeptOpen, Plans, Server};
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
    /// Once its signaling is through.
    stay: Option<KeptOpen>,
    plans: Vec<Id>,
    is_in: bool,
}

#[derive(Debug)]
struct PlanTrack {
    owner: usize,
    negotiated: Instant,
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
                    stay: None,
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

    /// Starts the next join; what comes of it goes to `arrived`.
    pub fn start_next(&mut self, arrived: &UnboundedSender<Arrival>) {
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
            let plans = Plans::new(index, arrived.clone());
            let result = server.join(person, is_full, &plans).await;
            // Without a listener the test is over.
            let _ = arrived.send(Arrival::Done(index, result));
        });
    }

    /// Notes that a transport is negotiated; gives it its number.
    pub fn has_negotiated(&mut self, index: usize, plan: &Plan) -> Id {
        let id = self.plans.len();
        self.ports.insert(plan.link.local().port());
        self.plans.push(PlanTrack {
            owner: index,
            negotiated: Instant::now(),
            receives: plan.receives,
            checked: None,
            secured: None,
            media: None,
        });
        self.people[index].plans.push(id);
        id
    }

    /// Notes that a person's signaling is through.
    pub fn has_signaled(&mut self, index: usize, stay: KeptOpen) {
        self.people[index].stay = Some(stay);
        self.note_arrival(index, Instant::now());
    }

    /// Notes a step; gives the transports that are of no use any more.
    pub fn has_progressed(&mut self, step: Progress) -> Vec<Id> {
        let plan = &mut self.plans[step.id];
        let index = plan.owner;
        match step.stage {
            Stage::Checked => plan.checked = Some(step.at),
            Stage::Secured => plan.secured = Some(step.at),
            Stage::Media => plan.media = Some(step.at),
            Stage::Failed(reason) => return self.begin_anew(index, reason),
        }
        self.note_arrival(index, step.at);
        Vec::new()
    }

    /// Why not everybody got in.
    pub fn failure(&self) -> TrialError {
        let stuck = |stage: &str, count: usize| format!("{count} {stage}");
        let lacks = |of: fn(&PlanTrack) -> bool| self.plans.iter().filter(|plan| of(plan)).count();
        let reason = self.last_failure.clone().unwrap_or_else(|| {
            [
                stuck(
                    "without an answer to checks",
                    lacks(|p| p.checked.is_none()),
                ),
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

    fn begin_anew(&mut self, index: usize, reason: String) -> Vec<Id> {
        self.joins.client_failures += 1;
        self.last_failure = Some(reason);
        let track = &mut self.people[index];
        if track.attempts >= ATTEMPTS || track.is_in {
            return Vec::new();
        }
        track.stay = None;
        self.waiting.push(index);
        std::mem::take(&mut track.plans)
    }

    fn note_arrival(&mut self, index: usize, at: Instant) {
        let track = &mut self.people[index];
        let plans: Vec<_> = track.plans.iter().map(|id| &self.plans[*id]).collect();
        let is_through = track.stay.is_some() && !plans.is_empty();
        let is_in = is_through
            && plans
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
        let (Some(started), Some(plan), true) = (track.started, last, counts) else {
            return;
        };
        let milliseconds = |from: Option<Instant>, to: Option<Instant>| {
            let time = to
                .zip(from)
                .map(|(to, from)| to.saturating_duration_since(from));
            time.map(|time| time.as_secs_f64() * 1000.0)
        };
        let joins = &mut self.joins;
        joins
            .signaling
            .extend(milliseconds(Some(started), Some(plan.negotiated)));
        joins
            .ice
            .extend(milliseconds(Some(plan.negotiated), plan.checked));
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

const PATIENCE: Duration = Duration::from_secs(40);
const ATTEMPTS: usize = 10;

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
