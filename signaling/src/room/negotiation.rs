//! What a member's offer and its answer agreed upon.

use sfu::identity::ParticipantId;
use sfu::worker::command::{Command, MediaParameters, TransportParameters};

use super::Effect;
use super::codecs;
use super::feed::permission;
use super::frames::expect;
use super::state::{Room, tell_error};
use crate::protocol::{ErrorCode, ServerMessage};
use crate::slot::SlotsBy;

/// An answered offer, as far as the room passes it on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// The answer's text.
    pub answer: String,
    pub transport: TransportParameters,
    /// The transport goes on with other ICE credentials.
    pub restarts_ice: bool,
    pub media: MediaParameters,
    /// How many slots of each kind, from the first on, the client can receive
    /// in.
    pub slots: SlotsBy<u16>,
}

impl Room {
    /// Takes over what an offer and its answer agreed upon. Somebody who is
    /// not there is ignored, here and below.
    pub fn negotiate(&mut self, id: ParticipantId, mut session: Session) -> Vec<Effect> {
        let Some(index) = self.position(id) else {
            return match self.caller(id) {
                Some(_) => vec![tell_error(id, ErrorCode::NotAdmitted, NOT_ADMITTED)],
                None => Vec::new(),
            };
        };
        // What may not be sent is not even looked for.
        let permissions = self.members[index].permissions;
        session
            .media
            .publications
            .retain(|publication| permissions.allow(permission(publication.source)));
        let before = self.members[index].negotiated.replace(session.slots);

        let mut effects = Vec::new();
        if before.is_none() {
            effects.push(Effect::Media(Command::Join {
                room: self.id,
                participant: id,
                transport: session.transport,
            }));
            let to_expect = self.members[index].frames.to_expect();
            effects.extend(to_expect.map(|frames| expect(id, frames)));
        } else if session.restarts_ice {
            effects.push(Effect::Media(Command::RestartIce {
                participant: id,
                local: session.transport.local,
                remote: session.transport.remote,
            }));
        }
        self.members[index].audio_codecs = codecs::decoded_by(&session.media);
        self.members[index].video_codecs = codecs::decoded_by(&session.media);
        effects.push(Effect::Media(Command::Negotiate {
            participant: id,
            media: session.media,
        }));
        let known = before.unwrap_or_default();
        self.feed_new_slots(&self.members[index], known, &mut effects);
        if before.is_none() {
            self.feed_others(&self.members[index], &mut effects);
        }
        // Before the answer: the others shall have changed what they send by
        // the time that this one can receive it.
        effects.extend(self.tell_codecs(Some(id)));
        effects.push(Effect::Tell(
            id,
            ServerMessage::Answer {
                sdp: session.answer,
            },
        ));
        effects
    }
}

const NOT_ADMITTED: &str = "nobody has let you in yet";
