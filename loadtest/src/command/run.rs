//! `loadtest run`: one server, one scenario, and the floor beside it.

use std::error::Error;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::options::{MachineOptions, MediaOptions, PeopleOptions, ReportOptions, block_on};
use crate::report::json::Record;
use crate::report::table;
use crate::target::Target;
use crate::trial;

/// Loads one server and says how it did.
#[derive(Args, Debug)]
pub struct Arguments {
    /// The server; it is started and ended by the test
    #[arg(long, default_value = "quietroom")]
    target: ServerName,
    #[command(flatten)]
    people: PeopleOptions,
    #[command(flatten)]
    media: MediaOptions,
    /// Do not measure the bare forwarder before
    #[arg(long)]
    no_floor: bool,
    #[command(flatten)]
    machine: MachineOptions,
    #[command(flatten)]
    report: ReportOptions,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ServerName {
    Quietroom,
    /// With its defaults
    Janus,
    /// With one event loop for each of its cores
    JanusEventLoops,
}

impl From<ServerName> for Target {
    fn from(name: ServerName) -> Self {
        match name {
            ServerName::Quietroom => Self::Quietroom,
            ServerName::Janus => Self::Janus,
            ServerName::JanusEventLoops => Self::JanusEventLoops,
        }
    }
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let machine = arguments.machine.prepare()?;
    let scenario = arguments.people.scenario(&arguments.media);
    let mut live = arguments.machine.live();
    let target = arguments.target.into();
    let (floor, outcome) = block_on(async {
        let floor = if arguments.no_floor {
            None
        } else {
            Some(trial::run(Target::Floor, &scenario, &machine, &mut live).await?)
        };
        let outcome = trial::run(target, &scenario, &machine, &mut live).await?;
        Ok::<_, trial::TrialError>((floor, outcome))
    })??;
    println!("{scenario}");
    print!("{}", table::details(&outcome));
    let mut records = vec![Record::new(&outcome)];
    if let Some(floor) = &floor {
        let ratio = outcome.nanoseconds_a_packet() / floor.nanoseconds_a_packet();
        println!(
            "  floor         {:.0} ns a packet, ratio {ratio:.2}; delay {}",
            floor.nanoseconds_a_packet(),
            table::delay(&floor.tally.findings.delays)
        );
        records[0].ratio_to_floor = Some(ratio);
        let mut record = Record::new(floor);
        record.ratio_to_floor = Some(1.0);
        records.push(record);
    }
    let shown: Vec<_> = std::iter::once(&outcome).chain(&floor).collect();
    arguments.report.write(&records, shown.iter().copied())?;
    if let Some(warning) = table::disturbance(shown.into_iter()) {
        println!("{warning}");
    }
    Ok(ExitCode::SUCCESS)
}
