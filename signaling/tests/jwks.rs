//! The clinic's keys by HTTPS: which server is believed, and how much of what
//! it says is read.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use signaling::access::{
    DevelopmentKey, KeySet, KeySource, KeySourceError, KeyTiming, Keys, NewToken, TokenError,
    UnixTime,
};
use signaling::protocol::Role;
use tokio::time::{sleep, timeout};

#[test]
fn keys_come_from_a_site_that_the_given_authority_vouches_for() {
    let site = Site::start();

    let keys = site.fetch("/keys", Some(&site.authority));

    assert!(
        keys.expect("it is vouched for")
            .verify(&site.token(), NOW)
            .is_ok()
    );
    assert_eq!(site.requests(), 1);
}

#[test]
fn a_site_that_nobody_trusted_vouches_for_is_told_nothing() {
    let (site, other) = (Site::start(), Site::start());

    for authorities in [None, Some(other.authority.as_str())] {
        let error = site
            .fetch("/keys", authorities)
            .expect_err("it is a stranger");

        assert!(matches!(&error, KeySourceError::Http(_)), "{error}");
        assert!(error.to_string().contains("certificate"), "{error}");
    }
    let elsewhere = format!("https://127.0.0.1:{}/keys", site.address.port());
    let error = fetch(&elsewhere, Some(&site.authority)).expect_err("it is of another name");
    assert!(error.to_string().contains("certificate"), "{error}");
    assert_eq!(site.requests(), 0);
}

#[test]
fn plain_http_is_refused_even_on_this_machine() {
    let site = Site::start();

    let address = format!("http://localhost:{}/keys", site.address.port());
    let error = fetch(&address, Some(&site.authority)).expect_err("it is plain");

    assert!(error.to_string().contains("https"), "{error}");
    assert_eq!(site.requests(), 0);
}

#[test]
fn answers_that_are_no_keys_are_refused() {
    let site = Site::start();
    for (path, expected) in [
        ("/garbage", "JWK Set"),
        ("/no-keys", "key"),
        ("/bytes", "UTF-8"),
        ("/missing", "404"),
        ("/huge", "65536"),
        ("/headers", "header"),
        ("/not-http", ""),
        ("/cut", ""),
    ] {
        let began = Instant::now();
        let error = site.fetch(path, Some(&site.authority));
        let error = error.expect_err("it is nothing of use").to_string();

        assert!(error.contains(expected), "{path}: {error}");
        assert!(began.elapsed() < TIMEOUT, "{path}");
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let (site, other) = (Site::start(), Site::start());
    for path in ["/elsewhere", "/to-http"] {
        let target = format!("{path}/{}", other.address.port());

        let error = site.fetch(&target, Some(&site.authority));

        let error = error.expect_err("it leads away").to_string();
        assert!(
            error.contains("302") || error.contains("redirect"),
            "{error}"
        );
    }
    assert_eq!(other.requests(), 0);
}

#[test]
fn a_site_that_takes_its_time_is_given_up() {
    let site = Site::start();
    thread::scope(|scope| {
        for path in ["/silent", "/dripping", "/silent-before-tls"] {
            let site = &site;
            scope.spawn(move || {
                let began = Instant::now();
                let address = if path == "/silent-before-tls" {
                    format!("https://localhost:{}/keys", silent_listener().port())
                } else {
                    format!("https://localhost:{}{path}", site.address.port())
                };

                let error = fetch(&address, Some(&site.authority));

                let error = error.expect_err("it says nothing").to_string();
                let taken = began.elapsed();
                assert!(
                    taken < TIMEOUT + Duration::from_secs(5),
                    "{path}: {taken:?}"
                );
                assert!(error.contains("time"), "{path}: {error}");
            });
        }
    });
}

#[tokio::test]
async fn a_token_by_a_new_key_makes_the_site_be_asked_and_a_site_that_is_down_is_stood_in_for() {
    let site = Site::start();
    let timing = KeyTiming {
        pause: Duration::ZERO,
        ..KeyTiming::default()
    };
    let keys = site.keys("/turning", timing);
    keys.refresh().await.expect("it answers");
    assert_eq!(site.requests(), 1);

    assert!(keys.verify(&site.token(), NOW).await.is_ok());
    assert_eq!(site.requests(), 2);

    // From now on it answers nothing of use.
    assert!(keys.refresh().await.is_err());

    assert!(keys.verify(&site.token(), NOW).await.is_ok());
}

#[tokio::test]
async fn a_key_that_was_taken_away_is_good_no_longer_than_keys_are_fresh() {
    for _ in 0..TRIES {
        if is_good_only_while_keys_are_fresh().await {
            return;
        }
    }
    panic!("it was never quick enough to tell");
}

/// `false` if the keys were old before they were used.
async fn is_good_only_while_keys_are_fresh() -> bool {
    let site = Site::start();
    let timing = KeyTiming {
        fresh: Duration::from_millis(200),
        pause: Duration::ZERO,
        ..KeyTiming::default()
    };
    let keys = site.keys("/taken-away", timing);
    let asked = Instant::now();
    keys.refresh().await.expect("it answers");
    let known = keys.verify(&site.token(), NOW).await;
    if asked.elapsed() >= timing.fresh {
        return false;
    }
    assert!(known.is_ok());
    sleep(timing.fresh).await;

    let (first, beside) = tokio::join!(async { keys.verify(&site.token(), NOW).await }, async {
        keys.verify(&site.token(), NOW).await
    },);

    for outcome in [first, beside] {
        assert_eq!(outcome, Err(TokenError::UnknownKey));
    }
    true
}

#[tokio::test]
async fn keys_are_renewed_though_nobody_joins() {
    let site = Site::start();
    let timing = KeyTiming {
        fresh: Duration::from_millis(1_100),
        pause: Duration::ZERO,
        ..KeyTiming::default()
    };
    let keys = site.keys("/keys", timing);
    let asked = Instant::now();
    keys.refresh().await.expect("it answers");

    let renewed = async {
        while site.requests() < 2 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = keys.keep_fresh() => panic!("it goes on for good"),
        renewed = timeout(4 * TIMEOUT, renewed) => renewed.expect("the site is asked again"),
    }

    assert!(asked.elapsed() >= timing.fresh);
}

#[tokio::test]
async fn a_new_key_under_an_old_name_makes_the_site_be_asked() {
    let site = Site::start();
    let timing = KeyTiming {
        pause: Duration::ZERO,
        ..KeyTiming::default()
    };
    let keys = site.keys("/renamed", timing);
    keys.refresh().await.expect("it answers");

    assert!(keys.verify(&site.token(), NOW).await.is_ok());
    assert_eq!(site.requests(), 2);
}

#[tokio::test]
async fn a_token_by_an_unknown_key_is_not_condemned_while_the_site_may_not_be_asked() {
    for _ in 0..TRIES {
        if is_condemned_only_once_the_site_was_asked().await {
            return;
        }
    }
    panic!("it was never quick enough to tell");
}

/// `false` if the site might be asked before that was tried.
async fn is_condemned_only_once_the_site_was_asked() -> bool {
    let site = Site::start();
    let stranger = DevelopmentKey::generate();
    let timing = KeyTiming {
        pause: Duration::from_millis(300),
        ..KeyTiming::default()
    };
    let keys = site.keys("/keys", timing);
    let asked = Instant::now();
    keys.refresh().await.expect("it answers");

    let held_back = keys.verify(&token(&stranger), NOW).await;
    if asked.elapsed() >= timing.pause {
        return false;
    }
    sleep(timing.pause).await;
    let looked_up = keys.verify(&token(&stranger), NOW).await;

    assert_eq!(held_back, Err(TokenError::NoKeys));
    assert_eq!(looked_up, Err(TokenError::UnknownKey));
    assert_eq!(site.requests(), 2);
    true
}

#[tokio::test]
async fn a_file_that_was_changed_is_read_again() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("changed-jwks.json");
    let (old, new) = (DevelopmentKey::generate(), DevelopmentKey::generate());
    std::fs::write(&path, old.to_jwks()).expect("it is written");
    let timing = KeyTiming {
        fresh: Duration::from_millis(50),
        pause: Duration::ZERO,
        ..KeyTiming::default()
    };
    let keys = Keys::from_source(KeySource::file(path.clone()), timing);
    assert!(keys.verify(&token(&old), NOW).await.is_ok());

    std::fs::write(&path, new.to_jwks()).expect("it is written");

    assert!(keys.verify(&token(&new), NOW).await.is_ok());
    let gone = keys.verify(&token(&old), NOW).await;
    assert_eq!(gone, Err(TokenError::UnknownKey));

    // Half a file, or none, is as good as a site that is down.
    std::fs::write(&path, "{").expect("it is written");
    sleep(timing.fresh).await;
    assert!(keys.verify(&token(&new), NOW).await.is_ok());
}

/// A web site with a certificate of an authority of its own.
struct Site {
    address: SocketAddr,
    /// The authority's certificate, PEM.
    authority: String,
    key: Arc<DevelopmentKey>,
    requests: Arc<AtomicUsize>,
}

impl Site {
    fn start() -> Self {
        let (config, authority) = certified();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there are ports");
        let address = listener.local_addr().expect("it is bound");
        let key = Arc::new(DevelopmentKey::generate());
        let requests = Arc::new(AtomicUsize::new(0));
        thread::spawn({
            let (key, requests) = (key.clone(), requests.clone());
            move || {
                for stream in listener.incoming() {
                    let (key, requests) = (key.clone(), requests.clone());
                    let config = config.clone();
                    thread::spawn(move || {
                        // Whoever does not trust us hangs up.
                        let _ = serve(stream?, config, &key, &requests);
                        io::Result::Ok(())
                    });
                }
            }
        });
        Self {
            address,
            authority,
            key,
            requests,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }

    fn fetch(&self, path: &str, authorities: Option<&str>) -> Result<KeySet, KeySourceError> {
        fetch(&self.url(path), authorities)
    }

    fn keys(&self, path: &str, timing: KeyTiming) -> Keys {
        let source = KeySource::url(self.url(path), Some(self.authority.as_bytes()));
        Keys::from_source(source.expect("it is PEM"), timing)
    }

    /// Those that came through TLS.
    fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    fn token(&self) -> String {
        token(&self.key)
    }
}

fn token(key: &DevelopmentKey) -> String {
    key.mint(&NewToken {
        subject: "s",
        room: "r",
        role: Role::Client,
        issued_at: NOW,
        lifetime_seconds: 60,
        token_id: "t",
        key: None,
    })
}

fn fetch(url: &str, authorities: Option<&str>) -> Result<KeySet, KeySourceError> {
    let source = KeySource::url(url.into(), authorities.map(str::as_bytes));
    source.expect("it is PEM").fetch()
}

/// A server's side for `localhost`, and the authority behind it as PEM.
fn certified() -> (Arc<ServerConfig>, String) {
    let mut params = CertificateParams::new([]).expect("no name is wrong");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("it is random");
    let authority = CertifiedIssuer::self_signed(params, key).expect("it signs");
    let key = KeyPair::generate().expect("it is random");
    let params = CertificateParams::new(["localhost".to_owned()]).expect("it is a name");
    let certificate = params.signed_by(&key, &authority).expect("it signs");
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .expect("they fit");
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        STANDARD.encode(authority.der())
    );
    (Arc::new(config), pem)
}

fn serve(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    key: &DevelopmentKey,
    requests: &AtomicUsize,
) -> io::Result<()> {
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, stream);
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        request.push(byte[0]);
    }
    let count = requests.fetch_add(1, Ordering::Relaxed);
    let request = String::from_utf8(request).map_err(io::Error::other)?;
    let path = request.split(' ').nth(1).unwrap_or_default();
    let with_bytes = |body: &[u8]| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    };
    let ok = |body: &str| with_bytes(body.as_bytes());
    let found = |place: String| {
        format!("HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n").into_bytes()
    };
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
    let answer = match path.split('/').nth(1).unwrap_or_default() {
        "keys" => ok(&key.to_jwks()),
        "turning" => match count {
            0 => ok(&DevelopmentKey::generate().to_jwks()),
            1 => ok(&key.to_jwks()),
            _ => ok("{}"),
        },
        "taken-away" => match count {
            0 => ok(&key.to_jwks()),
            _ => ok(&DevelopmentKey::generate().to_jwks()),
        },
        "renamed" => match count {
            0 => ok(&under_its_name(key)),
            _ => ok(&key.to_jwks()),
        },
        "garbage" => ok("{\"keys\": [nonsense"),
        "no-keys" => ok("{\"keys\": []}"),
        "bytes" => with_bytes(&vec![0xff; 40_000]),
        "huge" => ok(&" ".repeat(100_000)),
        "headers" => {
            let filler = "a".repeat(1_000);
            let headers = format!("X-Filler: {filler}\r\n").repeat(40);
            format!("HTTP/1.1 200 OK\r\n{headers}\r\n").into_bytes()
        }
        "not-http" => b"SSH-2.0-nothing\r\n".to_vec(),
        "cut" => format!("{head}{{\"keys\":").into_bytes(),
        "elsewhere" => found(format!("https://localhost:{}/keys", port(path))),
        "to-http" => found(format!("http://localhost:{}/keys", port(path))),
        "silent" => {
            thread::sleep(2 * TIMEOUT);
            Vec::new()
        }
        "dripping" => {
            stream.write_all(head.as_bytes())?;
            for _ in 0..100 {
                stream.write_all(b" ")?;
                stream.flush()?;
                thread::sleep(TIMEOUT / 40);
            }
            Vec::new()
        }
        _ => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
    };
    stream.write_all(&answer)?;
    stream.conn.send_close_notify();
    stream.flush()
}

/// Another key under the name of this one.
fn under_its_name(key: &DevelopmentKey) -> String {
    let read = |jwks: String| -> serde_json::Value { serde_json::from_str(&jwks).expect("JSON") };
    let mut other = read(DevelopmentKey::generate().to_jwks());
    other["keys"][0]["kid"] = read(key.to_jwks())["keys"][0]["kid"].clone();
    other.to_string()
}

fn port(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// Takes connections, and says nothing.
fn silent_listener() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there are ports");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        let _kept: Vec<_> = listener.incoming().collect();
    });
    address
}

const NOW: UnixTime = UnixTime(1_800_000_000);

/// Where the machine may stand still for longer than what is tried takes.
const TRIES: usize = 20;

/// What a fetch may take.
const TIMEOUT: Duration = Duration::from_secs(5);
