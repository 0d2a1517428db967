//! Which process has a port, by what the kernel tells in `/proc`.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

/// Who has a port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Holder {
    Process {
        name: String,
        id: u32,
    },
    /// Of another user, or in another container.
    Unseen,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Protocol {
    Tcp,
    Udp,
}

impl Holder {
    /// Who keeps others from binding `address`.
    pub(super) fn of(protocol: Protocol, address: SocketAddr) -> Self {
        let links: Vec<_> = inodes(protocol, address)
            .iter()
            .map(|inode| PathBuf::from(format!("socket:[{inode}]")))
            .collect();
        process_with(&links).unwrap_or(Self::Unseen)
    }

    /// The process's id, if it is one of ours.
    pub(super) fn quietroom(&self) -> Option<u32> {
        match self {
            Self::Process { name, id } if name == env!("CARGO_PKG_NAME") => Some(*id),
            _ => None,
        }
    }
}

impl Protocol {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }
}

fn inodes(protocol: Protocol, address: SocketAddr) -> Vec<String> {
    let tables = match protocol {
        Protocol::Tcp => ["tcp", "tcp6"],
        Protocol::Udp => ["udp", "udp6"],
    };
    tables
        .iter()
        .filter_map(|table| fs::read_to_string(format!("/proc/net/{table}")).ok())
        .flat_map(|table| in_table(&table, protocol, address))
        .collect()
}

fn in_table(table: &str, protocol: Protocol, address: SocketAddr) -> Vec<String> {
    let sockets = table.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let local = socket_address(fields.next()?)?;
        let state = fields.nth(1)?;
        let inode = fields.nth(5)?;
        let is_bound = protocol == Protocol::Udp || state == LISTENING;
        (is_bound && overlap(local, address)).then(|| inode.to_owned())
    });
    sockets.collect()
}

fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let (a, b) = (one.ip().to_canonical(), other.ip().to_canonical());
    one.port() == other.port() && (a == b || a.is_unspecified() || b.is_unspecified())
}

/// As the kernel writes it: each word of the address in the machine's order.
fn socket_address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let mut bytes = Vec::new();
    for at in (0..address.len()).step_by(8) {
        let word = u32::from_str_radix(address.get(at..at + 8)?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    let ip = match bytes.len() {
        4 => IpAddr::from(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        16 => IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

fn process_with(links: &[PathBuf]) -> Option<Holder> {
    let processes = fs::read_dir("/proc").ok()?.filter_map(|entry| {
        let entry = entry.ok()?;
        let id: u32 = entry.file_name().to_str()?.parse().ok()?;
        Some((id, entry.path()))
    });
    for (id, folder) in processes {
        let Ok(files) = fs::read_dir(folder.join("fd")) else {
            continue;
        };
        let has_it = files
            .filter_map(|file| fs::read_link(file.ok()?.path()).ok())
            .any(|link| links.contains(&link));
        if has_it {
            let name = fs::read_to_string(folder.join("comm")).unwrap_or_default();
            let name = name.trim_end().to_owned();
            return Some(Holder::Process { name, id });
        }
    }
    None
}

/// `TCP_LISTEN`.
const LISTENING: &str = "0A";

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    #[test]
    fn the_holder_of_a_port_is_found() {
        let tcp = TcpListener::bind("127.0.0.1:0").expect("the loopback has ports");
        let udp = UdpSocket::bind("[::1]:0").or_else(|_| UdpSocket::bind("127.0.0.1:0"));
        let udp = udp.expect("the loopback has ports");

        for (protocol, address) in [
            (Protocol::Tcp, tcp.local_addr().expect("it is bound")),
            (Protocol::Udp, udp.local_addr().expect("it is bound")),
        ] {
            let holder = Holder::of(protocol, address);
            assert!(
                matches!(holder, Holder::Process { id, .. } if id == std::process::id()),
                "{holder:?}"
            );
        }
    }

    #[test]
    fn a_port_of_another_address_is_somebody_else_s() {
        let tcp = TcpListener::bind("127.0.0.1:0").expect("the loopback has ports");
        let port = tcp.local_addr().expect("it is bound").port();

        let other = SocketAddr::from(([127, 0, 0, 9], port));

        assert!(inodes(Protocol::Tcp, other).is_empty());
        let any = SocketAddr::from(([0, 0, 0, 0], port));
        assert_eq!(inodes(Protocol::Tcp, any).len(), 1);
    }

    #[test]
    fn addresses_are_read_as_the_kernel_writes_them() {
        let little_endian = cfg!(target_endian = "little");
        let text = if little_endian {
            "0100007F:1F90"
        } else {
            "7F000001:1F90"
        };
        assert_eq!(
            socket_address(text),
            Some(SocketAddr::from(([127, 0, 0, 1], 8080)))
        );
        for wrong in [
            "",
            ":",
            "0100007F",
            "0100007:1F90",
            "é100007F:1F90",
            "0100007F:1F9000",
        ] {
            assert_eq!(socket_address(wrong), None, "{wrong}");
        }
    }
}
