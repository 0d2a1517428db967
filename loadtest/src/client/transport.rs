//! A participant's way to the server, and the clock that it stamps media by.

use bytes::BytesMut;

use super::loss::Loss;
use crate::system::tcp::Link;
use crate::system::udp::{Datagram, WallTime};
use crate::turn::message::{channel_data, channel_head};

/// What all publications of a participant share.
#[derive(Debug)]
pub struct Transport {
    pub link: Link,
    /// Through a TURN server: the channel to the peer.
    pub channel: Option<u16>,
    /// Of the transport-wide sequence.
    pub next_number: u16,
    /// Of what is sent.
    pub loss: Loss,
}

impl Transport {
    /// The next of the transport-wide numbers, as it is sent.
    pub fn number(&mut self) -> [u8; 2] {
        let number = self.next_number;
        self.next_number = number.wrapping_add(1);
        number.to_be_bytes()
    }

    /// Sends media but for what is lost on purpose; gives how many the kernel
    /// did not take.
    pub fn send_all(&mut self, mut datagrams: Vec<BytesMut>) -> u64 {
        datagrams.retain(|_| !self.loss.takes());
        if let Some(channel) = self.channel {
            for datagram in &mut datagrams {
                *datagram = framed(channel, datagram).into_iter().collect();
            }
        }
        let taken = self.link.send_all(&datagrams);
        (datagrams.len() - taken) as u64
    }
}

impl Transport {
    /// Sends one datagram. What the network does not take is lost.
    pub fn send(&mut self, datagram: &[u8]) {
        match self.channel {
            None => self.link.send(datagram),
            Some(channel) => self.link.send(&framed(channel, datagram)),
        }
    }

    /// What the peer sent, of what came; `None` for what a TURN server says.
    pub fn unframed<'a>(&self, datagram: Datagram<'a>) -> Option<Datagram<'a>> {
        let Some(channel) = self.channel else {
            return Some(datagram);
        };
        let head = channel_head(channel, datagram.length.checked_sub(4)?);
        let bytes = match channel_data(datagram.bytes) {
            Some((_, data)) => data,
            // The start only, of what is counted.
            None => datagram.bytes.strip_prefix(&head)?,
        };
        Some(Datagram {
            bytes,
            length: datagram.length - head.len(),
            at: datagram.at,
        })
    }
}

fn framed(channel: u16, data: &[u8]) -> Vec<u8> {
    let mut message = channel_head(channel, data.len()).to_vec();
    message.extend(data);
    message
}

/// The system's clock.
pub fn wall_time() -> WallTime {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    WallTime(since.as_nanos() as u64)
}
