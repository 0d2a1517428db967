//! Whether anybody sees what a participant shows. What nobody does need not
//! even be sent to the server.

use std::time::{Duration, Instant};

use super::Worker;
use super::event::Event;
use crate::identity::{ParticipantId, RoomId, Source};

/// What a publisher knows of who sees one of its pictures.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Watching {
    /// Everybody who could see it has hidden it since then.
    unseen_since: Option<Instant>,
    /// The publisher has been told that nobody sees it.
    is_told: bool,
}

impl Worker {
    /// Looks anew at who sees a picture, as somebody has begun or ceased to.
    pub(super) fn review_watching(
        &mut self,
        now: Instant,
        room: RoomId,
        (publisher, source): (ParticipantId, Source),
    ) {
        let Some(at) = picture(source) else { return };
        let (mut is_meant, mut is_seen) = (false, false);
        for member in self.rooms.get(&room).into_iter().flatten() {
            for slot in &self.participants[*member].slots {
                if slot.wanted == Some((publisher, source)) {
                    is_meant = true;
                    is_seen |= slot.shown.is_some();
                }
            }
        }
        let Some(&key) = self.by_id.get(&publisher) else {
            return;
        };
        let watching = &mut self.participants[key].watching[at];
        if is_meant && !is_seen {
            watching.unseen_since.get_or_insert(now);
            return;
        }
        watching.unseen_since = None;
        if std::mem::take(&mut watching.is_told) {
            self.events.push_back(Event::Watched {
                publisher,
                source,
                is_watched: true,
            });
        }
    }

    /// Tells a publisher of pictures that nobody has seen for a while.
    pub(super) fn tend_watching(&mut self, now: Instant, key: usize) {
        let participant = &mut self.participants[key];
        for (watching, source) in participant.watching.iter_mut().zip(PICTURES) {
            let is_due = watching
                .unseen_since
                .is_some_and(|since| now.saturating_duration_since(since) >= UNSEEN);
            if is_due && !std::mem::replace(&mut watching.is_told, true) {
                self.events.push_back(Event::Watched {
                    publisher: participant.id,
                    source,
                    is_watched: false,
                });
            }
        }
    }
}

fn picture(source: Source) -> Option<usize> {
    PICTURES.iter().position(|of| *of == source)
}

pub(super) const PICTURES: [Source; 2] = [Source::Camera, Source::Screen];
/// Who scrolls or looks at another tab for a moment shall not have to wait for
/// a key frame.
const UNSEEN: Duration = Duration::from_secs(2);
