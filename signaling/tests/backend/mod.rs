//! The REST API on a real socket, before rooms that note what is asked of them.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::Value;
use sfu::identity::ParticipantId;
use signaling::access::{DevelopmentKey, KeySet, NewToken, UnixTime};
use signaling::api::{Api, ApiSettings, LiveParticipant, LiveRooms};
use signaling::audit::{AuditEvent, AuditSink};
use signaling::clinic::{Clinic, ClinicSettings, Scope};
use signaling::limits::{Rate, TrustedProxies};
use signaling::protocol::Role;
use signaling::room::{Bearer, NoEntry, SessionPolicy, Sessions};
use signaling::store::Store;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// In each room.
pub const ANN: u64 = 0xa1;

pub struct Server {
    pub address: SocketAddr,
    pub store: Arc<Store>,
    pub clinic: Clinic,
    pub rooms: Arc<Rooms>,
    pub audit: Arc<Audit>,
}

impl Server {
    pub async fn start() -> Self {
        Self::with_rate(Rate {
            per_second: 1_000,
            burst: 10_000,
        })
        .await
    }

    pub async fn with_rate(rate: Rate) -> Self {
        let store = Arc::new(Store::in_memory());
        let clinic = Clinic::new(
            store.clone(),
            ClinicSettings {
                require_session: true,
                open_rooms: SessionPolicy::default(),
                retention: Duration::from_hours(24),
            },
        );
        let (rooms, audit) = (Arc::new(Rooms::default()), Arc::new(Audit::default()));
        let settings = ApiSettings {
            requests: rate,
            refusals: rate,
            trusted_proxies: TrustedProxies::default(),
        };
        let api = Api::new(settings, clinic.clone(), rooms.clone(), audit.clone());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("the loopback has ports");
        let address = listener.local_addr().expect("it is bound");
        let router = api.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            address,
            store,
            clinic,
            rooms,
            audit,
        }
    }

    pub fn key(&self, scopes: &[Scope]) -> String {
        let key = self
            .store
            .create_api_key("test", scopes, UnixTime::now(), None);
        key.expect("it is made").text.to_string()
    }

    pub async fn call(&self, key: &str, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let headers = format!("Authorization: Bearer {key}\r\n");
        self.send(method, path, &headers, body).await
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: Option<&Value>,
    ) -> Answer {
        exchange(self.address, method, path, headers, body).await
    }

    /// The new session's id.
    pub async fn open(&self, key: &str, new: &Value) -> String {
        let opened = self.call(key, "POST", "/v1/sessions", Some(new)).await;
        assert_eq!(opened.status, 201, "{}", opened.body);
        opened.json()["id"]
            .as_str()
            .expect("it has an id")
            .to_owned()
    }

    pub fn enter(&self, room: &str) -> Result<SessionPolicy, NoEntry> {
        let key = DevelopmentKey::generate();
        let token = key.mint(&NewToken {
            subject: "s",
            room,
            role: Role::Client,
            issued_at: UnixTime::now(),
            lifetime_seconds: 60,
            token_id: "t",
            key: None,
        });
        let keys = KeySet::from_json(&key.to_jwks()).expect("the key is good");
        let admission = keys.verify(&token, UnixTime::now());
        let admission = admission.expect("the token is good");
        self.clinic
            .enter(&admission, UnixTime::now())
            .map(|entry| entry.policy)
    }
}

/// Rooms in each of which is Ann; they note what is asked of them.
#[derive(Debug, Default)]
pub struct Rooms {
    calls: Mutex<Vec<String>>,
    held: Mutex<bool>,
    released: Condvar,
}

impl Rooms {
    pub fn calls(&self) -> Vec<String> {
        self.calls.lock().expect("nobody panics").clone()
    }

    pub fn note(&self, call: String) {
        self.calls.lock().expect("nobody panics").push(call);
        let held = self.held.lock().expect("nobody panics");
        drop(self.released.wait_while(held, |held| *held));
    }

    pub fn hold(&self) {
        *self.held.lock().expect("nobody panics") = true;
    }

    pub fn release(&self) {
        *self.held.lock().expect("nobody panics") = false;
        self.released.notify_all();
    }

    pub async fn wait_for_call(&self) {
        while self.calls().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

impl LiveRooms for Rooms {
    fn participants(&self, _room: &str) -> Vec<LiveParticipant> {
        vec![LiveParticipant {
            id: ParticipantId(ANN),
            role: Role::Client,
            subject: "s".into(),
            token_id: "t".into(),
            joined: UnixTime(1_800_000_000),
        }]
    }

    fn waiting(&self, _room: &str) -> Vec<LiveParticipant> {
        Vec::new()
    }

    fn bearer(&self, _room: &str, participant: ParticipantId) -> Option<Bearer> {
        (participant == ParticipantId(ANN)).then(|| Bearer {
            id: participant,
            role: Role::Client,
            subject: "s".into(),
            token_id: "t".into(),
        })
    }

    fn remove(&self, room: &str, token_id: &str) {
        self.note(format!("remove {room} {token_id}"));
    }

    fn open(&self, _room: &str, _session: &str) {}

    fn end(&self, room: &str) {
        self.note(format!("end {room}"));
    }
}

#[derive(Debug, Default)]
pub struct Audit(Mutex<Vec<AuditEvent>>);

impl Audit {
    pub fn events(&self) -> Vec<AuditEvent> {
        self.0.lock().expect("nobody panics").clone()
    }
}

impl AuditSink for Audit {
    fn record(&self, event: &AuditEvent) {
        self.0.lock().expect("nobody panics").push(event.clone());
    }
}

pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{}", self.body))
    }

    /// The kind of problem.
    pub fn kind(&self) -> String {
        let kind = self.json()["type"]
            .as_str()
            .expect("it is a problem")
            .to_owned();
        kind.trim_start_matches("/v1/problems/").to_owned()
    }
}

pub async fn exchange(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: Option<&Value>,
) -> Answer {
    match body {
        Some(body) => {
            let headers = format!("{headers}Content-Type: application/json\r\n");
            raw(address, method, path, &headers, &body.to_string()).await
        }
        None => raw(address, method, path, headers, "").await,
    }
}

pub async fn raw(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> Answer {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    // One that was not read to its end is reset.
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).expect("answers are text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("it has a head");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    Answer {
        status: status
            .and_then(|status| status.parse().ok())
            .expect("a status"),
        headers: lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect(),
        body: body.to_owned(),
    }
}
