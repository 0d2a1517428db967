//! Published test vectors: RFC 5769, and RFC 8489 Appendix B.1 as erratum
//! 6268 has it.

use std::net::SocketAddr;

use super::{
    Attribute, Class, Integrity, Key, Message, Method, PasswordAlgorithm, Transaction, Writer,
    read_xor_address,
};

/// RFC 5769 §2.1: short-term credentials.
const REQUEST: &str = "
    000100582112a442b7e7a701bc34d686fa87dfae802200105354554e20746573
    7420636c69656e74002400046e0001ff80290008932ff9b151263b3600060009
    6576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249
    c1b571a280280004e57a3bcf";
/// RFC 5769 §2.2.
const IPV4_RESPONSE: &str = "
    0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563
    746f7220002000080001a147e112a643000800142b91f599fd9e90c38c7489f9
    2af9ba53f06be7d780280004c07d4c96";
/// RFC 5769 §2.3.
const IPV6_RESPONSE: &str = "
    010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563
    746f7220002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d900080014
    a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c";
/// RFC 5769 §2.4: long-term credentials.
const LONG_TERM_REQUEST: &str = "
    000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383
    aae38383e382afe382b900000015001c662f2f3439396b39353464364f4c3334
    6f4c394653547679363473410014000b6578616d706c652e6f72670000080014
    f67024656dd64a3e02b8e0712e85c9a28ca89666";
const SHA256_REQUEST: &str = "
    000100902112a44278ad3433c6ad72c029da412e001e00204a3cf38fef6992bd
    a952c6780417da0f24819415569e60b205c46e41407f1704001500296f624d61
    744a6f73324141414366 2f2f3439396b39353464364f4c33346f4c394653547679
    3634734100 00000014000b6578616d706c652e6f726700001d000400020000
    001c0020b5c7bf005b6c52a21c51c5e892f81924136296cb927c43149309278c
    c6518e65";

const SHORT_TERM_PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";
const USERNAME: &str = "\u{30DE}\u{30C8}\u{30EA}\u{30C3}\u{30AF}\u{30B9}";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .bytes()
        .filter(u8::is_ascii_hexdigit)
        .map(|digit| char::from(digit).to_digit(16).expect("a digit") as u8)
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn long_term(algorithm: PasswordAlgorithm) -> Key {
    Key::long_term(algorithm, USERNAME, "example.org", "TheMatrIX")
}

#[test]
fn short_term_samples_are_read_and_authentic() {
    let key = Key::short_term(SHORT_TERM_PASSWORD);
    for (sample, class) in [
        (REQUEST, Class::Request),
        (IPV4_RESPONSE, Class::Success),
        (IPV6_RESPONSE, Class::Success),
    ] {
        let bytes = bytes(sample);
        let message = Message::read(&bytes).expect("well formed");

        assert_eq!((message.class, message.method), (class, Method::BINDING));
        assert!(message.has_fingerprint);
        assert!(message.is_signed_with(&key));
        assert!(!message.is_signed_with(&Key::short_term("another")));
    }
}

#[test]
fn the_addresses_of_the_samples_are_read_and_written() {
    for (sample, expected) in [
        (IPV4_RESPONSE, "192.0.2.1:32853"),
        (
            IPV6_RESPONSE,
            "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
        ),
    ] {
        let expected: SocketAddr = expected.parse().expect("an address");
        let bytes = bytes(sample);
        let message = Message::read(&bytes).expect("well formed");
        let value = message.get(Attribute::XOR_MAPPED_ADDRESS).expect("there");

        assert_eq!(read_xor_address(value, message.transaction), Some(expected));
        let mut ours = Vec::new();
        let mut writer = Writer::new(
            &mut ours,
            Class::Success,
            Method::BINDING,
            message.transaction,
        );
        writer.xor_address(Attribute::XOR_MAPPED_ADDRESS, expected);
        let ours = Message::read(&ours).expect("well formed");
        assert_eq!(ours.get(Attribute::XOR_MAPPED_ADDRESS), Some(value));
    }
}

#[test]
fn a_long_term_sample_is_written_byte_for_byte() {
    let mut ours = Vec::new();
    let transaction = Transaction(*b"\x78\xad\x34\x33\xc6\xad\x72\xc0\x29\xda\x41\x2e");
    let mut writer = Writer::new(&mut ours, Class::Request, Method::BINDING, transaction);
    writer.attribute(Attribute::USERNAME, USERNAME.as_bytes());
    writer.attribute(Attribute::NONCE, b"f//499k954d6OL34oL9FSTvy64sA");
    writer.attribute(Attribute::REALM, b"example.org");
    writer.sign(Integrity::Sha1, &long_term(PasswordAlgorithm::Md5));

    assert_eq!(ours, bytes(LONG_TERM_REQUEST));
    let message = Message::read(&ours).expect("well formed");
    assert!(message.is_signed_with(&long_term(PasswordAlgorithm::Md5)));
    assert!(!message.is_signed_with(&long_term(PasswordAlgorithm::Sha256)));
}

#[test]
fn the_sample_with_sha256_is_authentic() {
    let bytes = bytes(SHA256_REQUEST);
    let message = Message::read(&bytes).expect("well formed");

    let algorithm = message.get(Attribute::PASSWORD_ALGORITHM).expect("there");
    assert_eq!(
        PasswordAlgorithm::read(algorithm),
        Some(PasswordAlgorithm::Sha256)
    );
    assert_eq!(message.integrity(), Some(Integrity::Sha256));
    assert!(message.is_signed_with(&long_term(PasswordAlgorithm::Sha256)));
    assert!(!message.is_signed_with(&long_term(PasswordAlgorithm::Md5)));
}

#[test]
fn any_changed_byte_of_a_sample_is_noticed() {
    let whole = bytes(LONG_TERM_REQUEST);
    let key = long_term(PasswordAlgorithm::Md5);
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        let is_taken = Message::read(&changed).is_some_and(|message| message.is_signed_with(&key));
        assert!(!is_taken, "byte {at}");
    }
}
