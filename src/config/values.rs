//! Settings' values, refused with words that name what is accepted.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use signaling::limits::Network;

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

pub(super) fn addresses<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<IpAddr>, D::Error> {
    let wrong = |text: &str| {
        D::Error::invalid_value(
            Unexpected::Str(text),
            &"IP addresses of this machine, such as \"192.0.2.7\"; not 0.0.0.0 or ::",
        )
    };
    Vec::<String>::deserialize(deserializer)?
        .iter()
        .map(|text| {
            let address: IpAddr = text.parse().map_err(|_| wrong(text))?;
            if address.is_unspecified() || address.is_multicast() {
                return Err(wrong(text));
            }
            Ok(address)
        })
        .collect()
}

pub(super) fn origins<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let origins = Vec::<String>::deserialize(deserializer)?;
    for origin in &origins {
        let authority = origin
            .strip_prefix("https://")
            .or_else(|| origin.strip_prefix("http://"));
        if authority.is_none_or(|authority| {
            authority.is_empty() || authority.contains(['/', '?', '#', '*', ' ', '@'])
        }) {
            return Err(D::Error::invalid_value(
                Unexpected::Str(origin),
                &"origins as browsers write them, such as \"https://clinic.example\", without a path",
            ));
        }
    }
    Ok(origins)
}
