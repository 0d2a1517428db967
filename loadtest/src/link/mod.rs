//! A bad network between a client and a server, for UDP and TCP.

pub mod impairment;
pub mod relay;
