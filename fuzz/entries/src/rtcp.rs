//! Decrypted compound RTCP packets.

use sfu::rtcp::{self, Received};
use sfu::rtp::Ssrc;

/// Reads `data` as a compound packet.
pub fn run(data: &[u8]) {
    let mut items = 0;
    let mut arrivals = 0;
    let mut missing = Vec::new();
    rtcp::read(data, |received| {
        items += 1;
        match received {
            Received::Arrival { .. } => {
                items -= 1;
                arrivals += 1;
            }
            Received::Nack { number, .. } => missing.push(number),
            Received::ReportBlock {
                last_sender_report,
                delay,
                ..
            } => {
                let ntp = u64::from(delay) << 20;
                if let Some(round_trip) = rtcp::round_trip(ntp, last_sender_report, delay) {
                    assert!(round_trip.as_secs() < 60);
                }
            }
            Received::SenderReport { .. }
            | Received::KeyFrameRequest { .. }
            | Received::ArrivalsEnd
            | Received::MaximumBitrate(_) => {}
        }
    });
    assert!(arrivals <= MOST_ARRIVALS);
    assert!(items <= data.len().div_ceil(NACK_PAIR) * MOST_IN_A_PAIR);
    if (1..=MOST_REPEATED).contains(&missing.len()) {
        repeat(&mut missing);
    }
}

/// What was asked for can be asked for again.
fn repeat(missing: &mut Vec<u16>) {
    missing.sort_unstable();
    missing.dedup();
    let mut again = Vec::new();
    rtcp::read(&rtcp::nack(Ssrc(1), Ssrc(2), missing), |received| {
        if let Received::Nack { number, .. } = received {
            again.push(number);
        }
    });
    again.sort_unstable();
    assert_eq!(again, *missing);
}

/// Bytes of a pair in a generic NACK, and the packets it can ask for
/// (RFC 4585 §6.2.1).
const NACK_PAIR: usize = 4;
const MOST_IN_A_PAIR: usize = 17;
/// As many packets' arrival is read of a datagram.
const MOST_ARRIVALS: usize = 2048;
/// These need no more pairs than are read of one request.
const MOST_REPEATED: usize = 32;

pub const DICTIONARY: &[&[u8]] = &[
    &[0x80, 200],
    &[0x81, 201, 0, 7],
    &[0x81, 202],
    &[0x80, 203],
    &[0x80, 204],
    &[0x81, 205, 0, 3],
    &[0x8F, 205],
    &[0x81, 206, 0, 2],
    &[0x84, 206, 0, 4],
    &[0x8F, 206],
    &[0x80, 207],
    b"REMB",
];
