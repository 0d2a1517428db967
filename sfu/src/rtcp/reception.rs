//! What a receiver report says of a stream (RFC 3550 §6.4.1, appendix A).

use std::time::Instant;

use crate::rtp::Timestamp;
use crate::rtp::sequence::ExtendedSequence;

/// Counts what came of one stream.
#[derive(Clone, Copy, Debug)]
pub struct Reception {
    clock_rate: u32,
    first: Option<ExtendedSequence>,
    highest: ExtendedSequence,
    received: u64,
    expected_before: u64,
    received_before: u64,
    /// Counted as lost on others' behalf.
    added: u64,
    /// Sixteen times the jitter in ticks, as the RFC's estimator keeps it.
    jitter_sixteenths: u64,
    last: Option<(Instant, Timestamp)>,
}

/// One stream's figures for a report block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Figures {
    /// Lost of those expected since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Lost of those expected since the last report.
    pub lost_since_last: u64,
    /// Expected since the last report.
    pub expected_since_last: u64,
    /// Packets lost since the beginning; duplicates can make it negative.
    pub total_lost: i64,
    pub highest: ExtendedSequence,
    /// In ticks of the stream's clock.
    pub jitter: u32,
}

impl Reception {
    /// For a stream whose timestamps tick `clock_rate` times a second.
    pub fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate,
            first: None,
            highest: ExtendedSequence(0),
            received: 0,
            expected_before: 0,
            received_before: 0,
            added: 0,
            jitter_sixteenths: 0,
            last: None,
        }
    }

    /// Counts a packet.
    pub fn record(&mut self, now: Instant, sequence: ExtendedSequence, timestamp: Timestamp) {
        self.received += 1;
        match self.first {
            None => {
                self.first = Some(sequence);
                self.highest = sequence;
            }
            Some(_) => self.highest = self.highest.max(sequence),
        }
        if let Some((then, before)) = self.last {
            let elapsed = self.ticks(now.saturating_duration_since(then).as_micros());
            let apart = timestamp.since(before);
            let difference = elapsed.wrapping_sub(apart).cast_signed().unsigned_abs();
            let decay = (self.jitter_sixteenths + 8) >> 4;
            self.jitter_sixteenths = self.jitter_sixteenths + u64::from(difference) - decay;
        }
        self.last = Some((now, timestamp));
    }

    /// The figures for a report, or `None` before the first packet. The next
    /// report's fraction counts from here.
    pub fn report(&mut self) -> Option<Figures> {
        self.report_at_least(0)
    }

    /// As [`Reception::report`], but of those expected at least `least`, in
    /// 1/256, are said to be lost: so many are on the way from here.
    pub fn report_at_least(&mut self, least: u8) -> Option<Figures> {
        let first = self.first?;
        let expected = self.highest.0 - first.0.min(self.highest.0) + 1;
        let expected_now = expected - self.expected_before.min(expected);
        let received_now = self.received - self.received_before;
        self.expected_before = expected;
        self.received_before = self.received;
        let lost_now = expected_now.saturating_sub(received_now);
        let fraction = (lost_now << 8).checked_div(expected_now).unwrap_or(0);
        let least_lost = (expected_now * u64::from(least)) >> 8;
        self.added += least_lost.saturating_sub(lost_now);
        Some(Figures {
            lost_since_last: lost_now,
            expected_since_last: expected_now,
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX).max(least),
            total_lost: expected.cast_signed() - self.received.cast_signed()
                + self.added.cast_signed(),
            highest: self.highest,
            jitter: u32::try_from(self.jitter_sixteenths >> 4).unwrap_or(u32::MAX),
        })
    }

    /// The highest sequence received.
    pub fn highest(&self) -> Option<ExtendedSequence> {
        self.first.map(|_| self.highest)
    }

    fn ticks(&self, microseconds: u128) -> u32 {
        (microseconds * u128::from(self.clock_rate) / 1_000_000) as u32
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn feed(reception: &mut Reception, start: Instant, sequences: impl Iterator<Item = u64>) {
        for sequence in sequences {
            reception.record(
                start + Duration::from_millis(20 * sequence),
                ExtendedSequence(sequence),
                Timestamp((sequence * 960) as u32),
            );
        }
    }

    #[test]
    fn loss_on_others_behalf_is_said_and_counted() {
        let start = Instant::now();
        let mut reception = Reception::new(48_000);

        feed(&mut reception, start, 0..100);
        let first = reception.report_at_least(51).expect("packets came");
        feed(&mut reception, start, 100..200);
        let second = reception.report().expect("packets came");

        assert_eq!((first.fraction_lost, first.total_lost), (51, 19));
        assert_eq!((second.fraction_lost, second.total_lost), (0, 19));
        assert_eq!(first.lost_since_last, 0);
    }

    #[test]
    fn loss_is_counted_for_each_interval_and_in_all() {
        let start = Instant::now();
        let mut reception = Reception::new(48_000);

        feed(&mut reception, start, (0..100).filter(|s| s % 4 != 1));
        let first = reception.report().expect("packets came");
        feed(&mut reception, start, 100..200);
        let second = reception.report().expect("packets came");

        assert_eq!(first.fraction_lost, 64);
        assert_eq!(first.total_lost, 25);
        assert_eq!(second.fraction_lost, 0);
        assert_eq!(second.total_lost, 25);
        assert_eq!(second.highest, ExtendedSequence(199));
    }

    #[test]
    fn an_even_stream_has_no_jitter_and_an_uneven_one_has() {
        let start = Instant::now();
        let mut even = Reception::new(48_000);
        feed(&mut even, start, 0..50);
        let mut uneven = Reception::new(48_000);
        for sequence in 0..200_u64 {
            let late = if sequence % 2 == 0 { 10 } else { 0 };
            uneven.record(
                start + Duration::from_millis(20 * sequence + late),
                ExtendedSequence(sequence),
                Timestamp((sequence * 960) as u32),
            );
        }

        assert_eq!(even.report().map(|figures| figures.jitter), Some(0));
        let jitter = uneven.report().map_or(0, |figures| figures.jitter);
        assert!((475..=480).contains(&jitter), "{jitter} ticks");
    }

    #[test]
    fn nothing_is_reported_before_the_first_packet() {
        assert_eq!(Reception::new(90_000).report(), None);
    }
}
