//! Datagrams that are not forwarded media, on their way out.

use std::collections::VecDeque;
use std::ops::Range;

use super::batch::TransmitBatch;
use crate::transport::Path;

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
            batch.push(path, range.len(), |bytes| {
                bytes.extend_from_slice(&self.bytes[range]);
            });
        }
        if self.datagrams.is_empty() {
            self.bytes.clear();
        }
    }
}
