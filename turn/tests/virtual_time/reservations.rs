//! Ports by parity, and those kept for a second allocation (RFC 8656 §18.9,
//! §18.10).

use std::time::Duration;

use turn::stun::{Attribute, Method};
use turn::{Config, Footprint, Limits, PortWish, RelayRefused, Request};

use crate::client::{Answer, Client, EXPIRY, ask_for_udp};
use crate::network::{Network, address, config};

fn alice() -> Client {
    Client::udp("alice", "192.0.2.10:5000")
}

fn even(client: &mut Client, flags: u8) -> Vec<u8> {
    client.request(Method::ALLOCATE, |writer| {
        ask_for_udp(writer);
        writer.attribute(Attribute::EVEN_PORT, &[flags]);
    })
}

fn with_token(client: &mut Client, token: &[u8]) -> Vec<u8> {
    client.request(Method::ALLOCATE, |writer| {
        ask_for_udp(writer);
        writer.attribute(Attribute::RESERVATION_TOKEN, token);
    })
}

/// The answer to who reserves a port, and the token.
fn reserve(network: &mut Network, client: &mut Client) -> (Answer, Vec<u8>) {
    network.challenge(client);
    let request = even(client, 0x80);
    let answer = network.answer(client, &request);
    let token = answer.get(Attribute::RESERVATION_TOKEN).expect("a token");
    let token = token.to_vec();
    (answer, token)
}

#[test]
fn an_even_port_can_be_had() {
    let mut network = Network::new();
    for port in 5000..5005 {
        let mut client = Client::udp("alice", &format!("192.0.2.10:{port}"));
        network.challenge(&mut client);
        let request = even(&mut client, 0);
        let answer = network.answer(&client, &request);

        assert_eq!(answer.relayed().port() % 2, 0);
        assert_eq!(answer.get(Attribute::RESERVATION_TOKEN), None);
    }
}

#[test]
fn the_port_after_it_is_kept_for_who_has_the_token() {
    let mut network = Network::new();
    let mut first = alice();
    let (answer, token) = reserve(&mut network, &mut first);
    // Others get other ports meanwhile.
    let mut bob = Client::udp("bob", "192.0.2.11:5000");
    let others = network.allocate(&mut bob).relayed();

    let mut second = Client::udp("alice", "192.0.2.10:5001");
    network.challenge(&mut second);
    let request = with_token(&mut second, &token);
    let relayed = network.answer(&second, &request).relayed();

    assert_eq!(relayed.port(), answer.relayed().port() + 1);
    assert_eq!(relayed.ip(), answer.relayed().ip());
    assert_ne!(others, relayed);
    let mut third = Client::udp("alice", "192.0.2.10:5002");
    network.challenge(&mut third);
    let request = with_token(&mut third, &token);
    assert_eq!(network.code(&third, &request), 508);
}

#[test]
fn a_repeated_request_gets_the_same_token() {
    let mut network = Network::new();
    let mut alice = alice();
    network.challenge(&mut alice);
    let request = even(&mut alice, 0x80);

    let first = network.answer(&alice, &request);
    let second = network.answer(&alice, &request);

    assert_eq!(first.bytes, second.bytes);
    assert_eq!(network.server.footprint().reservations, 1);
}

#[test]
fn tokens_are_neither_guessed_nor_another_users_nor_good_for_long() {
    let mut network = Network::new();
    let mut first = alice();
    let (_, token) = reserve(&mut network, &mut first);
    let mut bob = Client::udp("bob", "192.0.2.11:5000");
    network.challenge(&mut bob);
    let mut second = Client::udp("alice", "192.0.2.10:5001");
    network.challenge(&mut second);

    let of_another = with_token(&mut bob, &token);
    let guessed = with_token(&mut second, &[0; 8]);
    assert_eq!(network.code(&bob, &of_another), 508);
    assert_eq!(network.code(&second, &guessed), 508);
    network.run(Duration::from_secs(30));
    let late = with_token(&mut second, &token);
    assert_eq!(network.code(&second, &late), 508);
    assert_eq!(network.server.footprint().reservations, 0);
    assert_eq!(network.server.footprint().relayed, 1);
}

#[test]
fn what_is_reserved_counts_as_an_allocation() {
    let mut network = Network::with(Config {
        limits: Limits {
            allocations_of_participant: 3,
            ..Limits::default()
        },
        ..config()
    });
    let mut first = alice();
    let (_, token) = reserve(&mut network, &mut first);
    let mut second = Client::udp("alice", "192.0.2.10:5001");
    network.challenge(&mut second);

    let another_pair = even(&mut second, 0x80);
    assert_eq!(network.code(&second, &another_pair), 486);
    let redeemed = with_token(&mut second, &token);
    assert_eq!(network.code(&second, &redeemed), 0);
    let mut third = Client::udp("alice", "192.0.2.10:5002");
    network.allocate(&mut third);
    let mut fourth = Client::udp("alice", "192.0.2.10:5003");
    network.challenge(&mut fourth);
    let request = fourth.allocate();
    assert_eq!(network.code(&fourth, &request), 486);
    for client in [&mut first, &mut second, &mut third] {
        let request = client.refresh(0);
        assert_eq!(network.code(client, &request), 0);
    }
    assert_eq!(network.server.footprint(), Footprint::default());
}

#[test]
fn the_driver_opens_both_ports_at_once() {
    let mut network = Network::of_several_nodes();
    let mut first = alice();
    network.challenge(&mut first);
    let request = even(&mut first, 0x80);
    assert!(network.ask(&first, &request).is_none());
    let [
        Request::OpenRelay {
            relay,
            port: PortWish::EvenAndNext,
            next: Some(next),
            ..
        },
    ] = network.requests[..]
    else {
        panic!("not a pair: {:?}", network.requests);
    };
    network.requests.clear();
    let even = address("198.51.100.1:50000");
    network.call(|server, now, output| server.relay_opened(now, relay, Ok(even), output));
    let answer = network.received(&first).pop().expect("an answer");
    let answer = Answer { bytes: answer };
    assert_eq!(answer.relayed(), even);
    let token = answer.get(Attribute::RESERVATION_TOKEN).expect("a token");

    let mut second = Client::udp("alice", "192.0.2.10:5001");
    network.challenge(&mut second);
    let request = with_token(&mut second, token);
    let relayed = network.answer(&second, &request).relayed();

    assert_eq!(relayed, address("198.51.100.1:50001"));
    assert!(network.requests.is_empty(), "it is open already");
    let request = second.refresh(0);
    assert_eq!(network.code(&second, &request), 0);
    assert_eq!(network.requests, [Request::CloseRelay(next)]);
}

#[test]
fn a_pair_is_closed_when_nobody_comes_for_it() {
    for odd in [false, true] {
        let mut network = Network::of_several_nodes();
        let mut alice = alice();
        network.challenge(&mut alice);
        let request = even(&mut alice, 0x80);
        assert!(network.ask(&alice, &request).is_none());
        let Some(Request::OpenRelay {
            relay,
            next: Some(next),
            ..
        }) = network.requests.pop()
        else {
            panic!("no pair");
        };
        let opened = address(if odd {
            "198.51.100.1:50001"
        } else {
            "198.51.100.1:50000"
        });
        network.call(|server, now, output| server.relay_opened(now, relay, Ok(opened), output));
        let answer = network.received(&alice).pop().expect("an answer");

        let code = Answer { bytes: answer }.code();
        assert_eq!(code, if odd { 508 } else { 0 });
        network.run(Duration::from_mins(10));
        network
            .requests
            .sort_by_key(|request| *request == Request::CloseRelay(next));
        let closed = [Request::CloseRelay(relay), Request::CloseRelay(next)];
        assert_eq!(network.requests, closed);
        assert_eq!(network.server.footprint(), Footprint::default());
    }
}

#[test]
fn a_pair_that_does_not_come_counts_for_nobody() {
    for gives_up in [false, true] {
        let mut network = Network::of_several_nodes();
        let mut alice = alice();
        network.challenge(&mut alice);
        let request = even(&mut alice, 0x80);
        assert!(network.ask(&alice, &request).is_none());
        let Some(Request::OpenRelay { relay, .. }) = network.requests.pop() else {
            panic!("no pair");
        };
        if gives_up {
            network
                .call(|server, now, output| server.end_participant(now, "alice", EXPIRY, output));
            assert_eq!(network.requests.len(), 2);
        } else {
            network.call(|server, now, output| {
                server.relay_opened(now, relay, Err(RelayRefused), output);
            });
        }

        assert_eq!(network.server.footprint(), Footprint::default());
    }
}
