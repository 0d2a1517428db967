//! Packets on their way from their publisher's ring to the receivers' queues.

use std::time::Instant;

use super::batch::TransmitBatch;
use super::outbound::Urgency;
use super::statistics::LAYERS;
use super::{Worker, is_cut_short};
use crate::identity::{MediaKind, Source};
use crate::publish::FramePart;
use crate::rtp::sequence::ExtendedSequence;
use crate::subscribe::Offered;

/// A published packet that waits for its batch to be forwarded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    /// The worker's key of the stream.
    pub(super) stream: usize,
    pub(super) order: usize,
    pub(super) sequence: ExtendedSequence,
    pub(super) frame: FramePart,
    pub(super) at: Instant,
}

impl Worker {
    /// Decides what becomes of the packets that came since this was last done.
    /// One receiver after another takes all that came of a stream: what is
    /// known of a receiver is touched once, and its packets can form a train.
    ///
    /// Packets of the last stream are written into `batch` receiver by
    /// receiver. When it is full this gives `false`, and goes on from there
    /// with the next call. All others wait for their turn, as without a batch.
    pub(super) fn forward_arrived(
        &mut self,
        now: Instant,
        batch: Option<&mut TransmitBatch>,
    ) -> bool {
        if self.arrived.is_empty() {
            return true;
        }
        let mut run = std::mem::take(&mut self.arrived);
        if self.forwarded.is_none() {
            run.sort_unstable_by_key(|arrival| (arrival.stream, arrival.order));
            let last = run[run.len() - 1].stream;
            let others = run.partition_point(|arrival| arrival.stream < last);
            for other in run[..others].chunk_by(|one, other| one.stream == other.stream) {
                self.forward_run(now, other, 0, None);
                self.finish_run(now, other[0].stream);
            }
            run.drain(..others);
        }
        let from = self.forwarded.take().unwrap_or(0);
        self.forwarded = self.forward_run(now, &run, from, batch);
        let is_done = self.forwarded.is_none();
        if is_done {
            self.finish_run(now, run[0].stream);
            run.clear();
        }
        self.arrived = run;
        is_done
    }

    /// Has the rest of what was begun wait for its turn, before anything else
    /// changes.
    pub(super) fn finish_forwarding(&mut self, now: Instant) {
        if self.forwarded.is_some() {
            self.forward_arrived(now, None);
        }
    }

    /// As [`Worker::forward_arrived`], for packets of one stream, to its
    /// receivers from the given one on. Gives the receiver to go on with, if
    /// the batch is full.
    fn forward_run(
        &mut self,
        now: Instant,
        run: &[Arrival],
        from: usize,
        mut batch: Option<&mut TransmitBatch>,
    ) -> Option<usize> {
        let stream = run[0].stream;
        let published = &self.streams[stream];
        let urgency = match published.source.kind() {
            MediaKind::Audio => Urgency::Audio,
            MediaKind::Video => Urgency::Video,
        };
        if published.source == Source::Microphone && !published.voice.is_heard {
            self.withhold_run(run);
            return None;
        }
        let mut needs_key_frame = false;
        let mut sent = 0;
        let mut next = None;
        for (index, subscriber) in published.subscribers.iter().enumerate().skip(from) {
            if batch.as_ref().is_some_and(|batch| !batch.has_room()) {
                next = Some(index);
                break;
            }
            let participant = &mut self.participants[subscriber.participant];
            if participant.srtp.is_none() {
                continue;
            }
            let outbound = &mut participant.outbound;
            if batch.is_some() {
                outbound.lend(urgency, &mut self.scratch);
            }
            let slot = &mut participant.slots[subscriber.slot];
            let mut is_first = false;
            for arrival in run {
                let Some(kept) = published.ring.get(arrival.sequence) else {
                    continue;
                };
                let offered = Offered {
                    stream,
                    packet: kept.packet,
                    frame: &arrival.frame,
                    structure: published.structure(),
                };
                let decision = slot.forward(arrival.at, &offered, |from, to| {
                    Self::related_timestamps(&self.streams, from, to)
                });
                needs_key_frame |= decision.needs_key_frame && slot.wish(arrival.at);
                if let Some(left) = decision.left {
                    self.left.push((left, *subscriber));
                }
                if let Some(forward) = decision.forward {
                    sent += 1;
                    is_first |= outbound.queue(forward, urgency);
                }
            }
            let Some(batch) = &mut batch else {
                if is_first {
                    self.pending.push_back(subscriber.participant);
                }
                continue;
            };
            if is_first {
                let turn = participant.write(
                    now,
                    &self.streams,
                    batch,
                    &mut self.scratch,
                    &mut self.statistics,
                );
                let waiting = &mut self.waiting;
                if is_cut_short(turn, subscriber.participant, participant, waiting) {
                    self.pending.push_back(subscriber.participant);
                }
            }
            participant.outbound.take_back(urgency, &mut self.scratch);
        }
        if published.source.kind() == MediaKind::Video {
            let layer = usize::from(published.layer);
            self.statistics.layers[layer.min(LAYERS - 1)].sent += sent;
        }
        if needs_key_frame {
            self.streams[stream].key_frames.want();
        }
        next
    }

    /// Draws the conclusions once all receivers of a stream were offered what
    /// came of it.
    fn finish_run(&mut self, now: Instant, stream: usize) {
        self.finish_switches(stream);
        self.request_key_frame(now, stream);
    }

    /// Passes over packets of a voice that is not let in, so that to receivers
    /// nothing is missing.
    fn withhold_run(&mut self, run: &[Arrival]) {
        let published = &self.streams[run[0].stream];
        for subscriber in &published.subscribers {
            let slot = &mut self.participants[subscriber.participant].slots[subscriber.slot];
            for arrival in run {
                if let Some(kept) = published.ring.get(arrival.sequence) {
                    slot.withhold(arrival.stream, kept.packet);
                }
            }
        }
    }

    /// Takes slots off the layers that they have left for `stream`.
    fn finish_switches(&mut self, stream: usize) {
        while let Some((left, subscriber)) = self.left.pop() {
            let Some(before) = self.streams.get_mut(left) else {
                continue;
            };
            before.subscribers.retain(|of| *of != subscriber);
            if before.layer < self.streams[stream].layer {
                self.statistics.switched_up += 1;
            } else {
                self.statistics.switched_down += 1;
            }
        }
    }
}
