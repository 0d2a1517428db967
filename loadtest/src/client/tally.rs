//! What all participants together sent and received.

use std::collections::BTreeSet;
use std::time::Duration;

use super::checks::Findings;
use super::publisher::Sent;
use super::srtp::Profile;

/// Counts since the last reset.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub sent: Sent,
    /// Media packets that came, without duplicates and retransmissions.
    pub received: u64,
    pub received_bytes: u64,
    /// What should have come, by the sequence numbers that did.
    pub expected: u64,
    pub duplicates: u64,
    /// Retransmissions that came.
    pub repairs: u64,
    /// Packets that came only as retransmissions.
    pub repaired: u64,
    /// How often receivers asked for a packet again.
    pub asked: u64,
    /// Of the full clients.
    pub findings: Findings,
    pub full_clients: usize,
    pub counting_clients: usize,
    /// Receivers that got nothing.
    pub silent_clients: usize,
    pub profiles: BTreeSet<Profile>,
    /// The longest that a receiver went without media.
    pub longest_silence: Duration,
    /// The longest that the load's loop took for a round.
    pub longest_round: Duration,
}

impl Tally {
    pub fn merge(&mut self, other: &Self) {
        self.sent.packets += other.sent.packets;
        self.sent.all_packets += other.sent.all_packets;
        self.sent.skipped_frames += other.sent.skipped_frames;
        self.sent.refused += other.sent.refused;
        self.sent.again += other.sent.again;
        self.received += other.received;
        self.received_bytes += other.received_bytes;
        self.expected += other.expected;
        self.duplicates += other.duplicates;
        self.repairs += other.repairs;
        self.repaired += other.repaired;
        self.asked += other.asked;
        self.findings.merge(&other.findings);
        self.full_clients += other.full_clients;
        self.counting_clients += other.counting_clients;
        self.silent_clients += other.silent_clients;
        self.profiles.extend(&other.profiles);
        self.longest_silence = self.longest_silence.max(other.longest_silence);
        self.longest_round = self.longest_round.max(other.longest_round);
    }
}
