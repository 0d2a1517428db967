//! Permissions (RFC 8656 §9, §10) and channels (§12): whom a client reaches.

use std::time::Duration;

use turn::stun::{Attribute, Method, Writer};
use turn::{Channels, Config, Reach};

use crate::client::{Client, on_channel};
use crate::network::{ELSEWHERE, HERE, HERE_V6, Network, STRANGER, address, config, here};

fn alice() -> Client {
    Client::udp("alice", "192.0.2.10:5000")
}

/// A client with an address of IPv4.
fn allocated() -> (Network, Client) {
    let mut network = Network::new();
    let mut alice = alice();
    network.allocate(&mut alice);
    (network, alice)
}

#[test]
fn only_our_own_media_addresses_are_peers() {
    let (mut network, mut alice) = allocated();
    for forbidden in [
        STRANGER,
        ELSEWHERE,
        "127.0.0.1:80",
        "192.0.2.11:5000",
        "198.51.100.1:3478",
        "0.0.0.0:0",
        "255.255.255.255:443",
    ] {
        let forbidden = address(forbidden);
        let permission = alice.permit(&[forbidden]);
        assert_eq!(network.code(&alice, &permission), 403, "{forbidden}");
        let channel = alice.bind(0x4000, forbidden);
        assert_eq!(network.code(&alice, &channel), 403, "{forbidden}");
        let data = alice.send(forbidden, b"hello");
        assert!(network.ask(&alice, &data).is_none());
    }
    assert!(network.to_peers.is_empty());
}

#[test]
fn another_port_of_ours_is_no_peer() {
    let (mut network, mut alice) = allocated();
    let other_port = address("203.0.113.5:22");

    // Permissions know no ports.
    let permission = alice.permit(&[other_port]);
    let channel = alice.bind(0x4000, other_port);
    let data = alice.send(other_port, b"hello");

    assert_eq!(network.code(&alice, &permission), 0);
    assert_eq!(network.code(&alice, &channel), 403);
    network.send(&alice, &data);
    assert!(network.to_peers.is_empty());
}

#[test]
fn one_stranger_among_peers_spoils_the_request() {
    let (mut network, mut alice) = allocated();

    let request = alice.permit(&[address(HERE), address(STRANGER)]);

    assert_eq!(network.code(&alice, &request), 403);
    let data = alice.send(address(HERE), b"hello");
    network.send(&alice, &data);
    assert!(network.to_peers.is_empty());
}

#[test]
fn a_peer_of_a_family_without_address_is_a_mismatch() {
    let (mut network, mut alice) = allocated();
    let peer = address(HERE_V6);

    let permission = alice.permit(&[address(HERE), peer]);
    let channel = alice.bind(0x4000, peer);

    assert_eq!(network.code(&alice, &permission), 443);
    assert_eq!(network.code(&alice, &channel), 443);
}

#[test]
fn malformed_requests_are_bad_ones() {
    let (mut network, mut alice) = allocated();
    let peer = address(HERE);
    let mut code = |method: Method, write: &dyn Fn(&mut Writer)| {
        let request = alice.request(method, |writer| write(writer));
        network.code(&alice, &request)
    };

    assert_eq!(code(Method::CREATE_PERMISSION, &|_| {}), 400);
    for odd in [
        &[][..],
        &[0; 7],
        &[0, 1, 0, 0, 0, 0, 0, 0, 0],
        &[0, 3, 0, 0, 0, 0, 0, 0],
    ] {
        let write = |writer: &mut Writer| {
            writer.xor_address(Attribute::XOR_PEER_ADDRESS, peer);
            writer.attribute(Attribute::XOR_PEER_ADDRESS, odd);
        };
        assert_eq!(code(Method::CREATE_PERMISSION, &write), 400, "{odd:?}");
    }
    let number = |writer: &mut Writer, value: &[u8]| {
        writer.attribute(Attribute::CHANNEL_NUMBER, value);
    };
    let bind = Method::CHANNEL_BIND;
    assert_eq!(code(bind, &|writer| number(writer, &[0x40, 0, 0, 0])), 400);
    let without_number =
        |writer: &mut Writer| writer.xor_address(Attribute::XOR_PEER_ADDRESS, peer);
    assert_eq!(code(bind, &without_number), 400);
    for odd in [&[][..], &[0x40, 0], &[0x40, 0, 0, 0, 0]] {
        let write = |writer: &mut Writer| {
            number(writer, odd);
            writer.xor_address(Attribute::XOR_PEER_ADDRESS, peer);
        };
        assert_eq!(code(bind, &write), 400, "{odd:?}");
    }
}

#[test]
fn channels_have_numbers_of_their_own() {
    let (mut network, mut alice) = allocated();
    let peer = address(HERE);
    for number in [0x0000, 0x0001, 0x3FFF, 0x5000, 0x7FFF, 0x8000, 0xFFFF] {
        let request = alice.bind(number, peer);
        assert_eq!(network.code(&alice, &request), 400, "{number:#x}");
        network.send(&alice, &on_channel(number, b"hello", false));
    }
    assert!(network.to_peers.is_empty());
    for number in [0x4000, 0x4FFF] {
        let (mut network, mut alice) = allocated();
        let request = alice.bind(number, peer);
        assert_eq!(network.code(&alice, &request), 0, "{number:#x}");
    }
}

#[test]
fn numbers_of_before_are_taken_where_that_is_set() {
    let mut network = Network::with(Config {
        channels: Channels::Rfc5766,
        ..config()
    });
    let mut alice = alice();
    network.allocate(&mut alice);
    for number in [0x3FFF, 0x8000] {
        let request = alice.bind(number, address(HERE));
        assert_eq!(network.code(&alice, &request), 400, "{number:#x}");
    }
    let request = alice.bind(0x7FFF, address(HERE));
    assert_eq!(network.code(&alice, &request), 0);
    network.send(&alice, &on_channel(0x7FFF, b"hello", false));
    assert_eq!(network.to_peers.len(), 1);
}

#[test]
fn a_channel_has_one_peer_and_a_peer_one_channel() {
    let mut network = Network::new();
    let other = "203.0.113.5:444";
    let peers = [HERE, other].map(|peer| (address(peer), Reach::HandOver));
    network.server.set_peers(peers.into_iter().collect());
    let mut alice = alice();
    network.bound(&mut alice, 0x4000, HERE);

    let of_another = alice.bind(0x4000, address(other));
    let with_another_number = alice.bind(0x4001, address(HERE));
    let again = alice.bind(0x4000, address(HERE));

    assert_eq!(network.code(&alice, &of_another), 400);
    let taken = |network: &Network| network.server.statistics().numbers_taken;
    assert_eq!(taken(&network), 1);
    assert_eq!(network.code(&alice, &with_another_number), 400);
    assert_eq!(taken(&network), 1);
    assert_eq!(network.code(&alice, &again), 0);
    // Numbers are each client's own.
    let mut bob = Client::udp("bob", "192.0.2.11:5000");
    network.bound(&mut bob, 0x4000, other);
    // And free again when they have expired.
    network.run(Duration::from_mins(9));
    let mut fresh = alice.clone();
    network.challenge(&mut fresh);
    alice.nonce = fresh.nonce;
    let refresh = alice.refresh(3600);
    assert_eq!(network.code(&alice, &refresh), 0);
    network.run(Duration::from_mins(1));
    let of_another = alice.bind(0x4000, address(other));
    assert_eq!(network.code(&alice, &of_another), 0);
}

#[test]
fn permissions_last_five_minutes_and_channels_ten() {
    let mut network = Network::new();
    let mut alice = alice();
    network.challenge(&mut alice);
    let request = alice.request(Method::ALLOCATE, |writer| {
        crate::client::ask_for_udp(writer);
        writer.attribute(Attribute::LIFETIME, &3600_u32.to_be_bytes());
    });
    let relayed = network.answer(&alice, &request).relayed();
    let request = alice.bind(0x4000, address(HERE));
    assert_eq!(network.code(&alice, &request), 0);
    let mut reaches = |network: &mut Network| {
        let before = network.to_peers.len();
        network.send(&alice, &on_channel(0x4000, b"up", false));
        let by_channel = network.to_peers.len() - before;
        let data = alice.send(address(HERE), b"up");
        network.send(&alice, &data);
        let by_indication = network.to_peers.len() - before - by_channel;
        network.send_back(relayed, HERE, b"down");
        (by_channel, by_indication, network.received(&alice).len())
    };

    let almost = Duration::from_millis(1);
    network.run(Duration::from_millis(299_999));
    assert_eq!(reaches(&mut network), (1, 1, 1));
    network.run(almost);
    assert_eq!(reaches(&mut network), (1, 0, 0));
    network.run(Duration::from_millis(299_999));
    assert_eq!(reaches(&mut network), (1, 0, 0));
    network.run(almost);
    assert_eq!(reaches(&mut network), (0, 0, 0));
}

#[test]
fn a_permission_can_be_renewed() {
    let (mut network, mut alice) = allocated();
    for _ in 0..3 {
        let request = alice.permit(&[address(HERE)]);
        assert_eq!(network.code(&alice, &request), 0);
        network.run(Duration::from_mins(3));
    }
    let data = alice.send(address(HERE), b"hello");
    network.send(&alice, &data);

    assert_eq!(network.to_peers.len(), 1);
}

#[test]
fn peers_that_are_none_any_more_are_not_reached() {
    let mut network = Network::new();
    let mut alice = alice();
    let relayed = network.bound(&mut alice, 0x4000, HERE);

    let others = [(address(HERE_V6), Reach::HandOver)];
    network.server.set_peers(others.into_iter().collect());
    let again = alice.bind(0x4000, address(HERE));
    assert_eq!(network.code(&alice, &again), 403);
    // Whoever is on the list again has to be let in again.
    network.server.set_peers(here());
    network.send(&alice, &on_channel(0x4000, b"hello", false));
    let data = alice.send(address(HERE), b"hello");
    network.send(&alice, &data);
    network.send_back(relayed, HERE, b"hello");

    assert!(network.to_peers.is_empty());
    assert!(network.to_clients.is_empty());
}

#[test]
fn there_is_an_end_to_permissions_and_channels() {
    let mut network = Network::new();
    let peers: Vec<_> = (0..200_u32)
        .map(|number| {
            let ip = std::net::Ipv4Addr::from(0xCB00_7100 + number);
            (std::net::SocketAddr::from((ip, 443)), Reach::HandOver)
        })
        .collect();
    network.server.set_peers(peers.iter().copied().collect());
    let mut alice = alice();
    network.allocate(&mut alice);
    let addresses: Vec<_> = peers.iter().map(|(peer, _)| *peer).collect();

    let too_many = alice.permit(&addresses[..33]);
    let enough = alice.permit(&addresses[..32]);
    let again = alice.permit(&[addresses[5], addresses[5], addresses[6]]);
    let one_more = alice.permit(&addresses[32..33]);
    let beyond = alice.bind(0x4000, addresses[32]);

    assert_eq!(network.code(&alice, &too_many), 508);
    assert_eq!(network.code(&alice, &enough), 0);
    assert_eq!(network.code(&alice, &again), 0);
    assert_eq!(network.code(&alice, &one_more), 508);
    assert_eq!(network.code(&alice, &beyond), 508);
    for (number, peer) in (0x4000..).zip(&addresses[..32]) {
        let request = alice.bind(number, *peer);
        assert_eq!(network.code(&alice, &request), 0);
    }
    network.run(Duration::from_mins(5));
    let one_more = alice.permit(&addresses[32..33]);
    let beyond = alice.bind(0x4FFF, addresses[32]);
    assert_eq!(network.code(&alice, &one_more), 0);
    assert_eq!(network.code(&alice, &beyond), 508);
}
