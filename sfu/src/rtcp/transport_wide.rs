//! Transport-wide feedback toward publishers, from which their congestion
//! control works (draft-holmer-rmcat-transport-wide-cc-extensions-01).

use std::time::Instant;

use rtc_rtcp::transport_feedbacks::transport_layer_cc::{
    PacketStatusChunk, RecvDelta, RunLengthChunk, StatusChunkTypeTcc, StatusVectorChunk,
    SymbolSizeTypeTcc, SymbolTypeTcc, TransportLayerCc,
};

use super::reports::bytes;
use crate::rtp::Ssrc;
use crate::rtp::sequence::ExtendedSequence;

/// Remembers when packets came until they are reported.
#[derive(Debug)]
pub struct ArrivalRecorder {
    /// The zero of the reference time.
    start: Instant,
    arrivals: Vec<(ExtendedSequence, Instant)>,
    highest: Option<ExtendedSequence>,
    /// The first sequence no report has spoken of.
    next: Option<ExtendedSequence>,
    reports: u8,
}

impl ArrivalRecorder {
    pub fn new(now: Instant) -> Self {
        Self {
            start: now,
            arrivals: Vec::with_capacity(MOST_KEPT),
            highest: None,
            next: None,
            reports: 0,
        }
    }

    /// Notes the arrival of the packet that carried `number`. When very many come
    /// between two reports, as after the whole machine was held up, the rest
    /// count as lost.
    pub fn record(&mut self, now: Instant, number: u16) {
        let sequence = match self.highest {
            Some(highest) => highest.nearest(number),
            // One wrap up, so that what comes late has a place behind it.
            None => ExtendedSequence(0x1_0000 + u64::from(number)),
        };
        self.highest = self.highest.max(Some(sequence));
        if self.arrivals.len() < MOST_KEPT {
            self.arrivals.push((sequence, now));
        }
    }

    /// A report of what came since the last one, as far as it fits a datagram,
    /// from `sender` about the session that `media` belongs to; `None` if
    /// nothing is left to be told.
    pub fn report(&mut self, sender: Ssrc, media: Ssrc) -> Option<Vec<u8>> {
        self.arrivals
            .sort_unstable_by_key(|(sequence, _)| *sequence);
        self.arrivals.dedup_by_key(|(sequence, _)| *sequence);
        let told = self.arrivals.len().min(MAX_ARRIVALS);
        let arrivals = &self.arrivals[..told];
        let (&(first, first_at), &(last, _)) = (arrivals.first()?, arrivals.last()?);
        // A leap longer than a report can hold is not loss but a new start.
        let base = match self.next {
            Some(next) if next <= first && last.0 - next.0 < MAX_SPAN => next,
            _ if last.0 - first.0 < MAX_SPAN => first,
            _ => {
                self.arrivals.clear();
                self.next = Some(last.plus(1));
                return None;
            }
        };
        let reference = self.microseconds(first_at) / REFERENCE_UNIT;
        let mut symbols = Vec::with_capacity((last.0 - base.0 + 1) as usize);
        let mut deltas = Vec::with_capacity(told);
        let mut previous = reference * REFERENCE_UNIT;
        let mut expected = base;
        for &(sequence, at) in arrivals {
            while expected < sequence {
                symbols.push(SymbolTypeTcc::PacketNotReceived);
                expected = expected.plus(1);
            }
            let units = (self.microseconds(at) - previous).div_euclid(DELTA_UNIT);
            let symbol = match units {
                0..=255 => SymbolTypeTcc::PacketReceivedSmallDelta,
                -32_768..=32_767 => SymbolTypeTcc::PacketReceivedLargeDelta,
                // Eight seconds between two packets of one report: nothing to
                // measure a path by.
                _ => SymbolTypeTcc::PacketNotReceived,
            };
            if symbol != SymbolTypeTcc::PacketNotReceived {
                deltas.push(RecvDelta {
                    type_tcc_packet: symbol,
                    delta: units * DELTA_UNIT,
                });
                previous += units * DELTA_UNIT;
            }
            symbols.push(symbol);
            expected = sequence.plus(1);
        }
        self.arrivals.drain(..told);
        self.next = Some(expected);
        let count = self.reports;
        self.reports = self.reports.wrapping_add(1);
        Some(bytes(&TransportLayerCc {
            sender_ssrc: sender.0,
            media_ssrc: media.0,
            base_sequence_number: base.number(),
            packet_status_count: u16::try_from(symbols.len()).ok()?,
            reference_time: (reference & 0xFF_FFFF) as u32,
            fb_pkt_count: count,
            packet_chunks: chunks(&symbols),
            recv_deltas: deltas,
        }))
    }

    fn microseconds(&self, at: Instant) -> i64 {
        let elapsed = at.saturating_duration_since(self.start).as_micros();
        i64::try_from(elapsed).unwrap_or(i64::MAX)
    }
}

fn chunks(mut symbols: &[SymbolTypeTcc]) -> Vec<PacketStatusChunk> {
    let mut chunks = Vec::with_capacity(symbols.len() / VECTOR_LENGTH + 1);
    while let Some(&first) = symbols.first() {
        let run = symbols
            .iter()
            .take_while(|symbol| **symbol == first)
            .count();
        if run > VECTOR_LENGTH {
            let run = run.min(MAX_RUN);
            chunks.push(PacketStatusChunk::RunLengthChunk(RunLengthChunk {
                type_tcc: StatusChunkTypeTcc::RunLengthChunk,
                packet_status_symbol: first,
                run_length: run as u16,
            }));
            symbols = &symbols[run..];
        } else {
            let (now, later) = symbols.split_at(symbols.len().min(VECTOR_LENGTH));
            let mut list = now.to_vec();
            list.resize(VECTOR_LENGTH, SymbolTypeTcc::PacketNotReceived);
            chunks.push(PacketStatusChunk::StatusVectorChunk(StatusVectorChunk {
                type_tcc: StatusChunkTypeTcc::StatusVectorChunk,
                symbol_size: SymbolSizeTypeTcc::TwoBit,
                symbol_list: list,
            }));
            symbols = later;
        }
    }
    chunks
}

/// Arrivals in one report, which still fits a datagram then.
const MAX_ARRIVALS: usize = 400;
/// Arrivals kept between two reports: some 20 Mbit/s for a second.
const MOST_KEPT: usize = 4 * MAX_ARRIVALS;
/// Sequence numbers one report may span.
const MAX_SPAN: u64 = 1024;
const REFERENCE_UNIT: i64 = 64_000;
const DELTA_UNIT: i64 = 250;
const VECTOR_LENGTH: usize = 7;
const MAX_RUN: usize = 0x1FFF;

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Parsed {
        base: u16,
        received: Vec<(u16, i64)>,
        count: u16,
    }

    /// Reads a report as a sender would: which numbers came, and when in
    /// microseconds.
    fn parse(mut report: &[u8]) -> Parsed {
        let packets = rtc_rtcp::packet::unmarshal(&mut report).expect("RTCP");
        let report = packets[0]
            .as_any()
            .downcast_ref::<TransportLayerCc>()
            .expect("transport-wide feedback");
        let symbols: Vec<_> = report
            .packet_chunks
            .iter()
            .flat_map(|chunk| match chunk {
                PacketStatusChunk::RunLengthChunk(run) => {
                    vec![run.packet_status_symbol; usize::from(run.run_length)]
                }
                PacketStatusChunk::StatusVectorChunk(vector) => vector.symbol_list.clone(),
            })
            .take(usize::from(report.packet_status_count))
            .collect();
        let mut time = i64::from(report.reference_time) * REFERENCE_UNIT;
        let mut deltas = report.recv_deltas.iter();
        let mut received = Vec::new();
        for (i, symbol) in symbols.iter().enumerate() {
            if *symbol != SymbolTypeTcc::PacketNotReceived {
                time += deltas.next().expect("a delta for each").delta;
                received.push((report.base_sequence_number.wrapping_add(i as u16), time));
            }
        }
        Parsed {
            base: report.base_sequence_number,
            received,
            count: report.packet_status_count,
        }
    }

    #[test]
    fn arrivals_losses_and_reordering_are_told() {
        let start = Instant::now();
        let mut recorder = ArrivalRecorder::new(start);
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        for (number, milliseconds) in [(65_534, 100), (65_535, 101), (2, 105), (1, 106), (20, 200)]
        {
            recorder.record(at(milliseconds), number);
        }

        let report = parse(&recorder.report(Ssrc(1), Ssrc(2)).expect("a report"));

        assert_eq!(report.base, 65_534);
        assert_eq!(report.count, 23);
        assert_eq!(
            report.received,
            [
                (65_534, 100_000),
                (65_535, 101_000),
                (1, 106_000),
                (2, 105_000),
                (20, 200_000)
            ]
        );
    }

    #[test]
    fn loss_between_two_reports_is_in_the_second() {
        let start = Instant::now();
        let mut recorder = ArrivalRecorder::new(start);
        recorder.record(start, 10);
        recorder.report(Ssrc(1), Ssrc(2)).expect("a report");
        recorder.record(start, 14);

        let report = parse(&recorder.report(Ssrc(1), Ssrc(2)).expect("a report"));

        assert_eq!((report.base, report.count), (11, 4));
        assert!(recorder.report(Ssrc(1), Ssrc(2)).is_none());
    }

    #[test]
    fn what_came_while_all_stood_still_is_told_in_several_reports() {
        let start = Instant::now();
        let mut recorder = ArrivalRecorder::new(start);
        for number in 0..1000 {
            recorder.record(
                start + Duration::from_micros(u64::from(number) * 400),
                number,
            );
        }

        let mut told = Vec::new();
        while let Some(report) = recorder.report(Ssrc(1), Ssrc(2)) {
            assert!(report.len() < 1200, "{} bytes", report.len());
            told.extend(parse(&report).received);
        }

        let numbers: Vec<_> = told.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, (0..1000).collect::<Vec<u16>>());
    }

    #[test]
    fn a_leap_starts_afresh() {
        let start = Instant::now();
        let mut recorder = ArrivalRecorder::new(start);
        recorder.record(start, 10);
        recorder.report(Ssrc(1), Ssrc(2)).expect("a report");
        recorder.record(start, 20_000);

        let report = parse(&recorder.report(Ssrc(1), Ssrc(2)).expect("a report"));

        assert_eq!((report.base, report.count), (20_000, 1));
    }
}
