//! Data through a TURN server, between clients and peers outside of it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use super::client::{Allocation, TurnError};
use super::message::channel_data;
use super::server::TurnServer;
use super::wire::Transport;
use crate::measure::cpu::{CpuSample, CpuUsed};
use crate::system::udp::{Batch, Socket};

/// What clients and peers send each other.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub transport: Transport,
    pub clients: usize,
    /// By each client, and by each peer.
    pub bursts_a_second: f64,
    pub burst: Burst,
    /// Bytes of data in each packet.
    pub size: usize,
    pub duration: Duration,
}

/// How a burst leaves its sender.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Burst {
    /// Datagram by datagram, so many.
    Singly(usize),
    /// From peers as a train that the kernel cuts, as media servers send; from
    /// clients as above, as browsers do.
    Trains(usize),
}

/// The far ends, whose addresses a closed relay must be told.
#[derive(Debug)]
pub struct Peers(Vec<Socket>);

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Relayed {
    /// Packets that peers were to get, and did.
    pub up: Count,
    /// Packets that clients were to get, and did.
    pub down: Count,
    /// Packets with other data than was sent.
    pub wrong: u64,
    pub cpu: CpuUsed,
    /// The time in which it was counted.
    pub time: Duration,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Count {
    pub sent: u64,
    pub received: u64,
}

impl Peers {
    /// # Errors
    /// There are no free ports.
    pub fn new(count: usize, address: IpAddr) -> io::Result<Self> {
        let sockets = (0..count).map(|_| Socket::bind(address));
        Ok(Self(sockets.collect::<Result<_, _>>()?))
    }

    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.0.iter().map(Socket::local).collect()
    }
}

impl Burst {
    pub fn packets(self) -> usize {
        match self {
            Self::Singly(packets) | Self::Trains(packets) => packets,
        }
    }
}

impl Relayed {
    pub fn packets(&self) -> u64 {
        self.up.received + self.down.received
    }

    /// The server's processor time for each packet that arrived.
    pub fn nanoseconds_a_packet(&self) -> f64 {
        self.cpu.server.as_nanos() as f64 / self.packets().max(1) as f64
    }

    /// The part that was lost.
    pub fn loss(&self) -> f64 {
        let sent = self.up.sent + self.down.sent;
        sent.saturating_sub(self.packets()) as f64 / sent.max(1) as f64
    }

    /// The server's processor time, as a part of one core's.
    pub fn server_part(&self) -> f64 {
        self.cpu.server.as_secs_f64() / self.time.as_secs_f64()
    }

    /// The part of the server's cores' time that others took.
    pub fn foreign_part(&self) -> f64 {
        let foreign = self.cpu.cores.saturating_sub(self.cpu.server);
        foreign.as_secs_f64() / self.time.as_secs_f64()
    }
}

/// Has clients and peers of `server` send each other data.
///
/// # Errors
/// The server refuses, or a connection breaks.
pub fn measure(
    server: &TurnServer,
    peers: &Peers,
    load: &Load,
    cores: &[usize],
) -> Result<Relayed, TurnError> {
    let mut batch = Batch::new(WHOLE_BYTES);
    let mut pairs = Vec::new();
    let interval = Duration::from_secs_f64(1.0 / load.bursts_a_second);
    let start = Instant::now();
    for (index, peer) in peers.0.iter().take(load.clients).enumerate() {
        let login = server.login(index);
        let address = server.address(load.transport).ok_or(TurnError::NoAddress)?;
        let local = peer.local().ip();
        let mut allocation = Allocation::open(load.transport, local, address, login, &mut batch)?;
        allocation.bind(CHANNEL, peer.local(), &mut batch)?;
        peer.connect(allocation.relayed)?;
        peer.cut_into(match load.burst {
            Burst::Singly(_) => 0,
            Burst::Trains(_) => load.size as u16,
        })?;
        let phase = interval.mul_f64(index as f64 / load.clients as f64);
        pairs.push(Pair {
            index: index as u64,
            allocation,
            peer,
            due: start + phase,
            next: 0,
        });
    }
    let mut exchange = Exchange {
        pairs,
        load: *load,
        interval,
        batch,
        relayed: Relayed::default(),
    };
    exchange.go_on(WARM_UP)?;
    exchange.drain()?;
    exchange.relayed = Relayed::default();
    let before = CpuSample::take(server.process_id(), cores)?;
    let begun = Instant::now();
    exchange.go_on(load.duration)?;
    exchange.drain()?;
    exchange.relayed.cpu = CpuSample::take(server.process_id(), cores)?.since(&before);
    exchange.relayed.time = begun.elapsed();
    for pair in exchange.pairs {
        pair.allocation.end(&mut exchange.batch)?;
    }
    Ok(exchange.relayed)
}

/// Makes so many allocations over UDP and keeps them: a thousand from each
/// address of the loopback, which is what one source may have.
///
/// # Errors
/// The server refuses one.
pub fn hold(server: &TurnServer, count: usize) -> Result<Vec<Allocation>, TurnError> {
    let mut batch = Batch::new(WHOLE_BYTES);
    let address = server.address(Transport::Udp).ok_or(TurnError::NoAddress)?;
    let held = (0..count).map(|index| {
        let source = Ipv4Addr::new(127, 1, 0, 1 + (index / MOST_A_SOURCE) as u8);
        let login = server.login(index);
        Allocation::open(Transport::Udp, source.into(), address, login, &mut batch)
    });
    held.collect()
}

/// A client and its peer.
struct Pair<'a> {
    index: u64,
    allocation: Allocation,
    peer: &'a Socket,
    due: Instant,
    next: u64,
}

struct Exchange<'a> {
    pairs: Vec<Pair<'a>>,
    load: Load,
    interval: Duration,
    batch: Batch,
    relayed: Relayed,
}

impl Exchange<'_> {
    fn go_on(&mut self, time: Duration) -> Result<(), TurnError> {
        let start = Instant::now();
        // What should have been sent while nobody looked is not made up for.
        for (at, pair) in self.pairs.iter_mut().enumerate() {
            pair.due = start + self.interval.mul_f64(at as f64 / self.load.clients as f64);
        }
        while start.elapsed() < time {
            self.send()?;
            self.receive()?;
            let next = self.pairs.iter().map(|pair| pair.due).min();
            let rest = next.map_or(LOOK, |next| next.saturating_duration_since(Instant::now()));
            thread::sleep(rest.min(LOOK));
        }
        Ok(())
    }

    /// Takes what is on its way.
    fn drain(&mut self) -> Result<(), TurnError> {
        let start = Instant::now();
        while start.elapsed() < DRAIN {
            self.receive()?;
            thread::sleep(LOOK);
        }
        Ok(())
    }

    fn send(&mut self) -> Result<(), TurnError> {
        let now = Instant::now();
        for pair in &mut self.pairs {
            if now < pair.due {
                continue;
            }
            pair.due += self.interval;
            let packets = self.load.burst.packets();
            let data: Vec<_> = (0..packets as u64)
                .map(|at| packet(pair.index, pair.next + at, self.load.size))
                .collect();
            pair.next += packets as u64;
            pair.allocation.wire.send_data(CHANNEL, &data)?;
            if let Burst::Trains(_) = self.load.burst {
                pair.peer.send(&data.concat());
            } else {
                pair.peer.send_all(&data);
            }
            self.relayed.up.sent += packets as u64;
            self.relayed.down.sent += packets as u64;
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<(), TurnError> {
        let Self {
            pairs,
            batch,
            relayed,
            load,
            ..
        } = self;
        for pair in pairs {
            let is_right = |data: &[u8]| {
                data.len() == load.size && data.starts_with(&pair.index.to_be_bytes())
            };
            pair.allocation.wire.receive(batch, |message| {
                if let Some((CHANNEL, data)) = channel_data(message) {
                    relayed.down.received += 1;
                    relayed.wrong += u64::from(!is_right(data));
                }
            })?;
            loop {
                let count = pair.peer.receive(batch)?;
                for index in 0..count {
                    relayed.up.received += 1;
                    relayed.wrong += u64::from(!is_right(batch.datagram(index).bytes));
                }
                if !batch.is_full() {
                    break;
                }
            }
        }
        Ok(())
    }
}

fn packet(pair: u64, number: u64, size: usize) -> Vec<u8> {
    let mut packet = Vec::with_capacity(size);
    packet.extend(pair.to_be_bytes());
    packet.extend(number.to_be_bytes());
    packet.resize(size, 0xA5);
    packet
}

const CHANNEL: u16 = 0x4000;
const MOST_A_SOURCE: usize = 1_000;
const WHOLE_BYTES: usize = 2_048;
const LOOK: Duration = Duration::from_millis(1);
const WARM_UP: Duration = Duration::from_millis(500);
const DRAIN: Duration = Duration::from_millis(200);
