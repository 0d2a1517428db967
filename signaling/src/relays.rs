//! What signaling needs of relays for media.

use std::fmt::Debug;

pub use axum::http::uri::Authority;

use crate::access::UnixTime;
use crate::protocol::IceServer;

/// The TURN servers that clients are told of, on this node or elsewhere.
pub trait Relays: Debug + Send + Sync + 'static {
    /// What a client needs to use them as `user` until `expires`, the most
    /// wanted first; nothing if there are none. A user is of letters, digits
    /// and hyphens, 32 at most. `host` is what the client asked for when it
    /// opened its socket here, if it said.
    fn issue(&self, user: &str, expires: UnixTime, host: Option<&Authority>) -> Vec<IceServer>;

    /// A user is gone for good: what it still has there is of no use to
    /// anybody, nor are its credentials, the last of which expire at `expires`.
    /// Does not block.
    fn end(&self, user: &str, expires: UnixTime);
}

/// For nodes without any.
#[derive(Clone, Copy, Debug)]
pub struct NoRelays;

impl Relays for NoRelays {
    fn issue(&self, _: &str, _: UnixTime, _: Option<&Authority>) -> Vec<IceServer> {
        Vec::new()
    }

    fn end(&self, _: &str, _: UnixTime) {}
}
