//! The forwarder's loop.

use std::collections::HashMap;
use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver as Inbox, TryRecvError, channel};
use std::thread;
use std::time::Duration;

use socket2::SockAddr;

use super::cipher::{Cipher, TAG_LENGTH};
use super::control::{Cost, Order};
use crate::measure::cpu;
use crate::media::rtp::{self, Header};
use crate::system::segmentation::{ReceiveMemory, Train, TrainSocket};

/// How packets leave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sending {
    /// Each receiver's run of packets as one segmented datagram (UDP GSO).
    Trains,
    /// Each packet as a datagram, 64 to a system call.
    Singly,
}

/// Forwards at a free port of `address` until its standard input ends. Says
/// the port first and the cost last.
///
/// # Errors
/// The address is not of this machine, or the kernel refuses trains.
pub fn run(address: SocketAddr, sending: Sending) -> io::Result<()> {
    let socket = TrainSocket::bind(address)?;
    writeln!(io::stdout(), "{}", socket.local())?;
    let (orders, inbox) = channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            let order = serde_json::from_str::<Order>(&line);
            if order.is_err() || order.is_ok_and(|order| orders.send(order).is_err()) {
                return;
            }
        }
    });
    let mut forwarder = Forwarder::default();
    let mut memory = ReceiveMemory::default();
    while forwarder.obey(&inbox)? {
        if !socket.wait(PATIENCE) {
            continue;
        }
        while socket.receive(&mut memory, |datagram| forwarder.take(datagram))? > 0 {
            forwarder.send(&socket, sending)?;
        }
    }
    writeln!(
        io::stdout(),
        "{}",
        serde_json::to_string(&forwarder.cost())?
    )
}

#[derive(Default)]
struct Forwarder {
    sources: HashMap<u32, Source>,
    receivers: Vec<Receiver>,
    /// The batch's plain packets, one after another.
    plain: Vec<u8>,
    packets: Vec<Packet>,
    sent: u64,
    sends: u64,
    send_nanoseconds: u64,
}

struct Source {
    room: usize,
    participant: usize,
    is_taken: bool,
    cipher: Cipher,
    highest: Option<u64>,
}

struct Receiver {
    room: usize,
    participant: usize,
    address: SockAddr,
    cipher: Cipher,
    buffer: Vec<u8>,
    /// Ends of trains in the buffer, each with its segments' length.
    trains: Vec<(usize, u16)>,
}

#[derive(Clone, Copy)]
struct Packet {
    room: usize,
    participant: usize,
    start: usize,
    end: usize,
    header_length: usize,
    ssrc: u32,
    index: u64,
}

impl Forwarder {
    /// Takes what it is told; gives whether to go on.
    fn obey(&mut self, inbox: &Inbox<Order>) -> io::Result<bool> {
        let bad_key = || io::Error::from(io::ErrorKind::InvalidInput);
        loop {
            match inbox.try_recv() {
                Ok(Order::Source(source)) => {
                    let cipher = Cipher::new(&source.key, &source.salt).ok_or_else(bad_key)?;
                    self.sources.insert(
                        source.ssrc,
                        Source {
                            room: source.room,
                            participant: source.participant,
                            is_taken: source.is_taken,
                            cipher,
                            highest: None,
                        },
                    );
                }
                Ok(Order::Receiver(receiver)) => {
                    let cipher = Cipher::new(&receiver.key, &receiver.salt).ok_or_else(bad_key)?;
                    self.receivers.push(Receiver {
                        room: receiver.room,
                        participant: receiver.participant,
                        address: receiver.address.into(),
                        cipher,
                        buffer: Vec::new(),
                        trains: Vec::new(),
                    });
                }
                Err(TryRecvError::Empty) => return Ok(true),
                Err(TryRecvError::Disconnected) => return Ok(false),
            }
        }
    }

    /// Unprotects a datagram into the batch.
    fn take(&mut self, datagram: &mut [u8]) {
        if rtp::is_rtcp(datagram) {
            return;
        }
        let Some(header) = Header::parse(datagram) else {
            return;
        };
        let Some(source) = self.sources.get_mut(&header.ssrc) else {
            return;
        };
        let index = extend(source.highest, header.sequence_number);
        let opened = source
            .cipher
            .open(datagram, header.length, header.ssrc, index);
        let Some(length) = opened else {
            return;
        };
        source.highest = source.highest.max(Some(index));
        if !source.is_taken {
            return;
        }
        let start = self.plain.len();
        self.plain.extend_from_slice(&datagram[..length]);
        self.packets.push(Packet {
            room: source.room,
            participant: source.participant,
            start,
            end: start + length,
            header_length: header.length,
            ssrc: header.ssrc,
            index,
        });
    }

    /// Protects the batch for each receiver and sends it.
    fn send(&mut self, socket: &TrainSocket, sending: Sending) -> io::Result<()> {
        for receiver in &mut self.receivers {
            receiver.write(&self.packets, &self.plain);
        }
        self.plain.clear();
        self.packets.clear();
        let mut trains = Vec::new();
        for receiver in &self.receivers {
            let mut start = 0;
            for &(end, segment) in &receiver.trains {
                trains.push(Train {
                    to: &receiver.address,
                    bytes: &receiver.buffer[start..end],
                    segment,
                });
                self.sent += ((end - start) as u64).div_ceil(u64::from(segment));
                start = end;
            }
        }
        self.sends += trains.len() as u64;
        let before = cpu::thread_time();
        match sending {
            Sending::Trains => socket.send_trains(&trains)?,
            Sending::Singly => socket.send_singly(&trains)?,
        }
        self.send_nanoseconds += cpu::thread_time().0.saturating_sub(before.0);
        Ok(())
    }

    fn cost(&self) -> Cost {
        Cost {
            packets: self.sent,
            send_nanoseconds: self.send_nanoseconds,
            train_length_hundredths: (self.sent * 100).checked_div(self.sends).unwrap_or(0),
        }
    }
}

impl Receiver {
    fn write(&mut self, packets: &[Packet], plain: &[u8]) {
        self.buffer.clear();
        self.trains.clear();
        let wanted =
            |packet: &&Packet| packet.room == self.room && packet.participant != self.participant;
        let mut mine = packets.iter().filter(wanted).peekable();
        while let Some(first) = mine.next() {
            let mut run = [*first; MAX_TRAIN];
            let mut count = 1;
            let (mut least, mut most) = (first.length(), first.length());
            while let Some(next) = mine.peek() {
                let (low, high) = (least.min(next.length()), most.max(next.length()));
                if high - low > MAX_PADDING || count == MAX_TRAIN {
                    break;
                }
                (least, most) = (low, high);
                run[count] = **next;
                count += 1;
                mine.next();
            }
            for packet in &run[..count] {
                let start = self.buffer.len();
                self.buffer
                    .extend_from_slice(&plain[packet.start..packet.end]);
                let ssrc = packet.ssrc ^ SSRC_CHANGE;
                self.buffer[start + 8..start + 12].copy_from_slice(&ssrc.to_be_bytes());
                let padding = most - packet.length();
                if padding > 0 {
                    self.buffer[start] |= PADDING_FLAG;
                    self.buffer.resize(self.buffer.len() + padding, 0);
                    if let Some(last) = self.buffer.last_mut() {
                        *last = padding as u8;
                    }
                }
                self.cipher.seal(
                    &mut self.buffer,
                    start,
                    packet.header_length,
                    ssrc,
                    packet.index,
                );
            }
            let segment = (most + TAG_LENGTH) as u16;
            self.trains.push((self.buffer.len(), segment));
        }
    }
}

impl Packet {
    fn length(&self) -> usize {
        self.end - self.start
    }
}

/// The number with its roll-overs, nearest to the highest so far.
fn extend(highest: Option<u64>, number: u16) -> u64 {
    let Some(highest) = highest else {
        return u64::from(number);
    };
    let difference = number.wrapping_sub(highest as u16).cast_signed();
    highest.saturating_add_signed(i64::from(difference))
}

/// How long orders may wait when no media comes.
const PATIENCE: Duration = Duration::from_millis(20);
const SSRC_CHANGE: u32 = 0x5A5A_5A5A;
const PADDING_FLAG: u8 = 0x20;
const MAX_PADDING: usize = 16;
/// What one send may carry: 45 packets of 1,300 bytes are below 64 KB.
const MAX_TRAIN: usize = 45;
