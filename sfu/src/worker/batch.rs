//! Datagrams on their way from a worker to its driver.

use std::ops::Range;

use crate::subscribe::MAX_TRAIN;
use crate::transport::{Importance, Path};

/// What a worker gives its driver to send.
#[derive(Debug, Default)]
pub struct TransmitBatch {
    bytes: Vec<u8>,
    trains: Vec<Train>,
}

/// One or more datagrams to one destination.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Train {
    pub path: Path,
    /// Where in the batch's bytes they are.
    pub range: Range<usize>,
    /// The length of each datagram but the last, which may be shorter.
    pub segment_length: usize,
    pub importance: Importance,
}

impl TransmitBatch {
    /// An empty batch with its memory set aside.
    pub fn new() -> Self {
        Self {
            bytes: Vec::with_capacity(BATCH_BYTES),
            trains: Vec::with_capacity(BATCH_TRAINS),
        }
    }

    /// Empties the batch, keeping its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.trains.clear();
    }

    /// The bytes of all trains together.
    pub fn byte_count(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.trains.is_empty()
    }

    /// Whether another train of any length fits.
    pub fn has_room(&self) -> bool {
        self.trains.len() < BATCH_TRAINS && self.bytes.len() + MAX_TRAIN <= BATCH_BYTES
    }

    /// Adds a train that `write` appends to the batch's bytes. Nothing is
    /// added if it appends nothing.
    pub fn push(
        &mut self,
        path: Path,
        segment_length: usize,
        importance: Importance,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        let end = self.bytes.len();
        if end > start {
            self.trains.push(Train {
                path,
                range: start..end,
                segment_length,
                importance,
            });
        }
    }

    pub fn trains(&self) -> &[Train] {
        &self.trains
    }

    /// The bytes of one of the batch's trains.
    pub fn bytes(&self, train: &Train) -> &[u8] {
        &self.bytes[train.range.clone()]
    }

    /// Each datagram of the batch with its path, as a receiver would see them.
    pub fn datagrams(&self) -> impl Iterator<Item = (Path, &[u8])> {
        self.trains.iter().flat_map(|train| {
            self.bytes(train)
                .chunks(train.segment_length)
                .map(|datagram| (train.path, datagram))
        })
    }
}

/// Little enough that the kernel still finds it in the processor's cache.
const BATCH_BYTES: usize = 192 * 1024;
const BATCH_TRAINS: usize = 128;
