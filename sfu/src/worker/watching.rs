//! How much of what a participant shows anybody takes. What nobody does need
//! not even be sent to the server: whole pictures, or upper layers of them.

use std::time::{Duration, Instant};

use super::Worker;
use super::event::{Event, Wanted};
use super::participant::Participant;
use crate::identity::{MediaKind, ParticipantId, RoomId, Source};
use crate::publish::Rest;
use crate::subscribe::allocation::{highest_of_use, usual_height};
use crate::subscribe::{Allowed, SlotState};

/// What is wanted of one of a publisher's pictures, and what it knows of that.
#[derive(Clone, Debug)]
pub(super) struct Watching {
    /// Of its layers, the least first.
    heights: Vec<u16>,
    /// Somebody is to have it in a slot.
    is_meant: bool,
    /// Of use to somebody, by how it is shown.
    useful: Wanted,
    /// Taken by somebody's path too.
    granted: Wanted,
    /// What its publisher was told last.
    told: Wanted,
    /// Less than was told has been of use since then.
    less_useful_since: Option<Instant>,
    /// Less than was told has been taken since then.
    less_granted_since: Option<Instant>,
}

impl Default for Watching {
    fn default() -> Self {
        Self {
            heights: Vec::new(),
            is_meant: false,
            useful: Wanted::All,
            granted: Wanted::All,
            told: Wanted::All,
            less_useful_since: None,
            less_granted_since: None,
        }
    }
}

impl Watching {
    fn begin(&mut self) {
        self.is_meant = false;
        self.useful = Wanted::Nothing;
        self.granted = Wanted::Nothing;
    }

    fn count(&mut self, slot: &SlotState) {
        self.is_meant = true;
        let Some(shown) = slot.shown else { return };
        let highest = u8::try_from(highest_of_use(shown.size, &self.heights)).unwrap_or(u8::MAX);
        self.useful = self.useful.max(self.up_to(highest.min(slot.limit.spatial)));
        self.granted = self.granted.max(match slot.allowed {
            _ if slot.takes_all => Wanted::All,
            Allowed::All => Wanted::All,
            Allowed::UpTo(layer) | Allowed::Part(layer, _) => self.up_to(layer),
            // The least goes on: it is what the path will take first.
            Allowed::Nothing => self.up_to(0),
        });
    }

    fn end(&mut self) {
        // What comes later shall find it, and what came first measure its path.
        if !self.is_meant {
            self.useful = Wanted::All;
            self.granted = Wanted::All;
        }
    }

    /// Up to a layer of those that there are.
    fn up_to(&self, layer: u8) -> Wanted {
        if usize::from(layer) + 1 < self.heights.len() {
            Wanted::UpTo(layer)
        } else {
            Wanted::All
        }
    }

    /// What its publisher is to be told now, if it is anything else: more at
    /// once, less after a while.
    fn news(&mut self, now: Instant) -> Option<Wanted> {
        let before = self.told;
        self.told = self.told.max(self.useful.min(self.granted));
        if has_been_less(
            now,
            self.useful < self.told,
            &mut self.less_useful_since,
            UNSEEN,
        ) {
            self.told = self.useful;
        }
        if has_been_less(
            now,
            self.granted < self.told,
            &mut self.less_granted_since,
            UNTAKEN,
        ) {
            self.told = self.granted.max(self.up_to(0));
        }
        (self.told != before).then_some(self.told)
    }
}

fn has_been_less(
    now: Instant,
    is_less: bool,
    since: &mut Option<Instant>,
    long_enough: Duration,
) -> bool {
    if !is_less {
        *since = None;
        return false;
    }
    let since = *since.get_or_insert(now);
    now.saturating_duration_since(since) >= long_enough
}

impl Worker {
    /// Has what is wanted of a room's pictures looked at anew at the next tick.
    pub(super) fn note_unreviewed(&mut self, room: RoomId) {
        if !self.unreviewed.contains(&room) {
            self.unreviewed.push(room);
        }
    }

    /// Looks anew at what is wanted of pictures where something has changed,
    /// and now and then everywhere: layers' sizes change too.
    pub(super) fn review_watching(&mut self, now: Instant) {
        if now >= self.last_review + REVIEW {
            self.last_review = now;
            self.unreviewed.clear();
            self.unreviewed.extend(self.rooms.keys());
        }
        let mut rooms = std::mem::take(&mut self.unreviewed);
        rooms.retain(|room| {
            let rests = self.next_reviews.get(room).is_some_and(|at| now < *at);
            if !rests {
                let looked_at = self.review_room(now, *room);
                self.rest_review(now, *room, looked_at);
            }
            rests
        });
        self.unreviewed = rooms;
    }

    /// Tells a publisher what is wanted of its pictures, if it is time.
    pub(super) fn tend_watching(&mut self, now: Instant, key: usize) {
        for (at, source) in PICTURES.into_iter().enumerate() {
            if let Some(wanted) = self.participants[key].watching[at].news(now) {
                self.tell_wanted(now, key, source, wanted);
            }
        }
    }

    /// How many simulcast layers a source was negotiated with; 1 without any.
    pub(super) fn layer_count(&self, publisher: ParticipantId, source: Source) -> usize {
        let publisher = self.by_id.get(&publisher);
        publisher.map_or(1, |key| layer_count(&self.participants[*key], source))
    }

    /// Has a room whose review takes long wait for the next, however often its
    /// members change what they show.
    fn rest_review(&mut self, now: Instant, room: RoomId, slots: usize) {
        let rest = REST_FOR_SLOT * u32::try_from(slots).unwrap_or(u32::MAX);
        if rest < LEAST_REST {
            self.next_reviews.remove(&room);
        } else {
            self.next_reviews.insert(room, now + rest);
        }
    }

    /// Gives how many slots it looked at.
    fn review_room(&mut self, now: Instant, room: RoomId) -> usize {
        let mut looked_at = 0;
        let members = self.rooms.get(&room).cloned().unwrap_or_default();
        for member in &members {
            let participant = &mut self.participants[*member];
            for (at, source) in PICTURES.into_iter().enumerate() {
                let count = layer_count(participant, source);
                let mut heights = std::mem::take(&mut participant.watching[at].heights);
                heights.clear();
                heights.extend((0..count).map(|layer| usual_height(layer as u8, count)));
                for stream in participant.streams() {
                    let stream = &self.streams[stream];
                    if stream.source == source
                        && let Some(known) = stream.height
                        && let Some(height) = heights.get_mut(usize::from(stream.layer))
                    {
                        *height = known;
                    }
                }
                let watching = &mut participant.watching[at];
                watching.heights = heights;
                watching.begin();
            }
        }
        for member in &members {
            looked_at += self.participants[*member].slots.len();
            for index in 0..self.participants[*member].slots.len() {
                let slot = &self.participants[*member].slots[index];
                let Some((publisher, source)) = slot.wanted else {
                    continue;
                };
                let Some(at) = picture(source).filter(|_| slot.kind() == MediaKind::Video) else {
                    continue;
                };
                let Some(&key) = self.by_id.get(&publisher).filter(|key| *key != member) else {
                    continue;
                };
                let mut watching = std::mem::take(&mut self.participants[key].watching[at]);
                watching.count(&self.participants[*member].slots[index]);
                self.participants[key].watching[at] = watching;
            }
        }
        for member in members {
            for watching in &mut self.participants[member].watching {
                watching.end();
            }
            self.tend_watching(now, member);
        }
        looked_at
    }

    fn tell_wanted(&mut self, now: Instant, key: usize, source: Source, wanted: Wanted) {
        let participant = &mut self.participants[key];
        // Its browser probes when it is to send more.
        participant.probes_until = now + PROBING;
        let participant = &self.participants[key];
        self.events.push_back(Event::Watched {
            publisher: participant.id,
            source,
            wanted,
        });
        for stream in participant.streams() {
            let stream = &mut self.streams[stream];
            if stream.source != source {
                continue;
            }
            let is_wanted = match wanted {
                Wanted::Nothing => false,
                Wanted::UpTo(layer) => stream.layer <= layer,
                Wanted::All => true,
            };
            stream.rest = match stream.rest {
                Rest::Asked if is_wanted => Rest::Ending(now + RETURN),
                // What did not come before would not come if it were wanted.
                Rest::No | Rest::Ending(_) if !is_wanted && stream.is_to_be_had(now) => Rest::Asked,
                rest => rest,
            };
        }
    }
}

fn layer_count(publisher: &Participant, source: Source) -> usize {
    let mut publications = publisher.publications.iter();
    let publication = publications.find(|publication| publication.source == source);
    publication.map_or(1, |publication| publication.stream_ids.len().max(1))
}

fn picture(source: Source) -> Option<usize> {
    PICTURES.iter().position(|of| *of == source)
}

pub(super) const PICTURES: [Source; 2] = [Source::Camera, Source::Screen];
/// Who scrolls or looks at another tab for a moment shall not have to wait for
/// a key frame.
const UNSEEN: Duration = Duration::from_secs(2);
/// What all paths are too narrow for comes and goes with their estimates, and a
/// layer that rests is slower to come back than one that is only not passed on.
const UNTAKEN: Duration = Duration::from_mins(1);
/// How long a publisher has to send a layer again before it counts as one that
/// its own path does not take.
const RETURN: Duration = Duration::from_secs(2);
/// As long as a browser takes from its first probe to its last. Meanwhile it
/// hears of what came at each look, and soon after a packet: each step of its
/// probing waits for the last one's outcome.
pub(super) const PROBING: Duration = Duration::from_secs(1);
/// For each slot that was looked at: several times as long as that takes.
const REST_FOR_SLOT: Duration = Duration::from_micros(1);
/// Some hundred people: what is less is over before the next look anyway.
const LEAST_REST: Duration = Duration::from_millis(20);
/// How often all is looked at.
const REVIEW: Duration = Duration::from_secs(1);
