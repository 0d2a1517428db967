//! A worker on its thread, with participants and strangers on real sockets of
//! the loopback.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "these tests run in real time, on real sockets"
)]
#![allow(
    dead_code,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "the participants are those of the tests on virtual time"
)]

#[path = "../virtual_time/peer.rs"]
mod peer;
#[path = "../virtual_time/repair.rs"]
mod repair;

mod call;
mod connections;
mod flood;
mod line;
mod relay;

use std::time::Duration;

use call::Call;
use sfu::identity::ParticipantId;

#[test]
fn media_crosses_real_sockets() {
    let mut call = Call::start();

    let delays = call.run(Duration::from_secs(2));

    assert!(delays.sent > 100, "{delays:?}");
    assert!(delays.received.len() + 5 >= delays.sent, "{delays:?}");
    let received = delays.received.len() as u64;
    call.settle("all is counted", |now| {
        now.participants == 2 && now.packets_sent >= received
    });
    assert!(call.worker.busy() > Duration::ZERO);
}

#[test]
fn media_is_handed_over_by_a_relay_of_the_same_process() {
    let mut call = Call::start_relayed();

    let delays = call.run(Duration::from_secs(2));

    assert!(delays.sent > 100, "{delays:?}");
    assert!(delays.received.len() + 5 >= delays.sent, "{delays:?}");
    let relay = call.relay.as_ref().expect("there is one").0.handle();
    let (up, down) = (delays.sent as u64, delays.received.len() as u64);
    let relay = relay.clone();
    call.settle("all is counted", |_| {
        let counted = relay.statistics().server;
        counted.packets_up >= up && counted.packets_down >= down
    });
    let relayed = relay.statistics();
    assert_eq!((relayed.late, relayed.lost), (0, 0));
    assert_eq!(relayed.relay_ports, 0, "nobody needs one");
}

#[test]
fn a_flood_of_strangers_does_not_stop_the_media() {
    let mut call = Call::start();
    // Of a machine that stands still, the socket's buffer overflows.
    let mut came = Vec::new();
    let is_heard = (0..5).any(|_| {
        let flood = flood::Flood::start(call.server(), 20_000);
        let delays = call.run(Duration::from_secs(2));
        let sent = flood.stop();
        assert!(sent > 10_000, "{sent} datagrams of flood");
        came.push(delays.to_string());
        delays.received.len() as f64 / delays.sent as f64 > 0.9
    });

    assert!(is_heard, "{came:?}");
}

#[test]
fn who_comes_and_goes_leaves_no_descriptor_and_no_thread_behind() {
    come_and_go(20);
}

#[test]
#[ignore = "takes a while; `make soak` runs it"]
fn five_hundred_who_come_and_go_leave_nothing_behind() {
    come_and_go(500);
}

fn come_and_go(times: u64) {
    let mut call = Call::start();
    let before = (entries("/proc/self/fd"), entries("/proc/self/task"));

    for id in 0..times {
        call.visit(ParticipantId(1000 + id));
    }

    let delays = call.run(Duration::from_secs(1));
    call.settle("they have left", |now| now.participants == 2);
    assert_eq!(
        (entries("/proc/self/fd"), entries("/proc/self/task")),
        before
    );
    assert!(delays.received.len() + 3 >= delays.sent, "{delays}");
}

fn entries(folder: &str) -> usize {
    std::fs::read_dir(folder).expect("a Linux system").count()
}

/// The long form, with figures: `make soak` runs it in a release build.
#[test]
#[ignore = "measures for half a minute; needs a release build"]
fn delay_under_a_flood_of_two_hundred_thousand_a_second() {
    let mut call = Call::start();
    let undisturbed = call.run(Duration::from_secs(5));
    println!("no flood: {undisturbed}");
    for kind in flood::Kind::ALL {
        let flood = flood::Flood::of(kind, call.server(), 200_000);
        std::thread::sleep(Duration::from_millis(200));
        let before = call.worker.busy();
        let seen = dropped(&call);
        let delays = call.run(Duration::from_secs(5));
        let busy = call.worker.busy().saturating_sub(before).as_secs_f64() / 5.0;
        let seen = (dropped(&call) - seen) as f64 / 5.1;
        let rate = flood.stop() as f64 / 5.3;
        println!(
            "{kind:?}, {rate:.0} a second, {seen:.0} seen, worker {:.0} % busy: {delays}",
            busy * 100.0
        );
        let p99 = delays.percentile(99.0);
        assert!(rate > 190_000.0, "the flood itself was too slow: {rate}");
        assert!(p99 < Duration::from_millis(20), "{kind:?}: p99 {p99:?}");
    }
}

/// What the worker has thrown away.
fn dropped(call: &Call) -> u64 {
    let dropped = call.worker.statistics().dropped;
    dropped.unknown_protocol + dropped.unknown_path + dropped.stun
}
