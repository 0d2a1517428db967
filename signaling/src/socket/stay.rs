//! One participant's stay, over one socket after the other.

use std::sync::LazyLock;
use std::time::{Duration, Instant as StdInstant};

use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocket, close_code};
use futures_util::SinkExt;
use sfu::identity::ParticipantId;
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};

use super::frame::{BINARY, TOO_FAST, judge, parse};
use super::group::{self, GroupMessage};
use super::line::Line;
use super::outbox::{Next, Outbox};
use super::pending::{Pending, PendingDecisions, conclude, sends_away, waits_its_turn};
use super::resume::{self, Return};
use super::secret;
use super::service::Service;
use super::session::{Newcomer, Refusal};
use super::statistics::{GivenUp, JoinOutcome};
use crate::SlotsBy;
use crate::limits::{MessageRate, Rate, TokenBucket, Verdict};
use crate::protocol::{ClientMessage, ErrorCode, PublicationSection, ServerMessage, SlotSections};
use crate::room::{Devices, Session};
use crate::sdp::{LocalTransport, Negotiation};

/// A participant in a room. Dropping it ends the stay, whatever the cause.
pub(super) struct Stay {
    service: Service,
    id: ParticipantId,
    outbox: Outbox,
    negotiation: Negotiation,
    negotiated: bool,
    rate: MessageRate,
    /// Offers after the first, which only ICE restarts take.
    restarts: TokenBucket,
    /// Sockets on which the client takes the stay up again.
    returns: mpsc::Receiver<Return>,
    /// One that came while another was there.
    returned: Option<Return>,
    /// How many messages came from the client, the first one not counted.
    received: u32,
    /// The client has not yet shown that it has the newest resume secret.
    is_unconfirmed: bool,
    /// Once there was one.
    pending: Option<PendingDecisions>,
}

/// Why a stay is on a socket no more.
enum End {
    /// The socket ended, or is of no use; the client may come back on another,
    /// or has.
    Lost,
    /// The stay is over. The code to close with, unless the socket is no
    /// longer worth a word.
    Over(Option<u16>),
}

impl Stay {
    /// Takes a seat in the room, if there is one.
    pub(super) fn begin(
        service: Service,
        newcomer: Newcomer,
        rate: MessageRate,
    ) -> Result<Self, Refusal> {
        let id = newcomer.id.unwrap_or_else(secret::participant_id);
        let outbox = Outbox::new();
        let (seat, returns) = {
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
            register
                .join(id, newcomer.bearer, outbox.clone())
                .map_err(|none| Refusal::new(none.code(), none.to_string()))?
        };
        tracing::info!(room = %seat.room, participant = %id, "joined");
        let local = LocalTransport {
            credentials: secret::ice_credentials(&seat.worker.ufrag_prefix),
            ufrag_prefix: seat.worker.ufrag_prefix,
            fingerprint: seat.worker.fingerprint,
            candidates: seat.worker.candidates,
            tcp_candidates: seat.worker.tcp_candidates,
            session_id: secret::session_id(),
        };
        let slots = secret::slot_sources(service.room_size().slots());
        let negotiation = Negotiation::new(local, slots)
            .with_video_codecs(service.video_codecs().clone())
            .with_restarts(secret::ice_credentials);
        Ok(Self {
            service,
            id,
            outbox,
            negotiation,
            negotiated: false,
            rate,
            restarts: TokenBucket::new(RESTARTS, StdInstant::now()),
            returns,
            returned: None,
            received: 0,
            is_unconfirmed: false,
            pending: None,
        })
    }

    /// Carries messages both ways until the stay is over, on whichever socket
    /// the client is.
    pub(super) async fn serve(mut self, mut line: Line) {
        loop {
            let returned = match self.serve_on(&mut line).await {
                End::Over(code) => {
                    if let Some(pending) = self.pending.take() {
                        pending.finish().await;
                    }
                    drop(self);
                    if let Some(code) = code {
                        line.end(code).await;
                    }
                    return;
                }
                End::Lost => {
                    drop(line);
                    self.await_return().await
                }
            };
            let Some(returned) = returned else {
                return;
            };
            line = returned.line;
            if let Err(why) = self.take_up(&mut line, returned.received).await {
                self.service
                    .counters()
                    .count_join(JoinOutcome::ResumeRefused);
                // Whoever is refused joins again, and must find its seat free.
                drop(self);
                return resume::refuse(line, why).await;
            }
            self.service.counters().count_join(JoinOutcome::Resumed);
            line.admitted();
        }
    }

    /// Waits for the client to come back; `None` when it is too late.
    async fn await_return(&mut self) -> Option<Return> {
        if let Some(returned) = self.returned.take() {
            return Some(returned);
        }
        let window = self.service.timing().resume_window;
        // Who never said a word may not have heard that it is in, and would find
        // its own place taken; who is at the door has nothing to come back to.
        if window.is_zero()
            || self.received == 0
            || self.outbox.is_closed()
            || !self.service.register().is_in(self.id)
        {
            return None;
        }
        tracing::info!(participant = %self.id, "socket lost");
        self.set_reconnecting(true);
        tokio::select! {
            returned = timeout(window, self.returns.recv()) => returned.ok().flatten(),
            () = self.outbox.closed() => None,
        }
    }

    /// Goes on, on a socket that the right secret came on.
    async fn take_up(&mut self, line: &mut Line, received: u32) -> Result<(), &'static str> {
        if !self.outbox.rewind(received) {
            return Err(TOO_MUCH_MISSED);
        }
        let Some(secret) = self.service.register().renew_secret(self.id) else {
            return Err(TOO_MUCH_MISSED);
        };
        self.is_unconfirmed = true;
        tracing::info!(participant = %self.id, "socket resumed");
        self.set_reconnecting(false);
        // If this does not get through, the socket is lost again.
        let received = self.received;
        line.say(&ServerMessage::Resumed { received, secret }).await;
        let host = line.host.clone();
        self.service.register().renew_relay_pass(self.id, host);
        Ok(())
    }

    fn set_reconnecting(&self, reconnecting: bool) {
        let id = self.id;
        self.service.register().update(id, |room| {
            room.set_reconnecting(id, reconnecting, StdInstant::now())
        });
    }

    async fn serve_on(&mut self, line: &mut Line) -> End {
        let timing = self.service.timing();
        let socket = &mut line.socket;
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
                        Some(Ok(Message::Text(text))) => self.handle(text.as_str()).await,
                        Some(Ok(Message::Binary(_))) => {
                            self.tell_error(ErrorCode::InvalidMessage, BINARY, true);
                        }
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                        Some(Ok(Message::Close(Some(frame)))) if ENDS_STAY.contains(&frame.code) => {
                            return End::Over(None);
                        }
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return End::Lost,
                    }
                }
                next = self.outbox.next() => match next {
                    Next::Send(text) => {
                        let sending = socket.send(Message::Text(text));
                        if !self.send(sending, timing.silence_limit).await {
                            return End::Lost;
                        }
                    }
                    Next::Close if self.service.is_going_down() => {
                        return End::Over(Some(close_code::AWAY));
                    }
                    Next::Close => return End::Over(Some(close_code::NORMAL)),
                    Next::GiveUp => {
                        self.give_up(GivenUp::SlowReader);
                        return End::Over(None);
                    }
                },
                Some(returned) = self.returns.recv() => {
                    self.returned = Some(returned);
                    return End::Lost;
                }
                _ = pings.tick() => {
                    if last_heard.elapsed() > timing.silence_limit {
                        self.give_up(GivenUp::Silent);
                        return End::Lost;
                    }
                    if !self.ping(socket, timing.silence_limit).await {
                        return End::Lost;
                    }
                }
            }
        }
    }

    /// Asks for a sign of life, and gives one.
    async fn ping(&mut self, socket: &mut WebSocket, limit: Duration) -> bool {
        let ack = ServerMessage::Ack {
            received: self.received,
        };
        let text = serde_json::to_string(&ack).expect("messages are plain data");
        // Both with one call to the system, and one packet to the client.
        let sending = async {
            socket.feed(Message::Text(text.into())).await?;
            socket.send(Message::Ping(Bytes::new())).await
        };
        self.send(sending, limit).await
    }

    /// Sends unless the socket is gone, or the client takes nothing, or is on
    /// another by now.
    async fn send<E>(
        &mut self,
        sending: impl Future<Output = Result<(), E>>,
        limit: Duration,
    ) -> bool {
        tokio::select! {
            sent = timeout(limit, sending) => {
                if sent.is_err() {
                    self.give_up(GivenUp::SlowReader);
                }
                matches!(sent, Ok(Ok(())))
            }
            () = self.outbox.overflowed() => {
                self.give_up(GivenUp::SlowReader);
                false
            }
            Some(returned) = self.returns.recv() => {
                self.returned = Some(returned);
                false
            }
        }
    }

    fn give_up(&self, cause: GivenUp) {
        tracing::info!(participant = %self.id, cause = cause.name(), "socket given up");
        self.service.counters().count_given_up(cause);
    }

    /// Whether a frame may be looked at. One that came too fast may not; who
    /// goes on regardless is told that this is the end.
    fn is_allowed(&mut self, message: &Message) -> bool {
        // One that is dropped counts: else the client, which does not know of
        // it, would send others again in its place.
        if matches!(message, Message::Text(_)) {
            self.received = self.received.saturating_add(1);
            if std::mem::take(&mut self.is_unconfirmed) {
                self.service.register().confirm_secret(self.id);
            }
        }
        let verdict = judge(&mut self.rate, message);
        if verdict == Verdict::Pass {
            return true;
        }
        let counters = self.service.counters();
        counters.count_dropped_message();
        match verdict {
            Verdict::Refuse => self.tell_error(ErrorCode::RateLimited, TOO_FAST, false),
            Verdict::Close if !self.outbox.is_closed() => {
                self.give_up(GivenUp::Flooding);
                self.tell_error(ErrorCode::RateLimited, TOO_FAST, true);
            }
            _ => {}
        }
        false
    }

    async fn handle(&mut self, text: &str) {
        let limits = self.service.limits();
        match parse(text, limits) {
            Ok(ClientMessage::Offer {
                sdp,
                publications,
                slots,
                screen_slots,
            }) => {
                let slots = SlotsBy {
                    people: &slots[..],
                    screens: &screen_slots,
                };
                self.answer(&sdp, &publications, slots);
            }
            Ok(ClientMessage::Media { microphone, camera }) => {
                let devices = Devices { microphone, camera };
                let id = self.id;
                self.service
                    .register()
                    .hear(id, |room| room.set_devices(id, devices));
            }
            Ok(ClientMessage::Uplink { capacity }) => {
                let id = self.id;
                self.service
                    .register()
                    .hear(id, |room| room.set_uplink(id, capacity));
            }
            Ok(ClientMessage::ShareScreen {}) => {
                let id = self.id;
                self.service
                    .register()
                    .hear(id, |room| room.share_screen(id));
            }
            Ok(ClientMessage::StopScreenShare {}) => {
                let id = self.id;
                self.service
                    .register()
                    .hear(id, |room| room.stop_screen_share(id));
            }
            Ok(ClientMessage::Show { people, screens }) => {
                let id = self.id;
                let views = SlotsBy {
                    people: &people[..],
                    screens: &screens[..],
                };
                self.service
                    .register()
                    .hear(id, |room| room.show(id, views));
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
            Ok(ClientMessage::Ack { received }) => self.outbox.acknowledge(received),
            Ok(
                ClientMessage::Join { .. }
                | ClientMessage::Resume { .. }
                | ClientMessage::TestNetwork { .. },
            ) => {
                self.tell_error(ErrorCode::InvalidMessage, "this socket has joined", false);
            }
            Ok(message) => self.request(message).await,
            Err((code, message)) => self.tell_error(code, &message, false),
        }
    }

    fn answer(
        &mut self,
        sdp: &str,
        publications: &[PublicationSection],
        slots: SlotsBy<&[SlotSections]>,
    ) {
        if self.negotiated && !self.restarts.take(1, StdInstant::now()) {
            let why = "offers come too fast: wait a second before the next";
            return self.tell_error(ErrorCode::RateLimited, why, false);
        }
        let most = self.service.limits().publications;
        let answered = if publications.len() > most {
            Err(format!("a participant may send {most} streams at most"))
        } else {
            let answered = self.negotiation.answer(sdp, publications, slots);
            answered.map_err(|error| error.to_string())
        };
        match answered {
            Ok(negotiated) => {
                self.negotiated = true;
                let session = Session {
                    answer: negotiated.answer,
                    transport: negotiated.transport,
                    restarts_ice: negotiated.restarts_ice,
                    media: negotiated.media,
                    slots: negotiated.slots,
                };
                let id = self.id;
                self.service
                    .register()
                    .hear(id, |room| room.negotiate(id, session));
            }
            // Without a first session there is nothing to go on with.
            Err(why) => self.tell_error(ErrorCode::InvalidOffer, &why, !self.negotiated),
        }
    }

    /// Hands a message to the room. What people will be told of it must not be
    /// lost with the process.
    async fn request(&mut self, message: ClientMessage) {
        let id = self.id;
        let message = self.service.register().name_all(id, message);
        let pending = self.pending.as_ref();
        if waits_its_turn(&message) && pending.is_some_and(|pending| !pending.is_idle()) {
            return self.postpone(Pending::Message(message));
        }
        let is_urgent = sends_away(&message);
        let order = self.service.register().request(id, message);
        let Some(mut order) = order else {
            return;
        };
        let patience = if is_urgent { AT_ONCE } else { SOON };
        match timeout(patience, order.written()).await {
            Ok(is_written) => self.service.register().conclude(order, is_written),
            Err(_) if is_urgent => {
                tracing::warn!(participant = %id, "somebody is cut off before that is on record");
                self.service.register().cut_off(&order);
                // One for each token at the most. Whoever asked for it may be
                // gone by then.
                tokio::spawn(conclude(self.service.clone(), order));
            }
            Err(_) => self.postpone(Pending::Order(order)),
        }
    }

    /// Lets a decision wait for the disk, behind those that do.
    fn postpone(&mut self, decision: Pending) {
        let pending = self
            .pending
            .get_or_insert_with(|| PendingDecisions::start(self.service.clone(), self.id));
        if !pending.push(decision) {
            let why = "too many decisions wait for the server's disk";
            self.tell_error(ErrorCode::RateLimited, why, false);
        }
    }

    fn deliver(&self, message: GroupMessage) {
        let id = self.id;
        self.service.register().hear(id, |room| {
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

/// Those of many sockets at the same moments: a thread that sleeps is woken
/// once for all of them.
fn pings(every: Duration) -> Interval {
    let start = next_moment(Instant::now() + every, every / MOMENTS);
    let mut pings = interval_at(start, every);
    pings.set_missed_tick_behavior(MissedTickBehavior::Skip);
    pings
}

/// The first moment not before `at` of those that are `apart`.
fn next_moment(at: Instant, apart: Duration) -> Instant {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let since = at.saturating_duration_since(*START).as_nanos();
    let moments = since.div_ceil(apart.as_nanos().max(1));
    let wait = moments * apart.as_nanos() - since;
    at + Duration::from_nanos(u64::try_from(wait).unwrap_or(0))
}

/// The moments in an interval at which pings leave.
const MOMENTS: u32 = 20;

/// The client means it: it closed the socket itself, or its page went away
/// (RFC 6455 §7.4.1).
const ENDS_STAY: [u16; 2] = [close_code::NORMAL, close_code::AWAY];

/// Each offer takes about as long to read and answer as a join.
const RESTARTS: Rate = Rate {
    per_second: 1,
    burst: 10,
};

/// A disk in order writes within this. No socket stands still for one that is
/// not.
const SOON: Duration = Duration::from_millis(500);

/// Who is sent away is not heard for longer.
const AT_ONCE: Duration = Duration::from_millis(100);

const TOO_MUCH_MISSED: &str = "more was missed than is kept; join again";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_at_about_the_same_time_is_done_at_the_same_moment() {
        let apart = Duration::from_millis(250);
        next_moment(Instant::now(), apart);
        let first = next_moment(Instant::now(), apart);

        for later in [1, 100, 250] {
            let at = first + Duration::from_millis(later);
            assert_eq!(next_moment(at, apart), first + apart);
        }
        assert_eq!(next_moment(first, apart), first);
    }

    #[tokio::test]
    async fn a_ping_that_is_late_moves_none_of_those_after_it() {
        let every = Duration::from_millis(40);
        let mut pings = pings(every);
        let first = pings.tick().await;
        std::thread::sleep(every * 3 / 2);

        pings.tick().await;
        let later = pings.tick().await;

        let since = later.duration_since(first).as_nanos();
        assert_eq!(since % every.as_nanos(), 0);
    }
}
