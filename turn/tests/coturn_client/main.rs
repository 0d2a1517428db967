//! coturn's own clients, `turnutils_uclient` and `turnutils_stunclient`,
//! against our server: its thread, on real sockets of the loopback. They are
//! found as Debian's package `coturn` installs them; `make turn-test` sees to
//! that:
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

use std::process::{Command, Output};

use sockets::{PeersAre, Running};
use turn::driver::Statistics;

/// How the client reaches the server.
#[derive(Clone, Copy, Debug)]
enum Over {
    Udp,
    Tcp,
    Tls,
}

/// Sessions of the client.
struct Sessions {
    count: u64,
    messages: u64,
    /// Milliseconds between the messages of one.
    pause: u64,
    /// The part of messages that the client must have got back.
    least_part: f64,
}

impl Sessions {
    fn over(over: Over) -> Self {
        match over {
            Over::Udp | Over::Tcp => Self {
                count: 5,
                messages: 20,
                pause: 5,
                least_part: 1.0,
            },
            // Of a TLS record the client takes the first message only, and
            // there are two when the machine is busy.
            Over::Tls => Self {
                count: 5,
                messages: 8,
                pause: 60,
                least_part: 0.8,
            },
        }
    }
}

/// Has the client send messages, and get each back.
fn exchange(peers: PeersAre, over: Over, flags: &[&str]) {
    exchange_in(&Sessions::over(over), peers, over, flags);
}

fn exchange_in(sessions: &Sessions, peers: PeersAre, over: Over, flags: &[&str]) {
    let repeats = (0..=MOST_REPEATS).find(|repeats| {
        let is_last = *repeats == MOST_REPEATS;
        attempt(sessions, peers, over, flags, is_last)
    });
    println!("{over:?} {flags:?}: {repeats:?} repeats");
}

/// Exchanges messages; `false` if the client has failed by its own fault, or
/// packets of another test came, which is forgiven but the last time.
fn attempt(
    sessions: &Sessions,
    peers: PeersAre,
    over: Over,
    flags: &[&str],
    is_last: bool,
) -> bool {
    let running = Running::start(peers);
    let output = uclient(&running, over, 60)
        .args(["-n", &sessions.messages.to_string()])
        .args(["-m", &sessions.count.to_string()])
        .args(["-z", &sessions.pause.to_string(), "-l", "170"])
        .args(flags)
        .arg("127.0.0.1")
        .output()
        .expect("turnutils_uclient is there");

    let said = text(&output);
    if !is_last && has_drawn_a_number_twice(&running, &output) {
        return false;
    }
    assert!(output.status.success(), "{over:?} {flags:?} {said}");
    let least = sessions.messages * sessions.count;
    let statistics = running.statistics(|now| {
        now.server.packets_up >= least && now.server.packets_up == now.server.packets_down
    });
    let counted = statistics.server;
    assert!(counted.packets_up >= least, "{counted:?}\n{said}");
    // All tests have the same ports of this machine, one after the other: what was
    // sent to who had one before comes too, since permissions are for addresses.
    if !is_last && counted.packets_down > counted.packets_up {
        println!("{over:?} {flags:?}: packets of others: {counted:?}");
        return false;
    }
    assert_eq!(counted.packets_up, counted.packets_down, "{said}");
    let has_most = returned(&said) >= sessions.least_part;
    // What it lost of more than that was sent to it, as was counted.
    let is_its_fault = matches!(over, Over::Tls) && statistics.late == 0;
    assert!(
        has_most || (is_its_fault && !is_last),
        "{over:?} {flags:?} {said}"
    );
    has_most
}

/// Whether the client has given up since it drew the same number for two peers
/// of an allocation. It draws both by chance, of 16,384, and one that is
/// another peer's is rightly refused (RFC 8656 §12.2): that befalls one of as
/// many sessions.
fn has_drawn_a_number_twice(running: &Running, output: &Output) -> bool {
    let said = text(output);
    let mut errors = said.lines().filter(|line| line.contains("error 400"));
    let is_told = said.contains(TAKEN) && errors.all(|line| line.contains(TAKEN));
    // With the first it gives up.
    let is_taken = |now: &Statistics| now.server.numbers_taken == 1;
    is_told && !output.status.success() && is_taken(&running.statistics(is_taken))
}

/// The part of messages that came back, by what the client says last.
fn returned(said: &str) -> f64 {
    let lost = said
        .rsplit_once("Total lost packets ")
        .map(|(_, after)| after);
    let percent = lost.and_then(|text| text.split_once('(')?.1.split_once('%'));
    let percent: f64 = percent
        .and_then(|(number, _)| number.parse().ok())
        .unwrap_or_else(|| panic!("it does not say what it lost: {said}"));
    1.0 - percent / 100.0
}

/// The client, which waits for good for answers that do not come, and is ended
/// after so many seconds.
fn uclient(running: &Running, over: Over, patience: u32) -> Command {
    let mut command = Command::new("timeout");
    let program = std::env::var("TURNUTILS_UCLIENT").unwrap_or("turnutils_uclient".into());
    let (address, flags) = match over {
        Over::Udp => (running.udp_address(), &[][..]),
        Over::Tcp => (running.tcp_address(), &["-t"][..]),
        Over::Tls => (running.tls_address(), &["-t", "-S"][..]),
    };
    command
        .args([
            &patience.to_string(),
            &program,
            "-W",
            sockets::SECRET,
            "-u",
            "alice",
        ])
        .args(["-e", "127.0.0.1"])
        .args(["-r", &running.peers()[0].port().to_string()])
        .args(["-p", &address.port().to_string()])
        .args(flags);
    command
}

/// The client waits most of the time.
fn in_parallel(cases: impl IntoIterator<Item = impl FnOnce() + Send>) {
    std::thread::scope(|scope| {
        for case in cases {
            scope.spawn(case);
        }
    });
}

/// What the client says when a channel's number is refused.
const TAKEN: &str = "channel bind: error 400";
/// Of what the client does wrong by chance.
const MOST_REPEATS: u32 = 3;

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
#[ignore = "needs coturn's client"]
fn channels_over_each_transport() {
    in_parallel(
        [Over::Udp, Over::Tcp, Over::Tls]
            .map(|over| move || exchange(PeersAre::Here, over, &["-c"])),
    );
}

#[test]
#[ignore = "needs coturn's client"]
fn indications_over_each_transport() {
    in_parallel(
        [Over::Udp, Over::Tcp, Over::Tls]
            .map(|over| move || exchange(PeersAre::Here, over, &["-c", "-s"])),
    );
}

#[test]
#[ignore = "needs coturn's client"]
fn relay_ports() {
    let cases = [
        (Over::Udp, &["-c"][..]),
        (Over::Udp, &["-c", "-s"]),
        (Over::Tcp, &["-c"]),
        (Over::Tls, &["-c", "-s"]),
    ];
    in_parallel(cases.map(|(over, flags)| move || exchange(PeersAre::Elsewhere, over, flags)));
}

#[test]
#[ignore = "needs coturn's client"]
fn many_sessions() {
    in_parallel(
        [(Over::Udp, 100), (Over::Tcp, 60), (Over::Tls, 20)].map(|(over, count)| {
            let sessions = Sessions {
                count,
                pause: 60,
                ..Sessions::over(over)
            };
            move || exchange_in(&sessions, PeersAre::Here, over, &["-c"])
        }),
    );
}

/// With a port for RTCP, which is the next one: EVEN-PORT and the token.
#[test]
#[ignore = "needs coturn's client"]
fn pairs_of_ports() {
    let cases = [
        (PeersAre::Here, Over::Udp),
        (PeersAre::Here, Over::Tcp),
        (PeersAre::Elsewhere, Over::Udp),
        (PeersAre::Elsewhere, Over::Tcp),
    ];
    in_parallel(cases.map(|(peers, over)| move || exchange(peers, over, &[])));
}

/// Allocations, permissions and channels asked for more often than needed, and
/// messages that are padded.
#[test]
#[ignore = "needs coturn's client"]
fn extra_requests() {
    exchange(PeersAre::Here, Over::Udp, &["-c", "-G", "-D", "-X"]);
}

/// What the client thinks a server should refuse.
#[test]
#[ignore = "needs coturn's client"]
fn negative_tests() {
    let cases = [
        (Over::Udp, &["-c", "-N"][..]),
        (Over::Udp, &["-c", "-R"]),
        (Over::Tcp, &["-c", "-R"]),
    ];
    in_parallel(cases.map(|(over, flags)| {
        move || {
            let running = Running::start(PeersAre::Here);
            let output = uclient(&running, over, 20)
                .args(flags)
                .arg("127.0.0.1")
                .output()
                .expect("timeout is there");
            // It may well fail, and `timeout` end it, but it must have been there.
            let code = output.status.code();
            assert!(!matches!(code, Some(125..=127)), "{output:?}");
            // What it says may be malformed from the start, which ends a stream.
            let has_spoken =
                |now: &Statistics| now.server.requests + now.server.dropped.malformed > 0;
            let statistics = running.statistics(has_spoken);
            assert!(has_spoken(&statistics), "{statistics:?} {output:?}");
            running.assert_serving();
        }
    }));
}

#[test]
#[ignore = "needs coturn's client"]
fn clients_are_told_their_address() {
    let running = Running::start(PeersAre::Here);
    let output = Command::new("timeout")
        .args(["10", "turnutils_stunclient", "-p"])
        .arg(running.udp_address().port().to_string())
        .arg("127.0.0.1")
        .output()
        .expect("timeout is there");

    let said = text(&output);
    assert!(said.contains("UDP reflexive addr: 127.0.0.1:"), "{said}");
}
