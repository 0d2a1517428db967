//! The `quietroom` command.

mod client_files;
mod config;
mod development_key;
mod logging;
mod media_addresses;
mod metrics;
mod open_files;
mod ports;
mod serve;
mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A self-hosted media server for therapy sessions.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(serve::Arguments),
    Token(token::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Token(arguments) => token::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quietroom: {error}");
            ExitCode::FAILURE
        }
    }
}
