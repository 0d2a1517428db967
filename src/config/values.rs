//! Settings' values, refused with words that name what is accepted.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sfu::rtp::Codec;
use signaling::limits::Network;
use signaling::sdp::VideoCodecs;

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Whole<const MIN: u16, const MAX: u16>(pub(crate) u16);

impl<'de, const MIN: u16, const MAX: u16> Deserialize<'de> for Whole<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InRange<const MIN: u16, const MAX: u16>;

        impl<const MIN: u16, const MAX: u16> Visitor<'_> for InRange<MIN, MAX> {
            type Value = Whole<MIN, MAX>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                write!(f, "a whole number from {MIN} to {MAX}")
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
                u16::try_from(value)
                    .ok()
                    .filter(|value| (MIN..=MAX).contains(value))
                    .map(Whole)
                    .ok_or_else(|| E::invalid_value(Unexpected::Signed(value), &self))
            }
        }

        deserializer.deserialize_i64(InRange)
    }
}

/// Video codecs by name, the most wanted first.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct VideoCodecList(pub(crate) VideoCodecs);

impl<'de> Deserialize<'de> for VideoCodecList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        let wrong = |unexpected: &str| {
            D::Error::invalid_value(
                Unexpected::Str(unexpected),
                &"different codecs of \"VP8\", \"VP9\" and \"AV1\", VP8 among them",
            )
        };
        let mut codecs = Vec::new();
        for name in &names {
            let known = VIDEO_CODECS.iter().find(|(known, _)| known == name);
            codecs.push(known.ok_or_else(|| wrong(name))?.1);
        }
        VideoCodecs::new(&codecs)
            .map(Self)
            .ok_or_else(|| wrong(&names.join(", ")))
    }
}

impl Serialize for VideoCodecList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let names = self.0.as_slice().iter().filter_map(|codec| {
            let known = VIDEO_CODECS.iter().find(|(_, known)| known == codec);
            known.map(|(name, _)| name)
        });
        serializer.collect_seq(names)
    }
}

const VIDEO_CODECS: [(&str, Codec); 3] = [
    ("VP8", Codec::Vp8),
    ("VP9", Codec::Vp9),
    ("AV1", Codec::Av1),
];

/// The least severe kind of line that is written.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

pub(super) fn socket_address<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        D::Error::invalid_value(
            Unexpected::Str(&text),
            &"an IP address and a port, such as \"127.0.0.1:8080\" or \"[::]:443\"",
        )
    })
}

pub(super) fn socket_addresses<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<SocketAddr>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let wrong = |text: &String| {
        D::Error::invalid_value(
            Unexpected::Str(text),
            &"IP addresses and ports, such as \"203.0.113.7:443\"",
        )
    };
    texts
        .iter()
        .map(|text| {
            text.parse()
                .ok()
                .filter(|address: &SocketAddr| !address.ip().is_unspecified() && address.port() > 0)
                .ok_or_else(|| wrong(text))
        })
        .collect()
}

/// An empty text is none.
pub(super) mod optional_socket_address {
    use super::{Deserialize, Deserializer, Error, SocketAddr, Unexpected};
    use serde::Serializer;

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<SocketAddr>, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| {
            D::Error::invalid_value(
                Unexpected::Str(&text),
                &"an IP address and a port, such as \"127.0.0.1:9464\", or \"\" for none",
            )
        })
    }

    #[allow(clippy::ref_option, reason = "serde asks for this signature")]
    pub(in super::super) fn serialize<S: Serializer>(
        address: &Option<SocketAddr>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text = address.map(|address| address.to_string());
        serializer.serialize_str(&text.unwrap_or_default())
    }
}

pub(super) fn networks<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Network>, D::Error> {
    Vec::<String>::deserialize(deserializer)?
        .iter()
        .map(|text| {
            text.parse().map_err(|_| {
                D::Error::invalid_value(
                    Unexpected::Str(text),
                    &"IP addresses or networks, such as \"10.0.0.7\" or \"10.0.0.0/8\"",
                )
            })
        })
        .collect()
}

pub(super) fn serialize_networks<S: Serializer>(
    networks: &[Network],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(networks.iter().map(Network::to_string))
}

/// A path, or an address with TLS: keys that came over plain HTTP could be
/// anybody's.
pub(super) fn key_place<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.split_once("://") {
        Some(("https", host)) if !host.is_empty() && !host.starts_with('/') => Ok(text),
        None => Ok(text),
        Some(_) => Err(D::Error::invalid_value(
            Unexpected::Str(&text),
            &"a file, or an address that begins with https://",
        )),
    }
}

pub(super) fn addresses<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<IpAddr>, D::Error> {
    let wrong = |text: &str| {
        D::Error::invalid_value(
            Unexpected::Str(text),
            &"different IP addresses, such as \"192.0.2.7\"; not 0.0.0.0 or ::",
        )
    };
    let mut addresses = Vec::new();
    for text in Vec::<String>::deserialize(deserializer)? {
        let address: IpAddr = text.parse().map_err(|_| wrong(&text))?;
        if address.is_unspecified() || address.is_multicast() || addresses.contains(&address) {
            return Err(wrong(&text));
        }
        addresses.push(address);
    }
    Ok(addresses)
}

/// Media addresses of other nodes.
pub(super) fn peers<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<SocketAddr>, D::Error> {
    let mut peers = Vec::new();
    for text in Vec::<String>::deserialize(deserializer)? {
        let peer: Option<SocketAddr> = text.parse().ok();
        let peer = peer.filter(|peer| {
            let ip = peer.ip();
            peer.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !peers.contains(peer)
        });
        peers.push(peer.ok_or_else(|| {
            D::Error::invalid_value(
                Unexpected::Str(&text),
                &"different IP addresses with their ports, such as \"192.0.2.8:8443\"",
            )
        })?);
    }
    Ok(peers)
}

/// RFC 7065; browsers take no others.
pub(super) fn turn_urls<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
    let urls = Vec::<String>::deserialize(deserializer)?;
    for url in &urls {
        if !is_turn_url(url) {
            return Err(D::Error::invalid_value(
                Unexpected::Str(url),
                &"TURN URLs, such as \"turn:turn.clinic.example:3478?transport=udp\" or \
                   \"turns:turn.clinic.example:443?transport=tcp\"",
            ));
        }
    }
    Ok(urls)
}

fn is_turn_url(url: &str) -> bool {
    let Some(rest) = ["turn:", "turns:"]
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme))
    else {
        return false;
    };
    let (authority, query) = rest.split_once('?').unwrap_or((rest, "transport=udp"));
    let after_brackets = authority.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match authority[after_brackets..].split_once(':') {
        Some((name, port)) => (&authority[..after_brackets + name.len()], port),
        None => (authority, "3478"),
    };
    let is_host = match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
        }
    };
    is_host
        && port.parse::<u16>().is_ok_and(|port| port > 0)
        && matches!(query, "transport=udp" | "transport=tcp")
}

pub(super) fn origins<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let origins = Vec::<String>::deserialize(deserializer)?;
    for origin in &origins {
        let schemes = [("https://", ":443"), ("http://", ":80")];
        let parts = schemes
            .iter()
            .find_map(|(scheme, default_port)| Some((origin.strip_prefix(scheme)?, default_port)));
        if parts.is_none_or(|(authority, default_port)| {
            authority.is_empty()
                || !authority.chars().all(|c| c.is_ascii_graphic())
                || authority.contains(['/', '?', '#', '*', '@', ';', ','])
                || authority.ends_with(default_port)
        }) {
            return Err(D::Error::invalid_value(
                Unexpected::Str(origin),
                &"origins as browsers write them, such as \"https://clinic.example\", \
                   without a path or the scheme's own port",
            ));
        }
    }
    Ok(origins)
}
