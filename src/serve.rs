//! `quietroom serve`: joins the parts into a server.

use std::fs;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::middleware::map_response;
use axum::routing::get;
use sfu::driver::{self, WorkerHandle, WorkerSettings};
use sfu::worker::event::Event;
use signaling::access::{
    AccessPolicy, DevelopmentKey, KeySet, KeySource, KeySourceError, KeyTiming, Keys,
    NoCertificates, UnixTime,
};
use signaling::api::{Api, ApiSettings};
use signaling::audit::AuditLog;
use signaling::clinic::{Clinic, ClinicSettings};
use signaling::limits::{ConnectionLimits, Connections, Limits, Rate, TrustedProxies};
use signaling::relays::Relays;
use signaling::room::{RoomSize, SecondDevice, SessionPolicy};
use signaling::socket::{AllowedOrigins, Encryption, Service, Settings, Timing};
use signaling::store::{Store, User};
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::client_files::SecurityHeaders;
use crate::config::{self, Config};
use crate::demo::Demo;
use crate::media_addresses::NoAddress;
use crate::metrics::{self, NodeMetrics};
use crate::open_files;
use crate::ports::{self, HttpPort, Receivers};
use crate::relays::{OwnRelay, RelaysError};
use crate::turn::{NodeTurn, TurnError};
use crate::{client_files, logging, media_addresses, relays, store};

/// Runs the server.
///
/// Without settings it serves this machine only, under a throw-away key, and
/// prints one link to a demo room.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// The file of settings (TOML)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Why the server did not start: one line that names the setting and the mend.
#[derive(Debug, Error)]
pub(crate) enum StartError {
    #[error("http.listen: TCP port {} of {} is in use; choose another, or end what uses it", .0.port(), .0.ip())]
    HttpPortInUse(SocketAddr),
    #[error("http.listen: cannot listen on {address}: {source}")]
    HttpListen {
        address: SocketAddr,
        source: io::Error,
    },
    #[error(
        "metrics.listen: TCP port {} of {} is in use; choose another, or \"\" for no metrics",
        .0.port(),
        .0.ip()
    )]
    MetricsPortInUse(SocketAddr),
    #[error("metrics.listen: cannot listen on {address}: {source}")]
    MetricsListen {
        address: SocketAddr,
        source: io::Error,
    },
    #[error(
        "http.listen: {0} is reachable from other machines, and browsers need TLS there; \
         set http.tls, or http.behind_tls_proxy if a proxy adds it"
    )]
    PlainHttp(SocketAddr),
    #[error(
        "access.jwks: not set, and http.listen ({0}) can be reached from other machines; \
         name the file with the clinic's public keys"
    )]
    NoKeys(SocketAddr),
    #[error("access.jwks {place}: {source}")]
    Keys {
        place: String,
        source: KeySourceError,
    },
    #[error("access.jwks_authorities {}: {source}", path.display())]
    AuthoritiesFile { path: PathBuf, source: io::Error },
    #[error("access.jwks_authorities {}: {source}", path.display())]
    Authorities {
        path: PathBuf,
        source: NoCertificates,
    },
    #[error(
        "media.port: UDP port {} of {} is in use; choose another, 0 for any, \
         or end what uses it",
        .0.port(),
        .0.ip()
    )]
    MediaPortInUse(SocketAddr),
    #[error("media.addresses: cannot listen on {address}: {source}")]
    MediaListen {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("a media worker cannot be started: {0}")]
    Worker(driver::StartError),
    #[error("media.port: {workers} workers from {first} on go beyond 65535")]
    MediaPortRange { first: u16, workers: u16 },
    #[error("the certificate for media cannot be made: {0}")]
    Certificate(String),
    #[error(transparent)]
    Turn(#[from] TurnError),
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let config = match &arguments.config {
        Some(path) => config::read(path)?,
        None => Config::default(),
    };
    logging::start(config.log.level)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(serve(&config));
    runtime.shutdown_timeout(Duration::from_millis(200));
    result
}

async fn serve(config: &Config) -> Result<(), Box<dyn std::error::Error>> {
    let access = access(config).await?;
    let store = store::open(&config.store, User::Owner)?;
    let tls = tls(config)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let port = bind(config.http.listen, tls).await?;
    let address = port.local_address()?;
    let metrics_port = match config.metrics.listen {
        Some(listen) => Some(bind_metrics(listen).await?),
        None => None,
    };
    let limits = &config.limits;
    open_files::allow(open_files_wanted(config));
    let proxies = TrustedProxies::new(config.http.trusted_proxies.clone());
    if config.http.behind_tls_proxy && config.http.trusted_proxies.is_empty() {
        tracing::warn!(
            "http.trusted_proxies is empty and http.behind_tls_proxy set: \
             all clients count as one address in limits"
        );
    }
    let (events, mut received) = mpsc::unbounded_channel();
    let workers = Arc::new(workers(config, address, &events)?);
    let media: Vec<_> = workers
        .iter()
        .flat_map(|worker| &worker.address().candidates)
        .collect();
    tracing::debug!(?media, "media workers listen");
    let media_ips = media_addresses(config)?;
    let turn = NodeTurn::start(config, &media_ips, &workers).map_err(StartError::from)?;
    if let Some(turn) = &turn {
        tracing::debug!(udp = ?turn.udp(), "the relay is there");
    }

    let tcp = media_addresses::beside_http(config, address, &media_ips);
    let relays = relays(config, turn.as_ref(), tcp, scheme == "https")?;
    let settings = service_settings(config, proxies.clone(), relays);
    if !config.rooms.require_session && !store.api_keys()?.is_empty() {
        tracing::warn!(
            "rooms may be entered before the clinic's backend opens a session there; \
             set rooms.require_session = true unless that is meant"
        );
    }
    let clinic = clinic(config, store);
    clinic.start(UnixTime::now())?;
    let service = Service::with_sessions(
        settings,
        access.keys,
        workers.clone(),
        Arc::new(clinic.clone()),
        Arc::new(AuditLog),
    );
    let api = api(config, &clinic, &service, &proxies);
    tokio::spawn(purge(clinic));
    tokio::spawn({
        let service = service.clone();
        async move {
            while let Some(event) = received.recv().await {
                service.handle_media_event(event);
            }
        }
    });
    let (stop, stopped) = watch::channel(false);
    let connections = Connections::new(ConnectionLimits {
        unjoined: limits.unjoined_connections.0.into(),
        unjoined_per_source: limits.unjoined_connections_per_address.0.into(),
    });
    let port = port.with_hand_over(receivers(config, &workers, turn.as_ref()));
    if let Some(port) = metrics_port {
        let router = metrics::router(NodeMetrics {
            service: service.clone(),
            workers,
            turn: turn.as_ref().map(|turn| turn.handle().clone()),
            connections: connections.clone(),
            runtime: Handle::current(),
        });
        let scrapers = Connections::new(SCRAPERS);
        let stopped = stopped.clone();
        tokio::spawn(port.serve(router, scrapers, TrustedProxies::default(), stopped));
    }
    let headers = SecurityHeaders::new(&config.http.frame_origins);
    let router = router(&service, &api, access.demo.as_ref(), headers);
    let serving = tokio::spawn(port.serve(router, connections, proxies, stopped));
    let mut signals = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    welcome(scheme, address, access.demo.as_deref());

    tokio::select! {
        _ = signals.0.recv() => {}
        _ = signals.1.recv() => {}
    }
    tracing::info!("shutting down");
    service.shut_down();
    let _ = stop.send(true);
    let done = async {
        let _ = serving.await;
        service.closed().await;
    };
    let _ = timeout(SHUTDOWN_DEADLINE, done).await;
    Ok(())
}

struct Access {
    keys: Keys,
    /// Only with a throw-away key.
    demo: Option<Arc<Demo>>,
}

async fn access(config: &Config) -> Result<Access, StartError> {
    if !config.access.jwks.is_empty() {
        return Ok(Access {
            keys: clinic_keys(&config.access).await?,
            demo: None,
        });
    }
    if !config.http.listen.ip().is_loopback() || config.http.behind_tls_proxy {
        return Err(StartError::NoKeys(config.http.listen));
    }
    let key = DevelopmentKey::generate();
    let keys = KeySet::from_json(&key.to_jwks()).map_err(|source| StartError::Keys {
        place: String::new(),
        source: source.into(),
    })?;
    Ok(Access {
        keys: keys.into(),
        demo: Some(Demo::new(key)),
    })
}

/// A file must be good from the start. A site may be down just now: the server
/// starts, and asks it again when somebody comes.
async fn clinic_keys(access: &config::Access) -> Result<Keys, StartError> {
    let place = &access.jwks;
    let is_site = is_site(place);
    let source = key_source(access)?;
    let timing = KeyTiming {
        fresh: Duration::from_secs(access.jwks_refresh_seconds.0.into()),
        stale: Duration::from_hours(access.jwks_stale_hours.0.into()),
        ..KeyTiming::default()
    };
    let keys = Keys::from_source(source, timing);
    let read = keys.refresh().await;
    tokio::spawn({
        let keys = keys.clone();
        async move { keys.keep_fresh().await }
    });
    match read {
        Ok(()) => Ok(keys),
        Err(error) if is_site => {
            tracing::warn!(%error, "access.jwks {place} cannot be read; nobody can join until it can");
            Ok(keys)
        }
        Err(source) => Err(StartError::Keys {
            place: place.clone(),
            source,
        }),
    }
}

/// Where the clinic's keys are. Nothing is asked yet.
///
/// # Errors
/// The authorities' certificates cannot be read.
pub(crate) fn key_source(access: &config::Access) -> Result<KeySource, StartError> {
    let place = &access.jwks;
    if !is_site(place) {
        return Ok(KeySource::file(place.into()));
    }
    let path = &access.jwks_authorities;
    let authorities = if path.as_os_str().is_empty() {
        None
    } else {
        let read = fs::read(path);
        Some(read.map_err(|source| StartError::AuthoritiesFile {
            path: path.clone(),
            source,
        })?)
    };
    KeySource::url(place.clone(), authorities.as_deref()).map_err(|source| {
        StartError::Authorities {
            path: path.clone(),
            source,
        }
    })
}

fn is_site(place: &str) -> bool {
    place.starts_with("https://")
}

/// Those that clients are told of.
fn relays(
    config: &Config,
    turn: Option<&NodeTurn>,
    tcp: Vec<SocketAddr>,
    has_tls: bool,
) -> Result<Arc<dyn Relays>, RelaysError> {
    let own = turn.map(|turn| OwnRelay {
        secret: turn.secret().clone(),
        handle: turn.handle().clone(),
        udp: turn.udp().to_vec(),
        tcp,
        has_tls,
    });
    relays::of(&config.turn, own)
}

fn service_settings(config: &Config, proxies: TrustedProxies, relays: Arc<dyn Relays>) -> Settings {
    Settings {
        allowed_origins: AllowedOrigins::new(config.http.allowed_origins.clone()),
        trusted_proxies: proxies,
        room_size: RoomSize {
            people: config.rooms.capacity.0,
            screens: shared_screens(config),
        },
        video_codecs: config.rooms.video_codecs.0.clone(),
        encryption: match config.rooms.encryption {
            config::Encryption::Required => Encryption::Required,
            config::Encryption::Optional => Encryption::Optional,
        },
        access: access_policy(config),
        second_device: second_device(config),
        limits: service_limits(&config.limits),
        timing: Timing {
            resume_window: Duration::from_secs(config.rooms.resume_seconds.0.into()),
            ..Timing::default()
        },
        relays,
    }
}

fn access_policy(config: &Config) -> AccessPolicy {
    let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    AccessPolicy {
        issuer: some(&config.access.issuer),
        audience: some(&config.access.audience),
        roles: config.roles.policies(),
    }
}

fn second_device(config: &Config) -> SecondDevice {
    match config.rooms.second_device {
        config::SecondDevice::Allow => SecondDevice::Allow,
        config::SecondDevice::Replace => SecondDevice::Replace,
        config::SecondDevice::Refuse => SecondDevice::Refuse,
    }
}

fn open_room_policy(config: &Config) -> SessionPolicy {
    let minutes = config.rooms.inactivity_minutes.0;
    SessionPolicy {
        waiting_room: config.rooms.waiting_room,
        inactivity_limit: (minutes > 0).then(|| Duration::from_mins(minutes.into())),
        ..SessionPolicy::default()
    }
}

fn tls(
    config: &Config,
) -> Result<Option<Arc<tokio_rustls::rustls::ServerConfig>>, Box<dyn std::error::Error>> {
    let files = &config.http.tls;
    if !files.certificate.as_os_str().is_empty() {
        return Ok(Some(ports::server_config(&files.certificate, &files.key)?));
    }
    let listen = config.http.listen;
    if listen.ip().is_loopback() || config.http.behind_tls_proxy {
        Ok(None)
    } else {
        Err(StartError::PlainHttp(listen).into())
    }
}

async fn bind(
    address: SocketAddr,
    tls: Option<Arc<tokio_rustls::rustls::ServerConfig>>,
) -> Result<HttpPort, StartError> {
    HttpPort::bind(address, tls)
        .await
        .map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => StartError::HttpPortInUse(address),
            _ => StartError::HttpListen { address, source },
        })
}

async fn bind_metrics(address: SocketAddr) -> Result<HttpPort, StartError> {
    HttpPort::bind(address, None)
        .await
        .map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => StartError::MetricsPortInUse(address),
            _ => StartError::MetricsListen { address, source },
        })
}

/// Whom connections are given to that are not for HTTP.
fn receivers(
    config: &Config,
    workers: &Arc<Vec<WorkerHandle>>,
    turn: Option<&NodeTurn>,
) -> Arc<Receivers> {
    Arc::new(Receivers {
        workers: workers.clone(),
        takes_media: config.media.tcp,
        turn: turn.map(|turn| turn.handle().clone()),
    })
}

/// None where participants may not send that many streams: clients name all
/// that they can send in one offer.
fn shared_screens(config: &Config) -> u16 {
    if config.limits.publications.0 < STREAMS_WITH_SCREEN {
        return 0;
    }
    config.rooms.screens.0
}

fn service_limits(limits: &config::Limits) -> Limits {
    Limits {
        rooms: limits.rooms.0.into(),
        participants: limits.participants.0.into(),
        joins: Rate {
            per_second: limits.joins_per_second.0.into(),
            burst: limits.join_burst.0.into(),
        },
        messages: Rate {
            per_second: limits.messages_per_second.0.into(),
            burst: limits.message_burst.0.into(),
        },
        offer_bytes: usize::from(limits.offer_kilobytes.0) * 1_024,
        message_bytes: usize::from(limits.message_kilobytes.0) * 1_024,
        publications: limits.publications.0.into(),
    }
}

/// On one machine nobody fills a server.
fn open_files_wanted(config: &Config) -> u64 {
    if config.http.is_local() {
        0
    } else {
        open_files_needed(config)
    }
}

/// Files and sockets when the server is full.
pub(crate) fn open_files_needed(config: &Config) -> u64 {
    let limits = &config.limits;
    let turn = &config.turn;
    let relay = if turn.has_own() {
        // An allocation may have a relay port of each family.
        let ports = if turn.other_nodes.is_empty() { 0 } else { 2 };
        u64::from(turn.connections.0) + ports * u64::from(turn.allocations.0)
    } else {
        0
    };
    let participants = u64::from(limits.participants.0);
    // Browsers try all ways at once, from each of their addresses, and some
    // more of them after each change of networks.
    let media = if config.media.tcp {
        2 * participants
    } else {
        0
    };
    participants + u64::from(limits.unjoined_connections.0) + relay + media + SPARE_FILES
}

/// Where the workers listen.
///
/// # Errors
/// None is named, and the machine has none.
pub(crate) fn media_addresses(config: &Config) -> Result<Vec<IpAddr>, NoAddress> {
    if config.media.addresses.is_empty() {
        media_addresses::by_default(config.http.listen.ip().is_loopback())
    } else {
        Ok(config.media.addresses.clone())
    }
}

/// At least one.
pub(crate) fn worker_count(config: &Config) -> u16 {
    match config.media.workers.0 {
        0 => thread::available_parallelism().map_or(1, |cores| {
            u16::try_from(cores.get()).unwrap_or(u16::MAX).min(256)
        }),
        count => count,
    }
}

fn workers(
    config: &Config,
    http: SocketAddr,
    events: &mpsc::UnboundedSender<Event>,
) -> Result<Vec<WorkerHandle>, Box<dyn std::error::Error>> {
    // One for the node and not one a person: it says nothing about anybody.
    let certificate = dtls::certificate::generate_self_signed_certificate()
        .map_err(|error| StartError::Certificate(error.to_string()))?;
    let addresses = media_addresses(config)?;
    let tcp = media_addresses::over_tcp(config, http, &addresses);
    let count = worker_count(config);
    let first = config.media.port.0;
    if first != 0 && first.checked_add(count - 1).is_none() {
        return Err(StartError::MediaPortRange {
            first,
            workers: count,
        }
        .into());
    }
    let mut workers = Vec::with_capacity(usize::from(count));
    for index in 0..count {
        let port = if first == 0 { 0 } else { first + index };
        let settings = WorkerSettings {
            addresses: addresses.clone(),
            announced: config.media.announced.clone(),
            port,
            tcp: tcp.clone(),
            number: u8::try_from(index).unwrap_or(u8::MAX),
            most_waiting: most_waiting(config) / usize::from(count),
        };
        let events = events.clone();
        let worker = WorkerHandle::spawn(&settings, &certificate, move |event| {
            // Nobody listens any more only when the process ends.
            let _ = events.send(event);
        });
        workers.push(worker.map_err(|error| match error {
            driver::StartError::Bind { address, source } => match source.kind() {
                io::ErrorKind::AddrInUse => StartError::MediaPortInUse(address),
                _ => StartError::MediaListen { address, source },
            },
            error => StartError::Worker(error),
        })?);
    }
    Ok(workers)
}

/// Bytes that may wait for slow readers of media, and as many for those of the
/// relay.
pub(crate) fn most_waiting(config: &Config) -> usize {
    usize::from(config.limits.waiting_megabytes.0) * 1_000_000 / 2
}

fn clinic(config: &Config, store: Store) -> Clinic {
    let settings = ClinicSettings {
        require_session: config.rooms.require_session,
        open_rooms: open_room_policy(config),
        retention: Duration::from_hours(24 * u64::from(config.store.retention_days.0)),
    };
    Clinic::new(Arc::new(store), settings)
}

fn api(config: &Config, clinic: &Clinic, service: &Service, proxies: &TrustedProxies) -> Api {
    let settings = ApiSettings {
        requests: Rate {
            per_second: config.api.requests_per_second.0.into(),
            burst: config.api.request_burst.0.into(),
        },
        refusals: service_limits(&config.limits).joins,
        trusted_proxies: proxies.clone(),
    };
    let rooms = Arc::new(service.clone());
    Api::new(settings, clinic.clone(), rooms, Arc::new(AuditLog))
}

/// Forgets now and then what is of no more use.
async fn purge(clinic: Clinic) {
    let mut times = interval(PURGE_INTERVAL);
    times.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        times.tick().await;
        let clinic = clinic.clone();
        let purged = spawn_blocking(move || clinic.purge(UnixTime::now())).await;
        match purged {
            Ok(Ok(0)) => {}
            Ok(Ok(records)) => tracing::info!(records, "old records forgotten"),
            Ok(Err(error)) => tracing::error!(%error, "old records could not be forgotten"),
            Err(error) => tracing::error!(%error, "old records could not be forgotten"),
        }
    }
}

fn router(
    service: &Service,
    api: &Api,
    demo: Option<&Arc<Demo>>,
    headers: SecurityHeaders,
) -> Router {
    Router::new()
        .merge(demo.map(Demo::router).unwrap_or_default())
        .route("/healthz", get(|| async { "ok\n" }))
        .merge(service.router())
        .merge(api.router())
        .merge(client_files::router())
        .layer(map_response(move |response| {
            let response = headers.apply(response);
            async move { response }
        }))
}

fn welcome(scheme: &str, address: SocketAddr, demo: Option<&Demo>) {
    // Another address of the loopback is not what browsers call localhost.
    let host = if address.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST) {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    };
    let text = match demo {
        Some(demo) => format!(
            "Quietroom is ready, for this machine only. \
             Open this link in two or three tabs:\n\n  {scheme}://{host}/#{}\n\n",
            demo.fragment()
        ),
        None => format!("Quietroom is ready on {scheme}://{host}/\n"),
    };
    // A server whose output nobody reads serves all the same.
    let _ = io::stdout().write_all(text.as_bytes());
}

/// For files, media sockets and those that are being closed.
const SPARE_FILES: u64 = 500;

/// Microphone, camera, shared screen and its sound.
const STREAMS_WITH_SCREEN: u16 = 4;

/// One Prometheus needs one connection.
const SCRAPERS: ConnectionLimits = ConnectionLimits {
    unjoined: 32,
    unjoined_per_source: 16,
};

const PURGE_INTERVAL: Duration = Duration::from_hours(1);

/// From the signal to the end, whoever is still there.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(4);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_files_are_enough_for_all_that_may_come_at_once() {
        let mut config = Config::default();
        // Websockets, those before the join, the relay's, and the workers'.
        assert_eq!(
            open_files_needed(&config),
            5_000 + 1_000 + 10_000 + 10_000 + 500
        );

        config.turn.other_nodes = vec![SocketAddr::from(([192, 0, 2, 8], 8443))];
        assert_eq!(open_files_needed(&config), 46_500);

        config.turn.outside.urls = vec!["turn:turn.example".into()];
        config.media.tcp = false;
        assert_eq!(open_files_needed(&config), 6_500);
    }
}
