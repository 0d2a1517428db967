//! All that is spoken on one port, over real sockets.

use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use rcgen::{CertificateParams, KeyPair};
use signaling::limits::{ConnectionLimits, Connections, TrustedProxies};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use turn::driver::Stream;

use super::dispatch::Deadlines;
use super::hand_over::HandOver;
use super::{HttpPort, tls};

/// What was handed over.
#[derive(Debug)]
enum Given {
    Media(u8, std::net::TcpStream, Vec<u8>),
    Turn(Stream),
}

struct Taker(mpsc::UnboundedSender<Given>);

impl HandOver for Taker {
    fn media(&self, worker: u8, stream: std::net::TcpStream, received: Vec<u8>) {
        let _ = self.0.send(Given::Media(worker, stream, received));
    }

    fn turn(&self, stream: Stream) {
        let _ = self.0.send(Given::Turn(stream));
    }
}

struct Server {
    address: std::net::SocketAddr,
    authority: CertificateDer<'static>,
    connections: Connections,
    given: mpsc::UnboundedReceiver<Given>,
    _stop: watch::Sender<bool>,
}

impl Server {
    async fn with_tls() -> Self {
        Self::start(true, 100, Deadlines::default()).await
    }

    async fn without_tls() -> Self {
        Self::start(false, 100, Deadlines::default()).await
    }

    async fn start(has_tls: bool, per_source: usize, deadlines: Deadlines) -> Self {
        let key = KeyPair::generate().expect("it is random");
        let params = CertificateParams::new(vec!["localhost".into()]).expect("a name");
        let certificate = params.self_signed(&key).expect("it signs");
        let authority = certificate.der().clone();
        let private = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let config = tls::with_certificate(vec![authority.clone()], private);
        let config = has_tls.then(|| config.expect("they fit"));
        let (giving, given) = mpsc::unbounded_channel();
        let mut port = HttpPort::bind((Ipv4Addr::LOCALHOST, 0).into(), config)
            .await
            .expect("the loopback has ports")
            .with_hand_over(Arc::new(Taker(giving)));
        port.deadlines = deadlines;
        let address = port.local_address().expect("it is bound");
        let connections = Connections::new(ConnectionLimits {
            unjoined: 100,
            unjoined_per_source: per_source,
        });
        let router = Router::new().route("/", get(|| async { "the page" }));
        let (stop, stopped) = watch::channel(false);
        let counted = connections.clone();
        tokio::spawn(port.serve(router, counted, TrustedProxies::default(), stopped));
        Self {
            address,
            authority,
            connections,
            given,
            _stop: stop,
        }
    }

    async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).await.expect("it listens");
        stream.set_nodelay(true).expect("it is open");
        stream
    }

    async fn connect_in_tls(&self, protocols: &[&str]) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone()).expect("a certificate");
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("there are some")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        let name = ServerName::try_from("localhost").expect("a name");
        let connector = TlsConnector::from(Arc::new(config));
        let connecting = connector.connect(name, self.connect().await);
        connecting.await.expect("the handshake is done")
    }

    async fn given(&mut self) -> Given {
        let given = timeout(PATIENCE, self.given.recv()).await;
        given.expect("it is handed over").expect("it runs")
    }
}

/// Sends bytes, and gives all that comes until the end.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, bytes: &[u8]) -> Vec<u8> {
    stream.write_all(bytes).await.expect("it is open");
    let mut answer = Vec::new();
    // What breaks off is an end too.
    let reading = stream.read_to_end(&mut answer);
    let _ = timeout(PATIENCE, reading).await.expect("it ends");
    answer
}

/// A Binding request for a worker's participant, in its frame (RFC 4571).
fn check(user: &str) -> Vec<u8> {
    let length = u8::try_from(user.len()).expect("a short name");
    let padded = length.next_multiple_of(4);
    let mut message = vec![0, 1, 0, padded + 4, 0x21, 0x12, 0xA4, 0x42];
    message.extend([7; 12]);
    message.extend([0, 6, 0, length]);
    message.extend(user.as_bytes());
    message.resize(24 + usize::from(padded), 0);
    [&[0, padded + 24][..], &message].concat()
}

#[tokio::test]
async fn each_kind_of_client_gets_what_it_wants_on_one_port() {
    let mut server = Server::with_tls().await;

    for protocols in [&[][..], &["http/1.1"], &["h2", "http/1.1"]] {
        let page = exchange(server.connect_in_tls(protocols).await, REQUEST).await;
        assert!(page.ends_with(b"the page"), "{protocols:?}");
    }
    for protocols in [&[][..], &["stun.turn"]] {
        let mut client = server.connect_in_tls(protocols).await;
        client.write_all(ALLOCATE).await.expect("it is open");
        talk_on_in_tls(client, server.given().await).await;
    }
    let mut client = server.connect().await;
    client.write_all(ALLOCATE).await.expect("it is open");
    talk_on(client, server.given().await, ALLOCATE).await;

    let first = check("2aOurs:theirs");
    let mut client = server.connect().await;
    client.write_all(&first).await.expect("it is open");
    let given = server.given().await;
    assert!(matches!(given, Given::Media(0x2a, ..)), "{given:?}");
    talk_on(client, given, &first).await;

    let refused = exchange(server.connect().await, REQUEST).await;
    assert!(refused.starts_with(b"HTTP/1.1 400 "));
    assert!(
        exchange(server.connect().await, b"SSH-2.0-client\r\n")
            .await
            .is_empty()
    );
    let client = server.connect_in_tls(&[]).await;
    assert!(exchange(client, b"\x80\x60").await.is_empty());
    let client = server.connect_in_tls(&[]).await;
    assert!(exchange(client, &first).await.is_empty());
    assert_eq!(server.connections.open(), 0);
}

#[tokio::test]
async fn without_tls_the_rest_is_told_apart_too() {
    let mut server = Server::without_tls().await;

    let page = exchange(server.connect().await, REQUEST).await;
    assert!(page.ends_with(b"the page"));
    let mut client = server.connect().await;
    client.write_all(ALLOCATE).await.expect("it is open");
    talk_on(client, server.given().await, ALLOCATE).await;
    let first = check("00ours:theirs");
    let mut client = server.connect().await;
    client.write_all(&first).await.expect("it is open");
    talk_on(client, server.given().await, &first).await;
    assert!(
        exchange(server.connect().await, b"\x16\x03\x01")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn bytes_may_come_one_at_a_time() {
    let mut server = Server::without_tls().await;
    let first = check("07ours:theirs");

    for bytes in [ALLOCATE, &first] {
        let mut client = server.connect().await;
        for byte in bytes {
            client.write_all(&[*byte]).await.expect("it is open");
            sleep(Duration::from_micros(300)).await;
        }
        let given = server.given().await;
        talk_on(client, given, bytes).await;
    }
    let mut client = server.connect().await;
    for byte in REQUEST {
        client.write_all(&[*byte]).await.expect("it is open");
        sleep(Duration::from_micros(300)).await;
    }
    assert!(exchange(client, b"").await.ends_with(b"the page"));
}

#[tokio::test]
async fn what_follows_a_check_comes_along_and_nothing_is_lost() {
    let mut server = Server::with_tls().await;
    let first = check("01ours:theirs");
    let all = [&first[..], &first, &[0, 3, 22, 254]].concat();
    let mut client = server.connect().await;

    client.write_all(&all).await.expect("it is open");

    let Given::Media(1, stream, mut received) = server.given().await else {
        panic!("it is for a worker");
    };
    assert!(received.len() >= first.len());
    if received.len() < all.len() {
        stream.set_nonblocking(false).expect("it is open");
        let mut rest = vec![0; all.len() - received.len()];
        (&stream).read_exact(&mut rest).expect("it comes");
        received.extend(rest);
    }
    assert_eq!(received, all);
}

#[tokio::test]
async fn a_check_that_names_no_worker_of_ours_or_nobody_is_closed() {
    let server = Server::with_tls().await;
    let mut without_user = check("00ours:theirs");
    without_user[23] = 0x80;
    let mut too_long = check("00ours:theirs");
    too_long[0] = 6;

    for bytes in [check("zzours:theirs"), check("ours"), without_user] {
        assert!(exchange(server.connect().await, &bytes).await.is_empty());
    }
    too_long.resize(3000, 0);
    assert!(exchange(server.connect().await, &too_long).await.is_empty());
}

#[tokio::test]
async fn whoever_is_silent_is_cut_off() {
    let deadlines = Deadlines {
        first_bytes: FIRST_BYTES,
        handshake: HANDSHAKE,
    };
    let server = Server::start(true, 100, deadlines).await;
    let first = check("00ours:theirs");

    for (beginning, deadline) in [
        (&b""[..], FIRST_BYTES),
        (b"GE", FIRST_BYTES),
        (&ALLOCATE[..7], FIRST_BYTES),
        (&first[..9], FIRST_BYTES),
        (&first[..20], FIRST_BYTES),
        (b"\x16\x03\x01\x02\x00", HANDSHAKE),
    ] {
        let start = Instant::now();
        let answer = exchange(server.connect().await, beginning).await;

        let took = start.elapsed();
        assert!(took >= deadline, "{beginning:02x?}: {took:?}");
        assert!(answer.is_empty(), "{answer:?}");
    }
    let start = Instant::now();
    let client = server.connect_in_tls(&[]).await;
    assert!(exchange(client, b"").await.is_empty());
    assert!(start.elapsed() >= FIRST_BYTES);
    assert_eq!(server.connections.open(), 0);
}

#[tokio::test]
async fn half_open_handshakes_cost_the_oldest_and_not_a_newcomer() {
    let server = Server::start(true, 4, Deadlines::default()).await;
    let mut silent = Vec::new();
    for beginning in [&b"\x16\x03\x01\x02\x00"[..], b"", b"\x00\x03"] {
        for _ in 0..4 {
            let mut client = server.connect().await;
            client.write_all(beginning).await.expect("it is open");
            silent.push(client);
        }
    }

    let page = exchange(server.connect_in_tls(&[]).await, REQUEST).await;

    assert!(page.ends_with(b"the page"));
    let start = Instant::now();
    for mut client in silent.drain(..8) {
        let _ = client.read(&mut [0; 1]).await;
    }
    assert!(start.elapsed() < Duration::from_secs(2));
    assert!(server.connections.open() <= 4);
    assert!(server.connections.evictions() >= 8);
}

/// The one who was handed a connection and its client hear each other.
async fn talk_on(mut client: TcpStream, given: Given, sent: &[u8]) {
    let (stream, received) = match given {
        Given::Media(_, stream, received) => (stream, received),
        Given::Turn(given) => {
            assert!(given.tls.is_none());
            (given.stream, given.received)
        }
    };
    stream.set_nonblocking(false).expect("it is open");
    stream.set_read_timeout(Some(PATIENCE)).expect("it is open");
    let mut rest = vec![0; sent.len() - received.len()];
    (&stream).read_exact(&mut rest).expect("it has come");
    assert_eq!([received, rest].concat(), sent);
    (&stream).write_all(b"answer").expect("it is open");
    let mut answer = [0; 6];
    client.read_exact(&mut answer).await.expect("it comes");
    assert_eq!(&answer, b"answer");
}

/// The same in TLS.
async fn talk_on_in_tls(mut client: TlsStream<TcpStream>, given: Given) {
    let Given::Turn(mut given) = given else {
        panic!("it speaks TURN");
    };
    let mut tls = given.tls.expect("it has TLS");
    // Whoever waits for the socket would not hear of what is decrypted already.
    assert!(given.received.is_empty() || given.received == ALLOCATE);
    assert!(tls.reader().read(&mut [0; 1]).is_err());
    given.stream.set_nonblocking(false).expect("it is open");
    client.write_all(b"more").await.expect("it is open");
    let wanted = [ALLOCATE, b"more"].concat();
    let given = spawn_blocking(move || {
        while given.received.len() < wanted.len() {
            tls.read_tls(&mut given.stream).expect("it comes");
            tls.process_new_packets().expect("it is well encrypted");
            let _ = tls.reader().read_to_end(&mut given.received);
        }
        assert_eq!(given.received, wanted);
        tls.writer().write_all(b"answer").expect("there is room");
        while tls.wants_write() {
            tls.write_tls(&mut given.stream).expect("it is open");
        }
        given.stream
    });
    let mut answer = [0; 6];
    client.read_exact(&mut answer).await.expect("it comes");
    assert_eq!(&answer, b"answer");
    given.await.expect("it holds");
}

const FIRST_BYTES: Duration = Duration::from_millis(150);
const HANDSHAKE: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(10);
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
/// Without a signature.
const ALLOCATE: &[u8] =
    b"\x00\x03\x00\x08\x21\x12\xa4\x42transaction!\x00\x19\x00\x04\x11\x00\x00\x00";
