//! Nobody gets more than their share, and floods are bounded.

use std::time::{Duration, Instant};

use turn::stun::{Attribute, Class, Method};
use turn::{Config, Footprint, Limits, Rate};

use crate::client::{Client, ask_for_udp};
use crate::network::{HERE, Network, address, config, generous};

fn with(limits: Limits) -> Network {
    Network::with(Config { limits, ..config() })
}

/// What this many clients are answered that want an allocation each.
fn codes(network: &mut Network, clients: &mut [Client]) -> Vec<u16> {
    clients
        .iter_mut()
        .map(|client| {
            network.challenge(client);
            let request = client.allocate();
            network.code(client, &request)
        })
        .collect()
}

#[test]
fn a_participant_has_its_share_of_allocations_wherever_it_is() {
    let mut network = with(Limits {
        allocations_of_participant: 2,
        ..Limits::default()
    });
    let mut clients = [
        Client::udp("alice", "192.0.2.10:5000"),
        Client::udp("alice", "192.0.2.11:5000"),
        Client::udp("alice", "192.0.2.12:5000"),
        Client::udp("bob", "192.0.2.12:5001"),
    ];

    assert_eq!(codes(&mut network, &mut clients), [0, 0, 486, 0]);

    let request = clients[0].refresh(0);
    assert_eq!(network.code(&clients[0], &request), 0);
    assert_eq!(codes(&mut network, &mut clients[2..3]), [0]);
    network.run(Duration::from_mins(10));
    assert_eq!(network.server.footprint(), Footprint::default());
}

#[test]
fn a_refusal_takes_no_longer_the_more_others_there_are() {
    const OTHERS: usize = 5_000;
    let mut network = with(generous());
    let client =
        |name: &str, at: usize| Client::udp(name, &format!("10.1.{}.{}:5000", at / 250, at % 250));
    let time = |network: &mut Network| {
        let mut refused = client("alice", 15_000);
        network.challenge(&mut refused);
        let rounds = (0..10).map(|_| {
            let begun = Instant::now();
            for _ in 0..20 {
                let request = refused.allocate();
                assert_eq!(network.code(&refused, &request), 486);
            }
            begun.elapsed()
        });
        rounds.min().expect("there are some")
    };
    for at in 0..24 {
        network.allocate(&mut client("alice", 14_000 + at));
    }
    let alone = time(&mut network);
    for at in 0..OTHERS {
        network.allocate(&mut client(&format!("other-{at}"), at));
    }

    let among_others = time(&mut network);

    assert!(
        among_others < 3 * alone,
        "{among_others:?}, {alone:?} alone"
    );
}

#[test]
fn whoever_comes_from_network_to_network_is_not_locked_out() {
    let mut network = with(Limits {
        allocations_of_participant: 4,
        ..Limits::default()
    });
    let mut in_use = Client::udp("alice", "192.0.2.10:1");
    let relayed = network.bound(&mut in_use, 0x4000, HERE);
    let mut other = Client::udp("bob", "192.0.2.10:2");
    network.allocate(&mut other);
    for restart in 0..10 {
        network.send_back(relayed, HERE, b"hello");
        let mut clients = [5000, 5001, 5002]
            .map(|port| Client::udp("alice", &format!("192.0.2.{}:{port}", 20 + restart)));

        assert_eq!(codes(&mut network, &mut clients), [0; 3], "{restart}");

        network.run(Duration::from_secs(15));
    }
    // What is in use, or was made just now, does not go.
    network.send_back(relayed, HERE, b"hello");
    let mut clients: Vec<_> = (0..4)
        .map(|port| Client::udp("alice", &format!("192.0.2.99:{}", 5000 + port)))
        .collect();
    assert_eq!(codes(&mut network, &mut clients), [0, 0, 0, 486]);
    network.send_back(relayed, HERE, b"hello");
    let received = network.received(&in_use);
    assert_eq!(received.len(), 12);
    assert_eq!(network.server.statistics().allocations, 5);
}

#[test]
fn renewed_credentials_count_for_the_same_participant() {
    let mut network = with(Limits {
        allocations_of_participant: 1,
        ..Limits::default()
    });
    let mut first = Client::udp("alice", "192.0.2.10:5000");
    let mut second = Client::udp("alice", "192.0.2.10:5001");
    let renewed = turn::SharedSecret::new(crate::client::SECRET)
        .issue("alice", crate::client::EXPIRY + Duration::from_secs(1));
    (second.username, second.password) = (renewed.username, renewed.password);
    network.allocate(&mut first);

    assert_eq!(codes(&mut network, &mut [second]), [486]);
}

#[test]
fn a_source_has_its_share_of_allocations_whoever_it_is() {
    let mut network = with(Limits {
        allocations_of_source: 2,
        ..Limits::default()
    });
    let mut clients = [
        Client::udp("alice", "[2001:db8:1:2::3]:5000"),
        Client::udp("bob", "[2001:db8:1:2::4]:5000"),
        Client::udp("carol", "[2001:db8:1:2:5::]:5000"),
        Client::udp("carol", "[2001:db8:1:3::]:5000"),
    ];

    assert_eq!(codes(&mut network, &mut clients), [0, 0, 486, 0]);
}

#[test]
fn a_node_has_room_for_so_many() {
    let mut network = with(Limits {
        allocations: 3,
        ..Limits::default()
    });
    let mut clients: Vec<_> = (0..5)
        .map(|number| Client::udp(&format!("user-{number}"), &format!("192.0.2.{number}:5000")))
        .collect();

    assert_eq!(codes(&mut network, &mut clients), [0, 0, 0, 508, 508]);

    network.run(Duration::from_mins(10));
    assert_eq!(codes(&mut network, &mut clients[3..]), [0, 0]);
    assert_eq!(network.server.statistics().refused, 2);
}

#[test]
fn a_flood_from_one_source_is_answered_sparingly_and_others_as_ever() {
    let mut network = Network::new();
    let mut eve = Client::udp("eve", "203.0.113.66:5000");
    for number in 0..20_000_u32 {
        eve.five_tuple
            .client
            .set_port(1024 + (number % 60_000) as u16);
        let request = if number % 2 == 0 {
            eve.bare(Class::Request, Method::ALLOCATE, ask_for_udp)
        } else {
            eve.bare(Class::Request, Method::BINDING, |_| {})
        };
        network.send(&eve, &request);
    }
    let answers = network.to_clients.len();
    assert_eq!(answers, 500);
    network.to_clients.clear();

    // Not with the same bucket, which is one of thousands, at random.
    let mut clients: Vec<_> = (0..5)
        .map(|number| Client::udp("alice", &format!("192.0.2.{number}:5000")))
        .collect();
    let mut answered = 0;
    for client in &mut clients {
        let request = client.bare(Class::Request, Method::ALLOCATE, ask_for_udp);
        answered += usize::from(network.ask(client, &request).is_some());
    }
    assert!(answered >= 4, "{answered}");
    assert_eq!(network.server.footprint(), Footprint::default());
}

#[test]
fn a_flood_with_addresses_without_end_keeps_nothing() {
    let mut network = Network::new();
    let mut eve = Client::udp("eve", "203.0.113.66:5000");
    for number in 0..50_000_u32 {
        eve.five_tuple
            .client
            .set_ip(std::net::Ipv4Addr::from(number << 4).into());
        let request = eve.allocate();
        network.send(&eve, &request);
        network.to_clients.clear();
    }

    assert_eq!(network.server.footprint(), Footprint::default());
    assert_eq!(network.server.poll_timeout(), None);
}

#[test]
fn what_one_client_asks_is_bounded() {
    for mut alice in [
        Client::udp("alice", "192.0.2.10:5000"),
        Client::tcp("alice", "192.0.2.10:5000"),
    ] {
        let mut network = with(Limits {
            requests: Rate {
                a_second: 10,
                at_once: 20,
            },
            ..Limits::default()
        });
        network.allocate(&mut alice);
        let mut answers = 0;
        for _ in 0..1000 {
            let request = alice.permit(&[address(HERE)]);
            answers += usize::from(network.ask(&alice, &request).is_some());
        }
        assert_eq!(answers, 20);

        network.run(Duration::from_secs(1));
        let request = alice.refresh(600);
        assert_eq!(network.code(&alice, &request), 0);
    }
}

#[test]
fn over_a_stream_odd_requests_count_too() {
    let mut network = Network::new();
    let mut alice = Client::tcp("alice", "192.0.2.10:5000");
    network.allocate(&mut alice);
    let mut odd = alice.clone();
    odd.password = "another".into();
    let mut answers = 0;
    for _ in 0..1000 {
        let request = odd.refresh(600);
        answers += usize::from(network.ask(&odd, &request).is_some());
        let request = alice.bare(Class::Request, Method::BINDING, |_| {});
        answers += usize::from(network.ask(&alice, &request).is_some());
    }

    assert_eq!(answers, 200);
}

#[test]
fn what_others_forge_in_a_clients_name_uses_up_nothing_of_what_it_may() {
    let mut network = Network::new();
    let mut alice = Client::udp("alice", "192.0.2.10:5000");
    network.allocate(&mut alice);
    let mut eve = alice.clone();
    eve.password = "guessed".into();
    for _ in 0..5000 {
        let forged = eve.refresh(0);
        network.send(&eve, &forged);
        let forged = eve.bare(Class::Request, Method::BINDING, |_| {});
        network.send(&eve, &forged);
    }
    let answers = network.received(&alice).len();
    // 500, less the one by which the client itself had its nonce.
    assert_eq!(answers, 499, "the rest is met with silence");

    let request = alice.refresh(600);
    assert_eq!(network.code(&alice, &request), 0);
}

/// Asks as much in the name of a client, and of others at its address, as uses
/// up all that strangers there are answered.
fn flood(network: &mut Network, client: &Client) {
    let mut forged = client.clone();
    forged.password = "guessed".into();
    let mut neighbour = client.clone();
    neighbour.five_tuple.client.set_port(6000);
    neighbour.nonce.clear();
    for _ in 0..1000 {
        let request = forged.refresh(0);
        network.send(&forged, &request);
        let request = forged.bare(Class::Request, Method::ALLOCATE, ask_for_udp);
        network.send(&forged, &request);
        let request = neighbour.allocate();
        network.send(&neighbour, &request);
    }
    assert!((1..=500).contains(&network.to_clients.len()));
    network.to_clients.clear();
    let request = neighbour.bare(Class::Request, Method::ALLOCATE, ask_for_udp);
    assert!(network.ask(&neighbour, &request).is_none());
}

#[test]
fn a_flood_keeps_no_fresh_nonce_from_a_client() {
    let mut network = Network::new();
    let mut alice = Client::udp("alice", "192.0.2.10:5000");
    network.allocate(&mut alice);
    let request = alice.refresh(3600);
    assert_eq!(network.code(&alice, &request), 0);
    network.run(Duration::from_mins(10));

    flood(&mut network, &alice);

    let request = alice.refresh(3600);
    let answer = network.answer(&alice, &request);
    assert_eq!(answer.code(), 438);
    alice.nonce = answer.get(Attribute::NONCE).expect("a fresh one").to_vec();
    let request = alice.refresh(3600);
    assert_eq!(network.code(&alice, &request), 0);
}

#[test]
fn a_flood_keeps_nobody_out_who_has_a_nonce() {
    let mut network = Network::new();
    let mut alice = Client::udp("alice", "192.0.2.10:5000");
    let mut bob = Client::udp("bob", "192.0.2.10:5001");
    network.challenge(&mut alice);
    network.challenge(&mut bob);
    let mut unsigned = alice.clone();
    unsigned.nonce.clear();

    flood(&mut network, &unsigned);

    let request = alice.allocate();
    assert_eq!(network.code(&alice, &request), 0);
    let request = bob.allocate();
    assert_eq!(network.code(&bob, &request), 0);
}

#[test]
fn who_has_a_nonce_is_answered_sparingly_too() {
    let mut network = Network::new();
    let mut eve = Client::udp("eve", "203.0.113.66:5000");
    eve.password = "guessed".into();
    network.challenge(&mut eve);
    let mut alice = Client::udp("alice", "192.0.2.10:5000");
    network.allocate(&mut alice);
    network.run(Duration::from_mins(9));
    for _ in 0..1000 {
        let request = eve.allocate();
        network.send(&eve, &request);
    }
    assert_eq!(network.received(&eve).len(), 500);

    // With a nonce that has grown old, a client spends of its own.
    network.run(Duration::from_secs(59));
    let request = alice.refresh(600);
    assert_eq!(network.code(&alice, &request), 0);
    network.run(Duration::from_mins(5));
    for _ in 0..1000 {
        let request = alice.refresh(600);
        network.send(&alice, &request);
    }
    assert_eq!(network.received(&alice).len(), 200);
}

#[test]
fn an_answer_to_a_stranger_is_little_more_than_was_asked() {
    let mut network = Network::new();
    let mut eve = Client::udp("eve", "203.0.113.66:5000");
    let request = eve.bare(Class::Request, Method::ALLOCATE, |_| {});

    let answer = network.answer(&eve, &request);

    assert!(answer.bytes.len() <= 140, "{}", answer.bytes.len());
}
