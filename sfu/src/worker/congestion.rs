//! What each receiver's path takes, and what it is given of all that it wants.

use std::time::Instant;

use super::Worker;
use super::event::{Event, PauseReason};
use crate::congestion::Bitrate;
use crate::identity::{MediaKind, ParticipantId, Source};
use crate::publish::{Step, Stream};
use crate::rtp::Layer;
use crate::subscribe::allocation::{Candidate, Grant, Rung, Urgency, allot, usual_height};
use crate::subscribe::fallback::Space;
use crate::subscribe::{Allowed, SlotState};

/// A slot that a picture is meant for.
struct Wish {
    slot: usize,
    urgency: Urgency,
    offer: Offer,
    /// Nothing comes of it, and it takes nothing.
    is_off: bool,
}

/// What sound takes.
#[derive(Clone, Copy, Default)]
struct Sound {
    once: Bitrate,
    /// Of it, what carries nothing of the packets before it, with headers.
    single: Bitrate,
    /// Its headers.
    headers: Bitrate,
}

impl Sound {
    fn add(&mut self, bitrate: Bitrate, is_single: bool) {
        self.once = self.once.plus(bitrate);
        self.headers = self.headers.plus(SOUND_HEADERS);
        if is_single {
            self.single = self.single.plus(bitrate).plus(SOUND_HEADERS);
        }
    }
}

/// What can be sent of a source.
#[derive(Default)]
struct Offer {
    /// The least first, and the bitrate of each. The first `thin` are the least
    /// picture with fewer frames.
    steps: Vec<Allowed>,
    /// The same by the highest layers in them, be they streams or within one.
    rungs: Vec<Layer>,
    bitrates: Vec<Bitrate>,
    thin: usize,
    /// Of the others, in pixels.
    heights: Vec<u16>,
}

impl Worker {
    /// What a participant's path takes, as far as is known.
    pub fn estimate(&self, now: Instant, participant: ParticipantId) -> Option<Bitrate> {
        let key = *self.by_id.get(&participant)?;
        self.participants[key].outbound.congestion.estimate(now)
    }

    /// Shares out what the path takes, starts probes and notices silence.
    pub(super) fn tend_congestion(&mut self, now: Instant, key: usize) {
        if self.participants[key].outbound.is_allocation_due(now) {
            self.allocate(now, key);
        }
        let participant = &mut self.participants[key];
        let protocol = participant.ice.selected().map(|path| path.protocol);
        let outbound = &mut participant.outbound;
        outbound.congestion.handle_timeout(now);
        outbound.review_repetition(now, protocol);
        if outbound.wake(now) {
            self.pending.push_back(key);
        }
    }

    /// Draws conclusions at the end of a report on what arrived. When the path
    /// has become clearly narrower, what is sent must not wait for the time to
    /// look at it: each tenth of a second fills the path's queue.
    pub(super) fn end_feedback(&mut self, now: Instant, key: usize) {
        let congestion = &mut self.participants[key].outbound.congestion;
        let before = congestion.settled_estimate(now);
        congestion.feedback_end(now);
        let after = congestion.settled_estimate(now);
        let is_less = |after| before.is_none_or(|before| after < before.scaled(CLEARLY_LESS));
        if after.is_some_and(is_less) {
            self.allocate(now, key);
        }
    }

    /// Shares out what a participant's path takes over its slots.
    pub(super) fn allocate(&mut self, now: Instant, key: usize) {
        let (wishes, sound) = self.wishes(now, key);
        let participant = &mut self.participants[key];
        participant.outbound.sound = sound.once.plus(sound.headers);
        let sound = if participant.outbound.repetition.is_on() {
            sound.once.plus(sound.single)
        } else {
            sound.once
        };
        let candidates: Vec<_> = wishes
            .iter()
            .map(|wish| {
                let slot = &participant.slots[wish.slot];
                Candidate {
                    urgency: wish.urgency,
                    shown: slot.shown.map(|shown| shown.size),
                    layers: &wish.offer.bitrates,
                    steps: &wish.offer.rungs,
                    thin: wish.offer.thin,
                    heights: &wish.offer.heights,
                    ladder: &slot.ladder,
                }
            })
            .collect();
        let wanted = candidates
            .iter()
            .fold(sound, |sum, candidate| sum.plus(candidate.wanted()));
        let outbound = &mut participant.outbound;
        outbound.note_allocation(now);
        outbound.congestion.set_wanted(wanted);
        let estimate = outbound.congestion.settled_estimate(now);
        outbound.is_narrow = estimate.is_some_and(|estimate| estimate < wanted);
        outbound.limit = estimate.filter(|_| outbound.congestion.has_met_limit());
        outbound.is_constrained = estimate.is_some_and(|estimate| estimate < wanted.scaled(AMPLE));
        let room = estimate.map(|estimate| outbound.lately.update(now, estimate));
        let mut grants = Vec::new();
        allot(now, room, sound, &candidates, &mut Vec::new(), &mut grants);
        for ((wish, candidate), grant) in wishes.iter().zip(&candidates).zip(&mut grants) {
            // When it comes again it is not to be more than there is room for.
            if wish.is_off {
                *grant = candidate.without_climbing(*grant);
            }
        }
        let is_limited = outbound.limit.is_some();
        let takes_some = grants.iter().any(|grant| *grant != Grant::Nothing);
        let space = space(estimate, sound, &candidates, takes_some);
        if outbound.fallback.update(now, space) {
            self.events.push_back(Event::AudioOnly {
                participant: participant.id,
                is_audio_only: outbound.fallback.is_on(),
            });
        }
        if outbound.fallback.is_on() {
            grants.fill(Grant::Nothing);
        }
        let full: Vec<_> = candidates
            .iter()
            .zip(&grants)
            .map(|(candidate, grant)| candidate.is_full(*grant))
            .collect();
        self.end_pauses(key, &wishes);
        for ((wish, grant), is_full) in wishes.iter().zip(grants).zip(full) {
            let slot = &mut self.participants[key].slots[wish.slot];
            let rung = match grant {
                Grant::Nothing => Rung::Nothing,
                Grant::Layer(step) => Rung::UpTo(wish.offer.rungs[step]),
            };
            slot.ladder.step(now, rung, is_full, estimate);
            self.grant(now, key, wish, grant, is_limited);
            self.cut_descent_short(now, key, wish.slot, estimate);
        }
    }

    /// Stops an upper layer at once that is far beyond what the path takes:
    /// until the lower one's key frame is there it would only fill the path's
    /// queue, and that frame would be lost in it.
    fn cut_descent_short(
        &mut self,
        now: Instant,
        key: usize,
        index: usize,
        estimate: Option<Bitrate>,
    ) {
        let slot = &self.participants[key].slots[index];
        let (Some(from), Some(to), Some(estimate)) = (slot.stream(), slot.next(), estimate) else {
            return;
        };
        let (from, to) = (&self.streams[from], &self.streams[to]);
        if to.layer < from.layer && from.bitrate() > estimate.scaled(FAR_BEYOND) {
            self.end_descent(key, index);
            self.request_key_frames_for(now, key, index);
        }
    }

    /// Nothing is paused that is not sent to the server any more.
    fn end_pauses(&mut self, key: usize, wishes: &[Wish]) {
        let participant = &mut self.participants[key];
        for (index, slot) in participant.slots.iter_mut().enumerate() {
            if slot.is_paused
                && wishes.iter().all(|wish| wish.slot != index)
                && let Some((publisher, source)) = slot.wanted
            {
                slot.is_paused = false;
                self.events.push_back(Event::Resumed {
                    subscriber: participant.id,
                    publisher,
                    source,
                });
            }
        }
    }

    fn grant(&mut self, now: Instant, key: usize, wish: &Wish, grant: Grant, is_limited: bool) {
        let participant = &mut self.participants[key];
        let subscriber = participant.id;
        let state = &mut participant.slots[wish.slot];
        let is_paused = grant == Grant::Nothing && state.shown.is_some();
        let was_paused = std::mem::replace(&mut state.is_paused, is_paused);
        if let Some((publisher, source)) = state.wanted {
            if is_paused && !was_paused {
                self.events.push_back(Event::Paused {
                    subscriber,
                    publisher,
                    source,
                    reason: PauseReason::SlowConnection,
                });
            } else if was_paused && !is_paused {
                self.events.push_back(Event::Resumed {
                    subscriber,
                    publisher,
                    source,
                });
            }
        }
        let is_all = grant == Grant::Layer(wish.offer.steps.len() - 1);
        let allowed = match grant {
            Grant::Nothing => Allowed::Nothing,
            Grant::Layer(_) if is_all && !is_limited => Allowed::All,
            // What comes besides must be found to fit first.
            Grant::Layer(step) => wish.offer.steps[step],
        };
        let had_all = std::mem::replace(&mut state.takes_all, is_all);
        if std::mem::replace(&mut state.allowed, allowed) == allowed && had_all == is_all {
            return;
        }
        state.update_admitted();
        let room = self.participants[key].room;
        self.note_unreviewed(room);
        self.bind_slot(now, key, wish.slot);
        self.request_key_frames_for(now, key, wish.slot);
    }

    /// The pictures that are meant for a participant, and what its sound
    /// takes.
    fn wishes(&self, now: Instant, key: usize) -> (Vec<Wish>, Sound) {
        let participant = &self.participants[key];
        let mut wishes = Vec::new();
        let mut sound = Sound::default();
        for (index, slot) in participant.slots.iter().enumerate() {
            let Some((publisher, source)) = slot.wanted else {
                continue;
            };
            let mut layers: Vec<_> = self
                .streams_of(participant.room, publisher, source)
                .map(|stream| &self.streams[stream])
                .filter(|stream| stream.is_to_be_had(now))
                .filter(|stream| source != Source::Microphone || stream.voice.is_heard)
                .collect();
            layers.sort_unstable_by_key(|stream| stream.layer);
            let most = layers.partition_point(|stream| stream.layer <= slot.limit.spatial);
            layers.truncate(most.max(1));
            if source.kind() == MediaKind::Audio {
                let bitrate = layers.last().map(|stream| stream.bitrate());
                sound.add(bitrate.unwrap_or_default(), slot.is_single());
            } else if !layers.is_empty() {
                let count = self.layer_count(publisher, source);
                let mut offer = match layers[..] {
                    [only] => Offer::of_one(only, slot, count),
                    _ => Offer::of_layers(&layers, count),
                };
                let is_off = layers.iter().all(|stream| stream.is_off(now));
                if is_off {
                    offer.bitrates.fill(Bitrate::ZERO);
                }
                let is_pinned = slot.shown.is_some_and(|shown| shown.is_pinned);
                wishes.push(Wish {
                    slot: index,
                    urgency: match source {
                        Source::Screen => Urgency::Screen,
                        _ if is_pinned => Urgency::Pinned,
                        _ if self.speaks(now, participant.room, publisher) => Urgency::Speaking,
                        _ => Urgency::Camera,
                    },
                    offer,
                    is_off,
                });
            }
        }
        (wishes, sound)
    }
}

impl Offer {
    /// Of a source in one stream, which may have layers of its own.
    fn of_one(stream: &Stream, slot: &SlotState, count: usize) -> Self {
        let mut offer = Self::default();
        let full = full_height(stream, count);
        for step in stream.steps() {
            if step.highest.temporal < u8::MAX {
                offer.push_thin(stream, step);
                continue;
            }
            let spatial = step.highest.spatial.min(stream.highest_spatial());
            offer.push(
                Allowed::Part(stream.layer, step.highest),
                stream.layer.saturating_add(spatial),
                step.bitrate,
                stream.height_of(spatial, full),
            );
            if step.highest.spatial >= slot.limit.spatial {
                break;
            }
        }
        // Below the least there is only a pause, which a moment's swing is no
        // reason for.
        if slot.is_running()
            && let (Some(least), Some(step)) = (offer.bitrates.first_mut(), stream.steps().next())
        {
            *least = step.steady;
        }
        offer
    }

    /// Of a source in several streams, the least of which may have temporal
    /// layers.
    fn of_layers(streams: &[&Stream], count: usize) -> Self {
        let mut offer = Self::default();
        for step in streams[0].steps() {
            if step.highest.temporal < u8::MAX {
                offer.push_thin(streams[0], step);
            }
        }
        for stream in streams {
            // What was not measured yet is not to be had for nothing.
            let below = offer.bitrates.last().copied().unwrap_or_default();
            let bitrate = match stream.bitrate() {
                Bitrate::ZERO => below.scaled(USUAL_STEP),
                measured => measured,
            };
            let height = full_height(stream, count);
            offer.push(Allowed::UpTo(stream.layer), stream.layer, bitrate, height);
        }
        offer
    }

    fn push_thin(&mut self, stream: &Stream, step: Step) {
        self.steps.push(Allowed::Part(stream.layer, step.highest));
        self.rungs.push(Layer {
            spatial: stream.layer,
            temporal: step.highest.temporal,
        });
        self.bitrates.push(step.bitrate);
        self.thin += 1;
    }

    fn push(&mut self, allowed: Allowed, spatial: u8, bitrate: Bitrate, height: u16) {
        self.steps.push(allowed);
        self.rungs.push(Layer {
            spatial,
            temporal: u8::MAX,
        });
        self.bitrates.push(bitrate);
        self.heights.push(height);
    }
}

fn full_height(stream: &Stream, count: usize) -> u16 {
    let usual = || usual_height(stream.layer, count);
    stream.height.unwrap_or_else(usual)
}

/// What a path takes of the pictures that are shown. What it was just found to
/// take for one of them is little as long as it is not clearly more. A shared
/// screen says nothing here: it comes in one size, and in bursts.
fn space(
    estimate: Option<Bitrate>,
    sound: Bitrate,
    candidates: &[Candidate],
    takes_some: bool,
) -> Space {
    let shown = candidates
        .iter()
        .filter(|candidate| candidate.shown.is_some() && candidate.urgency != Urgency::Screen);
    let least = shown
        .map(|candidate| candidate.layers[0])
        .filter(|least| *least > Bitrate::ZERO)
        .min();
    let (Some(estimate), Some(least)) = (estimate, least) else {
        return Space::Unasked;
    };
    if estimate >= least.scaled(CLEARLY).plus(sound) {
        Space::ForSome
    } else if takes_some {
        Space::ForLittle
    } else {
        Space::ForNone
    }
}

/// Some 70 bytes, of IP to the seal, fifty times a second.
const SOUND_HEADERS: Bitrate = Bitrate::kilobits_per_second(28);
/// Times what the layer below takes.
const USUAL_STEP: f64 = 3.0;
/// Times what the least picture takes: enough to begin to send it again.
const CLEARLY: f64 = 1.5;
const CLEARLY_LESS: f64 = 0.9;
/// Times what a path takes: not even most of such a layer would arrive.
const FAR_BEYOND: f64 = 1.25;
/// Times what is wanted: a path that takes this much is wide enough.
const AMPLE: f64 = 1.3;
