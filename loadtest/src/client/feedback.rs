//! RTCP: what receivers report, what publishers report, and what publishers
//! are asked for (RFC 3550 §6, RFC 4585, RFC 5104,
//! draft-holmer-rmcat-transport-wide-cc-extensions-01).

use super::reception::Figures;
use crate::system::udp::WallTime;

/// What a publisher is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// A key frame of this source.
    KeyFrame(u32),
    /// The packet of this source with this number, once more.
    Again(u32, u16),
}

/// Reads the requests of a compound packet. What is malformed or of no
/// interest is skipped.
pub fn requests(mut compound: &[u8]) -> Vec<Request> {
    let mut requests = Vec::new();
    while let [first, kind, high, low, rest @ ..] = compound {
        let length = usize::from(u16::from_be_bytes([*high, *low])) * 4;
        let Some((body, after)) = rest.split_at_checked(length) else {
            break;
        };
        compound = after;
        let source = |at: usize| {
            let bytes = body.get(at..at + 4)?.try_into().ok()?;
            Some(u32::from_be_bytes(bytes))
        };
        match (*kind, first & 0x1F) {
            (PAYLOAD_FEEDBACK, PICTURE_LOSS) => {
                requests.extend(source(4).map(Request::KeyFrame));
            }
            (PAYLOAD_FEEDBACK, FULL_INTRA) => {
                let entries = (8..length).step_by(8).filter_map(source);
                requests.extend(entries.map(Request::KeyFrame));
            }
            (TRANSPORT_FEEDBACK, GENERIC_NACK) => {
                let Some((source, entries)) = source(4).zip(body.get(8..)) else {
                    continue;
                };
                for entry in entries.as_chunks().0 {
                    let numbers = nacked(*entry);
                    requests.extend(numbers.map(|number| Request::Again(source, number)));
                }
            }
            _ => {}
        }
    }
    requests
}

/// The sources of the sender reports in a compound packet, and the middle of
/// the time that each was made at (RFC 3550 §6.4.1).
pub fn sender_reports(mut compound: &[u8]) -> Vec<(u32, u32)> {
    let mut reports = Vec::new();
    while let [_, kind, high, low, rest @ ..] = compound {
        let length = usize::from(u16::from_be_bytes([*high, *low])) * 4;
        let Some((body, after)) = rest.split_at_checked(length) else {
            break;
        };
        compound = after;
        if let (SENDER_REPORT, [a, b, c, d, _, _, e, f, g, h, ..]) = (*kind, body) {
            let [ssrc, middle] = [[*a, *b, *c, *d], [*e, *f, *g, *h]].map(u32::from_be_bytes);
            reports.push((ssrc, middle));
        }
    }
    reports
}

/// Asks for packets of one source again (RFC 4585 §6.2.1). `numbers` are in
/// order.
pub fn nack(sender: u32, media: u32, numbers: &[u16]) -> Vec<u8> {
    let mut entries: Vec<(u16, u16)> = Vec::new();
    for number in numbers {
        let bit = entries
            .last()
            .and_then(|(first, _)| number.wrapping_sub(*first).checked_sub(1))
            .filter(|bit| *bit < 16);
        match (bit, entries.last_mut()) {
            (Some(bit), Some((_, following))) => *following |= 1 << bit,
            _ => entries.push((*number, 0)),
        }
    }
    let mut packet = packet_start(GENERIC_NACK, TRANSPORT_FEEDBACK, 2 + entries.len());
    packet.extend(sender.to_be_bytes());
    packet.extend(media.to_be_bytes());
    for (first, following) in entries {
        packet.extend(first.to_be_bytes());
        packet.extend(following.to_be_bytes());
    }
    packet
}

/// The numbers of one entry: the first, and those of the 16 after it whose
/// bits are set.
fn nacked([high, low, rest @ ..]: [u8; 4]) -> impl Iterator<Item = u16> {
    let first = u16::from_be_bytes([high, low]);
    let following = u16::from_be_bytes(rest);
    let marked = (0..16).filter(move |bit| following >> bit & 1 == 1);
    std::iter::once(first).chain(marked.map(move |bit| first.wrapping_add(bit + 1)))
}

/// A receiver report on up to 31 sources.
pub fn receiver_report(sender: u32, figures: &[Figures]) -> Vec<u8> {
    let figures = &figures[..figures.len().min(31)];
    let mut report = packet_start(figures.len() as u8, RECEIVER_REPORT, 1 + 6 * figures.len());
    report.extend(sender.to_be_bytes());
    for figures in figures {
        report.extend(figures.ssrc.to_be_bytes());
        report.extend((u32::from(figures.fraction_lost) << 24 | figures.total_lost).to_be_bytes());
        report.extend(figures.highest.to_be_bytes());
        // Jitter is not measured here.
        report.extend([0; 4]);
        report.extend(figures.last_sender_report.to_be_bytes());
        report.extend(figures.since_sender_report.to_be_bytes());
    }
    report.extend(source_description(sender));
    report
}

/// A sender report without report blocks.
pub fn sender_report(
    ssrc: u32,
    now: WallTime,
    timestamp: u32,
    packets: u32,
    bytes: u32,
) -> Vec<u8> {
    let seconds = now.0 / 1_000_000_000 + SECONDS_FROM_1900_TO_1970;
    let fraction = ((now.0 % 1_000_000_000) << 32) / 1_000_000_000;
    let mut report = packet_start(0, SENDER_REPORT, 6);
    report.extend(ssrc.to_be_bytes());
    report.extend((seconds << 32 | fraction).to_be_bytes());
    report.extend(timestamp.to_be_bytes());
    report.extend(packets.to_be_bytes());
    report.extend(bytes.to_be_bytes());
    report.extend(source_description(ssrc));
    report
}

/// Arrivals by transport-wide number, for the next feedback.
#[derive(Debug, Default)]
pub struct Arrivals {
    /// Numbers with their roll-overs counted, and times, as they came.
    pending: Vec<(i64, WallTime)>,
    highest: i64,
    feedbacks: u8,
}

impl Arrivals {
    pub fn record(&mut self, number: u16, at: WallTime) {
        let difference = number.wrapping_sub(self.highest as u16).cast_signed();
        let place = self.highest + i64::from(difference);
        self.highest = self.highest.max(place);
        if self.pending.len() < MAX_ARRIVALS {
            self.pending.push((place, at));
        }
    }

    /// The feedback on what came since the last; `None` without anything.
    pub fn feedback(&mut self, sender: u32, media: u32) -> Option<Vec<u8>> {
        let mut arrivals = std::mem::take(&mut self.pending);
        arrivals.sort_unstable();
        arrivals.dedup_by_key(|(number, _)| *number);
        let (first, _) = *arrivals.first()?;
        // Times are told as differences of at most eight seconds.
        arrivals.retain(|(number, _)| number - first < MAX_SPAN);
        let base = arrivals.iter().map(|(_, at)| at.0).min()? / REFERENCE_UNIT;
        let mut symbols = Vec::new();
        let mut deltas = Vec::new();
        let mut last = base * REFERENCE_UNIT / DELTA_UNIT;
        let mut next = first;
        for (number, at) in arrivals {
            symbols.resize(
                symbols.len() + usize::try_from(number - next).ok()?,
                NOT_RECEIVED,
            );
            next = number + 1;
            let ticks = at.0 / DELTA_UNIT;
            let delta = ticks.wrapping_sub(last).cast_signed();
            match (u8::try_from(delta), i16::try_from(delta)) {
                (Ok(small), _) => {
                    symbols.push(SMALL_DELTA);
                    deltas.push(small);
                    last = ticks;
                }
                (_, Ok(large)) => {
                    symbols.push(LARGE_DELTA);
                    deltas.extend(large.to_be_bytes());
                    last = ticks;
                }
                _ => symbols.push(NOT_RECEIVED),
            }
        }
        let chunks = symbols.chunks(7).map(|symbols| {
            let vector = (0..).zip(symbols).fold(0, |vector, (index, symbol)| {
                vector | u16::from(*symbol) << (12 - 2 * index)
            });
            TWO_BIT_VECTOR | vector
        });
        let mut body = Vec::new();
        body.extend(sender.to_be_bytes());
        body.extend(media.to_be_bytes());
        body.extend((first as u16).to_be_bytes());
        body.extend((symbols.len() as u16).to_be_bytes());
        body.extend(&((base as u32) << 8 | u32::from(self.feedbacks)).to_be_bytes());
        chunks.for_each(|chunk| body.extend(chunk.to_be_bytes()));
        body.extend(deltas);
        body.resize(body.len().next_multiple_of(4), 0);
        self.feedbacks = self.feedbacks.wrapping_add(1);
        let mut packet = packet_start(TRANSPORT_WIDE, TRANSPORT_FEEDBACK, body.len() / 4);
        packet.extend(body);
        Some(packet)
    }
}

/// An SDES packet with a CNAME: a compound packet must have one.
fn source_description(ssrc: u32) -> Vec<u8> {
    let mut packet = packet_start(1, SOURCE_DESCRIPTION, 3);
    packet.extend(ssrc.to_be_bytes());
    packet.extend([1, 4, b'l', b'o', b'a', b'd', 0, 0]);
    packet
}

/// The common header: version 2, a count or format, the type, the length.
fn packet_start(count: u8, kind: u8, words: usize) -> Vec<u8> {
    let mut packet = vec![0x80 | count, kind];
    packet.extend((words as u16).to_be_bytes());
    packet
}

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
const PICTURE_LOSS: u8 = 1;
const FULL_INTRA: u8 = 4;
const TRANSPORT_WIDE: u8 = 15;
const GENERIC_NACK: u8 = 1;
const NOT_RECEIVED: u8 = 0;
const SMALL_DELTA: u8 = 1;
const LARGE_DELTA: u8 = 2;
const TWO_BIT_VECTOR: u16 = 0xC000;
const SECONDS_FROM_1900_TO_1970: u64 = 2_208_988_800;
/// Nanoseconds.
const REFERENCE_UNIT: u64 = 64_000_000;
const DELTA_UNIT: u64 = 250_000;
const MAX_ARRIVALS: usize = 4096;
const MAX_SPAN: i64 = 8192;

#[cfg(test)]
mod tests {
    use rtc_rtcp::packet::unmarshal;
    use rtc_rtcp::receiver_report::ReceiverReport;
    use rtc_rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;

    use super::*;

    #[test]
    fn requests_for_key_frames_are_read_in_both_forms() {
        let picture_loss = [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 7];
        let full_intra = [
            0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 8, 3, 0, 0, 0,
        ];
        let compound = [&picture_loss[..], &full_intra, &[0x81, 206, 0, 9]].concat();

        assert_eq!(
            requests(&compound),
            [Request::KeyFrame(7), Request::KeyFrame(8)]
        );
    }

    #[test]
    fn requests_for_packets_are_read_as_they_are_written() {
        let numbers = [65_530, 65_531, 65_535, 0, 10, 11, 300];
        let packet = nack(1, 7, &numbers);

        assert_eq!(
            requests(&packet),
            numbers.map(|number| Request::Again(7, number))
        );
        assert_eq!(packet.len(), 12 + 3 * 4);
        for cut in 0..packet.len() {
            assert!(requests(&packet[..cut]).is_empty());
        }
    }

    #[test]
    fn reports_are_compound_packets_that_others_read() {
        let figures = Figures {
            ssrc: 5,
            fraction_lost: 3,
            total_lost: 4,
            highest: 100,
            last_sender_report: 6,
            since_sender_report: 7,
        };
        for report in [
            receiver_report(1, &[figures, figures]),
            sender_report(1, WallTime(1_700_000_000_500_000_000), 2, 3, 4),
        ] {
            let packets = unmarshal(&mut &report[..]).unwrap();
            assert_eq!(packets.len(), 2);
            if let Some(report) = packets[0].as_any().downcast_ref::<ReceiverReport>() {
                let block = &report.reports[1];
                assert_eq!((block.last_sender_report, block.delay), (6, 7));
            }
        }
    }

    #[test]
    fn a_sender_reports_time_is_read() {
        let report = sender_report(9, WallTime(1_700_000_000_500_000_000), 2, 3, 4);
        let seconds = (1_700_000_000 + SECONDS_FROM_1900_TO_1970) as u32;

        assert_eq!(sender_reports(&report), [(9, seconds << 16 | 0x8000)]);
        assert!(sender_reports(&report[..20]).is_empty());
        assert!(sender_reports(&receiver_report(1, &[])).is_empty());
    }

    #[test]
    fn feedback_tells_what_came_and_when() {
        let mut arrivals = Arrivals::default();
        let start = 1_700_000_000_000_000_000;
        for (number, milliseconds) in [(65_534_u16, 0), (65_535, 1), (1, 40), (2, 141)] {
            arrivals.record(number, WallTime(start + milliseconds * 1_000_000));
        }

        let packet = arrivals.feedback(1, 2).unwrap();

        let packets = unmarshal(&mut &packet[..]).unwrap();
        let feedback = packets[0]
            .as_any()
            .downcast_ref::<TransportLayerCc>()
            .unwrap();
        assert_eq!(feedback.base_sequence_number, 65_534);
        assert_eq!(feedback.packet_status_count, 5);
        let deltas: Vec<_> = feedback.recv_deltas.iter().map(|d| d.delta).collect();
        assert_eq!(deltas.len(), 4);
        assert_eq!(&deltas[1..], [1000, 39_000, 101_000]);
        assert_eq!(arrivals.feedback(1, 2), None);
    }
}
