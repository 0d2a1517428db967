//! The only peers there are: our own media addresses.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use crate::address::Family;

/// How a peer is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// It is in this process: what is meant for it is handed over.
    HandOver,
    /// It is elsewhere: what is meant for it leaves from a relay port.
    RelayPort,
}

/// The addresses that clients may name as peers, as they are announced to
/// clients. An address of which only the port differs is no peer.
#[derive(Clone, Debug, Default)]
pub struct Peers {
    by_address: HashMap<SocketAddr, Reach>,
    /// How many peers there are at each.
    hosts: HashMap<IpAddr, usize>,
}

impl Peers {
    /// How `peer` is reached; `None` if it is not to be reached.
    pub fn reach(&self, peer: SocketAddr) -> Option<Reach> {
        self.by_address.get(&peer).copied()
    }

    /// Whether any peer has this address: permissions are given for addresses
    /// without port (RFC 8656 §9).
    pub(crate) fn is_at(&self, address: IpAddr) -> bool {
        self.hosts.contains_key(&address)
    }

    /// Whether any peer of this family is reached by relay port only.
    pub(crate) fn need_ports(&self, family: Family) -> bool {
        self.by_address
            .iter()
            .any(|(peer, reach)| *reach == Reach::RelayPort && Family::of(*peer) == family)
    }
}

impl FromIterator<(SocketAddr, Reach)> for Peers {
    fn from_iter<I: IntoIterator<Item = (SocketAddr, Reach)>>(peers: I) -> Self {
        let by_address: HashMap<_, _> = peers.into_iter().collect();
        let mut hosts = HashMap::new();
        for peer in by_address.keys() {
            *hosts.entry(peer.ip()).or_default() += 1;
        }
        Self { by_address, hosts }
    }
}
