//! `loadtest saturate`: how much a server carries.

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use super::options::{
    MachineOptions, MediaOptions, PeopleOptions, ReportOptions, block_on, duration,
};
use crate::outcome::Outcome;
use crate::report::json::Record;
use crate::report::live::Live;
use crate::report::table;
use crate::scenario::Scenario;
use crate::target::Target;
use crate::trial::{self, Machine, TrialError};

/// Raises the frame rate, then the number of rooms, until packets are lost or
/// late, and says who gave in.
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
    /// At most so long for all steps, such as 4m: none is begun that would
    /// likely go beyond
    #[arg(long, value_name = "TIME", default_value = "4m", value_parser = duration)]
    time: Duration,
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
    Failed(Side),
}

/// Who gave in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    /// Its core had nothing left to give.
    Server,
    /// It did not send or take what it should have.
    Load,
    /// Neither was at its end: something else on the machine was in the way.
    Neither,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let machine = arguments.machine.prepare()?;
    let scenario = arguments.people.scenario(&arguments.media);
    let mut live = arguments.machine.live();
    let (steps, end) = block_on(raise(arguments, &scenario, &machine, &mut live))??;
    let records: Vec<_> = steps
        .iter()
        .map(|(outcome, _)| Record::new(outcome))
        .collect();
    println!("{scenario}, frame rate and rooms raised");
    print!("{}", table::results(&records));
    let best = steps
        .iter()
        .filter(|(_, verdict)| *verdict == Verdict::Good)
        .max_by(|(a, _), (b, _)| a.packets_a_second().total_cmp(&b.packets_a_second()));
    match best {
        Some((outcome, _)) => println!(
            "carried: {:.0} packets a second at {:.0} ns a packet; {}",
            outcome.packets_a_second(),
            outcome.nanoseconds_a_packet(),
            busy(outcome)
        ),
        None => println!("carried: not even the first step"),
    }
    // The lowest load above that failed is where it ends.
    let carried = best.map_or(0.0, |(outcome, _)| frames(outcome));
    let failed = steps
        .iter()
        .filter(|(outcome, verdict)| *verdict != Verdict::Good && frames(outcome) > carried)
        .min_by(|(a, _), (b, _)| frames(a).total_cmp(&frames(b)));
    if end == End::OutOfTime {
        println!(
            "stopped early: another step would have gone beyond {:?} (--time)",
            arguments.time
        );
    }
    match failed {
        None => println!("nobody gave in within the steps"),
        Some((outcome, verdict)) => println!(
            "{} at {:.0} packets a second due: {:.3} % lost, delay {}; {}",
            match verdict {
                Verdict::Failed(Side::Load) =>
                    "the load side gave in, and the server may carry more,",
                Verdict::Failed(Side::Neither) =>
                    "neither side gave in, but something else was in the way",
                _ => "the server gave in",
            },
            outcome.due() as f64 / outcome.time.as_secs_f64(),
            outcome.loss() * 100.0,
            table::delay(&outcome.tally.findings.delays),
            busy(outcome)
        ),
    }
    if let Some((outcome, _)) = best
        && Target::from(arguments.target) != Target::Floor
    {
        let rate = frames(outcome) / 2.0;
        println!(
            "{}",
            block_on(delays(arguments, &scenario, rate, &machine, &mut live))??
        );
    }
    let shown = steps.iter().map(|(outcome, _)| outcome);
    arguments.report.write(&records, shown)?;
    let outcomes = steps.iter().map(|(outcome, _)| outcome);
    if let Some(warning) = table::disturbance(outcomes) {
        println!("{warning}");
    }
    Ok(ExitCode::SUCCESS)
}

/// How long packets take through the floor and through the target at a frame
/// rate, in words.
async fn delays(
    arguments: &Arguments,
    scenario: &Scenario,
    rate: f64,
    machine: &Machine,
    live: &mut Live,
) -> Result<String, TrialError> {
    let step = at_rate(scenario, rate);
    let floor = trial::run(Target::Floor, &step, machine, live).await?;
    let own = trial::run(arguments.target.into(), &step, machine, live).await?;
    Ok(format!(
        "at half of that: {:.0} packets a second, delay {}; the floor's {}; {}",
        own.packets_a_second(),
        table::delay(&own.tally.findings.delays),
        table::delay(&floor.tally.findings.delays),
        busy(&own)
    ))
}

/// The same frames, `rate` of them a second over all rooms: in as few rooms as
/// a server takes them, since none takes anything from one publisher.
fn at_rate(scenario: &Scenario, rate: f64) -> Scenario {
    let mut step = scenario.clone();
    let bitrate = scenario.video.bitrate as f64;
    let factor = rate / frames_in(scenario);
    let times = (factor * bitrate / MOST_PUBLISHED).ceil().max(1.0);
    step.rooms *= times as usize;
    step.video.frames_a_second *= factor / times;
    step.video.bitrate = (bitrate * factor / times) as u64;
    step
}

/// Why no further step was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Found,
    OutOfSteps,
    OutOfTime,
}

/// Doubles the rate while it goes well, then halves the step between what
/// went well and what did not.
async fn raise(
    arguments: &Arguments,
    scenario: &Scenario,
    machine: &Machine,
    live: &mut Live,
) -> Result<(Vec<(Outcome, Verdict)>, End), TrialError> {
    let start = Instant::now();
    let mut longest = Duration::ZERO;
    let mut steps: Vec<(Outcome, Verdict)> = Vec::new();
    let (mut good, mut bad) = (None, None);
    let mut rate = frames_in(scenario);
    for _ in 0..arguments.steps {
        if !is_time_for_another(start.elapsed(), longest, arguments.time) {
            return Ok((steps, End::OutOfTime));
        }
        let begun = Instant::now();
        let step = at_rate(scenario, rate);
        let target = arguments.target.into();
        let mut outcome = trial::run(target, &step, machine, live).await?;
        if judge(&outcome) != Verdict::Good {
            // Something else on the machine may have been in the way.
            outcome = trial::run(target, &step, machine, live).await?;
        }
        longest = longest.max(begun.elapsed());
        let verdict = judge(&outcome);
        steps.push((outcome, verdict));
        match verdict {
            Verdict::Good => good = Some(rate),
            Verdict::Failed(_) => bad = Some(rate),
        }
        rate = match (good, bad) {
            (Some(good), None) => good * 2.0,
            (Some(good), Some(bad)) if bad / good > CLOSE_ENOUGH => f64::midpoint(good, bad),
            (None, Some(bad)) => bad / 2.0,
            _ => return Ok((steps, End::Found)),
        };
        if !(0.5..=MOST_FRAMES).contains(&rate) {
            return Ok((steps, End::Found));
        }
    }
    Ok((steps, End::OutOfSteps))
}

/// Whether a step can be taken that takes half as long again as the longest up
/// to now: it may have more rooms, or be tried twice.
fn is_time_for_another(passed: Duration, longest: Duration, most: Duration) -> bool {
    passed + longest.mul_f64(1.5) <= most
}

fn judge(outcome: &Outcome) -> Verdict {
    let is_late = outcome.tally.findings.delays.quantile(0.99) > Some(LATEST);
    let dropped = outcome.drops.server as f64 / outcome.tally.sent.all_packets.max(1) as f64;
    let wanted = outcome.scenario.video.frames_a_second * outcome.time.as_secs_f64();
    let skipped = outcome.tally.sent.skipped_frames as f64;
    let publishers = (outcome.scenario.publishers * outcome.scenario.rooms) as f64;
    // A load side that sends less than it should has not tested anything.
    if skipped > 0.02 * wanted * publishers || outcome.drops.load > 0 {
        let is_disturbed = outcome.foreign_part_of_load() > table::DISTURBING;
        return Verdict::Failed(if is_disturbed {
            Side::Neither
        } else {
            Side::Load
        });
    }
    // Retransmissions hide what a full socket of the server lost.
    if outcome.loss() <= GREATEST_LOSS && dropped <= GREATEST_LOSS && !is_late {
        return Verdict::Good;
    }
    Verdict::Failed(culprit(outcome.server_part(), outcome.load_part()))
}

/// Whose processor was at its end, by the parts of their time that they were
/// busy. A server at its end is why packets are lost, however busy the load.
fn culprit(server: f64, load: f64) -> Side {
    if server >= AT_ITS_END {
        Side::Server
    } else if load >= AT_ITS_END {
        Side::Load
    } else {
        Side::Neither
    }
}

fn busy(outcome: &Outcome) -> String {
    format!(
        "the server took {:.0} % of its core (others {:.0} %), the load {:.0} % of its {} \
         (others {:.0} %)",
        outcome.server_part() * 100.0,
        outcome.foreign_part() * 100.0,
        outcome.load_part() * 100.0,
        if outcome.load_cores == 1 {
            "core"
        } else {
            "cores"
        },
        outcome.foreign_part_of_load() * 100.0
    )
}

fn frames(outcome: &Outcome) -> f64 {
    frames_in(&outcome.scenario)
}

/// Frames a second of one publisher of each room.
fn frames_in(scenario: &Scenario) -> f64 {
    scenario.video.frames_a_second * scenario.rooms as f64
}

/// Of a core's time; the rest goes to interrupts that nobody is charged for.
const AT_ITS_END: f64 = 0.9;
const GREATEST_LOSS: f64 = 0.001;
const LATEST: Duration = Duration::from_millis(20);
const CLOSE_ENOUGH: f64 = 1.1;
const MOST_FRAMES: f64 = 20_000.0;
/// Bits a second of one publisher. Servers bound it: a browser sends a fraction
/// of this.
const MOST_PUBLISHED: f64 = 17_600_000.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_at_its_end_gave_in() {
        assert_eq!(culprit(0.98, 0.5), Side::Server);
        assert_eq!(culprit(0.98, 0.99), Side::Server);
        assert_eq!(culprit(0.6, 0.99), Side::Load);
        assert_eq!(culprit(0.6, 0.5), Side::Neither);
    }

    #[test]
    fn no_step_is_begun_that_would_not_end_in_time() {
        let [ten, ninety, hundred] = [10, 90, 100].map(Duration::from_secs);

        assert!(is_time_for_another(Duration::ZERO, Duration::ZERO, ten));
        assert!(is_time_for_another(ten, ten, hundred));
        assert!(!is_time_for_another(ninety, ten, hundred));
        assert!(!is_time_for_another(hundred + ten, Duration::ZERO, hundred));
    }

    #[test]
    fn what_no_publisher_may_send_is_shared_out_over_rooms() {
        let scenario = Scenario {
            rooms: 1,
            publishers: 1,
            subscribers: 50,
            video: crate::scenario::Video {
                bitrate: 2_200_000,
                frames_a_second: 30.0,
                simulcast: false,
                arrival: crate::scenario::Arrival::Burst,
                misframed: 0.0,
            },
            audio: false,
            duration: Duration::from_secs(1),
        };

        for (rate, rooms) in [(15.0, 1), (240.0, 1), (241.0, 2), (960.0, 4)] {
            let step = at_rate(&scenario, rate);

            assert_eq!(step.rooms, rooms, "{rate}");
            assert!((frames_in(&step) - rate).abs() < 0.001, "{rate}");
            assert!(step.video.bitrate <= 17_600_000, "{rate}");
            // A frame keeps its size.
            let bits = step.video.bitrate as f64 / step.video.frames_a_second;
            assert!((bits - 2_200_000.0 / 30.0).abs() < 1.0, "{rate}");
        }
    }
}
