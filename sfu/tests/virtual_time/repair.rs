//! The browser's part of repair: asking for what is missing, and sending again
//! what is asked for.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sfu::rtp::sequence::ExtendedSequence;
use sfu::rtp::{PayloadType, Ssrc, Timestamp};

/// What a receiver lacks of one stream.
#[derive(Default)]
pub struct Missing {
    highest: Option<ExtendedSequence>,
    waiting: BTreeMap<ExtendedSequence, Option<Instant>>,
}

impl Missing {
    /// Notes a packet's arrival.
    pub fn record(&mut self, number: u16) {
        let sequence = match self.highest {
            Some(highest) => highest.nearest(number),
            None => ExtendedSequence(u64::from(number)),
        };
        if let Some(highest) = self.highest {
            let skipped = highest.0 + 1..sequence.0;
            self.waiting
                .extend(skipped.map(|place| (ExtendedSequence(place), None)));
        }
        self.highest = self.highest.max(Some(sequence));
        self.waiting.remove(&sequence);
    }

    /// What to ask for now.
    pub fn due(&mut self, now: Instant, round_trip: Duration) -> Vec<u16> {
        let highest = self.highest.unwrap_or_default();
        self.waiting
            .retain(|sequence, _| highest.0 - sequence.0 < 1000);
        let mut numbers = Vec::new();
        for (sequence, asked) in &mut self.waiting {
            if asked.is_none_or(|at| now - at >= round_trip + Duration::from_millis(5)) {
                *asked = Some(now);
                numbers.push(sequence.number());
            }
        }
        numbers
    }
}

/// What a publisher can send again.
#[derive(Default)]
pub struct History {
    packets: BTreeMap<u16, Sent>,
    repaired: BTreeMap<u16, Instant>,
    repairs: u64,
}

#[derive(Clone)]
pub struct Sent {
    pub timestamp: Timestamp,
    pub marker: bool,
    pub payload: Vec<u8>,
}

impl History {
    pub fn keep(&mut self, number: u16, sent: Sent) {
        self.packets.insert(number, sent);
        self.packets.remove(&number.wrapping_sub(1000));
        self.repaired.remove(&number.wrapping_sub(1000));
    }

    /// Whether the last time is long enough ago, and takes note of this one.
    pub fn may_repair(&mut self, now: Instant, number: u16, apart: Duration) -> bool {
        let before = self.repaired.get(&number);
        let is_due = before.is_none_or(|at| now - *at >= apart);
        if is_due {
            self.repaired.insert(number, now);
        }
        is_due
    }

    /// The retransmission of a packet: its own place and payload (RFC 4588).
    pub fn repair(&mut self, number: u16) -> Option<(ExtendedSequence, Sent)> {
        let mut sent = self.packets.get(&number)?.clone();
        sent.payload.splice(..0, number.to_be_bytes());
        self.repairs += 1;
        Some((ExtendedSequence(self.repairs), sent))
    }
}

/// The synchronization source of a source's retransmissions.
pub fn repair_ssrc(ssrc: Ssrc) -> Ssrc {
    Ssrc(ssrc.0 ^ 0x0800_0000)
}

pub const VIDEO_RTX_PT: PayloadType = PayloadType(97);
