//! Clients over TCP and TLS: bytes that may be split anywhere, and
//! connections that nobody has shown credentials on.

use std::time::Duration;

use turn::stun::{Attribute, Class, Message, Method};
use turn::{Config, Footprint, Limits, Output, Request, Transport};

use crate::client::{Client, on_channel};
use crate::network::{HERE, Network, address, config};

fn alice() -> Client {
    Client::tcp("alice", "192.0.2.10:5000")
}

/// The messages and channel data in what was sent over a stream.
fn frames(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while let Some(&[first, _, high, low]) = bytes.first_chunk() {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let head = if first < 0x40 { 20 } else { 4 };
        let (frame, rest) = bytes.split_at(head + length.next_multiple_of(4));
        frames.push(frame.to_vec());
        bytes = rest;
    }
    assert!(bytes.is_empty());
    frames
}

#[test]
fn a_whole_session_survives_every_split_of_its_bytes() {
    let mut reference = Vec::new();
    for split in 0..400 {
        let mut network = Network::new();
        let mut alice = alice();
        assert!(network.open(&alice));
        network.challenge(&mut alice);
        let mut bytes = alice.allocate();
        bytes.extend(alice.bind(0x4000, address(HERE)));
        bytes.extend(on_channel(0x4000, b"one", true));
        bytes.extend(alice.send(address(HERE), b"two"));
        bytes.extend(on_channel(0x4000, b"", true));
        bytes.extend(alice.refresh(900));
        let (first, second) = bytes.split_at(split.min(bytes.len()));

        network.send(&alice, first);
        network.send(&alice, second);

        let answers: Vec<u16> = frames(&network.received(&alice).concat())
            .iter()
            .map(|frame| Message::read(frame).expect("a message"))
            .inspect(|message| assert_eq!(message.class, Class::Success))
            .map(|message| message.method.0)
            .collect();
        let data: Vec<_> = network
            .to_peers
            .iter()
            .map(|(_, data)| data.clone())
            .collect();
        assert_eq!(answers, [3, 9, 4], "split at {split}");
        assert_eq!(data, [&b"one"[..], b"two", b""], "split at {split}");
        reference = bytes;
    }
    assert!(reference.len() > 400, "{}", reference.len());
    for size in [1, 2, 3, 5, 7, 19, 21] {
        let mut network = Network::new();
        let mut alice = alice();
        assert!(network.open(&alice));
        network.challenge(&mut alice);
        let mut bytes = alice.allocate();
        bytes.extend(alice.bind(0x4000, address(HERE)));
        bytes.extend(on_channel(0x4000, b"one", true));
        for piece in bytes.chunks(size) {
            network.send(&alice, piece);
        }
        assert_eq!(network.to_peers.len(), 1, "pieces of {size}");
    }
}

#[test]
fn nonsense_ends_a_connection_and_its_allocation() {
    let mut wrong_cookie = alice().bare(Class::Request, Method::BINDING, |_| {});
    wrong_cookie[4] ^= 1;
    let mut wrong_fingerprint = alice();
    wrong_fingerprint.has_fingerprint = true;
    let mut wrong_fingerprint = wrong_fingerprint.bare(Class::Request, Method::BINDING, |_| {});
    *wrong_fingerprint.last_mut().unwrap() ^= 1;
    for nonsense in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01",
        &[0x80],
        &[0, 1, 0xFF, 0xFC],
        &[0, 1, 0, 2],
        &[0x40, 0, 0xFF, 0xFF],
        &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &wrong_cookie,
        &wrong_fingerprint,
    ] {
        for has_allocation in [false, true] {
            let mut network = Network::new();
            let mut alice = alice();
            if has_allocation {
                network.allocate(&mut alice);
            } else {
                assert!(network.open(&alice));
            }
            network.send(&alice, nonsense);

            let closed = [Request::CloseStream(alice.five_tuple)];
            assert_eq!(network.requests, closed, "{nonsense:?}");
            assert_eq!(network.server.footprint(), Footprint::default());
            assert!(network.to_clients.is_empty());
            // What was on its way is of nobody.
            let request = alice.bare(Class::Request, Method::BINDING, |_| {});
            assert!(network.ask(&alice, &request).is_none());
        }
    }
}

#[test]
fn data_on_a_reserved_channel_is_dropped_and_what_follows_is_read() {
    let mut network = Network::new();
    let mut alice = alice();
    network.bound(&mut alice, 0x4000, HERE);
    for number in [0x5000, 0x7FFF] {
        let bytes = [
            on_channel(number, b"one", true),
            on_channel(0x4000, b"two", true),
        ];
        network.send(&alice, &bytes.concat());

        let (_, data) = network.to_peers.pop().expect("what follows");
        assert_eq!(data, b"two");
        assert!(network.to_peers.is_empty());
    }
    assert_eq!(network.requests, []);
    assert_eq!(network.server.statistics().dropped.not_permitted, 2);
}

#[test]
fn answers_can_be_told_from_data_that_may_be_left_out() {
    let mut network = Network::new();
    let mut alice = alice();
    let relayed = network.bound(&mut alice, 0x4000, HERE);
    let refresh = alice.refresh(600);
    let mut output = Output::new();

    let (now, peer) = (network.now, address(HERE));
    let server = &mut network.server;
    server.from_peer(now, relayed, peer, b"before", 6, &mut output);
    server.handle_stream(now, alice.five_tuple, &refresh, &mut output);
    server.from_peer(now, relayed, peer, b"after", 5, &mut output);

    let frames_of = |is_answer: bool| -> Vec<u8> {
        let trains = output.trains().iter();
        trains
            .filter(|train| train.is_answer == is_answer)
            .flat_map(|train| frames(output.bytes(train)))
            .map(|frame| frame[0])
            .collect()
    };
    assert_eq!(frames_of(true), [0x01]);
    assert_eq!(frames_of(false), [0x40, 0x40]);
}

#[test]
fn what_came_before_nonsense_is_answered() {
    let mut network = Network::new();
    let mut alice = alice();
    assert!(network.open(&alice));
    let mut bytes = alice.bare(Class::Request, Method::BINDING, |_| {});
    bytes.push(0xFF);

    network.send(&alice, &bytes);

    assert_eq!(network.received(&alice).len(), 1);
    assert_eq!(network.requests.len(), 1);
}

#[test]
fn a_connection_without_allocation_is_closed_however_busy_it_is() {
    let mut network = Network::new();
    let silent = Client::tcp("", "192.0.2.10:5000");
    let slow = Client::new("", "192.0.2.10:5001", Transport::Tls);
    let mut busy = Client::tcp("", "192.0.2.10:5002");
    let mut alice = Client::tcp("alice", "192.0.2.10:5003");
    for client in [&silent, &slow, &busy] {
        assert!(network.open(client));
    }
    network.allocate(&mut alice);
    let endless = on_channel(0x4000, &[0; 4000], true);

    for byte in &endless[..15] {
        assert_eq!(network.requests, []);
        network.send(&slow, &[*byte]);
        let request = busy.bare(Class::Request, Method::BINDING, |_| {});
        assert!(network.ask(&busy, &request).is_some());
        network.run(Duration::from_secs(1));
    }

    let closed = [silent, slow, busy].map(|client| Request::CloseStream(client.five_tuple));
    assert!(
        closed
            .iter()
            .all(|request| network.requests.contains(request))
    );
    assert_eq!(network.requests.len(), closed.len());
    assert_eq!(network.server.footprint().allocations, 1);
}

#[test]
fn a_connection_may_wait_again_when_its_allocation_has_ended() {
    let mut network = Network::new();
    let mut alice = alice();
    network.allocate(&mut alice);
    network.run(Duration::from_mins(1));
    let request = alice.refresh(0);
    assert_eq!(network.code(&alice, &request), 0);

    network.run(Duration::from_millis(14_999));
    assert_eq!(network.requests, []);
    network.run(Duration::from_millis(1));

    assert_eq!(network.requests, [Request::CloseStream(alice.five_tuple)]);
    assert_eq!(network.server.footprint(), Footprint::default());
}

#[test]
fn questions_without_end_end_a_connection() {
    let mut network = Network::new();
    let mut eve = Client::tcp("eve", "192.0.2.66:5000");
    assert!(network.open(&eve));
    for _ in 0..100 {
        let request = eve.bare(Class::Request, Method::BINDING, |_| {});
        network.send(&eve, &request);
    }

    assert_eq!(network.received(&eve).len(), 32);
    assert_eq!(network.requests, [Request::CloseStream(eve.five_tuple)]);
}

#[test]
fn allocations_made_and_ended_without_end_end_a_connection() {
    let mut network = Network::new();
    let mut alice = alice();
    network.allocate(&mut alice);
    for _ in 0..40 {
        let bytes = [alice.refresh(0), alice.allocate()].concat();
        network.send(&alice, &bytes);
    }

    assert_eq!(network.requests, [Request::CloseStream(alice.five_tuple)]);
}

#[test]
fn an_allocation_ends_with_its_connection() {
    let mut network = Network::new();
    let mut alice = alice();
    let relayed = network.bound(&mut alice, 0x4000, HERE);

    network.close(&alice);

    assert_eq!(network.server.footprint(), Footprint::default());
    network.send_back(relayed, HERE, b"hello");
    assert!(network.to_clients.is_empty());
    assert!(network.requests.is_empty(), "it is closed already");
}

#[test]
fn a_flood_of_silent_connections_keeps_nobody_out() {
    let mut network = Network::with(Config {
        limits: Limits {
            streams: 100,
            streams_of_source: 50,
            ..Limits::default()
        },
        ..config()
    });
    let mut alice = alice();
    network.allocate(&mut alice);
    for number in 0..1000_u32 {
        let [_, _, high, low] = (number / 10).to_be_bytes();
        let flood = format!("203.0.{high}.{low}:{}", 6000 + number % 10);
        assert!(network.open(&Client::tcp("", &flood)));
        assert!(network.server.footprint().streams <= 100);
    }

    let mut bob = Client::tcp("bob", "192.0.2.11:5000");
    network.allocate(&mut bob);

    assert_eq!(network.requests.len(), 902);
    assert_eq!(network.server.footprint().allocations, 2);
    let request = alice.refresh(600);
    assert_eq!(network.code(&alice, &request), 0);
}

#[test]
fn one_source_has_its_share_of_connections() {
    let mut network = Network::with(Config {
        limits: Limits {
            streams_of_source: 3,
            ..Limits::default()
        },
        ..config()
    });
    let mut clients: Vec<_> = (0..3)
        .map(|number| Client::tcp("alice", &format!("192.0.2.10:500{number}")))
        .collect();
    network.allocate(&mut clients[0]);
    network.allocate(&mut clients[1]);
    assert!(network.open(&clients[2]));

    // The one that has shown nothing goes.
    let mut another = Client::tcp("alice", "192.0.2.10:5003");
    network.allocate(&mut another);
    assert_eq!(
        network.requests,
        [Request::CloseStream(clients[2].five_tuple)]
    );
    // There is none left to go.
    assert!(!network.open(&Client::tcp("alice", "192.0.2.10:5004")));
    assert!(network.open(&Client::tcp("bob", "192.0.2.11:5000")));
    // Nor is one opened twice, or over UDP.
    assert!(!network.open(&clients[0]));
    assert!(!network.open(&Client::udp("bob", "192.0.2.12:5000")));
    network.close(&clients[0]);
    assert!(network.open(&Client::tcp("alice", "192.0.2.10:5005")));
}

#[test]
fn over_tls_everything_is_as_over_tcp() {
    let mut network = Network::new();
    let mut alice = Client::new("alice", "[2001:db8::10]:5000", Transport::Tls);
    alice.five_tuple.server = address("[2001:db8::1]:443");
    assert!(network.open(&alice));
    network.challenge(&mut alice);
    let request = alice.allocate();
    let answer = network.answer(&alice, &request);

    assert_eq!(
        answer.address(Attribute::XOR_MAPPED_ADDRESS),
        alice.five_tuple.client
    );
    let request = alice.bind(0x4000, address(HERE));
    assert_eq!(network.code(&alice, &request), 0);
    network.send(&alice, &on_channel(0x4000, b"12345", true));
    assert_eq!(network.to_peers[0].1, b"12345");
}
