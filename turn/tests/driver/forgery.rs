//! Requests that are forged, repeated, too many, or out of bounds.

use std::net::UdpSocket;
use std::time::Duration;

use turn::stun::{Attribute, Method};
use turn::{Rate, SharedSecret, Transport};

use crate::client::{SECRET, ask_for_udp, on_channel};
use crate::link::{CHANNEL, Link};
use crate::network::address;
use crate::running::{PEER, Running};

const ALL: [Transport; 3] = [Transport::Udp, Transport::Tcp, Transport::Tls];

#[test]
fn a_request_that_was_overheard_is_worth_nothing_elsewhere() {
    let running = Running::start();
    let mut alice = Link::open(&running, "alice", Transport::Udp);
    alice.challenge();
    let overheard = alice.client.allocate();
    assert_eq!(alice.ask(&overheard).code(), 0);

    for transport in ALL {
        let mut eve = Link::open(&running, "eve", transport);
        // The nonce is that of another address.
        assert_eq!(eve.ask(&overheard).code(), 438, "{transport:?}");
    }
    running.settle("alice has the only one", |now| {
        now.server.allocations == 1 && now.server.allocated == 1
    });
}

#[test]
fn a_request_that_is_repeated_changes_nothing() {
    let mut running = Running::start();
    let (mut alice, relayed) = Link::bound(&running, "alice", Transport::Udp);
    let refresh = alice.client.refresh(600);

    for _ in 0..20 {
        assert_eq!(alice.ask(&refresh).code(), 0);
    }

    running.settle("there is one", |now| {
        now.server.requests >= 20 && now.server.allocations == 1 && now.server.allocated == 1
    });
    alice.send_data(b"as before");
    assert_eq!(running.peer.receive(1), [(relayed, b"as before".to_vec())]);
}

#[test]
fn nobody_signs_in_with_credentials_that_are_not_theirs_or_have_expired() {
    let running = Running::start();
    for transport in ALL {
        let mut alice = Link::open(&running, "alice", transport);
        alice.challenge();
        let good = alice.client.clone();

        alice.client.username = good.username.replace("alice", "bob");
        let request = alice.client.allocate();
        assert_eq!(alice.ask(&request).code(), 401, "{transport:?}");

        let long_ago = Duration::from_secs(1_000_000_000);
        let expired = SharedSecret::new(SECRET).issue("alice", long_ago);
        alice.client.username = expired.username;
        alice.client.password = expired.password;
        let request = alice.client.allocate();
        assert_eq!(alice.ask(&request).code(), 401, "{transport:?}");

        alice.client.username = good.username;
        alice.client.password = good.password;
        let mut request = alice.client.allocate();
        let last = request.len() - 1;
        request[last] ^= 1;
        assert_eq!(alice.ask(&request).code(), 401, "{transport:?}");
        let request = alice.client.allocate();
        assert_eq!(alice.ask(&request).code(), 0, "{transport:?}");
    }
    running.settle("each was let in once", |now| now.server.allocated == 3);
}

#[test]
fn an_allocation_is_only_its_owners() {
    let mut running = Running::start();
    for transport in ALL {
        let (mut alice, relayed) = Link::bound(&running, "alice", transport);
        let bob = Link::open(&running, "bob", transport).client;
        let own = alice.client.clone();

        alice.client.username = bob.username;
        alice.client.password = bob.password;
        let request = alice.client.refresh(0);
        assert_eq!(alice.ask(&request).code(), 441, "{transport:?}");

        alice.client = own;
        alice.send_data(b"mine");
        assert_eq!(running.peer.receive(1), [(relayed, b"mine".to_vec())]);
    }
}

#[test]
fn channels_out_of_range_are_refused_and_carry_nothing() {
    let mut running = Running::start();
    for transport in ALL {
        let mut alice = Link::open(&running, "alice", transport);
        assert_eq!(alice.allocate().code(), 0);
        for number in [0, 0x3FFF, 0x5000, 0x7FFF, 0x8000, 0xFFFF] {
            let request = alice.client.bind(number, address(PEER));
            assert_eq!(alice.ask(&request).code(), 400, "{transport:?} {number:x}");
        }
        // One that is in range, and was never bound.
        alice.send(&on_channel(0x4001, b"to nobody", true));
        let request = alice.client.refresh(600);
        assert_eq!(alice.ask(&request).code(), 0, "{transport:?}");
    }
    assert!(running.peer.hears_nothing());
}

#[test]
fn what_is_too_long_or_cut_short_is_dropped() {
    let mut running = Running::start();
    let (mut alice, relayed) = Link::bound(&running, "alice", Transport::Udp);
    let cut_short = on_channel(CHANNEL, &[7; 100], false)[..50].to_vec();
    let too_long = alice.client.request(Method::ALLOCATE, |writer| {
        ask_for_udp(writer);
        writer.attribute(Attribute::DATA, &[7; 8_000]);
    });
    let mut says_too_much = alice.client.refresh(600);
    says_too_much[2] = 0x70;

    for bytes in [
        &cut_short,
        &too_long,
        &says_too_much,
        &too_long[..30].to_vec(),
    ] {
        alice.send(bytes);
    }

    alice.send_data(b"whole");
    assert_eq!(running.peer.receive(1), [(relayed, b"whole".to_vec())]);
    assert!(running.peer.hears_nothing());
}

#[test]
fn a_flood_of_allocations_takes_nothing_from_others() {
    let running = Running::with(|settings| {
        settings.server.limits.allocations_of_participant = 5;
        settings.server.limits.allocations_of_source = 40;
    });
    let mut codes = Vec::new();
    let flood: Vec<_> = (0..20)
        .map(|_| {
            let mut link = Link::open(&running, "mallory", Transport::Udp);
            codes.push(link.allocate().code());
            link
        })
        .collect();

    // One too many ends the flooder's own, or is refused.
    assert!(
        codes.iter().all(|code| matches!(code, 0 | 486)),
        "{codes:?}"
    );
    let alice = Link::open(&running, "alice", Transport::Udp).allocate();
    assert_eq!(alice.code(), 0);
    running.settle("five are mallory's", |now| {
        now.server.requests >= 40 && now.server.allocations <= 6
    });
    drop(flood);
}

#[test]
fn a_flood_of_strangers_is_answered_in_part_and_kept_by_nobody() {
    let running = Running::with(|settings| {
        settings.server.limits.answers_to_strangers = Rate {
            a_second: 10,
            at_once: 20,
        };
    });
    let mut alice = Link::open(&running, "alice", Transport::Udp);
    assert_eq!(alice.allocate().code(), 0);
    let mut stranger = Link::open(&running, "nobody", Transport::Udp);
    let request = stranger
        .client
        .bare(turn::stun::Class::Request, Method::ALLOCATE, ask_for_udp);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("the loopback");
    socket.connect(running.udp()).expect("the loopback");
    socket
        .set_read_timeout(Some(Duration::from_millis(300)))
        .expect("it can be");

    // She asks in between, so that none is lost on the way for want of room.
    for _ in 0..10 {
        for _ in 0..100 {
            socket.send(&request).expect("sent");
        }
        let refresh = alice.client.refresh(600);
        assert_eq!(alice.ask(&refresh).code(), 0);
    }

    let mut answers = 0;
    while socket.recv(&mut [0; 500]).is_ok() {
        answers += 1;
    }
    assert!((1..100).contains(&answers), "{answers}");
    let refresh = alice.client.refresh(600);
    assert_eq!(alice.ask(&refresh).code(), 0);
    running.settle("she has the only one", |now| {
        now.server.requests > 1_000 && now.server.allocations == 1
    });
}
