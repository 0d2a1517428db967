//! Permissions (RFC 8656 §10) and channels (§12).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Question, Server};
use crate::address::{Family, FiveTuple};
use crate::allocation::{MOST_PERMISSIONS, NotBound};
use crate::channel_data::ChannelNumber;
use crate::output::Output;
use crate::stun::{Attribute, ErrorCode, Message, read_xor_address};

impl Server {
    pub(super) fn create_permission(
        &mut self,
        now: Instant,
        client: FiveTuple,
        message: &Message,
        question: &Question,
        username: &str,
        output: &mut Output,
    ) -> Result<(), ErrorCode> {
        let key = self.owned(now, &client, username)?;
        let peers = message
            .attributes()
            .filter(|(attribute, _)| *attribute == Attribute::XOR_PEER_ADDRESS)
            .map(|(_, value)| read_xor_address(value, message.transaction))
            .take(MOST_PERMISSIONS + 1)
            .collect::<Option<Vec<_>>>()
            .filter(|peers| !peers.is_empty())
            .ok_or(ErrorCode::BAD_REQUEST)?;
        let allocation = &mut self.allocations[key];
        let is_reachable = |peer: &SocketAddr| allocation.relay(now, Family::of(*peer)).is_some();
        if !peers.iter().all(is_reachable) {
            return Err(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH);
        }
        if !peers.iter().all(|peer| self.peers.is_at(peer.ip())) {
            return Err(ErrorCode::FORBIDDEN);
        }
        if !allocation.has_room_for(now, &peers) {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        for peer in peers {
            allocation.permit(peer.ip(), now + PERMISSION);
        }
        question.succeed(client, output, |_| {});
        Ok(())
    }

    pub(super) fn bind_channel(
        &mut self,
        now: Instant,
        client: FiveTuple,
        message: &Message,
        question: &Question,
        username: &str,
        output: &mut Output,
    ) -> Result<(), ErrorCode> {
        let key = self.owned(now, &client, username)?;
        let number = message
            .get(Attribute::CHANNEL_NUMBER)
            .and_then(read_number)
            .filter(|number| self.config.channels.contain(*number));
        let peer = message
            .get(Attribute::XOR_PEER_ADDRESS)
            .and_then(|value| read_xor_address(value, message.transaction));
        let (Some(number), Some(peer)) = (number, peer) else {
            return Err(ErrorCode::BAD_REQUEST);
        };
        let allocation = &mut self.allocations[key];
        if allocation.relay(now, Family::of(peer)).is_none() {
            return Err(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH);
        }
        let reach = self
            .peers
            .reach(peer)
            .filter(|reach| allocation.destination(now, peer, *reach).is_some())
            .ok_or(ErrorCode::FORBIDDEN)?;
        allocation
            .may_bind(now, number, peer)
            .map_err(|reason| match reason {
                NotBound::NumberTaken => {
                    self.statistics.numbers_taken += 1;
                    ErrorCode::BAD_REQUEST
                }
                NotBound::HasAnother => ErrorCode::BAD_REQUEST,
                NotBound::TooMany => ErrorCode::INSUFFICIENT_CAPACITY,
            })?;
        if !allocation.has_room_for(now, &[peer]) {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        allocation.bind(number, peer, reach, now + CHANNEL);
        allocation.permit(peer.ip(), now + PERMISSION);
        question.succeed(client, output, |_| {});
        Ok(())
    }
}

/// Reads the value of CHANNEL-NUMBER.
fn read_number(value: &[u8]) -> Option<ChannelNumber> {
    match *value {
        [high, low, _, _] => ChannelNumber::new(u16::from_be_bytes([high, low])),
        _ => None,
    }
}

/// How long a permission lasts (RFC 8656 §9).
const PERMISSION: Duration = Duration::from_mins(5);
/// How long a channel lasts (RFC 8656 §12).
const CHANNEL: Duration = Duration::from_mins(10);
