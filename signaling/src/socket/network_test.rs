//! A connection for media that carries none: by it somebody finds out before
//! the join whether sound and pictures would get through, and how well.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use axum::extract::ws::Message;
use data_encoding::HEXLOWER;
use sfu::identity::{ParticipantId, RoomId};
use sfu::worker::command::Command;
use tokio::time::timeout;

use super::frame::{judge, parse};
use super::line::Line;
use super::relay_pass::RelayPass;
use super::secret;
use super::service::Service;
use super::session::Refusal;
use crate::SlotsBy;
use crate::access::{Admission, UnixTime};
use crate::limits::{MessageRate, Verdict};
use crate::protocol::{ClientMessage, ErrorCode, IceServer, PublicationSection, ServerMessage};
use crate::relays::{Authority, Relays};
use crate::room::NoEntry;
use crate::sdp::{LocalTransport, Negotiation};

/// What tests share.
#[derive(Debug)]
pub(super) struct NetworkTests {
    users: hmac::Key,
    under_way: Arc<UnderWay>,
}

impl NetworkTests {
    pub(super) fn new() -> Self {
        Self {
            users: hmac::Key::new(hmac::HMAC_SHA256, &secret::nonce()),
            under_way: Arc::default(),
        }
    }

    /// What relays know testers by: all that have one token have one, and
    /// nobody can tell from the name whose it is.
    fn user(&self, token_id: &str) -> String {
        let tag = hmac::sign(&self.users, token_id.as_bytes());
        format!("test-{}", HEXLOWER.encode(&tag.as_ref()[..8]))
    }

    /// Takes a place for as long as it is kept.
    fn begin(&self, user: &str) -> Result<Place, NoPlace> {
        let mut users = self.under_way.lock();
        if users.values().sum::<usize>() >= MOST {
            return Err(NoPlace::Node);
        }
        let of_user = users.entry(user.to_owned()).or_default();
        if *of_user >= MOST_OF_ONE {
            return Err(NoPlace::User);
        }
        *of_user += 1;
        drop(users);
        Ok(Place {
            user: user.to_owned(),
            under_way: self.under_way.clone(),
        })
    }
}

/// How many tests each user has under way, at least one.
#[derive(Default, Debug)]
struct UnderWay(Mutex<HashMap<String, usize>>);

impl UnderWay {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        // Counts hold whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why there is no place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum NoPlace {
    /// All of the node's are taken.
    Node,
    /// All of this user's are.
    User,
}

#[derive(Debug)]
struct Place {
    user: String,
    under_way: Arc<UnderWay>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut users = self.under_way.lock();
        let Some(of_user) = users.get_mut(&self.user) else {
            return;
        };
        *of_user -= 1;
        if *of_user == 0 {
            users.remove(&self.user);
        }
    }
}

/// Whether the bearer of a good token may test: whoever was not sent away,
/// before and after the session too.
pub(super) fn permit(service: &Service, admission: &Admission) -> Result<(), NoEntry> {
    let entered = service.sessions().enter(admission, UnixTime::now());
    entered.map(drop).or_else(may_test)
}

/// Whether somebody may test who may not come in.
fn may_test(why: NoEntry) -> Result<(), NoEntry> {
    match why {
        NoEntry::NotOpenYet | NoEntry::Over | NoEntry::NoSession => Ok(()),
        NoEntry::Revoked | NoEntry::OtherKey | NoEntry::Unknown => Err(why),
    }
}

/// Serves one test, until the client closes the socket or its time is over.
pub(super) async fn serve(
    service: &Service,
    line: &mut Line,
    rate: &mut MessageRate,
    admission: &Admission,
) -> Result<(), Refusal> {
    let user = service.network_tests().user(&admission.token_id);
    let _place = service.network_tests().begin(&user).map_err(|full| {
        let (code, why) = match full {
            NoPlace::Node => (ErrorCode::ServerFull, TOO_MANY),
            NoPlace::User => (ErrorCode::RateLimited, TOO_MANY_OF_ONE),
        };
        Refusal::new(code, why)
    })?;
    let mut pass = Pass::new(service.relays(), &user, line.host.clone());
    let ice_servers = pass.issue();
    if !line.say(&ServerMessage::NetworkTest { ice_servers }).await {
        return Ok(());
    }
    match timeout(DURATION, connect(service, line, rate)).await {
        Ok(result) => result,
        Err(_) => Ok(()),
    }
}

/// What a tester gets into relays with, for as long as the test takes.
struct Pass<'a> {
    relays: &'a dyn Relays,
    relay_pass: RelayPass,
}

impl<'a> Pass<'a> {
    /// Under a name that no other test has: what it gets ends with it.
    fn new(relays: &'a dyn Relays, user: &str, host: Option<Authority>) -> Self {
        let user = format!("{user}-{}", &secret::relay_user()[..8]);
        Self {
            relays,
            relay_pass: RelayPass::new(user, host, None, CREDENTIALS),
        }
    }

    fn issue(&mut self) -> Vec<IceServer> {
        self.relay_pass
            .issue(self.relays, Instant::now(), UnixTime::now())
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.relay_pass.end(self.relays);
    }
}

/// Answers the client's offer, and lets it connect until it goes.
async fn connect(
    service: &Service,
    line: &mut Line,
    rate: &mut MessageRate,
) -> Result<(), Refusal> {
    let mut tester = None;
    while let Some(text) = next_text(line, rate).await? {
        match parse(&text, service.limits()) {
            Ok(ClientMessage::Offer {
                sdp, publications, ..
            }) if tester.is_none() => {
                let (started, answer) = Tester::start(service, &sdp, &publications)?;
                tester = Some(started);
                if !line.say(&ServerMessage::Answer { sdp: answer }).await {
                    return Ok(());
                }
            }
            Ok(_) => {
                let why = "a test of the network takes one offer and nothing else";
                return Err(Refusal::new(ErrorCode::InvalidMessage, why));
            }
            Err((code, message)) => return Err(Refusal::new(code, message)),
        }
    }
    Ok(())
}

/// A participant of no room that anybody else can be in.
struct Tester<'a> {
    service: &'a Service,
    worker: usize,
    id: ParticipantId,
}

impl<'a> Tester<'a> {
    fn start(
        service: &'a Service,
        sdp: &str,
        publications: &[PublicationSection],
    ) -> Result<(Self, String), Refusal> {
        let plane = service.plane();
        let worker = service.register().idlest_worker();
        let address = plane.address(worker);
        let local = LocalTransport {
            credentials: secret::ice_credentials(&address.ufrag_prefix),
            ufrag_prefix: address.ufrag_prefix.clone(),
            fingerprint: address.fingerprint,
            candidates: address.candidates.clone(),
            tcp_candidates: address.tcp_candidates.clone(),
            session_id: secret::session_id(),
        };
        let no_slots = SlotsBy {
            people: &[][..],
            screens: &[],
        };
        let negotiated = Negotiation::new(local, secret::slot_sources(SlotsBy::default()))
            .answer(sdp, publications, no_slots)
            .map_err(|error| Refusal::new(ErrorCode::InvalidOffer, error.to_string()))?;
        let id = secret::participant_id();
        // Of what was agreed upon only the transport comes to be, so that
        // nothing that the tester sends is even looked at.
        let join = Command::Join {
            room: RoomId(secret::session_id() | TESTERS),
            participant: id,
            transport: negotiated.transport,
        };
        plane.send(worker, join);
        let tester = Self {
            service,
            worker,
            id,
        };
        Ok((tester, negotiated.answer))
    }
}

impl Drop for Tester<'_> {
    fn drop(&mut self) {
        let participant = self.id;
        let leave = Command::Leave { participant };
        self.service.plane().send(self.worker, leave);
    }
}

/// `None`: the socket is at its end.
async fn next_text(line: &mut Line, rate: &mut MessageRate) -> Result<Option<String>, Refusal> {
    loop {
        let Some(Ok(message)) = line.socket.recv().await else {
            return Ok(None);
        };
        if judge(rate, &message) != Verdict::Pass {
            return Err(Refusal::too_fast());
        }
        match message {
            Message::Text(text) => return Ok(Some(text.as_str().to_owned())),
            Message::Binary(_) => return Err(Refusal::binary()),
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Close(_) => return Ok(None),
        }
    }
}

/// At once on this node.
const MOST: usize = 200;

/// At once by one token: its bearer's devices, and pages that were closed just now.
const MOST_OF_ONE: usize = 4;

const TOO_MANY: &str = "too many networks are being tested; try again in a moment";
const TOO_MANY_OF_ONE: &str =
    "too many networks are being tested with this token; try again in a moment";

/// Of one test.
const DURATION: Duration = Duration::from_secs(20);

/// Of a test's credentials: what it takes, and what clocks may differ.
const CREDENTIALS: Duration = Duration::from_mins(5);

/// No room that people are in has a number like this.
const TESTERS: u64 = 1 << 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_user_of_which_nothing_is_told() {
        let (tests, others) = (NetworkTests::new(), NetworkTests::new());

        assert_eq!(tests.user("token-1"), tests.user("token-1"));
        assert_ne!(tests.user("token-1"), tests.user("token-2"));
        assert_ne!(tests.user("token-1"), others.user("token-1"));
        assert_eq!(tests.user("token-1").len(), "test-".len() + 16);
    }

    #[test]
    fn only_who_may_come_in_at_another_time_may_test() {
        for why in [NoEntry::NotOpenYet, NoEntry::Over, NoEntry::NoSession] {
            assert_eq!(may_test(why), Ok(()));
        }
        for why in [NoEntry::Revoked, NoEntry::OtherKey, NoEntry::Unknown] {
            assert_eq!(may_test(why), Err(why));
        }
    }

    #[test]
    fn tests_are_so_many_at_once() {
        let tests = NetworkTests::new();
        let users: Vec<_> = (0..=MOST).map(|index| format!("test-{index}")).collect();
        let mut places: Vec<_> = users[..MOST]
            .iter()
            .map_while(|user| tests.begin(user).ok())
            .collect();
        assert_eq!(places.len(), MOST);

        assert_eq!(tests.begin(&users[MOST]).err(), Some(NoPlace::Node));
        assert_eq!(tests.begin(&users[MOST]).err(), Some(NoPlace::Node));

        places.pop();
        assert!(tests.begin(&users[MOST]).is_ok());
    }

    #[test]
    fn one_token_takes_few_places_and_nothing_is_kept_of_it() {
        let tests = NetworkTests::new();
        let mut places: Vec<_> = (0..MOST)
            .map_while(|_| tests.begin("test-a").ok())
            .collect();
        assert_eq!(places.len(), MOST_OF_ONE);

        assert_eq!(tests.begin("test-a").err(), Some(NoPlace::User));
        assert!(tests.begin("test-b").is_ok());

        places.pop();
        assert!(tests.begin("test-a").is_ok());
        places.clear();
        assert!(tests.under_way.lock().is_empty());
    }
}
