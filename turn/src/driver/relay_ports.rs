//! Sockets that peers elsewhere see clients by.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use io_thread::udp::Socket;

use crate::{Family, PortWish, RelayRefused};

/// Where relay ports are opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RelayPorts {
    /// The first of a family is used.
    pub addresses: Vec<RelayAddress>,
    pub ports: RangeInclusive<u16>,
}

/// An address of this machine, which others may see as another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RelayAddress {
    pub bound: IpAddr,
    pub announced: IpAddr,
}

/// An open relay port.
#[derive(Debug)]
pub(super) struct RelayPort {
    pub(super) socket: Socket,
    /// What peers see.
    pub(super) address: SocketAddr,
}

impl RelayPorts {
    /// Opens a port as it is wished for, with the next one if that is wished
    /// for too. Those that are `open` already are not tried.
    pub(super) fn open(
        &self,
        family: Family,
        wish: PortWish,
        open: &HashSet<SocketAddr>,
    ) -> Result<(RelayPort, Option<RelayPort>), RelayRefused> {
        let mut addresses = self.addresses.iter();
        let address = addresses
            .find(|address| Family::of(SocketAddr::new(address.bound, 0)) == family)
            .ok_or(RelayRefused)?;
        let (first, last) = (*self.ports.start(), *self.ports.end());
        let count = last
            .checked_sub(first)
            .map_or(0, |more| u32::from(more) + 1);
        // Nobody is to guess the next client's port (RFC 8656 §7.2).
        let mut random = [0; 4];
        getrandom::fill(&mut random).or(Err(RelayRefused))?;
        let start = u32::from_be_bytes(random) % count.max(1);
        let ports = (0..count).map(|offset| first + ((start + offset) % count) as u16);
        let ports = ports.filter(|port| {
            let is_wished = wish == PortWish::Any || port.is_multiple_of(2);
            is_wished && !open.contains(&SocketAddr::new(address.bound, *port))
        });
        for port in ports.take(TRIES) {
            let Ok(socket) = bind(address, port) else {
                continue;
            };
            if wish != PortWish::EvenAndNext {
                return Ok((socket, None));
            }
            let next = port.checked_add(1).filter(|next| *next <= last);
            if let Some(Ok(next)) = next.map(|next| bind(address, next)) {
                return Ok((socket, Some(next)));
            }
        }
        Err(RelayRefused)
    }
}

fn bind(address: &RelayAddress, port: u16) -> io::Result<RelayPort> {
    let socket = Socket::bind(SocketAddr::new(address.bound, port), BUFFER_BYTES)?;
    // Without it clients learn by silence what peers cannot be reached.
    let _ = socket.report_errors();
    socket.tell_no_times();
    let port = socket.local().port();
    Ok(RelayPort {
        socket,
        address: SocketAddr::new(address.announced, port),
    })
}

/// One client's.
const BUFFER_BYTES: u32 = 256 * 1024;
/// Ports that are tried before a client is refused: other programs have few.
const TRIES: usize = 64;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::net::Ipv4Addr;

    use super::*;

    fn ports(ports: RangeInclusive<u16>) -> RelayPorts {
        RelayPorts {
            addresses: vec![RelayAddress {
                bound: Ipv4Addr::LOCALHOST.into(),
                announced: Ipv4Addr::new(203, 0, 113, 7).into(),
            }],
            ports,
        }
    }

    #[test]
    fn ports_are_of_the_range_and_announced_as_they_are_seen() {
        let ports = ports(41_000..=41_009);
        let mut open = Vec::new();
        while let Ok((port, None)) = ports.open(Family::V4, PortWish::Any, &none()) {
            assert_eq!(port.address.ip(), Ipv4Addr::new(203, 0, 113, 7));
            assert_eq!(port.address.port(), port.socket.local().port());
            open.push(port);
        }

        let numbers: HashSet<_> = open.iter().map(|port| port.address.port()).collect();
        // Another program may have one of them.
        assert!((8..=10).contains(&numbers.len()), "{numbers:?}");
        assert!(numbers.iter().all(|port| ports.ports.contains(port)));
    }

    #[test]
    fn pairs_are_even_and_next() {
        let ports = ports(41_011..=41_016);
        let (even, next) = ports
            .open(Family::V4, PortWish::EvenAndNext, &none())
            .expect("two are free");

        let next = next.expect("it was wished for");
        assert!(even.address.port().is_multiple_of(2));
        assert_eq!(next.address.port(), even.address.port() + 1);
        let (even, next) = ports
            .open(Family::V4, PortWish::Even, &none())
            .expect("one is free");
        assert!(even.address.port().is_multiple_of(2) && next.is_none());
    }

    #[test]
    fn a_family_without_an_address_is_refused() {
        let ports = ports(41_020..=41_029);
        assert!(ports.open(Family::V6, PortWish::Any, &none()).is_err());
        let none = RelayPorts {
            ports: RangeInclusive::new(2, 1),
            ..ports
        };
        let refused = none.open(Family::V4, PortWish::Any, &HashSet::new());
        assert!(refused.is_err());
    }

    #[test]
    fn ports_that_are_known_to_be_open_are_not_tried() {
        let ports = ports(41_030..=41_039);
        let all = (41_030..41_039).map(|port| (Ipv4Addr::LOCALHOST, port).into());
        let open: HashSet<SocketAddr> = all.collect();
        // They are not, so it could have had any.
        for _ in 0..20 {
            let (last, _) = ports
                .open(Family::V4, PortWish::Any, &open)
                .expect("one is free");
            assert_eq!(last.address.port(), 41_039);
        }
    }

    fn none() -> HashSet<SocketAddr> {
        HashSet::new()
    }
}
