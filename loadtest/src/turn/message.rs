//! Requests and answers, and data on channels.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use rtc_stun::attributes::{
    ATTR_CHANNEL_NUMBER, ATTR_ERROR_CODE, ATTR_LIFETIME, ATTR_NONCE, ATTR_REALM,
    ATTR_REQUESTED_ADDRESS_FAMILY, ATTR_REQUESTED_TRANSPORT, ATTR_USERNAME, ATTR_XOR_PEER_ADDRESS,
    ATTR_XOR_RELAYED_ADDRESS, AttrType,
};
use rtc_stun::crypto::providers::RingCrypto;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    CLASS_ERROR_RESPONSE, CLASS_REQUEST, CLASS_SUCCESS_RESPONSE, METHOD_ALLOCATE,
    METHOD_CHANNEL_BIND, METHOD_CREATE_PERMISSION, METHOD_REFRESH, Message, MessageType, Method,
    Setter,
};
use rtc_stun::xoraddr::XorMappedAddress;

use crate::random;

/// What a client signs in with, in coturn's REST form: the user name says
/// until when it is good, and the password follows from it and the secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Login {
    pub username: String,
    pub password: String,
}

/// What a server wants to see again in every request.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Challenge {
    pub realm: String,
    pub nonce: Vec<u8>,
}

/// What is asked of a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// An address of the same family as this one.
    Allocate(IpAddr),
    Permit(IpAddr),
    Bind(u16, SocketAddr),
    Refresh(Duration),
}

/// What a server said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    pub transaction: [u8; 12],
    pub outcome: Result<Option<SocketAddr>, Refusal>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    pub code: u16,
    pub challenge: Challenge,
}

impl Login {
    /// Good for an hour.
    pub fn new(secret: &str, name: &str) -> Self {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let username = format!("{}:{name}", now.as_secs() + 3_600);
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
        let password = STANDARD.encode(hmac::sign(&key, username.as_bytes()));
        Self { username, password }
    }
}

impl Request {
    /// As it is sent, and its transaction; signed if there is a challenge.
    pub fn write(self, login: &Login, challenge: Option<&Challenge>) -> (Vec<u8>, [u8; 12]) {
        let transaction = random::bytes();
        let mut message = Message::new();
        message.transaction_id.0 = transaction;
        message.typ = MessageType::new(self.method(), CLASS_REQUEST);
        message.write_header();
        match self {
            Self::Allocate(family) => {
                message.add(ATTR_REQUESTED_TRANSPORT, &[UDP, 0, 0, 0]);
                if family.is_ipv6() {
                    message.add(ATTR_REQUESTED_ADDRESS_FAMILY, &[IPV6, 0, 0, 0]);
                }
            }
            Self::Permit(peer) => add_address(&mut message, SocketAddr::new(peer, 0)),
            Self::Bind(channel, peer) => {
                let [high, low] = channel.to_be_bytes();
                message.add(ATTR_CHANNEL_NUMBER, &[high, low, 0, 0]);
                add_address(&mut message, peer);
            }
            Self::Refresh(lifetime) => {
                message.add(ATTR_LIFETIME, &(lifetime.as_secs() as u32).to_be_bytes());
            }
        }
        if let Some(challenge) = challenge {
            message.add(ATTR_USERNAME, login.username.as_bytes());
            message.add(ATTR_REALM, challenge.realm.as_bytes());
            message.add(ATTR_NONCE, &challenge.nonce);
            sign(&mut message, login, challenge);
        }
        (message.raw, transaction)
    }

    fn method(self) -> Method {
        match self {
            Self::Allocate(_) => METHOD_ALLOCATE,
            Self::Permit(_) => METHOD_CREATE_PERMISSION,
            Self::Bind(..) => METHOD_CHANNEL_BIND,
            Self::Refresh(_) => METHOD_REFRESH,
        }
    }
}

impl Answer {
    /// `None` for what is no answer.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut message = Message::new();
        message.unmarshal_binary(bytes).ok()?;
        let text = |attribute: AttrType| message.get(attribute).unwrap_or_default();
        let outcome = if message.typ.class == CLASS_SUCCESS_RESPONSE {
            let mut address = XorMappedAddress::default();
            let found = address.get_from_as(&message, ATTR_XOR_RELAYED_ADDRESS);
            Ok(found
                .ok()
                .map(|()| SocketAddr::new(address.ip, address.port)))
        } else if message.typ.class == CLASS_ERROR_RESPONSE {
            let &[_, _, class, number, ..] = text(ATTR_ERROR_CODE).as_slice() else {
                return None;
            };
            Err(Refusal {
                code: u16::from(class & 7) * 100 + u16::from(number),
                challenge: Challenge {
                    realm: String::from_utf8(text(ATTR_REALM)).ok()?,
                    nonce: text(ATTR_NONCE),
                },
            })
        } else {
            return None;
        };
        Some(Self {
            transaction: message.transaction_id.0,
            outcome,
        })
    }
}

/// The head of data on a channel (RFC 8656 §12.4).
pub fn channel_head(channel: u16, length: usize) -> [u8; 4] {
    let [a, b] = channel.to_be_bytes();
    let [c, d] = (length as u16).to_be_bytes();
    [a, b, c, d]
}

/// Channel and data of what begins with a head; what follows the data, such as
/// padding, is left out.
pub fn channel_data(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (&[a, b, c, d], rest) = bytes.split_first_chunk()?;
    let channel = u16::from_be_bytes([a, b]);
    if !(0x4000..0x5000).contains(&channel) {
        return None;
    }
    Some((
        channel,
        rest.get(..usize::from(u16::from_be_bytes([c, d])))?,
    ))
}

fn add_address(message: &mut Message, peer: SocketAddr) {
    let address = XorMappedAddress {
        ip: peer.ip(),
        port: peer.port(),
    };
    // It fails for addresses of other lengths than those of IP.
    let _ = address.add_to_as(message, ATTR_XOR_PEER_ADDRESS);
}

fn sign(message: &mut Message, login: &Login, challenge: &Challenge) {
    let Login { username, password } = login.clone();
    let realm = challenge.realm.clone();
    let signature = MessageIntegrity::new_long_term_integrity_with_provider(
        username,
        realm,
        password,
        &RingCrypto,
    );
    if let Ok(signature) = signature {
        let _ = signature.add_to(message);
    }
}

/// Its number among IP's protocols.
const UDP: u8 = 17;
const IPV6: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_follows_from_name_and_secret() {
        let login = Login::new("north", "alice");

        assert!(login.username.ends_with(":alice"));
        assert_eq!(login.password.len(), 28);
        assert_ne!(login.password, Login::new("south", "alice").password);
    }

    #[test]
    fn channel_data_is_read_back() {
        let mut bytes = channel_head(0x4001, 3).to_vec();
        bytes.extend(b"abc\0");

        assert_eq!(channel_data(&bytes), Some((0x4001, &b"abc"[..])));
        assert_eq!(channel_data(&bytes[..6]), None);
        assert_eq!(channel_data(&[0, 1, 0, 0]), None);
        assert_eq!(channel_data(&[]), None);
    }

    #[test]
    fn only_answers_are_answers() {
        let login = Login::new("north", "alice");
        let challenge = Challenge {
            realm: "r".into(),
            nonce: vec![1; 8],
        };
        let peer = "10.77.0.1:9".parse().unwrap();

        let (bytes, _) = Request::Bind(0x4000, peer).write(&login, Some(&challenge));

        let mut message = Message::new();
        message.unmarshal_binary(&bytes).unwrap();
        let key = MessageIntegrity::long_term_integrity_key(
            login.username.clone(),
            "r".into(),
            login.password.clone(),
            &RingCrypto,
        )
        .unwrap();
        assert!(MessageIntegrity::check(&mut message, &key, &RingCrypto).is_ok());
        assert_eq!(Answer::read(&bytes), None);
        assert_eq!(Answer::read(&[]), None);
    }
}
