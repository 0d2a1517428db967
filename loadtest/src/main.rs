//! `loadtest`: synthetic participants for Quietroom and other media servers.

// Counts and times become ratios and plots; none comes near 2^52.
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

mod client;
mod command;
mod forwarder;
mod joins;
mod link;
mod measure;
mod media;
mod outcome;
mod random;
mod report;
mod scenario;
mod sdp;
mod system;
mod target;
mod trial;
mod turn;
mod websocket;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match command::CommandLine::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("loadtest: {error}");
            ExitCode::FAILURE
        }
    }
}
