//! Transport-wide feedback from receivers
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1), by hand: it
//! comes many times a second from each, and must cost no memory.

/// A moment on a receiver's clock, in microseconds; it wraps after some twelve
/// days.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ArrivalTime(i64);

impl ArrivalTime {
    /// From `earlier` to this one, whichever way round is shorter, in
    /// microseconds.
    pub fn since(self, earlier: Self) -> i64 {
        let difference = (self.0 - earlier.0).rem_euclid(WRAP);
        if difference >= WRAP / 2 {
            difference - WRAP
        } else {
            difference
        }
    }
}

/// Reads a feedback packet and hands each packet's number and arrival to
/// `handle`, at most `limit` of them; gives how many. It ends where the packet
/// breaks off.
pub(super) fn read(
    packet: &[u8],
    limit: usize,
    mut handle: impl FnMut(u16, Option<ArrivalTime>),
) -> usize {
    let Some((header, body)) = packet.split_first_chunk::<HEADER_LENGTH>() else {
        return 0;
    };
    let first = u16::from_be_bytes([header[12], header[13]]);
    let count = usize::from(u16::from_be_bytes([header[14], header[15]]));
    let reference = u32::from_be_bytes([0, header[16], header[17], header[18]]);
    let Some(chunks) = chunks_length(body, count) else {
        return 0;
    };
    let (chunks, mut deltas) = body.split_at(chunks);
    let mut time = i64::from(reference) * REFERENCE_UNIT;
    let mut number = first;
    let mut read = 0;
    for chunk in chunks.as_chunks().0 {
        for symbol in Symbols::of(*chunk) {
            if read == count.min(limit) {
                return read;
            }
            let arrival = match symbol {
                0 => None,
                1 => {
                    let Some((&delta, rest)) = deltas.split_first() else {
                        return read;
                    };
                    deltas = rest;
                    time += i64::from(delta) * DELTA_UNIT;
                    Some(ArrivalTime(time))
                }
                _ => {
                    let Some((delta, rest)) = deltas.split_first_chunk() else {
                        return read;
                    };
                    deltas = rest;
                    time += i64::from(i16::from_be_bytes(*delta)) * DELTA_UNIT;
                    Some(ArrivalTime(time))
                }
            };
            handle(number, arrival);
            number = number.wrapping_add(1);
            read += 1;
        }
    }
    read
}

/// The bytes of the chunks that speak of `count` packets; `None` if they are
/// not all there.
fn chunks_length(body: &[u8], count: usize) -> Option<usize> {
    let mut told = 0;
    let mut length = 0;
    while told < count {
        let chunk = body.get(length..)?.first_chunk()?;
        told += Symbols::of(*chunk).left.max(1);
        length += 2;
    }
    Some(length)
}

/// The symbols of one chunk (§3.1.3, §3.1.4): 0 not received, 1 received
/// after a short time, 2 after any; 3 is reserved and read as 2.
struct Symbols {
    chunk: u16,
    left: usize,
    form: Form,
}

#[derive(Clone, Copy)]
enum Form {
    Run,
    OneBit,
    TwoBits,
}

impl Symbols {
    fn of(chunk: [u8; 2]) -> Self {
        let chunk = u16::from_be_bytes(chunk);
        let (form, left) = match chunk >> 14 {
            0b10 => (Form::OneBit, 14),
            0b11 => (Form::TwoBits, 7),
            _ => (Form::Run, usize::from(chunk & 0x1FFF)),
        };
        Self { chunk, left, form }
    }
}

impl Iterator for Symbols {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        self.left = self.left.checked_sub(1)?;
        let symbol = match self.form {
            Form::Run => self.chunk >> 13 & 3,
            Form::OneBit => self.chunk >> self.left & 1,
            Form::TwoBits => self.chunk >> (2 * self.left) & 3,
        };
        Some(symbol as u8)
    }
}

const HEADER_LENGTH: usize = 20;
const REFERENCE_UNIT: i64 = 64_000;
const DELTA_UNIT: i64 = 250;
const WRAP: i64 = (1 << 24) * REFERENCE_UNIT;

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::rtcp::ArrivalRecorder;
    use crate::rtp::Ssrc;

    fn read_all(packet: &[u8]) -> Vec<(u16, Option<i64>)> {
        let mut all = Vec::new();
        read(packet, 4096, |number, at| {
            all.push((number, at.map(|at| at.0)));
        });
        all
    }

    #[test]
    fn what_a_recorder_writes_reads_back() {
        let start = Instant::now();
        for seed in 1..200_u64 {
            let mut recorder = ArrivalRecorder::new(start);
            let mut expected = Vec::new();
            let mut at = 700_000;
            let mut number = 65_400_u16;
            for step in 0..=seed % 90 {
                at += seed * step * 7_919 % 130_000 / 250 * 250;
                recorder.record(start + Duration::from_micros(at), number);
                expected.push((number, Some(at.cast_signed())));
                for _ in 0..(seed * step % 11).saturating_sub(7) * 3 {
                    number = number.wrapping_add(1);
                    expected.push((number, None));
                }
                number = number.wrapping_add(1);
            }
            while expected.last().is_some_and(|(_, at)| at.is_none()) {
                expected.pop();
            }

            let report = recorder.report(Ssrc(1), Ssrc(2)).expect("a report");

            assert_eq!(read_all(&report), expected, "seed {seed}");
        }
    }

    #[test]
    fn one_bit_symbols_and_runs_are_read() {
        let mut packet = vec![0x8F, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
        packet.extend([0xFF, 0xFE, 0, 20, 0, 0, 1, 0]);
        // Fourteen of one bit, then a run of six that came long after.
        packet.extend([0b1010_0000, 0b0000_0001, 0x40, 6]);
        packet.extend([4, 8]);
        packet.extend([0xFF, 0xFC, 0, 4, 0, 4, 0, 4, 0, 4, 0, 4]);

        let all = read_all(&packet);

        assert_eq!(all.len(), 20);
        assert_eq!(all[0], (65_534, Some(65_000)));
        assert_eq!(all[1], (65_535, None));
        assert_eq!(all[13], (11, Some(67_000)));
        assert_eq!(all[14], (12, Some(66_000)));
        assert_eq!(all[19], (17, Some(71_000)));
    }

    #[test]
    fn a_packet_that_claims_too_much_is_read_as_far_as_allowed() {
        let mut packet = vec![0x8F, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
        packet.extend([0, 0, 0xFF, 0xFF, 0, 0, 1, 0]);
        packet.extend([0x1F, 0xFF].repeat(9));
        let mut count = 0;

        assert_eq!(read(&packet, 100, |_, _| count += 1), 100);
        assert_eq!(count, 100);
        for length in 0..packet.len() {
            read(&packet[..length], 4096, |_, _| {});
        }
        // A run of none must not be waited for for ever.
        packet.truncate(20);
        packet.extend([0, 0].repeat(50));
        assert_eq!(read_all(&packet), []);
    }

    #[test]
    fn time_goes_on_past_the_wrap() {
        let before = ArrivalTime(WRAP - 1_000);
        let after = ArrivalTime(500);

        assert_eq!(after.since(before), 1_500);
        assert_eq!(before.since(after), -1_500);
    }
}
