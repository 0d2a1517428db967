//! Session descriptions (RFC 8866, RFC 8829, RFC 9143): reading a client's
//! offer, and answering it as an ICE-lite server with one bundled transport.
//!
//! This is the only place that knows SDP. Inward go the plain parameters of
//! [`sfu::worker::command`].

mod answer;
mod codecs;
mod extensions;
mod negotiation;
mod offer;
mod section;
mod simulcast;

pub use codecs::VideoCodecs;
pub use negotiation::{LocalTransport, Negotiated, Negotiation, SlotSources};
pub use offer::InvalidOffer;
