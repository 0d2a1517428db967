//! What an allocation takes, and that passing packets on takes nothing.

use allocation_counter::measure;
use turn::{Config, Limits, Output};

use crate::client::{Client, on_channel};
use crate::network::{HERE, Network, address, config, generous};

#[test]
fn ten_thousand_allocations_are_held_in_little_memory() {
    const ALLOCATIONS: usize = 10_000;
    let mut network = Network::with(Config {
        limits: Limits {
            allocations: ALLOCATIONS as u32,
            allocations_of_source: ALLOCATIONS as u32,
            ..generous()
        },
        ..config()
    });
    let client = |number: usize| {
        let participant = format!("0123456789abcdef0123456789abcdef-{}", number / 8);
        let address = format!("10.1.{}.{}:5000", number / 250, number % 250);
        Client::udp(&participant, &address)
    };

    let held = measure(|| {
        for number in 0..ALLOCATIONS {
            let mut client = client(number);
            network.bound(&mut client, 0x4000, HERE);
            network.send(&client, &on_channel(0x4000, b"hello", false));
            network.to_peers.clear();
        }
    });

    assert_eq!(network.server.footprint().allocations, ALLOCATIONS);
    let bytes_each = held.bytes_current / 10_000;
    println!("{bytes_each} bytes an allocation");
    // 20 MB in all, a tenth of what there may be.
    assert!((1..2000).contains(&bytes_each), "{bytes_each} bytes each");
}

#[test]
fn passing_packets_on_takes_no_memory() {
    let mut network = Network::with(Config {
        limits: generous(),
        ..config()
    });
    let mut over_udp = Client::udp("alice", "192.0.2.10:5000");
    let mut over_tcp = Client::tcp("bob", "192.0.2.11:5000");
    let relayed = network.bound(&mut over_udp, 0x4000, HERE);
    network.bound(&mut over_tcp, 0x4000, HERE);
    let udp: Vec<u8> = on_channel(0x4000, &[7; 1000], false).repeat(8);
    let tcp = on_channel(0x4000, &[7; 1001], true).repeat(8);
    let indication = over_udp.send(address(HERE), &[7; 1000]);
    let back = vec![7; 8000];
    let (now, peer) = (network.now, address(HERE));
    let server = &mut network.server;
    let mut output = Output::new();
    let mut pass = |output: &mut Output| {
        output.clear();
        server.handle_datagrams(now, over_udp.five_tuple, &udp, 1004, output);
        server.handle_datagrams(now, over_udp.five_tuple, &indication, 2000, output);
        server.handle_stream(now, over_tcp.five_tuple, &tcp, output);
        server.from_peer(now, relayed, peer, &back, 1000, output);
        assert_eq!(output.trains().len(), 3);
    };
    pass(&mut output);

    let taken = measure(|| {
        for _ in 0..1000 {
            pass(&mut output);
        }
    });

    assert_eq!(taken.count_total, 0);
}
