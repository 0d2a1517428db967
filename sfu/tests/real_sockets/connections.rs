//! Media over TCP connections that were handed to the worker.

use std::time::{Duration, Instant};

use sfu::identity::ParticipantId;

use crate::call::Call;
use crate::line::Line;
use crate::peer::Peer;

#[test]
fn media_crosses_a_connection() {
    let mut call = Call::start_over_tcp();

    let delays = call.run(Duration::from_secs(1));

    assert!(delays.received.len() + 5 >= delays.sent, "{delays}");
    // Nothing waits for more to be sent with it.
    let p99 = delays.percentile(99.0);
    assert!(p99 < Duration::from_millis(100), "{delays}");
    assert_eq!(call.worker.statistics().connections, 1);
    assert_eq!(call.worker.statistics().left_out, 0);
}

#[test]
fn who_reads_nothing_for_a_while_loses_media_whole_and_goes_on() {
    let mut call = Call::start_over_tcp();
    call.receiver().connection().is_asleep = true;
    let asleep = call.run(Duration::from_secs(4));
    assert_eq!(asleep.received.len(), 0);
    let left_out = call.worker.statistics().left_out;
    assert!(left_out > 50, "{left_out} of {}", asleep.sent);

    call.receiver().connection().is_asleep = false;
    // What was on its way comes in whole frames, or the line panics.
    call.run(Duration::from_secs(1));

    let delays = call.run(Duration::from_secs(1));
    assert!(delays.received.len() + 5 >= delays.sent, "{delays}");
    let p99 = delays.percentile(99.0);
    assert!(p99 < Duration::from_millis(200), "{delays}");
}

#[test]
fn a_connection_that_begins_with_nobodys_check_is_closed() {
    let call = Call::start();
    let mut stranger = Peer::new(Instant::now(), ParticipantId(99), Line::tcp().address());
    let check = stranger.check();
    for bytes in [&check[..], &[22, 254, 253, 0], &[0x80; 90]] {
        let mut line = Line::tcp();
        line.send(&call.worker, bytes);
        assert!(line.connection().ends(), "{bytes:?}");
    }
    let settled = Instant::now() + Duration::from_secs(2);
    while call.worker.statistics().connections > 0 {
        assert!(Instant::now() < settled, "a connection is kept");
        std::thread::sleep(Duration::from_millis(20));
    }
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
