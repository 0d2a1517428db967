//! Relay ports, which the driver opens for peers that are elsewhere.

use std::net::SocketAddr;
use std::time::Duration;

use turn::stun::{Attribute, Method};
use turn::{Destination, Family, Footprint, PortWish, RelayId, RelayRefused, Request, Transport};

use crate::client::{Answer, Client, ask_for_udp, on_channel};
use crate::network::{ELSEWHERE, HERE, Network, address, everywhere};

const RELAYED: &str = "198.51.100.1:50000";

fn alice() -> Client {
    Client::udp("alice", "192.0.2.10:5000")
}

/// A client that waits for its relay port.
fn waiting(transport: Transport) -> (Network, Client, RelayId) {
    let mut network = Network::of_several_nodes();
    let mut alice = Client::new("alice", "192.0.2.10:5000", transport);
    if transport.is_stream() {
        assert!(network.open(&alice));
    }
    network.challenge(&mut alice);
    let request = alice.allocate();
    assert!(network.ask(&alice, &request).is_none());
    let [
        Request::OpenRelay {
            relay,
            family: Family::V4,
            port: PortWish::Any,
            next: None,
        },
    ] = network.requests[..]
    else {
        panic!("not one relay port: {:?}", network.requests);
    };
    network.requests.clear();
    (network, alice, relay)
}

fn opened(network: &mut Network, relay: RelayId, address: Result<SocketAddr, RelayRefused>) {
    network.call(|server, now, output| server.relay_opened(now, relay, address, output));
}

fn answer_of(network: &mut Network, client: &Client) -> Answer {
    let mut received = network.received(client);
    assert_eq!(received.len(), 1);
    Answer {
        bytes: received.remove(0),
    }
}

#[test]
fn a_client_is_answered_when_its_port_is_open() {
    let (mut network, mut alice, relay) = waiting(Transport::Udp);

    opened(&mut network, relay, Ok(address(RELAYED)));

    let answer = answer_of(&mut network, &alice);
    assert_eq!(answer.relayed(), address(RELAYED));
    assert!(answer.message().is_signed_with(&alice.key()));
    let request = alice.bind(0x4000, address(ELSEWHERE));
    assert_eq!(network.code(&alice, &request), 0);
    network.send(&alice, &on_channel(0x4000, b"hello", false));
    let peer = address(ELSEWHERE);
    let expected = (Destination::Peer { relay, peer }, b"hello".to_vec());
    assert_eq!(network.to_peers.pop(), Some(expected));
    network.send_back(address(RELAYED), ELSEWHERE, b"world");
    assert_eq!(
        network.received(&alice),
        [on_channel(0x4000, b"world", false)]
    );
}

#[test]
fn a_peer_here_is_handed_data_all_the_same() {
    let (mut network, mut alice, relay) = waiting(Transport::Udp);
    opened(&mut network, relay, Ok(address(RELAYED)));
    network.to_clients.clear();
    let request = alice.bind(0x4000, address(HERE));
    assert_eq!(network.code(&alice, &request), 0);

    network.send(&alice, &on_channel(0x4000, b"hello", false));

    let (relayed, peer) = (address(RELAYED), address(HERE));
    let expected = (Destination::HandOver { relayed, peer }, b"hello".to_vec());
    assert_eq!(network.to_peers.pop(), Some(expected));
}

#[test]
fn a_request_repeated_meanwhile_opens_no_second_port() {
    let (mut network, mut alice, relay) = waiting(Transport::Udp);
    let other = alice.allocate();
    assert_eq!(network.code(&alice, &other), 437);
    let mut again = alice.clone();
    let (mut repeated, mut fresh) = (
        Network::of_several_nodes(),
        Client::udp("alice", "192.0.2.10:5000"),
    );
    repeated.challenge(&mut fresh);
    let request = fresh.allocate();
    assert!(repeated.ask(&fresh, &request).is_none());
    assert!(repeated.ask(&fresh, &request).is_none());
    assert_eq!(repeated.requests.len(), 1);

    opened(&mut network, relay, Ok(address(RELAYED)));

    assert_eq!(answer_of(&mut network, &alice).code(), 0);
    let refresh = again.refresh(600);
    assert_eq!(network.code(&alice, &refresh), 0);
    assert!(network.requests.is_empty());
}

#[test]
fn nothing_goes_on_before_the_port_is_open() {
    let (mut network, mut alice, _) = waiting(Transport::Udp);
    let peer = address(HERE);

    for request in [
        alice.refresh(600),
        alice.permit(&[peer]),
        alice.bind(0x4000, peer),
    ] {
        assert_eq!(network.code(&alice, &request), 437);
    }
    let indication = alice.send(peer, b"hello");
    network.send(&alice, &indication);
    network.send(&alice, &on_channel(0x4000, b"hello", false));
    assert!(network.to_peers.is_empty());
}

#[test]
fn a_port_that_cannot_be_had_is_no_capacity() {
    let (mut network, alice, relay) = waiting(Transport::Tcp);

    opened(&mut network, relay, Err(RelayRefused));

    assert_eq!(answer_of(&mut network, &alice).code(), 508);
    assert!(network.requests.is_empty());
    let footprint = network.server.footprint();
    assert_eq!((footprint.allocations, footprint.participants), (0, 0));
    assert_eq!((footprint.streams, footprint.waiting), (1, 1));
}

#[test]
fn a_port_that_somebody_has_or_of_another_family_is_closed_again() {
    let (mut network, mut alice, relay) = waiting(Transport::Udp);
    opened(&mut network, relay, Ok(address(RELAYED)));
    network.received(&alice);

    for unusable in [RELAYED, "[2001:db8::1]:50001"] {
        alice
            .five_tuple
            .client
            .set_port(alice.five_tuple.client.port() + 1);
        network.challenge(&mut alice);
        let request = alice.allocate();
        assert!(network.ask(&alice, &request).is_none());
        let Some(Request::OpenRelay { relay, .. }) = network.requests.pop() else {
            panic!("no relay port is asked for");
        };
        opened(&mut network, relay, Ok(address(unusable)));
        assert_eq!(answer_of(&mut network, &alice).code(), 508);
        assert_eq!(network.requests.pop(), Some(Request::CloseRelay(relay)));
    }
    assert_eq!(network.server.footprint().allocations, 1);
}

#[test]
fn a_driver_that_does_not_answer_is_not_waited_for() {
    let (mut network, alice, relay) = waiting(Transport::Udp);

    network.run(Duration::from_secs(5));

    assert_eq!(answer_of(&mut network, &alice).code(), 508);
    assert_eq!(network.requests, [Request::CloseRelay(relay)]);
    assert_eq!(network.server.footprint(), Footprint::default());
    // It may still come.
    opened(&mut network, relay, Ok(address(RELAYED)));
    assert_eq!(network.server.footprint(), Footprint::default());
    assert!(network.to_clients.is_empty());
}

#[test]
fn the_port_of_a_client_that_has_gone_is_closed() {
    let (mut network, alice, relay) = waiting(Transport::Tcp);

    network.close(&alice);

    assert_eq!(network.requests, [Request::CloseRelay(relay)]);
    opened(&mut network, relay, Ok(address(RELAYED)));
    assert_eq!(network.server.footprint(), Footprint::default());
}

#[test]
fn a_port_is_closed_when_its_allocation_ends() {
    let (mut network, mut alice, relay) = waiting(Transport::Udp);
    opened(&mut network, relay, Ok(address(RELAYED)));
    network.received(&alice);
    let request = alice.refresh(0);

    assert_eq!(network.code(&alice, &request), 0);

    assert_eq!(network.requests, [Request::CloseRelay(relay)]);

    let (mut network, _, relay) = waiting(Transport::Udp);
    opened(&mut network, relay, Ok(address(RELAYED)));
    network.run(Duration::from_mins(10));
    assert_eq!(network.requests, [Request::CloseRelay(relay)]);
    assert_eq!(network.server.footprint(), Footprint::default());
}

#[test]
fn only_the_family_that_needs_one_has_a_port() {
    for is_open in [true, false] {
        let mut network = Network::of_several_nodes();
        let mut alice = alice();
        network.challenge(&mut alice);
        let request = alice.request(Method::ALLOCATE, |writer| {
            ask_for_udp(writer);
            writer.attribute(Attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]);
        });
        assert!(network.ask(&alice, &request).is_none());
        let [Request::OpenRelay { relay, .. }] = network.requests[..] else {
            panic!("not one relay port: {:?}", network.requests);
        };

        let result = if is_open {
            Ok(address(RELAYED))
        } else {
            Err(RelayRefused)
        };
        opened(&mut network, relay, result);

        let answer = answer_of(&mut network, &alice);
        assert_eq!(answer.code(), 0);
        assert_eq!(answer.relayed().is_ipv4(), is_open);
        let error = answer
            .get(Attribute::ADDRESS_ERROR_CODE)
            .map(|error| &error[..4]);
        assert_eq!(error, (!is_open).then_some(&[1, 0, 5, 8][..]));
    }
}

#[test]
fn an_allocation_without_port_reaches_nobody_elsewhere() {
    let mut network = Network::new();
    let mut alice = alice();
    network.bound(&mut alice, 0x4000, HERE);

    network.server.set_peers(everywhere());
    let request = alice.bind(0x4001, address(ELSEWHERE));
    assert_eq!(network.code(&alice, &request), 403);
    let request = alice.permit(&[address(ELSEWHERE)]);
    assert_eq!(network.code(&alice, &request), 0);
    let indication = alice.send(address(ELSEWHERE), b"hello");
    network.send(&alice, &indication);
    assert!(network.to_peers.is_empty());

    network.send(&alice, &on_channel(0x4000, b"hello", false));
    assert_eq!(network.to_peers.len(), 1);
}
