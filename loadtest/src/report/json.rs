//! Results for programs.

use std::fs;
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::measure::histogram::Histogram;
use crate::measure::quantile::quantile;
use crate::outcome::Outcome;

/// One target in one scenario.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(Default))]
pub struct Record {
    pub target: String,
    pub version: String,
    pub settings: String,
    /// Such as `1x50`.
    pub scenario: String,
    pub srtp_profile: String,
    pub cpu_ns_per_forwarded_packet: f64,
    /// All that ran on the server's cores, whoever's it was.
    pub core_ns_per_forwarded_packet: f64,
    pub forwarded_packets_per_second: f64,
    pub forwarded_bits_per_second: f64,
    /// The part of packets that did not arrive.
    pub loss: f64,
    /// The part that did not even come as a retransmission.
    pub loss_after_repair: f64,
    /// Packets that publishers sent again because the server asked.
    pub sent_again: u64,
    /// The first part by sequence numbers alone.
    pub loss_by_sequence: f64,
    pub delay_ms: Delay,
    pub join_ms: Quantiles,
    pub join_steps_ms: JoinSteps,
    pub joins_per_second: f64,
    /// From the first start to the last arrival.
    pub join_seconds: f64,
    pub while_joining: WhileJoining,
    /// Handshakes that the clients' own side gave up and began anew.
    pub client_handshake_failures: usize,
    /// The most that was ever resident.
    pub memory_bytes: u64,
    /// With everybody there.
    pub resident_bytes: u64,
    pub memory_bytes_per_participant: u64,
    /// By the difference to a test with fewer; only of `loadtest memory`.
    pub memory_bytes_per_added_subscriber: Option<f64>,
    pub memory_bytes_per_added_publisher: Option<f64>,
    /// Cost a packet against the floor's in the same run.
    pub ratio_to_floor: Option<f64>,
    /// Whether loss is the same by what was sent and by sequence numbers; where
    /// the server chooses layers, whether it sent as much as the right one has.
    pub losses_agree: bool,
    /// `on` or `off`; absent of servers that have none.
    pub frame_check: Option<&'static str>,
    /// Packets that it dropped while it was measured.
    pub dropped_by_frame_check: u64,
    /// Packets that full clients found wrong.
    pub faulty_packets: u64,
    pub checked_packets: u64,
    /// Datagrams dropped at full sockets of the server, and of the load.
    pub drops: DropCounts,
}

/// How those who were in fared while others joined.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(Default))]
pub struct WhileJoining {
    pub packets: u64,
    /// By sequence numbers.
    pub loss: f64,
    pub faulty_packets: u64,
    pub delay_ms: Delay,
    /// The longest that a receiver went without media.
    pub longest_silence_ms: f64,
    /// The longest that the load side's own loop took, which delays media too.
    pub longest_round_ms: f64,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(Default))]
pub struct Delay {
    pub p50: Option<f64>,
    pub p99: Option<f64>,
    pub p999: Option<f64>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(Default))]
pub struct Quantiles {
    pub p50: Option<f64>,
    pub p95: Option<f64>,
    pub p99: Option<f64>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(Default))]
pub struct JoinSteps {
    pub signaling: Quantiles,
    pub ice: Quantiles,
    pub dtls: Quantiles,
    pub first_media: Quantiles,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(Default))]
pub struct DropCounts {
    pub server: u64,
    pub load: u64,
}

impl Record {
    pub fn new(outcome: &Outcome) -> Self {
        let joins = &outcome.joins;
        let joining = &outcome.while_joining;
        let received = outcome.tally.received.max(1) as f64;
        Self {
            target: outcome.target.to_string(),
            version: outcome.version.clone(),
            settings: outcome.settings.clone(),
            scenario: outcome.scenario.name(),
            srtp_profile: outcome.profiles(),
            cpu_ns_per_forwarded_packet: outcome.nanoseconds_a_packet(),
            core_ns_per_forwarded_packet: outcome.cpu.cores.as_nanos() as f64 / received,
            forwarded_packets_per_second: outcome.packets_a_second(),
            forwarded_bits_per_second: outcome.bits_a_second(),
            loss: outcome.loss(),
            loss_after_repair: outcome.loss_after_repair(),
            sent_again: outcome.tally.sent.again,
            loss_by_sequence: outcome.loss_by_sequence(),
            delay_ms: Delay::of(&outcome.tally.findings.delays),
            join_ms: quantiles(&joins.total),
            join_steps_ms: JoinSteps {
                signaling: quantiles(&joins.signaling),
                ice: quantiles(&joins.ice),
                dtls: quantiles(&joins.dtls),
                first_media: quantiles(&joins.media),
            },
            joins_per_second: joins.a_second(),
            join_seconds: joins.time.as_secs_f64(),
            while_joining: WhileJoining {
                packets: joining.received,
                loss: outcome.loss_while_joining(),
                faulty_packets: joining.findings.faults(),
                delay_ms: Delay::of(&joining.findings.delays),
                longest_silence_ms: joining.longest_silence.as_secs_f64() * 1000.0,
                longest_round_ms: joining.longest_round.as_secs_f64() * 1000.0,
            },
            client_handshake_failures: joins.client_failures,
            memory_bytes: outcome.memory.peak,
            resident_bytes: outcome.memory.resident,
            memory_bytes_per_participant: outcome.memory_a_participant(),
            memory_bytes_per_added_subscriber: None,
            memory_bytes_per_added_publisher: None,
            ratio_to_floor: None,
            losses_agree: outcome.losses_agree(),
            frame_check: outcome
                .frame_check
                .map(|check| if check.is_on() { "on" } else { "off" }),
            dropped_by_frame_check: outcome.frame_check.map_or(0, |check| check.dropped),
            faulty_packets: outcome.tally.findings.faults(),
            checked_packets: outcome.tally.findings.good + outcome.tally.findings.faults(),
            drops: DropCounts {
                server: outcome.drops.server,
                load: outcome.drops.load,
            },
        }
    }
}

impl Delay {
    fn of(delays: &Histogram) -> Self {
        let at = |part| {
            let time = delays.quantile(part);
            time.map(|time| time.as_secs_f64() * 1000.0)
        };
        Self {
            p50: at(0.5),
            p99: at(0.99),
            p999: at(0.999),
        }
    }
}

fn quantiles(values: &[f64]) -> Quantiles {
    Quantiles {
        p50: quantile(values, 0.5),
        p95: quantile(values, 0.95),
        p99: quantile(values, 0.99),
    }
}

/// Writes the records as one array.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, records: &[Record]) -> io::Result<()> {
    let mut text = serde_json::to_string_pretty(records)?;
    text.push('\n');
    fs::write(path, text)
}
