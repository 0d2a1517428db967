//! Datagrams that are not forwarded media, on their way out.

use std::collections::VecDeque;
use std::ops::Range;

use super::batch::TransmitBatch;
use crate::transport::demux::Protocol;
use crate::transport::{Importance, Path};

/// Datagrams that are not forwarded media: connectivity checks, DTLS, RTCP.
#[derive(Debug, Default)]
pub(super) struct Control {
    bytes: Vec<u8>,
    datagrams: VecDeque<(Path, Range<usize>)>,
}

impl Control {
    /// Queues a datagram, unless it is empty.
    pub(super) fn push(&mut self, path: Path, datagram: &[u8]) {
        if datagram.is_empty() {
            return;
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(datagram);
        self.datagrams.push_back((path, start..self.bytes.len()));
    }

    /// Moves into `batch` what it has room for.
    pub(super) fn drain_into(&mut self, batch: &mut TransmitBatch) {
        while batch.has_room()
            && let Some((path, range)) = self.datagrams.pop_front()
        {
            let datagram = &self.bytes[range];
            let importance = match Protocol::of(datagram) {
                Some(Protocol::Rtp | Protocol::Rtcp) => Importance::Sound,
                Some(Protocol::Stun | Protocol::Dtls) | None => Importance::Connection,
            };
            batch.push(path, datagram.len(), importance, |bytes| {
                bytes.extend_from_slice(datagram);
            });
        }
        if self.datagrams.is_empty() {
            self.bytes.clear();
        }
    }
}
