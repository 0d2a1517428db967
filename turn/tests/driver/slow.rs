//! Clients that do not read.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use turn::stun::Method;
use turn::{Limits, Rate, Transport};

use crate::link::Link;
use crate::running::Running;

/// More than all buffers on the way hold.
const TRAINS: usize = 2000;

/// After so long nothing is added to what waits.
const PATIENCE_WITH_SLOW: Duration = Duration::from_millis(600);

const WITHOUT_END: Rate = Rate {
    a_second: u32::MAX,
    at_once: u32::MAX,
};

fn unlimited() -> Running {
    Running::with(|settings| {
        settings.server.limits = Limits {
            bandwidth: WITHOUT_END,
            ..Limits::default()
        };
    })
}

fn flood(running: &Running, relayed: SocketAddr) {
    for number in 0..TRAINS {
        send(running, relayed, number);
        if number % 100 == 0 {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A train of eight datagrams, the first bytes of which number them.
fn send(running: &Running, relayed: SocketAddr, number: usize) {
    let burst: Vec<_> = (0..8)
        .flat_map(|at| {
            let mut datagram = vec![9; 1200];
            datagram[..4].copy_from_slice(&(8 * number as u32 + at).to_be_bytes());
            datagram
        })
        .collect();
    running.peer.send(relayed, &burst, 1200);
}

#[test]
fn who_has_not_caught_up_for_long_gets_nothing_that_is_later_still() {
    for transport in [Transport::Tcp, Transport::Tls] {
        // A machine that stands still makes late what was meant to be in time.
        let was_tried = (0..20).any(|_| loses_what_is_later_still(transport));
        assert!(was_tried, "{transport:?}");
    }
}

/// `false` if it was tried too slowly to tell.
fn loses_what_is_later_still(transport: Transport) -> bool {
    let running = unlimited();
    let (mut slow, relayed) = Link::bound(&running, "slow", transport);
    let mut trains = 0;
    let down = |trains: usize| 8 * trains as u64;
    let mut begun = Instant::now();
    while running.statistics().waiting_bytes == 0 {
        assert!(trains < TRAINS, "nothing waits");
        begun = Instant::now();
        send(&running, relayed, trains);
        trains += 1;
        running.settle("it is relayed", |now| {
            now.server.packets_down == down(trains)
        });
    }
    send(&running, relayed, trains);
    let before = running.settle("it is relayed", |now| {
        now.server.packets_down == down(trains + 1)
    });
    if begun.elapsed() >= PATIENCE_WITH_SLOW {
        return false;
    }
    assert_eq!(before.late, 0, "{transport:?}");
    thread::sleep(PATIENCE_WITH_SLOW);

    send(&running, relayed, trains + 1);

    running.settle("that is too late", |now| now.late == 1);
    for number in 0..8 * (trains as u32 + 1) {
        assert_eq!(slow.receive_data()[..4], number.to_be_bytes());
    }
    running.settle("nothing waits", |now| now.waiting_bytes == 0);
    send(&running, relayed, 9);
    assert_eq!(slow.receive_data()[..4], 72_u32.to_be_bytes());
    true
}

#[test]
fn what_waits_for_all_slow_readers_together_is_bounded() {
    const MOST: usize = 300_000;
    const EACH: usize = 400;
    let mut running = Running::with(|settings| {
        settings.most_waiting = MOST;
        settings.server.limits.bandwidth = WITHOUT_END;
    });
    let slow: Vec<_> = (0..12)
        .map(|number| Link::bound(&running, &format!("slow-{number}"), Transport::Tcp))
        .collect();
    for (_, relayed) in &slow {
        (0..EACH).for_each(|number| send(&running, *relayed, number));
        thread::sleep(Duration::from_millis(20));
    }
    let all = (slow.len() * EACH * 8) as u64;

    let statistics = running.settle("all is relayed", |now| now.server.packets_down == all);

    let waiting = statistics.waiting_bytes as usize;
    // One train may be taken in part.
    assert!(
        (MOST / 3..MOST + 12 * 9_600).contains(&waiting),
        "{waiting}"
    );
    // Who reads has nothing waiting, and notices nothing.
    let (mut other, of_other) = Link::bound(&running, "other", Transport::Tcp);
    for number in 0..20 {
        other.send_data(b"ping");
        assert_eq!(running.peer.receive(1), [(of_other, b"ping".to_vec())]);
        send(&running, of_other, number);
        for at in 0..8 {
            let expected = 8 * number as u32 + at;
            assert_eq!(other.receive_data()[..4], expected.to_be_bytes());
        }
    }
    drop(slow);
    running.settle("their memory is free", |now| now.waiting_bytes == 0);
}

#[test]
fn who_does_not_read_loses_data_and_no_answer() {
    for transport in [Transport::Tcp, Transport::Tls] {
        let running = unlimited();
        let (mut slow, relayed) = Link::bound(&running, "slow", transport);

        flood(&running, relayed);
        running.settle("some is left out", |now| {
            now.late > 0 && now.server.packets_down == 8 * TRAINS as u64
        });
        let request = slow.client.refresh(600);
        slow.send(&request);

        let (mut last, mut received, mut answers) = (None, 0, 0);
        while answers == 0 {
            let frame = slow.receive().expect("more");
            if frame[0] >= 0x40 {
                assert_eq!(frame.len(), 4 + 1200, "in one piece");
                let number = u32::from_be_bytes([frame[4], frame[5], frame[6], frame[7]]);
                assert!(Some(number) > last, "{number} after {last:?}");
                (last, received) = (Some(number), received + 1);
            } else {
                let method = Method::REFRESH;
                assert_eq!(turn::stun::Message::read(&frame).unwrap().method, method);
                answers += 1;
            }
        }
        assert!((8..8 * TRAINS).contains(&received), "{received}");
    }
}

#[test]
fn who_does_not_read_keeps_nobody_else_waiting() {
    let mut running = unlimited();
    let (_slow, relayed) = Link::bound(&running, "slow", Transport::Tls);
    let (mut other, of_other) = Link::bound(&running, "other", Transport::Tls);
    flood(&running, relayed);

    for _ in 0..20 {
        other.send_data(b"ping");
        assert_eq!(running.peer.receive(1), [(of_other, b"ping".to_vec())]);
        running.peer.send(of_other, b"pong", 4);
        assert_eq!(other.receive_data(), b"pong");
    }
}

#[test]
fn who_asks_and_never_reads_is_closed() {
    let running = Running::with(|settings| {
        settings.server.limits.requests = WITHOUT_END;
    });
    let (mut slow, _) = Link::bound(&running, "slow", Transport::Tcp);
    let request = slow.client.refresh(600).repeat(100);

    // Small requests have answers that are as long, so buffers fill both ways.
    let mut sent = 0;
    let is_closed = loop {
        sent += request.len();
        if sent > 30 << 20 {
            break false;
        }
        if slow.try_send(&request).is_err() {
            break true;
        }
    };

    assert!(is_closed);
    running.settle("nobody is left", |now| now.server.allocations == 0);
}
