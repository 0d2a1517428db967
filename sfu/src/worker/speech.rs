//! Who speaks in each room, and whose voice goes to the others.

use std::time::{Duration, Instant};

use super::Worker;
use super::event::Event;
use crate::audio::{Candidate, Speakers};
use crate::identity::{ParticipantId, RoomId, Source};
use crate::publish::Stream;

/// What a room's members were last told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    speakers: Speakers,
    at: Instant,
}

impl Worker {
    /// Takes note of a packet from a microphone. Who begins to speak is let in
    /// with this packet, so that no syllable is lost.
    pub(super) fn note_voice(&mut self, now: Instant, stream: usize, level: Option<u8>) {
        let voice = &mut self.streams[stream].voice;
        let Some(level) = level else {
            // Nothing can be told of it, and so nothing held against it.
            voice.is_heard |= !voice.has_levels();
            return;
        };
        let is_first = !voice.has_levels();
        let heard = voice.record(now, level);
        let is_kept_out = !voice.is_heard && (is_first || heard.is_voice);
        if !is_kept_out && !heard.is_onset {
            return;
        }
        let publisher = self.streams[stream].publisher;
        let Some(room) = self.room_of(publisher) else {
            return;
        };
        if is_kept_out {
            self.let_in(now, room, stream);
        }
        if heard.is_onset {
            self.note_change(now, room);
        }
    }

    /// Has a room's speakers looked at again soon.
    pub(super) fn note_change(&mut self, now: Instant, room: RoomId) {
        if !self.restless.contains(&room) {
            self.restless.push(room);
        }
        self.hurry(now);
    }

    /// Notices who has stopped speaking, and tells of rooms where something is
    /// new.
    pub(super) fn tend_speech(&mut self, now: Instant) {
        let mut ended = Vec::new();
        let mut kept_out = Vec::new();
        for (key, stream) in &mut self.streams {
            let is_kept_out = stream.source == Source::Microphone
                && !stream.voice.is_heard
                && is_used(now, stream);
            if is_kept_out {
                kept_out.push((key, stream.publisher));
            }
            if stream.source == Source::Microphone
                && (stream.voice.settle(now) || stream.voice.speaking_since().is_some())
            {
                ended.push(stream.publisher);
            }
        }
        for publisher in ended {
            if let Some(room) = self.room_of(publisher)
                && !self.restless.contains(&room)
            {
                self.restless.push(room);
            }
        }
        for (stream, publisher) in kept_out {
            if let Some(room) = self.room_of(publisher) {
                self.fill_place(now, room, stream);
            }
        }
        let mut restless = std::mem::take(&mut self.restless);
        restless.retain(|room| !self.tell_speakers(now, *room));
        self.restless = restless;
    }

    /// Forgets a room that has ended.
    pub(super) fn forget_speech(&mut self, room: RoomId) {
        self.speakers.remove(&room);
        self.restless.retain(|of| *of != room);
    }

    /// Whether somebody speaks, or did a moment ago.
    pub(super) fn speaks(&self, now: Instant, room: RoomId, person: ParticipantId) -> bool {
        self.streams_of(room, person, Source::Microphone)
            .any(|stream| self.streams[stream].voice.spoke_within(now, MEMORY))
    }

    /// `false` if it is too early for another word.
    fn tell_speakers(&mut self, now: Instant, room: RoomId) -> bool {
        let candidates: Vec<_> = self
            .microphones(room)
            .filter_map(|stream| {
                let stream = &self.streams[stream];
                Some(Candidate {
                    id: stream.publisher,
                    since: stream.voice.speaking_since()?,
                    last_voice: stream.voice.last_voice()?,
                    loudness: stream.voice.loudness(),
                })
            })
            .collect();
        let told = self.speakers.get(&room);
        let before = told.map(|told| told.speakers).unwrap_or_default();
        let speakers = before.updated(now, &candidates);
        if speakers == before {
            return true;
        }
        if told.is_some_and(|told| now.saturating_duration_since(told.at) < SPACING) {
            return false;
        }
        self.speakers.insert(room, Told { speakers, at: now });
        self.events.push_back(Event::Speaking { room, speakers });
        true
    }

    /// Lets a voice be heard, if need be in place of one that is silent, or
    /// much quieter.
    fn let_in(&mut self, now: Instant, room: RoomId, stream: usize) {
        let heard = || {
            let all = self.microphones(room);
            all.filter(|of| {
                let voice = &self.streams[*of].voice;
                voice.is_heard && voice.has_levels()
            })
        };
        let replaced = if heard().count() < HEARD {
            None
        } else {
            let quietest = heard().min_by(|one, other| {
                let rank = |of: &usize| {
                    let voice = &self.streams[*of].voice;
                    let is_speaking = voice.speaking_since().is_some();
                    let last = voice.last_voice().filter(|_| !is_speaking);
                    (is_speaking, last, voice.loudness())
                };
                let ((one_speaks, one_last, one_loud), (speaks, last, loud)) =
                    (rank(one), rank(other));
                (one_speaks, one_last)
                    .cmp(&(speaks, last))
                    .then(one_loud.total_cmp(&loud))
            });
            let loudness = self.streams[stream].voice.loudness();
            let yields = |of: &usize| {
                let voice = &self.streams[*of].voice;
                voice.speaking_since().is_none()
                    || !voice.spoke_within(now, SPACING) && loudness > voice.loudness()
                    || loudness > voice.loudness() + MUCH_LOUDER
            };
            match quietest.filter(yields) {
                None => return,
                // Who has not said a word yet has no claim on a full room.
                Some(_) if self.streams[stream].voice.last_voice().is_none() => return,
                yielding => yielding,
            }
        };
        if let Some(replaced) = replaced {
            self.streams[replaced].voice.is_heard = false;
        }
        self.streams[stream].voice.is_heard = true;
    }

    /// Lets a voice be heard, silent as it may be, where others have gone or
    /// turned their microphones off.
    fn fill_place(&mut self, now: Instant, room: RoomId, stream: usize) {
        let (mut heard, mut unused) = (0, None);
        for of in self.microphones(room) {
            let stream = &self.streams[of];
            if stream.voice.is_heard && stream.voice.has_levels() {
                heard += 1;
                unused = unused.or((!is_used(now, stream)).then_some(of));
            }
        }
        if heard >= HEARD {
            let Some(unused) = unused else { return };
            self.streams[unused].voice.is_heard = false;
        }
        self.streams[stream].voice.is_heard = true;
    }

    fn microphones(&self, room: RoomId) -> impl Iterator<Item = usize> + '_ {
        let members = self.rooms.get(&room).map_or(&[][..], Vec::as_slice);
        let streams = members
            .iter()
            .flat_map(|member| self.participants[*member].streams());
        streams.filter(|stream| self.streams[*stream].source == Source::Microphone)
    }

    fn room_of(&self, participant: ParticipantId) -> Option<RoomId> {
        let key = self.by_id.get(&participant)?;
        Some(self.participants[*key].room)
    }
}

/// Whether a microphone is on.
fn is_used(now: Instant, stream: &Stream) -> bool {
    now.saturating_duration_since(stream.last_media) < UNUSED
}

/// Voices that go to the others at once: in a small session everybody's.
const HEARD: usize = 10;
/// In dB.
const MUCH_LOUDER: f32 = 9.0;
/// A microphone that was silent for so long is off: not even noise comes.
const UNUSED: Duration = Duration::from_secs(2);
/// Between two words about a room's speakers, at least.
const SPACING: Duration = Duration::from_millis(100);
/// Who has spoken goes on being looked at for so long.
const MEMORY: Duration = Duration::from_secs(2);
