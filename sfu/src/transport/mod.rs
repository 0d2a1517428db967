//! A participant's transport: ICE-lite, DTLS and the paths between.

mod backlog;
pub mod demux;
mod dtls;
mod fingerprint;
pub mod framing;
mod ice_credentials;
mod ice_lite;
mod path;
pub mod stun;

pub use backlog::{Backlog, Importance, Queued};
pub use dtls::{DtlsConfig, DtlsEvent, DtlsFailure, DtlsTransport};
pub use fingerprint::{Fingerprint, InvalidFingerprint};
pub use ice_credentials::{IceCredentials, ufrag_prefix, worker_of};
pub use ice_lite::IceLite;
pub use path::{Path, TransportProtocol};
