//! Media over TCP: whether browsers make connections to where they are told.

use std::net::{IpAddr, SocketAddr};

use super::addresses::is_public;
use super::finding::Finding;
use crate::config::Config;
use crate::media_addresses;

/// `media` is where the workers listen. Nothing where no connections are taken
/// for media, or only this machine's.
pub(super) fn finding(config: &Config, media: &[IpAddr], is_local: bool) -> Option<Finding> {
    let told = media_addresses::over_tcp(config, config.http.listen, media);
    let has_relay = config.turn.has_own() || !config.turn.outside.urls.is_empty();
    (!is_local && !told.is_empty()).then(|| judge(&told, has_relay))
}

/// By what browsers allow themselves: connections to web ports and those from
/// 1024 on, and of Chromium to web ports at public addresses alone.
fn judge(told: &[SocketAddr], has_relay: bool) -> Finding {
    let list: Vec<_> = told.iter().map(ToString::to_string).collect();
    let list = list.join(" and ");
    let is_web = |address: &SocketAddr| WEB_PORTS.contains(&address.port());
    let is_taken = |address: &SocketAddr| address.port() >= 1024 || is_web(address);
    let is_taken_by_all =
        |address: &SocketAddr| is_taken(address) && (!is_web(address) || is_public(address.ip()));
    if told.iter().any(is_taken_by_all) || told.iter().any(|address| address.port() == 0) {
        return Finding::ok(SUBJECT, format!("clients are told {list}"));
    }
    if !told.iter().any(is_taken) {
        return Finding::warn(
            SUBJECT,
            format!(
                "clients are told {list}, and browsers make no such connections to ports below \
                 1024 but 80 and 443; let http.listen have one of these, or one from 1024 on"
            ),
        );
    }
    let text = format!(
        "clients are told {list}, and Chromium makes no such connections to ports 80 and 443 at \
         private addresses"
    );
    if has_relay {
        Finding::ok(SUBJECT, format!("{text}; it takes the relay there instead"))
    } else {
        let mend = "let http.listen have a port from 1024 on, or set turn.enabled";
        Finding::warn(SUBJECT, format!("{text}; {mend}"))
    }
}

const SUBJECT: &str = "media.tcp";
const WEB_PORTS: [u16; 2] = [80, 443];

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    fn judged(told: &[&str], has_relay: bool) -> (Verdict, String) {
        let told: Vec<_> = told
            .iter()
            .map(|text| text.parse().expect("an address"))
            .collect();
        let finding = judge(&told, has_relay);
        (finding.verdict, finding.to_string())
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
    fn other_low_ports_are_taken_by_nobody() {
        let (verdict, text) = judged(&["203.0.113.7:500"], true);

        assert_eq!(verdict, Verdict::Warn, "{text}");
        assert!(text.contains("but 80 and 443"), "{text}");
    }

    #[test]
    fn nothing_is_said_where_nothing_is_told() {
        let mut config = Config::default();
        config.http.listen = SocketAddr::from(([10, 0, 0, 7], 443));
        let media = [IpAddr::from([10, 0, 0, 7])];
        assert!(finding(&config, &media, false).is_some());
        assert!(finding(&config, &media, true).is_none());
        config.media.tcp = false;
        assert!(finding(&config, &media, false).is_none());
    }
}
