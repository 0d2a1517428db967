//! An allocation, from its first request on.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use thiserror::Error;

use super::message::{Answer, Challenge, Login, Refusal, Request};
use super::wire::{Transport, Wire};
use crate::system::udp::{Batch, Socket};

/// Why there is no allocation, permission or channel.
#[derive(Debug, Error)]
pub enum TurnError {
    #[error("the TURN server: {0}")]
    Io(#[from] io::Error),
    #[error("the TURN server does not answer {0:?}")]
    Silent(Request),
    #[error("the TURN server refuses {0:?} with {1}")]
    Refused(Request, u16),
    #[error("the TURN server gives no address")]
    NoAddress,
}

/// An address that a server relays for us. It is not refreshed: tests are
/// shorter than its ten minutes.
#[derive(Debug)]
pub struct Allocation {
    pub wire: Wire,
    pub relayed: SocketAddr,
    login: Login,
    challenge: Challenge,
}

impl Allocation {
    /// Asks `server` for an address of its own family, from a free port of
    /// `local`.
    ///
    /// # Errors
    /// See [`TurnError`].
    pub fn open(
        transport: Transport,
        local: IpAddr,
        server: SocketAddr,
        login: Login,
        batch: &mut Batch,
    ) -> Result<Self, TurnError> {
        Self::over(Wire::open(transport, local, server)?, server, login, batch)
    }

    /// The same over a wire that is there.
    ///
    /// # Errors
    /// See [`TurnError`].
    pub fn over(
        wire: Wire,
        server: SocketAddr,
        login: Login,
        batch: &mut Batch,
    ) -> Result<Self, TurnError> {
        let mut allocation = Self {
            wire,
            relayed: server,
            login,
            challenge: Challenge::default(),
        };
        let relayed = allocation.ask(Request::Allocate(server.ip()), batch)?;
        allocation.relayed = relayed.ok_or(TurnError::NoAddress)?;
        Ok(allocation)
    }

    /// Lets data to and from `peer` pass on a channel.
    ///
    /// # Errors
    /// See [`TurnError`].
    pub fn bind(
        &mut self,
        channel: u16,
        peer: SocketAddr,
        batch: &mut Batch,
    ) -> Result<(), TurnError> {
        // Some servers want the permission first, though the channel implies it.
        self.ask(Request::Permit(peer.ip()), batch)?;
        self.ask(Request::Bind(channel, peer), batch)?;
        Ok(())
    }

    /// The socket, if that is what the server is reached by. The address is
    /// kept for as long as the server does.
    pub fn into_socket(self) -> Option<Socket> {
        match self.wire {
            Wire::Datagrams(socket) => Some(socket),
            Wire::Stream(_) => None,
        }
    }

    /// Gives the address back.
    ///
    /// # Errors
    /// See [`TurnError`].
    pub fn end(mut self, batch: &mut Batch) -> Result<(), TurnError> {
        self.ask(Request::Refresh(Duration::ZERO), batch).map(drop)
    }

    /// Sends a request and waits for its answer. Answers that name a nonce are
    /// followed once.
    fn ask(
        &mut self,
        request: Request,
        batch: &mut Batch,
    ) -> Result<Option<SocketAddr>, TurnError> {
        let mut refused = None;
        for _ in 0..MOST_TRIES {
            let has_challenge = !self.challenge.nonce.is_empty();
            let challenge = has_challenge.then_some(&self.challenge);
            let (bytes, transaction) = request.write(&self.login, challenge);
            match self.exchange(request, &bytes, transaction, batch)? {
                Ok(address) => return Ok(address),
                Err(Refusal { code, challenge }) => {
                    let is_new = challenge.nonce != self.challenge.nonce;
                    if !matches!(code, UNAUTHORIZED | STALE_NONCE) || !is_new {
                        return Err(TurnError::Refused(request, code));
                    }
                    self.challenge = challenge;
                    refused = Some(code);
                }
            }
        }
        Err(TurnError::Refused(request, refused.unwrap_or(UNAUTHORIZED)))
    }

    fn exchange(
        &mut self,
        request: Request,
        bytes: &[u8],
        transaction: [u8; 12],
        batch: &mut Batch,
    ) -> Result<Result<Option<SocketAddr>, Refusal>, TurnError> {
        let start = Instant::now();
        let mut send_at = start;
        let mut pause = FIRST_PAUSE;
        while start.elapsed() < PATIENCE {
            let is_datagram = matches!(self.wire, Wire::Datagrams(_));
            if Instant::now() >= send_at && (is_datagram || send_at == start) {
                self.wire.send(bytes)?;
                send_at = Instant::now() + pause;
                pause *= 2;
            }
            let mut outcome = None;
            self.wire.receive(batch, |message| {
                if let Some(answer) = Answer::read(message)
                    && answer.transaction == transaction
                {
                    outcome = Some(answer.outcome);
                }
            })?;
            if let Some(outcome) = outcome {
                return Ok(outcome);
            }
            thread::sleep(LOOK);
        }
        Err(TurnError::Silent(request))
    }
}

const UNAUTHORIZED: u16 = 401;
const STALE_NONCE: u16 = 438;
/// Without a nonce, with one, with a fresh one.
const MOST_TRIES: usize = 3;
/// RFC 8489 §6.2.1 has half a second; this is one machine.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_micros(50);
