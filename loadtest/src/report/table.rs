//! Results for people.

use std::fmt::Write;

use super::json::Record;
use crate::joins::Joins;
use crate::measure::histogram::Histogram;
use crate::measure::quantile::quantile;
use crate::outcome::Outcome;

/// Columns of text, the first one left-aligned, the others right-aligned.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(head: &[&str]) -> Self {
        Self {
            rows: vec![head.iter().map(ToString::to_string).collect()],
        }
    }

    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    pub fn to_text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<_> = (0..columns)
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
            })
            .collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                // Writing to a string does not fail.
                let _ = if column == 0 {
                    write!(line, "{cell:<width$}")
                } else {
                    write!(line, "  {cell:>width$}")
                };
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// One line for each result.
pub fn results(records: &[Record]) -> String {
    let mut table = Table::new(&[
        "target",
        "scenario",
        "ns/packet",
        "x floor",
        "packets/s",
        "loss %",
        "delay p50",
        "p99",
        "p99.9 ms",
        "join p95 ms",
        "memory MB",
        "SRTP",
    ]);
    for record in records {
        table.row(vec![
            format!("{} {}", record.target, record.version),
            record.scenario.clone(),
            format!("{:.0}", record.cpu_ns_per_forwarded_packet),
            number(record.ratio_to_floor, 2),
            format!("{:.0}", record.forwarded_packets_per_second),
            format!("{:.3}", record.loss * 100.0),
            number(record.delay_ms.p50, 2),
            number(record.delay_ms.p99, 2),
            number(record.delay_ms.p999, 2),
            number(record.join_ms.p95, 0),
            format!("{:.1}", record.memory_bytes as f64 / 1e6),
            record.srtp_profile.clone(),
        ]);
    }
    table.to_text()
}

/// All there is to say about one test.
pub fn details(outcome: &Outcome) -> String {
    let tally = &outcome.tally;
    let mut lines = vec![
        (
            "server",
            format!(
                "{} {} ({})",
                outcome.target, outcome.version, outcome.settings
            ),
        ),
        ("SRTP", outcome.profiles()),
        ("joins", joins(&outcome.joins)),
        ("while joining", while_joining(outcome)),
        (
            "forwarded",
            format!(
                "{} packets in {:.1} s: {:.0} a second, {:.1} Mbit/s",
                tally.received,
                outcome.time.as_secs_f64(),
                outcome.packets_a_second(),
                outcome.bits_a_second() / 1e6
            ),
        ),
        ("loss", loss(outcome)),
        (
            "checked",
            format!(
                "{} packets by {} full clients of {}: {} not decrypted, {} damaged, \
                 {} misframed, {} misplaced",
                tally.findings.good + tally.findings.faults(),
                tally.full_clients,
                tally.full_clients + tally.counting_clients,
                tally.findings.undecryptable,
                tally.findings.damaged,
                tally.findings.misframed,
                tally.findings.misplaced
            ),
        ),
        ("frame check", frame_check(outcome)),
        ("delay", delay(&outcome.tally.findings.delays)),
        ("processor", processor(outcome)),
        (
            "memory",
            format!(
                "{:.1} MB at most, {:.0} KB a participant",
                outcome.memory.peak as f64 / 1e6,
                outcome.memory_a_participant() as f64 / 1e3
            ),
        ),
    ];
    lines.extend(load_fault(outcome).map(|fault| ("load side", fault)));
    let mut text = String::new();
    for (name, value) in lines {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {name:<14}{value}");
    }
    text
}

fn joins(joins: &Joins) -> String {
    let times = |name: &str, values: &[f64]| {
        let at = |part| number(quantile(values, part), 0);
        format!("{name} {} / {} / {}", at(0.5), at(0.95), at(0.99))
    };
    let mut text = format!(
        "{} in {:.1} s, {:.0} a second; ms p50 / p95 / p99: {}, {}, {}, {}, {}",
        joins.count,
        joins.time.as_secs_f64(),
        joins.a_second(),
        times("all", &joins.total),
        times("signaling", &joins.signaling),
        times("ICE", &joins.ice),
        times("DTLS", &joins.dtls),
        times("first media", &joins.media),
    );
    if joins.client_failures > 0 {
        let _ = write!(
            text,
            "; {} handshakes that the clients gave up",
            joins.client_failures
        );
    }
    text
}

fn while_joining(outcome: &Outcome) -> String {
    let tally = &outcome.while_joining;
    format!(
        "{} packets to those who were in: {:.4} % lost, {} faulty, delay {}, \
         longest silence {:.0} ms; longest round of the load side {:.0} ms",
        tally.received,
        outcome.loss_while_joining() * 100.0,
        tally.findings.faults(),
        delay(&tally.findings.delays),
        tally.longest_silence.as_secs_f64() * 1000.0,
        tally.longest_round.as_secs_f64() * 1000.0,
    )
}

fn loss(outcome: &Outcome) -> String {
    format!(
        "{:.4} % of what was due, {:.4} % after repair, {:.4} % by sequence numbers{}; \
         {} duplicates; receivers asked for {} packets and got {}, publishers sent {} again",
        outcome.loss() * 100.0,
        outcome.loss_after_repair() * 100.0,
        outcome.loss_by_sequence() * 100.0,
        if outcome.losses_agree() {
            ""
        } else {
            ": THEY DISAGREE"
        },
        outcome.tally.duplicates,
        outcome.tally.asked,
        outcome.tally.repairs,
        outcome.tally.sent.again
    )
}

fn frame_check(outcome: &Outcome) -> String {
    match outcome.frame_check {
        None => "none".into(),
        Some(check) => format!(
            "{}: {} packets of {} publishers' wrong first frames dropped, {} packets since",
            if check.is_on() { "on" } else { "OFF" },
            check.dropped_before,
            check.publishers,
            check.dropped
        ),
    }
}

/// Quantiles of the forwarding delay.
pub fn delay(delays: &Histogram) -> String {
    let at = |part| {
        let time = delays.quantile(part);
        number(time.map(|time| time.as_secs_f64() * 1000.0), 3)
    };
    format!(
        "p50 {} ms, p99 {} ms, p99.9 {} ms",
        at(0.5),
        at(0.99),
        at(0.999)
    )
}

fn processor(outcome: &Outcome) -> String {
    let busy = outcome.cpu.cores.as_secs_f64() / outcome.cpu_time.as_secs_f64();
    format!(
        "{:.0} ns a packet; server {:.1} % of a core, its cores {:.1} % busy \
         ({:.1} % with others' work); the load {:.1} % of its core(s), others {:.1} %",
        outcome.nanoseconds_a_packet(),
        outcome.server_part() * 100.0,
        busy * 100.0,
        outcome.foreign_part() * 100.0,
        outcome.load_part() * 100.0,
        outcome.foreign_part_of_load() * 100.0
    )
}

/// Says so if others' work was in the way of these tests.
pub fn disturbance<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> Option<String> {
    let worst = outcomes.map(Outcome::foreign_part).fold(0.0, f64::max);
    (worst > DISTURBING).then(|| {
        format!(
            "Others' work took up to {:.0} % of the server's core: ratios hold roughly, \
             delays do not.",
            worst * 100.0
        )
    })
}

/// What the load side did not manage, which no server is to blame for.
pub fn load_fault(outcome: &Outcome) -> Option<String> {
    let tally = &outcome.tally;
    let mut faults = Vec::new();
    if outcome.drops.load > 0 {
        faults.push(format!(
            "{} datagrams dropped at its sockets",
            outcome.drops.load
        ));
    }
    if tally.sent.skipped_frames > 0 {
        faults.push(format!(
            "{} frames not sent in time",
            tally.sent.skipped_frames
        ));
    }
    if tally.sent.refused > 0 {
        faults.push(format!(
            "{} packets not taken by the kernel",
            tally.sent.refused
        ));
    }
    (!faults.is_empty()).then(|| faults.join(", "))
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

/// The part of a side's cores that others may take.
pub const DISTURBING: f64 = 0.1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&["a", "bb"]);
        table.row(vec!["long".into(), "1".into()]);

        assert_eq!(table.to_text(), "a     bb\nlong   1\n");
    }
}
