//! Relay ports that the driver opens.

use std::net::SocketAddr;
use std::time::Instant;

use thiserror::Error;

use super::Server;
use super::allocate::seconds;
use crate::address::{Family, FiveTuple, Source};
use crate::allocation::{Opening, Relay};
use crate::output::{Output, RelayId, Request};
use crate::stun::ErrorCode;
use crate::synthetic::following;

/// A relay port cannot be had.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("no such port is free")]
pub struct RelayRefused;

impl Server {
    /// Takes what became of [`Request::OpenRelay`]: the address that peers see
    /// the socket by. If another one was asked for with it, that has the same
    /// address and the next port.
    pub fn relay_opened(
        &mut self,
        now: Instant,
        relay: RelayId,
        opened: Result<SocketAddr, RelayRefused>,
        output: &mut Output,
    ) {
        let Some(key) = self.opening.remove(&relay) else {
            // Its client has gone meanwhile, and it was asked to be closed.
            return;
        };
        let Some(opening) = self.take_opening(key, relay) else {
            return;
        };
        let opened = opened.ok().filter(|address| {
            let is_usable = self.is_usable(*address, &opening);
            if !is_usable {
                close(&opening, output);
            }
            is_usable
        });
        match opened {
            Some(address) => self.take_relay(now, key, &opening, address),
            None => self.miss_relay(key, &opening),
        }
        self.finish_opening(now, key, output);
    }

    /// Answers without the relay ports that have not come.
    pub(super) fn give_up_opening(&mut self, now: Instant, key: usize, output: &mut Output) {
        let openings = match &mut self.allocations[key].pending {
            Some(pending) => std::mem::take(&mut pending.opening),
            None => Vec::new(),
        };
        for opening in openings {
            self.opening.remove(&opening.relay);
            close(&opening, output);
            self.miss_relay(key, &opening);
        }
        self.finish_opening(now, key, output);
    }

    fn take_opening(&mut self, key: usize, relay: RelayId) -> Option<Opening> {
        let openings = &mut self.allocations[key].pending.as_mut()?.opening;
        let at = openings.iter().position(|opening| opening.relay == relay)?;
        Some(openings.swap_remove(at))
    }

    /// Whether a socket's address is of the kind that was asked for, and not
    /// somebody's.
    fn is_usable(&self, address: SocketAddr, opening: &Opening) -> bool {
        let is_free = |address| !self.by_relayed.contains_key(&address);
        let is_pair = || address.port().is_multiple_of(2) && is_free(following(address));
        Family::of(address) == opening.family
            && is_free(address)
            && (opening.next.is_none() || is_pair())
    }

    fn take_relay(&mut self, now: Instant, key: usize, opening: &Opening, address: SocketAddr) {
        let allocation = &mut self.allocations[key];
        allocation.relays[opening.family.index()] = Some(Relay {
            address,
            port: Some(opening.relay),
            expires_at: now + seconds(allocation.granted.lifetime),
        });
        self.by_relayed.insert(address, Some(key));
        if let Some(next) = opening.next {
            let (username, source) = (allocation.username.clone(), Source::of(&allocation.client));
            let token = self.reserve(now, (&username, source), following(address), Some(next));
            self.allocations[key].granted.reservation = Some(token);
        }
    }

    fn miss_relay(&mut self, key: usize, opening: &Opening) {
        let allocation = &mut self.allocations[key];
        allocation.granted.missing = Some((opening.family, ErrorCode::INSUFFICIENT_CAPACITY));
        if opening.next.is_some() {
            let source = Source::of(&allocation.client);
            self.quotas.give_back(allocation.participant(), source);
        }
    }

    /// Answers the client, if nothing more is to come.
    fn finish_opening(&mut self, now: Instant, key: usize, output: &mut Output) {
        let allocation = &mut self.allocations[key];
        let Some(pending) = allocation
            .pending
            .take_if(|pending| pending.opening.is_empty())
        else {
            return;
        };
        let client: FiveTuple = allocation.client;
        if allocation.next_expiry().is_some() {
            self.statistics.allocated += 1;
            self.answer_allocated(key, &pending.question, output);
        } else {
            let code = ErrorCode::INSUFFICIENT_CAPACITY;
            self.refuse(client, &pending.question, code, output);
        }
        self.go_on(now, key, output);
    }
}

/// Has the driver close what it may have opened.
pub(super) fn close(opening: &Opening, output: &mut Output) {
    for relay in [Some(opening.relay), opening.next].into_iter().flatten() {
        output.request(Request::CloseRelay(relay));
    }
}
