//! What strangers do to the sockets and connections.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::time::Duration;

use turn::Transport;

use crate::link::{CHANNEL, Link};
use crate::network::address;
use crate::running::{PATIENCE, PEER, Running};

/// Whether the server closes a connection.
fn is_closed(mut stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(PATIENCE)).expect("it can be");
    let mut memory = [0; 4096];
    loop {
        match stream.read(&mut memory) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

#[test]
fn nobody_else_is_reached() {
    let victim = UdpSocket::bind("127.0.0.1:0").expect("the loopback");
    victim
        .set_read_timeout(Some(Duration::from_millis(200)))
        .expect("it can be");
    let victims = victim.local_addr().expect("bound");
    let mut running = Running::start();
    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
        let mut link = Link::open(&running, "mallory", transport);
        assert_eq!(link.allocate().code(), 0);
        let request = link.client.bind(CHANNEL, victims);
        assert_eq!(link.ask(&request).code(), 403);
        let request = link.client.permit(&["203.0.113.66:443".parse().unwrap()]);
        assert_eq!(link.ask(&request).code(), 403);
        // The peer's address permits no other port of it.
        let request = link.client.permit(&[address(PEER)]);
        assert_eq!(link.ask(&request).code(), 0);
        let indication = link.client.send(victims, b"here is something for you");
        link.send(&indication);
    }
    running.settle("all are dropped", |now| {
        now.server.dropped.not_permitted == 3
    });
    assert!(victim.recv(&mut [0; 100]).is_err());
    assert!(running.peer.hears_nothing());
}

#[test]
fn silent_connections_make_way_for_others() {
    let mut running = Running::with(|settings| settings.server.limits.streams = 20);
    let silent: Vec<_> = (0..20)
        .map(|number| running.connect(number % 2 == 0, &[]))
        .collect();
    running.settle("all are there", |now| now.server.streams == 20);

    let (mut alice, relayed) = Link::bound(&running, "alice", Transport::Tls);
    let others: Vec<_> = (0..40).map(|_| running.connect(true, &[])).collect();

    assert!(silent.iter().all(is_closed));
    assert!(others[..21].iter().all(is_closed));
    alice.send_data(b"still here");
    assert_eq!(running.peer.receive(1), [(relayed, b"still here".to_vec())]);
}

#[test]
fn connections_that_make_no_sense_are_closed() {
    let running = Running::start();
    for (is_tls, bytes) in [
        (false, &b"GET / HTTP/1.1\r\n\r\n"[..]),
        (false, &[0xFF; 100]),
        (false, &[0, 3, 0xFF, 0xFC, 0x21, 0x12, 0xA4, 0x42]),
        (true, &[0; 100]),
        (true, b"\x16\x03\x01\xFF\xFF nonsense"),
    ] {
        let mut stream = running.connect(is_tls, &[]);
        let _ = stream.write_all(bytes);
        assert!(is_closed(&stream), "{bytes:?}");
    }
    running.settle("nobody is left", |now| now.server.streams == 0);
}

#[test]
fn a_handshake_byte_by_byte_does_not_hold_up_the_thread() {
    let running = Running::start();
    let mut slow = running.connect(true, &[]);
    slow.write_all(b"\x16\x03\x01").expect("sent");

    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
        assert_eq!(
            Link::open(&running, "alice", transport).allocate().code(),
            0
        );
    }
    slow.write_all(b"\x01").expect("it is still there");
}

#[test]
fn datagrams_that_make_no_sense_are_met_with_silence() {
    let running = Running::start();
    let stranger = UdpSocket::bind("127.0.0.1:0").expect("the loopback");
    stranger
        .set_read_timeout(Some(Duration::from_millis(200)))
        .expect("it can be");
    stranger.connect(running.udp()).expect("the loopback");
    for bytes in [
        &[][..],
        &[0],
        &[0; 19],
        &[0xFF; 1400],
        &[0x40, 0, 0xFF, 0xFF],
        &[1; 9000],
    ] {
        let _ = stranger.send(bytes);
    }

    assert!(stranger.recv(&mut [0; 100]).is_err());
    assert_eq!(
        Link::open(&running, "alice", Transport::Udp)
            .allocate()
            .code(),
        0
    );
}
