//! What a connection is for, by the first bytes that its client sends.

/// What a client speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Spoken {
    /// That is not clear yet.
    NeedMore,
    /// A TLS handshake record (RFC 8446 §5.1).
    Tls,
    /// STUN messages one after the other, as TURN has them (RFC 8656 §3.1).
    TurnTcp,
    /// A connectivity check in a frame (RFC 6544 §7.2, RFC 4571 §2).
    IceTcp,
    /// A request in plain HTTP/1 (RFC 9112 §3).
    Http,
    /// Nothing that is spoken here.
    Nonsense,
}

/// Tells what is spoken by the first bytes, of which there may be more. That
/// is clear after [`ENOUGH`] bytes at the latest, and stays so.
pub(crate) fn classify(bytes: &[u8]) -> Spoken {
    let fits = [
        (Spoken::Tls, begins_with(&TLS, bytes)),
        (Spoken::TurnTcp, begins_with(&TURN, bytes)),
        (Spoken::IceTcp, begins_with(&CHECK, bytes)),
        (Spoken::Http, begins_with_method(bytes)),
    ];
    let of = |wanted| fits.into_iter().find(|(_, fit)| *fit == wanted);
    match (of(Fit::Whole), of(Fit::SoFar)) {
        (Some((spoken, _)), _) => spoken,
        (None, Some(_)) => Spoken::NeedMore,
        (None, None) => Spoken::Nonsense,
    }
}

/// After so many bytes it is clear what is spoken.
pub(crate) const ENOUGH: usize = LONGEST_METHOD + 1;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fit {
    Whole,
    SoFar,
    Not,
}

/// What a byte may be.
enum Byte {
    Any,
    Is(u8),
    UpTo(u8),
    MultipleOfFour,
}

fn begins_with(pattern: &[Byte], bytes: &[u8]) -> Fit {
    let fits = pattern
        .iter()
        .zip(bytes)
        .all(|(may_be, byte)| match may_be {
            Byte::Any => true,
            Byte::Is(value) => byte == value,
            Byte::UpTo(most) => byte <= most,
            Byte::MultipleOfFour => byte.is_multiple_of(4),
        });
    match (fits, bytes.len() >= pattern.len()) {
        (true, true) => Fit::Whole,
        (true, false) => Fit::SoFar,
        (false, _) => Fit::Not,
    }
}

/// A method in capital letters, and a space.
fn begins_with_method(bytes: &[u8]) -> Fit {
    let letters = bytes.iter().take_while(|byte| byte.is_ascii_uppercase());
    match letters.count() {
        length if length > LONGEST_METHOD => Fit::Not,
        length if length == bytes.len() => Fit::SoFar,
        length if length > 0 && bytes[length] == b' ' => Fit::Whole,
        _ => Fit::Not,
    }
}

const TLS: [Byte; 1] = [Byte::Is(0x16)];

/// A STUN request or indication (RFC 8489 §5). Of methods and classes that
/// clients send, the first byte is zero; a length is a multiple of four.
const TURN: [Byte; 8] = [
    Byte::Is(0),
    Byte::Any,
    Byte::UpTo(LENGTH_HIGH),
    Byte::MultipleOfFour,
    Byte::Is(COOKIE[0]),
    Byte::Is(COOKIE[1]),
    Byte::Is(COOKIE[2]),
    Byte::Is(COOKIE[3]),
];

/// The length of a frame, and the head of a STUN Binding request. What is its
/// type here would be a length that cannot be, read as TURN.
const CHECK: [Byte; 10] = [
    Byte::UpTo(LENGTH_HIGH),
    Byte::Any,
    Byte::Is(0),
    Byte::Is(1),
    Byte::UpTo(LENGTH_HIGH),
    Byte::MultipleOfFour,
    Byte::Is(COOKIE[0]),
    Byte::Is(COOKIE[1]),
    Byte::Is(COOKIE[2]),
    Byte::Is(COOKIE[3]),
];

/// RFC 8489 §5.
const COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
/// Of the longest message that is taken, somewhat over 4096 bytes.
const LENGTH_HIGH: u8 = 0x10;
/// Of those that are registered, in letters.
const LONGEST_METHOD: usize = 17;

#[cfg(test)]
mod tests {
    use super::*;

    /// Something of each kind, and after how many bytes it is clear.
    fn examples() -> Vec<(Spoken, usize, Vec<u8>)> {
        let stun = |typ: u16, length: u16| {
            let head = [typ.to_be_bytes(), length.to_be_bytes()].concat();
            [&head[..], &COOKIE, &[7; 12]].concat()
        };
        let framed = |length: u16, message: Vec<u8>| {
            let rest = vec![0; usize::from(length) + 20 - message.len()];
            let frame = (length + 20).to_be_bytes();
            [&frame[..], &message, &rest].concat()
        };
        vec![
            (Spoken::Tls, 1, vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3]),
            // Allocate, Refresh, Send indication, and Binding without any use.
            (Spoken::TurnTcp, 8, stun(0x0003, 8)),
            (Spoken::TurnTcp, 8, stun(0x0004, 0)),
            (Spoken::TurnTcp, 8, stun(0x0016, 1200)),
            (Spoken::TurnTcp, 8, stun(0x0001, 0)),
            (Spoken::IceTcp, 10, framed(88, stun(0x0001, 88))),
            (Spoken::IceTcp, 10, framed(300, stun(0x0001, 300))),
            (Spoken::Http, 4, b"GET / HTTP/1.1\r\n".to_vec()),
            (Spoken::Http, 8, b"OPTIONS * HTTP/1.1\r\n".to_vec()),
            (Spoken::Http, 4, b"PRI * HTTP/2.0\r\n".to_vec()),
        ]
    }

    #[test]
    fn each_kind_is_told_as_soon_as_it_can_be_and_no_sooner() {
        for (spoken, clear_after, bytes) in examples() {
            for length in 0..=bytes.len() {
                let expected = if length < clear_after {
                    Spoken::NeedMore
                } else {
                    spoken
                };
                let prefix = &bytes[..length];
                assert_eq!(classify(prefix), expected, "{prefix:02x?}");
            }
        }
    }

    #[test]
    fn what_is_spoken_is_clear_soon_and_never_becomes_something_else() {
        let any = [0, 1, 5, 0x16, 0x21, 0x12, 0xA4, 0x42, 0x80, b' ', b'A', 255];
        let mut prefixes = vec![Vec::new()];
        for length in 0..6 {
            let longer: Vec<_> = prefixes
                .iter()
                .filter(|prefix: &&Vec<u8>| prefix.len() == length)
                .flat_map(|prefix| any.iter().map(|byte| [&prefix[..], &[*byte]].concat()))
                .filter(|prefix| classify(&prefix[..length]) == Spoken::NeedMore)
                .collect();
            prefixes.extend(longer);
        }
        assert!(prefixes.len() > 1_000);
        for prefix in prefixes {
            for filler in any {
                let mut told = Spoken::NeedMore;
                let mut bytes = prefix.clone();
                bytes.resize(ENOUGH + 3, filler);
                for length in 0..=bytes.len() {
                    let now = classify(&bytes[..length]);
                    assert!(told == Spoken::NeedMore || now == told, "{bytes:02x?}");
                    told = now;
                }
                assert_ne!(classify(&bytes[..ENOUGH]), Spoken::NeedMore, "{bytes:02x?}");
            }
        }
    }

    #[test]
    fn nonsense_is_told_at_its_first_wrong_byte() {
        for (bytes, wrong_at) in [
            (&b"\x80\x60"[..], 0),
            (b"SSH-2.0-OpenSSH", 3),
            (b"get / HTTP/1.1", 0),
            (b"GET\r\n", 3),
            (b" GET", 0),
            (b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", 17),
            (b"\x03\x00\x00\x13\x0e", 3),
            (b"\x00\x03\x00\x09\x21\x12\xa4\x42", 3),
            (b"\x00\x03\x00\x08\x21\x12\xa4\x43", 7),
            (b"\x00\x6c\x01\x01", 3),
            (b"\x00\x6c\x00\x01\x00\x58\x21\x12\xa4\x43", 9),
            (b"\x11\x00\x00\x01", 0),
        ] {
            for length in 1..=bytes.len() {
                let is_wrong = classify(&bytes[..length]) == Spoken::Nonsense;
                assert_eq!(is_wrong, length > wrong_at, "{:02x?}", &bytes[..length]);
            }
        }
    }
}
