//! This node's own relay.

use std::io;
use std::net::{IpAddr, SocketAddr};

use sfu::driver::WorkerHandle;
use thiserror::Error;
use turn::driver::{self, Handle, LocalPeer, RelayAddress, RelayPorts, Settings, TurnThread};
use turn::{Channels, Family, Limits, Rate, SharedSecret};

use crate::config::{self, Config};
use crate::relays::{RelaysError, read_secret};
use crate::secret_source::{SecretName, SecretSource, SecretSourceError};
use crate::serve;

/// A relay on its thread, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct NodeTurn {
    thread: TurnThread,
    secret: SharedSecret,
    /// As clients are told.
    udp: Vec<SocketAddr>,
}

/// Why there is no relay: one line that names the setting and the mend.
#[derive(Debug, Error)]
pub(crate) enum TurnError {
    #[error(
        "turn.port: UDP port {} of {} is in use; choose another, 0 for none, \
         or end what uses it",
        .0.port(),
        .0.ip()
    )]
    PortInUse(SocketAddr),
    #[error("turn.addresses: cannot listen on {address}: {source}")]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
    #[error(
        "turn.port: {0} is a media worker's, from which browsers would receive no media; \
         choose another port, or 0 for none"
    )]
    MediaPort(SocketAddr),
    #[error("the relay cannot be started: {0}")]
    Start(driver::StartError),
    #[error("the relay's secret cannot be drawn: {0}")]
    Random(getrandom::Error),
    #[error(transparent)]
    Secret(#[from] RelaysError),
}

impl NodeTurn {
    /// Starts the relay, if there is to be one, and joins it to the workers,
    /// which listen on `media`.
    ///
    /// # Errors
    /// Its port is taken, or a worker's.
    pub(crate) fn start(
        config: &Config,
        media: &[IpAddr],
        workers: &[WorkerHandle],
    ) -> Result<Option<Self>, TurnError> {
        let turn = &config.turn;
        if !turn.has_own() {
            return Ok(None);
        }
        let places = places(config, media);
        let secret = secret(turn)?;
        let key = random()?;
        let local_peers: Vec<_> = workers.iter().map(|worker| peer(worker, media)).collect();
        let listens = |place: &RelayAddress| SocketAddr::new(place.bound, turn.port.0);
        let addresses: Vec<_> = match turn.port.0 {
            0 => Vec::new(),
            _ => places.iter().map(listens).collect(),
        };
        let mut taken = local_peers.iter().flat_map(|peer| &peer.addresses);
        if let Some(address) = taken.find(|address| addresses.contains(address)) {
            return Err(TurnError::MediaPort(*address));
        }
        let udp = told(config, &addresses);
        let settings = Settings {
            server: turn::Config {
                realm: REALM.to_owned(),
                secrets: vec![secret.clone()],
                families: families(&local_peers, &turn.other_nodes),
                synthetic_hosts: 1..=254,
                channels: Channels::default(),
                limits: limits(turn),
                key,
            },
            addresses,
            local_peers,
            other_peers: turn.other_nodes.clone(),
            relay_ports: RelayPorts {
                addresses: places,
                ports: turn.first_relay_port.0..=turn.last_relay_port.0,
            },
            most_waiting: serve::most_waiting(config),
        };
        let thread = TurnThread::spawn(settings).map_err(|error| match error {
            driver::StartError::Bind { address, source } => match source.kind() {
                io::ErrorKind::AddrInUse => TurnError::PortInUse(address),
                _ => TurnError::Listen { address, source },
            },
            error => TurnError::Start(error),
        })?;
        for worker in workers {
            worker.set_relay(thread.from_peers());
        }
        Ok(Some(Self {
            thread,
            secret,
            udp,
        }))
    }

    /// Takes connections, tells what was counted, and ends what somebody has
    /// there.
    pub(crate) fn handle(&self) -> &Handle {
        self.thread.handle()
    }

    /// What makes credentials that it takes.
    pub(crate) fn secret(&self) -> &SharedSecret {
        &self.secret
    }

    /// Where clients reach it over UDP, as they are told.
    pub(crate) fn udp(&self) -> &[SocketAddr] {
        &self.udp
    }
}

/// Those that there are peers of: to an address of another a client could
/// send nothing.
fn families(local: &[LocalPeer], other: &[SocketAddr]) -> Vec<Family> {
    let local = local.iter().flat_map(|peer| &peer.addresses);
    let peers: Vec<_> = local.chain(other).collect();
    let has_peers = |family: &Family| peers.iter().any(|peer| Family::of(**peer) == *family);
    Family::ALL.into_iter().filter(has_peers).collect()
}

/// What credentials are made with: the secret that the settings name, or a new
/// one.
///
/// # Errors
/// It cannot be had.
pub(crate) fn secret(turn: &config::Turn) -> Result<SharedSecret, TurnError> {
    let source = SecretSource::of(
        SECRET,
        &turn.secret_file,
        &turn.secret_credential,
        &turn.secret_command,
    );
    match source {
        Err(SecretSourceError::None(_)) => Ok(SharedSecret::new(&random()?)),
        Err(error) => Err(RelaysError::from(error).into()),
        Ok(source) => Ok(read_secret(&source, SECRET)?),
    }
}

fn random() -> Result<[u8; 32], TurnError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(TurnError::Random)?;
    Ok(bytes)
}

/// A worker, by the addresses that clients are told and by those that it has.
fn peer(worker: &WorkerHandle, media: &[IpAddr]) -> LocalPeer {
    let told = &worker.address().candidates;
    let port = told.first().map_or(0, SocketAddr::port);
    let bound = media.iter().map(|ip| SocketAddr::new(*ip, port));
    LocalPeer {
        addresses: told.iter().copied().chain(bound).collect(),
        sender: worker.relayed(),
    }
}

/// What clients are told of the addresses that it listens on.
fn told(config: &Config, listens: &[SocketAddr]) -> Vec<SocketAddr> {
    let announced = announced(config);
    if announced.is_empty() || listens.is_empty() {
        return listens.to_vec();
    }
    let port = config.turn.port.0;
    announced
        .iter()
        .map(|ip| SocketAddr::new(*ip, port))
        .collect()
}

fn announced(config: &Config) -> &[IpAddr] {
    let turn = &config.turn;
    if turn.announced.is_empty() && turn.addresses.is_empty() {
        &config.media.announced
    } else {
        &turn.announced
    }
}

/// Where relay ports are, and what peers see them by.
fn places(config: &Config, media: &[IpAddr]) -> Vec<RelayAddress> {
    let turn = &config.turn;
    let bound = turn.addresses_or(media);
    let announced = announced(config);
    let is_one_each = announced.len() == bound.len();
    let place = |(index, bound): (usize, &IpAddr)| {
        let mut of_family = announced
            .iter()
            .filter(|ip| ip.is_ipv4() == bound.is_ipv4());
        let announced = if is_one_each {
            announced.get(index)
        } else {
            of_family.next()
        };
        RelayAddress {
            bound: *bound,
            announced: *announced.unwrap_or(bound),
        }
    };
    bound.iter().enumerate().map(place).collect()
}

fn limits(turn: &config::Turn) -> Limits {
    let bytes_a_second = u32::from(turn.kilobytes_per_second.0) * 1_000;
    Limits {
        allocations: turn.allocations.0.into(),
        allocations_of_participant: turn.allocations_per_participant.0.into(),
        allocations_of_source: turn.allocations_per_address.0.into(),
        streams: turn.connections.0.into(),
        streams_of_source: turn.connections_per_address.0.into(),
        bandwidth: Rate {
            a_second: bytes_a_second,
            at_once: bytes_a_second / 2,
        },
        ..Limits::default()
    }
}

const SECRET: SecretName = SecretName {
    setting: "turn.secret",
    wanted: "none is set",
    mend: "put there what all nodes have as their secret; make one with `openssl rand -hex 32`",
};

/// What clients are told that their credentials are for.
const REALM: &str = "quietroom";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn addresses(list: &[&str]) -> Vec<IpAddr> {
        list.iter().map(|text| ip(text)).collect()
    }

    fn seen(config: &Config, media: &[&str]) -> Vec<(String, String)> {
        let places = places(config, &addresses(media)).into_iter();
        places
            .map(|place| (place.bound.to_string(), place.announced.to_string()))
            .collect()
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        let pairs = list.iter();
        pairs.map(|(a, b)| ((*a).into(), (*b).into())).collect()
    }

    #[test]
    fn it_listens_where_media_does_unless_told() {
        let mut config = Config::default();
        let media = ["10.0.0.1", "fd00::1"];
        assert_eq!(
            seen(&config, &media),
            pairs(&[("10.0.0.1", "10.0.0.1"), ("fd00::1", "fd00::1")])
        );

        config.media.announced = addresses(&["203.0.113.7"]);
        assert_eq!(
            seen(&config, &media),
            pairs(&[("10.0.0.1", "203.0.113.7"), ("fd00::1", "fd00::1")])
        );

        config.turn.addresses = addresses(&["10.0.0.2"]);
        assert_eq!(seen(&config, &media), pairs(&[("10.0.0.2", "10.0.0.2")]));

        config.turn.announced = addresses(&["203.0.113.8"]);
        assert_eq!(seen(&config, &media), pairs(&[("10.0.0.2", "203.0.113.8")]));
    }

    #[test]
    fn credentials_follow_from_the_secret_that_is_set_or_from_a_new_one_each_time() {
        let password = |turn: &config::Turn| {
            let secret = secret(turn).map_err(|error| error.to_string());
            secret.map(|secret| secret.issue("ab12", Duration::from_hours(1)).password)
        };
        let by = |command: &str| config::Turn {
            secret_command: command.split_whitespace().map(str::to_owned).collect(),
            ..config::Turn::default()
        };

        let shared = password(&by("echo 0123456789abcdef"));
        assert!(shared.is_ok());
        assert_eq!(shared, password(&by("echo 0123456789abcdef")));
        let drawn = password(&config::Turn::default());
        assert!(drawn.is_ok() && drawn != password(&config::Turn::default()));
        for (command, expected) in [
            ("echo short", "fewer than 16 characters"),
            ("false", "turn.secret_command false: it failed"),
        ] {
            let error = password(&by(command)).expect_err(expected);
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn clients_are_told_what_is_announced() {
        let mut config = Config::default();
        let listens = [SocketAddr::new(ip("10.0.0.1"), 3478)];
        assert_eq!(told(&config, &listens), listens);

        config.turn.port = config::Whole(3478);
        config.media.announced = addresses(&["203.0.113.7", "2001:db8::7"]);
        let public = config.media.announced.iter();
        let public: Vec<_> = public.map(|ip| SocketAddr::new(*ip, 3478)).collect();
        assert_eq!(told(&config, &listens), public);
        assert_eq!(told(&config, &[]), [], "there is none over UDP");
    }
}
