//! A participant's transport: ICE-lite, DTLS and the paths between.

pub mod demux;
mod dtls;
mod fingerprint;
mod ice_credentials;
pub mod ice_lite;
mod path;
pub mod stun;

pub use dtls::{DtlsConfig, DtlsEvent, DtlsTransport};
pub use fingerprint::{Fingerprint, InvalidFingerprint};
pub use ice_credentials::IceCredentials;
pub use path::Path;
