//! What came, by sequence numbers: all that a counting client looks at.

use std::time::{Duration, Instant};

use super::missing::Missing;
use crate::media::rtp::Header;
use crate::system::udp::WallTime;

/// The streams of one receiver.
#[derive(Debug, Default)]
pub struct Reception {
    streams: Vec<Stream>,
    lacks_packets: bool,
    last_arrival: Option<WallTime>,
    longest_silence: Duration,
}

/// One synchronization source as it was received.
#[derive(Debug)]
pub struct Stream {
    pub ssrc: u32,
    /// Since the last reset: the first number, the highest, what came.
    first: u64,
    pub highest: u64,
    pub received: u64,
    pub duplicates: u64,
    pub bytes: u64,
    /// Which of the numbers up to the highest came; the highest is bit 0.
    recent: u128,
    /// What was reported last, for the next report.
    reported: Reported,
    is_fresh: bool,
    missing: Missing,
    /// The middle of the time that it says, and when it came.
    sender_report: Option<(u32, Instant)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Reported {
    expected: u64,
    received: u64,
}

/// A receiver report's figures (RFC 3550 §6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Figures {
    pub ssrc: u32,
    /// In 256ths, since the last report.
    pub fraction_lost: u8,
    pub total_lost: u32,
    pub highest: u32,
    /// The middle of the time of the last sender report; 0 without any.
    pub last_sender_report: u32,
    /// Since it came, in 65536ths of a second.
    pub since_sender_report: u32,
}

impl Reception {
    /// Counts a packet and gives its place: its number with the roll-overs. A
    /// stream may start anywhere. What is missing of it can be asked for if
    /// `is_repaired`.
    pub fn record(&mut self, header: &Header, bytes: usize, is_repaired: bool) -> u64 {
        // Packets come in runs of one source, so it is most often the first
        // looked at.
        let at = self
            .streams
            .iter()
            .position(|stream| stream.ssrc == header.ssrc);
        let at = at.unwrap_or_else(|| {
            self.streams.push(Stream::new(header));
            self.streams.len() - 1
        });
        let stream = &mut self.streams[at];
        let place = stream.record(header.sequence_number, bytes);
        if is_repaired {
            stream.missing.record(place);
            self.lacks_packets |= !stream.missing.is_empty();
        }
        place
    }

    /// Whether a packet may be missing and still come.
    pub fn lacks_packets(&self) -> bool {
        self.lacks_packets
    }

    /// The sources and numbers to ask for now.
    pub fn missing(&mut self, now: Instant) -> Vec<(u32, Vec<u16>)> {
        let requests = self
            .streams
            .iter_mut()
            .map(|stream| (stream.ssrc, stream.missing.poll(now)))
            .filter(|(_, numbers)| !numbers.is_empty())
            .collect();
        let mut streams = self.streams.iter();
        self.lacks_packets = streams.any(|stream| !stream.missing.is_empty());
        requests
    }

    /// Takes a retransmission; gives the place of the packet that it repeats,
    /// if that was missing.
    pub fn repair(&mut self, ssrc: u32, number: u16) -> Option<u64> {
        let stream = self.streams.iter_mut().find(|stream| stream.ssrc == ssrc)?;
        stream.missing.fill(number).then(|| stream.place(number))
    }

    /// Notes when media came.
    pub fn note_arrival(&mut self, at: WallTime) {
        if let Some(last) = self.last_arrival {
            let silence = Duration::from_nanos(at.0.saturating_sub(last.0));
            self.longest_silence = self.longest_silence.max(silence);
        }
        self.last_arrival = Some(at);
    }

    /// The longest time between two packets, of whichever streams.
    pub fn longest_silence(&self) -> Duration {
        self.longest_silence
    }

    pub fn streams(&self) -> &[Stream] {
        &self.streams
    }

    /// Counts from here on.
    pub fn reset(&mut self) {
        self.last_arrival = None;
        self.longest_silence = Duration::ZERO;
        for stream in &mut self.streams {
            stream.reset();
        }
    }

    /// Notes a sender report, by the middle of the time that it says.
    pub fn note_sender_report(&mut self, now: Instant, ssrc: u32, middle: u32) {
        let mut streams = self.streams.iter_mut();
        if let Some(stream) = streams.find(|stream| stream.ssrc == ssrc) {
            stream.sender_report = Some((middle, now));
        }
    }

    /// The figures for a report on one source.
    pub fn report_on(&mut self, now: Instant, ssrc: u32) -> Option<Figures> {
        let mut streams = self.streams.iter_mut();
        let stream = streams.find(|stream| stream.ssrc == ssrc)?;
        Some(stream.report(now))
    }

    /// The figures for a report.
    pub fn report(&mut self, now: Instant) -> Vec<Figures> {
        let streams = self.streams.iter_mut();
        streams.map(|stream| stream.report(now)).collect()
    }
}

impl Stream {
    fn new(header: &Header) -> Self {
        let first = u64::from(header.sequence_number) + (1 << 16);
        Self {
            ssrc: header.ssrc,
            first,
            highest: first,
            received: 0,
            duplicates: 0,
            bytes: 0,
            recent: 0,
            reported: Reported::default(),
            is_fresh: true,
            missing: Missing::default(),
            sender_report: None,
        }
    }

    /// Packets that should have come since the reset.
    pub fn expected(&self) -> u64 {
        if self.is_fresh {
            0
        } else {
            self.highest - self.first + 1
        }
    }

    /// Gives the number with its roll-overs counted.
    fn record(&mut self, number: u16, bytes: usize) -> u64 {
        let difference = number.wrapping_sub(self.highest as u16).cast_signed();
        let place = self.place(number);
        if self.is_fresh {
            self.is_fresh = false;
            self.first = place;
            self.highest = place;
            self.recent = 1;
        } else if difference > 0 {
            let ahead = u32::from(difference.unsigned_abs());
            self.recent = self.recent.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = place;
        } else {
            let bit = 1_u128
                .checked_shl(u32::from(difference.unsigned_abs()))
                .unwrap_or(0);
            if self.recent & bit != 0 {
                self.duplicates += 1;
                return place;
            }
            self.recent |= bit;
            // What was on its way at the reset belongs to what is counted.
            self.first = self.first.min(place);
        }
        self.received += 1;
        self.bytes += bytes as u64;
        place
    }

    /// The place nearest to the highest that has this number.
    fn place(&self, number: u16) -> u64 {
        let difference = number.wrapping_sub(self.highest as u16).cast_signed();
        self.highest.saturating_add_signed(i64::from(difference))
    }

    fn reset(&mut self) {
        self.received = 0;
        self.duplicates = 0;
        self.bytes = 0;
        self.reported = Reported::default();
        self.is_fresh = true;
    }

    fn report(&mut self, at: Instant) -> Figures {
        let since = |came: Instant| at.saturating_duration_since(came).as_secs_f64() * 65_536.0;
        let now = Reported {
            expected: self.expected(),
            received: self.received,
        };
        let expected = now.expected - self.reported.expected.min(now.expected);
        let received = now.received - self.reported.received.min(now.received);
        let lost = expected.saturating_sub(received);
        self.reported = now;
        Figures {
            ssrc: self.ssrc,
            fraction_lost: (lost * 256)
                .checked_div(expected)
                .map_or(0, |part| u8::try_from(part).unwrap_or(u8::MAX)),
            total_lost: u32::try_from(now.expected.saturating_sub(now.received))
                .unwrap_or(0x7F_FFFF)
                .min(0x7F_FFFF),
            highest: self.highest as u32,
            last_sender_report: self.sender_report.map_or(0, |(middle, _)| middle),
            since_sender_report: self.sender_report.map_or(0, |(_, came)| since(came) as u32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::rtp::NewHeader;

    fn header(sequence_number: u16) -> Header {
        let mut packet = Vec::new();
        NewHeader {
            marker: false,
            payload_type: 96,
            sequence_number,
            timestamp: 0,
            ssrc: 7,
            extensions: &[],
        }
        .write(&mut packet);
        Header::parse(&packet).unwrap()
    }

    fn counts(numbers: impl IntoIterator<Item = u16>) -> (u64, u64, u64) {
        let mut reception = Reception::default();
        for number in numbers {
            reception.record(&header(number), 100, false);
        }
        let stream = &reception.streams()[0];
        (stream.expected(), stream.received, stream.duplicates)
    }

    #[test]
    fn gaps_are_losses_and_repeats_are_duplicates() {
        assert_eq!(counts([5, 6, 8, 8, 9]), (5, 4, 1));
    }

    #[test]
    fn numbers_may_wrap_and_change_places() {
        assert_eq!(counts([65_534, 0, 65_535, 2, 1]), (5, 5, 0));
        assert_eq!(
            counts((0..200_000_u32).map(|n| n as u16)),
            (200_000, 200_000, 0)
        );
    }

    #[test]
    fn the_longest_silence_is_of_this_count_only() {
        let mut reception = Reception::default();
        for at in [0, 9_000, 9_500] {
            reception.note_arrival(WallTime(at));
        }
        assert_eq!(reception.longest_silence(), Duration::from_micros(9));

        reception.reset();
        for at in [70_000, 70_800, 71_000] {
            reception.note_arrival(WallTime(at));
        }

        assert_eq!(reception.longest_silence(), Duration::from_nanos(800));
    }

    #[test]
    fn the_first_may_come_late() {
        assert_eq!(counts([11, 10, 12]), (3, 3, 0));
    }

    #[test]
    fn counting_starts_anew_after_a_reset() {
        let mut reception = Reception::default();
        for number in [1, 2, 5] {
            reception.record(&header(number), 1, false);
        }
        reception.reset();
        assert_eq!(reception.streams()[0].expected(), 0);
        for number in [6, 7, 9] {
            reception.record(&header(number), 1, false);
        }

        assert_eq!(reception.streams()[0].expected(), 4);
        assert_eq!(reception.streams()[0].received, 3);
    }

    #[test]
    fn a_report_tells_what_was_lost_since_the_last() {
        let mut reception = Reception::default();
        for number in [1, 2, 4] {
            reception.record(&header(number), 1, false);
        }
        let now = Instant::now();
        assert_eq!(reception.report(now)[0].fraction_lost, 64);
        reception.note_sender_report(now, 7, 0xABCD);
        reception.record(&header(5), 1, false);
        let second = reception.report(now + Duration::from_millis(1500))[0];

        assert_eq!(second.fraction_lost, 0);
        assert_eq!(second.total_lost, 1);
        assert_eq!(second.highest as u16, 5);
        assert_eq!(second.last_sender_report, 0xABCD);
        assert_eq!(second.since_sender_report, 3 << 15);
    }

    #[test]
    fn a_retransmission_fills_its_hole_once() {
        let mut reception = Reception::default();
        for number in [65_534, 65_535, 1] {
            reception.record(&header(number), 1, true);
        }

        assert!(reception.lacks_packets());
        assert_eq!(reception.missing(Instant::now()), [(7, vec![0])]);
        assert_eq!(reception.repair(8, 0), None);
        assert_eq!(reception.repair(7, 0), Some(2 << 16));
        assert_eq!(reception.repair(7, 0), None);
        assert!(reception.missing(Instant::now()).is_empty());
        assert!(!reception.lacks_packets());
    }
}
