//! What happens by itself: the end of the session's time, and of patience with
//! somebody who is not there.

use std::time::{Duration, Instant};

use sfu::identity::{ParticipantId, Source};

use super::state::Room;
use super::{Effect, Window};
use crate::access::UnixTime;
use crate::audit::Action;
use crate::protocol::{ErrorCode, ServerMessage};

/// Whether a person is at somebody's device.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Activity {
    /// When there was last a sign of it.
    at: Option<Instant>,
    /// Since that was last looked at.
    pub(super) has_spoken: bool,
    /// That it will be logged off.
    is_warned: bool,
}

impl Activity {
    fn note(&mut self, now: Instant) {
        *self = Self {
            at: Some(now),
            ..Self::default()
        };
    }
}

impl Room {
    /// Sees what is due. To be called every second or so.
    pub fn tick(&mut self, now: Instant, time: UnixTime) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.has_ended {
            return effects;
        }
        self.looked_at = Some(time);
        if let Some(window) = self.rules.policy.window {
            effects.extend(self.watch_window(window, now, time));
        }
        if let Some(limit) = self.rules.policy.inactivity_limit {
            effects.extend(self.watch_inactivity(limit, now));
        }
        effects.extend(self.refill_door_news());
        effects
    }

    /// Notes that a person is at somebody's device.
    pub fn note_activity(&mut self, id: ParticipantId, now: Instant) {
        if let Some(index) = self.position(id) {
            self.members[index].activity.note(now);
        }
    }

    /// The newest word on the end that all have heard, for somebody who comes
    /// in after it.
    pub(super) fn ending_now(&self) -> Option<ServerMessage> {
        let window = self.rules.policy.window?;
        let time = self.looked_at.filter(|_| self.warnings > 0)?;
        Some(ending(window, time))
    }

    fn watch_window(&mut self, window: Window, now: Instant, time: UnixTime) -> Vec<Effect> {
        let left = window.ends().0.saturating_sub(time.0);
        if left == 0 {
            let mut effects = vec![Effect::by_clock(Action::End)];
            effects.extend(self.end());
            return effects;
        }
        let mut effects = Vec::new();
        if time >= window.closes {
            effects.extend(self.clear_door(now));
        }
        let due = WARNINGS.iter().filter(|warning| left <= **warning).count();
        let due = due + usize::from(time >= window.closes);
        if due <= self.warnings {
            self.warnings = due;
            return effects;
        }
        self.warnings = due;
        let members = self.members.iter();
        effects.extend(members.map(|member| Effect::Tell(member.id, ending(window, time))));
        effects
    }

    /// Sends everybody away who is at the door: nobody comes in any more.
    fn clear_door(&mut self, now: Instant) -> Vec<Effect> {
        let ids: Vec<_> = self.waiting_people().collect();
        ids.into_iter()
            .flat_map(|id| {
                let why = "nobody comes into this session any more";
                self.expel(id, ErrorCode::SessionEnded, why, now)
            })
            .collect()
    }

    fn watch_inactivity(&mut self, limit: Duration, now: Instant) -> Vec<Effect> {
        let notice = WARNING_OF_LOG_OFF.min(limit / 2);
        let mut effects = Vec::new();
        let mut gone = Vec::new();
        for member in &mut self.members {
            let is_heard = member.occupant().sends(Source::Microphone);
            let speaks = is_heard && self.speakers.contains(&member.id);
            let activity = &mut member.activity;
            if activity.has_spoken || speaks {
                activity.note(now);
            }
            let since = *activity.at.get_or_insert(now);
            let idle = now.saturating_duration_since(since);
            if idle >= limit {
                gone.push(member.id);
            } else if idle >= limit.saturating_sub(notice) && !activity.is_warned {
                activity.is_warned = true;
                let left = limit.saturating_sub(idle).as_secs();
                let seconds = u32::try_from(left).unwrap_or(u32::MAX);
                let warning = ServerMessage::InactivityWarning { seconds };
                effects.push(Effect::Tell(member.id, warning));
            }
        }
        for id in gone {
            effects.push(Effect::by(id, Action::LogOff));
            let why = "nobody was there for too long";
            effects.extend(self.expel(id, ErrorCode::Inactive, why, now));
        }
        effects
    }
}

fn ending(window: Window, time: UnixTime) -> ServerMessage {
    let left = window.ends().0.saturating_sub(time.0);
    ServerMessage::SessionEnding {
        seconds: u32::try_from(left).unwrap_or(u32::MAX),
    }
}

/// Seconds before the end, at which everybody is told.
const WARNINGS: [u64; 2] = [300, 60];

const WARNING_OF_LOG_OFF: Duration = Duration::from_mins(1);
