//! Relayed addresses that no socket is bound to.
//!
//! A client whose peers are all in this process has an address only so that it
//! can be named. It must be nobody's, ours and our neighbours' included: a
//! media plane tells its participants apart by where they send from. So it is
//! of a block that is never routed: IPv4 documentation (RFC 5737), and the
//! discard prefix of IPv6 (RFC 6666).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;

use crate::PortWish;
use crate::address::Family;

/// Gives out addresses, each again only after all others.
#[derive(Debug)]
pub(crate) struct SyntheticAddresses {
    first_host: u8,
    /// How many there are of each family.
    count: u32,
    next: [u32; 2],
}

impl SyntheticAddresses {
    /// Those of `hosts`, which are not none.
    pub(crate) fn new(hosts: &RangeInclusive<u8>) -> Self {
        let (first, last) = (*hosts.start(), *hosts.end());
        Self {
            first_host: first,
            count: (u32::from(last.saturating_sub(first)) + 1) * PORTS,
            next: [0; 2],
        }
    }

    /// An address that `is_free`, or two with ports that follow each other, of
    /// which the first is given.
    pub(crate) fn next(
        &mut self,
        family: Family,
        port: PortWish,
        is_free: impl Fn(SocketAddr) -> bool,
    ) -> Option<SocketAddr> {
        let next = &mut self.next[family.index()];
        for _ in 0..TRIES {
            let address = address(family, self.first_host, *next);
            *next = (*next + 1) % self.count;
            let is_even = address.port().is_multiple_of(2);
            let fits = match port {
                PortWish::Any => is_free(address),
                PortWish::Even => is_even && is_free(address),
                PortWish::EvenAndNext => is_even && is_free(address) && is_free(following(address)),
            };
            if fits {
                return Some(address);
            }
        }
        None
    }
}

/// The address with the port after this one's, which is even.
pub(crate) fn following(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port() | 1)
}

/// Whether an address is of the blocks that all of them are of.
pub(crate) fn contain(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.octets()[..3] == [192, 0, 2],
        IpAddr::V6(address) => address.segments()[..4] == [0x100, 0, 0, 0],
    }
}

fn address(family: Family, first_host: u8, number: u32) -> SocketAddr {
    let host = first_host + (number / PORTS) as u8;
    let port = FIRST_PORT + (number % PORTS) as u16;
    let address = match family {
        Family::V4 => IpAddr::from(Ipv4Addr::new(192, 0, 2, host)),
        Family::V6 => IpAddr::from(Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, host.into())),
    };
    SocketAddr::new(address, port)
}

const FIRST_PORT: u16 = 1024;
const PORTS: u32 = 0x1_0000 - 1024;
const TRIES: u32 = 100_000;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn addresses_differ_and_are_nobodys() {
        let mut addresses = SyntheticAddresses::new(&(1..=254));
        let mut given = HashSet::new();
        for _ in 0..200_000 {
            for family in Family::ALL {
                let address = addresses
                    .next(family, PortWish::Any, |_| true)
                    .expect("there are more");
                assert!(given.insert(address));
                assert_eq!(Family::of(address), family);
                assert!(address.port() >= 1024);
            }
        }
        assert!(given.iter().all(|address| contain(address.ip())));
    }

    #[test]
    fn parts_of_the_blocks_share_no_address() {
        let shares = [1..=1, 2..=3, 254..=254].map(|hosts| {
            let mut addresses = SyntheticAddresses::new(&hosts);
            let mut given = HashSet::new();
            for _ in 0..150_000 {
                for family in Family::ALL {
                    given.extend(addresses.next(family, PortWish::Any, |_| true));
                }
            }
            given
        });

        let ports = PORTS as usize;
        assert_eq!(
            shares.each_ref().map(HashSet::len),
            [2 * ports, 4 * ports, 2 * ports]
        );
        let all: HashSet<_> = shares.into_iter().flatten().collect();
        assert_eq!(all.len(), 8 * ports);
    }

    #[test]
    fn only_the_two_blocks_are_synthetic() {
        for (address, is_synthetic) in [
            ("192.0.2.0", true),
            ("192.0.2.255", true),
            ("::ffff:192.0.2.7", true),
            ("100::ffff:ffff:ffff:ffff", true),
            ("192.0.3.1", false),
            ("192.0.1.255", false),
            ("100:0:0:1::1", false),
            ("::192.0.2.7", false),
        ] {
            assert_eq!(contain(address.parse().unwrap()), is_synthetic, "{address}");
        }
    }

    #[test]
    fn wishes_for_a_port_are_met() {
        let mut addresses = SyntheticAddresses::new(&(1..=254));
        let taken: SocketAddr = "192.0.2.1:1025".parse().unwrap();
        let mut next = |wish| addresses.next(Family::V4, wish, |address| address != taken);

        let pair = next(PortWish::EvenAndNext).expect("there are more");
        assert_eq!(pair.port(), 1026);
        let even = next(PortWish::Even).expect("there are more");
        assert_eq!(even.port(), 1028);
        assert_eq!(addresses.next(Family::V4, PortWish::Any, |_| false), None);
    }
}
