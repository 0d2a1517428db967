//! What clients and peers send each other (RFC 8656 §11, §12).

use std::net::SocketAddr;
use std::time::Duration;

use turn::stun::{Attribute, Class, Message, Method, read_xor_address};
use turn::{Config, Destination, FiveTuple, Icmp, Limits, Output, Rate};

use crate::client::{Client, on_channel};
use crate::network::{
    ELSEWHERE, HERE, HERE_V6, Network, STRANGER, address, config, everywhere, generous,
};

fn alice() -> Client {
    Client::udp("alice", "192.0.2.10:5000")
}

fn handed_over(relayed: SocketAddr, data: &[u8]) -> (Destination, Vec<u8>) {
    let peer = address(HERE);
    (Destination::HandOver { relayed, peer }, data.to_vec())
}

#[test]
fn a_channel_carries_data_both_ways() {
    for mut alice in [alice(), Client::tcp("alice", "192.0.2.10:5000")] {
        let is_stream = alice.five_tuple.transport.is_stream();
        let mut network = Network::new();
        let relayed = network.bound(&mut alice, 0x4ABC, HERE);
        for length in [0, 1, 2, 3, 4, 1200] {
            let data = vec![9; length];
            network.send(&alice, &on_channel(0x4ABC, &data, is_stream));
            network.send_back(relayed, HERE, &data);

            assert_eq!(network.to_peers.pop(), Some(handed_over(relayed, &data)));
            let expected = on_channel(0x4ABC, &data, is_stream);
            assert_eq!(network.received(&alice), [expected]);
        }
        assert!(network.to_peers.is_empty());
    }
}

#[test]
fn indications_carry_data_both_ways() {
    for mut alice in [alice(), Client::tcp("alice", "192.0.2.10:5000")] {
        let mut network = Network::new();
        let relayed = network.allocate(&mut alice).relayed();
        let request = alice.permit(&[address(HERE)]);
        assert_eq!(network.code(&alice, &request), 0);
        for length in [0, 1, 2, 3, 4, 1200] {
            let data = vec![9; length];
            let indication = alice.send(address(HERE), &data);
            network.send(&alice, &indication);
            network.send_back(relayed, HERE, &data);

            assert_eq!(network.to_peers.pop(), Some(handed_over(relayed, &data)));
            let received = network.received(&alice);
            assert_eq!(received.len(), 1);
            let message = Message::read(&received[0]).expect("a message");
            assert_eq!(
                (message.class, message.method),
                (Class::Indication, Method::DATA)
            );
            assert_eq!(message.get(Attribute::DATA), Some(&data[..]));
            let peer = message.get(Attribute::XOR_PEER_ADDRESS).expect("a peer");
            assert_eq!(
                read_xor_address(peer, message.transaction),
                Some(address(HERE))
            );
        }
    }
}

#[test]
fn indications_for_a_peer_of_ipv6_leave_from_an_address_of_ipv6() {
    let mut network = Network::new();
    let mut alice = alice();
    network.challenge(&mut alice);
    let request = alice.request(Method::ALLOCATE, |writer| {
        crate::client::ask_for_udp(writer);
        writer.attribute(Attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    });
    assert_eq!(network.code(&alice, &request), 0);
    let request = alice.permit(&[address(HERE), address(HERE_V6)]);
    assert_eq!(network.code(&alice, &request), 0);

    for peer in [HERE, HERE_V6] {
        let indication = alice.send(address(peer), b"hello");
        network.send(&alice, &indication);
        let Some((Destination::HandOver { relayed, peer: to }, _)) = network.to_peers.pop() else {
            panic!("not handed over");
        };
        assert_eq!(to, address(peer));
        assert_eq!(relayed.is_ipv4(), to.is_ipv4());
    }
}

#[test]
fn data_of_who_has_nothing_is_dropped() {
    let mut network = Network::new();
    let mut alice = alice();
    let relayed = network.bound(&mut alice, 0x4000, HERE);
    let mut eve = Client::udp("eve", "192.0.2.66:5000");

    network.send(&eve, &on_channel(0x4000, b"hello", false));
    let indication = eve.send(address(HERE), b"hello");
    network.send(&eve, &indication);
    let elsewhere = FiveTuple {
        server: address("198.51.100.2:3478"),
        ..alice.five_tuple
    };
    network.send_from(elsewhere, &on_channel(0x4000, b"hello", false));
    network.send(&alice, &on_channel(0x4001, b"hello", false));

    assert!(network.to_peers.is_empty());
    network.send_back(relayed, STRANGER, b"hello");
    network.send_back(relayed, ELSEWHERE, b"hello");
    network.send_back(relayed, "203.0.113.5:444", b"hello");
    network.send_back(address("192.0.2.1:9999"), HERE, b"hello");
    network.send_back(relayed, HERE_V6, b"hello");
    assert!(network.to_clients.is_empty());
    let dropped = network.server.statistics().dropped;
    assert_eq!((dropped.unknown, dropped.not_permitted), (5, 4));
}

#[test]
fn odd_indications_are_dropped() {
    let mut network = Network::new();
    let mut alice = alice();
    network.bound(&mut alice, 0x4000, HERE);
    let peer = address(HERE);
    let mut send = |attributes: &[(Attribute, &[u8])], has_peer: bool| {
        let message = alice.bare(Class::Indication, Method::SEND, |writer| {
            if has_peer {
                writer.xor_address(Attribute::XOR_PEER_ADDRESS, peer);
            }
            for (attribute, value) in attributes {
                writer.attribute(*attribute, value);
            }
        });
        network.send(&alice, &message);
        network.to_peers.len()
    };

    assert_eq!(send(&[], true), 0);
    assert_eq!(send(&[(Attribute::DATA, b"x")], false), 0);
    let fragments = (Attribute::DONT_FRAGMENT, &b""[..]);
    assert_eq!(send(&[(Attribute::DATA, b"x"), fragments], true), 0);
    let unknown = (Attribute(0x7777), &b""[..]);
    assert_eq!(send(&[(Attribute::DATA, b"x"), unknown], true), 0);
    let odd_peer = (Attribute::XOR_PEER_ADDRESS, &[0, 1, 2][..]);
    assert_eq!(send(&[odd_peer, (Attribute::DATA, b"x")], false), 0);
    assert_eq!(send(&[(Attribute::DATA, b"x")], true), 1);
}

#[test]
fn truncated_and_oversized_data_is_dropped() {
    let mut network = Network::with(Config {
        limits: generous(),
        ..config()
    });
    let mut alice = alice();
    let relayed = network.bound(&mut alice, 0x4000, HERE);
    let whole = on_channel(0x4000, &[7; 40], false);
    for length in 0..whole.len() {
        network.send(&alice, &whole[..length]);
    }
    let indication = alice.send(address(HERE), &[7; 40]);
    for length in 0..indication.len() {
        network.send(&alice, &indication[..length]);
    }
    for length in [4093, 9000, 65_000] {
        network.send(&alice, &on_channel(0x4000, &vec![7; length], false));
        network.send_back(relayed, HERE, &vec![7; length]);
    }

    assert!(network.to_peers.is_empty());
    assert!(network.to_clients.is_empty());
    network.send(&alice, &on_channel(0x4000, &[7; 4092], false));
    network.send_back(relayed, HERE, &[7; 4000]);
    assert_eq!(network.to_peers.len(), 1);
    assert_eq!(network.to_clients.len(), 1);
}

#[test]
fn trains_stay_trains() {
    let mut network = Network::new();
    let mut alice = alice();
    let relayed = network.bound(&mut alice, 0x4000, HERE);
    let mut from_alice: Vec<u8> = (0..8)
        .flat_map(|number| on_channel(0x4000, &[number; 1000], false))
        .collect();
    from_alice.extend(on_channel(0x4000, &[8; 300], false));
    let from_peer: Vec<u8> = (0..8).flat_map(|number| [number; 1100]).collect();
    let mut output = Output::new();

    let now = network.now;
    let server = &mut network.server;
    server.handle_datagrams(now, alice.five_tuple, &from_alice, 1004, &mut output);
    server.from_peer(now, relayed, address(HERE), &from_peer, 1100, &mut output);

    let [up, down] = output.trains() else {
        panic!("not two trains: {:?}", output.trains());
    };
    assert_eq!(up.segment_length, 1000);
    assert_eq!(output.bytes(up).len(), 8300);
    assert_eq!(down.segment_length, 1104);
    assert_eq!(output.bytes(down).len(), 8 * 1104);
    assert_eq!(down.to, Destination::Client(alice.five_tuple));
}

#[test]
fn what_one_client_sends_and_receives_is_bounded() {
    let bandwidth = Rate {
        a_second: 100_000,
        at_once: 20_000,
    };
    let mut network = Network::with(Config {
        limits: Limits {
            bandwidth,
            ..Limits::default()
        },
        ..config()
    });
    let mut alice = alice();
    let mut bob = Client::udp("bob", "192.0.2.11:5000");
    let relayed = network.bound(&mut alice, 0x4000, HERE);
    network.bound(&mut bob, 0x4000, HERE);

    for _ in 0..10_000 {
        network.send(&alice, &on_channel(0x4000, &[7; 952], false));
        network.send_back(relayed, HERE, &[7; 952]);
        network.run(Duration::from_millis(1));
    }

    // A thousand bytes each with what every packet counts for.
    let up = network.to_peers.len();
    let down = network.received(&alice).len();
    assert!((1015..=1020).contains(&up), "{up}");
    assert_eq!(up, down);
    assert_eq!(
        network.server.statistics().dropped.excess,
        20_000 - 2 * up as u64
    );
    network.send(&bob, &on_channel(0x4000, b"hello", false));
    assert_eq!(network.to_peers.len(), up + 1);
}

#[test]
fn a_participants_allocations_share_what_it_may_send_and_receive() {
    let mut network = Network::with(Config {
        limits: Limits {
            bandwidth: Rate {
                a_second: 1000,
                at_once: 10_000,
            },
            ..Limits::default()
        },
        ..config()
    });
    let mut relayed = Vec::new();
    let mut clients: Vec<_> = (0..4)
        .map(|number| Client::udp("alice", &format!("192.0.2.1{number}:5000")))
        .collect();
    for client in &mut clients {
        relayed.push(network.bound(client, 0x4000, HERE));
    }
    for (client, relayed) in clients.iter().zip(&relayed) {
        for _ in 0..10 {
            network.send(client, &on_channel(0x4000, &[7; 952], false));
            network.send_back(*relayed, HERE, &[7; 952]);
        }
    }
    assert_eq!(network.to_peers.len(), 10);
    assert_eq!(network.to_clients.len(), 10);

    // Who ends all and begins anew has no more.
    for client in &mut clients {
        let request = client.refresh(0);
        assert_eq!(network.code(client, &request), 0);
    }
    let mut again = Client::udp("alice", "192.0.2.20:5000");
    network.bound(&mut again, 0x4000, HERE);
    network.send(&again, &on_channel(0x4000, &[7; 952], false));
    assert_eq!(network.to_peers.len(), 10);
    network.run(Duration::from_secs(1));
    network.send(&again, &on_channel(0x4000, &[7; 952], false));
    assert_eq!(network.to_peers.len(), 11);
}

#[test]
fn packets_without_data_are_bounded_too() {
    let mut network = Network::with(Config {
        limits: Limits {
            bandwidth: Rate {
                a_second: 4800,
                at_once: 480,
            },
            ..Limits::default()
        },
        ..config()
    });
    let mut alice = alice();
    network.bound(&mut alice, 0x4000, HERE);

    for _ in 0..1000 {
        network.send(&alice, &on_channel(0x4000, b"", false));
    }

    assert_eq!(network.to_peers.len(), 10);
}

#[test]
fn a_client_hears_that_a_peer_is_not_reached() {
    let mut network = Network::new();
    network.server.set_peers(everywhere());
    let mut alice = alice();
    let relayed = network.allocate_with_port(&mut alice);
    let request = alice.permit(&[address(ELSEWHERE)]);
    assert_eq!(network.code(&alice, &request), 0);
    let mut tell = |peer: &str, typ: u8, code: u8| {
        let peer = address(peer);
        let icmp = Icmp {
            typ,
            code,
            mtu: 1280,
        };
        network.call(|server, now, output| server.icmp_from_peer(now, relayed, peer, icmp, output));
        let received = network.received(&alice);
        received.first().map(|bytes| {
            let message = Message::read(bytes).expect("a message");
            assert_eq!(message.method, Method::DATA);
            assert_eq!(message.get(Attribute::DATA), None);
            message.get(Attribute::ICMP).expect("it is told").to_vec()
        })
    };

    let unreachable = tell(ELSEWHERE, 3, 3);
    assert_eq!(unreachable, Some(vec![0, 0, 6, 3, 0, 0, 0, 0]));
    let too_big = tell(ELSEWHERE, 3, 4);
    assert_eq!(too_big, Some(vec![0, 0, 6, 4, 0, 0, 5, 0]));
    assert_eq!(tell(ELSEWHERE, 8, 0), None, "an echo request is no error");
    assert_eq!(tell(STRANGER, 3, 3), None);
    assert_eq!(tell(HERE, 3, 3), None, "not permitted");
}
