//! How much one participant, one source and the whole node may have.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::address::Source;
use crate::stun::ErrorCode;
use crate::token_bucket::Rate;

/// What nobody gets more of from one server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Allocations and reserved ports of this node.
    pub allocations: u32,
    /// Of one participant. A browser makes one for each address of its own
    /// and for each of our transports, and again at each ICE restart.
    pub allocations_of_participant: u32,
    /// Of one source: an IPv4 address or a /64 of IPv6. A clinic is one.
    pub allocations_of_source: u32,
    /// Connections to this node, and from one source.
    pub streams: u32,
    pub streams_of_source: u32,
    /// Bytes from each allocation's client to peers, and as many back. Each
    /// packet counts with [`OVERHEAD`](crate::OVERHEAD).
    pub bandwidth: Rate,
    /// Requests of each allocation's client.
    pub requests: Rate,
    /// Answers over UDP to each source that has shown no credentials, and to
    /// each client without an allocation that shows a nonce.
    pub answers_to_strangers: Rate,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            allocations: 10_000,
            allocations_of_participant: 24,
            allocations_of_source: 1000,
            streams: 20_000,
            streams_of_source: 2000,
            bandwidth: Rate {
                a_second: 4_000_000,
                at_once: 2_000_000,
            },
            requests: Rate {
                a_second: 50,
                at_once: 200,
            },
            answers_to_strangers: Rate {
                a_second: 100,
                at_once: 500,
            },
        }
    }
}

/// Who has how many allocations.
#[derive(Debug, Default)]
pub(crate) struct Quotas {
    all: u32,
    participants: HashMap<Box<str>, u32>,
    sources: HashMap<Source, u32>,
}

impl Quotas {
    /// Counts one more.
    ///
    /// # Errors
    /// What is to be answered if it is one too many.
    pub(crate) fn take(
        &mut self,
        limits: &Limits,
        participant: &str,
        source: Source,
    ) -> Result<(), ErrorCode> {
        let of_participant = self.participants.get(participant).copied().unwrap_or(0);
        let of_source = self.sources.get(&source).copied().unwrap_or(0);
        if of_participant >= limits.allocations_of_participant
            || of_source >= limits.allocations_of_source
        {
            return Err(ErrorCode::ALLOCATION_QUOTA_REACHED);
        }
        if self.all >= limits.allocations {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        self.all += 1;
        *self.participants.entry(participant.into()).or_default() += 1;
        *self.sources.entry(source).or_default() += 1;
        Ok(())
    }

    /// Counts one less, which was counted before.
    pub(crate) fn give_back(&mut self, participant: &str, source: Source) {
        self.all = self.all.saturating_sub(1);
        count_down(self.participants.entry(participant.into()));
        count_down(self.sources.entry(source));
    }

    /// How many participants and sources are known.
    pub(crate) fn footprint(&self) -> (usize, usize) {
        (self.participants.len(), self.sources.len())
    }
}

/// Forgets whose count comes to nothing.
pub(crate) fn count_down<K>(entry: Entry<K, u32>) {
    if let Entry::Occupied(mut count) = entry {
        *count.get_mut() -= 1;
        if *count.get() == 0 {
            count.remove();
        }
    }
}
