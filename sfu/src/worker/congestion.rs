//! What each receiver's path takes, and what it is given of all that it wants.

use std::time::{Duration, Instant};

use super::Worker;
use super::event::{Event, PauseReason};
use crate::congestion::Bitrate;
use crate::identity::{MediaKind, ParticipantId, RoomId, Source};
use crate::rtp::Layer;
use crate::subscribe::Allowed;
use crate::subscribe::allocation::{Candidate, Grant, Rung, Urgency, allot, usual_height};
use crate::subscribe::fallback::Space;

/// A slot that a picture is meant for.
struct Wish {
    slot: usize,
    urgency: Urgency,
    /// What can be sent, the least first, and its bitrate. The first `thin`
    /// are the least layer with fewer frames.
    steps: Vec<Allowed>,
    /// The same as layers.
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
        let outbound = &self.participants[key].outbound;
        let interval = if outbound.is_constrained {
            CONSTRAINED_INTERVAL
        } else {
            INTERVAL
        };
        if outbound
            .last_allocation
            .is_none_or(|at| now >= at + interval)
        {
            self.allocate(now, key);
        }
        let outbound = &mut self.participants[key].outbound;
        outbound.congestion.handle_timeout(now);
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
        let candidates: Vec<_> = wishes
            .iter()
            .map(|wish| {
                let slot = &participant.slots[wish.slot];
                Candidate {
                    urgency: wish.urgency,
                    shown: slot.shown.map(|shown| shown.size),
                    layers: &wish.bitrates,
                    steps: &wish.rungs,
                    thin: wish.thin,
                    heights: &wish.heights,
                    ladder: &slot.ladder,
                }
            })
            .collect();
        let wanted = candidates
            .iter()
            .fold(sound, |sum, candidate| sum.plus(candidate.wanted()));
        let outbound = &mut participant.outbound;
        outbound.last_allocation = Some(now);
        outbound.congestion.set_wanted(wanted);
        let estimate = outbound.congestion.settled_estimate(now);
        outbound.is_narrow = estimate.is_some_and(|estimate| estimate < wanted);
        outbound.limit = estimate.filter(|_| outbound.congestion.has_met_limit());
        outbound.is_constrained = estimate.is_some_and(|estimate| estimate < wanted.scaled(AMPLE));
        let mut grants = Vec::new();
        allot(
            now,
            estimate,
            sound,
            &candidates,
            &mut Vec::new(),
            &mut grants,
        );
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
                Grant::Layer(step) => Rung::UpTo(wish.rungs[step]),
            };
            slot.ladder.step(now, rung, is_full);
            self.grant(now, key, wish, grant);
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
        if to.layer < from.layer && from.bitrate.get() > estimate.scaled(FAR_BEYOND) {
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

    fn grant(&mut self, now: Instant, key: usize, wish: &Wish, grant: Grant) {
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
        let allowed = match grant {
            Grant::Nothing => Allowed::Nothing,
            Grant::Layer(step) if step + 1 == wish.steps.len() => Allowed::All,
            Grant::Layer(step) => wish.steps[step],
        };
        if std::mem::replace(&mut state.allowed, allowed) == allowed {
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
    fn wishes(&self, now: Instant, key: usize) -> (Vec<Wish>, Bitrate) {
        let participant = &self.participants[key];
        let mut wishes = Vec::new();
        let mut sound = Bitrate::ZERO;
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
                let bitrate = layers.last().map(|stream| stream.bitrate.get());
                sound = sound.plus(bitrate.unwrap_or_default());
            } else if let Some(least) = layers.first().map(|stream| stream.layer) {
                let count = self.layer_count(publisher, source);
                let mut steps: Vec<_> = self
                    .thinner(participant.room, publisher, source, least)
                    .collect();
                let thin = steps.len();
                steps.extend(
                    layers
                        .iter()
                        .map(|stream| (Allowed::UpTo(stream.layer), stream.bitrate.get())),
                );
                let is_pinned = slot.shown.is_some_and(|shown| shown.is_pinned);
                wishes.push(Wish {
                    slot: index,
                    urgency: match source {
                        Source::Screen => Urgency::Screen,
                        _ if is_pinned => Urgency::Pinned,
                        _ if self.speaks(now, participant.room, publisher) => Urgency::Speaking,
                        _ => Urgency::Camera,
                    },
                    rungs: steps.iter().map(|(step, _)| rung(*step)).collect(),
                    bitrates: steps.iter().map(|(_, bitrate)| *bitrate).collect(),
                    steps: steps.into_iter().map(|(step, _)| step).collect(),
                    thin,
                    heights: layers
                        .iter()
                        .map(|stream| {
                            let usual = || usual_height(stream.layer, count);
                            stream.height.unwrap_or_else(usual)
                        })
                        .collect(),
                });
            }
        }
        (wishes, sound)
    }

    /// How the least layer of a source can be sent with fewer frames, and at
    /// what bitrates, the least first. A shared screen has few anyway.
    fn thinner(
        &self,
        room: RoomId,
        publisher: ParticipantId,
        source: Source,
        least: u8,
    ) -> impl Iterator<Item = (Allowed, Bitrate)> + '_ {
        self.streams_of(room, publisher, source)
            .map(|stream| &self.streams[stream])
            .filter(move |stream| source == Source::Camera && stream.layer == least)
            .flat_map(move |stream| {
                (0_u8..)
                    .zip(stream.thinner_bitrates())
                    .map(move |(temporal, bitrate)| (Allowed::Thin(least, temporal), bitrate))
            })
    }
}

/// A step that is allowed, by the highest layer of it.
fn rung(step: Allowed) -> Layer {
    let (spatial, temporal) = match step {
        Allowed::Thin(spatial, temporal) => (spatial, temporal),
        Allowed::UpTo(spatial) => (spatial, u8::MAX),
        Allowed::All | Allowed::Nothing => (u8::MAX, u8::MAX),
    };
    Layer { spatial, temporal }
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
    let least = shown.map(|candidate| candidate.layers[0]).min();
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

/// Times what the least picture takes: enough to begin to send it again.
const CLEARLY: f64 = 1.5;
const CLEARLY_LESS: f64 = 0.9;
/// Times what a path takes: not even most of such a layer would arrive.
const FAR_BEYOND: f64 = 1.25;
/// How often a path is shared out anew when there is not enough for all.
const CONSTRAINED_INTERVAL: Duration = Duration::from_millis(100);
/// How often when there is.
const INTERVAL: Duration = Duration::from_millis(500);
/// Times what is wanted: a path that takes this much is wide enough.
const AMPLE: f64 = 1.3;
