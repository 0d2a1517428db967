//! A real server with real websockets, over a media plane that only listens.

#![allow(dead_code, reason = "each test uses a part of it")]

pub mod relays;
pub mod role;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use relays::OneRelay;
use serde_json::{Value, json};
use sfu::identity::ParticipantId;
use sfu::transport::Fingerprint;
use sfu::worker::command::{Command, WorkerAddress};
use signaling::MediaPlane;
use signaling::access::{
    AccessPolicy, DevelopmentKey, KeySet, NewToken, ParticipantSalt, UnixTime,
};
use signaling::audit::AuditLog;
use signaling::clinic::{Clinic, ClinicSettings};
use signaling::limits::{Limits, TrustedProxies};
use signaling::protocol::Role;
use signaling::room::{RoomSize, SecondDevice, SessionPolicy, Sessions};
use signaling::sdp::VideoCodecs;
use signaling::socket::{AllowedOrigins, Encryption, Service, Settings, Timing};
use signaling::store::Store;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

pub struct Server {
    pub address: SocketAddr,
    pub key: DevelopmentKey,
    pub plane: Arc<Listener>,
    pub relays: Arc<OneRelay>,
    pub service: Service,
}

/// A media plane of two workers that notes its commands.
pub struct Listener {
    address: WorkerAddress,
    commands: Mutex<Vec<(usize, Command)>>,
}

impl Listener {
    pub fn commands(&self) -> Vec<(usize, Command)> {
        self.commands.lock().expect("no test panics here").clone()
    }
}

impl MediaPlane for Listener {
    fn workers(&self) -> usize {
        2
    }

    fn address(&self, _worker: usize) -> &WorkerAddress {
        &self.address
    }

    fn send(&self, worker: usize, command: Command) {
        self.commands
            .lock()
            .expect("no test panics here")
            .push((worker, command));
    }
}

impl Server {
    pub async fn start() -> Self {
        Self::start_limited(Limits::default()).await
    }

    pub async fn start_limited(limits: Limits) -> Self {
        let timing = Timing {
            ping_interval: Duration::from_millis(300),
            resume_window: Duration::ZERO,
            ..Timing::default()
        };
        Self::start_with(timing, limits).await
    }

    pub async fn start_with(timing: Timing, limits: Limits) -> Self {
        let rules = (AccessPolicy::default(), SessionPolicy::default());
        Self::start_ruled(timing, limits, rules).await
    }

    /// With rules for tokens and for rooms.
    pub async fn start_ruled(
        timing: Timing,
        limits: Limits,
        (access, policy): (AccessPolicy, SessionPolicy),
    ) -> Self {
        Self::start_with_devices(timing, limits, (access, policy), SecondDevice::Allow).await
    }

    /// And with one for those who come twice.
    pub async fn start_with_devices(
        timing: Timing,
        limits: Limits,
        (access, policy): (AccessPolicy, SessionPolicy),
        second_device: SecondDevice,
    ) -> Self {
        let rules = ClinicSettings {
            require_session: false,
            open_rooms: policy,
            retention: Duration::from_hours(1),
        };
        let sessions = Arc::new(Clinic::new(Arc::new(Store::in_memory()), rules));
        Self::start_beside(timing, limits, access, second_device, sessions).await
    }

    /// With somebody else's word of who may come, and what is on record.
    pub async fn start_beside(
        timing: Timing,
        limits: Limits,
        access: AccessPolicy,
        second_device: SecondDevice,
        sessions: Arc<dyn Sessions>,
    ) -> Self {
        let key = DevelopmentKey::generate();
        let keys = KeySet::from_json(&key.to_jwks()).expect("the key is good");
        let plane = Arc::new(Listener {
            address: WorkerAddress {
                candidates: vec!["192.0.2.1:8443".parse().expect("an address")],
                tcp_candidates: Vec::new(),
                ufrag_prefix: String::new(),
                fingerprint: Fingerprint([7; 32]),
            },
            commands: Mutex::default(),
        });
        let relays = Arc::new(OneRelay::default());
        let settings = Settings {
            allowed_origins: AllowedOrigins::default(),
            trusted_proxies: TrustedProxies::default(),
            room_size: RoomSize {
                people: 3,
                screens: 1,
            },
            video_codecs: VideoCodecs::default(),
            encryption: Encryption::Optional,
            access,
            second_device,
            limits,
            timing,
            relays: relays.clone(),
        };
        let record = Arc::new(AuditLog);
        let service = Service::with_sessions(settings, keys, plane.clone(), sessions, record);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("the loopback has ports");
        let address = listener.local_addr().expect("it is bound");
        let router = service.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            address,
            key,
            plane,
            relays,
            service,
        }
    }

    pub fn token(&self, room: &str) -> String {
        self.token_at(room, UnixTime::now())
    }

    pub fn token_at(&self, room: &str, issued_at: UnixTime) -> String {
        self.key.mint(&new_token(room, issued_at))
    }

    pub async fn connect(&self) -> Client {
        let socket = TcpSocket::new_v4().expect("there are sockets");
        self.connect_by(socket).await
    }

    pub async fn connect_by(&self, socket: TcpSocket) -> Client {
        let mut client = self.open(socket).await;
        let challenge = client.expect("challenge").await;
        client.nonce = String::from(challenge["nonce"].as_str().expect("text"));
        client
    }

    /// A socket on which nothing was read yet.
    pub async fn open(&self, socket: TcpSocket) -> Client {
        let stream = socket.connect(self.address).await.expect("it listens");
        let request = self.request(Some("quietroom.v1"), None);
        let (stream, _) = tokio_tungstenite::client_async(request, stream)
            .await
            .expect("the server speaks websocket");
        Client {
            stream,
            joined: Value::Null,
            nonce: String::new(),
            chosen: String::new(),
            salt: fresh_salt(),
        }
    }

    pub async fn join(&self, room: &str) -> Client {
        let client = self.connect().await;
        self.admit(client, room).await
    }

    pub async fn join_with_small_buffers(&self, room: &str) -> Client {
        let socket = TcpSocket::new_v4().expect("there are sockets");
        socket
            .set_recv_buffer_size(4_096)
            .expect("the size is allowed");
        let client = self.connect_by(socket).await;
        self.admit(client, room).await
    }

    pub async fn admit(&self, mut client: Client, room: &str) -> Client {
        let token = self.token(room);
        let join = client.join(&token, "t");
        client.send(&join).await;
        client.joined = client.expect("joined").await;
        client
    }

    pub async fn refuse(&self, room: &str, code: &str) {
        let mut socket = self.connect().await;
        let token = self.token(room);
        socket.send(&json!({"type": "join", "token": token})).await;
        socket.expect_fatal(code).await;
    }

    /// The status of a handshake that fails.
    pub async fn refused(&self, protocol: Option<&str>, origin: Option<&str>) -> u16 {
        self.refusal(protocol, origin).await.status().as_u16()
    }

    /// The answer to a handshake that fails.
    pub async fn refusal(&self, protocol: Option<&str>, origin: Option<&str>) -> Response {
        let stream = TcpStream::connect(self.address).await.expect("it listens");
        let request = self.request(protocol, origin);
        match tokio_tungstenite::client_async(request, stream).await {
            Err(Error::Http(response)) => *response,
            other => panic!("the handshake should fail with a status: {other:?}"),
        }
    }

    pub fn request(
        &self,
        protocol: Option<&str>,
        origin: Option<&str>,
    ) -> tokio_tungstenite::tungstenite::handshake::client::Request {
        let mut request = format!("ws://{}/v1/signal", self.address)
            .into_client_request()
            .expect("the address is good");
        let headers = request.headers_mut();
        if let Some(protocol) = protocol {
            let value = protocol.parse().expect("it fits a header");
            headers.insert("sec-websocket-protocol", value);
        }
        if let Some(origin) = origin {
            headers.insert("origin", origin.parse().expect("it fits a header"));
        }
        request
    }
}

pub struct Client {
    pub stream: WebSocketStream<TcpStream>,
    pub joined: Value,
    /// What a proof of possession on this socket must sign.
    pub nonce: String,
    /// The id it asked for, if it did, and what that was made with.
    pub chosen: String,
    pub salt: ParticipantSalt,
}

impl Client {
    /// `join` under an id that the test knows.
    pub fn join(&mut self, token: &str, token_id: &str) -> Value {
        self.chosen = self.salt.participant_id(None, token_id).to_string();
        let salt = self.salt.to_string();
        json!({
            "type": "join", "token": token,
            "participantId": self.chosen, "participantSalt": salt,
        })
    }

    pub fn id(&self) -> &str {
        self.joined["participantId"]
            .as_str()
            .expect("it has joined")
    }

    pub fn number(&self) -> ParticipantId {
        ParticipantId(u64::from_str_radix(self.id(), 16).expect("ids are hexadecimal"))
    }

    pub async fn send(&mut self, message: &Value) {
        self.send_raw(Message::text(message.to_string())).await;
    }

    /// Sends unless the server has closed the socket.
    pub async fn send_if_open(&mut self, message: &Value) {
        let _ = self.stream.send(Message::text(message.to_string())).await;
    }

    /// The next message that is not only a sign of life, or `None` at the end.
    pub async fn receive_or_end(&mut self) -> Option<Value> {
        loop {
            match timeout(PATIENCE, self.stream.next())
                .await
                .expect("it answers")
            {
                Some(Ok(Message::Text(text))) => {
                    let message: Value = serde_json::from_str(&text).expect("messages are JSON");
                    if message["type"] != "ack" {
                        return Some(message);
                    }
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                _ => return None,
            }
        }
    }

    pub async fn send_raw(&mut self, message: Message) {
        self.stream.send(message).await.expect("the socket is open");
    }

    pub async fn offer(&mut self) {
        self.send(&offer()).await;
    }

    /// The same offer again, with other ICE credentials.
    pub async fn restart(&mut self, round: u32) {
        let mut offer = offer();
        let sdp = offer["sdp"].as_str().expect("an offer has SDP");
        let fresh = sdp
            .replace("a=ice-ufrag:", &format!("a=ice-ufrag:{round:04}"))
            .replace("a=ice-pwd:", &format!("a=ice-pwd:{round:04}"));
        offer["sdp"] = fresh.into();
        self.send(&offer).await;
    }

    /// The next message that is not only a sign of life.
    pub async fn receive(&mut self) -> Value {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => {
                    let message: Value = serde_json::from_str(&text).expect("messages are JSON");
                    if message["type"] != "ack" {
                        return message;
                    }
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("a message should come, not {other:?}"),
            }
        }
    }

    pub async fn expect(&mut self, kind: &str) -> Value {
        let message = timeout(PATIENCE, self.receive())
            .await
            .unwrap_or_else(|_| panic!("{kind} should come"));
        assert_eq!(message["type"], kind, "{message}");
        message
    }

    /// The answer; what everybody decodes comes before it and is passed over.
    pub async fn expect_answer(&mut self) -> Value {
        loop {
            let message = timeout(PATIENCE, self.receive())
                .await
                .expect("an answer should come");
            let kind = message["type"].as_str();
            if !matches!(kind, Some("audio-codecs" | "video-codecs")) {
                assert_eq!(kind, Some("answer"), "{message}");
                return message;
            }
        }
    }

    pub async fn expect_fatal(&mut self, code: &str) {
        let error = self.expect("error").await;
        assert_eq!(error["code"], code, "{error}");
        assert_eq!(error["fatal"], true, "{error}");
        self.expect_end().await;
    }

    /// The code that the socket is closed with, as the next that comes.
    pub async fn close_code(&mut self) -> CloseCode {
        let code = async {
            loop {
                match self.stream.next().await {
                    Some(Ok(Message::Close(Some(frame)))) => return frame.code,
                    Some(Ok(Message::Ping(_))) => {}
                    Some(Ok(Message::Text(text))) if text.contains("\"ack\"") => {}
                    other => panic!("{other:?} instead of a close frame"),
                }
            }
        };
        timeout(PATIENCE, code).await.expect("the socket is closed")
    }

    pub async fn expect_end(&mut self) {
        let end = async {
            while let Some(Ok(message)) = self.stream.next().await {
                let is_ack = |text: &str| text.starts_with("{\"type\":\"ack\"");
                assert!(
                    !message.is_text() || message.to_text().is_ok_and(is_ack),
                    "nothing follows: {message}"
                );
            }
        };
        timeout(PATIENCE, end).await.expect("the socket is closed");
    }

    pub async fn expect_nothing(&mut self) {
        let message = timeout(Duration::from_millis(200), self.receive()).await;
        assert!(message.is_err(), "{message:?}");
    }
}

fn offer() -> Value {
    let mut offer: Value =
        serde_json::from_str(include_str!("../fixtures/chromium-trimmed-2.json"))
            .expect("the fixture is JSON");
    offer["type"] = "offer".into();
    offer
}

/// Of somebody who only sends, and so little.
pub fn microphone_offer() -> Value {
    let mut offer = offer();
    let microphone = offer["publications"][0].clone();
    assert_eq!(microphone["source"], "microphone");
    offer["publications"] = json!([microphone]);
    offer["slots"] = json!([]);
    offer["screenSlots"] = json!([]);
    offer
}

/// Another one each time.
fn fresh_salt() -> ParticipantSalt {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    ParticipantSalt::new(u128::from(count).to_be_bytes())
}

pub fn new_token(room: &str, issued_at: UnixTime) -> NewToken<'_> {
    NewToken {
        subject: "s",
        room,
        role: Role::Client,
        issued_at,
        lifetime_seconds: 3_600,
        token_id: "t",
        key: None,
    }
}

/// Far beyond what anything here takes.
pub const PATIENCE: Duration = Duration::from_secs(20);
