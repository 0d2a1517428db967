//! Who is sent away for good: a token, and with it all that came with it.

use std::collections::{HashSet, VecDeque};
use std::time::Instant;

use sfu::identity::ParticipantId;

use super::Effect;
use super::state::{Room, tell_error};
use crate::protocol::{ErrorCode, Permission, Role};

/// Who was sent away, and who came with which token.
#[derive(Debug, Default)]
pub(super) struct Removals {
    tokens: HashSet<String>,
    /// Stays that ended, the newest last: whoever leaves at the moment at which
    /// it is removed is removed all the same.
    gone: VecDeque<Bearer>,
}

/// Somebody here, or who was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bearer {
    pub id: ParticipantId,
    pub role: Role,
    /// The clinic's opaque id for the person.
    pub subject: String,
    pub token_id: String,
}

impl Room {
    /// Sends away for good whoever came with a token, by the clinic's own word.
    pub fn remove_token(&mut self, token_id: &str, now: Instant) -> Vec<Effect> {
        self.keep_out(token_id);
        let ids: Vec<_> = self
            .bearers()
            .filter(|bearer| bearer.token_id == token_id)
            .map(|bearer| bearer.id)
            .collect();
        ids.into_iter()
            .flat_map(|id| self.expel(id, ErrorCode::Removed, "a host sent you away", now))
            .collect()
    }

    /// Who is or was here under an id, at the door too.
    pub fn bearer(&self, id: ParticipantId) -> Option<Bearer> {
        let here = self.bearers().find(|bearer| bearer.id == id);
        let gone = || self.removals.gone.iter().rfind(|bearer| bearer.id == id);
        here.or_else(|| gone().cloned())
    }

    /// Lets nobody in any more with a token.
    pub(super) fn keep_out(&mut self, token_id: &str) {
        self.admitted.remove(token_id);
        // Where there are too many, the clinic's record still keeps them out.
        if self.removals.tokens.len() < MOST_REMOVED {
            self.removals.tokens.insert(token_id.to_owned());
        }
    }

    pub(super) fn is_removed(&self, token_id: &str) -> bool {
        self.removals.tokens.contains(token_id)
    }

    /// Whether somebody is a host, in the room or at the door, or was.
    pub(super) fn is_host(&self, id: ParticipantId) -> bool {
        self.bearer(id)
            .is_some_and(|bearer| bearer.role == Role::Host)
    }

    /// Keeps in mind who it was whose stay ends now.
    pub(super) fn note_gone(&mut self, bearer: Bearer) {
        let gone = &mut self.removals.gone;
        if gone.len() == MOST_GONE {
            gone.pop_front();
        }
        gone.push_back(bearer);
    }

    pub(super) fn token_to_remove(
        &self,
        by: ParticipantId,
        id: ParticipantId,
    ) -> Result<String, Vec<Effect>> {
        self.require_over(by, id, Permission::Remove)?;
        let Some(bearer) = self.bearer(id) else {
            let why = "nobody is or was here under this id";
            return Err(vec![tell_error(by, ErrorCode::UnknownParticipant, why)]);
        };
        let own = self.bearer(by);
        if own.is_some_and(|own| own.token_id == bearer.token_id) {
            let why = "this is yourself, here or on another device: leave instead";
            return Err(vec![tell_error(by, ErrorCode::NotAllowed, why)]);
        }
        if self.is_removed(&bearer.token_id) {
            return Err(Vec::new());
        }
        Ok(bearer.token_id)
    }

    /// Who is here, or at the door.
    fn bearers(&self) -> impl Iterator<Item = Bearer> + '_ {
        let members = self.members.iter().map(|member| Bearer {
            id: member.id,
            role: member.role,
            subject: member.subject.clone(),
            token_id: member.token_id.clone(),
        });
        let callers = self
            .callers
            .iter()
            .map(|caller| Bearer::of(&caller.arrival));
        members.chain(callers)
    }
}

impl Bearer {
    pub(super) fn of(arrival: &super::Arrival) -> Self {
        Self {
            id: arrival.id,
            role: arrival.role,
            subject: arrival.subject.clone(),
            token_id: arrival.token_id.clone(),
        }
    }
}

const MOST_REMOVED: usize = 4_096;

/// Far more than leave while somebody decides to remove one of them.
const MOST_GONE: usize = 256;
