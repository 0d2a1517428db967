//! A worker's media port. An input is a list of datagrams, each with a head:
//!
//! - a byte for the sender (low three bits) and for what is done to the
//!   datagram to make it authentic (next three); a byte of all ones means
//!   silence until consent has expired instead, though not in every call;
//! - the milliseconds that pass before it;
//! - its length, in two bytes; at the end of the input it may be shorter.
//!
//! The call goes on from one input to the next, as a port's does.

mod browser;
mod call;

use std::cell::RefCell;

use call::{Call, Sealing, Sender};

/// Hands the call an input's datagrams.
pub fn run(data: &[u8]) {
    let mut call = KEPT.take().unwrap_or_else(Call::new);
    let mut rest = data;
    let mut datagrams = 0;
    while let Some((&[head, milliseconds, high, low], after)) = rest.split_first_chunk()
        && datagrams < MOST_DATAGRAMS
    {
        datagrams += 1;
        if head == 0xFF && call.may_fall_silent() {
            call.fall_silent();
            rest = after;
            continue;
        }
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (datagram, after) = after.split_at(length.min(after.len()));
        rest = after;
        call.wait(u64::from(milliseconds));
        let datagram = &datagram[..datagram.len().min(LONGEST_DATAGRAM)];
        call.send(sender(head), sealing(head), datagram);
    }
    call.end_input();
    if call.is_fresh_enough() {
        KEPT.set(Some(call));
    } else {
        call.end();
    }
}

/// Ends the call.
pub fn reset() {
    if let Some(call) = KEPT.take() {
        call.end();
    }
}

/// How much of what was sent in the call so far went on to a receiver.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    pub authentic: u64,
    pub forwarded: u64,
    pub retransmitted: u64,
}

/// How deep the call's datagrams got since the last [`reset`].
pub fn reach() -> Option<Reach> {
    KEPT.with_borrow(|call| call.as_ref().map(Call::reach))
}

thread_local! {
    static KEPT: RefCell<Option<Call>> = const { RefCell::new(None) };
}

fn sender(head: u8) -> Sender {
    match head & 0x07 {
        0 => Sender::Announced,
        1 => Sender::Unannounced,
        2 => Sender::AnnouncedElsewhere,
        3 => Sender::Unsecured,
        4 => Sender::Unchecked,
        _ => Sender::Stranger,
    }
}

fn sealing(head: u8) -> Sealing {
    match head >> 3 & 0x07 {
        1 => Sealing::Rtp,
        2 => Sealing::Rtcp,
        3 => Sealing::SignedCheck,
        4 => Sealing::UnsignedCheck,
        _ => Sealing::None,
    }
}

/// The head of a datagram in an input.
pub fn head(sender: u8, sealing: u8, milliseconds: u8, datagram: &[u8]) -> [u8; 4] {
    let [high, low] = (datagram.len() as u16).to_be_bytes();
    [sealing << 3 | sender, milliseconds, high, low]
}

const MOST_DATAGRAMS: usize = 64;
const LONGEST_DATAGRAM: usize = 2048;

pub const DICTIONARY: &[&[u8]] = &[
    &[0xBE, 0xDE, 0, 1],
    &[0x10, 0x00, 0, 1],
    &[0x80, 0x60, 0, 100],
    &[0x80, 0x6F, 0, 100],
    &[0xA0, 0xE1],
    &[0xA0, 0, 0, 1],
    &[0xB0, 0, 0, 1],
    &[0xA8, 0, 0, 1],
    &[0xB8, 0, 0, 1],
    &[0x50, 0, 1, 0],
    &[0x50, 0, 2, 0],
    &[0x50, 0, 1, 1],
    &[0x50, 0, 2, 1],
    &[0x80, 200],
    &[0x81, 201, 0, 7],
    &[0x81, 205, 0, 3],
    &[0x81, 206, 0, 2],
    &[0x84, 206, 0, 4],
    &[0x21, 0x12, 0xA4, 0x42],
    &[0x80, 0x28, 0, 4],
    b"node1:peer1",
    &[22, 254, 253],
    &[22, 254, 255],
    &[21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 1, 0],
    &[21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40],
    &[20, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 1],
    &[23, 254, 253, 0, 1],
];
