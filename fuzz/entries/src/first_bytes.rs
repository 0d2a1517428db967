//! The TCP port. An input is what a client sends there first; if it begins with
//! a connectivity check, it goes on in frames.

use sfu::transport::framing::{LONGEST_DATAGRAM, first_datagram, write_frame};

use classifier::{ENOUGH, Spoken, classify};

#[path = "../../../src/ports/first_bytes.rs"]
mod classifier;

/// Tells what is spoken by each prefix, and takes the frames apart.
pub fn run(data: &[u8]) {
    let mut told = Spoken::NeedMore;
    for length in 0..=data.len().min(ENOUGH + 2) {
        let now = classify(&data[..length]);
        assert!(told == Spoken::NeedMore || now == told, "{told:?}, {now:?}");
        assert!(length < ENOUGH || now != Spoken::NeedMore);
        told = now;
    }
    if let Ok(datagrams) = take_apart(data) {
        let mut again = Vec::new();
        for datagram in &datagrams {
            assert!(datagram.len() <= LONGEST_DATAGRAM);
            write_frame(datagram, &mut again);
        }
        assert!(data.starts_with(&again));
        assert!(told != Spoken::IceTcp || data.len() - again.len() <= LONGEST_DATAGRAM + 1);
    }
}

fn take_apart(mut bytes: &[u8]) -> Result<Vec<Vec<u8>>, ()> {
    let mut datagrams = Vec::new();
    while let Some(range) = first_datagram(bytes).map_err(drop)? {
        datagrams.push(bytes[range.clone()].to_vec());
        bytes = &bytes[range.end..];
    }
    Ok(datagrams)
}

pub const DICTIONARY: &[&[u8]] = &[
    &[0x21, 0x12, 0xA4, 0x42],
    &[0x00, 0x01],
    &[0x00, 0x03],
    &[0x16, 0x03, 0x01],
    &[0x00, 0x6C, 0x00, 0x01, 0x00, 0x58],
    b"GET ",
    b"OPTIONS ",
];
