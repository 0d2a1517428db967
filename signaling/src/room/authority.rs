//! What those with power may do to others, and what stays one's own decision.

use sfu::identity::{ParticipantId, Source};
use sfu::worker::command::Command;

use super::Effect;
use super::state::{Member, Room, tell_error};
use crate::access::Permissions;
use crate::audit::Action;
use crate::protocol::{ErrorCode, Permission, PublicationSource, Role, ServerMessage};

/// Whether a device's stream was turned off by somebody else.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Muting {
    #[default]
    No,
    /// Its owner has not yet said that it is off: saying that it is on was
    /// said before the owner knew.
    Unheard,
    /// Its owner may turn it on again.
    Heard,
}

impl Room {
    /// Turns somebody's microphone or camera off. Only the owner can turn it
    /// on again.
    pub fn mute(
        &mut self,
        by: ParticipantId,
        id: ParticipantId,
        source: PublicationSource,
    ) -> Vec<Effect> {
        if let Err(refusal) = self.require_over(by, id, Permission::Mute) {
            return refusal;
        }
        self.mute_one(by, id, source)
    }

    /// Turns the microphones off of all who may not do the same.
    pub fn mute_all(&mut self, by: ParticipantId) -> Vec<Effect> {
        if let Err(refusal) = self.require(by, Permission::Mute) {
            return refusal;
        }
        let ids: Vec<_> = self
            .members
            .iter()
            .filter(|member| !self.permissions(member).allow(Permission::Mute))
            .map(|member| member.id)
            .collect();
        ids.into_iter()
            .flat_map(|id| self.mute_one(by, id, PublicationSource::Microphone))
            .collect()
    }

    /// Asks somebody to turn a microphone or camera on.
    pub fn ask(
        &self,
        by: ParticipantId,
        id: ParticipantId,
        source: PublicationSource,
    ) -> Vec<Effect> {
        if let Err(refusal) = self.require(by, Permission::Mute) {
            return refusal;
        }
        if self.position(id).is_none() || !is_device(source) {
            return Vec::new();
        }
        let message = ServerMessage::Asked {
            source,
            by: by.to_string(),
        };
        vec![
            Effect::done(by, id, Action::Ask(source)),
            Effect::Tell(id, message),
        ]
    }

    /// Ends somebody's share of a screen.
    pub fn stop_share(&mut self, by: ParticipantId, id: ParticipantId) -> Vec<Effect> {
        if let Err(refusal) = self.require_over(by, id, Permission::Mute) {
            return refusal;
        }
        let stopped = self.stop_screen_share(id);
        if stopped.is_empty() {
            return stopped;
        }
        let mut effects = vec![Effect::done(by, id, Action::StopShare)];
        effects.extend(stopped);
        let by = by.to_string();
        effects.push(Effect::Tell(id, ServerMessage::ShareStopped { by }));
        effects
    }

    /// Ends the session for all: its time is over, or the clinic says so.
    pub fn end(&mut self) -> Vec<Effect> {
        self.close(ErrorCode::SessionEnded, "the session is over")
    }

    /// Sends all away who came before the clinic opened a session here, so that
    /// they come in anew, by its rules.
    pub fn make_way(&mut self) -> Vec<Effect> {
        let why = "a session was opened here: join again";
        self.close(ErrorCode::ResumeRefused, why)
    }

    fn close(&mut self, code: ErrorCode, why: &str) -> Vec<Effect> {
        if self.has_ended {
            return Vec::new();
        }
        self.has_ended = true;
        let mut effects = Vec::new();
        let members = self.members.drain(..).map(|member| {
            let is_known_to_worker = member.negotiated.is_some();
            (member.id, is_known_to_worker)
        });
        let callers = self.callers.drain(..);
        let everybody = members.chain(callers.map(|caller| (caller.arrival.id, false)));
        for (id, is_known_to_worker) in everybody {
            if is_known_to_worker {
                effects.push(Effect::Media(Command::Leave { participant: id }));
            }
            effects.extend([
                Effect::Tell(
                    id,
                    ServerMessage::Error {
                        code,
                        message: why.to_owned(),
                        fatal: true,
                    },
                ),
                Effect::Close(id),
            ]);
        }
        effects
    }

    /// Whether somebody in the room may do something, at this moment.
    pub fn allows(&self, id: ParticipantId, permission: Permission) -> bool {
        self.position(id)
            .is_some_and(|index| self.permissions(&self.members[index]).allow(permission))
    }

    /// Tells somebody that the role does not allow this.
    ///
    /// # Errors
    /// It is not allowed.
    pub fn require(&self, id: ParticipantId, permission: Permission) -> Result<(), Vec<Effect>> {
        if self.allows(id, permission) {
            return Ok(());
        }
        let code = if self.position(id).is_some() {
            ErrorCode::NotAllowed
        } else {
            ErrorCode::NotAdmitted
        };
        Err(vec![tell_error(id, code, "you may not do this")])
    }

    /// As [`Room::require`]; and over hosts, only hosts have power.
    pub(super) fn require_over(
        &self,
        by: ParticipantId,
        id: ParticipantId,
        permission: Permission,
    ) -> Result<(), Vec<Effect>> {
        self.require(by, permission)?;
        if self.is_host(id) && !self.is_host(by) {
            return Err(vec![tell_error(
                by,
                ErrorCode::NotAllowed,
                "only a host may do this to a host",
            )]);
        }
        Ok(())
    }

    pub(super) fn permissions(&self, member: &Member) -> Permissions {
        if member.is_cut_off {
            Permissions::NONE
        } else if self.hosting == Some(member.id) {
            let powers = Permissions::POWERS.intersection(self.rules.host_permissions);
            member.permissions.union(powers)
        } else {
            member.permissions
        }
    }

    /// Sees who acts as host: while no host is there, the co-host who has been
    /// there for the longest.
    pub(super) fn hand_over(&mut self) -> Vec<Effect> {
        let there = self.members.iter().filter(|member| !member.is_cut_off);
        let first = |role| there.clone().find(|member| member.role == role);
        let hosting = match first(Role::Host) {
            Some(_) => None,
            None => first(Role::CoHost).map(|member| member.id),
        };
        if hosting == self.hosting {
            return Vec::new();
        }
        let before = std::mem::replace(&mut self.hosting, hosting);
        let mut effects = Vec::new();
        if let Some(id) = hosting {
            effects.push(Effect::by(id, Action::TakeOver));
        }
        let participant_id = hosting.map(|id| id.to_string());
        for member in &self.members {
            let participant_id = participant_id.clone();
            effects.push(Effect::Tell(
                member.id,
                ServerMessage::Hosting { participant_id },
            ));
            if before == Some(member.id) || hosting == Some(member.id) {
                let permissions = self.permissions(member).iter().collect();
                effects.push(Effect::Tell(
                    member.id,
                    ServerMessage::Permissions { permissions },
                ));
            }
            if hosting == Some(member.id) && !member.permissions.allow(Permission::Admit) {
                effects.extend(self.tell_consents(member));
            }
        }
        effects
    }

    /// Tells somebody who may let people in from now on who of the others has
    /// accepted the session's text.
    fn tell_consents(&self, to: &Member) -> impl Iterator<Item = Effect> {
        let permissions = self.permissions(to);
        let others = self.members.iter();
        let others = others.filter(|other| other.id != to.id && other.consented.is_some());
        others.map(move |other| {
            let participant = other.describe_to(permissions);
            Effect::Tell(to.id, ServerMessage::ParticipantUpdated { participant })
        })
    }

    fn mute_one(
        &mut self,
        by: ParticipantId,
        id: ParticipantId,
        source: PublicationSource,
    ) -> Vec<Effect> {
        let Some(index) = self.position(id) else {
            return Vec::new();
        };
        let member = &mut self.members[index];
        let (muting, is_on) = match source {
            PublicationSource::Microphone => {
                (&mut member.muted.microphone, member.devices.microphone)
            }
            PublicationSource::Camera => (&mut member.muted.camera, member.devices.camera),
            PublicationSource::Screen | PublicationSource::ScreenAudio => return Vec::new(),
        };
        *muting = if is_on {
            Muting::Unheard
        } else {
            Muting::Heard
        };
        let mut effects = vec![Effect::done(by, id, Action::Mute(source))];
        let half = match source {
            PublicationSource::Camera => Source::Camera,
            _ => Source::Microphone,
        };
        self.feed_source(&self.members[index], half, &mut effects);
        let message = ServerMessage::Muted {
            source,
            by: by.to_string(),
        };
        effects.push(Effect::Tell(id, message));
        if is_on {
            effects.extend(self.tell_of(index));
        }
        effects
    }
}

impl Muting {
    /// What becomes of it when its owner says whether the device is on.
    pub(super) fn heard(self, is_on: bool) -> Self {
        match (self, is_on) {
            (Self::Unheard, false) => Self::Heard,
            (Self::Heard, true) => Self::No,
            (muting, _) => muting,
        }
    }
}

fn is_device(source: PublicationSource) -> bool {
    matches!(
        source,
        PublicationSource::Microphone | PublicationSource::Camera
    )
}
