//! `loadtest memory`: what a receiver and what a publisher cost a server in
//! memory.

use std::error::Error;
use std::process::ExitCode;

use clap::Args;

use super::options::{MachineOptions, MediaOptions, ReportOptions, block_on};
use super::run::ServerName;
use crate::outcome::Outcome;
use crate::report::json::Record;
use crate::report::table;
use crate::scenario::Scenario;
use crate::trial;

/// Measures a server's memory with few and with many receivers, then with few
/// and with many publishers, and divides the differences.
///
/// It counts all that the process has in memory once media has flowed for a
/// while, so what the server needs by itself does not matter.
#[derive(Args, Debug)]
pub struct Arguments {
    /// The server; it is started and ended by each test
    #[arg(long, default_value = "quietroom")]
    target: ServerName,
    /// Few and many receivers, of one publisher
    #[arg(long, value_name = "FEW,MANY", default_value = "50,500", value_parser = few_and_many)]
    subscribers: (usize, usize),
    /// Few and many publishers, of one receiver more than there are many
    #[arg(long, value_name = "FEW,MANY", default_value = "1,10", value_parser = few_and_many)]
    publishers: (usize, usize),
    #[command(flatten)]
    media: MediaOptions,
    #[command(flatten)]
    machine: MachineOptions,
    #[command(flatten)]
    report: ReportOptions,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let machine = arguments.machine.prepare()?;
    let media = &arguments.media;
    let ((few, many), (least, most)) = (arguments.subscribers, arguments.publishers);
    // With as many receivers as publishers, everybody would be both.
    let scenarios = [
        media.scenario(1, 1, few),
        media.scenario(1, 1, many),
        media.scenario(1, least, most + 1),
        media.scenario(1, most, most + 1),
    ];
    let mut live = arguments.machine.live();
    let outcomes = block_on(async {
        let mut outcomes = Vec::new();
        for scenario in &scenarios {
            let target = arguments.target.into();
            outcomes.push(trial::run(target, scenario, &machine, &mut live).await?);
        }
        Ok::<_, trial::TrialError>(outcomes)
    })??;
    let mut records: Vec<_> = outcomes.iter().map(Record::new).collect();
    for outcome in &outcomes {
        println!(
            "{}: {:.1} MB, {:.1} MB before anybody came",
            outcome.scenario,
            megabytes(outcome.memory.resident),
            megabytes(outcome.memory_before.resident)
        );
    }
    let subscriber = each(&outcomes[0], &outcomes[1], |scenario| scenario.subscribers);
    let publisher = each(&outcomes[2], &outcomes[3], |scenario| scenario.publishers);
    records[1].memory_bytes_per_added_subscriber = Some(subscriber);
    records[3].memory_bytes_per_added_publisher = Some(publisher);
    println!(
        "each subscriber: {:.0} KB; each publisher: {:.2} MB",
        subscriber / 1e3,
        publisher / 1e6
    );
    for fault in outcomes.iter().filter_map(table::load_fault).take(1) {
        println!("load side: {fault}");
    }
    arguments.report.write(&records, &outcomes)?;
    Ok(ExitCode::SUCCESS)
}

/// Bytes for each that `many` has more than `few`.
fn each(few: &Outcome, many: &Outcome, count: fn(&Scenario) -> usize) -> f64 {
    let grown = many.memory.resident as f64 - few.memory.resident as f64;
    grown / (count(&many.scenario) - count(&few.scenario)) as f64
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn few_and_many(text: &str) -> Result<(usize, usize), String> {
    let number = |text: &str| text.parse().ok();
    text.split_once(',')
        .and_then(|(few, many)| Some((number(few)?, number(many)?)))
        .filter(|(few, many)| (1..*many).contains(few) && *many <= 1000)
        .ok_or_else(|| "write a smaller and a larger number up to 1000, such as 50,500".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_fewer_than_many() {
        assert_eq!(few_and_many("50,500"), Ok((50, 500)));
        for wrong in ["", "5", "5,5", "6,5", "0,5", "1,1001", "1,2,3"] {
            assert!(few_and_many(wrong).is_err(), "{wrong}");
        }
    }
}
