//! `loadtest saturate`: how much a server carries.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::options::{MachineOptions, MediaOptions, PeopleOptions, ReportOptions, block_on};
use crate::report::json::Record;
use crate::report::live::Live;
use crate::report::table;
use crate::scenario::Scenario;
use crate::target::Target;
use crate::trial::{self, Machine, Outcome, TrialError};

/// Raises the frame rate until packets are lost or late, and says who gave in.
#[derive(Args, Debug)]
pub struct Arguments {
    /// The server; it is started and ended by each step
    #[arg(long, default_value = "quietroom")]
    target: TargetName,
    #[command(flatten)]
    people: PeopleOptions,
    #[command(flatten)]
    media: MediaOptions,
    /// At most so many steps
    #[arg(long, value_name = "NUMBER", default_value = "12", value_parser = clap::value_parser!(u32).range(1..=50))]
    steps: u32,
    #[command(flatten)]
    machine: MachineOptions,
    #[command(flatten)]
    report: ReportOptions,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TargetName {
    Floor,
    Quietroom,
    Janus,
    JanusEventLoops,
}

impl From<TargetName> for Target {
    fn from(name: TargetName) -> Self {
        match name {
            TargetName::Floor => Self::Floor,
            TargetName::Quietroom => Self::Quietroom,
            TargetName::Janus => Self::Janus,
            TargetName::JanusEventLoops => Self::JanusEventLoops,
        }
    }
}

/// What a step showed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Good,
    ServerGaveIn,
    LoadGaveIn,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let machine = arguments.machine.prepare()?;
    let scenario = arguments.people.scenario(&arguments.media);
    let mut live = arguments.machine.live();
    let steps = block_on(raise(arguments, &scenario, &machine, &mut live))??;
    let records: Vec<_> = steps
        .iter()
        .map(|(outcome, _)| Record::new(outcome))
        .collect();
    println!("{scenario}, frame rate raised");
    print!("{}", table::results(&records));
    let best = steps
        .iter()
        .filter(|(_, verdict)| *verdict == Verdict::Good)
        .max_by(|(a, _), (b, _)| a.packets_a_second().total_cmp(&b.packets_a_second()));
    match best {
        Some((outcome, _)) => println!(
            "carried: {:.0} packets a second at {:.0} ns a packet",
            outcome.packets_a_second(),
            outcome.nanoseconds_a_packet()
        ),
        None => println!("carried: not even the first step"),
    }
    // The lowest load that failed is where it ends.
    let end = steps
        .iter()
        .filter(|(_, verdict)| *verdict != Verdict::Good)
        .min_by(|(a, _), (b, _)| frame_rate(a).total_cmp(&frame_rate(b)));
    match end {
        None => println!("nobody gave in within the steps"),
        Some((_, Verdict::LoadGaveIn)) => {
            println!("the load side gave in: the server may carry more");
        }
        Some(_) => println!("the server gave in"),
    }
    let shown = steps.iter().map(|(outcome, _)| outcome);
    arguments.report.write(&records, shown)?;
    Ok(ExitCode::SUCCESS)
}

/// Doubles the rate while it goes well, then halves the step between what
/// went well and what did not.
async fn raise(
    arguments: &Arguments,
    scenario: &Scenario,
    machine: &Machine,
    live: &mut Live,
) -> Result<Vec<(Outcome, Verdict)>, TrialError> {
    let mut steps: Vec<(Outcome, Verdict)> = Vec::new();
    let (mut good, mut bad) = (None, None);
    let mut rate = scenario.video.frames_a_second;
    for _ in 0..arguments.steps {
        let mut step = scenario.clone();
        step.video.frames_a_second = rate;
        // Frames keep their size.
        let factor = rate / scenario.video.frames_a_second;
        step.video.bitrate = (scenario.video.bitrate as f64 * factor) as u64;
        let outcome = trial::run(arguments.target.into(), &step, machine, live).await?;
        let verdict = judge(&outcome);
        steps.push((outcome, verdict));
        match verdict {
            Verdict::Good => good = Some(rate),
            _ => bad = Some(rate),
        }
        rate = match (good, bad) {
            (Some(good), None) => good * 2.0,
            (Some(good), Some(bad)) if bad / good > CLOSE_ENOUGH => f64::midpoint(good, bad),
            (None, Some(bad)) => bad / 2.0,
            _ => return Ok(steps),
        };
        if !(0.5..=MOST_FRAMES).contains(&rate) {
            return Ok(steps);
        }
    }
    Ok(steps)
}

fn judge(outcome: &Outcome) -> Verdict {
    let late = outcome.tally.findings.delays.quantile(0.99) > Some(LATEST);
    let wanted = outcome.scenario.video.frames_a_second * outcome.time.as_secs_f64();
    let skipped = outcome.tally.sent.skipped_frames as f64;
    let publishers = (outcome.scenario.publishers * outcome.scenario.rooms) as f64;
    // A load side that sends less than it should has not tested anything.
    if skipped > 0.02 * wanted * publishers || outcome.drops.load > 0 {
        return Verdict::LoadGaveIn;
    }
    if outcome.loss() > GREATEST_LOSS || late {
        return Verdict::ServerGaveIn;
    }
    Verdict::Good
}

fn frame_rate(outcome: &Outcome) -> f64 {
    outcome.scenario.video.frames_a_second
}

const GREATEST_LOSS: f64 = 0.001;
const LATEST: Duration = Duration::from_millis(20);
const CLOSE_ENOUGH: f64 = 1.1;
const MOST_FRAMES: f64 = 20_000.0;
