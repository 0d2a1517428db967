//! Whatever strangers and participants send: no panic, no answer that is
//! worth a forged address, nothing kept.

#![allow(clippy::disallowed_types, reason = "proptest's macro has an Arc")]

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use turn::stun::{Attribute, Class, Method};
use turn::{Config, Footprint, Transport};

use crate::client::{Client, ask_for_udp, on_channel};
use crate::network::{HERE, Network, address, config, generous};

const RELAYED: &str = "192.0.2.1:1024";

/// Messages of a participant with an allocation, valid ones.
fn messages(alice: &mut Client) -> Vec<Vec<u8>> {
    let peer = address(HERE);
    let is_stream = alice.five_tuple.transport.is_stream();
    vec![
        alice.bare(Class::Request, Method::BINDING, |_| {}),
        alice.bare(Class::Request, Method::ALLOCATE, ask_for_udp),
        alice.allocate(),
        alice.request(Method::ALLOCATE, |writer| {
            ask_for_udp(writer);
            writer.attribute(Attribute::EVEN_PORT, &[0x80]);
            writer.attribute(Attribute::LIFETIME, &900_u32.to_be_bytes());
        }),
        alice.refresh(900),
        alice.permit(&[peer, peer]),
        alice.bind(0x4000, peer),
        alice.send(peer, b"some data"),
        on_channel(0x4000, b"some more", is_stream),
        alice.refresh(0),
    ]
}

fn generous_network() -> Network {
    Network::with(Config {
        limits: generous(),
        ..config()
    })
}

/// Ends everything, after which nothing may be left.
fn assert_nothing_stays(network: &mut Network, clients: &[&Client]) {
    for client in clients {
        network.close(client);
    }
    network.run(Duration::from_hours(2));
    assert_eq!(network.server.footprint(), Footprint::default());
    assert_eq!(network.server.poll_timeout(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn noise_is_survived(pieces in vec(vec(any::<u8>(), 0..200), 1..20)) {
        let mut network = generous_network();
        let udp = Client::udp("eve", "203.0.113.66:5000");
        let tcp = Client::tcp("eve", "203.0.113.66:5000");
        for piece in &pieces {
            let _ = network.open(&tcp);
            network.send(&udp, piece);
            network.send(&tcp, piece);
            network.send_back(address(RELAYED), HERE, piece);
        }
        prop_assert!(network.to_peers.is_empty());
        assert_nothing_stays(&mut network, &[&tcp]);
    }

    #[test]
    fn mutations_are_survived(
        transport in prop_oneof![Just(Transport::Udp), Just(Transport::Tcp)],
        order in vec(0_usize..10, 1..30),
        changes in vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 0..30),
        cuts in vec(1_usize..300, 1..10),
    ) {
        let mut network = generous_network();
        let mut alice = Client::new("alice", "192.0.2.10:5000", transport);
        let _ = network.open(&alice);
        network.challenge(&mut alice);
        let mut sent = 0;
        let mut received = 0;
        for (round, index) in order.iter().enumerate() {
            let mut bytes = messages(&mut alice)[*index].clone();
            if let Some((at, byte, inserts)) = changes.get(round) {
                let at = at.index(bytes.len());
                if *inserts {
                    bytes.insert(at, *byte);
                } else {
                    bytes[at] = *byte;
                }
            }
            sent += bytes.len();
            if transport.is_stream() {
                let cut = cuts[round % cuts.len()];
                for piece in bytes.chunks(cut) {
                    network.send(&alice, piece);
                }
            } else {
                network.send(&alice, &bytes);
            }
            network.send_back(address(RELAYED), HERE, b"from a peer");
            received += network.received(&alice).iter().map(Vec::len).sum::<usize>();
        }
        prop_assert!(received <= sent * 8 + order.len() * 80);
        prop_assert!(network.server.footprint().allocations <= 1);
        for (_, data) in &network.to_peers {
            prop_assert!(data.len() <= 16);
        }
        assert_nothing_stays(&mut network, &[&alice]);
    }
}

#[test]
fn every_truncation_and_extension_of_each_message_is_survived() {
    let mut network = generous_network();
    let mut alice = Client::udp("alice", "192.0.2.10:5000");
    network.bound(&mut alice, 0x4000, HERE);
    for message in messages(&mut alice) {
        for length in 0..message.len() {
            network.send(&alice, &message[..length]);
        }
        assert!(network.received(&alice).is_empty());
        assert!(network.to_peers.is_empty());
        // Up to three bytes after channel data are padding.
        let fewest = if message[0] < 0x40 { 1 } else { 4 };
        for more in (fewest..=40).chain([1000, 3900, 5000]) {
            let longer = [&message[..], &vec![0; more]].concat();
            network.send(&alice, &longer);
            assert!(network.received(&alice).is_empty(), "{more}");
            assert!(network.to_peers.is_empty(), "{more}");
        }
    }
}

#[test]
fn every_first_byte_is_survived_over_both() {
    for first in 0..=255_u8 {
        for rest in [0_u8, 0xFF, 0x40, 4] {
            let mut network = generous_network();
            let udp = Client::udp("eve", "203.0.113.66:5000");
            let tcp = Client::tcp("eve", "203.0.113.66:5000");
            assert!(network.open(&tcp));
            let mut bytes = vec![rest; 64];
            bytes[0] = first;
            network.send(&udp, &bytes);
            network.send(&tcp, &bytes);
            assert!(network.to_clients.is_empty());
            assert_nothing_stays(&mut network, &[&tcp]);
        }
    }
}

#[test]
fn a_spoofed_end_of_an_allocation_is_refused() {
    let mut network = Network::new();
    let mut alice = Client::udp("alice", "192.0.2.10:5000");
    network.bound(&mut alice, 0x4000, HERE);
    // Sent by somebody who knows the addresses, and credentials of their own.
    let mut eve = Client::udp("eve", "203.0.113.66:5000");
    network.challenge(&mut eve);
    let mut in_her_place = eve.clone();
    in_her_place.five_tuple = alice.five_tuple;

    let request = in_her_place.refresh(0);

    assert_eq!(network.code(&in_her_place, &request), 438);
    network.send(&alice, &on_channel(0x4000, b"hello", false));
    assert_eq!(network.to_peers.len(), 1);
}
