//! Where clients are told to reach media: whether browsers go there.
//!
//! All go to no port below 1024 over TCP but those of the web. Chromium goes to
//! none over UDP either, and to the web's at public addresses alone.

use std::net::{IpAddr, SocketAddr};

use super::addresses::is_public;
use super::finding::Finding;
use crate::config::{Config, OutsideTurn};
use crate::media_addresses;
use crate::serve;

/// `media` is where the workers listen. Nothing where only this machine reaches
/// the server.
pub(super) fn findings(config: &Config, media: &[IpAddr], is_local: bool) -> Vec<Finding> {
    if is_local {
        return Vec::new();
    }
    let ips = match &config.media.announced[..] {
        [] => media,
        announced => announced,
    };
    let workers = serve::worker_count(config);
    let over_tcp = media_addresses::over_tcp(config, config.http.listen, media);
    let has_relay = config.turn.has_own() || has_relay_over_tcp(&config.turn.outside);
    let udp = judge_udp(ips, config.media.port.0, workers);
    let tcp = (!over_tcp.is_empty()).then(|| judge_tcp(&over_tcp, has_relay));
    udp.into_iter().chain(tcp).collect()
}

/// Nothing if all is well.
fn judge_udp(ips: &[IpAddr], first_port: u16, workers: u16) -> Option<Finding> {
    let ports = (0..workers).map_while(|worker| first_port.checked_add(worker));
    let refused: Vec<_> = ports
        .filter(|_| first_port != 0)
        .take_while(|port| *port < FIRST_FREE)
        .flat_map(|port| {
            let told: Vec<_> = ips.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
            refused(&told, is_taken_by_chromium)
        })
        .collect();
    (!refused.is_empty()).then(|| {
        Finding::warn(
            "media.port",
            format!(
                "Chromium sends no media over UDP to {}: to no port below 1024 but 80 and 443, \
                 and to these at public addresses only; let media.port be one from 1024 on",
                list(&refused)
            ),
        )
    })
}

fn judge_tcp(told: &[SocketAddr], has_relay: bool) -> Finding {
    let refused_by_all = refused(told, is_taken);
    if !refused_by_all.is_empty() {
        return Finding::warn(
            OVER_TCP,
            format!(
                "clients are told {}, and browsers make no such connections to ports below \
                 1024 but 80 and 443; let http.listen have one of these, or one from 1024 on",
                list(&refused_by_all)
            ),
        );
    }
    let refused = refused(told, is_taken_by_chromium);
    if refused.is_empty() {
        return Finding::ok(OVER_TCP, format!("clients are told {}", list(told)));
    }
    let text = format!(
        "clients are told {}, and Chromium makes no such connections to ports 80 and 443 at \
         private addresses",
        list(&refused)
    );
    if has_relay {
        Finding::ok(
            OVER_TCP,
            format!("{text}; it takes the relay there instead"),
        )
    } else {
        let mend = "let http.listen have a port from 1024 on, or have a relay over TCP \
                    (turn.enabled, or turn.outside.urls)";
        Finding::warn(OVER_TCP, format!("{text}; {mend}"))
    }
}

/// The addresses of each family of which none is taken: many a client has only
/// one of the two.
fn refused(told: &[SocketAddr], is_taken: impl Fn(&SocketAddr) -> bool) -> Vec<SocketAddr> {
    let (v4, v6): (Vec<_>, Vec<_>) = told.iter().partition(|address| address.is_ipv4());
    [v4, v6]
        .into_iter()
        .filter(|family| !family.iter().any(&is_taken))
        .flatten()
        .collect()
}

/// Port 0 becomes a free one.
fn is_taken(address: &SocketAddr) -> bool {
    let port = address.port();
    port >= FIRST_FREE || port == 0 || WEB_PORTS.contains(&port)
}

fn is_taken_by_chromium(address: &SocketAddr) -> bool {
    let is_web = WEB_PORTS.contains(&address.port());
    is_taken(address) && (!is_web || is_public(address.ip()))
}

/// Whether there is one where no UDP passes. TLS is over TCP unless it says
/// otherwise (RFC 7065 §3.1).
fn has_relay_over_tcp(outside: &OutsideTurn) -> bool {
    outside.urls.iter().any(|url| {
        let (_, query) = url.split_once('?').unwrap_or((url, ""));
        query == "transport=tcp" || (url.starts_with("turns:") && query != "transport=udp")
    })
}

fn list(addresses: &[SocketAddr]) -> String {
    let list: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    list.join(" and ")
}

const OVER_TCP: &str = "media.tcp";
const WEB_PORTS: [u16; 2] = [80, 443];
const FIRST_FREE: u16 = 1024;

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    fn judged(told: &[&str], has_relay: bool) -> (Verdict, String) {
        let told: Vec<_> = told
            .iter()
            .map(|text| text.parse().expect("an address"))
            .collect();
        let finding = judge_tcp(&told, has_relay);
        (finding.verdict, finding.to_string())
    }

    fn judged_udp(told: &[&str], port: u16, workers: u16) -> Option<String> {
        let told: Vec<_> = told
            .iter()
            .map(|text| text.parse().expect("an address"))
            .collect();
        let finding = judge_udp(&told, port, workers)?;
        assert_eq!(finding.verdict, Verdict::Warn);
        Some(finding.to_string())
    }

    #[test]
    fn web_ports_at_public_addresses_and_high_ports_are_taken() {
        for told in [
            "203.0.113.7:443",
            "203.0.113.7:80",
            "10.0.0.7:8443",
            "10.0.0.7:0",
        ] {
            let (verdict, text) = judged(&[told], false);
            assert_eq!(verdict, Verdict::Ok, "{text}");
            assert!(!text.contains("Chromium"), "{text}");
        }
        let (verdict, text) = judged(&["10.0.0.7:443", "203.0.113.7:443"], false);
        assert_eq!(verdict, Verdict::Ok, "{text}");
    }

    #[test]
    fn chromium_takes_no_web_port_at_a_private_address() {
        for told in ["10.0.0.7:443", "192.168.1.2:80", "[fd00::1]:443"] {
            let (verdict, text) = judged(&[told], true);
            assert_eq!(verdict, Verdict::Ok, "{text}");
            assert!(text.contains("it takes the relay there"), "{text}");
            let (verdict, text) = judged(&[told], false);
            assert_eq!(verdict, Verdict::Warn, "{text}");
            assert!(text.contains("from 1024 on"), "{text}");
        }
    }

    #[test]
    fn an_address_of_one_family_is_none_for_clients_of_the_other() {
        let told = ["10.0.0.7:443", "[2001:db8::7]:443"];
        let (verdict, text) = judged(&told, false);
        assert_eq!(verdict, Verdict::Warn, "{text}");
        assert!(text.contains("10.0.0.7:443, and Chromium"), "{text}");
        assert!(!text.contains("2001:db8::7"), "{text}");
    }

    #[test]
    fn other_low_ports_are_taken_by_nobody() {
        let (verdict, text) = judged(&["203.0.113.7:500"], true);

        assert_eq!(verdict, Verdict::Warn, "{text}");
        assert!(text.contains("but 80 and 443"), "{text}");
    }

    #[test]
    fn chromium_has_the_same_rule_for_udp() {
        for (ip, port) in [("10.0.0.7", 443), ("203.0.113.7", 500), ("fd00::1", 80)] {
            let text = judged_udp(&[ip], port, 1).expect("a warning");
            assert!(text.contains("media.port"), "{text}");
            assert!(text.contains(ip), "{text}");
        }
        for (ip, port) in [
            ("10.0.0.7", 8443),
            ("203.0.113.7", 443),
            ("10.0.0.7", 0),
            ("10.0.0.7", 65_535),
        ] {
            assert_eq!(judged_udp(&[ip], port, 1), None, "{ip} {port}");
        }
        assert_eq!(judged_udp(&["10.0.0.7", "203.0.113.7"], 443, 1), None);
        let both = judged_udp(&["10.0.0.7", "2001:db8::7"], 443, 1);
        assert!(both.is_some_and(|text| !text.contains("2001")));
        // Each worker has the next port.
        let second = judged_udp(&["203.0.113.7"], 443, 2).expect("a warning");
        assert!(second.contains("to 203.0.113.7:444:"), "{second}");
    }

    #[test]
    fn a_relay_elsewhere_helps_where_it_is_reached_over_tcp() {
        let relay = |url: &str| {
            let mut outside = OutsideTurn::default();
            outside.urls.push(url.into());
            has_relay_over_tcp(&outside)
        };
        assert!(relay("turn:turn.clinic.example:3478?transport=tcp"));
        assert!(relay("turns:turn.clinic.example:443?transport=tcp"));
        assert!(relay("turns:turn.clinic.example"));
        assert!(!relay("turns:turn.clinic.example?transport=udp"));
        assert!(!relay("turn:turn.clinic.example:3478?transport=udp"));
        assert!(!relay("turn:turn.clinic.example:3478"));
    }

    #[test]
    fn nothing_is_said_where_nothing_is_told() {
        let mut config = Config::default();
        config.http.listen = SocketAddr::from(([10, 0, 0, 7], 443));
        let media = [IpAddr::from([10, 0, 0, 7])];
        assert_eq!(findings(&config, &media, false).len(), 1);
        assert!(findings(&config, &media, true).is_empty());
        config.media.tcp = false;
        assert!(findings(&config, &media, false).is_empty());
    }
}
