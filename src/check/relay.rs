//! The relay: whether it starts, and what clients are told of it.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use super::finding::Finding;
use super::holder::Protocol;
use super::ports::{self, Needed, Port};
use crate::config::{self, Config};
use crate::{media_addresses, relays, serve, turn};

/// `media` is where the workers listen.
pub(super) fn findings(config: &Config, media: &[IpAddr]) -> Vec<Finding> {
    match relays::are_outside(&config.turn) {
        Err(error) => return vec![Finding::fail(OUTSIDE, error.to_string())],
        Ok(true) => {
            let text = "its secret can be had, and clients are told of turn.outside.urls alone; \
                        whether they reach it cannot be known from here";
            return vec![Finding::ok(OUTSIDE, text)];
        }
        Ok(false) => {}
    }
    if !config.turn.enabled {
        let text = "this server relays nothing (turn.enabled)";
        return vec![Finding::ok(RELAY, text)];
    }
    let secret = turn::secret(&config.turn).err();
    let secret = secret.map(|error| Finding::fail(SECRET, error.to_string()));
    let addresses = config.turn.addresses_or(media);
    let port = match config.turn.port.0 {
        0 => beside_http(config, media),
        port => udp(config, port, addresses, media),
    };
    let relay_ports = relay_ports(&config.turn, addresses);
    secret
        .into_iter()
        .chain([port])
        .chain(relay_ports)
        .collect()
}

/// What firewalls have to let in for it over UDP.
pub(super) fn udp_ports(turn: &config::Turn) -> Vec<String> {
    let mut ports = Vec::new();
    if turn.has_own() && turn.port.0 != 0 {
        ports.push(format!("UDP {}", turn.port.0));
    }
    if turn.has_own() && !turn.other_nodes.is_empty() {
        let (first, last) = (turn.first_relay_port.0, turn.last_relay_port.0);
        ports.push(format!("UDP {first} to {last}"));
    }
    ports
}

/// Where no UDP port is set.
fn beside_http(config: &Config, media: &[IpAddr]) -> Finding {
    let tcp = media_addresses::beside_http(config, config.http.listen, media);
    let has_tls = !config.http.tls.certificate.as_os_str().is_empty();
    match (tcp.is_empty(), has_tls) {
        (false, true) => Finding::ok(RELAY, "over TCP, and TLS, at http.listen only"),
        (false, false) => Finding::ok(RELAY, "over TCP at http.listen only"),
        (true, true) => Finding::ok(RELAY, "over TLS at http.listen only"),
        (true, false) => Finding::warn(
            RELAY,
            "clients are told of no relay: name in media.tcp_announced where they reach \
             http.listen past the proxy, or set turn.port",
        ),
    }
}

/// Whether the relay's UDP port can be had.
fn udp(config: &Config, port: u16, addresses: &[IpAddr], media: &[IpAddr]) -> Finding {
    let first = config.media.port.0;
    let last = first.saturating_add(serve::worker_count(config) - 1);
    let is_media = first != 0 && (first..=last).contains(&port);
    if is_media && addresses.iter().any(|address| media.contains(address)) {
        return Finding::fail(
            RELAY,
            format!(
                "UDP port {port} is a media worker's (media.port), from which browsers would \
                 receive no media; choose another port, or 0 for none"
            ),
        );
    }
    ports::udp(RELAY, addresses, port..=port)
}

/// Whether clients can be given ports by which other nodes see them; nothing
/// where there are none.
fn relay_ports(turn: &config::Turn, addresses: &[IpAddr]) -> Option<Finding> {
    if turn.other_nodes.is_empty() {
        return None;
    }
    let (first, last) = (turn.first_relay_port.0, turn.last_relay_port.0);
    for &address in addresses {
        let any = Needed {
            setting: RELAY_PORTS,
            protocol: Protocol::Udp,
            address: SocketAddr::new(address, 0),
        };
        let bound = any.probe();
        if !matches!(bound, Port::Free) {
            return Some(any.finding(&bound));
        }
        let is_free = |port: u16| UdpSocket::bind((address, port)).is_ok();
        if !(first..=last).take(TRIES).any(is_free) {
            let text = format!(
                "none of UDP ports {first} to {last} of {address} is free; \
                 set turn.first_relay_port and turn.last_relay_port otherwise"
            );
            return Some(Finding::fail(RELAY_PORTS, text));
        }
    }
    let text = format!("UDP ports {first} to {last}, by which other nodes see clients");
    Some(Finding::ok(RELAY_PORTS, text))
}

const OUTSIDE: &str = "turn.outside";
const RELAY: &str = "turn.port";
const RELAY_PORTS: &str = "relay ports";
const SECRET: &str = "turn.secret";

/// A server may have the first ones already.
const TRIES: usize = 10_000;
