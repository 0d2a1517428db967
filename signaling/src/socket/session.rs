//! One participant's socket, from the first message to the last.

use std::future::pending;
use std::time::{Duration, Instant as StdInstant};

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use sfu::identity::ParticipantId;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};

use super::group::{self, Entrance, GroupMessage};
use super::outbox::{Next, Outbox};
use super::secret;
use super::service::{Encryption, Service};
use super::statistics::{GivenUp, JoinOutcome};
use crate::SlotsBy;
use crate::access::{Admission, UnixTime};
use crate::limits::{Connection, Limits, MessageRate, Verdict};
use crate::protocol::{ClientMessage, ErrorCode, ServerMessage};
use crate::room::{Devices, Session};
use crate::sdp::{LocalTransport, Negotiation};

/// Serves a socket until either side ends it.
pub(super) async fn run(mut socket: WebSocket, service: Service, connection: Option<Connection>) {
    let mut rate = MessageRate::new(service.limits().messages, StdInstant::now());
    let evicted = async {
        match &connection {
            Some(connection) => connection.evicted().await,
            None => pending().await,
        }
    };
    let newcomer = tokio::select! {
        newcomer = await_join(&mut socket, &service, &mut rate) => newcomer,
        () = service.going_down() => Err(Refusal::going_down()),
        () = evicted => Err(Refusal::evicted()),
    };
    let stay = newcomer.and_then(|newcomer| Stay::begin(service.clone(), newcomer, rate));
    let mut stay = match stay {
        Ok(stay) => stay,
        Err(refusal) => {
            service.counters().count_join(refusal.outcome);
            return refusal.send(&mut socket).await;
        }
    };
    service.counters().count_join(JoinOutcome::Joined);
    if let Some(connection) = &connection {
        connection.joined();
    }
    let close = stay.serve(&mut socket).await;
    drop(stay);
    if let Some(code) = close {
        end(&mut socket, code).await;
    }
}

/// Why a socket is closed before its participant is in.
struct Refusal {
    outcome: JoinOutcome,
    message: Option<(ErrorCode, String)>,
    close: u16,
}

impl Refusal {
    fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            outcome: code.into(),
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

    fn timed_out() -> Self {
        Self {
            outcome: JoinOutcome::TimedOut,
            ..Self::new(ErrorCode::InvalidMessage, "no join message came in time")
        }
    }

    fn evicted() -> Self {
        Self {
            outcome: JoinOutcome::Evicted,
            ..Self::new(
                ErrorCode::RateLimited,
                "too many connections wait to join; this one was the oldest",
            )
        }
    }

    /// The client is gone, or gave no sign of knowing the protocol.
    fn silent() -> Self {
        Self {
            outcome: JoinOutcome::GaveUp,
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

async fn await_join(
    socket: &mut WebSocket,
    service: &Service,
    rate: &mut MessageRate,
) -> Result<Newcomer, Refusal> {
    let first = timeout(service.timing().join_deadline, first_text(socket, rate)).await;
    let Ok(text) = first else {
        return Err(Refusal::timed_out());
    };
    match parse(&text?, service.limits()) {
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

async fn first_text(socket: &mut WebSocket, rate: &mut MessageRate) -> Result<String, Refusal> {
    loop {
        let incoming = socket.recv().await;
        if let Some(Ok(message)) = &incoming
            && judge(rate, message) != Verdict::Pass
        {
            return Err(Refusal::new(ErrorCode::RateLimited, TOO_FAST));
        }
        match incoming {
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
    rate: MessageRate,
}

impl Stay {
    fn begin(service: Service, newcomer: Newcomer, rate: MessageRate) -> Result<Self, Refusal> {
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
                .map_err(|none| Refusal::new(none.code(), none.to_string()))?;
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
        let slots = secret::slot_sources(service.room_size().slots());
        let negotiation =
            Negotiation::new(local, slots).with_video_codecs(service.video_codecs().clone());
        Ok(Self {
            service,
            id,
            outbox,
            negotiation,
            negotiated: false,
            rate,
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
                    if let Some(Ok(message)) = &incoming
                        && !self.is_allowed(message)
                    {
                        continue;
                    }
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
                    Next::Close if self.service.is_going_down() => return Some(close_code::AWAY),
                    Next::Close => return Some(close_code::NORMAL),
                    Next::GiveUp => return self.give_up(GivenUp::SlowReader),
                },
                _ = pings.tick() => {
                    if last_heard.elapsed() > timing.silence_limit {
                        return self.give_up(GivenUp::Silent);
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
                Err(_) => self.give_up(GivenUp::SlowReader),
            },
            () = self.outbox.overflowed() => self.give_up(GivenUp::SlowReader),
        }
    }

    fn give_up<T>(&self, cause: GivenUp) -> Option<T> {
        tracing::info!(participant = %self.id, cause = cause.name(), "socket given up");
        self.service.counters().count_given_up(cause);
        None
    }

    /// Whether a frame may be looked at. One that came too fast may not; who
    /// goes on regardless is told that this is the end.
    fn is_allowed(&mut self, message: &Message) -> bool {
        let verdict = judge(&mut self.rate, message);
        if verdict == Verdict::Pass {
            return true;
        }
        let counters = self.service.counters();
        counters.count_dropped_message();
        match verdict {
            Verdict::Refuse => self.tell_error(ErrorCode::RateLimited, TOO_FAST, false),
            Verdict::Close if !self.outbox.is_closed() => {
                let _: Option<()> = self.give_up(GivenUp::Flooding);
                self.tell_error(ErrorCode::RateLimited, TOO_FAST, true);
            }
            _ => {}
        }
        false
    }

    fn handle(&mut self, text: &str) {
        let limits = self.service.limits();
        match parse(text, limits) {
            Ok(ClientMessage::Offer { publications, .. })
                if publications.len() > limits.publications =>
            {
                let most = limits.publications;
                self.tell_error(
                    ErrorCode::InvalidOffer,
                    &format!("a participant may send {most} streams at most"),
                    !self.negotiated,
                );
            }
            Ok(ClientMessage::Offer {
                sdp,
                publications,
                slots,
                screen_slots,
            }) => match self.negotiation.answer(
                &sdp,
                &publications,
                SlotsBy {
                    people: &slots,
                    screens: &screen_slots,
                },
            ) {
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
            Ok(ClientMessage::ShareScreen {}) => {
                let id = self.id;
                self.service
                    .register()
                    .update(id, |room| room.share_screen(id));
            }
            Ok(ClientMessage::StopScreenShare {}) => {
                let id = self.id;
                self.service
                    .register()
                    .update(id, |room| room.stop_screen_share(id));
            }
            Ok(ClientMessage::LimitLayers { limits }) => {
                let id = self.id;
                self.service
                    .register()
                    .update(id, |room| room.limit_layers(id, &limits));
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

fn parse(text: &str, limits: &Limits) -> Result<ClientMessage, (ErrorCode, String)> {
    let check_size = |most| {
        if text.len() > most {
            Err((
                ErrorCode::MessageTooLarge,
                format!("the message is larger than {most} bytes"),
            ))
        } else {
            Ok(())
        }
    };
    check_size(limits.offer_bytes.max(limits.message_bytes))?;
    let message = serde_json::from_str(text).map_err(|error| {
        (
            ErrorCode::InvalidMessage,
            format!("not a message of this protocol: {error}"),
        )
    })?;
    check_size(match message {
        ClientMessage::Offer { .. } => limits.offer_bytes,
        _ => limits.message_bytes,
    })?;
    Ok(message)
}

fn judge(rate: &mut MessageRate, message: &Message) -> Verdict {
    let bytes = match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
        Message::Close(_) => return Verdict::Pass,
    };
    rate.judge(bytes, std::time::Instant::now())
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

const CLOSE_DEADLINE: Duration = Duration::from_secs(1);

const TOO_FAST: &str = "messages come too fast; those beyond the rate are dropped";

const BINARY: &str = "binary messages are not part of this protocol";
