//! Clients that do not read.

use turn::stun::Method;
use turn::{Limits, Rate, Transport};

use crate::link::Link;
use crate::running::Running;

/// More than all buffers on the way hold.
const TRAINS: usize = 2000;

fn unlimited() -> Running {
    let without_end = Rate {
        a_second: u32::MAX,
        at_once: u32::MAX,
    };
    Running::with(|settings| {
        settings.server.limits = Limits {
            bandwidth: without_end,
            ..Limits::default()
        };
    })
}

/// Trains of eight datagrams, the first bytes of which number them.
fn flood(running: &Running, relayed: std::net::SocketAddr) {
    for number in 0..TRAINS {
        let burst: Vec<_> = (0..8)
            .flat_map(|at| {
                let mut datagram = vec![9; 1200];
                datagram[..4].copy_from_slice(&(8 * number as u32 + at).to_be_bytes());
                datagram
            })
            .collect();
        running.peer.send(relayed, &burst, 1200);
        if number % 100 == 0 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
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
        settings.server.limits.requests = Rate {
            a_second: u32::MAX,
            at_once: u32::MAX,
        };
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
