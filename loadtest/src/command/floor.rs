//! `loadtest floor`: what the hardware allows.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use clap::Args;

use super::options::{MachineOptions, MediaOptions, PeopleOptions, ReportOptions, block_on};
use crate::outcome::Outcome;
use crate::report::json::Record;
use crate::report::table;
use crate::target::Target;
use crate::trial;

/// Measures the bare forwarder: receive in batches, unprotect once, protect
/// for each receiver, send trains.
///
/// It is measured with and without trains. Where trains save too little, the
/// machine is busy or cannot do them, and the floor is refused.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    people: PeopleOptions,
    #[command(flatten)]
    media: MediaOptions,
    #[command(flatten)]
    machine: MachineOptions,
    #[command(flatten)]
    report: ReportOptions,
}

/// What trains of eight may cost to send at most, against datagrams sent
/// singly by `sendmmsg`. Measured: 0.45 to 0.56, idle or busy. A receiver that
/// takes trains whole (UDP GRO) would make it 0.25, but clients on a network
/// are not like that.
const GREATEST_RATIO: f64 = 0.6;
/// Shorter trains save less, and say nothing about the machine.
const LEAST_TRAIN: f64 = 6.0;

pub fn run(arguments: &Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let machine = arguments.machine.prepare()?;
    let scenario = arguments.people.scenario(&arguments.media);
    let mut live = arguments.machine.live();
    let (trains, singly) = block_on(async {
        let singly = trial::run(Target::FloorSingly, &scenario, &machine, &mut live).await?;
        let trains = trial::run(Target::Floor, &scenario, &machine, &mut live).await?;
        Ok::<_, trial::TrialError>((trains, singly))
    })??;
    println!("{scenario}");
    print!("{}", table::details(&trains));
    let sending = Sending::of(&trains, &singly);
    println!("{sending}");
    let mut record = Record::new(&trains);
    record.ratio_to_floor = Some(1.0);
    arguments
        .report
        .write(&[record, Record::new(&singly)], [&trains, &singly])?;
    if sending.is_refused() {
        eprintln!("loadtest: {}", Sending::REFUSAL);
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// What sending costs the floor, with trains and without.
#[derive(Clone, Copy, Debug)]
pub struct Sending {
    train_length: f64,
    /// Nanoseconds a packet, all in all and to send.
    in_trains: (f64, f64),
    singly: (f64, f64),
}

impl Sending {
    pub const REFUSAL: &str = "the floor is refused: its trains save too little against \
         datagrams sent singly; the machine is too busy, or cannot do trains";

    pub fn of(trains: &Outcome, singly: &Outcome) -> Self {
        let costs = |outcome: &Outcome| {
            let cost = outcome.send_cost.unwrap_or_default();
            let send = cost.send_nanoseconds as f64 / cost.packets.max(1) as f64;
            (outcome.nanoseconds_a_packet(), send)
        };
        let cost = trains.send_cost.unwrap_or_default();
        Self {
            train_length: cost.train_length_hundredths as f64 / 100.0,
            in_trains: costs(trains),
            singly: costs(singly),
        }
    }

    pub fn ratio(&self) -> f64 {
        self.in_trains.1 / self.singly.1
    }

    /// Whether ratios to this floor would say nothing.
    pub fn is_refused(&self) -> bool {
        self.train_length >= LEAST_TRAIN && self.ratio() > GREATEST_RATIO
    }
}

impl fmt::Display for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "  trains        of {:.1} packets: {:.0} ns a packet, {:.0} of them to send; \
             sendmmsg of 64: {:.0} ns, {:.0} to send; ratio to send {:.2}",
            self.train_length,
            self.in_trains.0,
            self.in_trains.1,
            self.singly.0,
            self.singly.1,
            self.ratio()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_whose_trains_save_too_little_is_refused() {
        let sending = |train_length, trains, singly| Sending {
            train_length,
            in_trains: (trains + 400.0, trains),
            singly: (singly + 400.0, singly),
        };

        assert!(!sending(8.0, 600.0, 1200.0).is_refused());
        assert!(sending(8.0, 1100.0, 1200.0).is_refused());
        assert!(!sending(1.5, 1100.0, 1200.0).is_refused());
    }
}
