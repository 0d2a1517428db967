//! `loadtest compare`: the floor, Quietroom and its peers, in one run.

use std::collections::{BTreeMap, BTreeSet};
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

/// What was measured of one scenario.
struct Comparison {
    scenario: Scenario,
    outcomes: BTreeMap<Target, Vec<Outcome>>,
    failures: BTreeMap<Target, Vec<String>>,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let mut machine = arguments.machine.prepare()?;
    // Five hundred people take their time otherwise.
    machine.joins_a_second = machine.joins_a_second.max(LEAST_JOIN_RATE);
    block_on(compare(arguments, &machine))??;
    Ok(ExitCode::SUCCESS)
}

/// Measures one scenario after the other. Each is shown when it is done, and
/// files have all that is known after each test: one cut short loses little.
async fn compare(arguments: &Arguments, machine: &Machine) -> Result<(), Box<dyn Error>> {
    let rounds = if arguments.short { 1 } else { arguments.rounds };
    let mut live = arguments.machine.live();
    let mut absent = BTreeMap::new();
    if find_program("livekit-server").is_none() {
        absent.insert(
            "livekit".into(),
            "no `livekit-server` on the PATH, and no client for it here yet".into(),
        );
    }
    let mut comparisons: Vec<_> = scenarios(arguments)
        .into_iter()
        .map(Comparison::new)
        .collect();
    for index in 0..comparisons.len() {
        for round in 1..=rounds {
            for target in TARGETS {
                live.say(&format!("round {round} of {rounds}"));
                let is_tried = comparisons[index]
                    .measure(target, machine, &mut absent, &mut live)
                    .await;
                if is_tried {
                    let shown = comparisons.iter().flat_map(Comparison::firsts);
                    arguments.report.write(&records(&comparisons), shown)?;
                }
            }
        }
        live.done();
        comparisons[index].print();
    }
    let records = records(&comparisons);
    for line in ratios::lines(&records) {
        println!("{line}");
    }
    for (name, reason) in &absent {
        println!("{name}: absent: {reason}");
    }
    let outcomes = comparisons.iter().flat_map(Comparison::outcomes);
    if let Some(warning) = table::disturbance(outcomes) {
        println!("{warning}");
    }
    let mut named = BTreeSet::new();
    for record in &records {
        if named.insert(&record.target) {
            println!("{} {}: {}", record.target, record.version, record.settings);
        }
    }
    Ok(())
}

impl Comparison {
    fn new(scenario: Scenario) -> Self {
        Self {
            scenario,
            outcomes: BTreeMap::new(),
            failures: BTreeMap::new(),
        }
    }

    /// Tests a target once, unless it is absent or has failed too often; gives
    /// whether it did. One that fails must not cost the others' results.
    async fn measure(
        &mut self,
        target: Target,
        machine: &Machine,
        absent: &mut BTreeMap<String, String>,
        live: &mut Live,
    ) -> bool {
        let failures = self.failures.get(&target).map_or(0, Vec::len);
        if failures >= MOST_FAILURES || absent.contains_key(&target.to_string()) {
            return false;
        }
        match trial::run(target, &self.scenario, machine, live).await {
            Ok(outcome) => self.outcomes.entry(target).or_default().push(outcome),
            Err(TrialError::Target(TargetError::Absent(reason))) => {
                absent.insert(target.to_string(), reason);
            }
            Err(error) => {
                live.say(&format!("{target}, {}: {error}", self.scenario.name()));
                let failures = self.failures.entry(target).or_default();
                let reason = error.to_string();
                failures.push(reason.lines().next().unwrap_or_default().to_owned());
            }
        }
        true
    }

    fn of(&self, target: Target) -> &[Outcome] {
        self.outcomes.get(&target).map_or(&[], Vec::as_slice)
    }

    fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.values().flatten()
    }

    /// Of each target the test whose course is plotted.
    fn firsts(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.values().filter_map(|of| of.first())
    }

    /// What the floor's sending costs, as far as both ways were measured.
    fn sending(&self) -> Option<Sending> {
        let trains = middle_outcome(self.of(Target::Floor))?;
        let singly = middle_outcome(self.of(Target::FloorSingly))?;
        Some(Sending::of(trains, singly))
    }

    /// Each target's medians, with its ratio to a floor worth comparing with.
    fn records(&self) -> Vec<Record> {
        let is_refused = self.sending().is_some_and(|sending| sending.is_refused());
        let floor = cost(self.of(Target::Floor)).filter(|_| !is_refused);
        let records = TARGETS.iter().filter_map(|target| {
            let mut record = middle(self.of(*target))?;
            record.ratio_to_floor = floor.map(|floor| record.cpu_ns_per_forwarded_packet / floor);
            Some(record)
        });
        records.collect()
    }

    fn print(&self) {
        println!("{}", self.scenario);
        print!("{}", table::results(&self.records()));
        if let Some(sending) = self.sending() {
            println!("{sending}");
            if sending.is_refused() {
                println!("  {}", Sending::REFUSAL);
            }
        }
        for target in TARGETS {
            let fault = self.of(target).iter().find_map(table::load_fault);
            if let Some(fault) = fault {
                println!("  {target}: load side: {fault}");
            }
            for failure in self.failures.get(&target).into_iter().flatten() {
                println!("  {target}: failed: {failure}");
            }
        }
        println!();
    }
}

fn records(comparisons: &[Comparison]) -> Vec<Record> {
    comparisons.iter().flat_map(Comparison::records).collect()
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
/// In one scenario; then it is not tried again.
const MOST_FAILURES: usize = 2;
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
