//! coturn's own client, `turnutils_uclient`, against our server on real
//! sockets of the loopback. Its path is `TURNUTILS_UCLIENT`, or it is found as
//! Debian's package `coturn` installs it:
//!
//! ```sh
//! cargo test -p turn --test coturn_client -- --ignored
//! ```

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "these tests run in real time, on real sockets"
)]

mod sockets;

use std::process::Command;

use sockets::{PeersAre, Running};

/// Has the client send this many messages in each of this many sessions, and
/// get each back.
fn exchange(peers: PeersAre, flags: &[&str]) -> Running {
    let running = Running::start(peers);
    let program = std::env::var("TURNUTILS_UCLIENT").unwrap_or("turnutils_uclient".into());
    let output = Command::new(program)
        .args(["-W", sockets::SECRET, "-u", "alice", "-n", "20", "-m", "5"])
        .args(["-l", "170", "-z", "5", "-e", "127.0.0.1"])
        .args(["-r", &running.peer_port().to_string()])
        .args(["-p", &running.port().to_string()])
        .args(flags)
        .arg("127.0.0.1")
        .output()
        .expect("turnutils_uclient is there");
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("Total lost packets 0"), "{said}");
    let statistics = running.statistics();
    assert!(statistics.packets_up >= 100, "{statistics:?}\n{said}");
    assert_eq!(statistics.packets_up, statistics.packets_down);
    running
}

#[test]
#[ignore = "needs coturn's client"]
fn channels_over_udp() {
    exchange(PeersAre::Here, &["-c"]);
}

#[test]
#[ignore = "needs coturn's client"]
fn indications_over_udp() {
    exchange(PeersAre::Here, &["-c", "-s"]);
}

#[test]
#[ignore = "needs coturn's client"]
fn channels_over_tcp() {
    exchange(PeersAre::Here, &["-c", "-t"]);
}

#[test]
#[ignore = "needs coturn's client"]
fn indications_over_tcp() {
    exchange(PeersAre::Here, &["-c", "-t", "-s"]);
}

#[test]
#[ignore = "needs coturn's client"]
fn relay_ports() {
    for flags in [&["-c"][..], &["-c", "-s"], &["-c", "-t"]] {
        exchange(PeersAre::Elsewhere, flags);
    }
}

/// With a port for RTCP, which is the next one: EVEN-PORT and the token.
#[test]
#[ignore = "needs coturn's client"]
fn pairs_of_ports() {
    for peers in [PeersAre::Here, PeersAre::Elsewhere] {
        for flags in [&[][..], &["-t"]] {
            exchange(peers, flags);
        }
    }
}

/// Allocations, permissions and channels asked for more often than needed, and
/// messages that are padded.
#[test]
#[ignore = "needs coturn's client"]
fn extra_requests() {
    exchange(PeersAre::Here, &["-c", "-G", "-D", "-X"]);
}

/// What the client thinks a server should refuse.
#[test]
#[ignore = "needs coturn's client"]
fn negative_tests() {
    for flags in [&["-c", "-N"][..], &["-c", "-R"], &["-c", "-R", "-t"]] {
        let running = Running::start(PeersAre::Here);
        let program = std::env::var("TURNUTILS_UCLIENT").unwrap_or("turnutils_uclient".into());
        let output = Command::new("timeout")
            .args(["20", &program, "-W", sockets::SECRET, "-u", "alice"])
            .args(["-r", &running.peer_port().to_string()])
            .args(["-p", &running.port().to_string()])
            .args(["-e", "127.0.0.1"])
            .args(flags)
            .arg("127.0.0.1")
            .output()
            .expect("timeout is there");
        // It may well fail, and `timeout` end it, but it must have been there.
        let code = output.status.code();
        assert!(!matches!(code, Some(125..=127)), "{output:?}");
        let statistics = running.statistics();
        assert!(statistics.requests > 0, "{statistics:?} {output:?}");
        running.assert_serving();
    }
}
