//! How much strangers and participants may cause.
//!
//! All of it is pure but [`Connections`], which wakes the tasks of those it
//! gives up.

mod connections;
mod message_rate;
mod source;
mod token_bucket;

pub use connections::{Connection, ConnectionLimits, Connections};
pub(crate) use message_rate::{MessageRate, Verdict};
pub use source::{Network, NetworkError, Source, TrustedProxies};
pub use token_bucket::Rate;
pub(crate) use token_bucket::{SourceBuckets, TokenBucket};

/// What the service allows. Each has a default that suits a clinic on one
/// machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Rooms on this node.
    pub rooms: usize,
    /// Participants on this node.
    pub participants: usize,
    /// Sockets opened to join, from each source.
    pub joins: Rate,
    /// Frames on each socket; a large one counts as several.
    pub messages: Rate,
    /// Bytes of an `offer`, `mls-commit`, `mls-report` or `mls-message`, or of a
    /// `join` with a group. An untrimmed offer of Chromium with 24 pairs of slots
    /// has 158 KB.
    pub offer_bytes: usize,
    /// Bytes of any other message.
    pub message_bytes: usize,
    /// Streams that a participant may send.
    pub publications: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rooms: 1_000,
            participants: 5_000,
            joins: Rate {
                per_second: 10,
                burst: 100,
            },
            messages: Rate {
                per_second: 20,
                burst: 100,
            },
            offer_bytes: 256 * 1024,
            message_bytes: 16 * 1024,
            publications: 4,
        }
    }
}
