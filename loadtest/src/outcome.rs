//! What came of a test.

use std::time::Duration;

use crate::client::tally::Tally;
use crate::joins::Joins;
use crate::measure::cpu::CpuUsed;
use crate::measure::drops::Drops;
use crate::measure::memory::Memory;
use crate::scenario::Scenario;
use crate::target::Target;
use crate::target::floor::Cost;

/// All that was measured.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub target: Target,
    pub version: String,
    pub settings: String,
    pub scenario: Scenario,
    pub joins: Joins,
    /// What came to those who were in, until the last one was.
    pub while_joining: Tally,
    pub tally: Tally,
    /// How long media flowed while it was counted.
    pub time: Duration,
    /// The time in which processor time was counted: somewhat longer.
    pub cpu_time: Duration,
    pub cpu: CpuUsed,
    /// By the load, and by everything on its cores.
    pub load_cpu: CpuUsed,
    pub load_cores: usize,
    pub drops: Drops,
    /// Before anybody came, and after measuring with everybody there.
    pub memory_before: Memory,
    pub memory: Memory,
    pub samples: Vec<Sample>,
    /// Only of a floor.
    pub send_cost: Option<Cost>,
    /// Only of a server that has one.
    pub frame_check: Option<FrameCheck>,
}

/// What a server's check of end-to-end encrypted frames did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameCheck {
    /// Each publisher's first frame is wrong on purpose.
    pub publishers: u64,
    /// Packets dropped before measuring began.
    pub dropped_before: u64,
    /// Packets dropped while it was measured.
    pub dropped: u64,
}

impl FrameCheck {
    /// Whether every publisher's wrong frame was dropped.
    pub fn is_on(self) -> bool {
        self.dropped_before >= self.publishers
    }
}

/// A second of a test.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Since measuring began.
    pub at: Duration,
    pub packets_a_second: f64,
    /// The server's processor time, as a part of one core.
    pub cpu: f64,
}

impl Outcome {
    /// Packets that should have reached receivers, had nothing been lost.
    pub fn due(&self) -> u64 {
        self.tally.sent.packets * self.scenario.receivers_a_publisher() as u64
    }

    /// The part of packets that did not reach their receivers: by what
    /// publishers sent, or where layers are chosen, by sequence numbers.
    pub fn loss(&self) -> f64 {
        missing(self.wanted(), self.tally.received)
    }

    /// The same once retransmissions had come.
    pub fn loss_after_repair(&self) -> f64 {
        missing(self.wanted(), self.tally.received + self.tally.repaired)
    }

    pub fn loss_by_sequence(&self) -> f64 {
        missing(self.tally.expected, self.tally.received)
    }

    /// Whether both ways to see loss say the same. Where the server chooses
    /// layers, whether about as much was to come as the right layer has.
    pub fn losses_agree(&self) -> bool {
        if self.wanted() == self.due() {
            return (self.loss() - self.loss_by_sequence()).abs() < 0.001;
        }
        let difference = self.tally.expected.abs_diff(self.due()) as f64;
        difference < 0.02 * self.due() as f64
    }

    pub fn packets_a_second(&self) -> f64 {
        self.tally.received as f64 / self.time.as_secs_f64()
    }

    pub fn bits_a_second(&self) -> f64 {
        self.tally.received_bytes as f64 * 8.0 / self.time.as_secs_f64()
    }

    /// The server's processor time for each packet that arrived.
    pub fn nanoseconds_a_packet(&self) -> f64 {
        self.cpu.server.as_nanos() as f64 / self.tally.received.max(1) as f64
    }

    /// The server's processor time, as a part of one core's.
    pub fn server_part(&self) -> f64 {
        self.cpu.server.as_secs_f64() / self.cpu_time.as_secs_f64()
    }

    /// The part of its cores' time that the load took.
    pub fn load_part(&self) -> f64 {
        self.load_cpu.server.as_secs_f64() / self.load_time()
    }

    /// The part of the load's cores' time that others took.
    pub fn foreign_part_of_load(&self) -> f64 {
        let foreign = self.load_cpu.cores.saturating_sub(self.load_cpu.server);
        foreign.as_secs_f64() / self.load_time()
    }

    fn load_time(&self) -> f64 {
        self.cpu_time.as_secs_f64() * self.load_cores.max(1) as f64
    }

    /// The part of packets that those who were in lacked while others joined,
    /// by sequence numbers.
    pub fn loss_while_joining(&self) -> f64 {
        missing(self.while_joining.expected, self.while_joining.received)
    }

    /// The part of the server's cores' time that others took.
    pub fn foreign_part(&self) -> f64 {
        let foreign = self.cpu.cores.saturating_sub(self.cpu.server);
        foreign.as_secs_f64() / self.cpu_time.as_secs_f64()
    }

    /// Resident bytes that came with each participant.
    pub fn memory_a_participant(&self) -> u64 {
        let grown = self
            .memory
            .resident
            .saturating_sub(self.memory_before.resident);
        grown / self.scenario.people().len().max(1) as u64
    }

    /// The SRTP profiles in use.
    pub fn profiles(&self) -> String {
        let names: Vec<_> = self
            .tally
            .profiles
            .iter()
            .map(ToString::to_string)
            .collect();
        names.join(", ")
    }

    /// What [`Outcome::loss`] is a part of.
    fn wanted(&self) -> u64 {
        if self.scenario.video.simulcast && self.target_chooses_layers() {
            self.tally.expected
        } else {
            self.due()
        }
    }

    fn target_chooses_layers(&self) -> bool {
        !matches!(self.target, Target::Floor | Target::FloorSingly)
    }
}

fn missing(due: u64, received: u64) -> f64 {
    due.saturating_sub(received) as f64 / due.max(1) as f64
}
