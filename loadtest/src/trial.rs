//! One test of one server: start it, enter everybody, measure, end it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::mpsc;
use tokio::time::{sleep, sleep_until};

use crate::client::dtls::Identity;
use crate::client::engine::{Engine, Progress};
use crate::client::srtp::Profile;
use crate::client::tally::Tally;
use crate::joins::Joiner;
use crate::measure::cpu::CpuSample;
use crate::measure::drops::Drops;
use crate::measure::memory::Memory;
use crate::outcome::{FrameCheck, Outcome, Sample};
use crate::report::live::Live;
use crate::scenario::Scenario;
use crate::system::namespace::Network;
use crate::target::{Arrival, Server, Setting, Target, TargetError, Way};

/// Where and how tests run.
#[derive(Clone, Debug)]
pub struct Machine {
    pub network: Network,
    pub server_cores: Vec<usize>,
    pub load_cores: Vec<usize>,
    pub identity: Identity,
    pub profiles: Vec<Profile>,
    pub quietroom: Option<std::path::PathBuf>,
    /// The part of receivers that decrypt and check everything.
    pub full_part: f64,
    pub joins_a_second: f64,
    /// The part of media packets that is lost on each way, to a server and
    /// from it.
    pub loss: f64,
    /// How media reaches Quietroom.
    pub way: Way,
}

#[derive(Debug, Error)]
pub enum TrialError {
    #[error("{0}")]
    Target(#[from] TargetError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}\nthe server said:\n{1}")]
    Said(Box<TrialError>, String),
    #[error("of {expected} participants {joined} got in within {patience:?}: {reason}")]
    Joins {
        expected: usize,
        joined: usize,
        patience: Duration,
        reason: String,
    },
}

/// Tests `target`.
///
/// # Errors
/// The server is absent or fails, or not everybody gets in.
pub async fn run(
    target: Target,
    scenario: &Scenario,
    machine: &Machine,
    live: &mut Live,
) -> Result<Outcome, TrialError> {
    live.say(&format!("{target}, {scenario}: starting"));
    let (progress_sender, mut progress) = mpsc::unbounded_channel();
    let engines = start_engines(machine, &progress_sender)?;
    let setting = Setting {
        scenario: scenario.clone(),
        network: machine.network,
        cores: machine.server_cores.clone(),
        identity: machine.identity.clone(),
        profiles: machine.profiles.clone(),
        loss: machine.loss,
        quietroom: machine.quietroom.clone(),
        way: machine.way,
        peers: Vec::new(),
    };
    let server = Arc::new(Server::start(target, &setting).await?);
    let result = measure(
        target,
        scenario,
        machine,
        &engines,
        &server,
        &mut progress,
        live,
    )
    .await;
    live.done();
    result.map_err(|error| match server.output() {
        said if said.is_empty() => error,
        said => TrialError::Said(Box::new(error), said),
    })
}

async fn measure(
    target: Target,
    scenario: &Scenario,
    machine: &Machine,
    engines: &[Engine],
    server: &Arc<Server>,
    progress: &mut mpsc::UnboundedReceiver<Progress>,
    live: &mut Live,
) -> Result<Outcome, TrialError> {
    let pid = server.process_id();
    let memory_before = Memory::of(pid)?;

    let mut joiner = Joiner::new(scenario, machine, Arc::clone(server));
    enter(&mut joiner, engines, progress, live).await?;
    let while_joining = sum(engines).await;
    live.say(&format!(
        "{target}, {scenario}: everybody is in, warming up"
    ));
    sleep(WARM_UP.min(scenario.duration / 2)).await;

    for engine in engines {
        engine.pause();
    }
    drain(engines).await;
    let drops_before = Drops::now(joiner.ports())?;
    let misframed_before = server.dropped_by_frame_check().await?;
    let cpu_before = CpuSample::take(pid, &machine.server_cores)?;
    let load_before = CpuSample::take(std::process::id(), &machine.load_cores)?;
    for engine in engines {
        engine.resume_anew();
    }
    let start = Instant::now();
    let samples = watch(target, scenario, machine, engines, pid, live).await?;
    for engine in engines {
        engine.pause();
    }
    let time = start.elapsed();
    let tally = drain(engines).await;
    let cpu = CpuSample::take(pid, &machine.server_cores)?.since(&cpu_before);
    let cpu_time = start.elapsed();
    let load_cpu = CpuSample::take(std::process::id(), &machine.load_cores)?.since(&load_before);
    let drops = Drops::now(joiner.ports())?.since(drops_before);
    let memory = Memory::of(pid)?;
    let misframed = server.dropped_by_frame_check().await?;
    let frame_check = misframed_before
        .zip(misframed)
        .map(|(before, after)| FrameCheck {
            publishers: (scenario.rooms * scenario.publishers) as u64,
            dropped_before: before,
            dropped: after.saturating_sub(before),
        });
    let send_cost = match &**server {
        Server::Floor(floor) => Some(floor.finish()?),
        _ => None,
    };
    Ok(Outcome {
        target,
        version: server.version().to_owned(),
        settings: server.settings().to_owned(),
        scenario: scenario.clone(),
        joins: joiner.joins(),
        while_joining,
        tally,
        time,
        cpu_time,
        cpu,
        load_cpu,
        load_cores: machine.load_cores.len(),
        drops,
        memory_before,
        memory,
        samples,
        send_cost,
        frame_check,
    })
}

fn start_engines(
    machine: &Machine,
    progress: &mpsc::UnboundedSender<Progress>,
) -> Result<Vec<Engine>, TrialError> {
    let start = |core: &usize| Engine::start(*core, machine.identity.clone(), progress.clone());
    Ok(machine
        .load_cores
        .iter()
        .map(start)
        .collect::<Result<_, _>>()?)
}

/// Enters everybody, publishers first, and waits until all have their media.
async fn enter(
    joiner: &mut Joiner,
    engines: &[Engine],
    progress: &mut mpsc::UnboundedReceiver<Progress>,
    live: &mut Live,
) -> Result<(), TrialError> {
    let (arrivals, mut arrived) = mpsc::unbounded_channel();
    let engine = |id: usize| &engines[id % engines.len()];
    let deadline = tokio::time::Instant::now() + joiner.patience();
    while !joiner.is_done() {
        let next = joiner.next_start();
        tokio::select! {
            () = sleep_until(next.unwrap_or(deadline)), if next.is_some() => {
                joiner.start_next(&arrivals);
            }
            Some(arrival) = arrived.recv() => match arrival {
                Arrival::Plan(person, plan) => {
                    let id = joiner.has_negotiated(person, &plan);
                    engine(id).add(id, *plan);
                }
                Arrival::Done(person, stay) => joiner.has_signaled(person, stay?),
            },
            Some(step) = progress.recv() => {
                for id in joiner.has_progressed(step) {
                    engine(id).remove(id);
                }
            }
            () = sleep_until(deadline) => return Err(joiner.failure()),
        }
        live.update(&format!(
            "{} of {} are in",
            joiner.entered(),
            joiner.total()
        ));
    }
    Ok(())
}

/// Looks once a second at how it goes.
async fn watch(
    target: Target,
    scenario: &Scenario,
    machine: &Machine,
    engines: &[Engine],
    pid: u32,
    live: &mut Live,
) -> Result<Vec<Sample>, TrialError> {
    let start = Instant::now();
    let mut samples = Vec::new();
    let mut before = (start, 0, CpuSample::take(pid, &machine.server_cores)?);
    while start.elapsed() < scenario.duration {
        let rest = scenario.duration.saturating_sub(start.elapsed());
        sleep(rest.min(Duration::from_secs(1))).await;
        let tally = sum(engines).await;
        let cpu = CpuSample::take(pid, &machine.server_cores)?;
        let now = Instant::now();
        let seconds = (now - before.0).as_secs_f64();
        if seconds < 0.2 {
            continue;
        }
        let sample = Sample {
            at: now - start,
            packets_a_second: tally.received.saturating_sub(before.1) as f64 / seconds,
            cpu: cpu.since(&before.2).server.as_secs_f64() / seconds,
        };
        before = (now, tally.received, cpu);
        live.update(&format!(
            "{target}, {}: {:>2} of {} s, {:.0} packets a second, server {:.0} % of a core",
            scenario.name(),
            sample.at.as_secs(),
            scenario.duration.as_secs(),
            sample.packets_a_second,
            sample.cpu * 100.0
        ));
        samples.push(sample);
    }
    Ok(samples)
}

/// Waits for all that is on its way, which a server at its limit may have
/// held for long.
async fn drain(engines: &[Engine]) -> Tally {
    let deadline = Instant::now() + LONGEST_DRAIN;
    let mut before = sum(engines).await.received;
    loop {
        sleep(DRAIN).await;
        let tally = sum(engines).await;
        if tally.received == before || Instant::now() > deadline {
            return tally;
        }
        before = tally.received;
    }
}

async fn sum(engines: &[Engine]) -> Tally {
    let mut sum = Tally::default();
    for engine in engines {
        sum.merge(&engine.tally().await);
    }
    sum
}

/// The ports of the load's own sockets.
pub type Ports = HashSet<u16>;

const WARM_UP: Duration = Duration::from_secs(1);
/// Long enough for all that is on its way, through a server that keeps up.
const DRAIN: Duration = Duration::from_millis(300);
const LONGEST_DRAIN: Duration = Duration::from_secs(4);
