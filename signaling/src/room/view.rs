//! What each participant shows of the others, and what it gets of that.

use sfu::identity::{MediaKind, ParticipantId, Source};
use sfu::quality::{Capacity, Cause, Level, Rating};
use sfu::rtp::Layer;
use sfu::worker::command::{Command, Shown, Size};
use sfu::worker::event::{PauseReason, Wanted};

use super::{Effect, Room};
use crate::access::Permissions;
use crate::protocol::{
    self, Permission, QualityCause, QualityLevel, ServerMessage, UplinkCapacity, View,
};
use crate::slot::{SlotsBy, slot_id};

impl Room {
    /// Takes over how somebody shows the pictures in its slots. Slots that are
    /// not there are ignored.
    pub fn show(&self, id: ParticipantId, views: SlotsBy<&[View]>) -> Vec<Effect> {
        if !self.is_negotiated(id) {
            return Vec::new();
        }
        let people = self.size.slots().people;
        let screens = self.size.screens;
        let of_people = views.people.iter().filter(|view| view.slot < people);
        let of_people = of_people.take(people.into());
        let of_screens = views.screens.iter().filter(|view| view.slot < screens);
        let of_screens = of_screens.take(screens.into());
        of_people
            .map(|view| (view.slot, view))
            .chain(of_screens.map(|view| (people + view.slot, view)))
            .flat_map(|(pair, view)| commands(id, pair, view))
            .map(Effect::Media)
            .collect()
    }

    /// Tells somebody that a picture does not come for now.
    pub fn paused(
        &self,
        subscriber: ParticipantId,
        publisher: ParticipantId,
        source: Source,
        reason: PauseReason,
    ) -> Vec<Effect> {
        let reason = match reason {
            PauseReason::SlowConnection => protocol::PauseReason::SlowConnection,
        };
        self.tell_viewer(
            subscriber,
            publisher,
            ServerMessage::Paused {
                participant_id: publisher.to_string(),
                source: source.into(),
                reason,
            },
        )
    }

    /// Tells somebody that a picture comes again.
    pub fn resumed(
        &self,
        subscriber: ParticipantId,
        publisher: ParticipantId,
        source: Source,
    ) -> Vec<Effect> {
        self.tell_viewer(
            subscriber,
            publisher,
            ServerMessage::Unpaused {
                participant_id: publisher.to_string(),
                source: source.into(),
            },
        )
    }

    /// Takes somebody's word on what its path takes, and tells the others what
    /// that means for its camera.
    pub fn set_uplink(&mut self, id: ParticipantId, uplink: UplinkCapacity) -> Vec<Effect> {
        let Some(index) = self.position(id) else {
            return Vec::new();
        };
        let member = &mut self.members[index];
        let before = member.describe();
        if std::mem::replace(&mut member.uplink, uplink) == uplink {
            return Vec::new();
        }
        let is_news = member.describe() != before;
        let mut effects = vec![Effect::Media(Command::RateUplink {
            participant: id,
            capacity: match uplink {
                UplinkCapacity::All => Capacity::All,
                UplinkCapacity::Least => Capacity::Less,
                UplinkCapacity::SoundOnly => Capacity::Paused,
            },
        })];
        if is_news {
            effects.extend(self.tell_of(index));
        }
        effects
    }

    /// Tells somebody whether its connection takes sound alone.
    pub fn audio_only(&self, subscriber: ParticipantId, is_audio_only: bool) -> Vec<Effect> {
        if !self.is_in(subscriber) {
            return Vec::new();
        }
        let message = ServerMessage::AudioOnly {
            audio_only: is_audio_only,
        };
        vec![Effect::Tell(subscriber, message)]
    }

    /// Tells somebody how much of a picture of its own anybody takes.
    pub fn watched(&self, publisher: ParticipantId, source: Source, wanted: Wanted) -> Vec<Effect> {
        if !self.is_in(publisher) {
            return Vec::new();
        }
        let message = ServerMessage::Watched {
            source: source.into(),
            watched: wanted != Wanted::Nothing,
            layer: match wanted {
                Wanted::UpTo(layer) => Some(layer),
                Wanted::Nothing | Wanted::All => None,
            },
        };
        vec![Effect::Tell(publisher, message)]
    }

    /// Tells everybody who speaks, which is a sign of being there. Who is muted
    /// does not, whatever its client sends.
    pub fn speak(&mut self, speakers: impl Iterator<Item = ParticipantId>) -> Vec<Effect> {
        let is_on = |id: &ParticipantId| {
            self.position(*id)
                .is_some_and(|index| self.members[index].describe().microphone)
        };
        let speakers: Vec<_> = speakers.filter(is_on).collect();
        if speakers == self.speakers {
            return Vec::new();
        }
        self.speakers = speakers;
        for member in &mut self.members {
            member.activity.has_spoken |= self.speakers.contains(&member.id);
        }
        let members = self.members.iter();
        members
            .map(|member| Effect::Tell(member.id, self.speakers_message()))
            .collect()
    }

    /// The word on who speaks, for somebody who comes in while somebody does.
    pub(super) fn speakers_now(&self) -> Option<ServerMessage> {
        (!self.speakers.is_empty()).then(|| self.speakers_message())
    }

    fn speakers_message(&self) -> ServerMessage {
        ServerMessage::Speakers {
            participant_ids: self.speakers.iter().map(ToString::to_string).collect(),
        }
    }

    /// Tells everybody how good somebody's connection is; and what it suffers
    /// from to its owner, and to those who may see to it.
    pub fn rate(&mut self, id: ParticipantId, rating: Rating) -> Vec<Effect> {
        let Some(index) = self.position(id) else {
            return Vec::new();
        };
        let before = std::mem::replace(&mut self.members[index].rating, rating);
        let members = self.members.iter();
        members
            .filter_map(|member| {
                let knows_cause = member.id == id || knows_causes(self.permissions(member));
                let is_news = knows_cause || before.level != rating.level;
                is_news.then(|| Effect::Tell(member.id, quality(id, rating, knows_cause)))
            })
            .collect()
    }

    /// The word on connections that are not good, for somebody who comes in
    /// with these permissions.
    pub(super) fn qualities_now(
        &self,
        permissions: Permissions,
    ) -> impl Iterator<Item = ServerMessage> + '_ {
        let knows_causes = knows_causes(permissions);
        let members = self.members.iter();
        members
            .filter(|member| member.rating.level != Level::Good)
            .map(move |member| quality(member.id, member.rating, knows_causes))
    }

    /// Whoever has left meanwhile is no news.
    fn tell_viewer(
        &self,
        viewer: ParticipantId,
        publisher: ParticipantId,
        message: ServerMessage,
    ) -> Vec<Effect> {
        if self.is_in(viewer) && self.is_in(publisher) {
            vec![Effect::Tell(viewer, message)]
        } else {
            Vec::new()
        }
    }
}

/// Whether others' connections are this one's to see to.
fn knows_causes(permissions: Permissions) -> bool {
    permissions.allow(Permission::Mute) || permissions.allow(Permission::Admit)
}

fn quality(id: ParticipantId, rating: Rating, with_cause: bool) -> ServerMessage {
    ServerMessage::Quality {
        participant_id: id.to_string(),
        level: match rating.level {
            Level::Good => QualityLevel::Good,
            Level::Weak => QualityLevel::Weak,
            Level::Poor => QualityLevel::Poor,
        },
        cause: rating
            .cause
            .filter(|_| with_cause)
            .map(|cause| match cause {
                Cause::UplinkLoss => QualityCause::UplinkLoss,
                Cause::DownlinkLoss => QualityCause::DownlinkLoss,
                Cause::Delay => QualityCause::Delay,
                Cause::SlowDownlink => QualityCause::SlowDownlink,
                Cause::SlowUplink => QualityCause::SlowUplink,
            }),
    }
}

fn commands(subscriber: ParticipantId, pair: u16, view: &View) -> [Command; 2] {
    let slot = slot_id(pair, MediaKind::Video);
    let size = Size {
        width: view.width,
        height: view.height,
    };
    let is_visible = size.width > 0 && size.height > 0;
    [
        Command::LimitLayers {
            subscriber,
            slot,
            limit: Layer {
                spatial: view.spatial.unwrap_or(u8::MAX),
                temporal: view.temporal.unwrap_or(u8::MAX),
            },
        },
        Command::Show {
            subscriber,
            slot,
            shown: is_visible.then_some(Shown {
                size,
                is_pinned: view.pinned,
            }),
        },
    ]
}
