//! A full ICE agent (RFC 8445) with one candidate pair.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rtc_stun::attributes::{
    ATTR_ICE_CONTROLLED, ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME,
    AttrType, RawAttribute,
};
use rtc_stun::crypto::providers::RingCrypto;
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter, TransactionId};
use rtc_stun::xoraddr::XorMappedAddress;

use crate::random;

/// One side's user fragment and password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credentials {
    pub ufrag: String,
    pub password: String,
}

impl Credentials {
    pub fn random() -> Self {
        Self {
            ufrag: random::hex(4),
            password: random::hex(16),
        }
    }
}

/// Who decides on the pair: the offerer, unless the peer is ICE-lite
/// (RFC 8445 §6.1.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    Controlling,
    Controlled,
}

/// Checks that go on for as long as the session does.
#[derive(Debug)]
pub struct Ice {
    role: Role,
    local: Credentials,
    remote: Credentials,
    tie_breaker: [u8; 8],
    transaction: [u8; 12],
    next_check: Instant,
    checks: u32,
    is_answered: bool,
    is_nominated: bool,
    is_connected: bool,
}

/// What a STUN message leads to.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Outcomes {
    /// Send this back.
    pub answer: Option<Vec<u8>>,
    /// The pair works and is agreed upon; said once.
    pub is_connected: bool,
}

impl Ice {
    pub fn new(now: Instant, role: Role, local: Credentials, remote: Credentials) -> Self {
        Self {
            role,
            local,
            remote,
            tie_breaker: random::bytes(),
            transaction: [0; 12],
            next_check: now,
            checks: 0,
            is_answered: false,
            is_nominated: role == Role::Controlling,
            is_connected: false,
        }
    }

    /// The next check, if it is due.
    pub fn poll(&mut self, now: Instant) -> Option<Vec<u8>> {
        if now < self.next_check {
            return None;
        }
        self.next_check = now
            + if self.is_connected {
                CONSENT
            } else {
                (FIRST_RETRY * 2_u32.pow(self.checks.min(5))).min(LAST_RETRY)
            };
        self.checks += 1;
        self.transaction = random::bytes();
        let username = format!("{}:{}", self.remote.ufrag, self.local.ufrag);
        let mut parts: Vec<Box<dyn Setter>> = vec![
            Box::new(TransactionId(self.transaction)),
            Box::new(BINDING_REQUEST),
            attribute(ATTR_USERNAME, username.into_bytes()),
            attribute(ATTR_PRIORITY, PEER_REFLEXIVE_PRIORITY.to_be_bytes().into()),
        ];
        let tie_breaker = self.tie_breaker.into();
        match self.role {
            Role::Controlling => {
                parts.push(attribute(ATTR_ICE_CONTROLLING, tie_breaker));
                parts.push(attribute(ATTR_USE_CANDIDATE, Vec::new()));
            }
            Role::Controlled => parts.push(attribute(ATTR_ICE_CONTROLLED, tie_breaker)),
        }
        message(&parts, &self.remote.password)
    }

    /// Takes a STUN message of the peer, which is at `remote`.
    pub fn handle(&mut self, datagram: &[u8], remote: SocketAddr) -> Outcomes {
        let mut received = Message::new();
        if received.unmarshal_binary(datagram).is_err() {
            return Outcomes::default();
        }
        let mut answer = None;
        if received.typ == BINDING_SUCCESS {
            let is_ours = received.transaction_id.0 == self.transaction;
            if is_ours && is_authentic(&mut received, &self.remote.password) {
                self.is_answered = true;
            }
        } else if received.typ == BINDING_REQUEST
            && is_authentic(&mut received, &self.local.password)
        {
            self.is_nominated |= received.contains(ATTR_USE_CANDIDATE);
            answer = message(
                &[
                    Box::new(TransactionId(received.transaction_id.0)),
                    Box::new(BINDING_SUCCESS),
                    Box::new(XorMappedAddress {
                        ip: remote.ip(),
                        port: remote.port(),
                    }),
                ],
                &self.local.password,
            );
        }
        let is_new = !self.is_connected && self.is_answered && self.is_nominated;
        self.is_connected |= is_new;
        Outcomes {
            answer,
            is_connected: is_new,
        }
    }
}

/// Whether a datagram is STUN (RFC 7983).
pub fn is_stun(datagram: &[u8]) -> bool {
    matches!(datagram, [0..=3, ..])
}

fn message(parts: &[Box<dyn Setter>], password: &str) -> Option<Vec<u8>> {
    let mut message = Message::new();
    message.build(parts).ok()?;
    let end: [Box<dyn Setter>; 2] = [
        Box::new(MessageIntegrity::new_short_term_integrity_with_provider(
            password.to_owned(),
            &RingCrypto,
        )),
        Box::new(FINGERPRINT),
    ];
    for part in end {
        part.add_to(&mut message).ok()?;
    }
    Some(message.raw)
}

fn is_authentic(message: &mut Message, password: &str) -> bool {
    MessageIntegrity::check(message, password.as_bytes(), &RingCrypto).is_ok()
}

fn attribute(typ: AttrType, value: Vec<u8>) -> Box<dyn Setter> {
    Box::new(RawAttribute {
        typ,
        length: 0,
        value,
    })
}

/// RFC 8445 §5.1.2: type preference 110, local preference 65,535, component 1.
const PEER_REFLEXIVE_PRIORITY: u32 = 110 << 24 | 65_535 << 8 | 255;
const FIRST_RETRY: Duration = Duration::from_millis(50);
const LAST_RETRY: Duration = Duration::from_secs(1);
/// RFC 7675 §5.1 wants about five seconds; browsers take half.
const CONSENT: Duration = Duration::from_millis(2500);

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "127.0.0.1:4000";

    fn pair(now: Instant) -> (Ice, Ice) {
        let (a, b) = (Credentials::random(), Credentials::random());
        (
            Ice::new(now, Role::Controlling, a.clone(), b.clone()),
            Ice::new(now, Role::Controlled, b, a),
        )
    }

    #[test]
    fn both_sides_connect_once_each_was_answered() {
        let now = Instant::now();
        let (mut a, mut b) = pair(now);
        let address = ADDRESS.parse().unwrap();

        let check = a.poll(now).unwrap();
        assert_eq!(a.poll(now), None);
        let at_b = b.handle(&check, address);
        assert!(!at_b.is_connected);
        let at_a = a.handle(&at_b.answer.unwrap(), address);
        assert!(at_a.is_connected);
        let check = b.poll(now).unwrap();
        let at_a = a.handle(&check, address);
        assert!(!at_a.is_connected);
        let answer = at_a.answer.unwrap();

        assert!(b.handle(&answer, address).is_connected);
        assert!(!b.handle(&answer, address).is_connected);
        assert!(a.poll(now + CONSENT).is_some());
    }

    #[test]
    fn checks_and_answers_of_strangers_are_ignored() {
        let now = Instant::now();
        let (mut a, _) = pair(now);
        let (mut stranger, mut other) = pair(now);
        let address = ADDRESS.parse().unwrap();

        let check = stranger.poll(now).unwrap();
        let answer = other.handle(&check, address).answer.unwrap();
        a.poll(now).unwrap();

        assert_eq!(a.handle(&check, address), Outcomes::default());
        assert_eq!(a.handle(&answer, address), Outcomes::default());
        assert_eq!(a.handle(&[0, 1, 2], address), Outcomes::default());
    }
}
