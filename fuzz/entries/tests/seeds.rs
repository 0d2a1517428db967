//! Seeds and a number of their mutations through every entry; `make fuzz`
//! goes on for longer.

use fuzz_entries::campaign::{self, Settings};
use fuzz_entries::{ENTRIES, entry, media_port, seeds, session_description};

fn holds(name: &str, inputs: u64) {
    let entry = entry(name).expect("an entry of this name");
    let settings = Settings {
        inputs,
        seed: 1,
        first_round: 0,
        // Other tests may run in the same process.
        most_growth: 128 << 20,
    };

    let report = campaign::run(entry, settings).unwrap_or_else(|failure| panic!("{failure}"));

    assert_eq!(report.inputs, inputs);
}

#[test]
fn the_media_port_holds() {
    holds("media_port", 10_000);
}

#[test]
fn rtp_holds() {
    holds("rtp", 50_000);
}

#[test]
fn dependency_descriptors_hold() {
    holds("dependency_descriptor", 50_000);
}

#[test]
fn rtcp_holds() {
    holds("rtcp", 50_000);
}

#[test]
fn stun_holds() {
    holds("stun", 20_000);
}

#[test]
fn first_bytes_hold() {
    holds("first_bytes", 50_000);
}

#[test]
fn session_descriptions_hold() {
    holds("session_description", 3_000);
}

#[test]
fn signaling_holds() {
    holds("signaling", 3_000);
}

#[test]
fn tokens_hold() {
    holds("token", 5_000);
}

#[test]
fn turn_holds() {
    holds("turn", 5_000);
}

#[test]
fn seeds_of_the_media_port_reach_receivers() {
    media_port::reset();
    let entry = entry("media_port").expect("an entry of this name");
    let seeds = seeds::read(entry).expect("the seeds are there");
    let seeds: Vec<_> = seeds
        .iter()
        .filter(|seed| !seed.windows(4).any(|head| head == [0xFF; 4]))
        .collect();

    for _ in 0..3 {
        for seed in &seeds {
            media_port::run(seed);
        }
    }

    let reach = media_port::reach().expect("the call goes on");
    assert!(reach.authentic > 30, "{reach:?}");
    assert!(reach.forwarded > 20, "{reach:?}");
    assert!(reach.retransmitted > 3, "{reach:?}");
}

#[test]
fn offers_among_the_seeds_are_answered() {
    let entry = entry("session_description").expect("an entry of this name");

    for seed in seeds::read(entry).expect("the seeds are there") {
        let text = String::from_utf8_lossy(&seed);
        assert!(session_description::is_answered(&seed), "{text}");
    }
}

#[test]
fn every_entry_has_seeds() {
    for entry in &ENTRIES {
        let seeds = seeds::read(entry).expect("the seeds are there");
        assert!(seeds.len() >= 5, "{}: {}", entry.name, seeds.len());
    }
}
