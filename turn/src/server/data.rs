//! What clients and peers send each other (RFC 8656 §11, §12).

use std::net::SocketAddr;
use std::time::Instant;

use super::Server;
use crate::address::{Family, FiveTuple};
use crate::channel_data::{ChannelData, write_channel_data};
use crate::framing::Nonsense;
use crate::output::{Destination, Output};
use crate::stun::{Attribute, Class, Message, Method, Transaction, Writer, read_xor_address};
use crate::{LONGEST_MESSAGE, OVERHEAD};

/// An error that came back for what was sent to a peer (RFC 8656 §11.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Icmp {
    /// The type, of ICMP or `ICMPv6` as the peer's address says.
    pub typ: u8,
    pub code: u8,
    /// The next hop's MTU in bytes, where the error is about that.
    pub mtu: u32,
}

impl Server {
    /// Takes what a peer sent to a client's relayed address at once: datagrams
    /// of `segment_length` bytes, the last of which may be shorter.
    pub fn from_peer(
        &mut self,
        now: Instant,
        relayed: SocketAddr,
        peer: SocketAddr,
        datagrams: &[u8],
        segment_length: usize,
        output: &mut Output,
    ) {
        let number = datagrams.len().div_ceil(segment_length.max(1)).max(1) as u64;
        let Some(key) = self.at(now, relayed, peer) else {
            self.statistics.dropped.unknown += number;
            return;
        };
        let allocation = &mut self.allocations[key];
        // The address was the peer's to permit; the port is ours.
        if !allocation.has_permission(now, peer.ip()) || self.peers.reach(peer).is_none() {
            self.statistics.dropped.not_permitted += number;
            return;
        }
        let channel = allocation.channel_of(now, peer);
        let client = allocation.client;
        let to = Destination::Client(client);
        allocation.used_at = now;
        let downward = &mut self.quotas.share(allocation.share).downward;
        let rate = self.config.limits.bandwidth;
        let empty = datagrams.is_empty().then_some(datagrams);
        for data in empty
            .into_iter()
            .chain(datagrams.chunks(segment_length.max(1)))
        {
            if data.len() > LONGEST_DATA || !downward.take(now, rate, OVERHEAD + data.len() as u32)
            {
                self.statistics.dropped.excess += 1;
                continue;
            }
            self.statistics.packets_down += 1;
            self.statistics.bytes_down += data.len() as u64;
            let indication = &mut self.next_indication;
            output.push(to, |bytes| {
                if let Some(number) = channel {
                    write_channel_data(bytes, number, data, client.transport.is_stream());
                } else {
                    let mut writer = data_indication(bytes, indication, peer);
                    writer.attribute(Attribute::DATA, data);
                }
            });
        }
    }

    /// Takes an ICMP error that came back to a relay port.
    pub fn icmp_from_peer(
        &mut self,
        now: Instant,
        relayed: SocketAddr,
        peer: SocketAddr,
        icmp: Icmp,
        output: &mut Output,
    ) {
        let Some(key) = self.at(now, relayed, peer) else {
            return;
        };
        let allocation = &mut self.allocations[key];
        let rate = self.config.limits.bandwidth;
        if !allocation.has_permission(now, peer.ip())
            || self.peers.reach(peer).is_none()
            || !icmp.is_for_clients(Family::of(peer))
            || !(self.quotas.share(allocation.share).downward).take(now, rate, OVERHEAD)
        {
            return;
        }
        let client = allocation.client;
        let indication = &mut self.next_indication;
        output.push(Destination::Client(client), |bytes| {
            let mut writer = data_indication(bytes, indication, peer);
            writer.attribute(Attribute::ICMP, &icmp.value(Family::of(peer)));
        });
    }

    /// Takes a Send indication (RFC 8656 §11.2).
    pub(super) fn handle_send(
        &mut self,
        now: Instant,
        client: FiveTuple,
        message: &Message,
        output: &mut Output,
    ) {
        let peer = message
            .get(Attribute::XOR_PEER_ADDRESS)
            .and_then(|value| read_xor_address(value, message.transaction));
        let (Some(peer), Some(data), None) = (
            peer,
            message.get(Attribute::DATA),
            message.unknown_attributes().next(),
        ) else {
            self.statistics.dropped.malformed += 1;
            return;
        };
        let Some(key) = self.ready(now, &client) else {
            self.statistics.dropped.unknown += 1;
            return;
        };
        let allocation = &self.allocations[key];
        let to = self
            .peers
            .reach(peer)
            .filter(|_| allocation.has_permission(now, peer.ip()))
            .and_then(|reach| allocation.destination(now, peer, reach));
        self.pass_up(now, key, to, data, output);
    }

    /// Takes data on a channel (RFC 8656 §12.6).
    pub(super) fn handle_channel_data(
        &mut self,
        now: Instant,
        client: FiveTuple,
        frame: &[u8],
        output: &mut Output,
    ) -> Result<(), Nonsense> {
        let frame = ChannelData::read(frame).ok_or(Nonsense)?;
        let Some(key) = self.ready(now, &client) else {
            self.statistics.dropped.unknown += 1;
            return Ok(());
        };
        let allocation = &self.allocations[key];
        let to = allocation
            .peer_of(now, frame.channel)
            .and_then(|(peer, reach)| allocation.destination(now, peer, reach));
        self.pass_up(now, key, to, frame.data, output);
        Ok(())
    }

    fn pass_up(
        &mut self,
        now: Instant,
        key: usize,
        to: Option<Destination>,
        data: &[u8],
        output: &mut Output,
    ) {
        let Some(to) = to else {
            self.statistics.dropped.not_permitted += 1;
            return;
        };
        let rate = self.config.limits.bandwidth;
        let allocation = &mut self.allocations[key];
        allocation.used_at = now;
        let upward = &mut self.quotas.share(allocation.share).upward;
        if !upward.take(now, rate, OVERHEAD + data.len() as u32) {
            self.statistics.dropped.excess += 1;
            return;
        }
        self.statistics.packets_up += 1;
        self.statistics.bytes_up += data.len() as u64;
        output.push(to, |bytes| bytes.extend_from_slice(data));
    }

    /// The allocation with this relayed address, unless that has expired.
    fn at(&self, now: Instant, relayed: SocketAddr, peer: SocketAddr) -> Option<usize> {
        let key = (*self.by_relayed.get(&relayed)?)?;
        let relay = self.allocations[key].relay(now, Family::of(peer))?;
        (relay.address == relayed && self.allocations[key].pending.is_none()).then_some(key)
    }
}

impl Icmp {
    /// Whether it is of those that a client is told.
    fn is_for_clients(self, family: Family) -> bool {
        match family {
            Family::V4 => matches!(self.typ, 3 | 11),
            Family::V6 => matches!(self.typ, 1..=3),
        }
    }

    /// The value of the attribute ICMP (RFC 8656 §18.13).
    fn value(self, family: Family) -> [u8; 8] {
        let is_too_big = match family {
            Family::V4 => (self.typ, self.code) == (3, 4),
            Family::V6 => self.typ == 2,
        };
        let kind = u16::from(self.typ) << 9 | u16::from(self.code);
        let mtu = if is_too_big { self.mtu } else { 0 };
        let mut value = [0; 8];
        value[2..4].copy_from_slice(&kind.to_be_bytes());
        value[4..].copy_from_slice(&mtu.to_be_bytes());
        value
    }
}

/// Begins a Data indication.
fn data_indication<'a>(bytes: &'a mut Vec<u8>, number: &mut u64, peer: SocketAddr) -> Writer<'a> {
    *number += 1;
    let mut transaction = [0; 12];
    transaction[4..].copy_from_slice(&number.to_be_bytes());
    let mut writer = Writer::new(
        bytes,
        Class::Indication,
        Method::DATA,
        Transaction(transaction),
    );
    writer.xor_address(Attribute::XOR_PEER_ADDRESS, peer);
    writer
}

/// What a Data indication has room for beside an IPv6 address.
const LONGEST_DATA: usize = LONGEST_MESSAGE - 20 - 24 - 4;
