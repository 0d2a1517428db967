//! `quietroom check`: whether a server would start here, and be of use.

mod addresses;
mod candidates;
mod certificate;
mod finding;
mod handshake;
mod holder;
mod kernel;
mod machine;
mod ports;
mod relay;
mod store;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use rustix::process::{Resource, geteuid, getrlimit};
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::UnixTime;

use crate::config::{self, Config};
use crate::serve;
use addresses::Places;
use certificate::Chain;
use finding::{Finding, Report};
use holder::Protocol;
use ports::{Needed, Port};

/// Looks at the settings and at this machine, and says what is wrong and how it
/// is mended.
///
/// One line for each thing, beginning with ok, warn, fail or note. Nothing is
/// changed, and no other machine is asked but that of `access.jwks`. Run it as
/// the server's user, before the first start or beside a running server. The
/// exit status is 1 if anything failed.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// The file of settings (TOML)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A name that the server will be called by, such as clinic.example; may
    /// stand several times
    #[arg(long, value_name = "NAME")]
    name: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let mut report = Report::default();
    inspect(arguments, &mut report);
    Ok(report.result()?)
}

fn inspect(arguments: &Arguments, report: &mut Report) {
    let config = match settings(arguments.config.as_deref()) {
        Ok((config, finding)) => {
            report.add(&finding);
            config
        }
        Err(finding) => return report.add(&finding),
    };
    let is_local = config.http.is_local();
    let chain = tls(&config, &arguments.name, report);
    http(&config, chain.as_ref(), report);
    media(&config, is_local, report);
    if let Some(address) = config.metrics.listen {
        metrics(address, report);
    }
    report.add(&keys(&config));
    for finding in store::findings(&config.store, is_local) {
        report.add(&finding);
    }
    report.add(&machine::clock(kernel::clock_is_synchronized()));
    let most = getrlimit(Resource::Nofile).maximum;
    report.add(&machine::open_files(
        serve::open_files_needed(&config),
        most,
    ));
    let buffer = machine::largest_buffer();
    report.add(&machine::socket_buffers(
        buffer,
        machine::may_exceed_buffers(),
    ));
    report.add(&machine::trains(machine::try_train()));
    for note in notes(&config, is_local) {
        report.add(&note);
    }
}

fn settings(file: Option<&Path>) -> Result<(Config, Finding), Finding> {
    let Some(path) = file else {
        let text = "no --config, so all as by default, for this machine only";
        return Ok((Config::default(), Finding::ok(SETTINGS, text)));
    };
    let config = config::read(path).map_err(|error| Finding::fail(SETTINGS, error.to_string()))?;
    let text = format!("{}: every setting is known and good", path.display());
    Ok((config, Finding::ok(SETTINGS, text)))
}

/// The certificate's lines. Gives it if it can be used.
fn tls(config: &Config, names: &[String], report: &mut Report) -> Option<Chain> {
    let files = &config.http.tls;
    if files.certificate.as_os_str().is_empty() {
        return None;
    }
    report.add(&certificate::key_file(&files.key));
    match Chain::read(files) {
        Ok(chain) => {
            let mut roots = RootCertStore::empty();
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            for finding in chain.findings(names, roots, UnixTime::now()) {
                report.add(&finding);
            }
            Some(chain)
        }
        Err(finding) => {
            report.add(&finding);
            None
        }
    }
}

fn http(config: &Config, chain: Option<&Chain>, report: &mut Report) {
    let address = config.http.listen;
    let has_tls = !config.http.tls.certificate.as_os_str().is_empty();
    if !has_tls && !address.ip().is_loopback() && !config.http.behind_tls_proxy {
        report.add(&Finding::fail(
            HTTP,
            serve::StartError::PlainHttp(address).to_string(),
        ));
    }
    let needed = Needed {
        setting: HTTP,
        protocol: Protocol::Tcp,
        address,
    };
    let port = needed.probe();
    report.add(&needed.finding(&port));
    if let Port::Held(holder) = &port
        && holder.quietroom().is_some()
    {
        report.add(&running(address, has_tls, chain));
    }
    if config.http.behind_tls_proxy && config.http.trusted_proxies.is_empty() {
        report.add(&Finding::warn(
            "proxy",
            "http.trusted_proxies is empty and http.behind_tls_proxy set: all clients count as \
             one address in limits; name the proxy's address",
        ));
    }
}

/// How the server answers that runs already.
fn running(address: SocketAddr, has_tls: bool, chain: Option<&Chain>) -> Finding {
    let answer = match handshake::ask(reachable(address), has_tls) {
        Ok(answer) => answer,
        Err(error) => {
            let what = if has_tls { "HTTPS" } else { "HTTP" };
            return Finding::fail(
                RUNNING,
                format!(
                    "it does not answer {what} as these settings have it: {error}; \
                     look at its log, or start it anew"
                ),
            );
        }
    };
    if !answer.is_healthy {
        return Finding::fail(
            RUNNING,
            "it answers /healthz with an error; look at its log",
        );
    }
    match (answer.certificate, chain) {
        (Some(shown), Some(chain)) if shown != *chain.own() => Finding::warn(
            RUNNING,
            "it shows another certificate than is in http.tls.certificate now; start it anew",
        ),
        _ => Finding::ok(RUNNING, "it answers /healthz"),
    }
}

fn media(config: &Config, is_local: bool, report: &mut Report) {
    let media = match serve::media_addresses(config) {
        Ok(addresses) => addresses,
        Err(error) => return report.add(&Finding::fail("addresses", error.to_string())),
    };
    let first = config.media.port.0;
    report.add(&ports::media(&media, first, serve::worker_count(config)));
    for finding in relay::findings(config, &media) {
        report.add(&finding);
    }
    for finding in candidates::findings(config, &media, is_local) {
        report.add(&finding);
    }
    let places = Places {
        is_local,
        media,
        announced: config.media.announced.clone(),
        routes: addresses::routes(),
    };
    report.add(&places.finding(addresses::is_of_this_machine));
}

fn metrics(address: SocketAddr, report: &mut Report) {
    let needed = Needed {
        setting: METRICS,
        protocol: Protocol::Tcp,
        address,
    };
    report.add(&needed.finding(&needed.probe()));
    if !address.ip().is_loopback() {
        report.add(&Finding::warn(
            METRICS,
            format!(
                "other machines may reach {address}, and anybody may read there; \
                 let a firewall guard it, or listen on 127.0.0.1"
            ),
        ));
    }
}

/// Whether the clinic's keys can be had.
fn keys(config: &Config) -> Finding {
    let place = &config.access.jwks;
    if place.is_empty() {
        return if config.http.is_local() {
            Finding::ok(
                KEYS,
                "access.jwks is not set: a throw-away key, and a link to a demo room",
            )
        } else {
            let error = serve::StartError::NoKeys(config.http.listen);
            Finding::fail(KEYS, error.to_string())
        };
    }
    let source = match serve::key_source(&config.access) {
        Ok(source) => source,
        Err(error) => return Finding::fail(KEYS, error.to_string()),
    };
    match source.fetch() {
        Ok(_) => Finding::ok(
            KEYS,
            format!("access.jwks {place} has keys that tokens are checked with"),
        ),
        Err(error) => Finding::fail(
            KEYS,
            format!("access.jwks {place}: {error}; until it can be read, nobody can join"),
        ),
    }
}

fn notes(config: &Config, is_local: bool) -> Vec<Finding> {
    let mut notes = Vec::new();
    if geteuid().is_root() {
        notes.push(Finding::note(
            "user",
            "run as root, so what the server's own user may not do was not seen",
        ));
    }
    if !is_local {
        let first = config.media.port.0;
        let last = first.saturating_add(serve::worker_count(config) - 1);
        let udp = match first {
            0 => "any UDP port".to_owned(),
            _ if first == last => format!("UDP {first}"),
            _ => format!("UDP {first} to {last}"),
        };
        let tcp = format!("TCP {}", config.http.listen.port());
        let ports = [vec![tcp, udp], relay::udp_ports(&config.turn)].concat();
        notes.push(Finding::note(
            "firewall",
            format!(
                "whether firewalls and routers let {} in cannot be known from here; open the \
                 page from another network",
                ports.join(", ")
            ),
        ));
    }
    notes
}

/// Where a server that listens on this address answers us.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

const SETTINGS: &str = "settings";
const HTTP: &str = "http.listen";
const RUNNING: &str = "running";
const METRICS: &str = "metrics.listen";
const KEYS: &str = "access.jwks";
