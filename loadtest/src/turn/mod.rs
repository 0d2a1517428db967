//! A TURN client (RFC 8656) over UDP, TCP and TLS, on the crate `rtc-stun`:
//! another implementation than the server's.

pub mod client;
pub mod message;
pub mod relay;
pub mod server;
pub mod wire;
