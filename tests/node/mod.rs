//! A running server, as its clients and Prometheus meet it.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use signaling::access::{
    DevelopmentKey, NewToken, Nonce, ProofPurpose, Thumbprint, UnixTime, signed_content,
};
use signaling::protocol::Role;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

/// The server; it ends when this is dropped.
pub struct Node {
    process: Child,
    key: DevelopmentKey,
    folder: PathBuf,
    pub clients: SocketAddr,
    pub metrics: SocketAddr,
}

impl Node {
    /// `name` is the test's own; `settings` are added to those that every
    /// server here has, and begin with what is of `[http]`; `level` is that of
    /// the log.
    ///
    /// Whoever is gone is gone: no place is kept.
    pub fn start(name: &str, settings: &str, level: &str) -> Self {
        Self::start_keeping_places(name, settings, level, 0)
    }

    /// Keeps the places of those whose sockets broke for so many seconds.
    pub fn start_keeping_places(name: &str, settings: &str, level: &str, seconds: u16) -> Self {
        let rooms = format!("resume_seconds = {seconds}\n");
        Self::start_with_rooms(name, &rooms, settings, level)
    }

    /// `rooms` are settings of `[rooms]`.
    pub fn start_with_rooms(name: &str, rooms: &str, settings: &str, level: &str) -> Self {
        Self::start_with_media(name, "", rooms, settings, level)
    }

    /// `media` are settings of `[media]`.
    pub fn start_with_media(
        name: &str,
        media: &str,
        rooms: &str,
        settings: &str,
        level: &str,
    ) -> Self {
        // Another test may take the port for metrics between its choice and use.
        (0..5)
            .find_map(|_| Self::try_start(name, media, rooms, settings, level))
            .unwrap_or_else(|| panic!("the server {name} does not start; see its log"))
    }

    fn try_start(
        name: &str,
        media: &str,
        rooms: &str,
        settings: &str,
        level: &str,
    ) -> Option<Self> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("node")
            .join(name);
        fs::create_dir_all(&folder).expect("it is writable");
        let key = clinic_key(&folder);
        let jwks = folder.join("keys.json");
        fs::write(&jwks, key.to_jwks()).expect("it is writable");
        let metrics = free_port();
        let config = format!(
            "[media]\naddresses = [\"127.0.0.1\"]\nport = 0\nworkers = 1\n{media}\
             [access]\njwks = \"{}\"\n\
             [rooms]\nencryption = \"optional\"\n{rooms}\
             [metrics]\nlisten = \"{metrics}\"\n\
             [http]\nlisten = \"127.0.0.1:0\"\n{settings}",
            jwks.display()
        );
        let config_file = folder.join("quietroom.toml");
        fs::write(&config_file, config).expect("it is writable");
        let log = File::create(folder.join("log")).expect("it is writable");
        let mut process = Command::new(env!("CARGO_BIN_EXE_quietroom"))
            .args(["serve", "--config"])
            .arg(config_file)
            .env("RUST_LOG", level)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the binary is built");
        let output = process.stdout.take().expect("stdout is piped");
        let line = BufReader::new(output)
            .lines()
            .map_while(Result::ok)
            .find(|line| line.contains("http://"));
        let Some(line) = line else {
            let _ = process.wait();
            return None;
        };
        let after_host = line.rsplit_once(':').expect("the line has a port").1;
        let port = after_host.trim_end_matches('/').parse();
        Some(Self {
            process,
            key,
            folder,
            clients: (Ipv4Addr::LOCALHOST, port.expect("a port")).into(),
            metrics,
        })
    }

    /// A token for an hour, for somebody who is only an id.
    pub fn token_of(&self, room: &str, role: Role, id: &str, key: Option<Thumbprint>) -> String {
        self.key.mint(&NewToken {
            subject: &format!("subject-{id}"),
            room,
            role,
            issued_at: UnixTime::now(),
            lifetime_seconds: 3_600,
            token_id: &format!("token-id-{id}"),
            key,
        })
    }

    /// What it holds in memory, in bytes.
    pub fn memory(&self) -> u64 {
        let status = format!("/proc/{}/status", self.process.id());
        let status = fs::read_to_string(status).expect("the server runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kilobytes.expect("Linux says how much") * 1_024
    }

    /// The folder of the node's files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What has been logged up to now.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).expect("it is there")
    }

    pub fn token(&self, room: &str) -> String {
        self.token_at(room, UnixTime::now())
    }

    /// A token for an hour from then on.
    pub fn token_at(&self, room: &str, issued_at: UnixTime) -> String {
        mint(&self.key, room, issued_at)
    }

    /// All samples, by name and labels as they stand on the page.
    pub fn scrape(&self) -> BTreeMap<String, f64> {
        self.metrics_page()
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| {
                let (name, value) = line.rsplit_once(' ').expect("a sample has a value");
                (name.to_owned(), value.parse().expect("values are numbers"))
            })
            .collect()
    }

    pub fn metrics_page(&self) -> String {
        let response = get(self.metrics, "/metrics");
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
        let (_, body) = response.split_once("\r\n\r\n").expect("it has a body");
        body.to_owned()
    }

    /// Scrapes until the samples are as they should be.
    pub async fn settle(
        &self,
        what: &str,
        done: impl Fn(&BTreeMap<String, f64>) -> bool,
    ) -> BTreeMap<String, f64> {
        let start = Instant::now();
        loop {
            let samples = self.scrape();
            if done(&samples) {
                return samples;
            }
            assert!(start.elapsed() < PATIENCE, "{what}: {samples:#?}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn connect(&self) -> Client {
        self.connect_from(Ipv4Addr::LOCALHOST.into())
            .await
            .expect("the server speaks websocket")
    }

    /// Connects from an address of the loopback.
    pub async fn connect_from(&self, source: IpAddr) -> Result<Client, Error> {
        let socket = TcpSocket::new_v4().expect("there are sockets");
        socket
            .bind(SocketAddr::new(source, 0))
            .expect("the loopback has many addresses");
        self.connect_by(socket).await
    }

    pub async fn connect_by(&self, socket: TcpSocket) -> Result<Client, Error> {
        let stream = socket.connect(self.clients).await.expect("it listens");
        let mut request = format!("ws://{}/v1/signal", self.clients)
            .into_client_request()
            .expect("the address is good");
        let protocol = "quietroom.v1".parse().expect("it fits a header");
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        let (stream, _) = tokio_tungstenite::client_async(request, stream).await?;
        Ok(Client {
            stream,
            resume_secret: None,
            relay_pass: None,
        })
    }

    pub async fn join(&self, room: &str) -> Client {
        self.join_from(Ipv4Addr::LOCALHOST.into(), room).await.0
    }

    /// The participant's id too.
    pub async fn join_from(&self, source: IpAddr, room: &str) -> (Client, String) {
        let mut client = self
            .connect_from(source)
            .await
            .expect("the server speaks websocket");
        let token = self.token(room);
        client.send(&json!({"type": "join", "token": token})).await;
        let joined = client.expect("joined").await;
        client.resume_secret = joined["resume"]["secret"].as_str().map(String::from);
        client.note_relays(&joined);
        let id = joined["participantId"].as_str().expect("it has an id");
        (client, id.to_owned())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One websocket.
pub struct Client {
    pub stream: WebSocketStream<TcpStream>,
    /// Once it has joined, if its place is kept.
    pub resume_secret: Option<String>,
    /// The first relay's user name and password.
    pub relay_pass: Option<[String; 2]>,
}

impl Client {
    /// Takes note of what a message has of relays; gives it.
    pub fn note_relays(&mut self, message: &Value) -> Option<[String; 2]> {
        let relay = message["iceServers"].get(0)?;
        let text = |field: &str| relay[field].as_str().map(String::from);
        self.relay_pass = Some([text("username")?, text("credential")?]);
        self.relay_pass.clone()
    }

    pub async fn send(&mut self, message: &Value) {
        self.stream
            .send(Message::text(message.to_string()))
            .await
            .expect("the socket is open");
    }

    /// Sends an offer that Chromium made, and gives it with its answer.
    pub async fn negotiate(&mut self) -> (String, String) {
        let offer = offer();
        self.send(&offer).await;
        let answer = self.expect("answer").await;
        let text = |value: &Value| value["sdp"].as_str().expect("it has SDP").to_owned();
        (text(&offer), text(&answer))
    }

    /// The next message of this kind.
    pub async fn expect(&mut self, kind: &str) -> Value {
        let wait = async {
            loop {
                match self.stream.next().await {
                    Some(Ok(Message::Text(text))) => {
                        let message: Value =
                            serde_json::from_str(&text).expect("messages are JSON");
                        if message["type"] == kind {
                            return message;
                        }
                    }
                    Some(Ok(_)) => {}
                    other => panic!("{kind} should come, not {other:?}"),
                }
            }
        };
        timeout(PATIENCE, wait)
            .await
            .unwrap_or_else(|_| panic!("{kind} should come"))
    }

    /// Sends `join` with this token.
    pub async fn ask_to_join(&mut self, token: &str) {
        self.send(&json!({"type": "join", "token": token})).await;
    }

    pub async fn expect_fatal(&mut self, code: &str) {
        let error = self.expect("error").await;
        assert_eq!(error["code"], code, "{error}");
        assert_eq!(error["fatal"], true, "{error}");
        self.expect_end().await;
    }

    pub async fn expect_end(&mut self) {
        let end = async { while let Some(Ok(_)) = self.stream.next().await {} };
        timeout(PATIENCE, end).await.expect("the socket is closed");
    }
}

/// What a browser has.
pub struct BrowserKey(Ed25519KeyPair);

impl BrowserKey {
    pub fn new() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).expect("random");
        Self(Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8.as_ref()).expect("a key"))
    }

    pub fn public(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.public_key())
    }

    pub fn thumbprint(&self) -> Thumbprint {
        let public = self.0.public_key().as_ref().try_into();
        Thumbprint::of_ed25519(public.expect("it has 32 bytes"))
    }

    /// That a token's bearer has this key, for the socket that gave the nonce.
    pub fn prove(&self, nonce: &Value, room: &str, token: &str) -> Value {
        let nonce = URL_SAFE_NO_PAD.decode(nonce.as_str().expect("text"));
        let nonce = nonce.expect("base64url").try_into().expect("32 bytes");
        let signed = signed_content(ProofPurpose::Join, &Nonce::new(nonce), room, token);
        let signature = URL_SAFE_NO_PAD.encode(self.0.sign(&signed));
        let key = json!({"kty": "OKP", "crv": "Ed25519", "x": self.public()});
        json!({"key": key, "signature": signature})
    }
}

pub fn mint(key: &DevelopmentKey, room: &str, issued_at: UnixTime) -> String {
    key.mint(&NewToken {
        subject: "subject-of-the-token",
        room,
        role: Role::Client,
        issued_at,
        lifetime_seconds: 3_600,
        token_id: "id-of-the-token",
        key: None,
    })
}

/// The key of the node's clinic, which outlives the node.
fn clinic_key(folder: &Path) -> DevelopmentKey {
    let file = folder.join("clinic-key.pem");
    let kept = fs::read_to_string(&file).ok();
    let kept = kept.and_then(|pem| DevelopmentKey::from_pem(&pem).ok());
    kept.unwrap_or_else(|| {
        let key = DevelopmentKey::generate();
        fs::write(file, key.to_pem()).expect("it is writable");
        key
    })
}

pub fn offer() -> Value {
    let text = include_str!("../../signaling/tests/fixtures/chromium-trimmed-2.json");
    let mut offer: Value = serde_json::from_str(text).expect("the fixture is JSON");
    offer["type"] = "offer".into();
    offer
}

/// Calls the API. Gives the status and the body, or what broke off.
pub fn call(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> std::io::Result<(u16, String)> {
    let mut stream = std::net::TcpStream::connect(address)?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    match status {
        Some(status) => Ok((status, body.to_owned())),
        None => Err(std::io::ErrorKind::UnexpectedEof.into()),
    }
}

pub fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).expect("it listens");
    stream
        .write_all(
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                .as_bytes(),
        )
        .expect("it reads");
    let mut response = Vec::new();
    stream.read_to_end(&mut response).expect("it answers");
    String::from_utf8_lossy(&response).into_owned()
}

fn free_port() -> SocketAddr {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback has ports");
    port.local_addr().expect("it is bound")
}

/// Far beyond what anything here takes.
pub const PATIENCE: Duration = Duration::from_secs(30);
