//! Whether the server's ports can be had.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::ops::RangeInclusive;

use super::finding::Finding;
use super::holder::{Holder, Protocol};

/// What came of binding a port.
#[derive(Debug)]
pub(super) enum Port {
    Free,
    Held(Holder),
    Refused(io::Error),
}

/// A port that the server needs, and the setting that names it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needed {
    pub(super) setting: &'static str,
    pub(super) protocol: Protocol,
    pub(super) address: SocketAddr,
}

impl Needed {
    /// Binds it, and lets it go.
    pub(super) fn probe(self) -> Port {
        let bound = match self.protocol {
            Protocol::Tcp => TcpListener::bind(self.address).map(drop),
            Protocol::Udp => UdpSocket::bind(self.address).map(drop),
        };
        match bound {
            Ok(()) => Port::Free,
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                Port::Held(Holder::of(self.protocol, self.address))
            }
            Err(error) => Port::Refused(error),
        }
    }

    /// What the operator should know of it.
    pub(super) fn finding(self, port: &Port) -> Finding {
        let Self { setting, .. } = self;
        let place = self.place();
        match port {
            Port::Free if self.address.port() == 0 => {
                Finding::ok(setting, format!("any free {} port", self.protocol.name()))
            }
            Port::Free => Finding::ok(setting, format!("{place} is free")),
            Port::Held(holder) => self.held(holder),
            Port::Refused(error) => Finding::fail(setting, self.refusal(error)),
        }
    }

    fn held(self, holder: &Holder) -> Finding {
        let Self { setting, .. } = self;
        let place = self.place();
        if let Some(id) = holder.quietroom() {
            let text = format!("{place} is held by a running Quietroom (process {id})");
            return Finding::ok(setting, text);
        }
        let text = match holder {
            Holder::Process { name, id } => {
                format!("{place} is held by {name} (process {id}); end that, or choose another")
            }
            Holder::Unseen => format!(
                "{place} is held by a process that this user cannot see; run this as root \
                 to see which, and end it or choose another"
            ),
        };
        Finding::fail(setting, text)
    }

    fn refusal(self, error: &io::Error) -> String {
        let place = self.place();
        match error.kind() {
            io::ErrorKind::AddrNotAvailable => format!(
                "{} is no address of this machine; `ip address` lists those that it has",
                self.address.ip()
            ),
            io::ErrorKind::PermissionDenied => format!(
                "{place} may not be used by this user; ports below 1024 need \
                 AmbientCapabilities=CAP_NET_BIND_SERVICE in the service's unit"
            ),
            _ => format!("{place} cannot be used: {error}"),
        }
    }

    fn place(self) -> String {
        let Self {
            protocol, address, ..
        } = self;
        format!(
            "{} port {} of {}",
            protocol.name(),
            address.port(),
            address.ip()
        )
    }
}

/// The media workers' ports, on each address: the first that is not to be had,
/// or one line for all.
///
/// `first` is the first worker's port, 0 for any.
pub(super) fn media(addresses: &[IpAddr], first: u16, workers: u16) -> Finding {
    let Some(last) = first.checked_add(workers.max(1) - 1) else {
        return Finding::fail(
            MEDIA,
            format!("{workers} workers from {first} on go beyond 65535; begin lower"),
        );
    };
    let ports = if first == 0 { 0..=0 } else { first..=last };
    udp(MEDIA, addresses, ports)
}

/// UDP ports on each address: the first that is not to be had, or one line for
/// all. Port 0 is any.
pub(super) fn udp(
    setting: &'static str,
    addresses: &[IpAddr],
    ports: RangeInclusive<u16>,
) -> Finding {
    let mut running = None;
    for port in ports.clone() {
        for &address in addresses {
            let needed = Needed {
                setting,
                protocol: Protocol::Udp,
                address: SocketAddr::new(address, port),
            };
            let probed = needed.probe();
            match &probed {
                Port::Free => {}
                Port::Held(holder) if holder.quietroom().is_some() => running = holder.quietroom(),
                _ => return needed.finding(&probed),
            }
        }
    }
    let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    let addresses = addresses.join(" and ");
    let which = match ports.into_inner() {
        (0, _) => "any free UDP port".to_owned(),
        (first, last) if first == last => format!("UDP port {first}"),
        (first, last) => format!("UDP ports {first} to {last}"),
    };
    let state = match running {
        Some(id) => format!("held by a running Quietroom (process {id})"),
        None => "free".into(),
    };
    Finding::ok(setting, format!("{which} of {addresses}: {state}"))
}

const MEDIA: &str = "media.port";

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::finding::Verdict;
    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn tcp(address: SocketAddr) -> Needed {
        Needed {
            setting: "http.listen",
            protocol: Protocol::Tcp,
            address,
        }
    }

    #[test]
    fn a_free_port_is_left_free() {
        let port = {
            let taken = TcpListener::bind((HERE, 0)).expect("the loopback has ports");
            taken.local_addr().expect("it is bound").port()
        };
        let needed = tcp(SocketAddr::new(HERE, port));

        for _ in 0..2 {
            let finding = needed.finding(&needed.probe());
            assert_eq!(finding.verdict, Verdict::Ok, "{finding}");
        }
    }

    #[test]
    fn who_holds_a_port_is_named() {
        let taken = TcpListener::bind((HERE, 0)).expect("the loopback has ports");
        let needed = tcp(taken.local_addr().expect("it is bound"));

        let finding = needed.finding(&needed.probe());

        assert_eq!(finding.verdict, Verdict::Fail, "{finding}");
        let id = format!("(process {})", std::process::id());
        assert!(finding.to_string().contains(&id), "{finding}");
    }

    #[test]
    fn an_address_of_another_machine_is_not_ours() {
        let needed = tcp(SocketAddr::from(([192, 0, 2, 1], 0)));

        let finding = needed.finding(&needed.probe());

        assert_eq!(finding.verdict, Verdict::Fail, "{finding}");
        assert!(
            finding.to_string().contains("192.0.2.1 is no address"),
            "{finding}"
        );
    }

    #[test]
    fn a_privileged_port_has_a_mend() {
        let needed = tcp(SocketAddr::from(([0, 0, 0, 0], 443)));

        let finding = needed.finding(&Port::Refused(io::ErrorKind::PermissionDenied.into()));

        assert_eq!(finding.verdict, Verdict::Fail);
        assert!(
            finding.to_string().contains("CAP_NET_BIND_SERVICE"),
            "{finding}"
        );
    }

    #[test]
    fn each_worker_needs_its_media_port() {
        let second = UdpSocket::bind((HERE, 0)).expect("the loopback has ports");
        let port = second.local_addr().expect("it is bound").port();

        let taken = media(&[HERE], port - 1, 2);
        assert_eq!(taken.verdict, Verdict::Fail, "{taken}");
        assert!(
            taken.to_string().contains(&format!("UDP port {port} of")),
            "{taken}"
        );

        drop(second);
        let free = media(&[HERE], port, 1);
        assert_eq!(free.verdict, Verdict::Ok, "{free}");
        assert_eq!(media(&[HERE], 0, 4).verdict, Verdict::Ok);
        assert_eq!(media(&[HERE], 65_534, 3).verdict, Verdict::Fail);
    }
}
