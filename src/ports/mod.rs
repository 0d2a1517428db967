//! Who gets a connection on the server's TCP port: pages, API and websockets,
//! media, or TURN, told apart by the first bytes and by what the TLS handshake
//! names.

mod dispatch;
mod first_bytes;
mod hand_over;
mod http;
mod listener;
mod rewound;
#[cfg(test)]
mod tests;
mod tls;

pub(crate) use hand_over::Receivers;
pub(crate) use listener::HttpPort;
pub(crate) use tls::{TlsError, server_config};
