//! Connectivity checks as STUN messages (RFC 8489, RFC 8445 §7.3).

use std::net::SocketAddr;

use rtc_stun::attributes::{
    ATTR_ICE_CONTROLLED, ATTR_MESSAGE_INTEGRITY, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME,
    AttrType,
};
use rtc_stun::crypto::providers::RingCrypto;
use rtc_stun::error_code::{
    CODE_BAD_REQUEST, CODE_ROLE_CONFLICT, CODE_UNAUTHORIZED, CODE_UNKNOWN_ATTRIBUTE, ErrorCode,
    ErrorCodeAttribute,
};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, MESSAGE_HEADER_SIZE, Message, Setter,
};
use rtc_stun::uattrs::UnknownAttributes;
use rtc_stun::xoraddr::XorMappedAddress;

/// A connectivity check whose sender is not yet known to be honest.
#[derive(Debug)]
pub struct Check {
    message: Message,
    /// Our own user name fragment, the first half of USERNAME.
    pub local_ufrag: String,
    /// The sender's user name fragment, the second half.
    pub remote_ufrag: String,
}

/// What a datagram that looks like STUN asks for.
#[derive(Debug)]
pub enum Received {
    Check(Box<Check>),
    /// A request that must be answered with the error in these bytes.
    Refused(Vec<u8>),
    /// Nothing that concerns a server of connectivity checks.
    Ignored,
}

/// Our own user name fragment in what may be a connectivity check, found
/// without verifying anything.
pub fn local_ufrag(datagram: &[u8]) -> Option<&str> {
    let mut attributes = datagram.get(MESSAGE_HEADER_SIZE..)?;
    while let Some((head, rest)) = attributes.split_first_chunk::<4>() {
        let typ = u16::from_be_bytes([head[0], head[1]]);
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        if typ == ATTR_USERNAME.value() {
            let text = std::str::from_utf8(rest.get(..length)?).ok()?;
            return text.split_once(':').map(|(local, _)| local);
        }
        attributes = rest.get(length.next_multiple_of(4)..)?;
    }
    None
}

/// Reads a datagram. Whatever has no valid FINGERPRINT is ignored: ICE
/// requires one (RFC 8445 §7.1).
pub fn receive(datagram: &[u8]) -> Received {
    let mut message = Message::new();
    if datagram.len() > MAX_LENGTH
        || message.unmarshal_binary(datagram).is_err()
        || datagram.len() != MESSAGE_HEADER_SIZE + message.length as usize
        || message.typ != BINDING_REQUEST
        || FINGERPRINT.check(&message).is_err()
    {
        return Received::Ignored;
    }
    // Whatever follows MESSAGE-INTEGRITY anybody could have added
    // (RFC 8489 §14.5).
    let attributes = &message.attributes.0;
    let username = attributes
        .iter()
        .take_while(|attribute| attribute.typ != ATTR_MESSAGE_INTEGRITY)
        .find(|attribute| attribute.typ == ATTR_USERNAME)
        .map(|attribute| attribute.value.clone());
    let signed = message.contains(ATTR_MESSAGE_INTEGRITY);
    let (Some(username), true) = (username, signed) else {
        return Received::Refused(error(&message, CODE_BAD_REQUEST, "Bad Request"));
    };
    let fragments = std::str::from_utf8(&username)
        .ok()
        .and_then(|text| text.split_once(':'));
    let Some((local, remote)) = fragments else {
        return Received::Refused(unauthorized(&message));
    };
    let (local_ufrag, remote_ufrag) = (local.to_owned(), remote.to_owned());
    Received::Check(Box::new(Check {
        message,
        local_ufrag,
        remote_ufrag,
    }))
}

impl Check {
    /// The answer to a check whose user name is unknown (RFC 8489 §9.1.3).
    pub fn refuse_unknown_user(&self) -> Vec<u8> {
        unauthorized(&self.message)
    }

    /// Verifies the check with our password and answers it.
    ///
    /// # Errors
    /// The answer to a check that is forged, confused about roles, or asks
    /// for what we don't know.
    pub fn answer(&mut self, password: &str, from: SocketAddr) -> Result<Answered, Vec<u8>> {
        if MessageIntegrity::check(&mut self.message, password.as_bytes(), &RingCrypto).is_err() {
            return Err(unauthorized(&self.message));
        }
        let attributes = &mut self.message.attributes.0;
        let signed = attributes
            .iter()
            .take_while(|attribute| attribute.typ != ATTR_MESSAGE_INTEGRITY);
        attributes.truncate(signed.count());
        let unknown = self.unknown_attributes();
        if !unknown.is_empty() {
            return Err(signed_error(
                &self.message,
                CODE_UNKNOWN_ATTRIBUTE,
                "Unknown Attribute",
                unknown,
                password,
            ));
        }
        // A lite agent is always the controlled one (RFC 8445 §6.1.1).
        if self.message.contains(ATTR_ICE_CONTROLLED) {
            return Err(signed_error(
                &self.message,
                CODE_ROLE_CONFLICT,
                "Role Conflict",
                Vec::new(),
                password,
            ));
        }
        let mapped = XorMappedAddress {
            ip: from.ip(),
            port: from.port(),
        };
        Ok(Answered {
            response: build(&[
                Box::new(self.message.clone()),
                Box::new(BINDING_SUCCESS),
                Box::new(mapped),
                Box::new(integrity(password)),
                Box::new(FINGERPRINT),
            ]),
            nominated: self.message.contains(ATTR_USE_CANDIDATE),
            transaction: self.message.transaction_id.0,
        })
    }

    fn unknown_attributes(&self) -> Vec<AttrType> {
        let attributes = self.message.attributes.0.iter();
        attributes
            .map(|attribute| attribute.typ)
            .filter(|typ| typ.required() && !KNOWN.contains(typ))
            .collect()
    }
}

/// A check that was found authentic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answered {
    pub response: Vec<u8>,
    /// The peer chose this path to send on (RFC 8445 §8.1).
    pub nominated: bool,
    /// The check's own number, which its sender chose at random.
    pub transaction: [u8; 12],
}

/// A check has some hundred bytes; over UDP no STUN message exceeds the path's
/// MTU (RFC 8489 §6.1).
const MAX_LENGTH: usize = 1500;
/// Attributes this server understands among those it must, before
/// MESSAGE-INTEGRITY (RFC 8489 §14).
const KNOWN: [AttrType; 3] = [ATTR_USERNAME, ATTR_PRIORITY, ATTR_USE_CANDIDATE];

fn unauthorized(request: &Message) -> Vec<u8> {
    error(request, CODE_UNAUTHORIZED, "Unauthenticated")
}

/// An error whose receiver shares no password with us.
fn error(request: &Message, code: ErrorCode, reason: &str) -> Vec<u8> {
    build(&[
        Box::new(request.clone()),
        Box::new(BINDING_ERROR),
        Box::new(error_code(code, reason)),
        Box::new(FINGERPRINT),
    ])
}

fn signed_error(
    request: &Message,
    code: ErrorCode,
    reason: &str,
    unknown: Vec<AttrType>,
    password: &str,
) -> Vec<u8> {
    let mut setters: Vec<Box<dyn Setter>> = vec![
        Box::new(request.clone()),
        Box::new(BINDING_ERROR),
        Box::new(error_code(code, reason)),
    ];
    if !unknown.is_empty() {
        setters.push(Box::new(UnknownAttributes(unknown)));
    }
    setters.push(Box::new(integrity(password)));
    setters.push(Box::new(FINGERPRINT));
    build(&setters)
}

fn error_code(code: ErrorCode, reason: &str) -> ErrorCodeAttribute {
    ErrorCodeAttribute {
        code,
        reason: reason.as_bytes().to_vec(),
    }
}

fn integrity(password: &str) -> MessageIntegrity<'static> {
    MessageIntegrity::new_short_term_integrity_with_provider(password.to_owned(), &RingCrypto)
}

fn build(setters: &[Box<dyn Setter + '_>]) -> Vec<u8> {
    let mut message = Message::new();
    match message.build(setters) {
        Ok(()) => message.raw,
        // Only an attribute over its size limit fails, and ours are short:
        // better silent than wrong.
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use rtc_stun::attributes::RawAttribute;
    use rtc_stun::message::MessageType;
    use rtc_stun::textattrs::TextAttribute;

    use super::*;

    const PASSWORD: &str = "a-password-of-22-chars";
    const FROM: &str = "192.0.2.7:4242";

    fn request(attributes: Vec<Box<dyn Setter>>, password: Option<&str>) -> Vec<u8> {
        let mut setters: Vec<Box<dyn Setter>> = vec![
            Box::new(rtc_stun::message::TransactionId([7; 12])),
            Box::new(BINDING_REQUEST),
        ];
        setters.extend(attributes);
        if let Some(password) = password {
            setters.push(Box::new(integrity(password)));
        }
        setters.push(Box::new(FINGERPRINT));
        build(&setters)
    }

    fn username() -> Box<dyn Setter> {
        Box::new(TextAttribute::new(ATTR_USERNAME, "ours:theirs".into()))
    }

    fn attribute(typ: AttrType) -> Box<dyn Setter> {
        Box::new(RawAttribute {
            typ,
            length: 0,
            value: Vec::new(),
        })
    }

    fn check(datagram: &[u8]) -> Check {
        match receive(datagram) {
            Received::Check(check) => *check,
            other => panic!("not a check: {other:?}"),
        }
    }

    fn read(response: &[u8]) -> (MessageType, Option<u16>, Message) {
        let mut message = Message::new();
        message.unmarshal_binary(response).expect("a STUN message");
        assert!(FINGERPRINT.check(&message).is_ok());
        let code = message
            .get(rtc_stun::attributes::ATTR_ERROR_CODE)
            .ok()
            .map(|value| u16::from(value[2]) * 100 + u16::from(value[3]));
        (message.typ, code, message)
    }

    #[test]
    fn an_honest_check_learns_its_own_address() {
        let datagram = request(
            vec![username(), attribute(ATTR_USE_CANDIDATE)],
            Some(PASSWORD),
        );

        let mut check = check(&datagram);
        let answered = check
            .answer(PASSWORD, FROM.parse().unwrap())
            .expect("authentic");

        assert_eq!(
            (&*check.local_ufrag, &*check.remote_ufrag),
            ("ours", "theirs")
        );
        assert_eq!(local_ufrag(&datagram), Some("ours"));
        assert!(answered.nominated);
        let (typ, _, mut message) = read(&answered.response);
        assert_eq!(typ, BINDING_SUCCESS);
        assert_eq!(message.transaction_id.0, [7; 12]);
        assert!(MessageIntegrity::check(&mut message, PASSWORD.as_bytes(), &RingCrypto).is_ok());
        let mut mapped = XorMappedAddress::default();
        rtc_stun::message::Getter::get_from(&mut mapped, &message).expect("an address");
        assert_eq!(format!("{}:{}", mapped.ip, mapped.port), FROM);
    }

    #[test]
    fn an_address_of_ipv6_is_told_too() {
        let from: SocketAddr = "[2001:db8::7]:4242".parse().unwrap();
        let datagram = request(vec![username()], Some(PASSWORD));

        let answered = check(&datagram).answer(PASSWORD, from).expect("authentic");

        let (_, _, message) = read(&answered.response);
        let mut mapped = XorMappedAddress::default();
        rtc_stun::message::Getter::get_from(&mut mapped, &message).expect("an address");
        assert_eq!(SocketAddr::new(mapped.ip, mapped.port), from);
    }

    #[test]
    fn a_wrong_password_is_unauthenticated() {
        let datagram = request(vec![username()], Some("another-password-22-ch"));

        let refusal = check(&datagram)
            .answer(PASSWORD, FROM.parse().unwrap())
            .expect_err("forged");

        let (typ, code, _) = read(&refusal);
        assert_eq!((typ, code), (BINDING_ERROR, Some(401)));
    }

    #[test]
    fn a_request_without_credentials_is_a_bad_one() {
        let Received::Refused(refusal) = receive(&request(vec![username()], None)) else {
            panic!("not refused");
        };

        assert_eq!(read(&refusal).1, Some(400));
    }

    #[test]
    fn a_peer_that_believes_it_is_controlled_hears_of_the_conflict() {
        let datagram = request(
            vec![username(), attribute(ATTR_ICE_CONTROLLED)],
            Some(PASSWORD),
        );

        let refusal = check(&datagram)
            .answer(PASSWORD, FROM.parse().unwrap())
            .expect_err("a conflict");

        assert_eq!(read(&refusal).1, Some(487));
    }

    #[test]
    fn an_attribute_that_must_be_understood_is_named_in_the_refusal() {
        let datagram = request(
            vec![username(), attribute(AttrType(0x0042))],
            Some(PASSWORD),
        );

        let refusal = check(&datagram)
            .answer(PASSWORD, FROM.parse().unwrap())
            .expect_err("unknown");

        let (_, code, message) = read(&refusal);
        assert_eq!(code, Some(420));
        let named = message.get(rtc_stun::attributes::ATTR_UNKNOWN_ATTRIBUTES);
        assert_eq!(named.expect("the list"), [0x00, 0x42]);
    }

    #[test]
    fn what_follows_the_integrity_is_not_believed() {
        let datagram = build(&[
            Box::new(rtc_stun::message::TransactionId([7; 12])),
            Box::new(BINDING_REQUEST),
            username(),
            Box::new(integrity(PASSWORD)),
            attribute(ATTR_USE_CANDIDATE),
            attribute(ATTR_ICE_CONTROLLED),
            attribute(AttrType(0x0042)),
            Box::new(FINGERPRINT),
        ]);

        let answered = check(&datagram)
            .answer(PASSWORD, FROM.parse().unwrap())
            .expect("authentic");

        assert!(!answered.nominated);
    }

    #[test]
    fn a_user_name_that_is_not_signed_is_none() {
        let datagram = build(&[
            Box::new(rtc_stun::message::TransactionId([7; 12])),
            Box::new(BINDING_REQUEST),
            Box::new(integrity(PASSWORD)),
            username(),
            Box::new(FINGERPRINT),
        ]);

        let Received::Refused(refusal) = receive(&datagram) else {
            panic!("not refused");
        };
        assert_eq!(read(&refusal).1, Some(400));
    }

    #[test]
    fn a_message_larger_than_any_check_is_not_read() {
        let padding = (0..400).map(|_| attribute(AttrType(0x8042)));
        let attributes = [username()].into_iter().chain(padding).collect();
        let datagram = request(attributes, Some(PASSWORD));

        assert!(matches!(receive(&datagram), Received::Ignored));
    }

    #[test]
    fn what_is_no_check_is_met_with_silence() {
        let whole = request(vec![username()], Some(PASSWORD));
        let mut bad_fingerprint = whole.clone();
        *bad_fingerprint.last_mut().unwrap() ^= 1;
        let response = build(&[Box::new(BINDING_SUCCESS), Box::new(FINGERPRINT)]);
        let longer = [&whole[..], &[0; 4]].concat();

        for datagram in [&bad_fingerprint, &response, &longer, &vec![0; 40]] {
            assert!(matches!(receive(datagram), Received::Ignored));
        }
        for length in 0..whole.len() {
            assert!(matches!(receive(&whole[..length]), Received::Ignored));
        }
    }
}
