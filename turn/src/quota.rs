//! How much one participant, one source and the whole node may have.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use slab::Slab;

use crate::address::Source;
use crate::stun::ErrorCode;
use crate::token_bucket::{Rate, TokenBucket};

/// What nobody gets more of from one server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Allocations and reserved ports of this node.
    pub allocations: u32,
    /// Of one participant. A browser makes one for each address of its own
    /// and for each of our transports, and again at each ICE restart; one too
    /// many ends the one that has not been used for the longest.
    pub allocations_of_participant: u32,
    /// Of one source: an IPv4 address or a /64 of IPv6. A clinic is one.
    pub allocations_of_source: u32,
    /// Connections to this node, and from one source.
    pub streams: u32,
    pub streams_of_source: u32,
    /// Bytes from each participant to peers, and as many back, over all of its
    /// allocations. Each packet counts with [`OVERHEAD`](crate::OVERHEAD).
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
    participants: HashMap<Box<str>, usize>,
    shares: Slab<Share>,
    /// Those who have no allocation any more, but have sent or received a
    /// moment ago: whoever comes anew goes on with the same share.
    former: VecDeque<(Instant, Box<str>)>,
    sources: HashMap<Source, u32>,
}

/// What one participant has.
#[derive(Debug)]
pub(crate) struct Share {
    /// And reserved ports.
    allocations: u32,
    /// Which of the server's allocations they are.
    held: Vec<usize>,
    /// Bytes from its clients, and to them.
    pub(crate) upward: TokenBucket,
    pub(crate) downward: TokenBucket,
}

impl Quotas {
    /// Counts one more; gives whose share it is of.
    ///
    /// # Errors
    /// What is to be answered if it is one too many.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        limits: &Limits,
        participant: &str,
        source: Source,
    ) -> Result<usize, ErrorCode> {
        self.forget_former(now);
        let of_participant = self.count_of(participant);
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
        *self.sources.entry(source).or_default() += 1;
        let known = self.participants.get(participant).copied();
        let key = known.unwrap_or_else(|| {
            let key = self.shares.insert(Share {
                allocations: 0,
                held: Vec::new(),
                upward: TokenBucket::full(now),
                downward: TokenBucket::full(now),
            });
            self.participants.insert(participant.into(), key);
            key
        });
        self.shares[key].allocations += 1;
        Ok(key)
    }

    /// How many a participant has.
    pub(crate) fn count_of(&self, participant: &str) -> u32 {
        let share = self.participants.get(participant);
        share.map_or(0, |key| self.shares[*key].allocations)
    }

    /// The allocations that a participant holds.
    pub(crate) fn held_by(&self, participant: &str) -> &[usize] {
        let share = self.participants.get(participant);
        share.map_or(&[], |key| &self.shares[*key].held)
    }

    /// Takes note of an allocation that was counted for a share.
    pub(crate) fn hold(&mut self, share: usize, allocation: usize) {
        self.shares[share].held.push(allocation);
    }

    /// Forgets an allocation, before it is given back.
    pub(crate) fn let_go(&mut self, share: usize, allocation: usize) {
        self.shares[share].held.retain(|held| *held != allocation);
    }

    /// A share, as [`Quotas::take`] gave it. It is there for as long as
    /// anything is counted for it.
    pub(crate) fn share(&mut self, key: usize) -> &mut Share {
        &mut self.shares[key]
    }

    /// Counts one less, which was counted before.
    pub(crate) fn give_back(&mut self, participant: &str, source: Source) {
        self.all = self.all.saturating_sub(1);
        count_down(self.sources.entry(source));
        let Some(key) = self.participants.get(participant) else {
            return;
        };
        let share = &mut self.shares[*key];
        share.allocations = share.allocations.saturating_sub(1);
        if share.allocations == 0 {
            let full_at = share.upward.full_at().max(share.downward.full_at());
            self.former.push_back((full_at, participant.into()));
        }
    }

    /// How many participants and sources have anything.
    pub(crate) fn footprint(&self) -> (usize, usize) {
        let shares = self.shares.iter();
        let participants = shares.filter(|(_, share)| share.allocations > 0);
        (participants.count(), self.sources.len())
    }

    /// Forgets those whose share would be the same if they came anew. One
    /// waits for the one before it, but not for long.
    fn forget_former(&mut self, now: Instant) {
        while let Some((_, participant)) = self.former.pop_front_if(|(at, _)| *at <= now) {
            if let Entry::Occupied(known) = self.participants.entry(participant)
                && self.shares[*known.get()].allocations == 0
            {
                let share = &self.shares[*known.get()];
                if share.upward.full_at().max(share.downward.full_at()) <= now {
                    self.shares.remove(known.remove());
                }
            }
        }
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
