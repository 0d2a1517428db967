//! A participant's transport: ICE-lite, DTLS and the paths between.

pub mod demux;
mod dtls;
mod fingerprint;
mod ice_credentials;
mod ice_lite;
mod path;
pub mod stun;

pub use dtls::{DtlsConfig, DtlsEvent, DtlsFailure, DtlsTransport};
pub use fingerprint::{Fingerprint, InvalidFingerprint};
pub use ice_credentials::IceCredentials;
pub use ice_lite::IceLite;
pub use path::Path;
