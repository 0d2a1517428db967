//! What of a request must be on record before it takes effect: what the people
//! in a session were told holds even if the server ends at that very moment.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sfu::identity::ParticipantId;

use super::Decision;
use super::state::Room;
use crate::access::UnixTime;
use crate::protocol::Permission;

impl Room {
    /// Of [`Room::admit`].
    pub fn decide_admit(&self, by: ParticipantId, ids: &[ParticipantId]) -> Vec<Decision> {
        if !self.allows(by, Permission::Admit) {
            return Vec::new();
        }
        let waiting = ids.iter().filter_map(|id| self.caller(*id));
        let waiting = waiting.map(|index| &self.callers[index]);
        let left = self.capacity().saturating_sub(self.members.len());
        waiting
            .filter(|caller| caller.has_consented)
            .take(left)
            .map(|caller| Decision::Admit {
                token_id: caller.arrival.token_id.clone(),
            })
            .collect()
    }

    /// Of [`Room::admit_all`].
    pub fn decide_admit_all(&self, by: ParticipantId) -> Vec<Decision> {
        let ids: Vec<_> = self
            .callers
            .iter()
            .map(|caller| caller.arrival.id)
            .collect();
        self.decide_admit(by, &ids)
    }

    /// Of [`Room::accept_consent`], made at this time.
    pub fn decide_accept(&self, id: ParticipantId, hash: &str, at: UnixTime) -> Vec<Decision> {
        let consent = self.rules.policy.consent.as_ref();
        let accepted = consent.filter(|consent| URL_SAFE_NO_PAD.encode(consent.hash()) == hash);
        let caller = self.caller(id).map(|index| &self.callers[index]);
        let accepted = accepted.zip(caller.filter(|caller| !caller.has_consented));
        let decision = accepted.map(|(consent, caller)| Decision::Accept {
            token_id: caller.arrival.token_id.clone(),
            version: consent.version.clone(),
            hash: consent.hash(),
            at,
        });
        decision.into_iter().collect()
    }

    /// Of [`Room::set_locked`].
    pub fn decide_lock(&self, by: ParticipantId, locked: bool) -> Vec<Decision> {
        if self.is_locked == locked || !self.allows(by, Permission::Lock) {
            return Vec::new();
        }
        vec![Decision::Lock(locked)]
    }

    /// Of [`Room::end_session`].
    pub fn decide_end(&self, by: ParticipantId) -> Vec<Decision> {
        if !self.allows(by, Permission::End) {
            return Vec::new();
        }
        let members = self.members.iter().map(|member| &member.token_id);
        let callers = self.callers.iter().map(|caller| &caller.arrival.token_id);
        let token_ids = members.chain(callers).cloned().collect();
        vec![Decision::End { token_ids }]
    }
}
