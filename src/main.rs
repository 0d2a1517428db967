//! The `quietroom` command.

mod api_key;
mod check;
mod client_files;
mod config;
mod demo;
mod development_key;
mod logging;
mod media_addresses;
mod metrics;
mod open_files;
mod ports;
mod relays;
mod secret_source;
mod serve;
mod store;
mod token;
mod turn;

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
    Check(check::Arguments),
    Token(token::Arguments),
    ApiKey(api_key::Arguments),
    StoreKey(store::key_command::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Token(arguments) => token::run(&arguments),
        Command::ApiKey(arguments) => api_key::run(&arguments),
        Command::StoreKey(arguments) => store::key_command::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quietroom: {error}");
            ExitCode::FAILURE
        }
    }
}
