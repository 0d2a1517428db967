//! The addresses that clients are told, and those that this machine has.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use super::finding::Finding;

/// What the settings say, and what the routing table does.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// Only this machine reaches the pages.
    pub(super) is_local: bool,
    /// Where media is listened for.
    pub(super) media: Vec<IpAddr>,
    /// What clients are told instead, if anything.
    pub(super) announced: Vec<IpAddr>,
    /// Where packets to the internet leave from, at most one a family.
    pub(super) routes: Vec<IpAddr>,
}

impl Places {
    /// Compares them. `is_here` says whether an interface has an address.
    pub(super) fn finding(&self, is_here: impl Fn(IpAddr) -> bool) -> Finding {
        let told = if self.announced.is_empty() {
            &self.media
        } else {
            &self.announced
        };
        let list = list(told);
        if self.is_local {
            return Finding::ok(SUBJECT, format!("for this machine only; media at {list}"));
        }
        if let Some(wrong) = told.iter().find(|ip| ip.is_loopback()) {
            return Finding::warn(
                SUBJECT,
                format!(
                    "clients are told {wrong}, which to them is their own machine; \
                     take it from media.addresses or media.announced"
                ),
            );
        }
        let Some(public) = told.iter().copied().find(|ip| is_public(*ip)) else {
            return self.private(&list);
        };
        let missing = self
            .routes
            .iter()
            .find(|ip| is_public(**ip) && !told.contains(ip) && ip.is_ipv4() == public.is_ipv4());
        if let Some(missing) = missing {
            return Finding::warn(
                SUBJECT,
                format!(
                    "packets leave this machine from {missing}, and clients are told {list}; \
                     unless that is meant, put {missing} in media.addresses or media.announced"
                ),
            );
        }
        if is_here(public) {
            return Finding::ok(
                SUBJECT,
                format!(
                    "clients are told {list}; an interface has {public}{}",
                    self.other_family(told)
                ),
            );
        }
        Finding::ok(
            SUBJECT,
            format!(
                "clients are told {list}; no interface has {public}, which is right behind a \
                 one-to-one NAT that passes it on to {}",
                self::list(&self.media)
            ),
        )
    }

    fn private(&self, told: &str) -> Finding {
        match self.routes.iter().find(|ip| is_public(**ip)) {
            Some(public) => Finding::warn(
                SUBJECT,
                format!(
                    "clients are told {told} only, which is private, and this machine has \
                     {public}; put that in media.addresses"
                ),
            ),
            None => Finding::warn(
                SUBJECT,
                format!(
                    "clients are told {told} only, which is private: nobody outside this network \
                     gets sound or picture; behind a NAT, put the public address in media.announced"
                ),
            ),
        }
    }

    fn other_family(&self, told: &[IpAddr]) -> String {
        let unsaid = self
            .routes
            .iter()
            .find(|ip| is_public(**ip) && told.iter().all(|told| told.is_ipv4() != ip.is_ipv4()));
        match unsaid {
            Some(ip) => format!("; {ip} is not told (media.addresses)"),
            None => String::new(),
        }
    }
}

/// The addresses that packets to the internet would leave from. Nothing is
/// sent: connecting a UDP socket only asks the routing table, here for
/// addresses that documentation uses (RFC 5737, RFC 3849).
pub(super) fn routes() -> Vec<IpAddr> {
    let far = [
        (
            IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        ),
        (
            IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
        ),
    ];
    far.into_iter()
        .filter_map(|(any, far)| {
            let socket = UdpSocket::bind((any, 0)).ok()?;
            socket.connect((far, 9)).ok()?;
            Some(socket.local_addr().ok()?.ip())
        })
        .filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
        .collect()
}

/// Whether an interface has the address: only then a socket can be bound to it.
pub(super) fn is_of_this_machine(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}

/// Whether the internet routes to it.
pub(super) fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            let is_shared = first == 100 && second & 0xC0 == 64;
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_multicast()
                || is_shared
                || first == 0
                || first >= 240)
        }
        IpAddr::V6(ip) => ip.segments()[0] & 0xE000 == 0x2000,
    }
}

fn list(addresses: &[IpAddr]) -> String {
    let texts: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    texts.join(" and ")
}

const SUBJECT: &str = "addresses";

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    const PRIVATE: &str = "10.9.0.1";
    const PUBLIC: &str = "198.51.100.7";
    const PUBLIC_6: &str = "2a00:1::7";

    fn finding(media: &[&str], announced: &[&str], routes: &[&str]) -> (Verdict, String) {
        let read = |texts: &[&str]| -> Vec<IpAddr> {
            let parsed = texts.iter().map(|text| text.parse().expect("an address"));
            parsed.collect()
        };
        let places = Places {
            is_local: false,
            media: read(media),
            announced: read(announced),
            routes: read(routes),
        };
        let here = read(routes);
        let finding = places.finding(|ip| here.contains(&ip));
        (finding.verdict, finding.to_string())
    }

    #[test]
    fn a_public_address_of_an_interface_is_right() {
        let (verdict, text) = finding(&[PUBLIC], &[], &[PUBLIC]);
        assert_eq!(verdict, Verdict::Ok, "{text}");

        let (verdict, text) = finding(&[PUBLIC], &[], &[PUBLIC, PUBLIC_6]);
        assert_eq!(verdict, Verdict::Ok, "{text}");
        assert!(text.contains("2a00:1::7 is not told"), "{text}");
    }

    #[test]
    fn private_addresses_alone_reach_nobody_outside() {
        for private in [
            PRIVATE,
            "192.168.1.2",
            "172.16.0.9",
            "100.64.0.1",
            "fd00::1",
        ] {
            let (verdict, text) = finding(&[private], &[], &[private]);
            assert_eq!(verdict, Verdict::Warn, "{text}");
            assert!(text.contains("media.announced"), "{text}");
        }
        let (verdict, text) = finding(&[PRIVATE], &[], &[PUBLIC]);
        assert_eq!(verdict, Verdict::Warn, "{text}");
        assert!(text.contains("this machine has 198.51.100.7"), "{text}");
    }

    #[test]
    fn an_announced_address_may_be_that_of_a_nat() {
        let (verdict, text) = finding(&[PRIVATE], &[PUBLIC], &[PRIVATE]);

        assert_eq!(verdict, Verdict::Ok, "{text}");
        assert!(text.contains("passes it on to 10.9.0.1"), "{text}");
    }

    #[test]
    fn another_address_than_packets_leave_from_is_doubtful() {
        let (verdict, text) = finding(&["198.51.100.9"], &[], &[PUBLIC]);

        assert_eq!(verdict, Verdict::Warn, "{text}");
        assert!(
            text.contains("packets leave this machine from 198.51.100.7"),
            "{text}"
        );
    }

    #[test]
    fn the_loopback_is_of_no_use_to_others() {
        let (verdict, text) = finding(&["127.0.0.1", PUBLIC], &[], &[PUBLIC]);
        assert_eq!(verdict, Verdict::Warn, "{text}");

        let places = Places {
            is_local: true,
            media: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
            announced: Vec::new(),
            routes: Vec::new(),
        };
        assert_eq!(places.finding(|_| true).verdict, Verdict::Ok);
    }

    #[test]
    fn interfaces_are_asked_by_binding() {
        assert!(is_of_this_machine(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        assert!(!is_of_this_machine(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))));
        assert!(routes().into_iter().all(is_of_this_machine));
    }
}
