//! What a server gives its driver to do.

use std::net::SocketAddr;
use std::ops::Range;

use crate::address::{Family, FiveTuple};

/// A buffer of the driver's, which it hands to the server with each call, and
/// empties when it likes: after each call, or after all that one wake of its
/// thread brought. It grows by what comes in: by a few bytes for each byte that
/// is handed to the server, and by a [`Train`] for each packet at the most.
#[derive(Debug, Default)]
pub struct Output {
    bytes: Vec<u8>,
    trains: Vec<Train>,
    requests: Vec<Request>,
}

/// One or more datagrams to one destination, or bytes of a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Train {
    pub to: Destination,
    /// Where in the output's bytes they are.
    range: Range<usize>,
    /// The length of each datagram but the last, which may be shorter. Of no
    /// meaning for a stream.
    pub segment_length: usize,
    /// Whether it answers requests: all of it, or nothing.
    pub is_answer: bool,
}

/// Where bytes go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Destination {
    /// To a client, from the address that it knows us by.
    Client(FiveTuple),
    /// From a relay port to a peer.
    Peer { relay: RelayId, peer: SocketAddr },
    /// To a peer in this process, as if they came from `relayed`.
    HandOver {
        relayed: SocketAddr,
        peer: SocketAddr,
    },
}

/// Something else to be done, after the trains were sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// Bind a UDP socket, and call [`Server::relay_opened`] with the address
    /// that peers see it by, or with what is amiss.
    ///
    /// [`Server::relay_opened`]: crate::Server::relay_opened
    OpenRelay {
        relay: RelayId,
        family: Family,
        port: PortWish,
        /// With [`PortWish::EvenAndNext`], who the port after it is. It is
        /// bound at the same time, and opened and closed on its own later.
        next: Option<RelayId>,
    },
    /// Close that socket, or do not open it.
    CloseRelay(RelayId),
    /// Close the connection, after what was sent. The server has forgotten it.
    CloseStream(FiveTuple),
}

/// A relay port's number, never given out twice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct RelayId(pub u64);

/// Which port an allocation is to have (RFC 8656 §18.9).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PortWish {
    Any,
    Even,
    /// An even one, and the one after it.
    EvenAndNext,
}

impl Output {
    pub fn new() -> Self {
        Self::default()
    }

    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.trains.clear();
        self.requests.clear();
    }

    pub fn is_empty(&self) -> bool {
        self.trains.is_empty() && self.requests.is_empty()
    }

    /// The bytes of all trains together.
    pub fn byte_count(&self) -> usize {
        self.bytes.len()
    }

    /// What is to be sent, in this order.
    pub fn trains(&self) -> &[Train] {
        &self.trains
    }

    /// The bytes of one of the trains.
    pub fn bytes(&self, train: &Train) -> &[u8] {
        &self.bytes[train.range.clone()]
    }

    /// The same, to be changed in place: media planes decrypt so.
    pub fn bytes_mut(&mut self, train: &Train) -> &mut [u8] {
        &mut self.bytes[train.range.clone()]
    }

    pub fn requests(&self) -> &[Request] {
        &self.requests
    }

    pub(crate) fn request(&mut self, request: Request) {
        self.requests.push(request);
    }

    /// Adds data that `write` appends: one datagram, or a piece of a stream.
    /// What goes the same way as the one before becomes one train with it.
    pub(crate) fn push(&mut self, to: Destination, write: impl FnOnce(&mut Vec<u8>)) {
        self.append(to, false, write);
    }

    /// Adds an answer, likewise.
    pub(crate) fn push_answer(&mut self, client: FiveTuple, write: impl FnOnce(&mut Vec<u8>)) {
        self.append(Destination::Client(client), true, write);
    }

    fn append(&mut self, to: Destination, is_answer: bool, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        let length = self.bytes.len() - start;
        if let Some(last) = self.trains.last_mut()
            && last.is_answer == is_answer
            && last.takes(to, length)
        {
            last.range.end += length;
            return;
        }
        self.trains.push(Train {
            to,
            range: start..start + length,
            segment_length: length,
            is_answer,
        });
    }
}

impl Train {
    /// Whether another datagram of this length can follow.
    fn takes(&self, to: Destination, length: usize) -> bool {
        let so_far = self.range.len();
        if self.to != to || so_far + length > LONGEST_TRAIN {
            return false;
        }
        if let Destination::Client(client) = to
            && client.transport.is_stream()
        {
            return true;
        }
        self.segment_length > 0
            && (1..=self.segment_length).contains(&length)
            && so_far.is_multiple_of(self.segment_length)
            && so_far / self.segment_length < MOST_SEGMENTS
    }
}

/// What the kernel cuts of one train (UDP GSO).
const MOST_SEGMENTS: usize = 64;
const LONGEST_TRAIN: usize = 65_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Transport;

    fn client(transport: Transport) -> FiveTuple {
        FiveTuple {
            transport,
            server: "192.0.2.1:3478".parse().unwrap(),
            client: "198.51.100.1:5000".parse().unwrap(),
        }
    }

    /// The lengths of the trains that datagrams of these lengths become.
    fn trains(transport: Transport, lengths: &[usize]) -> Vec<(usize, usize)> {
        let mut output = Output::new();
        for length in lengths {
            output.push(Destination::Client(client(transport)), |bytes| {
                bytes.resize(bytes.len() + length, 1);
            });
        }
        let trains = output.trains().iter();
        trains
            .map(|train| (output.bytes(train).len(), train.segment_length))
            .collect()
    }

    #[test]
    fn equal_datagrams_become_one_train_that_a_shorter_one_ends() {
        let udp = Transport::Udp;

        assert_eq!(trains(udp, &[100, 100, 100]), [(300, 100)]);
        assert_eq!(trains(udp, &[100, 100, 60, 100]), [(260, 100), (100, 100)]);
        assert_eq!(trains(udp, &[100, 101]), [(100, 100), (101, 101)]);
        assert_eq!(trains(udp, &[0, 0]), [(0, 0), (0, 0)]);
        assert_eq!(trains(udp, &[9, 0, 9]), [(9, 9), (0, 0), (9, 9)]);
        assert_eq!(trains(udp, &[10; 65]), [(640, 10), (10, 10)]);
        assert_eq!(trains(udp, &[1400; 47]), [(64_400, 1400), (1400, 1400)]);
    }

    #[test]
    fn a_stream_has_no_datagrams() {
        assert_eq!(trains(Transport::Tls, &[8, 100, 9]), [(117, 8)]);
        let trains = trains(Transport::Tls, &[4000; 17]);
        assert_eq!(trains, [(64_000, 4000), (4000, 4000)]);
    }

    #[test]
    fn answers_and_data_are_never_one_train() {
        for transport in [Transport::Udp, Transport::Tls] {
            let client = client(transport);
            let mut output = Output::new();
            for is_answer in [false, false, true, true, false] {
                let write = |bytes: &mut Vec<u8>| bytes.extend([1; 8]);
                if is_answer {
                    output.push_answer(client, write);
                } else {
                    output.push(Destination::Client(client), write);
                }
            }

            let trains: Vec<_> = output
                .trains()
                .iter()
                .map(|train| (train.is_answer, output.bytes(train).len()))
                .collect();
            assert_eq!(trains, [(false, 16), (true, 16), (false, 8)]);
        }
    }
}
