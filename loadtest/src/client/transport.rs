//! A participant's way to the server, and the clock that it stamps media by.

use bytes::BytesMut;

use super::loss::Loss;
use crate::system::udp::{Socket, WallTime};

/// What all publications of a participant share.
#[derive(Debug)]
pub struct Transport {
    pub socket: Socket,
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
        let taken = self.socket.send_all(&datagrams);
        (datagrams.len() - taken) as u64
    }
}

/// The system's clock.
pub fn wall_time() -> WallTime {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    WallTime(since.as_nanos() as u64)
}
