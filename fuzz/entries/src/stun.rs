//! Connectivity checks. The first byte of an input tells how much of a
//! message is made authentic, the rest is the message.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use sfu::transport::stun::{self, Received};

use crate::connectivity_check::seal;

/// Reads a message and answers it.
pub fn run(data: &[u8]) {
    let Some((&sealing, message)) = data.split_first() else {
        return;
    };
    let is_signed = sealing % 3 == 2;
    let mut message = message.to_vec();
    match sealing % 3 {
        0 => {}
        1 => seal(&mut message, None),
        _ => seal(&mut message, Some(PASSWORD)),
    }
    let ufrag = stun::local_ufrag(&message).map(str::to_owned);
    match stun::receive(&message) {
        Received::Ignored => {}
        Received::Refused(refusal) => check_response(&refusal, &message),
        Received::Check(mut check) => {
            assert_eq!(ufrag.as_deref(), Some(check.local_ufrag.as_str()));
            check_response(&check.refuse_unknown_user(), &message);
            let from = if sealing & 0x80 == 0 {
                SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 9))
            } else {
                SocketAddr::from((Ipv6Addr::LOCALHOST, 9))
            };
            match check.answer(PASSWORD, from) {
                Ok(answered) => {
                    assert!(is_signed, "a check without our password was believed");
                    check_response(&answered.response, &message);
                }
                Err(refusal) => check_response(&refusal, &message),
            }
        }
    }
}

/// A response is whole, of the same transaction, and no amplification.
fn check_response(response: &[u8], request: &[u8]) {
    assert!(!response.is_empty());
    assert!(response.len() <= request.len() + MOST_ADDED);
    let length = usize::from(u16::from_be_bytes([response[2], response[3]]));
    assert_eq!(response.len(), 20 + length);
    assert_eq!(response[4..20], request[4..20]);
    // Answered, it would go on for ever.
    assert!(matches!(stun::receive(response), Received::Ignored));
}

/// An error's text, a signature and a checksum.
const MOST_ADDED: usize = 88;
/// No seed is signed with it: only [`seal`] can.
const PASSWORD: &str = "known to the fuzzer only";

pub const DICTIONARY: &[&[u8]] = &[
    &[0x21, 0x12, 0xA4, 0x42],
    &[0x00, 0x01],
    &[0x00, 0x06, 0x00, 0x09],
    &[0x00, 0x08, 0x00, 0x14],
    &[0x00, 0x24, 0x00, 0x04],
    &[0x00, 0x25, 0x00, 0x00],
    &[0x80, 0x28, 0x00, 0x04],
    &[0x80, 0x29, 0x00, 0x08],
    &[0x80, 0x2A, 0x00, 0x08],
    &[0x00, 0x1C, 0x00, 0x20],
    b"node1:peer1",
];
