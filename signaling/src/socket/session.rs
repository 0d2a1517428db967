//! One participant's socket, from the first message to the last.

use std::time::{Duration, Instant as StdInstant};

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use sfu::identity::ParticipantId;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};

use super::group::{self, Entrance, GroupMessage};
use super::outbox::{Next, Outbox};
use super::secret;
use super::service::{Encryption, Service};
use crate::access::{Admission, UnixTime};
use crate::protocol::{ClientMessage, ErrorCode, ServerMessage};
use crate::room::{Devices, Session};
use crate::sdp::{LocalTransport, Negotiation};

/// Serves a socket until either side ends it.
pub(super) async fn run(mut socket: WebSocket, service: Service) {
    let newcomer = tokio::select! {
        newcomer = await_join(&mut socket, &service) => newcomer,
        () = service.going_down() => Err(Refusal::going_down()),
    };
    let stay = newcomer.and_then(|newcomer| Stay::begin(service, newcomer));
    let mut stay = match stay {
        Ok(stay) => stay,
        Err(refusal) => return refusal.send(&mut socket).await,
    };
    let close = stay.serve(&mut socket).await;
    drop(stay);
    if let Some(code) = close {
        end(&mut socket, code).await;
    }
}

/// Why a socket is closed before its participant is in.
struct Refusal {
    message: Option<(ErrorCode, String)>,
    close: u16,
}

impl Refusal {
    fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            message: Some((code, message.into())),
            close: close_code::POLICY,
        }
    }

    fn going_down() -> Self {
        Self {
            close: close_code::AWAY,
            ..Self::new(ErrorCode::ShuttingDown, "the server is shutting down")
        }
    }

    /// The client is gone, or gave no sign of knowing the protocol.
    fn silent() -> Self {
        Self {
            message: None,
            close: close_code::NORMAL,
        }
    }

    async fn send(self, socket: &mut WebSocket) {
        if let Some((code, message)) = self.message {
            tracing::debug!(?code, "refused");
            let error = ServerMessage::Error {
                code,
                message,
                fatal: true,
            };
            let text = serde_json::to_string(&error).expect("messages are plain data");
            let _ = timeout(CLOSE_DEADLINE, socket.send(Message::Text(text.into()))).await;
        }
        end(socket, self.close).await;
    }
}

/// Somebody who may come in.
struct Newcomer {
    admission: Admission,
    /// The id it chose.
    id: Option<ParticipantId>,
    entrance: Option<Entrance>,
}

async fn await_join(socket: &mut WebSocket, service: &Service) -> Result<Newcomer, Refusal> {
    let first = timeout(service.timing().join_deadline, first_text(socket)).await;
    let Ok(text) = first else {
        return Err(Refusal::new(
            ErrorCode::InvalidMessage,
            "no join message came in time",
        ));
    };
    match parse(&text?) {
        Ok(ClientMessage::Join {
            token,
            participant_id,
            key_package,
            group,
        }) => {
            let admission = service
                .keys()
                .verify(&token, UnixTime::now())
                .map_err(|error| Refusal::new(error.code(), error.to_string()))?;
            let entrance = group
                .map(Entrance::Report)
                .or(key_package.map(Entrance::KeyPackage));
            if entrance.is_none() && service.encryption() == Encryption::Required {
                return Err(Refusal::new(
                    ErrorCode::EncryptionRequired,
                    "join needs a key package: sessions here are encrypted end to end",
                ));
            }
            let id = participant_id
                .map(|id| {
                    group::parse_participant_id(&id).ok_or(Refusal::new(
                        ErrorCode::InvalidMessage,
                        "participantId is not 16 lower-case hexadecimal digits",
                    ))
                })
                .transpose()?;
            Ok(Newcomer {
                admission,
                id,
                entrance,
            })
        }
        Ok(_) => Err(Refusal::new(
            ErrorCode::InvalidMessage,
            "the first message must be join",
        )),
        Err((code, message)) => Err(Refusal::new(code, message)),
    }
}

async fn first_text(socket: &mut WebSocket) -> Result<String, Refusal> {
    loop {
        match socket.recv().await {
            Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
            Some(Ok(Message::Binary(_))) => {
                return Err(Refusal::new(ErrorCode::InvalidMessage, BINARY));
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Refusal::silent()),
        }
    }
}

/// A participant in a room. Dropping it ends the stay, whatever the cause.
struct Stay {
    service: Service,
    id: ParticipantId,
    outbox: Outbox,
    negotiation: Negotiation,
    negotiated: bool,
}

impl Stay {
    fn begin(service: Service, newcomer: Newcomer) -> Result<Self, Refusal> {
        let id = newcomer.id.unwrap_or_else(secret::participant_id);
        let outbox = Outbox::new();
        let seat = {
            let mut register = service.register();
            if service.is_going_down() {
                return Err(Refusal::going_down());
            }
            if register.knows(id) {
                return Err(Refusal::new(
                    ErrorCode::InvalidMessage,
                    "somebody is here under this participantId",
                ));
            }
            let seat = register
                .join(id, &newcomer.admission, outbox.clone())
                .map_err(|full| Refusal::new(ErrorCode::RoomFull, full.to_string()))?;
            if let Some(entrance) = newcomer.entrance {
                register.update(id, |room| {
                    group::deliver(room, id, GroupMessage::Enter(entrance), StdInstant::now())
                });
            }
            seat
        };
        tracing::info!(room = %seat.room, participant = %id, "joined");
        let local = LocalTransport {
            credentials: secret::ice_credentials(),
            fingerprint: seat.worker.fingerprint,
            candidates: seat.worker.candidates,
            session_id: secret::session_id(),
        };
        let slots = secret::slot_sources(service.capacity().saturating_sub(1));
        Ok(Self {
            service,
            id,
            outbox,
            negotiation: Negotiation::new(local, slots),
            negotiated: false,
        })
    }

    /// Carries messages both ways. Gives the code to close with, or none when
    /// the socket is no longer worth a word.
    async fn serve(&mut self, socket: &mut WebSocket) -> Option<u16> {
        let timing = self.service.timing();
        let mut pings = pings(timing.ping_interval);
        let mut last_heard = Instant::now();
        loop {
            tokio::select! {
                incoming = socket.recv() => {
                    last_heard = Instant::now();
                    match incoming {
                        Some(Ok(Message::Text(text))) => self.handle(text.as_str()),
                        Some(Ok(Message::Binary(_))) => {
                            self.tell_error(ErrorCode::InvalidMessage, BINARY, true);
                        }
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                    }
                }
                next = self.outbox.next() => match next {
                    Next::Send(text) => {
                        let sending = socket.send(Message::Text(text.into()));
                        self.send(sending, timing.silence_limit).await?;
                    }
                    Next::Close => return Some(close_code::NORMAL),
                    Next::GiveUp => return self.give_up("the client does not keep up"),
                },
                _ = pings.tick() => {
                    if last_heard.elapsed() > timing.silence_limit {
                        return self.give_up("the client is silent");
                    }
                    let sending = socket.send(Message::Ping(Bytes::new()));
                    self.send(sending, timing.silence_limit).await?;
                }
            }
        }
    }

    /// Sends unless the socket is gone, or the client takes nothing.
    async fn send<E>(
        &self,
        sending: impl Future<Output = Result<(), E>>,
        limit: Duration,
    ) -> Option<()> {
        tokio::select! {
            sent = timeout(limit, sending) => match sent {
                Ok(sent) => sent.ok(),
                Err(_) => self.give_up("the client takes no messages"),
            },
            () = self.outbox.overflowed() => self.give_up("the client does not keep up"),
        }
    }

    fn give_up<T>(&self, reason: &str) -> Option<T> {
        tracing::info!(participant = %self.id, reason, "socket given up");
        None
    }

    fn handle(&mut self, text: &str) {
        match parse(text) {
            Ok(ClientMessage::Offer {
                sdp,
                publications,
                slots,
            }) => match self.negotiation.answer(&sdp, &publications, &slots) {
                Ok(negotiated) => {
                    self.negotiated = true;
                    let session = Session {
                        answer: negotiated.answer,
                        transport: negotiated.transport,
                        media: negotiated.media,
                        slots: negotiated.slots,
                    };
                    let id = self.id;
                    self.service
                        .register()
                        .update(id, |room| room.negotiate(id, session));
                }
                // Without a first session there is nothing to go on with.
                Err(error) => self.tell_error(
                    ErrorCode::InvalidOffer,
                    &error.to_string(),
                    !self.negotiated,
                ),
            },
            Ok(ClientMessage::Media { microphone, camera }) => {
                let devices = Devices { microphone, camera };
                let id = self.id;
                self.service
                    .register()
                    .update(id, |room| room.set_devices(id, devices));
            }
            Ok(ClientMessage::MlsKeyPackage { key_package }) => {
                self.deliver(GroupMessage::KeyPackage(key_package));
            }
            Ok(ClientMessage::MlsClaim { participant_ids }) => {
                self.deliver(GroupMessage::Claim(participant_ids));
            }
            Ok(ClientMessage::MlsCommit(commit)) => self.deliver(GroupMessage::Commit(commit)),
            Ok(ClientMessage::MlsReport(report)) => self.deliver(GroupMessage::Report(report)),
            Ok(ClientMessage::MlsMessage { message }) => {
                self.deliver(GroupMessage::Message(message));
            }
            Ok(ClientMessage::MlsResync {}) => self.deliver(GroupMessage::Resync),
            Ok(ClientMessage::Leave {}) => self.service.register().leave(self.id),
            Ok(ClientMessage::Join { .. }) => {
                self.tell_error(ErrorCode::InvalidMessage, "this socket has joined", false);
            }
            Err((code, message)) => self.tell_error(code, &message, false),
        }
    }

    fn deliver(&self, message: GroupMessage) {
        let id = self.id;
        self.service.register().update(id, |room| {
            group::deliver(room, id, message, StdInstant::now())
        });
    }

    fn tell_error(&self, code: ErrorCode, message: &str, fatal: bool) {
        tracing::debug!(participant = %self.id, ?code, fatal, "error sent");
        self.outbox.push(&ServerMessage::Error {
            code,
            message: message.to_owned(),
            fatal,
        });
        if fatal {
            self.outbox.close();
        }
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.service.register().leave(self.id);
        tracing::info!(participant = %self.id, "left");
    }
}

fn parse(text: &str) -> Result<ClientMessage, (ErrorCode, String)> {
    if text.len() > MAX_MESSAGE_BYTES {
        return Err((
            ErrorCode::MessageTooLarge,
            "the message is larger than 256 KB".to_owned(),
        ));
    }
    serde_json::from_str(text).map_err(|error| {
        (
            ErrorCode::InvalidMessage,
            format!("not a message of this protocol: {error}"),
        )
    })
}

fn pings(every: Duration) -> Interval {
    let mut pings = interval_at(Instant::now() + every, every);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pings
}

/// Says goodbye, and reads on until the client has: a socket closed with
/// something unread is reset, and the last messages would be lost.
async fn end(socket: &mut WebSocket, code: u16) {
    let goodbye = async {
        let frame = CloseFrame {
            code,
            reason: "".into(),
        };
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = socket.recv().await {}
        }
    };
    let _ = timeout(CLOSE_DEADLINE, goodbye).await;
}

/// An untrimmed offer of Chromium with 24 pairs of slots has 158 KB. The socket
/// itself takes twice as much, so that one who sends too much is told so.
pub(super) const MAX_MESSAGE_BYTES: usize = 256 * 1024;

const CLOSE_DEADLINE: Duration = Duration::from_secs(1);

const BINARY: &str = "binary messages are not part of this protocol";
