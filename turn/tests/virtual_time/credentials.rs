//! Who may ask (RFC 8489 §9.2), and who may not.

use std::ops::RangeInclusive;
use std::time::Duration;

use turn::stun::{Attribute, Class, Integrity, Method, PasswordAlgorithm, Writer};
use turn::{Config, ConfigError, Server, SharedSecret, Transport};

use crate::client::{Client, EXPIRY, REALM, SECRET, ask_for_udp};
use crate::network::{HERE, Network, address, config};

fn alice() -> Client {
    Client::udp("alice", "192.0.2.10:5000")
}

#[test]
fn who_shows_nothing_is_told_what_to_show() {
    let mut network = Network::new();
    let mut alice = alice();
    for method in [
        Method::ALLOCATE,
        Method::REFRESH,
        Method::CREATE_PERMISSION,
        Method::CHANNEL_BIND,
    ] {
        let request = alice.bare(Class::Request, method, ask_for_udp);
        let answer = network.answer(&alice, &request);

        assert_eq!(answer.code(), 401);
        assert_eq!(answer.get(Attribute::REALM), Some(REALM.as_bytes()));
        // The nonce cookie with password algorithms, which is bit 0 of 24, the
        // leftmost, as RFC 8656 §20 shows it.
        let nonce = answer.get(Attribute::NONCE).expect("a nonce");
        assert!(nonce.starts_with(b"obMatJos2gAAA"));
        assert_eq!(
            answer.get(Attribute::PASSWORD_ALGORITHMS),
            Some(&[0, 2, 0, 0, 0, 1, 0, 0][..])
        );
        assert_eq!(answer.message().integrity(), None);
        assert_eq!(answer.get(Attribute(0x8022)), None, "no SOFTWARE");
    }
}

#[test]
fn half_of_what_is_needed_is_a_bad_request() {
    for missing in [Attribute::USERNAME, Attribute::REALM, Attribute::NONCE] {
        let mut network = Network::new();
        let mut alice = alice();
        network.challenge(&mut alice);
        let (key, nonce) = (alice.key(), alice.nonce.clone());
        let username = alice.username.clone();
        let request = alice.bare(Class::Request, Method::ALLOCATE, |writer| {
            ask_for_udp(writer);
            for (attribute, value) in [
                (Attribute::USERNAME, username.as_bytes()),
                (Attribute::REALM, REALM.as_bytes()),
                (Attribute::NONCE, &nonce),
            ] {
                if attribute != missing {
                    writer.attribute(attribute, value);
                }
            }
            writer.sign(Integrity::Sha1, &key);
        });
        let answer = network.answer(&alice, &request);

        assert_eq!(answer.code(), 400, "{missing:?}");
        assert_eq!(answer.get(Attribute::NONCE), None);
    }
}

#[test]
fn a_hash_in_place_of_a_user_name_is_of_no_user() {
    let mut network = Network::new();
    let mut alice = alice();
    network.challenge(&mut alice);
    let (key, nonce) = (alice.key(), alice.nonce.clone());
    let request = alice.bare(Class::Request, Method::ALLOCATE, |writer| {
        ask_for_udp(writer);
        writer.attribute(Attribute::USERHASH, &[7; 32]);
        writer.attribute(Attribute::REALM, REALM.as_bytes());
        writer.attribute(Attribute::NONCE, &nonce);
        writer.sign(Integrity::Sha256, &key);
    });

    assert_eq!(network.code(&alice, &request), 401);
}

#[test]
fn both_signatures_and_both_algorithms_are_taken_and_given() {
    for integrity in [Integrity::Sha1, Integrity::Sha256] {
        for algorithm in [
            None,
            Some(PasswordAlgorithm::Md5),
            Some(PasswordAlgorithm::Sha256),
        ] {
            let mut network = Network::new();
            let mut alice = alice();
            (alice.integrity, alice.algorithm) = (integrity, algorithm);
            network.challenge(&mut alice);
            let request = alice.allocate();
            let answer = network.answer(&alice, &request);

            assert_eq!(answer.code(), 0, "{integrity:?} {algorithm:?}");
            assert_eq!(answer.message().integrity(), Some(integrity));
            assert!(answer.message().is_signed_with(&alice.key()));
        }
    }
}

#[test]
fn algorithms_other_than_were_offered_are_a_bad_request() {
    const OFFERED: &[u8] = &[0, 2, 0, 0, 0, 1, 0, 0];
    const SHA256: &[u8] = &[0, 2, 0, 0];
    for (offered, chosen) in [
        (Some(OFFERED), None),
        (None, Some(SHA256)),
        // Somebody on the way left the better one out.
        (Some(&OFFERED[4..]), Some(&[0, 1, 0, 0][..])),
        (Some(OFFERED), Some(&[0, 3, 0, 0])),
        (Some(OFFERED), Some(&[0, 2, 0, 4, 1, 2, 3, 4])),
        (Some(OFFERED), Some(&[])),
    ] {
        let mut network = Network::new();
        let mut alice = alice();
        network.challenge(&mut alice);
        let request = alice.request(Method::ALLOCATE, |writer| {
            ask_for_udp(writer);
            if let Some(offered) = offered {
                writer.attribute(Attribute::PASSWORD_ALGORITHMS, offered);
            }
            if let Some(chosen) = chosen {
                writer.attribute(Attribute::PASSWORD_ALGORITHM, chosen);
            }
        });
        assert_eq!(
            network.code(&alice, &request),
            400,
            "{offered:?} {chosen:?}"
        );
    }
}

#[test]
fn a_wrong_password_and_a_forged_user_name_are_refused() {
    let mut network = Network::new();
    let mut wrong = alice();
    wrong.password.push('x');
    let mut forged = alice();
    forged.username = forged.username.replace("alice", "bob");
    let mut longer = alice();
    longer.username = format!("9{}", longer.username);
    let mut odd = alice();
    odd.username = "alice".into();

    for mut client in [wrong, forged, longer, odd] {
        network.challenge(&mut client);
        let request = client.allocate();
        let answer = network.answer(&client, &request);

        assert_eq!(answer.code(), 401);
        assert!(answer.get(Attribute::NONCE).is_some());
        assert_eq!(network.server.footprint().allocations, 0);
    }
}

#[test]
fn a_message_changed_on_the_way_is_refused() {
    let mut network = Network::new();
    let mut alice = alice();
    network.challenge(&mut alice);
    let whole = alice.allocate();

    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0x04;
        if let Some(answer) = network.ask(&alice, &changed) {
            assert!(!answer.is_success(), "byte {at}");
        }
        assert_eq!(network.server.footprint().allocations, 0, "byte {at}");
    }
}

#[test]
fn credentials_that_have_expired_are_refused() {
    let mut network = Network::new();
    let mut alice = alice();
    // The wall clock stands at one hour when a test begins.
    network.run(Duration::from_secs(3599));
    network.challenge(&mut alice);

    network.run(Duration::from_secs(1));

    for request in [
        alice.allocate(),
        alice.refresh(600),
        alice.permit(&[address(HERE)]),
        alice.bind(0x4000, address(HERE)),
    ] {
        assert_eq!(network.code(&alice, &request), 401);
    }
}

#[test]
fn an_allocation_outlives_the_credentials_that_it_was_made_with() {
    let mut network = Network::new();
    let mut alice = alice();
    network.run(Duration::from_secs(3599));
    network.allocate(&mut alice);

    network.run(Duration::from_secs(1));

    let peer = address(HERE);
    for request in [
        alice.refresh(600),
        alice.permit(&[peer]),
        alice.bind(0x4000, peer),
    ] {
        assert_eq!(network.code(&alice, &request), 0);
    }
    // Nothing else of hers does, nor does anything of hers anywhere else.
    let mut bob = Client::udp("bob", "192.0.2.10:5000");
    bob.nonce.clone_from(&alice.nonce);
    let request = bob.refresh(600);
    assert_eq!(network.code(&bob, &request), 401);
    let mut wrong = alice.clone();
    wrong.password.push('x');
    let request = wrong.refresh(0);
    assert_eq!(network.code(&wrong, &request), 401);
    let mut elsewhere = Client::udp("alice", "192.0.2.10:5001");
    network.challenge(&mut elsewhere);
    let request = elsewhere.allocate();
    assert_eq!(network.code(&elsewhere, &request), 401);
    // Once it has ended she does not get another.
    let request = alice.refresh(0);
    assert_eq!(network.code(&alice, &request), 0);
    let request = alice.allocate();
    assert_eq!(network.code(&alice, &request), 401);
}

#[test]
fn an_allocation_outlives_its_credentials_for_half_a_day() {
    let mut network = Network::new();
    let mut alice = alice();
    network.allocate(&mut alice);
    let step = Duration::from_mins(30);
    // The wall clock stands at one hour now, and her credentials expire at two.
    for _ in 1..26 {
        let request = alice.refresh(3600);
        assert_eq!(network.code(&alice, &request), 0);
        network.run(step);
        network.challenge(&mut alice);
    }
    let request = alice.refresh(3600);
    assert_eq!(network.code(&alice, &request), 0);

    network.run(step);
    network.challenge(&mut alice);

    let request = alice.refresh(3600);
    assert_eq!(network.code(&alice, &request), 401);
    network.run(step);
    assert_eq!(network.server.footprint().allocations, 0);
}

#[test]
fn the_wall_clock_can_be_set() {
    let mut network = Network::new();
    let mut alice = alice();
    network.challenge(&mut alice);

    network.server.set_wall_clock(network.now, EXPIRY);

    let request = alice.allocate();
    assert_eq!(network.code(&alice, &request), 401);
}

#[test]
fn an_allocation_is_its_users_alone() {
    let mut network = Network::new();
    let mut alice = alice();
    network.allocate(&mut alice);
    let mut bob = Client::udp("bob", "192.0.2.10:5000");
    bob.nonce.clone_from(&alice.nonce);
    let mut with_other_credentials = alice.clone();
    let renewed = SharedSecret::new(SECRET).issue("alice", EXPIRY + Duration::from_hours(1));
    with_other_credentials.username = renewed.username;
    with_other_credentials.password = renewed.password;

    let peer = address(HERE);
    for mut other in [bob, with_other_credentials] {
        for request in [
            other.refresh(0),
            other.permit(&[peer]),
            other.bind(0x4000, peer),
        ] {
            let answer = network.answer(&other, &request);
            assert_eq!(answer.code(), 441);
            assert!(answer.message().is_signed_with(&other.key()));
        }
    }
    let request = alice.refresh(600);
    assert_eq!(network.code(&alice, &request), 0);
}

#[test]
fn a_nonce_grows_old_and_is_replaced() {
    let mut network = Network::new();
    let mut alice = alice();
    network.allocate(&mut alice);
    let request = alice.refresh(3600);
    assert_eq!(network.code(&alice, &request), 0);

    network.run(Duration::from_mins(10));
    let request = alice.refresh(3600);
    let answer = network.answer(&alice, &request);

    assert_eq!(answer.code(), 438);
    assert_eq!(answer.get(Attribute::REALM), Some(REALM.as_bytes()));
    alice.nonce = answer.get(Attribute::NONCE).expect("a fresh one").to_vec();
    let request = alice.refresh(3600);
    assert_eq!(network.code(&alice, &request), 0);
}

#[test]
fn what_was_overheard_is_of_no_use_elsewhere_or_later() {
    let mut network = Network::new();
    let mut alice = alice();
    network.challenge(&mut alice);
    let overheard = alice.allocate();
    for (address, transport) in [
        ("192.0.2.10:5001", Transport::Udp),
        ("192.0.2.11:5000", Transport::Udp),
        ("192.0.2.10:5000", Transport::Tcp),
    ] {
        let eve = Client::new("eve", address, transport);
        if transport.is_stream() {
            assert!(network.open(&eve));
        }
        assert_eq!(network.code(&eve, &overheard), 438);
    }
    assert_eq!(network.server.footprint().allocations, 0);

    network.run(Duration::from_mins(10));

    assert_eq!(network.code(&alice, &overheard), 438);
}

#[test]
fn nonces_are_of_one_server_only() {
    let mut one = Network::new();
    let mut another = Network::with(Config {
        key: [43; 32],
        ..config()
    });
    let mut alice = alice();
    one.challenge(&mut alice);

    let request = alice.allocate();

    assert_eq!(another.code(&alice, &request), 438);
    alice.nonce = b"obMatJos2gAAA".to_vec();
    let request = alice.allocate();
    assert_eq!(one.code(&alice, &request), 438);
}

#[test]
fn a_secret_can_be_replaced_by_another() {
    let mut network = Network::with(Config {
        secrets: vec![SharedSecret::new(b"the new one"), SharedSecret::new(SECRET)],
        ..config()
    });
    let mut alice = alice();
    network.allocate(&mut alice);

    let mut bob = Client::udp("bob", "192.0.2.11:5000");
    let issued = SharedSecret::new(b"the new one").issue("bob", EXPIRY);
    (bob.username, bob.password) = (issued.username, issued.password);
    network.allocate(&mut bob);

    let mut eve = Client::udp("eve", "192.0.2.12:5000");
    let issued = SharedSecret::new(b"the one before").issue("eve", EXPIRY);
    (eve.username, eve.password) = (issued.username, issued.password);
    network.challenge(&mut eve);
    let request = eve.allocate();
    assert_eq!(network.code(&eve, &request), 401);
}

#[test]
fn a_fingerprint_is_answered_with_one() {
    let mut network = Network::new();
    let mut alice = alice();
    alice.has_fingerprint = true;

    assert!(network.challenge(&mut alice).message().has_fingerprint);
    let request = alice.allocate();
    assert!(network.answer(&alice, &request).message().has_fingerprint);
    let odd = alice.request(Method::REFRESH, |writer: &mut Writer| {
        writer.attribute(Attribute(0x7777), b"");
    });
    assert!(network.answer(&alice, &odd).message().has_fingerprint);

    alice.has_fingerprint = false;
    let request = alice.refresh(600);
    assert!(!network.answer(&alice, &request).message().has_fingerprint);
}

#[test]
fn a_server_without_what_it_needs_does_not_start() {
    let now = std::time::Instant::now();
    let start = |config| {
        Server::new(now, EXPIRY, config)
            .map(|_| ())
            .expect_err("it lacks something")
    };
    let realm = |realm: String| Config { realm, ..config() };

    assert_eq!(start(realm(String::new())), ConfigError::Realm);
    assert_eq!(start(realm("a".repeat(128))), ConfigError::Realm);
    let secrets = Vec::new();
    assert_eq!(
        start(Config {
            secrets,
            ..config()
        }),
        ConfigError::Secrets
    );
    let families = Vec::new();
    assert_eq!(
        start(Config {
            families,
            ..config()
        }),
        ConfigError::Families
    );
    for synthetic_hosts in [0..=1, 200..=255, RangeInclusive::new(2, 1)] {
        let odd = Config {
            synthetic_hosts,
            ..config()
        };
        assert_eq!(start(odd), ConfigError::SyntheticHosts);
    }
}

#[test]
fn the_key_is_not_printed() {
    let config = Config {
        key: [0xA7; 32],
        ..config()
    };
    let server = Server::new(std::time::Instant::now(), EXPIRY, config.clone());

    let printed = format!("{config:?} {server:?}");

    assert!(printed.contains(REALM));
    assert!(!printed.contains("167, 167"), "{printed}");
}
