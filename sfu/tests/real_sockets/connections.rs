//! Media over TCP connections that were handed to the worker.

use std::time::{Duration, Instant};

use sfu::identity::ParticipantId;

use crate::call::Call;
use crate::flood::ConnectionFlood;
use crate::line::Line;
use crate::peer::Peer;

#[test]
fn media_crosses_a_connection() {
    let mut call = Call::start_over_tcp();

    let delays = call.run(Duration::from_secs(1));

    assert!(delays.received.len() + 5 >= delays.sent, "{delays}");
    // Nothing waits for more to be sent with it.
    let median = delays.percentile(50.0);
    assert!(median < Duration::from_millis(15), "{delays}");
    call.settle("there is one", |now| now.connections == 1);
    assert_eq!(call.worker.statistics().left_out, 0);
}

#[test]
fn who_reads_nothing_for_a_while_loses_media_whole_and_goes_on() {
    let mut call = Call::start_over_tcp();
    call.receiver().connection().is_asleep = true;
    let asleep = call.run(Duration::from_secs(4));
    assert_eq!(asleep.received.len(), 0);
    call.settle("most is left out", |now| now.left_out > 50);

    call.receiver().connection().is_asleep = false;
    // What was on its way comes in whole frames, or the line panics.
    call.run(Duration::from_secs(1));

    let delays = call.run(Duration::from_secs(1));
    assert!(delays.received.len() + 5 >= delays.sent, "{delays}");
    let median = delays.percentile(50.0);
    assert!(median < Duration::from_millis(100), "{delays}");
}

#[test]
fn a_connection_that_begins_with_nobodys_check_is_closed() {
    let mut call = Call::start();
    let mut stranger = Peer::new(Instant::now(), ParticipantId(99), Line::tcp().address());
    let check = stranger.check();
    for bytes in [&check[..], &[22, 254, 253, 0], &[0x80; 90]] {
        let mut line = Line::tcp();
        line.send(&call.worker, bytes);
        assert!(line.connection().ends(), "{bytes:?}");
    }
    call.settle("no connection is kept", |now| now.connections == 0);
}

/// A check whose password is not the receiver's.
fn forged(call: &mut Call) -> Vec<u8> {
    let receiver = call.receiver_peer();
    let password = receiver.server_ice.password.clone();
    receiver.server_ice.password = "x".repeat(password.len());
    let check = receiver.check();
    receiver.server_ice.password = password;
    check
}

#[test]
fn the_worker_hears_nothing_of_connections_that_name_nobody() {
    let mut call = Call::start();
    let known = forged(&mut call);
    let nobodys = Peer::new(Instant::now(), ParticipantId(666), call.server()).check();
    let before = call.worker.statistics().dropped.stun;

    let flood = ConnectionFlood::start(&call.worker, &nobodys, 2000);
    let delays = call.run(Duration::from_secs(1));
    let made = flood.stop();
    assert!(made > 200, "{made} connections");
    assert!(delays.received.len() + 5 >= delays.sent, "{delays}");
    assert_eq!(call.worker.statistics().dropped.stun, before);

    // It would count them.
    Line::tcp().send(&call.worker, &known);
    call.settle("it is counted", |now| now.dropped.stun == before + 1);
    // And whoever has left is nobody.
    call.receiver_leaves();
    call.settle("it has left", |now| now.participants == 1);
    Line::tcp().send(&call.worker, &known);
    call.run(Duration::from_millis(500));
    assert_eq!(call.worker.statistics().dropped.stun, before + 1);
}

#[test]
fn no_more_connections_wait_for_the_worker_than_it_soon_takes() {
    let mut call = Call::start();
    let forged = forged(&mut call);
    // The worker may be quick, and this thread be held up.
    for _ in 0..5 {
        let before = call.worker.statistics().dropped.stun;
        let mut lines: Vec<_> = (0..MANY).map(|_| Line::tcp()).collect();

        for line in &mut lines {
            line.send(&call.worker, &forged);
        }
        let delays = call.run(Duration::from_millis(500));

        assert!(delays.received.len() + 5 >= delays.sent, "{delays}");
        assert!(lines.iter_mut().all(|line| line.connection().ends()));
        let looked_at = call.worker.statistics().dropped.stun - before;
        assert!(looked_at >= 100, "{looked_at} were looked at");
        if looked_at < MANY {
            return;
        }
    }
    panic!("none was refused");
}

#[test]
fn a_frame_that_is_too_long_ends_the_connection_and_nobody_elses() {
    let mut call = Call::start_over_tcp();
    let mut line = Line::tcp();
    let check = call.receiver_peer().check_that(false);
    line.send(&call.worker, &check);
    line.connection().write(&[0xFF, 0xFF, 1, 2, 3]);

    assert!(line.connection().ends());
    let delays = call.run(Duration::from_millis(500));
    assert!(delays.received.len() + 5 >= delays.sent, "{delays}");
}

#[test]
fn who_leaves_hears_of_it_and_its_connection_ends() {
    let mut call = Call::start_over_tcp();

    call.receiver_leaves();

    assert!(call.receiver().connection().ends());
    let delays = call.run(Duration::from_millis(200));
    assert_eq!(delays.received.len(), 0);
}

/// Each has two descriptors here.
const MANY: u64 = 440;
