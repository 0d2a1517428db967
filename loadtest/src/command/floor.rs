//! `loadtest floor`: what the hardware allows.

use std::error::Error;
use std::process::ExitCode;

use clap::Args;

use super::options::{MachineOptions, MediaOptions, PeopleOptions, ReportOptions, block_on};
use crate::report::json::Record;
use crate::report::table;
use crate::target::Target;
use crate::target::floor::Cost;
use crate::trial::{self, Outcome};

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

/// A packet's cost in a train, against that of one sent alone.
pub const GREATEST_RATIO: f64 = 0.38;

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
    let (ratio, text) = compare_sending(&trains, &singly);
    println!("{text}");
    let mut record = Record::new(&trains);
    record.ratio_to_floor = Some(1.0);
    arguments
        .report
        .write(&[record, Record::new(&singly)], [&trains, &singly])?;
    if ratio > GREATEST_RATIO {
        eprintln!(
            "loadtest: the floor is refused: its trains cost {ratio:.2} of datagrams sent \
             singly, more than {GREATEST_RATIO}; the machine is busy, or cannot do trains"
        );
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// How much cheaper trains are than single datagrams.
pub fn compare_sending(trains: &Outcome, singly: &Outcome) -> (f64, String) {
    let send = |outcome: &Outcome| {
        let cost = outcome.send_cost.unwrap_or_default();
        cost.send_nanoseconds as f64 / cost.packets.max(1) as f64
    };
    let length =
        |cost: Option<Cost>| cost.unwrap_or_default().train_length_hundredths as f64 / 100.0;
    let (in_train, alone) = (trains.nanoseconds_a_packet(), singly.nanoseconds_a_packet());
    let ratio = in_train / alone;
    let text = format!(
        "  trains        of {:.1} packets: {in_train:.0} ns a packet, {:.0} of them to send; \
         sendmmsg of 64: {alone:.0} ns, {:.0} to send; ratio {ratio:.2}",
        length(trains.send_cost),
        send(trains),
        send(singly),
    );
    (ratio, text)
}
