//! Allocations come, last and go as RFC 8656 §7 and §8 say.

use std::time::Duration;

use turn::stun::{Attribute, Class, Method, Writer};
use turn::{Config, Family, FiveTuple, Footprint, Server, SharedSecret};

use crate::client::{Client, EXPIRY, SECRET, ask_for_udp};
use crate::network::{HERE, Network, address, config};

fn alice() -> Client {
    Client::udp("alice", "192.0.2.10:5000")
}

/// What an allocate request with these attributes is answered with.
fn code_of(network: &mut Network, client: &mut Client, write: impl FnOnce(&mut Writer)) -> u16 {
    let request = client.request(Method::ALLOCATE, write);
    network.code(client, &request)
}

#[test]
fn a_client_gets_an_address_after_showing_its_credentials() {
    let mut network = Network::new();
    let mut alice = alice();

    let challenge = network.challenge(&mut alice);
    let request = alice.allocate();
    let answer = network.answer(&alice, &request);

    assert_eq!(challenge.code(), 401);
    assert_eq!(answer.code(), 0);
    assert_eq!(answer.lifetime(), 600);
    assert_eq!(
        answer.address(Attribute::XOR_MAPPED_ADDRESS),
        alice.five_tuple.client
    );
    assert!(network.server.is_relayed(answer.relayed()));
    assert!(answer.message().is_signed_with(&alice.key()));
    assert_eq!(answer.message().transaction.0, request[8..20]);
    assert!(
        network.requests.is_empty(),
        "no socket for a peer that is here"
    );
}

#[test]
fn clients_of_two_servers_have_addresses_that_differ() {
    let relayed = [1..=100, 101..=254].map(|synthetic_hosts| {
        let mut network = Network::with(Config {
            synthetic_hosts,
            ..config()
        });
        network.allocate(&mut alice()).relayed()
    });

    assert_eq!(relayed[0], address("192.0.2.1:1024"));
    assert_eq!(relayed[1], address("192.0.2.101:1024"));
}

#[test]
fn an_address_is_known_as_synthetic_when_its_client_has_gone() {
    let mut network = Network::new();
    let mut alice = alice();
    let relayed = network.allocate(&mut alice).relayed();
    assert!(Server::is_synthetic(relayed));

    let request = alice.refresh(0);
    assert_eq!(network.code(&alice, &request), 0);

    assert!(!network.server.is_relayed(relayed));
    assert!(Server::is_synthetic(relayed));
    assert!(!Server::is_synthetic(address(HERE)));
}

#[test]
fn a_repeated_request_gets_the_same_answer() {
    let mut network = Network::new();
    let mut alice = alice();
    network.challenge(&mut alice);
    let request = alice.allocate();
    let first = network.answer(&alice, &request);

    network.run(Duration::from_secs(3));
    let second = network.answer(&alice, &request);

    assert_eq!(first.bytes, second.bytes);
    assert_eq!(network.server.footprint().allocations, 1);
}

#[test]
fn another_request_from_the_same_place_is_a_mismatch() {
    let mut network = Network::new();
    let mut alice = alice();
    network.allocate(&mut alice);
    let mut bob = Client::udp("bob", "192.0.2.10:5000");
    bob.nonce.clone_from(&alice.nonce);

    let again = alice.allocate();
    let by_bob = bob.allocate();

    assert_eq!(network.code(&alice, &again), 437);
    assert_eq!(network.code(&bob, &by_bob), 437);
}

#[test]
fn lifetimes_are_held_within_bounds() {
    for (asked, granted) in [
        (Some(0), 600),
        (Some(1), 600),
        (Some(601), 601),
        (Some(3600), 3600),
        (Some(u32::MAX), 3600),
        (None, 600),
    ] {
        let mut network = Network::new();
        let mut alice = alice();
        network.challenge(&mut alice);
        let request = alice.request(Method::ALLOCATE, |writer| {
            ask_for_udp(writer);
            if let Some(asked) = asked {
                writer.attribute(Attribute::LIFETIME, &u32::to_be_bytes(asked));
            }
        });
        let answer = network.answer(&alice, &request);

        assert_eq!(answer.lifetime(), granted, "{asked:?}");
        let lifetime = Duration::from_secs(granted.into());
        let almost = Duration::from_millis(1);
        network.run(lifetime.saturating_sub(almost));
        assert_eq!(network.server.footprint().allocations, 1);
        network.run(almost);
        assert_eq!(network.server.footprint(), Footprint::default());
    }
}

#[test]
fn a_refresh_lets_an_allocation_last() {
    let mut network = Network::new();
    let mut alice = alice();
    let relayed = network.allocate(&mut alice).relayed();
    for (asked, granted) in [(900, 900), (10, 600), (7200, 3600)] {
        network.run(Duration::from_mins(9));
        // A nonce is good for ten minutes.
        let mut other = Client::udp("alice", "192.0.2.10:5000");
        network.challenge(&mut other);
        alice.nonce = other.nonce;
        let request = alice.refresh(asked);
        let answer = network.answer(&alice, &request);
        assert_eq!((answer.code(), answer.lifetime()), (0, granted));
    }

    network.run(Duration::from_secs(3599));
    assert!(network.server.is_relayed(relayed));
    network.run(Duration::from_secs(1));
    assert!(!network.server.is_relayed(relayed));
}

#[test]
fn a_refresh_with_nothing_left_ends_an_allocation() {
    let mut network = Network::new();
    let mut alice = alice();
    network.allocate(&mut alice);

    let request = alice.refresh(0);
    let answer = network.answer(&alice, &request);
    let again = alice.refresh(0);

    assert_eq!((answer.code(), answer.lifetime()), (0, 0));
    assert_eq!(network.server.footprint(), Footprint::default());
    assert_eq!(network.code(&alice, &again), 437);
}

#[test]
fn requests_without_an_allocation_are_mismatches() {
    let mut network = Network::new();
    let mut alice = alice();
    network.challenge(&mut alice);

    let peer = address(HERE);
    for request in [
        alice.refresh(600),
        alice.permit(&[peer]),
        alice.bind(0x4000, peer),
    ] {
        assert_eq!(network.code(&alice, &request), 437);
    }
}

#[test]
fn an_allocation_that_has_expired_is_as_none_and_can_be_made_anew() {
    let mut network = Network::new();
    let mut alice = alice();
    network.allocate(&mut alice);

    // The driver has not yet called for the timeout.
    network.now += Duration::from_mins(10);
    network.challenge(&mut alice);
    let refresh = alice.refresh(600);
    let allocate = alice.allocate();

    assert_eq!(network.code(&alice, &refresh), 437);
    assert_eq!(network.code(&alice, &allocate), 0);
    assert_eq!(network.server.footprint().relayed, 1);
}

#[test]
fn what_is_not_udp_is_not_relayed() {
    let mut network = Network::new();
    let mut alice = alice();
    network.challenge(&mut alice);
    let transport = |value: &'static [u8]| {
        move |writer: &mut Writer| writer.attribute(Attribute::REQUESTED_TRANSPORT, value)
    };

    assert_eq!(code_of(&mut network, &mut alice, |_| {}), 400);
    assert_eq!(
        code_of(&mut network, &mut alice, transport(&[6, 0, 0, 0])),
        442
    );
    assert_eq!(
        code_of(&mut network, &mut alice, transport(&[0, 0, 0, 0])),
        442
    );
    for odd in [&[][..], &[17], &[17, 0, 0, 0, 0]] {
        assert_eq!(code_of(&mut network, &mut alice, transport(odd)), 400);
    }
    assert_eq!(network.server.footprint(), Footprint::default());
}

#[test]
fn what_must_be_understood_and_is_not_is_named() {
    let mut network = Network::new();
    let mut alice = alice();
    network.challenge(&mut alice);
    for unknown in [
        Attribute::DONT_FRAGMENT,
        Attribute(0x7777),
        Attribute(0x0024),
    ] {
        let request = alice.request(Method::ALLOCATE, |writer| {
            ask_for_udp(writer);
            writer.attribute(unknown, b"");
            writer.attribute(Attribute(0xC0DE), b"of no matter");
        });
        let answer = network.answer(&alice, &request);

        assert_eq!(answer.code(), 420);
        let named = answer.get(Attribute::UNKNOWN_ATTRIBUTES);
        assert_eq!(named, Some(&unknown.0.to_be_bytes()[..]));
        assert!(answer.message().is_signed_with(&alice.key()));
    }
}

#[test]
fn a_request_full_of_unknown_attributes_is_answered_briefly() {
    let mut network = Network::new();
    let mut alice = alice();
    network.challenge(&mut alice);

    let request = alice.request(Method::ALLOCATE, |writer| {
        for number in 0x7000..0x7300 {
            writer.attribute(Attribute(number), b"");
        }
    });
    let answer = network.answer(&alice, &request);

    assert_eq!(answer.code(), 420);
    assert!(answer.bytes.len() < 200, "{}", answer.bytes.len());
}

#[test]
fn either_family_or_both_can_be_had() {
    let family = |code: u8| {
        move |writer: &mut Writer| {
            ask_for_udp(writer);
            writer.attribute(Attribute::REQUESTED_ADDRESS_FAMILY, &[code, 0, 0, 0]);
        }
    };
    for (write, is_v4) in [(family(1), true), (family(2), false)] {
        let mut network = Network::new();
        let mut alice = alice();
        network.challenge(&mut alice);
        let request = alice.request(Method::ALLOCATE, write);
        let answer = network.answer(&alice, &request);
        assert_eq!(answer.relayed().is_ipv4(), is_v4);
    }

    let mut network = Network::new();
    let mut alice = alice();
    network.challenge(&mut alice);
    let request = alice.request(Method::ALLOCATE, |writer| {
        ask_for_udp(writer);
        writer.attribute(Attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    });
    let answer = network.answer(&alice, &request);
    let message = answer.message();
    let relayed = message
        .attributes()
        .filter(|(attribute, _)| *attribute == Attribute::XOR_RELAYED_ADDRESS);
    assert_eq!(relayed.count(), 2);
    assert_eq!(answer.get(Attribute::ADDRESS_ERROR_CODE), None);
    assert_eq!(network.server.footprint().relayed, 2);
}

#[test]
fn one_family_of_two_ends_alone() {
    let mut network = Network::new();
    let mut alice = alice();
    network.challenge(&mut alice);
    let both = alice.request(Method::ALLOCATE, |writer| {
        ask_for_udp(writer);
        writer.attribute(Attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    });
    assert_eq!(network.code(&alice, &both), 0);
    let mut refresh = |network: &mut Network, family: u8, lifetime: u32| {
        let request = alice.request(Method::REFRESH, |writer| {
            writer.attribute(Attribute::REQUESTED_ADDRESS_FAMILY, &[family, 0, 0, 0]);
            writer.attribute(Attribute::LIFETIME, &lifetime.to_be_bytes());
        });
        network.code(&alice, &request)
    };

    assert_eq!(refresh(&mut network, 1, 0), 0);
    assert_eq!(network.server.footprint().relayed, 1);
    assert_eq!(refresh(&mut network, 1, 600), 443);
    assert_eq!(refresh(&mut network, 9, 600), 443);
    assert_eq!(refresh(&mut network, 2, 1200), 0);
    network.run(Duration::from_secs(1199));
    assert_eq!(network.server.footprint().allocations, 1);
    network.run(Duration::from_secs(1));
    assert_eq!(network.server.footprint(), Footprint::default());
}

#[test]
fn one_family_of_two_expires_alone() {
    let mut network = Network::new();
    let mut alice = alice();
    network.challenge(&mut alice);
    let both = alice.request(Method::ALLOCATE, |writer| {
        ask_for_udp(writer);
        writer.attribute(Attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    });
    assert_eq!(network.code(&alice, &both), 0);
    network.run(Duration::from_mins(5));
    let request = alice.request(Method::REFRESH, |writer| {
        writer.attribute(Attribute::REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    });
    assert_eq!(network.code(&alice, &request), 0);

    network.run(Duration::from_mins(5));

    assert_eq!(network.server.footprint().relayed, 1);
    assert_eq!(network.server.footprint().allocations, 1);
}

#[test]
fn browsers_which_name_no_family_get_the_only_one() {
    for (families, is_ipv6) in [
        (vec![Family::V6], true),
        (vec![Family::V4], false),
        (vec![Family::V6, Family::V4], false),
    ] {
        let mut network = Network::with(Config {
            families,
            ..config()
        });
        let mut alice = alice();

        let relayed = network.allocate(&mut alice).relayed();

        assert_eq!(relayed.is_ipv6(), is_ipv6);
    }
}

#[test]
fn a_family_that_is_not_there_is_not_supported() {
    let only = |family| Config {
        families: vec![family],
        ..config()
    };
    let mut alice = alice();
    let mut network = Network::with(only(Family::V4));
    network.challenge(&mut alice);
    let odd = |writer: &mut Writer| {
        ask_for_udp(writer);
        writer.attribute(Attribute::REQUESTED_ADDRESS_FAMILY, &[3, 0, 0, 0]);
    };
    assert_eq!(code_of(&mut network, &mut alice, odd), 440);

    for (family, missing) in [(Family::V4, 2), (Family::V6, 1)] {
        let mut network = Network::with(only(family));
        network.challenge(&mut alice);
        let request = alice.request(Method::ALLOCATE, |writer| {
            ask_for_udp(writer);
            writer.attribute(Attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]);
        });
        let answer = network.answer(&alice, &request);
        assert_eq!(answer.relayed().is_ipv4(), family == Family::V4);
        let error = answer
            .get(Attribute::ADDRESS_ERROR_CODE)
            .expect("it is told");
        assert_eq!(error[..4], [missing, 0, 4, 40]);
    }
}

#[test]
fn wishes_that_exclude_each_other_are_bad_requests() {
    const EVEN: (Attribute, &[u8]) = (Attribute::EVEN_PORT, &[0]);
    const EVEN_AND_NEXT: (Attribute, &[u8]) = (Attribute::EVEN_PORT, &[0x80]);
    const TOKEN: (Attribute, &[u8]) = (Attribute::RESERVATION_TOKEN, &[7; 8]);
    const V4: (Attribute, &[u8]) = (Attribute::REQUESTED_ADDRESS_FAMILY, &[1, 0, 0, 0]);
    const BOTH: (Attribute, &[u8]) = (Attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    const BOTH_V4: (Attribute, &[u8]) = (Attribute::ADDITIONAL_ADDRESS_FAMILY, &[1, 0, 0, 0]);
    for wishes in [
        &[EVEN, TOKEN][..],
        &[V4, TOKEN],
        &[BOTH, TOKEN],
        &[V4, BOTH],
        &[EVEN_AND_NEXT, BOTH],
        &[BOTH_V4],
        &[(Attribute::EVEN_PORT, &[])],
        &[(Attribute::EVEN_PORT, &[0; 2])],
        &[(Attribute::RESERVATION_TOKEN, &[7; 7])],
        &[(Attribute::REQUESTED_ADDRESS_FAMILY, &[1])],
        &[(Attribute::ADDITIONAL_ADDRESS_FAMILY, &[2])],
        &[(Attribute::LIFETIME, &[0; 3])],
    ] {
        let mut network = Network::new();
        let mut alice = alice();
        network.challenge(&mut alice);
        let code = code_of(&mut network, &mut alice, |writer| {
            ask_for_udp(writer);
            for (attribute, value) in wishes {
                writer.attribute(*attribute, value);
            }
        });
        assert_eq!(code, 400, "{wishes:?}");
        assert_eq!(network.server.footprint(), Footprint::default());
    }
}

#[test]
fn anybody_is_told_their_own_address() {
    let mut network = Network::new();
    for address in ["192.0.2.10:5000", "[2001:db8::7]:5000"] {
        let mut client = Client::udp("", address);
        let request = client.bare(Class::Request, Method::BINDING, |_| {});
        let answer = network.answer(&client, &request);
        assert_eq!(
            answer.address(Attribute::XOR_MAPPED_ADDRESS),
            client.five_tuple.client
        );
        assert!(answer.bytes.len() < 50);
    }
    let mut client = alice();
    let odd = client.bare(Class::Request, Method::BINDING, |writer| {
        writer.attribute(Attribute(0x0024), &[0; 4]);
    });
    assert_eq!(network.code(&client, &odd), 420);
}

#[test]
fn what_is_no_request_is_met_with_silence() {
    let mut network = Network::new();
    let mut alice = alice();
    network.allocate(&mut alice);

    for (class, method) in [
        (Class::Success, Method::ALLOCATE),
        (Class::Error, Method::ALLOCATE),
        (Class::Indication, Method::ALLOCATE),
        (Class::Indication, Method::BINDING),
        (Class::Indication, Method::DATA),
        (Class::Request, Method::SEND),
        (Class::Request, Method::DATA),
        // RFC 6062's Connect and ConnectionBind.
        (Class::Request, Method(0x00A)),
        (Class::Request, Method(0x00B)),
        (Class::Request, Method(0xFFF)),
    ] {
        let message = alice.bare(class, method, ask_for_udp);
        assert!(
            network.ask(&alice, &message).is_none(),
            "{class:?} {method:?}"
        );
    }
}

#[test]
fn the_same_client_elsewhere_is_another() {
    let mut network = Network::new();
    let mut alice = alice();
    let first = network.allocate(&mut alice).relayed();
    let mut at_another_address = alice.clone();
    at_another_address.five_tuple = FiveTuple {
        server: address("198.51.100.2:3478"),
        ..alice.five_tuple
    };

    let second = network.allocate(&mut at_another_address).relayed();

    assert_ne!(first, second);
    assert_eq!(network.server.footprint().allocations, 2);
}

#[test]
fn a_participant_that_is_sent_away_loses_its_allocations() {
    let mut network = Network::new();
    let mut clients = [
        alice(),
        Client::tcp("alice", "192.0.2.10:5001"),
        Client::udp("bob", "192.0.2.10:5002"),
    ];
    for client in &mut clients {
        network.allocate(client);
    }

    network.call(|server, now, output| server.end_participant(now, "alice", EXPIRY, output));

    assert_eq!(network.server.footprint().allocations, 1);
    let [mut alice, mut over_tcp, mut bob] = clients;
    for alice in [&mut alice, &mut over_tcp] {
        for request in [alice.refresh(600), alice.allocate()] {
            assert_eq!(network.code(alice, &request), 401);
        }
    }
    let request = bob.refresh(600);
    assert_eq!(network.code(&bob, &request), 0);
    // What she is given later is good again.
    let later = SharedSecret::new(SECRET).issue("alice", EXPIRY + Duration::from_secs(1));
    (alice.username, alice.password) = (later.username, later.password);
    network.allocate(&mut alice);
}
