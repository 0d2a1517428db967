//! `loadtest compare`: the floor, Quietroom and its peers, in one run.

use std::collections::BTreeMap;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::floor::Sending;
use super::options::{MachineOptions, MediaOptions, ReportOptions, block_on};
use crate::measure::quantile::median;
use crate::outcome::Outcome;
use crate::report::json::Record;
use crate::report::live::Live;
use crate::report::{ratios, table};
use crate::scenario::Scenario;
use crate::target::process::find_program;
use crate::target::{Target, TargetError};
use crate::trial::{self, Machine, TrialError};

/// Measures the floor, Quietroom and the peers found on this machine, in turn,
/// several times, and shows medians and ratios.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Publishers x receivers, separated by commas; in `10x10` everybody sends
    /// audio and video in three layers, and receives the others' middle ones
    #[arg(long, value_name = "LIST", default_value = "1x50,1x500,10x10", value_delimiter = ',', value_parser = size)]
    scenarios: Vec<(usize, usize)>,
    /// How often each is measured
    #[arg(long, value_name = "NUMBER", default_value = "5", value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// One round of four seconds each
    #[arg(long)]
    short: bool,
    #[command(flatten)]
    media: MediaOptions,
    #[command(flatten)]
    machine: MachineOptions,
    #[command(flatten)]
    report: ReportOptions,
}

/// All results so far, by scenario and target, in the order they are shown.
type Results = BTreeMap<(usize, Target), Vec<Outcome>>;

pub fn run(arguments: &Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let mut machine = arguments.machine.prepare()?;
    // Five hundred people take their time otherwise.
    machine.joins_a_second = machine.joins_a_second.max(LEAST_JOIN_RATE);
    let scenarios = scenarios(arguments);
    let rounds = if arguments.short { 1 } else { arguments.rounds };
    let mut live = arguments.machine.live();
    let mut absent = BTreeMap::new();
    let results = block_on(measure(
        &scenarios,
        rounds,
        &machine,
        &mut absent,
        &mut live,
    ))??;
    let mut records = Vec::new();
    for (index, scenario) in scenarios.iter().enumerate() {
        println!("{scenario}");
        let of = |target| results.get(&(index, target)).map_or(&[][..], Vec::as_slice);
        let sending = middle_outcome(of(Target::Floor))
            .zip(middle_outcome(of(Target::FloorSingly)))
            .map(|(trains, singly)| Sending::of(trains, singly));
        let is_refused = sending.is_some_and(|sending| sending.is_refused());
        let floor = cost(of(Target::Floor)).filter(|_| !is_refused);
        let mut shown = Vec::new();
        for target in TARGETS {
            if let Some(mut record) = middle(of(target)) {
                record.ratio_to_floor =
                    floor.map(|floor| record.cpu_ns_per_forwarded_packet / floor);
                shown.push(record);
            }
        }
        print!("{}", table::results(&shown));
        if let Some(sending) = sending {
            println!("{sending}");
            if is_refused {
                println!("  {}", Sending::REFUSAL);
            }
        }
        for target in TARGETS {
            let faults = of(target).iter().filter_map(|outcome| {
                table::load_fault(outcome).map(|fault| format!("  {target}: load side: {fault}"))
            });
            faults.take(1).for_each(|fault| println!("{fault}"));
        }
        println!();
        records.extend(shown);
    }
    for line in ratios::lines(&records) {
        println!("{line}");
    }
    for (name, reason) in &absent {
        println!("{name}: absent: {reason}");
    }
    if let Some(warning) = table::disturbance(results.values().flatten()) {
        println!("{warning}");
    }
    for record in &records {
        if record.scenario == scenarios[0].name() {
            println!("{} {}: {}", record.target, record.version, record.settings);
        }
    }
    let shown = results.values().filter_map(|outcomes| outcomes.first());
    arguments.report.write(&records, shown)?;
    Ok(ExitCode::SUCCESS)
}

async fn measure(
    scenarios: &[Scenario],
    rounds: u32,
    machine: &Machine,
    absent: &mut BTreeMap<String, String>,
    live: &mut Live,
) -> Result<Results, TrialError> {
    if find_program("livekit-server").is_none() {
        absent.insert(
            "livekit".into(),
            "no `livekit-server` on the PATH, and no client for it here yet".into(),
        );
    }
    let mut results = Results::new();
    for round in 1..=rounds {
        for (index, scenario) in scenarios.iter().enumerate() {
            for target in TARGETS {
                if absent.contains_key(&target.to_string()) {
                    continue;
                }
                live.say(&format!("round {round} of {rounds}"));
                match trial::run(target, scenario, machine, live).await {
                    Ok(outcome) => results.entry((index, target)).or_default().push(outcome),
                    Err(TrialError::Target(TargetError::Absent(reason))) => {
                        absent.insert(target.to_string(), reason);
                    }
                    // One peer that fails must not cost the others' results.
                    Err(error) => live.say(&format!("{target}, {}: {error}", scenario.name())),
                }
            }
        }
    }
    Ok(results)
}

fn scenarios(arguments: &Arguments) -> Vec<Scenario> {
    arguments
        .scenarios
        .iter()
        .map(|&(publishers, subscribers)| {
            let mut media = arguments.media.clone();
            if arguments.short {
                media.duration = SHORT;
            }
            let is_meeting = publishers > 1;
            media.audio |= is_meeting;
            media.simulcast |= is_meeting;
            media.scenario(1, publishers, subscribers)
        })
        .collect()
}

/// The outcome with the median cost.
fn middle_outcome(outcomes: &[Outcome]) -> Option<&Outcome> {
    let cost = cost(outcomes)?;
    outcomes.iter().min_by(|a, b| {
        let distance = |outcome: &Outcome| (outcome.nanoseconds_a_packet() - cost).abs();
        distance(a).total_cmp(&distance(b))
    })
}

fn cost(outcomes: &[Outcome]) -> Option<f64> {
    let costs: Vec<_> = outcomes.iter().map(Outcome::nanoseconds_a_packet).collect();
    median(&costs)
}

/// The record of the median cost, with the other figures' own medians.
fn middle(outcomes: &[Outcome]) -> Option<Record> {
    let records: Vec<_> = outcomes.iter().map(Record::new).collect();
    let mut record = Record::new(middle_outcome(outcomes)?);
    let over = |of: fn(&Record) -> f64| median(&records.iter().map(of).collect::<Vec<_>>());
    let over_some =
        |of: fn(&Record) -> Option<f64>| median(&records.iter().filter_map(of).collect::<Vec<_>>());
    record.core_ns_per_forwarded_packet = over(|r| r.core_ns_per_forwarded_packet)?;
    record.forwarded_packets_per_second = over(|r| r.forwarded_packets_per_second)?;
    record.forwarded_bits_per_second = over(|r| r.forwarded_bits_per_second)?;
    record.loss = over(|r| r.loss)?;
    record.loss_by_sequence = over(|r| r.loss_by_sequence)?;
    record.delay_ms.p50 = over_some(|r| r.delay_ms.p50);
    record.delay_ms.p99 = over_some(|r| r.delay_ms.p99);
    record.delay_ms.p999 = over_some(|r| r.delay_ms.p999);
    record.join_ms.p50 = over_some(|r| r.join_ms.p50);
    record.join_ms.p95 = over_some(|r| r.join_ms.p95);
    record.join_ms.p99 = over_some(|r| r.join_ms.p99);
    Some(record)
}

fn size(text: &str) -> Result<(usize, usize), String> {
    let number = |text: &str| {
        text.parse()
            .ok()
            .filter(|number| (1..=1000).contains(number))
    };
    text.split_once('x')
        .and_then(|(publishers, subscribers)| Some((number(publishers)?, number(subscribers)?)))
        .ok_or_else(|| "write publishers x receivers, such as 1x50".into())
}

const TARGETS: [Target; 5] = [
    Target::FloorSingly,
    Target::Floor,
    Target::Quietroom,
    Target::Janus,
    Target::JanusEventLoops,
];
const SHORT: Duration = Duration::from_secs(4);
const LEAST_JOIN_RATE: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_two_numbers() {
        assert_eq!(size("1x50"), Ok((1, 50)));
        for wrong in ["", "1", "x", "0x5", "1x", "1x2x3", "1x1001"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
