//! Where the media workers listen and are reached when the settings do not say.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use thiserror::Error;

use crate::config::Config;

/// The machine has no address to listen on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("media.addresses: this machine has no default route to find its address by; name one")]
pub(crate) struct NoAddress;

/// The machine's primary address and, for a server that only this machine
/// reaches, the loopback.
///
/// # Errors
/// There is neither.
pub(crate) fn by_default(loopback: bool) -> Result<Vec<IpAddr>, NoAddress> {
    choose(loopback, primary())
}

/// Where clients reach media over TCP: the port at which this server listens
/// for HTTP at `listening`. Over UDP media is reached at `media`.
pub(crate) fn over_tcp(
    config: &Config,
    listening: SocketAddr,
    media: &[IpAddr],
) -> Vec<SocketAddr> {
    if config.media.tcp {
        beside_http(config, listening, media)
    } else {
        Vec::new()
    }
}

/// Where clients reach the port at which this server listens for HTTP with what
/// is not HTTP.
pub(crate) fn beside_http(
    config: &Config,
    listening: SocketAddr,
    media: &[IpAddr],
) -> Vec<SocketAddr> {
    if !config.media.tcp_announced.is_empty() {
        return config.media.tcp_announced.clone();
    }
    if config.http.behind_tls_proxy {
        return Vec::new();
    }
    let ips = match (listening.ip(), &config.media.announced[..]) {
        (ip, []) if !ip.is_unspecified() => vec![ip],
        (_, []) => media.to_vec(),
        (_, announced) => announced.to_vec(),
    };
    // A socket for IPv6 takes IPv4 too, if it is for all addresses.
    ips.into_iter()
        .filter(|ip| listening.is_ipv6() || ip.is_ipv4())
        .map(|ip| SocketAddr::new(ip, listening.port()))
        .collect()
}

fn choose(loopback: bool, primary: Option<IpAddr>) -> Result<Vec<IpAddr>, NoAddress> {
    let addresses: Vec<_> = loopback
        .then_some(IpAddr::V4(Ipv4Addr::LOCALHOST))
        .into_iter()
        .chain(primary.filter(|address| !address.is_loopback() && !address.is_unspecified()))
        .collect();
    if addresses.is_empty() {
        Err(NoAddress)
    } else {
        Ok(addresses)
    }
}

/// The address that packets to the internet would leave from. Connecting a UDP
/// socket only asks the routing table; nothing is sent. The destination is one
/// that documentation uses (RFC 5737).
fn primary() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 1));
    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn a_local_server_listens_on_the_loopback_too() {
        assert_eq!(choose(true, Some(HOME)), Ok(vec![LOOPBACK, HOME]));
        assert_eq!(choose(true, None), Ok(vec![LOOPBACK]));
        assert_eq!(choose(true, Some(LOOPBACK)), Ok(vec![LOOPBACK]));
    }

    #[test]
    fn media_over_tcp_is_where_http_is() {
        let mut config = Config::default();
        let at = |listening: &str, config: &Config| {
            let media = [HOME, "2001:db8::7".parse().expect("an address")];
            let listening = listening.parse().expect("an address");
            let addresses = over_tcp(config, listening, &media);
            let addresses = addresses.iter().map(ToString::to_string);
            addresses.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(at("127.0.0.1:8080", &config), "127.0.0.1:8080");
        assert_eq!(at("0.0.0.0:443", &config), "10.9.0.1:443");
        assert_eq!(at("[::]:443", &config), "10.9.0.1:443 [2001:db8::7]:443");

        config.media.announced = vec!["203.0.113.7".parse().expect("an address")];
        assert_eq!(at("10.9.0.1:443", &config), "203.0.113.7:443");

        config.http.behind_tls_proxy = true;
        assert_eq!(at("0.0.0.0:80", &config), "");
        config.media.tcp_announced = vec!["203.0.113.8:444".parse().expect("an address")];
        assert_eq!(at("0.0.0.0:80", &config), "203.0.113.8:444");
        config.media.tcp = false;
        assert_eq!(at("0.0.0.0:80", &config), "");
        // The relay is there all the same.
        let listening = "0.0.0.0:80".parse().expect("an address");
        let relay = beside_http(&config, listening, &[HOME]);
        assert_eq!(relay, config.media.tcp_announced);
    }

    #[test]
    fn a_public_server_needs_an_address() {
        assert_eq!(choose(false, Some(HOME)), Ok(vec![HOME]));
        assert_eq!(choose(false, None), Err(NoAddress));
        assert_eq!(choose(false, Some(LOOPBACK)), Err(NoAddress));
    }
}
