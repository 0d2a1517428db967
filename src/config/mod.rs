//! The settings: what there is, and what holds when nothing is said.
//!
//! `config/quietroom.toml` explains each to the operator; a test below holds
//! that file to these types.

mod read;
mod values;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub(crate) use read::read;
pub(crate) use values::{LogLevel, Whole};

/// All settings.
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) http: Http,
    pub(crate) media: Media,
    pub(crate) access: Access,
    pub(crate) rooms: Rooms,
    pub(crate) log: Log,
}

/// Pages, API and websocket.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Http {
    #[serde(deserialize_with = "values::socket_address")]
    pub(crate) listen: SocketAddr,
    pub(crate) behind_tls_proxy: bool,
    #[serde(deserialize_with = "values::origins")]
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) tls: Tls,
}

/// Files of the certificate; both empty or both set.
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tls {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// The media workers and where they are reached.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Media {
    #[serde(deserialize_with = "values::addresses")]
    pub(crate) addresses: Vec<IpAddr>,
    #[serde(deserialize_with = "values::addresses")]
    pub(crate) announced: Vec<IpAddr>,
    pub(crate) port: Whole<0, 65_535>,
    pub(crate) workers: Whole<0, 256>,
}

/// Who may enter.
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Access {
    pub(crate) jwks: PathBuf,
}

/// The rules of rooms.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Rooms {
    pub(crate) capacity: Whole<2, 25>,
    pub(crate) encryption: Encryption,
}

/// Whether a client may join without end-to-end encryption.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Encryption {
    #[default]
    Required,
    Optional,
}

/// What is written to stderr.
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    pub(crate) level: LogLevel,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            behind_tls_proxy: false,
            allowed_origins: Vec::new(),
            tls: Tls::default(),
        }
    }
}

impl Default for Media {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            announced: Vec::new(),
            port: Whole(8443),
            workers: Whole(0),
        }
    }
}

impl Default for Rooms {
    fn default() -> Self {
        Self {
            capacity: Whole(8),
            encryption: Encryption::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = include_str!("../../config/quietroom.toml");

    #[test]
    fn the_shipped_file_says_exactly_the_defaults() {
        let file: toml::Table = FILE.parse().expect("the file is TOML");
        let defaults = toml::Table::try_from(Config::default()).expect("settings are TOML");

        assert_eq!(file, defaults);
    }

    #[test]
    fn each_shipped_setting_is_explained() {
        let mut explained = false;
        for line in FILE.lines() {
            if line.contains(" = ") && !line.starts_with('#') {
                assert!(explained, "{line}");
            }
            explained = line.starts_with('#');
        }
    }
}
