//! A participant's transport: ICE-lite, DTLS and the paths between.

mod fingerprint;
mod ice_credentials;

pub use fingerprint::Fingerprint;
pub use ice_credentials::IceCredentials;
