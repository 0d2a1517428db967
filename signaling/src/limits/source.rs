//! Who a connection or a request counts for.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use axum::http::HeaderMap;
use thiserror::Error;

/// An address that limits are counted for: one of IPv4, or a /64 of IPv6,
/// which is the least that one subscriber has (RFC 6177).
///
/// It is of a person: it has no `Display`, and its `Debug` hides it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source(IpAddr);

impl Source {
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let prefix = u128::from(address) & (u128::MAX << 64);
                IpAddr::V6(Ipv6Addr::from(prefix))
            }
            address @ IpAddr::V4(_) => address,
        })
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source(..)")
    }
}

/// The proxies whose word on a client's address is taken. By default none.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct TrustedProxies(Vec<Network>);

impl TrustedProxies {
    pub fn new(networks: Vec<Network>) -> Self {
        Self(networks)
    }

    pub fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// The address that a request came from: the last in `X-Forwarded-For`
    /// that is no trusted proxy's, if `peer` itself is one. What stands before
    /// that, anybody could have written.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer;
        let entries = headers
            .get_all("x-forwarded-for")
            .iter()
            .rev()
            .flat_map(|value| value.to_str().unwrap_or("").rsplit(','));
        for entry in entries {
            if !self.contain(client) {
                break;
            }
            let Some(address) = forwarded(entry.trim()) else {
                break;
            };
            client = address;
        }
        client
    }
}

/// Some proxies add the port.
fn forwarded(entry: &str) -> Option<IpAddr> {
    let bare = entry.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| {
        entry
            .parse::<std::net::SocketAddr>()
            .ok()
            .map(|address| address.ip())
    })
}

/// An address with the length of its prefix (RFC 4632, RFC 4291).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// The text is no address and no network.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("not an IP address or network, such as 10.0.0.7 or 10.0.0.0/8")]
pub struct NetworkError;

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let apart = u32::from(network) ^ u32::from(address);
                apart.leading_zeros() >= u32::from(self.prefix)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let apart = u128::from(network) ^ u128::from(address);
                apart.leading_zeros() >= u32::from(self.prefix)
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(whole), str::parse).ok();
        match prefix.filter(|prefix| *prefix <= whole) {
            Some(prefix) => Ok(Self { address, prefix }),
            None => Err(NetworkError),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscriber_is_one_source() {
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1"));
        assert_ne!(source("2001:db8:0:1::1"), source("2001:db8:0:2::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
        assert_eq!(format!("{:?}", source("192.0.2.1")), "Source(..)");
    }

    #[test]
    fn strangers_are_not_believed() {
        let headers = forwarded_for(&["198.51.100.9"]);

        assert_eq!(
            TrustedProxies::default().client(ip("192.0.2.1"), &headers),
            ip("192.0.2.1")
        );
        assert_eq!(
            trusting(&["10.0.0.0/8"]).client(ip("192.0.2.1"), &headers),
            ip("192.0.2.1")
        );
    }

    #[test]
    fn the_last_that_no_trusted_proxy_wrote_is_the_client() {
        let proxies = trusting(&["10.0.0.0/8", "2001:db8::/32"]);
        for (lines, client) in [
            (&["192.0.2.1"][..], "192.0.2.1"),
            (&["1.1.1.1, 192.0.2.1"], "192.0.2.1"),
            (&["1.1.1.1, 192.0.2.1, 10.0.0.2"], "192.0.2.1"),
            (&["1.1.1.1", "192.0.2.1"], "192.0.2.1"),
            (&["192.0.2.1:4711"], "192.0.2.1"),
            (&["[2001:db9::1]:4711,2001:db8::2"], "2001:db9::1"),
            (&["[2001:db9::1]"], "2001:db9::1"),
            (&["192.0.2.1, unknown, 10.0.0.2"], "10.0.0.2"),
            (&["10.0.0.3"], "10.0.0.3"),
            (&[""], "10.0.0.1"),
            (&[], "10.0.0.1"),
        ] {
            assert_eq!(
                proxies.client(ip("10.0.0.1"), &forwarded_for(lines)),
                ip(client),
                "{lines:?}"
            );
        }
    }

    #[test]
    fn networks_are_addresses_with_a_prefix() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.1.2", "11.0.0.0"),
            ("10.0.0.7", "10.0.0.7", "10.0.0.6"),
            ("192.0.2.128/25", "192.0.2.200", "192.0.2.127"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("0.0.0.0/0", "255.0.0.1", "::1"),
        ] {
            let network: Network = network.parse().expect("it is a network");
            assert!(network.contains(ip(inside)), "{network}");
            assert!(!network.contains(ip(outside)), "{network}");
        }
        let v4: Network = "10.0.0.0/8".parse().expect("it is a network");
        assert!(v4.contains(ip("::ffff:10.1.1.1")));
        for wrong in [
            "",
            "/8",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "a",
            "1.1.1.1/-1",
        ] {
            assert_eq!(wrong.parse::<Network>(), Err(NetworkError), "{wrong}");
        }
    }

    fn source(text: &str) -> Source {
        Source::of(ip(text))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("it is an address")
    }

    fn trusting(networks: &[&str]) -> TrustedProxies {
        let networks = networks.iter().map(|text| text.parse());
        TrustedProxies::new(networks.collect::<Result<_, _>>().expect("networks"))
    }

    fn forwarded_for(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            let value = line.parse().expect("it fits a header");
            headers.append("x-forwarded-for", value);
        }
        headers
    }
}
