//! The service as a whole.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use axum::Extension;
use axum::Router;
use axum::extract::State;
use axum::extract::ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sfu::identity::ParticipantId;
use sfu::worker::event::Event;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::line::Line;
use super::network_test::NetworkTests;
use super::origin::AllowedOrigins;
use super::register::{Register, RegisterSettings};
use super::relay_pass::requested_host;
use super::session;
use super::statistics::{Counters, JoinOutcome, Statistics};
use crate::MediaPlane;
use crate::access::{
    AccessPolicy, Admission, Keys, Nonce, Permissions, ProofPurpose, TokenError, TokenLedger,
    UnixTime, verify_proof,
};
use crate::api::{LiveParticipant, LiveRooms};
use crate::audit::{AuditLog, AuditSink};
use crate::clinic::{Clinic, ClinicSettings};
use crate::limits::{Connection, Limits, Source, SourceBuckets, TrustedProxies};
use crate::protocol::{JoinProof, SUBPROTOCOL};
use crate::relays::Relays;
use crate::room::{Bearer, RoomSize, SecondDevice, SessionPolicy, Sessions};
use crate::sdp::VideoCodecs;
use crate::store::Store;

/// What may be set.
#[derive(Clone, Debug)]
pub struct Settings {
    pub allowed_origins: AllowedOrigins,
    /// Who may say for whom a connection counts.
    pub trusted_proxies: TrustedProxies,
    pub room_size: RoomSize,
    pub video_codecs: VideoCodecs,
    pub encryption: Encryption,
    pub access: AccessPolicy,
    pub second_device: SecondDevice,
    pub limits: Limits,
    pub timing: Timing,
    pub relays: Arc<dyn Relays>,
}

/// Who may join without taking part in the group that encrypts the session.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Encryption {
    /// Nobody.
    #[default]
    Required,
    /// Anybody: for tools that measure, never for sessions.
    Optional,
}

/// How patient the service is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timing {
    /// From the open socket to the `join` message.
    pub join_deadline: Duration,
    /// Between pings.
    pub ping_interval: Duration,
    /// Without a sign of life, and for a message to be taken.
    pub silence_limit: Duration,
    /// How long a stay is kept without a socket, in whole seconds; zero: not
    /// at all.
    pub resume_window: Duration,
    /// How long credentials for relays are good, in whole seconds; they are
    /// renewed in time.
    pub relay_credentials: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            join_deadline: Duration::from_secs(10),
            ping_interval: Duration::from_secs(5),
            silence_limit: Duration::from_secs(15),
            resume_window: Duration::from_secs(30),
            relay_credentials: Duration::from_hours(1),
        }
    }
}

/// Everything the sockets share. Clones are one service.
#[derive(Clone, Debug)]
pub struct Service {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    keys: Keys,
    sessions: Arc<dyn Sessions>,
    plane: Arc<dyn MediaPlane>,
    network_tests: NetworkTests,
    tokens: Mutex<TokenLedger>,
    register: Mutex<Register>,
    joins: Mutex<SourceBuckets>,
    counters: Counters,
    going_down: watch::Sender<bool>,
    /// Open sockets, joined or not.
    sockets: watch::Sender<usize>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Service {
    /// A service whose rooms nobody has to open, and whose record is the log.
    pub fn new(settings: Settings, keys: impl Into<Keys>, plane: Arc<dyn MediaPlane>) -> Self {
        let rules = ClinicSettings {
            require_session: false,
            open_rooms: SessionPolicy::default(),
            retention: Duration::from_hours(24),
        };
        let sessions = Arc::new(Clinic::new(Arc::new(Store::in_memory()), rules));
        Self::with_sessions(settings, keys, plane, sessions, Arc::new(AuditLog))
    }

    /// Within a tokio runtime, rooms see by themselves what is due.
    pub fn with_sessions(
        settings: Settings,
        keys: impl Into<Keys>,
        plane: Arc<dyn MediaPlane>,
        sessions: Arc<dyn Sessions>,
        audit: Arc<dyn AuditSink>,
    ) -> Self {
        let rooms = RegisterSettings {
            size: settings.room_size,
            limits: settings.limits,
            resume_window: settings.timing.resume_window,
            host_permissions: settings.access.roles.host.permissions,
            second_device: settings.second_device,
            relay_credentials: settings.timing.relay_credentials,
        };
        let relays = settings.relays.clone();
        let register = Register::new(plane.clone(), sessions.clone(), audit, relays, rooms);
        let register = Mutex::new(register);
        let shared = Arc::new(Shared {
            joins: Mutex::new(SourceBuckets::new(settings.limits.joins)),
            settings,
            keys: keys.into(),
            sessions,
            plane,
            network_tests: NetworkTests::new(),
            tokens: Mutex::default(),
            register,
            counters: Counters::default(),
            going_down: watch::Sender::new(false),
            sockets: watch::Sender::new(0),
        });
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(keep_time(Arc::downgrade(&shared)));
        }
        Self { shared }
    }

    /// The routes: `/v1/signal`. Requests carry the [`Connection`] they came
    /// on as an extension; all that lack it count as one source.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/v1/signal", get(open))
            .with_state(self.clone())
    }

    /// What has been counted up to now.
    pub fn statistics(&self) -> Statistics {
        let (rooms, participants) = {
            let register = self.register();
            (register.rooms(), register.participants())
        };
        let counters = self.counters();
        Statistics {
            rooms,
            participants,
            sockets: *self.shared.sockets.borrow(),
            joins: counters.joins(),
            given_up: counters.given_up(),
            messages_dropped: counters.messages_dropped(),
        }
    }

    /// Takes in what a worker says.
    pub fn handle_media_event(&self, event: Event) {
        match event {
            Event::Connected {
                participant,
                profile,
            } => tracing::info!(%participant, ?profile, "media connected"),
            Event::Paused {
                subscriber,
                publisher,
                source,
                reason,
            } => {
                tracing::debug!(%subscriber, %publisher, ?source, ?reason, "picture paused");
                self.register().update(subscriber, |room| {
                    room.paused(subscriber, publisher, source, reason)
                });
            }
            Event::Resumed {
                subscriber,
                publisher,
                source,
            } => {
                tracing::debug!(%subscriber, %publisher, ?source, "picture resumed");
                self.register().update(subscriber, |room| {
                    room.resumed(subscriber, publisher, source)
                });
            }
            Event::AudioOnly {
                participant,
                is_audio_only,
            } => {
                tracing::debug!(%participant, is_audio_only, "pictures as a whole");
                self.register().update(participant, |room| {
                    room.audio_only(participant, is_audio_only)
                });
            }
            Event::Watched {
                publisher,
                source,
                wanted,
            } => {
                tracing::debug!(%publisher, ?source, ?wanted, "picture wanted");
                self.register()
                    .update(publisher, |room| room.watched(publisher, source, wanted));
            }
            Event::Rated {
                participant,
                rating,
            } => {
                tracing::debug!(%participant, ?rating, "connection rated");
                self.register()
                    .update(participant, |room| room.rate(participant, rating));
            }
            Event::Speaking { room, speakers } => {
                let mut register = self.register();
                register.update_room(room, |room| room.speak(speakers.iter()));
            }
            Event::Disconnected {
                participant,
                reason,
            } => {
                tracing::info!(%participant, ?reason, "media disconnected");
                self.register().update(participant, |room| {
                    room.media_disconnected(participant, Instant::now())
                });
            }
        }
    }

    /// Tells everybody that the server is going down, and takes nobody in any
    /// more. Sockets close by themselves once they have been told.
    pub fn shut_down(&self) {
        self.shared.going_down.send_replace(true);
        self.register().close_all();
    }

    /// Waits until no socket is open.
    pub async fn closed(&self) {
        let mut sockets = self.shared.sockets.subscribe();
        // The sender lives as long as `self`.
        let _ = sockets.wait_for(|open| *open == 0).await;
    }

    pub(super) fn timing(&self) -> Timing {
        self.shared.settings.timing
    }

    pub(super) fn video_codecs(&self) -> &VideoCodecs {
        &self.shared.settings.video_codecs
    }

    pub(super) fn room_size(&self) -> RoomSize {
        self.shared.settings.room_size
    }

    pub(super) fn encryption(&self) -> Encryption {
        self.shared.settings.encryption
    }

    pub(super) fn relays(&self) -> &dyn Relays {
        &*self.shared.settings.relays
    }

    pub(super) fn plane(&self) -> &dyn MediaPlane {
        &*self.shared.plane
    }

    pub(super) fn network_tests(&self) -> &NetworkTests {
        &self.shared.network_tests
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.shared.settings.limits
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Checks a token, and the proof that goes with it, by all rules that do
    /// not depend on the room.
    pub(super) async fn admit(
        &self,
        token: &str,
        proof: Option<&JoinProof>,
        purpose: ProofPurpose,
        nonce: &Nonce,
    ) -> Result<(Admission, Permissions), TokenError> {
        let now = UnixTime::now();
        let admission = self.shared.keys.verify(token, now).await?;
        if let Some(key) = &admission.key {
            verify_proof(proof, key, purpose, nonce, &admission.room, token)?;
        }
        let permissions = self.shared.settings.access.permit(&admission, now)?;
        Ok((admission, permissions))
    }

    /// Takes note of a token that may be used here, so that no other key uses
    /// it too.
    pub(super) fn note_token(&self, admission: &Admission) -> Result<(), TokenError> {
        let tokens = self.shared.tokens.lock();
        let mut tokens = tokens.unwrap_or_else(PoisonError::into_inner);
        tokens.enter(admission, UnixTime::now())
    }

    pub(super) fn sessions(&self) -> &dyn Sessions {
        &*self.shared.sessions
    }

    /// Takes an attempt to join from a source's account, or says how long
    /// none is allowed.
    fn take_attempt(&self, source: Source) -> Result<(), Duration> {
        let joins = self.shared.joins.lock();
        let mut joins = joins.unwrap_or_else(PoisonError::into_inner);
        joins.take(source, Instant::now())
    }

    /// Waits until the server is going down.
    pub(super) async fn going_down(&self) {
        let mut going_down = self.shared.going_down.subscribe();
        // The sender lives as long as `self`.
        let _ = going_down.wait_for(|down| *down).await;
    }

    pub(super) fn is_going_down(&self) -> bool {
        *self.shared.going_down.borrow()
    }

    /// The register, for a moment: nobody waits while holding it.
    pub(super) fn register(&self) -> MutexGuard<'_, Register> {
        self.shared
            .register
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl LiveRooms for Service {
    fn participants(&self, room: &str) -> Vec<LiveParticipant> {
        self.register().live(room)
    }

    fn waiting(&self, room: &str) -> Vec<LiveParticipant> {
        self.register().waiting(room)
    }

    fn bearer(&self, room: &str, participant: ParticipantId) -> Option<Bearer> {
        self.register().bearer(room, participant)
    }

    fn remove(&self, room: &str, token_id: &str) {
        self.register().remove(room, token_id);
    }

    fn open(&self, room: &str, session: &str) {
        self.register().supersede(room, Some(session));
    }

    fn end(&self, room: &str) {
        self.register().end(room);
    }
}

/// Lets rooms see what is due, for as long as the service is there.
async fn keep_time(shared: Weak<Shared>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let service = Service { shared };
        service.register().tick(Instant::now(), UnixTime::now());
    }
}

async fn open(
    State(service): State<Service>,
    connection: Option<Extension<Connection>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let connection = connection.map(|Extension(connection)| connection);
    let proxies = &service.shared.settings.trusted_proxies;
    let client = connection.as_ref().map_or(UNKNOWN, |connection| {
        let client = proxies.client(connection.peer(), &headers);
        connection.attribute(client);
        client
    });
    if let Err(wait) = service.take_attempt(Source::of(client)) {
        service.counters().count_join(JoinOutcome::RateLimited);
        let seconds = wait.as_secs() + 1;
        return (
            StatusCode::TOO_MANY_REQUESTS,
            [(header::RETRY_AFTER, seconds.to_string())],
            "too many attempts to join from this address\n",
        )
            .into_response();
    }
    if !service.shared.settings.allowed_origins.admit(&headers) {
        return (
            StatusCode::FORBIDDEN,
            "this page's origin may not connect here; see http.allowed_origins\n",
        )
            .into_response();
    }
    let upgrade = upgrade.protocols([SUBPROTOCOL]);
    if upgrade.selected_protocol().is_none() {
        return (
            StatusCode::BAD_REQUEST,
            format!("ask for the websocket subprotocol {SUBPROTOCOL}\n"),
        )
            .into_response();
    }
    // Twice as much as allowed, so that one who sends too much is told so.
    let most = 2 * service.limits().offer_bytes;
    let host = requested_host(&headers);
    upgrade
        .read_buffer_size(READ_BUFFER)
        .max_message_size(most)
        .max_frame_size(most)
        .on_upgrade(move |socket| async move {
            let line = Line {
                socket,
                connection,
                host,
                _open: OpenSocket::new(&service),
            };
            session::run(line, service).await;
        })
}

const TICK: Duration = Duration::from_secs(1);

/// Bytes that each open socket holds for what it reads, however little that
/// is. Most messages fit; a longer one makes it grow.
const READ_BUFFER: usize = 4 * 1024;

/// Stands for all clients of a server that does not track its connections.
const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Counts a socket for as long as it lives.
pub(super) struct OpenSocket(Service);

impl OpenSocket {
    fn new(service: &Service) -> Self {
        service.shared.sockets.send_modify(|open| *open += 1);
        Self(service.clone())
    }
}

impl Drop for OpenSocket {
    fn drop(&mut self) {
        self.0.shared.sockets.send_modify(|open| *open -= 1);
    }
}
