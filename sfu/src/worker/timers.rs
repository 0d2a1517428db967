//! What a worker does as time passes.

use std::time::{Duration, Instant};

use super::Worker;
use super::event::{DisconnectReason, Event};
use crate::publish::Rest;
use crate::quality::{Capacity, Evidence};
use crate::rtcp::{self, ReportBlock};

impl Worker {
    /// Does what is due, and plans when to look again.
    pub(super) fn tick(&mut self, now: Instant) {
        let mut next = now + QUIET_TICK;
        // When the whole machine was held up, what the peers sent meanwhile is
        // still to be read.
        let late = now.saturating_duration_since(self.next_tick);
        if late > HELD_UP {
            for (_, participant) in &mut self.participants {
                participant.ice.extend(late);
            }
        }
        let keys: Vec<_> = self.participants.iter().map(|(key, _)| key).collect();
        for key in keys {
            if self.participants[key].ice.has_expired(now) {
                self.disconnect(now, key, DisconnectReason::ConsentExpired);
                continue;
            }
            self.retire_ice(now, key);
            self.retransmit_dtls(now, key);
            let Some(participant) = self.participants.get_mut(key) else {
                continue;
            };
            if participant.srtp.is_none() {
                next = now + TICK;
                continue;
            }
            if let Some(deadline) = participant.dtls.deadline() {
                next = next.min(deadline.max(now + TICK));
            }
            let is_probing = now < participant.probes_until;
            if is_probing {
                next = next.min(now + TICK);
            }
            if is_probing || now >= participant.last_feedback + FEEDBACK {
                self.send_feedback(now, key);
            }
            self.tend_congestion(now, key);
            self.tend_watching(now, key);
            let participant = &mut self.participants[key];
            if now >= participant.last_report + REPORT {
                participant.last_report = now;
                self.send_receiver_report(now, key);
            }
            if now >= self.participants[key].next_sender_reports {
                self.send_sender_reports(now, key);
            }
        }
        self.next_tick = next;
        self.tend_layers(now);
        self.review_watching(now);
        self.tend_speech(now);
        let streams: Vec<_> = self.streams.iter().map(|(stream, _)| stream).collect();
        for stream in streams {
            let published = &mut self.streams[stream];
            if published.rest != Rest::Asked {
                published.measure(now);
            }
            self.request_missing(now, stream);
            self.request_owed_key_frame(now, stream);
        }
    }

    /// Has the worker look at the time soon: something waits for an answer.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.next_tick = self.next_tick.min(now + TICK);
    }

    /// Tells a publisher what came.
    pub(super) fn send_feedback(&mut self, now: Instant, key: usize) {
        let participant = &mut self.participants[key];
        participant.last_feedback = now;
        let Some(media) = participant.inbound.first().map(|inbound| inbound.ssrc) else {
            return;
        };
        while let Some(report) = self.participants[key].arrivals.report(rtcp::SENDER, media) {
            self.send_rtcp(key, report);
        }
    }

    fn send_receiver_report(&mut self, now: Instant, key: usize) {
        let mut blocks = Vec::new();
        let (mut missing, mut expected) = (0, 0);
        let streams: Vec<_> = self.participants[key].streams().collect();
        for stream in streams {
            let beyond = self.loss_beyond(now, stream);
            let stream = &mut self.streams[stream];
            let last = stream
                .sender_report
                .map(|report| (report.ntp, now.saturating_duration_since(report.at)));
            if let Some(figures) = stream.reception.report_at_least(beyond) {
                self.statistics.packets_lost += figures.lost_since_last;
                missing += figures.lost_since_last;
                expected += figures.expected_since_last;
                blocks.push(ReportBlock::new(stream.ssrc, figures, last));
            }
        }
        // In 1/1024: shares as fine as anybody can tell.
        let share = (missing << 10)
            .checked_div(expected)
            .unwrap_or(0)
            .min(1 << 10);
        self.rate(now, key, f32::from(share as u16) / 1024.0);
        if !blocks.is_empty() {
            self.send_rtcp(key, rtcp::receiver_report(rtcp::SENDER, &blocks));
        }
    }

    /// Rates a participant's connection, with the share of what it sent that
    /// was lost on the way here.
    fn rate(&mut self, now: Instant, key: usize, uplink_loss: f32) {
        let participant = &mut self.participants[key];
        participant.uplink_loss += (uplink_loss - participant.uplink_loss) / 2.0;
        let slots = || participant.slots.iter();
        let (sum, count) = slots()
            .filter_map(|slot| slot.reported_loss)
            .filter(|(at, _)| now.saturating_duration_since(*at) < LOSS_MEMORY)
            .fold((0.0, 0.0), |(sum, count), (_, fraction)| {
                (sum + f32::from(fraction) / 256.0, count + 1.0)
            });
        // A dead path brings no reports of loss.
        let is_gone = participant
            .ice
            .last_sign()
            .is_none_or(|at| now.saturating_duration_since(at) >= NO_SIGN);
        let is_deaf = participant
            .outbound
            .congestion
            .silence(now)
            .is_some_and(|silence| silence >= NO_FEEDBACK);
        let downlink_loss = if is_gone || is_deaf {
            1.0
        } else {
            let told = sum / f32::max(count, 1.0);
            // Of what is sent twice little is told to be lost.
            let outbound = &participant.outbound;
            if outbound.repetition.is_on() {
                told.max(outbound.congestion.recent_loss() as f32)
            } else {
                told
            }
        };
        let evidence = Evidence {
            uplink_loss: if is_gone { 1.0 } else { uplink_loss },
            downlink_loss,
            round_trip: participant.repair.recent_round_trip(now),
            downlink: if slots().any(|slot| slot.is_paused) {
                Capacity::Paused
            } else if participant.outbound.is_narrow {
                Capacity::Less
            } else {
                Capacity::All
            },
            uplink: participant.uplink,
        };
        if let Some(rating) = participant.quality.update(&evidence) {
            self.events.push_back(Event::Rated {
                participant: participant.id,
                rating,
            });
        }
    }
}

/// How often a worker looks at the time while something waits for an answer.
const TICK: Duration = Duration::from_millis(20);
/// How often while nothing does: each look wakes the thread, unless pictures
/// do, two of which come in somewhat less at 30 a second.
const QUIET_TICK: Duration = Duration::from_millis(70);
/// How often publishers hear what came.
const FEEDBACK: Duration = Duration::from_millis(60);
/// Later than any load makes a tick.
const HELD_UP: Duration = Duration::from_secs(1);
const REPORT: Duration = Duration::from_secs(1);
/// Longer than any browser leaves between two checks of a path.
const NO_SIGN: Duration = Duration::from_secs(8);
/// Many times as long as browsers leave between two reports on what came.
const NO_FEEDBACK: Duration = Duration::from_secs(2);
/// As long as a browser is between two reports on a picture, and then some.
const LOSS_MEMORY: Duration = Duration::from_secs(3);
