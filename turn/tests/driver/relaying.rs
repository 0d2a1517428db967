//! What clients and peers send each other.

use std::net::UdpSocket;
use std::thread;
use std::time::Duration;

use turn::stun::{Attribute, Message, read_xor_address};
use turn::{Server, Transport};

use crate::client::{EXPIRY, on_channel};
use crate::link::{CHANNEL, Link};
use crate::network::address;
use crate::running::{PATIENCE, PEER, Running};

const ALL: [Transport; 3] = [Transport::Udp, Transport::Tcp, Transport::Tls];

#[test]
fn bursts_are_handed_over_both_ways() {
    let mut running = Running::start();
    for transport in ALL {
        let (mut alice, relayed) = Link::bound(&running, "alice", transport);
        assert!(Server::is_synthetic(relayed));
        for round in 0..20_u8 {
            for number in 0..8 {
                alice.send_data(&[round, number, 7].repeat(400));
            }

            let arrived = running.peer.receive(8);
            let expected: Vec<_> = (0..8)
                .map(|number| (relayed, [round, number, 7].repeat(400)))
                .collect();
            assert_eq!(arrived, expected, "{transport:?}");

            let burst: Vec<_> = (0..8)
                .flat_map(|number| vec![round ^ number; 1111])
                .collect();
            running.peer.send(relayed, &burst[..8 * 1111 - 5], 1111);
            for number in 0..8 {
                let length = if number == 7 { 1106 } else { 1111 };
                assert_eq!(alice.receive_data(), vec![round ^ number; length]);
            }
        }
    }
    let statistics = running.settle("all is counted", |now| now.server.packets_down == 480);
    assert_eq!(statistics.server.packets_up, 480);
    assert_eq!((statistics.late, statistics.lost), (0, 0));
}

#[test]
fn feedback_comes_through_whether_the_thread_is_busy_or_not() {
    let mut running = Running::start();
    let (mut alice, relayed) = Link::bound(&running, "alice", Transport::Udp);
    let report = |number: u8| vec![0x81, 201, 0, 7, number];
    let media = |number: u8| vec![0x80, 96, number];
    // Nobody is awake for these.
    for number in 40..43 {
        alice.send_data(&report(number));
        assert_eq!(running.peer.receive(1), [(relayed, report(number))]);
    }
    for number in 0..40 {
        alice.send_data(&report(number));
        if number % 8 == 0 {
            alice.send_data(&media(number));
        }
        thread::sleep(Duration::from_millis(u64::from(number) % 13));
    }

    let mut arrived = running.peer.receive(45);
    assert!(arrived.iter().all(|(from, _)| *from == relayed));
    // The two kinds come by different sockets, each in its order.
    arrived.sort_by_key(|(_, bytes)| bytes[1]);
    let all = (0..40).step_by(8).map(media).chain((0..40).map(report));
    assert!(arrived.into_iter().map(|(_, bytes)| bytes).eq(all));
}

#[test]
fn a_client_is_known_by_its_address_and_transport() {
    let running = Running::start();
    let mut links = Vec::new();
    for transport in ALL {
        let mut link = Link::open(&running, "alice", transport);

        let answer = link.allocate();

        assert_eq!(answer.code(), 0);
        let mapped = answer.address(Attribute::XOR_MAPPED_ADDRESS);
        assert!(mapped.ip().is_loopback() && mapped.port() != 0);
        links.push(link);
    }
    running.settle("three are there", |now| {
        (now.server.allocations, now.server.streams) == (3, 2)
    });
}

#[test]
fn what_was_read_of_a_connection_before_is_not_lost() {
    let running = Running::start();
    let mut request = vec![0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42];
    request.extend([7; 12]);
    for cut in [0, 1, 8, 20] {
        let mut stream = running.connect(false, &request[..cut]);
        stream.set_read_timeout(Some(PATIENCE)).expect("it can be");
        std::io::Write::write_all(&mut stream, &request[cut..]).expect("sent");
        let mut answer = [0; 32];
        std::io::Read::read_exact(&mut stream, &mut answer).expect("an answer");
        assert_eq!(answer[..2], [1, 1]);
    }
}

#[test]
fn peers_elsewhere_are_reached_by_a_port_of_the_clients_own() {
    let elsewhere = UdpSocket::bind("127.0.0.1:0").expect("the loopback");
    elsewhere
        .set_read_timeout(Some(PATIENCE))
        .expect("it can be");
    let peer = elsewhere.local_addr().expect("bound");
    let mut running = Running::with(|settings| settings.other_peers.push(peer));
    for transport in ALL {
        let mut alice = Link::open(&running, "alice", transport);
        let relayed = alice.allocate().relayed();
        assert!((42_000..43_000).contains(&relayed.port()), "{relayed}");
        let request = alice.client.bind(CHANNEL, peer);
        assert_eq!(alice.ask(&request).code(), 0);
        let mut memory = [0; 2048];
        for number in 0..8 {
            alice.send_data(&[number; 1200]);
        }
        for number in 0..8 {
            let (length, from) = elsewhere.recv_from(&mut memory).expect("data");
            assert_eq!((&memory[..length], from), (&[number; 1200][..], relayed));
            elsewhere.send_to(&[number; 700], relayed).expect("sent");
        }
        for number in 0..8 {
            assert_eq!(alice.receive_data(), [number; 700]);
        }

        // A peer of this process sees the client by the same address.
        let is_stream = transport.is_stream();
        let request = alice.client.bind(CHANNEL + 1, address(PEER));
        assert_eq!(alice.ask(&request).code(), 0);
        alice.send(&on_channel(CHANNEL + 1, b"here", is_stream));
        assert_eq!(running.peer.receive(1), [(relayed, b"here".to_vec())]);
        running.peer.send(relayed, b"back", 4);
        let data = alice.receive().expect("data");
        assert_eq!(data[4..8], *b"back");

        let request = alice.client.refresh(0);
        assert_eq!(alice.ask(&request).code(), 0);
    }
    running.settle("the ports are closed", |now| now.relay_ports == 0);
}

#[test]
fn a_peer_that_cannot_be_reached_is_told_of_and_ends_nothing() {
    let [closed, open] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").expect("the loopback"));
    open.set_read_timeout(Some(PATIENCE)).expect("it can be");
    let [gone, there] = [&closed, &open].map(|socket| socket.local_addr().expect("bound"));
    drop(closed);
    let running = Running::with(|settings| settings.other_peers = vec![gone, there]);
    for transport in ALL {
        let mut alice = Link::open(&running, "alice", transport);
        let relayed = alice.allocate().relayed();
        for (channel, peer) in [(CHANNEL, gone), (CHANNEL + 1, there)] {
            let request = alice.client.bind(channel, peer);
            assert_eq!(alice.ask(&request).code(), 0);
        }
        for number in 0..5 {
            alice.send_data(b"is anybody there?");

            let bytes = alice.receive().expect("an indication");
            let message = Message::read(&bytes).expect("a message");
            let about = message.get(Attribute::XOR_PEER_ADDRESS).expect("a peer");
            let about = read_xor_address(about, message.transaction);
            assert_eq!(about, Some(gone), "{transport:?}");
            // RFC 8656 §18.13: destination unreachable, port unreachable.
            let told = message.get(Attribute::ICMP);
            assert_eq!(told, Some(&[0, 0, 3 << 1, 3, 0, 0, 0, 0][..]));
            assert_eq!(message.get(Attribute::DATA), None);

            // At once after an error, whose way it must not cross.
            alice.send_data(b"once more");
            let other = on_channel(CHANNEL + 1, &[number; 8], transport.is_stream());
            alice.send(&other);
            let mut memory = [0; 64];
            let (length, from) = open.recv_from(&mut memory).expect("data");
            assert_eq!((&memory[..length], from), (&[number; 8][..], relayed));
            assert_eq!(alice.receive().expect("an indication")[..2], [0, 0x17]);
            open.send_to(&[number; 9], relayed).expect("sent");
            assert_eq!(alice.receive().expect("data")[4..13], [number; 9]);
        }
        let request = alice.client.refresh(0);
        assert_eq!(alice.ask(&request).code(), 0);
    }
}

#[test]
fn indications_work_without_a_channel() {
    let mut running = Running::start();
    let mut alice = Link::open(&running, "alice", Transport::Udp);
    let relayed = alice.allocate().relayed();
    let request = alice.client.permit(&[address(PEER)]);
    assert_eq!(alice.ask(&request).code(), 0);

    let indication = alice.client.send(address(PEER), b"up");
    alice.send(&indication);
    assert_eq!(running.peer.receive(1), [(relayed, b"up".to_vec())]);
    running.peer.send(relayed, b"down", 4);

    let bytes = alice.receive().expect("an indication");
    let message = Message::read(&bytes).expect("a message");
    let peer = message.get(Attribute::XOR_PEER_ADDRESS).expect("a peer");
    let peer = read_xor_address(peer, message.transaction);
    assert_eq!(peer, Some(address(PEER)));
    assert_eq!(message.get(Attribute::DATA), Some(&b"down"[..]));
}

#[test]
fn a_participant_that_was_sent_away_relays_nothing_more() {
    let mut running = Running::start();
    let (mut alice, of_alice) = Link::bound(&running, "alice", Transport::Tls);
    let (mut ben, of_ben) = Link::bound(&running, "ben", Transport::Udp);
    running.settle("both are there", |now| now.server.allocations == 2);

    let handle = running.turn.handle();
    handle.end_participant("alice", alice.expires);

    running.settle("one is left", |now| now.server.allocations == 1);
    alice.send_data(b"is anybody there?");
    running.peer.send(of_alice, b"still?", 6);
    running.settle("both are dropped", |now| now.server.dropped.unknown == 2);
    assert!(running.peer.hears_nothing());
    assert_eq!(alice.allocate().code(), 401);
    ben.send_data(b"yes");
    assert_eq!(running.peer.receive(1), [(of_ben, b"yes".to_vec())]);
}

#[test]
fn the_wall_clock_is_the_systems() {
    let running = Running::start();
    let mut late = Link::open(&running, "alice", Transport::Udp);
    // Two hours after 1970.
    let old = turn::SharedSecret::new(crate::client::SECRET).issue("alice", EXPIRY);
    late.client.username = old.username;
    late.client.password = old.password;

    assert_eq!(late.allocate().code(), 401);
}

#[test]
fn a_server_that_is_dropped_lets_its_ports_go() {
    let running = Running::start();
    let (mut alice, _) = Link::bound(&running, "alice", Transport::Tcp);
    let address = running.udp();

    drop(running);

    UdpSocket::bind(address).expect("it is free again");
    assert!(alice.receive().is_err());
}
