//! Whom a server speaks with.

use std::net::{IpAddr, SocketAddr};

/// What carries a client's messages.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
}

impl Transport {
    /// Whether messages come as a stream of bytes.
    pub fn is_stream(self) -> bool {
        self != Self::Udp
    }
}

/// A client, as RFC 8656 §2.2 tells clients apart. IPv4 addresses that a
/// socket of both families gave as IPv6 must be given as IPv4.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct FiveTuple {
    pub transport: Transport,
    /// Our own address that the client sends to.
    pub server: SocketAddr,
    /// The client's address as we see it.
    pub client: SocketAddr,
}

/// The family of an address (RFC 8656 §18.8).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    pub fn of(address: SocketAddr) -> Self {
        if address.is_ipv4() {
            Self::V4
        } else {
            Self::V6
        }
    }

    /// The family that this number stands for in messages.
    pub fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::V4),
            2 => Some(Self::V6),
            _ => None,
        }
    }

    /// The number that stands for it in messages.
    pub fn code(self) -> u8 {
        match self {
            Self::V4 => 1,
            Self::V6 => 2,
        }
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

/// Where clients come from, as far as quotas tell them apart: an IPv4 address,
/// or the /64 that a household has of IPv6.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) enum Source {
    V4([u8; 4]),
    V6([u8; 8]),
}

impl Source {
    pub(crate) fn of(client: &FiveTuple) -> Self {
        match client.client.ip() {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => {
                let [network @ .., _, _, _, _, _, _, _, _] = address.octets();
                Self::V6(network)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_household_of_ipv6_is_one_source() {
        let source = |client: &str| {
            Source::of(&FiveTuple {
                transport: Transport::Udp,
                server: "[2001:db8::1]:3478".parse().unwrap(),
                client: client.parse().unwrap(),
            })
        };

        assert_eq!(
            source("[2001:db8:1:2::3]:4"),
            source("[2001:db8:1:2:9::]:5")
        );
        assert_ne!(source("[2001:db8:1:2::3]:4"), source("[2001:db8:1:3::3]:4"));
        assert_eq!(source("192.0.2.1:4"), source("192.0.2.1:5"));
        assert_ne!(source("192.0.2.1:4"), source("192.0.2.2:4"));
    }
}
