//! Which of a source's simulcast layers is in each slot. A layer comes into
//! being with its first packet, stalls when it falls silent while others go
//! on, and comes back with its next packet.

use std::time::{Duration, Instant};

use super::Worker;
use super::event::Event;
use crate::identity::{MediaKind, ParticipantId, RoomId, Source};
use crate::publish::KeyFrameRequests;
use crate::rtp::clock_rate;
use crate::subscribe::allocation::Ladder;
use crate::subscribe::{Allowed, SlotState};

impl Worker {
    /// The streams of `source` from `publisher`, if both are in one room.
    pub(super) fn streams_of(
        &self,
        room: RoomId,
        publisher: ParticipantId,
        source: Source,
    ) -> impl Iterator<Item = usize> + '_ {
        self.by_id
            .get(&publisher)
            .map(|key| &self.participants[*key])
            .filter(|publisher| publisher.room == room)
            .into_iter()
            .flat_map(super::participant::Participant::streams)
            .filter(move |stream| self.streams[*stream].source == source)
    }

    /// Feeds a slot from another source, or empties it.
    pub(super) fn assign(
        &mut self,
        now: Instant,
        key: usize,
        index: usize,
        source: Option<(ParticipantId, Source)>,
    ) {
        let participant = &mut self.participants[key];
        let subscriber = participant.id;
        let slot = &mut participant.slots[index];
        if slot.wanted != source {
            let before = std::mem::replace(&mut slot.wanted, source);
            slot.ladder = Ladder::default();
            slot.allowed = Allowed::All;
            slot.takes_all = true;
            slot.update_admitted();
            if let Some((publisher, source)) = before
                && std::mem::take(&mut slot.is_paused)
            {
                self.events.push_back(Event::Resumed {
                    subscriber,
                    publisher,
                    source,
                });
            }
            self.allocate(now, key);
            let room = self.participants[key].room;
            self.note_unreviewed(room);
        }
        self.bind_slot(now, key, index);
        self.request_key_frames_for(now, key, index);
    }

    /// Brings what is in a slot in line with who should be, and with the
    /// layers that are there and wanted.
    pub(super) fn bind_slot(&mut self, now: Instant, key: usize, index: usize) {
        let best = self.best_stream(key, index);
        let slot = &self.participants[key].slots[index];
        let before = [slot.stream(), slot.next()];
        let layer_of = |stream| self.streams.get(stream).map(|of| (of.publisher, of.source));
        let is_layer_switch = slot.is_running()
            && before[0] != best
            && before[0].and_then(layer_of) == best.and_then(layer_of);
        let is_lower = is_layer_switch
            && before[0]
                .zip(best)
                .is_some_and(|(from, to)| self.streams[to].layer < self.streams[from].layer);
        let slot = &mut self.participants[key].slots[index];
        match best {
            Some(best) if is_layer_switch => slot.switch_to(now, best, is_lower),
            best => slot.bind(best),
        }
        if before != [slot.stream(), slot.next()] {
            self.expect_reports(now, key);
        }
        self.resubscribe(key, index, before);
    }

    /// Asks for the key frame that a slot waits for, or has it wait for its
    /// turn to ask. Whoever is not connected yet could not be sent it.
    pub(super) fn request_key_frames_for(&mut self, now: Instant, key: usize, index: usize) {
        let participant = &mut self.participants[key];
        if participant.srtp.is_none() {
            return;
        }
        let slot = &mut participant.slots[index];
        let Some(stream) = slot.next().or(slot.stream()) else {
            return;
        };
        if self.streams[stream].source.kind() == MediaKind::Video {
            wish_for(now, stream, slot, &mut self.streams[stream].key_frames);
            self.request_key_frame(now, stream);
        }
    }

    /// Asks for the key frame of those who had to wait for their turn to ask.
    pub(super) fn request_owed_key_frame(&mut self, now: Instant, stream: usize) {
        let published = &mut self.streams[stream];
        if published.key_frames.take_owed(now) {
            for at in &published.subscribers {
                let participant = &mut self.participants[at.participant];
                if participant.srtp.is_some() {
                    let slot = &mut participant.slots[at.slot];
                    wish_for(now, stream, slot, &mut published.key_frames);
                }
            }
        }
        self.request_key_frame(now, stream);
    }

    /// Looks anew at all slots for a source, since its layers are others now;
    /// `has_come` if one is there that was not, which may be more than there
    /// is room for.
    pub(super) fn bind_source(
        &mut self,
        now: Instant,
        room: RoomId,
        source: (ParticipantId, Source),
        has_come: bool,
    ) {
        let members = self.rooms.get(&room).cloned().unwrap_or_default();
        for member in members {
            for index in 0..self.participants[member].slots.len() {
                if self.participants[member].slots[index].wanted == Some(source) {
                    let outbound = &mut self.participants[member].outbound;
                    if has_come {
                        outbound.share_out_now();
                    } else {
                        outbound.share_out_soon();
                    }
                    self.bind_slot(now, member, index);
                }
            }
        }
        self.hurry(now);
    }

    /// Takes a slot off the streams it was on and no longer is, and puts it on
    /// those it is on now.
    pub(super) fn resubscribe(&mut self, key: usize, index: usize, before: [Option<usize>; 2]) {
        let slot = &self.participants[key].slots[index];
        let after = [slot.stream(), slot.next()];
        for gone in before.into_iter().flatten() {
            if !after.contains(&Some(gone))
                && let Some(stream) = self.streams.get_mut(gone)
            {
                stream
                    .subscribers
                    .retain(|subscriber| (subscriber.participant, subscriber.slot) != (key, index));
                if stream.subscribers.is_empty() {
                    stream.missing.clear();
                }
            }
        }
        for new in after.into_iter().flatten() {
            if !before.contains(&Some(new)) {
                self.streams[new].add_subscriber(key, index);
            }
        }
    }

    /// Finds layers that have fallen silent, and ends descents that take too
    /// long.
    pub(super) fn tend_layers(&mut self, now: Instant) {
        let keys: Vec<_> = self.streams.iter().map(|(stream, _)| stream).collect();
        for key in keys {
            let stream = &self.streams[key];
            if stream.source.kind() == MediaKind::Audio {
                continue;
            }
            let (publisher, source) = (stream.publisher, stream.source);
            let Some(room) = self
                .by_id
                .get(&publisher)
                .map(|at| self.participants[*at].room)
            else {
                continue;
            };
            let newest = self
                .streams_of(room, publisher, source)
                .map(|sibling| self.streams[sibling].last_media)
                .max();
            let stream = &mut self.streams[key];
            let silence = newest.map_or(Duration::ZERO, |newest| {
                newest.duration_since(stream.last_media)
            });
            if !stream.is_stalled && silence >= STALL {
                stream.stall();
                self.bind_source(now, room, (publisher, source), false);
            }
            self.end_descents(now, key);
        }
    }

    /// What turns the timestamps of stream `to` into those of stream `from`,
    /// modulo 2^32, by their sender reports.
    pub(super) fn related_timestamps(
        streams: &slab::Slab<crate::publish::Stream>,
        from: usize,
        to: usize,
    ) -> Option<u32> {
        let (from, to) = (streams.get(from)?, streams.get(to)?);
        let (theirs, ours) = (from.sender_report?, to.sender_report?);
        if (from.publisher, from.source) != (to.publisher, to.source) {
            return None;
        }
        let elapsed = ours.ntp.wrapping_sub(theirs.ntp).cast_signed();
        let rate = clock_rate(to.source.kind());
        let ticks = (i128::from(elapsed) * i128::from(rate)) >> 32;
        let moment = theirs.timestamp.advanced(ticks as u32);
        Some(moment.since(ours.timestamp))
    }

    /// Lets the lower layer take over where the upper has gone on for long
    /// enough. The picture then waits for a key frame.
    fn end_descents(&mut self, now: Instant, stream: usize) {
        let overdue: Vec<_> = self.streams[stream]
            .subscribers
            .iter()
            .filter(|at| {
                let slot = &self.participants[at.participant].slots[at.slot];
                slot.next() == Some(stream) && slot.is_overdue(now)
            })
            .copied()
            .collect();
        for at in overdue {
            self.end_descent(at.participant, at.slot);
        }
    }

    /// Lets the lower layer that is to take over do so now, without a picture
    /// until its key frame comes.
    pub(super) fn end_descent(&mut self, key: usize, index: usize) {
        let slot = &mut self.participants[key].slots[index];
        let before = [slot.stream(), slot.next()];
        let [Some(upper), Some(_)] = before else {
            return;
        };
        slot.drop_to_next();
        self.participants[key].outbound.forget(upper);
        self.resubscribe(key, index, before);
    }

    /// The stream that a slot should carry: of the layers that are alive the
    /// highest one within its limit, or else the least.
    fn best_stream(&self, key: usize, index: usize) -> Option<usize> {
        let participant = &self.participants[key];
        let slot = &participant.slots[index];
        let (publisher, source) = slot.wanted?;
        if source.kind() != slot.kind() || publisher == participant.id {
            return None;
        }
        let highest = match slot.allowed {
            Allowed::All => slot.limit.spatial,
            Allowed::UpTo(layer) | Allowed::Part(layer, _) => layer.min(slot.limit.spatial),
            Allowed::Nothing => return None,
        };
        let layer = |stream: &usize| self.streams[*stream].layer;
        let streams = || self.streams_of(participant.room, publisher, source);
        let alive = || streams().filter(|stream| !self.streams[*stream].is_stalled);
        alive()
            .filter(|stream| layer(stream) <= highest)
            .max_by_key(layer)
            .or_else(|| alive().min_by_key(layer))
            .or_else(|| streams().min_by_key(layer))
    }
}

/// Has a slot wish for a key frame of a stream if it waits for one, now or when
/// it may.
fn wish_for(now: Instant, stream: usize, slot: &mut SlotState, key_frames: &mut KeyFrameRequests) {
    if !slot.waits_for(stream) {
        return;
    }
    if slot.wish(now) {
        key_frames.want();
    } else if let Some(at) = slot.next_wish() {
        key_frames.want_at(at);
    }
}

/// A layer is stalled when another of its source is this far ahead: some ten
/// pictures.
const STALL: Duration = Duration::from_millis(350);
