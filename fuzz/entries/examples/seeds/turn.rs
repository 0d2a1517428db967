//! What a client says to a TURN server.

use std::net::SocketAddr;

use ::turn::stun::{Attribute, Class, Method, Transaction, Writer};
use ::turn::{ChannelNumber, write_channel_data};
use fuzz_entries::turn::{ALLOCATED, PEERS, RELAY_PORTS, SIGNED, STREAM};

/// Each with a name.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let session = [
        request(
            Method::REFRESH,
            &[(Attribute::LIFETIME, &[0, 0, 4, 0])],
            &[],
        ),
        permission(&[0]),
        indication(0),
        channel(0x4000, 0),
        on_channel(0x4000),
        on_channel(0x4000),
        request(Method::REFRESH, &[(Attribute::LIFETIME, &[0; 4])], &[]),
    ];
    let both = [
        allocate(&[(Attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0])]),
        permission(&[0, 1, 2]),
        indication(1),
        channel(0x4FFF, 2),
        on_channel(0x4FFF),
        request(
            Method::REFRESH,
            &[(Attribute::REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0])],
            &[],
        ),
    ];
    let pair = [
        allocate(&[(Attribute::EVEN_PORT, &[0x80])]),
        allocate(&[(Attribute::RESERVATION_TOKEN, &[7; 8])]),
        allocate(&[(Attribute::DONT_FRAGMENT, &[])]),
    ];
    let refused = [
        channel(0x5000, 0),
        request(
            Method::CREATE_PERMISSION,
            &[(Attribute::XOR_PEER_ADDRESS, &[0, 1, 2, 3, 4, 5, 6, 7])],
            &[],
        ),
        request(Method::BINDING, &[], &[]),
        request(Method(0x00A), &[], &[]),
    ];
    vec![
        ("session", seed(SIGNED | ALLOCATED, &session)),
        (
            "session_of_stream",
            seed(SIGNED | ALLOCATED | STREAM | 0x30, &session),
        ),
        ("byte_by_byte", seed(SIGNED | ALLOCATED | STREAM, &session)),
        ("both_families", seed(SIGNED, &both)),
        ("relay_ports", seed(SIGNED | RELAY_PORTS, &both)),
        (
            "relay_ports_of_stream",
            seed(SIGNED | RELAY_PORTS | STREAM | 0xF0, &both),
        ),
        ("pair_of_ports", seed(SIGNED, &pair)),
        ("pair_of_relay_ports", seed(SIGNED | RELAY_PORTS, &pair)),
        ("refused", seed(SIGNED | ALLOCATED, &refused)),
        ("unsigned", seed(ALLOCATED, &session)),
        ("unsigned_stream", seed(STREAM | 0x50, &refused)),
    ]
}

/// An input: the first byte, then each message after its length.
fn seed(how: u8, messages: &[Vec<u8>]) -> Vec<u8> {
    let mut seed = vec![how];
    for message in messages {
        seed.extend((message.len() as u16).to_be_bytes());
        seed.extend(message);
    }
    seed
}

fn request(method: Method, attributes: &[(Attribute, &[u8])], peers: &[usize]) -> Vec<u8> {
    written(Class::Request, method, attributes, peers)
}

fn allocate(wishes: &[(Attribute, &[u8])]) -> Vec<u8> {
    let transport = (Attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0][..]);
    let attributes: Vec<_> = [transport]
        .into_iter()
        .chain(wishes.iter().copied())
        .collect();
    request(Method::ALLOCATE, &attributes, &[])
}

fn permission(peers: &[usize]) -> Vec<u8> {
    request(Method::CREATE_PERMISSION, &[], peers)
}

fn channel(number: u16, peer: usize) -> Vec<u8> {
    let [high, low] = number.to_be_bytes();
    let number = (Attribute::CHANNEL_NUMBER, &[high, low, 0, 0][..]);
    request(Method::CHANNEL_BIND, &[number], &[peer])
}

fn indication(peer: usize) -> Vec<u8> {
    let data = (Attribute::DATA, &b"some data"[..]);
    written(Class::Indication, Method::SEND, &[data], &[peer])
}

fn on_channel(number: u16) -> Vec<u8> {
    let number = ChannelNumber::new(number).expect("one of the numbers");
    let mut bytes = Vec::new();
    write_channel_data(&mut bytes, number, b"some more", true);
    bytes
}

fn written(
    class: Class,
    method: Method,
    attributes: &[(Attribute, &[u8])],
    peers: &[usize],
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, class, method, Transaction([9; 12]));
    for (attribute, value) in attributes {
        writer.attribute(*attribute, value);
    }
    for peer in peers {
        let peer: SocketAddr = PEERS[*peer].parse().expect("an address");
        writer.xor_address(Attribute::XOR_PEER_ADDRESS, peer);
    }
    bytes
}
