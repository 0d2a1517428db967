//! Datagrams that the kernel dropped because a socket's buffer was full, from
//! `/proc/net/udp`: they tell which side did not keep up.

use std::collections::HashSet;
use std::fs;
use std::io;

/// Dropped datagrams since the sockets were made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Drops {
    /// At the load's sockets.
    pub load: u64,
    /// At everybody else's of this network.
    pub server: u64,
}

impl Drops {
    /// Reads the counters; `ours` are the ports of the load's sockets.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn now(ours: &HashSet<u16>) -> io::Result<Self> {
        let mut drops = Self::default();
        for table in ["/proc/self/net/udp", "/proc/self/net/udp6"] {
            // Without IPv6 there is no second table.
            let text = match fs::read_to_string(table) {
                Ok(text) => text,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            for (port, dropped) in text.lines().skip(1).filter_map(entry) {
                if ours.contains(&port) {
                    drops.load += dropped;
                } else {
                    drops.server += dropped;
                }
            }
        }
        Ok(drops)
    }

    pub fn since(self, before: Self) -> Self {
        Self {
            load: self.load.saturating_sub(before.load),
            server: self.server.saturating_sub(before.server),
        }
    }
}

/// The local port and the last column.
fn entry(line: &str) -> Option<(u16, u64)> {
    let mut fields = line.split_ascii_whitespace();
    let (_, port) = fields.nth(1)?.rsplit_once(':')?;
    let dropped = fields.last()?.parse().ok()?;
    Some((u16::from_str_radix(port, 16).ok()?, dropped))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use super::*;

    #[test]
    fn what_overflows_a_socket_is_counted_on_its_side() {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        let ours = HashSet::from([port]);
        let before = Drops::now(&ours).unwrap();

        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        for _ in 0..20_000 {
            sender
                .send_to(&[0; 1200], socket.local_addr().unwrap())
                .unwrap();
        }

        assert!(Drops::now(&ours).unwrap().since(before).load > 0);
    }
}
