//! The relays that clients are told of.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use signaling::access::UnixTime;
use signaling::protocol::IceServer;
use signaling::relays::{Authority, NoRelays, Relays};
use thiserror::Error;
use turn::SharedSecret;
use turn::driver::Handle;

use crate::config;
use crate::secret_source::{SecretName, SecretSource, SecretSourceError};

/// Why it cannot be said which relays there are: one line that names the
/// setting and the mend.
#[derive(Debug, Error)]
pub(crate) enum RelaysError {
    #[error(transparent)]
    Secret(#[from] SecretSourceError),
    #[error("turn.outside.urls: not set, though the secret is; name the TURN server's urls too")]
    SecretWithoutUrls,
    #[error(
        "{0}: it has fewer than {LEAST_SECRET} characters, which can be guessed; \
         make one with `openssl rand -hex 32`, for the TURN server too"
    )]
    ShortSecret(String),
}

/// The outside server that the settings name, or else this node's own, if there
/// is one.
pub(crate) fn of(
    config: &config::Turn,
    own: Option<OwnRelay>,
) -> Result<Arc<dyn Relays>, RelaysError> {
    Ok(match (outside(config)?, own) {
        (Some(outside), _) => Arc::new(outside),
        (None, Some(own)) => Arc::new(own),
        (None, None) => Arc::new(NoRelays),
    })
}

/// Whether clients are told of an outside server in place of this node's own.
///
/// # Errors
/// Its secret cannot be had.
pub(crate) fn are_outside(config: &config::Turn) -> Result<bool, RelaysError> {
    Ok(outside(config)?.is_some())
}

fn outside(config: &config::Turn) -> Result<Option<OutsideRelays>, RelaysError> {
    let config::OutsideTurn {
        urls,
        secret_file,
        secret_credential,
        secret_command,
    } = &config.outside;
    let source = SecretSource::of(SECRET, secret_file, secret_credential, secret_command);
    if urls.is_empty() {
        return match source {
            Err(SecretSourceError::None(_)) => Ok(None),
            _ => Err(RelaysError::SecretWithoutUrls),
        };
    }
    Ok(Some(OutsideRelays {
        urls: urls.clone(),
        secret: read_secret(&source?, SECRET)?,
    }))
}

/// What credentials are made with.
pub(crate) fn read_secret(
    source: &SecretSource,
    name: SecretName,
) -> Result<SharedSecret, RelaysError> {
    let secret = source.read(name)?;
    let bytes = secret.bytes.trim_ascii();
    if bytes.len() < LEAST_SECRET {
        return Err(RelaysError::ShortSecret(secret.origin));
    }
    Ok(SharedSecret::new(bytes))
}

/// This node's own relay, as clients reach it.
#[derive(Debug)]
pub(crate) struct OwnRelay {
    pub(crate) secret: SharedSecret,
    pub(crate) handle: Handle,
    pub(crate) udp: Vec<SocketAddr>,
    /// Where it takes plain connections.
    pub(crate) tcp: Vec<SocketAddr>,
    /// Whether the port that pages come from is its own end of TLS.
    pub(crate) has_tls: bool,
}

impl Relays for OwnRelay {
    fn issue(&self, user: &str, expires: UnixTime, host: Option<&Authority>) -> Vec<IceServer> {
        let urls = urls(&self.udp, &self.tcp, host.filter(|_| self.has_tls));
        if urls.is_empty() {
            return Vec::new();
        }
        let credentials = self.secret.issue(user, Duration::from_secs(expires.0));
        vec![IceServer {
            urls,
            username: credentials.username,
            credential: credentials.password,
        }]
    }

    fn end(&self, user: &str, expires: UnixTime) {
        let expires = Duration::from_secs(expires.0);
        self.handle.end_participant(user, expires);
    }
}

/// TLS comes last, which is slow to begin with and passes where nothing else
/// does: by the very name and port that the page was allowed to reach.
fn urls(udp: &[SocketAddr], tcp: &[SocketAddr], tls: Option<&Authority>) -> Vec<String> {
    let udp = udp
        .iter()
        .map(|address| format!("turn:{address}?transport=udp"));
    let tcp = tcp
        .iter()
        .map(|address| format!("turn:{address}?transport=tcp"));
    let tls = tls.map(|host| {
        let (name, port) = (host.host(), host.port_u16().unwrap_or(HTTPS));
        format!("turns:{name}:{port}?transport=tcp")
    });
    udp.chain(tcp).chain(tls).collect()
}

/// A TURN server of the operator's, such as coturn with `use-auth-secret`.
#[derive(Debug)]
struct OutsideRelays {
    urls: Vec<String>,
    secret: SharedSecret,
}

impl Relays for OutsideRelays {
    fn issue(&self, user: &str, expires: UnixTime, _: Option<&Authority>) -> Vec<IceServer> {
        let credentials = self.secret.issue(user, Duration::from_secs(expires.0));
        vec![IceServer {
            urls: self.urls.clone(),
            username: credentials.username,
            credential: credentials.password,
        }]
    }

    /// It cannot be told: credentials end by themselves.
    fn end(&self, _: &str, _: UnixTime) {}
}

const HTTPS: u16 = 443;

const SECRET: SecretName = SecretName {
    setting: "turn.outside.secret",
    wanted: "the TURN server's secret is needed beside turn.outside.urls, and none is set; \
             name a file with what coturn has as static-auth-secret, or set \
             turn.outside.secret_credential or turn.outside.secret_command",
    mend: "put there what the TURN server has as its secret (coturn: static-auth-secret)",
};

/// In bytes.
const LEAST_SECRET: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outside_server_takes_what_is_issued_for_it() {
        let command = "echo 0123456789abcdef";
        let urls = ["turn:a.example", "turns:b.example:443"];
        let relays = of(&outside(&urls, command), None);

        let issued = relays
            .expect("all is set")
            .issue("ab12", UnixTime(1_700_000_000), None);

        // printf 1700000000:ab12 | openssl dgst -sha1 -hmac 0123456789abcdef -binary | base64
        let [server] = &issued[..] else {
            panic!("there is one server: {issued:?}");
        };
        assert_eq!(server.urls, urls);
        assert_eq!(server.username, "1700000000:ab12");
        assert_eq!(server.credential, "3nYSKg7jLsWmLgDarl0P6Kyoqu8=");
    }

    #[test]
    fn without_settings_there_are_no_relays() {
        let relays = of(&config::Turn::default(), None).expect("nothing is wrong");

        assert!(relays.issue("ab12", UnixTime(1), None).is_empty());
    }

    #[test]
    fn the_own_relay_is_told_by_all_its_ways_the_slowest_last() {
        let udp = ["192.0.2.7:3478", "[2001:db8::7]:3478"].map(|text| text.parse().expect(text));
        let tcp = ["192.0.2.7:443"].map(|text| text.parse().expect(text));
        let host = |text: &str| text.parse::<Authority>().expect("a host");

        assert_eq!(
            urls(&udp, &tcp, Some(&host("meet.clinic.example"))),
            [
                "turn:192.0.2.7:3478?transport=udp",
                "turn:[2001:db8::7]:3478?transport=udp",
                "turn:192.0.2.7:443?transport=tcp",
                "turns:meet.clinic.example:443?transport=tcp",
            ]
        );
        assert_eq!(
            urls(&[], &[], Some(&host("[2001:db8::7]:8443"))),
            ["turns:[2001:db8::7]:8443?transport=tcp"]
        );
        assert!(urls(&[], &[], None).is_empty());
    }

    #[test]
    fn half_of_an_outside_server_is_refused_with_the_other_half_named() {
        for (urls, command, expected) in [
            (&["turn:a.example"][..], "", "turn.outside.secret_file: "),
            (&[], "echo 0123456789abcdef", "turn.outside.urls: not set"),
            (
                &["turn:a.example"],
                "echo short",
                "fewer than 16 characters",
            ),
            (
                &["turn:a.example"],
                "false",
                "turn.outside.secret_command false: it failed",
            ),
        ] {
            let error = of(&outside(urls, command), None)
                .expect_err(expected)
                .to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    fn outside(urls: &[&str], command: &str) -> config::Turn {
        config::Turn {
            outside: config::OutsideTurn {
                urls: urls.iter().map(|url| (*url).to_owned()).collect(),
                secret_command: command.split_whitespace().map(str::to_owned).collect(),
                ..config::OutsideTurn::default()
            },
            ..config::Turn::default()
        }
    }
}
