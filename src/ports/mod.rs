//! Who gets a connection on the server's TCP port.

mod http;
mod tls;

pub(crate) use http::HttpPort;
pub(crate) use tls::{TlsError, server_config};
