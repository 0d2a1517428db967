//! `loadtest run`: one server, one scenario.

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
    let outcome = block_on(trial::run(
        arguments.target.into(),
        &scenario,
        &machine,
        &mut live,
    ))??;
    println!("{scenario}");
    print!("{}", table::details(&outcome));
    arguments
        .report
        .write(&[Record::new(&outcome)], [&outcome])?;
    Ok(ExitCode::SUCCESS)
}
