//! Ports that are kept for a while for whoever has the token
//! (RFC 8656 §7.2, §18.10).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ring::hmac;

use super::{Server, Timer};
use crate::address::Source;
use crate::credentials::participant_of;
use crate::output::{Output, RelayId, Request};
use crate::stun::ErrorCode;

/// A port that waits for its allocation.
#[derive(Debug)]
pub(super) struct Reservation {
    username: Box<str>,
    source: Source,
    address: SocketAddr,
    port: Option<RelayId>,
    expires_at: Instant,
}

/// Makes tokens that nobody guesses.
#[derive(Debug)]
pub(super) struct Tokens {
    key: hmac::Key,
    next: u64,
}

impl Tokens {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), b"reservations");
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()),
            next: 0,
        }
    }

    fn next(&mut self) -> [u8; 8] {
        let tag = hmac::sign(&self.key, &self.next.to_be_bytes());
        self.next += 1;
        let mut token = [0; 8];
        token.copy_from_slice(&tag.as_ref()[..8]);
        token
    }
}

impl Server {
    /// Keeps an address for a user for whom it has been counted.
    pub(super) fn reserve(
        &mut self,
        now: Instant,
        (username, source): (&str, Source),
        address: SocketAddr,
        port: Option<RelayId>,
    ) -> [u8; 8] {
        let token = self.tokens.next();
        let expires_at = now + LIFETIME;
        self.by_relayed.insert(address, None);
        self.timers.insert((expires_at, Timer::Reservation(token)));
        self.reservations.insert(
            token,
            Reservation {
                username: username.into(),
                source,
                address,
                port,
                expires_at,
            },
        );
        token
    }

    /// Gives up a reserved address to the user who has reserved it. It is
    /// counted for nobody then.
    pub(super) fn redeem(
        &mut self,
        now: Instant,
        token: [u8; 8],
        username: &str,
    ) -> Result<(SocketAddr, Option<RelayId>), ErrorCode> {
        let is_theirs = self.reservations.get(&token).is_some_and(|reservation| {
            now < reservation.expires_at && *reservation.username == *username
        });
        let reservation = is_theirs.then(|| self.forget(token)).flatten();
        reservation
            .map(|reservation| (reservation.address, reservation.port))
            .ok_or(ErrorCode::INSUFFICIENT_CAPACITY)
    }

    pub(super) fn end_reservation(&mut self, token: [u8; 8], output: &mut Output) {
        if let Some(reservation) = self.forget(token)
            && let Some(port) = reservation.port
        {
            output.request(Request::CloseRelay(port));
        }
    }

    fn forget(&mut self, token: [u8; 8]) -> Option<Reservation> {
        let reservation = self.reservations.remove(&token)?;
        self.timers
            .remove(&(reservation.expires_at, Timer::Reservation(token)));
        self.by_relayed.remove(&reservation.address);
        self.quotas
            .give_back(participant_of(&reservation.username), reservation.source);
        Some(reservation)
    }
}

/// At least 30 s (RFC 8656 §7.2).
const LIFETIME: Duration = Duration::from_secs(30);
