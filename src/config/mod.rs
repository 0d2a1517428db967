//! The settings: what there is, and what holds when nothing is said.
//!
//! `config/quietroom.toml` explains each to the operator; a test below holds
//! that file to these types.

mod read;
mod role;
mod values;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use signaling::limits::Network;

pub(crate) use read::read;
pub(crate) use role::Role;
pub(crate) use values::{LogLevel, VideoCodecList, Whole};

/// All settings.
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) http: Http,
    pub(crate) media: Media,
    pub(crate) turn: Turn,
    pub(crate) access: Access,
    pub(crate) roles: Roles,
    pub(crate) store: Store,
    pub(crate) api: Api,
    pub(crate) rooms: Rooms,
    pub(crate) limits: Limits,
    pub(crate) metrics: Metrics,
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
    #[serde(deserialize_with = "values::origins")]
    pub(crate) frame_origins: Vec<String>,
    #[serde(
        deserialize_with = "values::networks",
        serialize_with = "values::serialize_networks"
    )]
    pub(crate) trusted_proxies: Vec<Network>,
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
    pub(crate) tcp: bool,
    #[serde(deserialize_with = "values::socket_addresses")]
    pub(crate) tcp_announced: Vec<SocketAddr>,
}

/// Relays for those whom media does not reach.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Turn {
    pub(crate) enabled: bool,
    pub(crate) port: Whole<0, 65_535>,
    #[serde(deserialize_with = "values::addresses")]
    pub(crate) addresses: Vec<IpAddr>,
    #[serde(deserialize_with = "values::addresses")]
    pub(crate) announced: Vec<IpAddr>,
    #[serde(deserialize_with = "values::peers")]
    pub(crate) other_nodes: Vec<SocketAddr>,
    pub(crate) first_relay_port: Whole<1024, 65_535>,
    pub(crate) last_relay_port: Whole<1024, 65_535>,
    pub(crate) allocations: Whole<1, 65_535>,
    /// At least what a browser asks for at once.
    pub(crate) allocations_per_participant: Whole<6, 1_000>,
    pub(crate) allocations_per_address: Whole<1, 65_535>,
    pub(crate) connections: Whole<1, 65_535>,
    pub(crate) connections_per_address: Whole<1, 65_535>,
    /// At least what sound needs.
    pub(crate) kilobytes_per_second: Whole<50, 65_535>,
    pub(crate) secret_file: PathBuf,
    pub(crate) secret_credential: String,
    pub(crate) secret_command: Vec<String>,
    pub(crate) outside: OutsideTurn,
}

/// A TURN server beside this one; no urls: there is none.
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OutsideTurn {
    #[serde(deserialize_with = "values::turn_urls")]
    pub(crate) urls: Vec<String>,
    pub(crate) secret_file: PathBuf,
    pub(crate) secret_credential: String,
    pub(crate) secret_command: Vec<String>,
}

/// Who may enter.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Access {
    /// A path or an `https://` address.
    #[serde(deserialize_with = "values::key_place")]
    pub(crate) jwks: String,
    pub(crate) jwks_authorities: PathBuf,
    pub(crate) jwks_refresh_seconds: Whole<10, 65_535>,
    pub(crate) jwks_stale_hours: Whole<1, 720>,
    pub(crate) issuer: String,
    pub(crate) audience: String,
}

/// What each role may do, and what is asked of its tokens.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Roles {
    #[serde(deserialize_with = "role::host")]
    pub(crate) host: Role,
    #[serde(deserialize_with = "role::co_host")]
    pub(crate) co_host: Role,
    #[serde(deserialize_with = "role::client")]
    pub(crate) client: Role,
    #[serde(deserialize_with = "role::observer")]
    pub(crate) observer: Role,
    #[serde(deserialize_with = "role::interpreter")]
    pub(crate) interpreter: Role,
}

/// What outlives the process, and the key that seals it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Store {
    pub(crate) path: PathBuf,
    pub(crate) key_file: PathBuf,
    pub(crate) key_credential: String,
    pub(crate) key_command: Vec<String>,
    pub(crate) retention_days: Whole<1, 3_660>,
}

/// How often the clinic's backend may call.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Api {
    pub(crate) requests_per_second: Whole<1, 65_535>,
    pub(crate) request_burst: Whole<1, 65_535>,
}

/// The rules of rooms.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Rooms {
    pub(crate) capacity: Whole<2, 1024>,
    pub(crate) screens: Whole<0, 8>,
    pub(crate) video_codecs: VideoCodecList,
    pub(crate) encryption: Encryption,
    pub(crate) resume_seconds: Whole<0, 300>,
    pub(crate) require_session: bool,
    pub(crate) waiting_room: bool,
    pub(crate) inactivity_minutes: Whole<0, 1_440>,
    pub(crate) second_device: SecondDevice,
}

/// What happens when a person who is there comes again on another device.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SecondDevice {
    #[default]
    Allow,
    Replace,
    Refuse,
}

/// Whether a client may join without end-to-end encryption.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Encryption {
    #[default]
    Required,
    Optional,
}

/// What this node takes on, and how fast.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    pub(crate) rooms: Whole<1, 65_535>,
    pub(crate) participants: Whole<1, 65_535>,
    pub(crate) unjoined_connections: Whole<10, 65_535>,
    pub(crate) unjoined_connections_per_address: Whole<10, 65_535>,
    pub(crate) joins_per_second: Whole<1, 65_535>,
    pub(crate) join_burst: Whole<1, 65_535>,
    pub(crate) messages_per_second: Whole<5, 65_535>,
    /// At least what the largest offer counts for.
    pub(crate) message_burst: Whole<65, 65_535>,
    pub(crate) offer_kilobytes: Whole<64, 1_023>,
    /// At least what the largest token needs.
    pub(crate) message_kilobytes: Whole<9, 64>,
    pub(crate) publications: Whole<1, 4>,
    pub(crate) waiting_megabytes: Whole<16, 65_535>,
}

/// Where Prometheus finds this node's figures.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Metrics {
    /// `None`: nowhere.
    #[serde(with = "values::optional_socket_address")]
    pub(crate) listen: Option<SocketAddr>,
}

/// What is written to stderr.
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    pub(crate) level: LogLevel,
}

impl Http {
    /// Whether only this machine reaches the server.
    pub(crate) fn is_local(&self) -> bool {
        self.listen.ip().is_loopback() && !self.behind_tls_proxy
    }
}

impl Turn {
    /// Whether this node has a relay of its own.
    pub(crate) fn has_own(&self) -> bool {
        self.enabled && self.outside.urls.is_empty()
    }

    /// Where it listens: where the media plane does, if nothing else is set.
    pub(crate) fn addresses_or<'a>(&'a self, media: &'a [IpAddr]) -> &'a [IpAddr] {
        if self.addresses.is_empty() {
            media
        } else {
            &self.addresses
        }
    }

    /// Whether it listens on any of the media plane's addresses, of which none
    /// are said to be the default ones.
    pub(crate) fn shares_addresses(&self, media: &[IpAddr]) -> bool {
        self.addresses.is_empty()
            || media.is_empty()
            || self.addresses.iter().any(|address| media.contains(address))
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            behind_tls_proxy: false,
            allowed_origins: Vec::new(),
            frame_origins: Vec::new(),
            trusted_proxies: Vec::new(),
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
            tcp: true,
            tcp_announced: Vec::new(),
        }
    }
}

impl Default for Turn {
    fn default() -> Self {
        Self {
            enabled: true,
            port: Whole(0),
            addresses: Vec::new(),
            announced: Vec::new(),
            other_nodes: Vec::new(),
            first_relay_port: Whole(49_152),
            last_relay_port: Whole(65_535),
            allocations: Whole(10_000),
            allocations_per_participant: Whole(24),
            allocations_per_address: Whole(1_000),
            connections: Whole(10_000),
            connections_per_address: Whole(2_000),
            kilobytes_per_second: Whole(4_000),
            secret_file: PathBuf::new(),
            secret_credential: String::new(),
            secret_command: Vec::new(),
            outside: OutsideTurn::default(),
        }
    }
}

impl Default for Access {
    fn default() -> Self {
        Self {
            jwks: String::new(),
            jwks_authorities: PathBuf::new(),
            jwks_refresh_seconds: Whole(300),
            jwks_stale_hours: Whole(24),
            issuer: String::new(),
            audience: String::new(),
        }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self {
            path: PathBuf::new(),
            key_file: PathBuf::new(),
            key_credential: String::new(),
            key_command: Vec::new(),
            retention_days: Whole(30),
        }
    }
}

impl Default for Api {
    fn default() -> Self {
        Self {
            requests_per_second: Whole(20),
            request_burst: Whole(100),
        }
    }
}

impl Default for Rooms {
    fn default() -> Self {
        Self {
            capacity: Whole(8),
            screens: Whole(2),
            video_codecs: VideoCodecList::default(),
            encryption: Encryption::default(),
            resume_seconds: Whole(30),
            require_session: false,
            waiting_room: false,
            inactivity_minutes: Whole(0),
            second_device: SecondDevice::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rooms: Whole(1_000),
            participants: Whole(5_000),
            unjoined_connections: Whole(1_000),
            unjoined_connections_per_address: Whole(100),
            joins_per_second: Whole(10),
            join_burst: Whole(100),
            messages_per_second: Whole(20),
            message_burst: Whole(100),
            offer_kilobytes: Whole(256),
            message_kilobytes: Whole(16),
            publications: Whole(4),
            waiting_megabytes: Whole(256),
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 9464))),
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
            let is_setting = line.contains(" = ") && !line.starts_with('#');
            assert!(explained || !is_setting, "{line}");
            // One explanation may stand above several settings.
            explained = line.starts_with('#') || is_setting;
        }
    }
}
