//! Allocations (RFC 8656 §7).

use std::time::{Duration, Instant};

use super::{Question, Server};
use crate::address::{Family, FiveTuple, Source};
use crate::allocation::{Allocation, Opening, Pending, Relay};
use crate::credentials::Username;
use crate::output::{Output, PortWish, RelayId, Request};
use crate::stun::{Attribute, ErrorCode, Message};
use crate::synthetic::following;

impl Server {
    pub(super) fn allocate(
        &mut self,
        now: Instant,
        client: FiveTuple,
        message: &Message,
        question: &Question,
        username: Username,
        output: &mut Output,
    ) -> Result<(), ErrorCode> {
        if let Some(&key) = self.by_client.get(&client) {
            let allocation = &self.allocations[key];
            let is_same = allocation.transaction == question.transaction
                && *allocation.username == *username.whole;
            if allocation.pending.is_some() || allocation.is_ready(now) {
                if !is_same {
                    return Err(ErrorCode::ALLOCATION_MISMATCH);
                }
                if allocation.pending.is_none() {
                    self.answer_allocated(key, question, output);
                }
                return Ok(());
            }
            self.remove(now, key, output);
        }
        let families = &self.config.families;
        let usual = if families.contains(&Family::V4) {
            Family::V4
        } else {
            Family::V6
        };
        let wishes = Wishes::read(message, usual)?;
        let mut allocation = Allocation::new(
            now,
            client,
            username.whole,
            question.transaction,
            wishes.lifetime,
        );
        let source = Source::of(&client);
        if let Some(token) = wishes.token {
            let (address, port) = self.redeem(now, token, username.whole)?;
            // It counts for where it comes from now, which may be elsewhere.
            let counted = self.count(now, username.participant, source, output);
            allocation.share = counted.inspect_err(|_| {
                if let Some(port) = port {
                    output.request(Request::CloseRelay(port));
                }
            })?;
            allocation.relays[Family::of(address).index()] = Some(Relay {
                address,
                port,
                expires_at: now + seconds(wishes.lifetime),
            });
        } else {
            allocation.share = self.count(now, username.participant, source, output)?;
            if let Err(code) = self.find_relays(now, &mut allocation, &wishes, question, output) {
                self.quotas.give_back(username.participant, source);
                return Err(code);
            }
        }
        self.keep(now, allocation, question, output);
        Ok(())
    }

    /// Tells a client what it has got.
    pub(super) fn answer_allocated(&self, key: usize, question: &Question, output: &mut Output) {
        let allocation = &self.allocations[key];
        let client = allocation.client;
        question.succeed(client, output, |writer| {
            for relay in allocation.relays.iter().flatten() {
                writer.xor_address(Attribute::XOR_RELAYED_ADDRESS, relay.address);
            }
            let granted = allocation.granted;
            writer.attribute(Attribute::LIFETIME, &granted.lifetime.to_be_bytes());
            writer.xor_address(Attribute::XOR_MAPPED_ADDRESS, client.client);
            if let Some(token) = granted.reservation {
                writer.attribute(Attribute::RESERVATION_TOKEN, &token);
            }
            if let Some((family, code)) = granted.missing {
                writer.address_error(family, code);
            }
        });
    }

    /// Counts one more; gives whose share it is of. Where a participant would
    /// have too many, the one of them that it left behind the longest ago ends,
    /// as when it has come from network to network.
    fn count(
        &mut self,
        now: Instant,
        participant: &str,
        source: Source,
        output: &mut Output,
    ) -> Result<usize, ErrorCode> {
        let limits = self.config.limits;
        if self.quotas.count_of(participant) >= limits.allocations_of_participant
            && let Some(left_behind) = self.left_behind(now, participant)
        {
            self.remove(now, left_behind, output);
        }
        self.quotas.take(now, &limits, participant, source)
    }

    /// Which of a participant's allocations has carried nothing for the longest,
    /// if that is long.
    fn left_behind(&self, now: Instant, participant: &str) -> Option<usize> {
        let theirs = self.quotas.held_by(participant).iter().copied();
        theirs
            .filter(|key| {
                let allocation = &self.allocations[*key];
                allocation.pending.is_none()
                    && now.saturating_duration_since(allocation.used_at) >= LEFT_BEHIND
            })
            .min_by_key(|key| self.allocations[*key].used_at)
    }

    /// Gives the allocation what it wishes, or has the driver open it.
    fn find_relays(
        &mut self,
        now: Instant,
        allocation: &mut Allocation,
        wishes: &Wishes,
        question: &Question,
        output: &mut Output,
    ) -> Result<(), ErrorCode> {
        let (client, reserves) = (allocation.client, wishes.port == PortWish::EvenAndNext);
        let participant = allocation.participant().to_owned();
        if reserves {
            self.count(now, &participant, Source::of(&client), output)?;
        }
        let mut opening = Vec::new();
        for family in wishes.families() {
            let found = if !self.config.families.contains(&family) {
                Err(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED)
            } else if self.peers.need_ports(family) {
                let relay = self.new_relay();
                let next = reserves.then(|| self.new_relay());
                opening.push(Opening {
                    relay,
                    family,
                    next,
                });
                output.request(Request::OpenRelay {
                    relay,
                    family,
                    port: wishes.port,
                    next,
                });
                Ok(())
            } else {
                self.find_synthetic(now, allocation, family, wishes)
            };
            if let Err(code) = found {
                allocation.granted.missing = Some((family, code));
            }
        }
        if !opening.is_empty() {
            allocation.pending = Some(Box::new(Pending {
                question: question.clone(),
                opening,
            }));
            return Ok(());
        }
        if allocation.next_expiry().is_some() {
            return Ok(());
        }
        if reserves {
            self.quotas.give_back(&participant, Source::of(&client));
        }
        let missing = allocation.granted.missing;
        Err(missing.map_or(ErrorCode::INSUFFICIENT_CAPACITY, |(_, code)| code))
    }

    fn find_synthetic(
        &mut self,
        now: Instant,
        allocation: &mut Allocation,
        family: Family,
        wishes: &Wishes,
    ) -> Result<(), ErrorCode> {
        let by_relayed = &self.by_relayed;
        let address = self
            .synthetic
            .next(family, wishes.port, |address| {
                !by_relayed.contains_key(&address)
            })
            .ok_or(ErrorCode::INSUFFICIENT_CAPACITY)?;
        allocation.relays[family.index()] = Some(Relay {
            address,
            port: None,
            expires_at: now + seconds(wishes.lifetime),
        });
        if wishes.port == PortWish::EvenAndNext {
            let owner = (&*allocation.username, Source::of(&allocation.client));
            let token = self.reserve(now, owner, following(address), None);
            allocation.granted.reservation = Some(token);
        }
        Ok(())
    }

    /// Puts an allocation among the others, and answers if all is there.
    fn keep(
        &mut self,
        now: Instant,
        allocation: Allocation,
        question: &Question,
        output: &mut Output,
    ) {
        let (client, share) = (allocation.client, allocation.share);
        let key = self.allocations.insert(allocation);
        self.quotas.hold(share, key);
        self.by_client.insert(client, key);
        self.recent = None;
        self.settle(&client);
        let allocation = &self.allocations[key];
        for relay in allocation.relays.iter().flatten() {
            self.by_relayed.insert(relay.address, Some(key));
        }
        self.statistics.allocations = self.allocations.len() as u64;
        if let Some(pending) = &allocation.pending {
            for opening in &pending.opening {
                self.opening.insert(opening.relay, key);
            }
            self.schedule(key, now + LONGEST_OPENING);
            return;
        }
        self.statistics.allocated += 1;
        self.answer_allocated(key, question, output);
        self.go_on(now, key, output);
    }

    fn new_relay(&mut self) -> RelayId {
        self.next_relay += 1;
        RelayId(self.next_relay)
    }
}

/// What a client asks for.
#[derive(Debug)]
struct Wishes {
    family: Family,
    /// Addresses of both families.
    is_dual: bool,
    port: PortWish,
    token: Option<[u8; 8]>,
    lifetime: u32,
}

impl Wishes {
    /// Reads them (RFC 8656 §7.2).
    fn read(message: &Message, usual_family: Family) -> Result<Self, ErrorCode> {
        let bad = ErrorCode::BAD_REQUEST;
        let transport = message.get(Attribute::REQUESTED_TRANSPORT).ok_or(bad)?;
        match *transport {
            [UDP, _, _, _] => {}
            // TCP (RFC 6062) among them.
            [_, _, _, _] => return Err(ErrorCode::UNSUPPORTED_TRANSPORT),
            _ => return Err(bad),
        }
        let token = message.get(Attribute::RESERVATION_TOKEN);
        let token = token.map(<[u8; 8]>::try_from).transpose().or(Err(bad))?;
        let port = match message.get(Attribute::EVEN_PORT) {
            None => PortWish::Any,
            Some([flags]) if flags & 0x80 != 0 => PortWish::EvenAndNext,
            Some([_]) => PortWish::Even,
            Some(_) => return Err(bad),
        };
        let family = read_family(message, Attribute::REQUESTED_ADDRESS_FAMILY)?;
        let additional = read_family(message, Attribute::ADDITIONAL_ADDRESS_FAMILY)?;
        let is_odd_additional = additional.is_some_and(|code| code != Family::V6.code());
        let excludes_all =
            token.is_some() && (port != PortWish::Any || family.is_some() || additional.is_some());
        let excludes_additional = family.is_some() || port == PortWish::EvenAndNext;
        if is_odd_additional || excludes_all || (additional.is_some() && excludes_additional) {
            return Err(bad);
        }
        Ok(Self {
            family: match family {
                None if additional.is_some() => Family::V4,
                // By RFC 8656 §7.2 it is IPv4. Browsers never say, so where
                // there is no IPv4 they mean what there is.
                None => usual_family,
                Some(code) => {
                    Family::from_code(code).ok_or(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED)?
                }
            },
            is_dual: additional.is_some(),
            port,
            token,
            lifetime: read_lifetime(message)?.max(DEFAULT_LIFETIME),
        })
    }

    fn families(&self) -> impl Iterator<Item = Family> + use<> {
        let additional = self.is_dual.then_some(Family::V6);
        std::iter::once(self.family).chain(additional)
    }
}

/// The code of a family, be there such a family or not.
pub(super) fn read_family(
    message: &Message,
    attribute: Attribute,
) -> Result<Option<u8>, ErrorCode> {
    match message.get(attribute) {
        None => Ok(None),
        Some(&[code, _, _, _]) => Ok(Some(code)),
        Some(_) => Err(ErrorCode::BAD_REQUEST),
    }
}

/// The lifetime that is asked for in seconds, as far as it is granted. Zero is
/// zero; without any it is [`DEFAULT_LIFETIME`].
pub(super) fn read_lifetime(message: &Message) -> Result<u32, ErrorCode> {
    let Some(value) = message.get(Attribute::LIFETIME) else {
        return Ok(DEFAULT_LIFETIME);
    };
    let seconds = u32::from_be_bytes(value.try_into().or(Err(ErrorCode::BAD_REQUEST))?);
    Ok(match seconds {
        0 => 0,
        _ => seconds.clamp(DEFAULT_LIFETIME, LONGEST_LIFETIME),
    })
}

pub(super) fn seconds(number: u32) -> Duration {
    Duration::from_secs(number.into())
}

/// In seconds (RFC 8656 §3.2).
pub(super) const DEFAULT_LIFETIME: u32 = 600;
const LONGEST_LIFETIME: u32 = 3600;
/// UDP's number among the protocols of IP.
const UDP: u8 = 17;
/// Who is heard at all is heard more often: consent is asked for every five
/// seconds (RFC 7675).
const LEFT_BEHIND: Duration = Duration::from_secs(15);
/// Binding a socket takes no time: a driver that does not answer is broken.
const LONGEST_OPENING: Duration = Duration::from_secs(5);
