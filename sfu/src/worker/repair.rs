//! Lost packets: asked for at their publisher, sent again to their receivers.

use std::time::{Duration, Instant};

use super::Worker;
use super::asking::Askable;
use super::budget::Budget;
use super::outbound::Urgency;
use crate::identity::MediaKind;
use crate::publish::Way;
use crate::rtcp;
use crate::rtp::Ssrc;
use crate::transport::TransportProtocol;

/// How long a way to a participant and back takes, how much may still be sent
/// to it again, and how much it may be asked to send again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Repair {
    round_trip: Option<Duration>,
    measured_at: Option<Instant>,
    budget: Budget,
    pub(super) askable: Askable,
}

impl Repair {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            round_trip: None,
            measured_at: None,
            budget: Budget::new(now, REPAIRS_A_SECOND, MOST_REPAIRS),
            askable: Askable::new(now),
        }
    }

    /// The round trip, smoothed, once it was measured.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// As [`Repair::round_trip`], if it was measured lately.
    pub(super) fn recent_round_trip(&self, now: Instant) -> Option<Duration> {
        let at = self.measured_at?;
        self.round_trip
            .filter(|_| now.saturating_duration_since(at) < ROUND_TRIP_MEMORY)
    }

    /// Takes a measurement into the average (RFC 6298 §2).
    pub(super) fn measure(&mut self, now: Instant, round_trip: Duration) {
        // It is measured by what the other side does, and when.
        let round_trip = round_trip.min(rtcp::LONGEST_ROUND_TRIP);
        self.measured_at = Some(now);
        self.round_trip = Some(match self.round_trip {
            Some(before) => before * 7 / 8 + round_trip / 8,
            None => round_trip,
        });
    }
}

impl Worker {
    /// Sends a packet again to a receiver that misses it; twice, where that
    /// may well be lost too: a picture waits for a round trip otherwise. Over
    /// TCP nothing is lost that is sent.
    pub(super) fn handle_nack(&mut self, now: Instant, key: usize, ssrc: Ssrc, number: u16) {
        self.statistics.nacks_received += 1;
        let participant = &mut self.participants[key];
        if !participant.repair.budget.spend(now) {
            return;
        }
        let mut slots = participant.slots.iter_mut();
        let Some(slot) = slots.find(|slot| slot.parameters.ssrc == ssrc) else {
            return;
        };
        let Some(stream) = slot.stream().map(|stream| &self.streams[stream]) else {
            return;
        };
        let measured = participant.repair.round_trip();
        let round_trip = measured.max(participant.outbound.congestion.round_trip());
        let round_trip = round_trip.unwrap_or_default();
        let forward = slot.repair(now, number, round_trip, |published| {
            stream.ring.get(published).map(|kept| *kept.packet)
        });
        let Some(forward) = forward else {
            return;
        };
        let path = participant.ice.selected();
        let may_lose = path.is_some_and(|path| path.protocol != TransportProtocol::Tcp);
        let copy = (may_lose
            && participant.outbound.congestion.is_lossy()
            && participant.repair.budget.spend(now))
        .then(|| slot.repeat(forward));
        for forward in [Some(forward), copy].into_iter().flatten() {
            self.statistics.retransmitted += 1;
            if participant.outbound.queue(forward, Urgency::Repair) {
                self.pending.push_back(key);
            }
        }
    }

    /// Asks a stream's publisher for what is missing and due.
    pub(super) fn request_missing(&mut self, now: Instant, stream: usize) {
        let published = &mut self.streams[stream];
        if published.missing.is_empty() {
            return;
        }
        let Some(&key) = self.by_id.get(&published.publisher) else {
            return;
        };
        let asked = &self.participants[key];
        let measured = asked.repair.round_trip();
        let path = asked.ice.selected();
        let may_lose = path.is_some_and(|path| path.protocol != TransportProtocol::Tcp);
        let way = Way {
            round_trip: measured.unwrap_or(FIRST_ROUND_TRIP),
            is_lossy: may_lose && asked.uplink_loss > LOSSY,
        };
        self.hurry(now);
        let published = &mut self.streams[stream];
        let askable = &mut self.participants[key].repair.askable;
        let is_picture = published.source.kind() == MediaKind::Video;
        let (mut numbers, mut first) = (Vec::new(), Vec::new());
        let has_given_up = published.missing.poll(now, way, |request| {
            if is_picture && !askable.ask(now, request.costs) {
                return false;
            }
            numbers.push(request.number);
            if request.is_first {
                first.push(request.number);
            }
            true
        });
        // Receivers would ask for it too, but after seconds.
        if has_given_up && is_picture && !published.subscribers.is_empty() {
            published.key_frames.want();
        }
        if !numbers.is_empty() {
            self.statistics.nacks_sent += numbers.len() as u64;
            let ssrc = published.ssrc;
            self.send_rtcp(key, rtcp::nack(rtcp::SENDER, ssrc, &numbers));
            // Where much is lost the request may be too, and the next is a
            // round trip away.
            if way.is_lossy && !first.is_empty() {
                self.send_rtcp(key, rtcp::nack(rtcp::SENDER, ssrc, &first));
            }
        }
    }

    /// Notes what a receiver says is lost of one of its slots.
    pub(super) fn note_loss(&mut self, now: Instant, key: usize, ssrc: Ssrc, fraction: u8) {
        let mut slots = self.participants[key].slots.iter_mut();
        if let Some(slot) = slots.find(|slot| slot.parameters.ssrc == ssrc) {
            slot.reported_loss = Some((now, fraction));
        }
    }

    /// Twice the worst loss on the way from here to a receiver of sound, in
    /// 1/256 and within limits: from it the publisher's encoder learns how
    /// much to repeat (RFC 6716 §2.1.7). For a voice that Opus takes for music
    /// it repeats nothing below 9 %, and a loss of 10 % comes and goes about
    /// that. Pictures are repaired instead.
    pub(super) fn loss_beyond(&self, now: Instant, stream: usize) -> u8 {
        let stream = &self.streams[stream];
        if stream.source.kind() == MediaKind::Video {
            return 0;
        }
        let worst = stream.subscribers.iter().filter_map(|subscriber| {
            let slot = &self.participants[subscriber.participant].slots[subscriber.slot];
            let (at, fraction) = slot.reported_loss?;
            (now.saturating_duration_since(at) < LOSS_MEMORY).then_some(fraction)
        });
        worst.max().unwrap_or(0).saturating_mul(2).min(MOST_LOSS)
    }

    pub(super) fn handle_report_block(
        &mut self,
        now: Instant,
        key: usize,
        last_sender_report: u32,
        delay: u32,
    ) {
        let ntp = self.clock.ntp(now);
        if let Some(round_trip) = rtcp::round_trip(ntp, last_sender_report, delay) {
            self.participants[key].repair.measure(now, round_trip);
        }
    }
}

/// Twice as long as browsers are between two reports on sound.
const ROUND_TRIP_MEMORY: Duration = Duration::from_secs(10);
/// Taken for a publisher's before it was measured.
pub(super) const FIRST_ROUND_TRIP: Duration = Duration::from_millis(100);
/// Some 9 Mbit/s.
const REPAIRS_A_SECOND: u32 = 1000;
const MOST_REPAIRS: u32 = 500;
/// A share of packets.
const LOSSY: f32 = 0.03;
/// As long as a browser is between two reports, and then some.
const LOSS_MEMORY: Duration = Duration::from_secs(6);
/// A fifth: what one receiver says must not cost all others their quality.
const MOST_LOSS: u8 = 51;

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn whoever_answers_at_the_last_moment_is_no_farther_away_each_time() {
        let now = Instant::now();
        let mut repair = Repair::new(now);
        repair.measure(now, Duration::from_millis(100));
        assert_eq!(repair.round_trip(), Some(Duration::from_millis(100)));

        for _ in 0..100 {
            let waited_for = 4 * repair.round_trip().unwrap_or_default();
            repair.measure(now, waited_for);
        }

        assert!(repair.round_trip() <= Some(rtcp::LONGEST_ROUND_TRIP));
    }
}
