//! Sender reports, by which receivers keep lips and voices together
//! (RFC 3550 §6.4.1).

use std::time::{Duration, Instant};

use super::Worker;
use crate::rtcp;

impl Worker {
    /// Reports on what the slots of a participant send, in one datagram, and
    /// plans when to do so again: soon, while a slot is new to what is in it, or
    /// not all had their turn.
    ///
    /// A browser fits a line through the clocks of the last reports on a slot.
    /// While some of them are of whoever was in it before, or there are fewer
    /// than two, sound and picture are not together.
    pub(super) fn send_sender_reports(&mut self, now: Instant, key: usize) {
        let participant = &mut self.participants[key];
        if now >= participant.last_sender_reports + BETWEEN_REPORTS {
            participant.last_sender_reports = now;
        }
        let round = participant.last_sender_reports;
        let first = participant.next_reported_slot;
        let is_expectant = now < participant.reports_expected_until;
        let ntp = self.clock.ntp(now);
        let mut is_hurried = false;
        let mut is_whole = true;
        let mut reports = Vec::new();
        let count = self.participants[key].slots.len();
        for index in (0..count).map(|at| (first + at) % count) {
            let slot = &self.participants[key].slots[index];
            let Some(stream) = slot.stream() else {
                continue;
            };
            let is_new = slot.is_new_to_receiver();
            if !is_new && slot.reported_at().is_some_and(|at| at >= round) {
                continue;
            }
            if reports.len() == rtcp::MOST_SENDER_REPORTS {
                self.participants[key].next_reported_slot = index;
                is_whole = false;
                break;
            }
            let stream = &self.streams[stream];
            let figures = stream.sender_report.and_then(|report| {
                let publisher = self.by_id.get(&stream.publisher)?;
                let difference = self.participants[*publisher].clock_difference?;
                slot.report(ntp, report, difference)
            });
            is_hurried |= is_new && (figures.is_some() || is_expectant);
            if let Some(figures) = figures {
                self.participants[key].slots[index].note_report(now);
                reports.push(figures);
            }
        }
        if !reports.is_empty() {
            self.send_rtcp(key, rtcp::sender_reports(&reports, CANONICAL_NAME));
        } else if now == round && self.is_fed_nothing(key) {
            // All are off: there is nothing to report, but the path is there.
            self.send_rtcp(key, rtcp::receiver_report(rtcp::SENDER, &[]));
        }
        let participant = &mut self.participants[key];
        participant.next_sender_reports = if !is_whole {
            now
        } else if is_hurried {
            now + BETWEEN_FIRST_REPORTS
        } else {
            participant.last_sender_reports + BETWEEN_REPORTS
        };
    }

    /// Whether nobody whom a participant could see or hear has anything on.
    fn is_fed_nothing(&self, key: usize) -> bool {
        let mut slots = self.participants[key].slots.iter();
        slots.all(|slot| slot.stream().is_none())
    }

    /// Looks for something to report soon: another stream is about to come to
    /// a participant.
    pub(super) fn expect_reports(&mut self, now: Instant, key: usize) {
        let participant = &mut self.participants[key];
        participant.reports_expected_until = now + EXPECTATION;
        participant.next_sender_reports = now;
    }
}

/// Less than clients listen for before they take a path for dead, when nothing
/// else is sent to them.
const BETWEEN_REPORTS: Duration = Duration::from_millis(750);
/// While a slot is new to what is in it.
const BETWEEN_FIRST_REPORTS: Duration = Duration::from_millis(60);
/// Browsers first report on sound within some seconds.
const EXPECTATION: Duration = Duration::from_secs(10);
/// The same for all: it tells nobody anything.
const CANONICAL_NAME: &str = "quietroom";
