//! What one client has of the server (RFC 8656 §3.2): addresses to be reached
//! at, whom it lets in, and its channels.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use crate::address::{Family, FiveTuple};
use crate::channel_data::ChannelNumber;
use crate::credentials::participant_of;
use crate::output::{Destination, RelayId};
use crate::peers::{Peers, Reach};
use crate::server::Question;
use crate::stun::{ErrorCode, Transaction};
use crate::token_bucket::TokenBucket;

#[derive(Debug)]
pub(crate) struct Allocation {
    pub(crate) client: FiveTuple,
    pub(crate) username: Box<str>,
    /// The request that made it, which may come again (RFC 8656 §7.2).
    pub(crate) transaction: Transaction,
    pub(crate) granted: Granted,
    /// One for each family.
    pub(crate) relays: [Option<Relay>; 2],
    /// While the driver opens relay ports for it.
    pub(crate) pending: Option<Box<Pending>>,
    /// When the server's timer looks at it.
    pub(crate) timer: Instant,
    permissions: Vec<Permission>,
    channels: Vec<Channel>,
    /// Whose share of what there is it uses.
    pub(crate) share: usize,
    /// When it last carried data, or was made.
    pub(crate) used_at: Instant,
    pub(crate) requests: TokenBucket,
}

/// What the answer to the request says beside the addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Granted {
    /// In seconds.
    pub(crate) lifetime: u32,
    pub(crate) reservation: Option<[u8; 8]>,
    /// A family that was asked for besides, and is not to be had.
    pub(crate) missing: Option<(Family, ErrorCode)>,
}

/// An address that peers see the client by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    /// The driver's socket, if there is one.
    pub(crate) port: Option<RelayId>,
    pub(crate) expires_at: Instant,
}

/// A client that waits for its answer.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) question: Question,
    pub(crate) opening: Vec<Opening>,
}

/// A relay port that is not there yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) relay: RelayId,
    pub(crate) family: Family,
    /// The port after it, to be kept for another allocation.
    pub(crate) next: Option<RelayId>,
}

/// Who may send to the client (RFC 8656 §9).
#[derive(Clone, Copy, Debug)]
struct Permission {
    peer: IpAddr,
    expires_at: Instant,
}

/// A number for a peer (RFC 8656 §12).
#[derive(Clone, Copy, Debug)]
struct Channel {
    number: ChannelNumber,
    peer: SocketAddr,
    reach: Reach,
    expires_at: Instant,
}

/// Why a channel is not bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NotBound {
    /// The number is another peer's.
    NumberTaken,
    /// The peer has another number.
    HasAnother,
    /// There are too many already.
    TooMany,
}

impl Allocation {
    pub(crate) fn new(
        now: Instant,
        client: FiveTuple,
        username: &str,
        transaction: Transaction,
        lifetime: u32,
    ) -> Self {
        Self {
            client,
            username: username.into(),
            transaction,
            granted: Granted {
                lifetime,
                reservation: None,
                missing: None,
            },
            relays: [None; 2],
            pending: None,
            timer: now,
            permissions: Vec::new(),
            channels: Vec::new(),
            share: 0,
            used_at: now,
            requests: TokenBucket::full(now),
        }
    }

    /// Whether it is there to be used: the client has been answered, and not
    /// all has expired.
    pub(crate) fn is_ready(&self, now: Instant) -> bool {
        let mut relays = self.relays.iter().flatten();
        self.pending.is_none() && relays.any(|relay| now < relay.expires_at)
    }

    /// Whose it is, as quotas count.
    pub(crate) fn participant(&self) -> &str {
        participant_of(&self.username)
    }

    /// Its address of this family, until that expires.
    pub(crate) fn relay(&self, now: Instant, family: Family) -> Option<&Relay> {
        self.relays[family.index()]
            .as_ref()
            .filter(|relay| now < relay.expires_at)
    }

    /// When the first of its addresses expires.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.relays
            .iter()
            .flatten()
            .map(|relay| relay.expires_at)
            .min()
    }

    /// Where data for this peer goes; `None` if the address that it would come
    /// from is not there.
    pub(crate) fn destination(
        &self,
        now: Instant,
        peer: SocketAddr,
        reach: Reach,
    ) -> Option<Destination> {
        let relay = self.relay(now, Family::of(peer))?;
        match reach {
            Reach::HandOver => Some(Destination::HandOver {
                relayed: relay.address,
                peer,
            }),
            Reach::RelayPort => Some(Destination::Peer {
                relay: relay.port?,
                peer,
            }),
        }
    }

    pub(crate) fn has_permission(&self, now: Instant, peer: IpAddr) -> bool {
        self.permissions
            .iter()
            .any(|permission| permission.peer == peer && now < permission.expires_at)
    }

    /// Whether permissions for all of `peers` fit beside those there are.
    pub(crate) fn has_room_for(&mut self, now: Instant, peers: &[SocketAddr]) -> bool {
        self.permissions
            .retain(|permission| now < permission.expires_at);
        let mut new: Vec<_> = peers
            .iter()
            .map(SocketAddr::ip)
            .filter(|peer| !self.has_permission(now, *peer))
            .collect();
        new.sort_unstable();
        new.dedup();
        self.permissions.len() + new.len() <= MOST_PERMISSIONS
    }

    /// Lets a peer in, or lets it stay. Room for it must have been looked for.
    pub(crate) fn permit(&mut self, peer: IpAddr, expires_at: Instant) {
        let known = self
            .permissions
            .iter_mut()
            .find(|permission| permission.peer == peer);
        if let Some(permission) = known {
            permission.expires_at = expires_at;
            return;
        }
        if self.permissions.is_empty() {
            self.permissions.reserve_exact(FEW);
        }
        self.permissions.push(Permission { peer, expires_at });
    }

    /// The peer that this number stands for.
    pub(crate) fn peer_of(
        &self,
        now: Instant,
        number: ChannelNumber,
    ) -> Option<(SocketAddr, Reach)> {
        self.channels
            .iter()
            .find(|channel| channel.number == number)
            .filter(|channel| now < channel.expires_at)
            .map(|channel| (channel.peer, channel.reach))
    }

    /// The number that stands for this peer.
    pub(crate) fn channel_of(&self, now: Instant, peer: SocketAddr) -> Option<ChannelNumber> {
        self.channels
            .iter()
            .find(|channel| channel.peer == peer)
            .filter(|channel| now < channel.expires_at)
            .map(|channel| channel.number)
    }

    /// Whether [`Allocation::bind`] would do it.
    pub(crate) fn may_bind(
        &mut self,
        now: Instant,
        number: ChannelNumber,
        peer: SocketAddr,
    ) -> Result<(), NotBound> {
        self.channels.retain(|channel| now < channel.expires_at);
        let mut others = self.channels.iter();
        match others.find(|channel| channel.number == number || channel.peer == peer) {
            Some(channel) if (channel.number, channel.peer) == (number, peer) => Ok(()),
            Some(channel) if channel.number == number => Err(NotBound::NumberTaken),
            Some(_) => Err(NotBound::HasAnother),
            None if self.channels.len() < MOST_CHANNELS => Ok(()),
            None => Err(NotBound::TooMany),
        }
    }

    /// Has the number stand for the peer, or go on to.
    pub(crate) fn bind(
        &mut self,
        number: ChannelNumber,
        peer: SocketAddr,
        reach: Reach,
        expires_at: Instant,
    ) {
        if self.channels.is_empty() {
            self.channels.reserve_exact(FEW);
        }
        let channel = Channel {
            number,
            peer,
            reach,
            expires_at,
        };
        match self
            .channels
            .iter_mut()
            .find(|known| known.number == number)
        {
            Some(known) => *known = channel,
            None => self.channels.push(channel),
        }
    }

    /// Ends what is meant for peers that are none any more.
    pub(crate) fn keep_to(&mut self, peers: &Peers) {
        self.permissions
            .retain(|permission| peers.is_at(permission.peer));
        self.channels.retain_mut(|channel| {
            let reach = peers.reach(channel.peer);
            channel.reach = reach.unwrap_or(channel.reach);
            reach.is_some()
        });
    }
}

/// More than any browser has of candidates on our side.
pub(crate) const MOST_PERMISSIONS: usize = 32;
pub(crate) const MOST_CHANNELS: usize = 32;
/// What most clients need.
const FEW: usize = 2;
