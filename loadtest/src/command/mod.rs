//! The command line.

mod compare;
mod floor;
mod link;
mod memory;
mod options;
mod run;
mod saturate;
mod turn;

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::forwarder::{self, Sending};

/// Loads a media server with synthetic participants and measures it.
#[derive(Parser, Debug)]
#[command(version, arg_required_else_help = true)]
pub struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Run(run::Arguments),
    Floor(floor::Arguments),
    Saturate(saturate::Arguments),
    Compare(compare::Arguments),
    Memory(memory::Arguments),
    Turn(turn::Arguments),
    Link(link::Arguments),
    /// What `floor` starts.
    #[command(hide = true)]
    Forward(Forward),
}

#[derive(Args, Debug)]
struct Forward {
    address: SocketAddr,
    #[arg(long)]
    singly: bool,
}

impl CommandLine {
    /// # Errors
    /// The test could not be made.
    pub fn run(self) -> Result<ExitCode, Box<dyn Error>> {
        match self.command {
            Command::Run(arguments) => run::run(&arguments),
            Command::Floor(arguments) => floor::run(&arguments),
            Command::Saturate(arguments) => saturate::run(&arguments),
            Command::Compare(arguments) => compare::run(&arguments),
            Command::Memory(arguments) => memory::run(&arguments),
            Command::Turn(arguments) => turn::run(&arguments),
            Command::Link(arguments) => link::run(&arguments),
            Command::Forward(arguments) => {
                let sending = if arguments.singly {
                    Sending::Singly
                } else {
                    Sending::Trains
                };
                forwarder::run(arguments.address, sending)?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}
