//! All that reads what strangers send, as functions over bytes.
//!
//! Each [`Entry`] panics when an input breaks what it promises. libFuzzer
//! drives them from `fuzz/fuzz_targets`, and [`campaign`] does with seeds and
//! blind mutations, on stable Rust.

#![allow(
    clippy::cast_possible_truncation,
    reason = "the formats on the wire keep the low bits of larger numbers"
)]

pub mod campaign;
mod connectivity_check;
pub mod dependency_descriptor;
pub mod first_bytes;
pub mod media_port;
mod minimise;
mod mutation;
mod process;
pub mod rtcp;
pub mod rtp;
pub mod seeds;
pub mod session_description;
pub mod signaling;
pub mod stun;
pub mod token;
pub mod turn;

/// A way in.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The name of its libFuzzer target and of its folder of seeds.
    pub name: &'static str,
    /// Takes one input. What it keeps for the next is per thread.
    pub run: fn(&[u8]),
    /// Forgets what was kept, and panics if that leaves something behind.
    pub reset: fn(),
    /// Words that inputs are made of.
    pub dictionary: &'static [&'static [u8]],
}

pub const ENTRIES: [Entry; 10] = [
    Entry {
        name: "media_port",
        run: media_port::run,
        reset: media_port::reset,
        dictionary: media_port::DICTIONARY,
    },
    Entry {
        name: "rtp",
        run: rtp::run,
        reset: keep_nothing,
        dictionary: rtp::DICTIONARY,
    },
    Entry {
        name: "dependency_descriptor",
        run: dependency_descriptor::run,
        reset: keep_nothing,
        dictionary: dependency_descriptor::DICTIONARY,
    },
    Entry {
        name: "rtcp",
        run: rtcp::run,
        reset: keep_nothing,
        dictionary: rtcp::DICTIONARY,
    },
    Entry {
        name: "stun",
        run: stun::run,
        reset: keep_nothing,
        dictionary: stun::DICTIONARY,
    },
    Entry {
        name: "first_bytes",
        run: first_bytes::run,
        reset: keep_nothing,
        dictionary: first_bytes::DICTIONARY,
    },
    Entry {
        name: "session_description",
        run: session_description::run,
        reset: keep_nothing,
        dictionary: session_description::DICTIONARY,
    },
    Entry {
        name: "signaling",
        run: signaling::run,
        reset: signaling::reset,
        dictionary: signaling::DICTIONARY,
    },
    Entry {
        name: "token",
        run: token::run,
        reset: keep_nothing,
        dictionary: token::DICTIONARY,
    },
    Entry {
        name: "turn",
        run: turn::run,
        reset: keep_nothing,
        dictionary: turn::DICTIONARY,
    },
];

/// The entry of this name.
pub fn entry(name: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.name == name)
}

fn keep_nothing() {}
