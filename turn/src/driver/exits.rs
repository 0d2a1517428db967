//! The ways out of a server's thread: sockets, connections, and peers of this
//! process.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Instant;

use io_thread::dynamic_threshold::DynamicThreshold;
use io_thread::hand_over;
use io_thread::messages::SendMessages;
use io_thread::udp::{self, Socket};
use rustix::event::epoll;
use slab::Slab;

use super::connection::{Connection, Ended, Fate};
use super::relay_ports::RelayPort;
use super::thread::Source;
use super::{LocalPeer, Statistics};
use crate::{
    Destination, FiveTuple, Output, PortWish, RelayId, RelayRefused, Server, Train, Transport,
};

/// The ways out.
pub(super) struct Exits {
    pub(super) epoll: OwnedFd,
    pub(super) sockets: Vec<Socket>,
    pub(super) relays: HashMap<RelayId, RelayPort>,
    /// Where these are bound.
    pub(super) relays_bound: HashSet<SocketAddr>,
    pub(super) connections: Slab<Connection>,
    /// What waits for all of them.
    pub(super) threshold: DynamicThreshold,
    pub(super) by_client: HashMap<FiveTuple, usize>,
    pub(super) peers: Workers,
    messages: SendMessages,
    /// Connections that ended when they were written to.
    pub(super) ended: Vec<usize>,
    /// What is sent is in no hurry.
    pub(super) is_patient: bool,
    late: u64,
    lost: u64,
}

/// The peers of this process.
pub(super) struct Workers {
    by_address: HashMap<SocketAddr, usize>,
    pub(super) senders: Vec<hand_over::Sender>,
}

impl Exits {
    pub(super) fn new(
        epoll: OwnedFd,
        sockets: Vec<Socket>,
        peers: &[LocalPeer],
        most_waiting: usize,
    ) -> Self {
        Self {
            epoll,
            sockets,
            relays: HashMap::new(),
            relays_bound: HashSet::new(),
            connections: Slab::new(),
            threshold: DynamicThreshold::new(most_waiting),
            by_client: HashMap::new(),
            peers: Workers::new(peers),
            messages: SendMessages::default(),
            ended: Vec::new(),
            is_patient: false,
            late: 0,
            lost: 0,
        }
    }

    /// Sends trains; those of one destination in their order.
    pub(super) fn send(&mut self, output: &Output, times: &[Instant]) {
        for socket in &self.sockets {
            let local = socket.local();
            let trains = output.trains().iter().filter_map(|train| match train.to {
                Destination::Client(client)
                    if client.transport == Transport::Udp && client.server == local =>
                {
                    Some(as_datagrams(output, client.client, train))
                }
                _ => None,
            });
            socket.send(trains, &mut self.messages);
        }
        self.lost += self.peers.hand_over(output, times, self.is_patient);
        let mut rest = output.trains();
        while let Some(train) = rest.first() {
            let mut done = 1;
            match train.to {
                Destination::Peer { relay, .. } => {
                    let run = rest.iter().map_while(|train| match train.to {
                        Destination::Peer { relay: other, peer } if other == relay => {
                            Some(as_datagrams(output, peer, train))
                        }
                        _ => None,
                    });
                    done = run.clone().count();
                    if let Some(port) = self.relays.get(&relay) {
                        port.socket.send(run, &mut self.messages);
                    }
                }
                Destination::Client(client) if client.transport.is_stream() => {
                    if let Some(&key) = self.by_client.get(&client) {
                        self.write(key, output, train);
                    }
                }
                Destination::Client(_) | Destination::HandOver { .. } => {}
            }
            rest = &rest[done..];
        }
    }

    fn write(&mut self, key: usize, output: &Output, train: &Train) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        let before = connection.waiting();
        let written = connection.write(
            output.bytes(train),
            train.is_answer,
            self.threshold.of_one(),
        );
        self.threshold.change(before, connection.waiting());
        match written {
            Ok(fate) => {
                self.late += u64::from(fate == Fate::LeftOut);
                self.watch_writes(key);
            }
            Err(Ended) => self.ended.push(key),
        }
    }

    /// Sends what waits for a connection, as far as the kernel takes it.
    pub(super) fn flush(&mut self, key: usize) -> Result<(), Ended> {
        let Some(connection) = self.connections.get_mut(key) else {
            return Ok(());
        };
        let before = connection.waiting();
        let flushed = connection.flush();
        self.threshold.change(before, connection.waiting());
        flushed
    }

    pub(super) fn remove_connection(&mut self, key: usize) -> Option<Connection> {
        let connection = self.connections.try_remove(key)?;
        self.threshold.change(connection.waiting(), 0);
        Some(connection)
    }

    /// Has the kernel tell when a connection takes more, if more waits.
    pub(super) fn watch_writes(&mut self, key: usize) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        let has_waiting = connection.has_waiting();
        if connection.is_watched == has_waiting {
            return;
        }
        let mut flags = epoll::EventFlags::IN;
        flags.set(epoll::EventFlags::OUT, has_waiting);
        let data = Source::Connection(key).data();
        match epoll::modify(&self.epoll, connection.stream(), data, flags) {
            Ok(()) => connection.is_watched = has_waiting,
            Err(_) => self.ended.push(key),
        }
    }

    /// Has the thread told of what comes to relay ports; gives the address of
    /// the first.
    pub(super) fn keep(
        &mut self,
        relay: RelayId,
        next: Option<RelayId>,
        wish: PortWish,
        ports: (RelayPort, Option<RelayPort>),
    ) -> Result<SocketAddr, RelayRefused> {
        debug_assert_eq!(next.is_some(), wish == PortWish::EvenAndNext);
        let address = ports.0.address;
        let others = next.zip(ports.1);
        for (relay, port) in [(relay, ports.0)].into_iter().chain(others) {
            let data = Source::Relay(relay).data();
            epoll::add(&self.epoll, &port.socket, data, epoll::EventFlags::IN)
                .or(Err(RelayRefused))?;
            self.relays_bound.insert(port.socket.local());
            self.relays.insert(relay, port);
        }
        Ok(address)
    }

    pub(super) fn statistics(&self, server: &Server) -> Statistics {
        Statistics {
            server: server.statistics(),
            relay_ports: self.relays.len() as u64,
            waiting_bytes: self.threshold.used() as u64,
            late: self.late,
            lost: self.lost,
        }
    }
}

impl Workers {
    fn new(peers: &[LocalPeer]) -> Self {
        let addresses = peers.iter().enumerate();
        let addresses = addresses
            .flat_map(|(index, peer)| peer.addresses.iter().map(move |address| (*address, index)));
        Self {
            by_address: addresses.collect(),
            senders: peers.iter().map(|peer| peer.sender.clone()).collect(),
        }
    }

    /// Hands over what is for peers of this process; gives how many trains
    /// were lost.
    fn hand_over(&self, output: &Output, times: &[Instant], is_patient: bool) -> u64 {
        let mut lost = 0;
        let mut sending: Option<(usize, hand_over::Sending)> = None;
        for (train, at) in output.trains().iter().zip(times) {
            let Destination::HandOver { relayed, peer } = train.to else {
                continue;
            };
            let Some(&index) = self.by_address.get(&peer) else {
                continue;
            };
            // One that has been begun keeps its peer's thread from working.
            let (_, sending) = match sending.take_if(|(other, _)| *other != index) {
                Some((_, former)) => {
                    lost += former.lost();
                    drop(former);
                    sending.insert((index, self.senders[index].begin()))
                }
                None => sending.get_or_insert_with(|| (index, self.senders[index].begin())),
            };
            sending.push(peer, as_datagrams(output, relayed, train), *at);
            if is_patient {
                sending.be_patient();
            }
        }
        lost += sending.map_or(0, |(_, sending)| sending.lost());
        lost as u64
    }
}

fn as_datagrams<'a>(output: &'a Output, remote: SocketAddr, train: &Train) -> udp::Train<'a> {
    udp::Train {
        remote,
        bytes: output.bytes(train),
        segment_length: train.segment_length,
    }
}
