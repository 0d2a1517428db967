//! What people decide, from the moment at which the room takes it to the one at
//! which it takes place.
//!
//! What the people in a session are told holds even if the server ends at that
//! very moment: so a decision is on record before it is carried out. The room
//! keeps what it takes for it meanwhile, such as a seat, so that decisions hold
//! in the order in which they were made, however long the disk takes.

use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sfu::identity::ParticipantId;

use super::admission::NotAdmitted;
use super::state::{Room, RoomFull, tell_error};
use super::{Decision, Effect};
use crate::access::UnixTime;
use crate::audit::Action;
use crate::protocol::{ErrorCode, Permission};

/// What comes of somebody's request.
#[derive(Debug, Default)]
pub struct Decided {
    /// To be done at once.
    pub effects: Vec<Effect>,
    pub undertaking: Option<Undertaking>,
}

/// What takes place once it is on record. To be handed to [`Room::conclude`].
#[derive(Debug)]
#[must_use = "the room waits for it"]
pub struct Undertaking {
    by: ParticipantId,
    /// Each has its own; what was decided later has a greater one.
    turn: u64,
    decisions: Vec<Decision>,
    deed: Deed,
}

#[derive(Debug)]
enum Deed {
    /// With their tokens.
    Admit(Vec<(ParticipantId, String)>),
    Accept {
        token_id: String,
        version: String,
        hash: [u8; 32],
    },
    Lock(bool),
    Remove {
        id: ParticipantId,
        token_id: String,
    },
    End,
}

/// The order of decisions.
#[derive(Debug, Default)]
pub(super) struct Turns {
    last: u64,
    /// Of what was said last about the lock, and is in force.
    lock: u64,
    /// How often the lock was decided on that is not on record yet.
    pending_locks: usize,
}

impl Undertaking {
    /// What must be on record, as a whole.
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    /// What is done once it is on record, though nobody is there any more.
    pub fn action(&self) -> Option<Action> {
        match &self.deed {
            Deed::Accept { version, hash, .. } => Some(Action::AcceptConsent {
                version: version.clone(),
                hash: *hash,
            }),
            Deed::Remove { .. } => Some(Action::Remove),
            Deed::End => Some(Action::End),
            Deed::Admit(_) | Deed::Lock(_) => None,
        }
    }

    /// Whom it removes.
    pub fn target(&self) -> Option<ParticipantId> {
        match self.deed {
            Deed::Remove { id, .. } => Some(id),
            _ => None,
        }
    }
}

impl From<Vec<Effect>> for Decided {
    fn from(effects: Vec<Effect>) -> Self {
        Self {
            effects,
            undertaking: None,
        }
    }
}

impl Room {
    /// Lets people in who wait, and keeps their seats. Whoever does not wait is
    /// ignored.
    pub fn decide_admit(
        &mut self,
        by: ParticipantId,
        ids: &[ParticipantId],
        now: Instant,
    ) -> Decided {
        if let Err(refusal) = self.require(by, Permission::Admit) {
            return refusal.into();
        }
        if self.is_ending {
            return Decided::default();
        }
        let mut effects = Vec::new();
        let mut entering = Vec::new();
        let turn = self.next_turn();
        for id in ids {
            // Nobody can accept the session's text for somebody else.
            let waiting = self.caller(*id).filter(|i| self.callers[*i].waits());
            let Some(index) = waiting else {
                continue;
            };
            let arrival = &self.callers[index].arrival;
            if self.is_removed(&arrival.token_id) {
                continue;
            }
            if self.is_here_elsewhere(arrival) {
                let caller = self.callers.remove(index);
                effects.extend(self.turn_away(caller, NotAdmitted::SecondDevice, now));
            } else if self.has_seat(arrival) {
                entering.push((*id, arrival.token_id.clone()));
                self.callers[index].deciding = Some(turn);
            } else {
                effects.push(tell_error(by, ErrorCode::RoomFull, &RoomFull.to_string()));
            }
        }
        if entering.is_empty() {
            effects.extend(self.tell_waiting_list());
            return effects.into();
        }
        let tokens = entering.iter().map(|(_, token_id)| token_id.clone());
        let decisions = tokens
            .map(|token_id| Decision::Admit { token_id })
            .collect();
        let mut decided = decided(by, turn, decisions, Deed::Admit(entering));
        decided.effects = effects;
        decided
    }

    /// Notes that somebody at the door accepts the session's text.
    pub fn decide_accept(&mut self, id: ParticipantId, hash: &str, at: UnixTime) -> Decided {
        let reads = |index: &usize| {
            let caller = &self.callers[*index];
            !caller.has_consented && caller.deciding.is_none()
        };
        let Some(index) = self.caller(id).filter(reads).filter(|_| !self.is_ending) else {
            return Decided::default();
        };
        let consent = self.rules.policy.consent.as_ref();
        let accepted = consent.filter(|consent| URL_SAFE_NO_PAD.encode(consent.hash()) == hash);
        let Some(consent) = accepted else {
            let why = "this is not the hash of the session's text";
            return vec![tell_error(id, ErrorCode::ConsentMismatch, why)].into();
        };
        let token_id = self.callers[index].arrival.token_id.clone();
        let (version, hash) = (consent.version.clone(), consent.hash());
        let turn = self.next_turn();
        self.callers[index].deciding = Some(turn);
        let decision = Decision::Accept {
            token_id: token_id.clone(),
            version: version.clone(),
            hash,
            at,
        };
        let deed = Deed::Accept {
            token_id,
            version,
            hash,
        };
        decided(id, turn, vec![decision], deed)
    }

    /// Lets nobody new in, or ends that.
    pub fn decide_lock(&mut self, by: ParticipantId, locked: bool) -> Decided {
        if let Err(refusal) = self.require(by, Permission::Lock) {
            return refusal.into();
        }
        if self.is_locked == locked && self.turns.pending_locks == 0 {
            return Decided::default();
        }
        self.turns.pending_locks += 1;
        let turn = self.next_turn();
        decided(by, turn, vec![Decision::Lock(locked)], Deed::Lock(locked))
    }

    /// Sends somebody away for good: all stays of the same token, in the room
    /// and at the door, even if the one that is named has just ended. From now
    /// on none of them is let in.
    pub fn decide_remove(&mut self, by: ParticipantId, id: ParticipantId) -> Decided {
        let token_id = match self.token_to_remove(by, id) {
            Ok(token_id) => token_id,
            Err(refusal) => return refusal.into(),
        };
        self.keep_out(&token_id);
        let decision = Decision::Remove {
            token_id: token_id.clone(),
        };
        let turn = self.next_turn();
        decided(by, turn, vec![decision], Deed::Remove { id, token_id })
    }

    /// Ends the session for all. From now on nobody comes in.
    pub fn decide_end(&mut self, by: ParticipantId) -> Decided {
        if let Err(refusal) = self.require(by, Permission::End) {
            return refusal.into();
        }
        if std::mem::replace(&mut self.is_ending, true) {
            return Decided::default();
        }
        let members = self.members.iter().map(|member| &member.token_id);
        let callers = self.callers.iter().map(|caller| &caller.arrival.token_id);
        let token_ids = members.chain(callers).cloned().collect();
        let decision = Decision::End { token_ids };
        let turn = self.next_turn();
        decided(by, turn, vec![decision], Deed::End)
    }

    /// Silences at once whom an undertaking sends away, and lets them hear
    /// nothing more, while it is not on record yet: nobody is told so before.
    pub fn cut_off(&mut self, undertaking: &Undertaking, now: Instant) -> Vec<Effect> {
        let is_meant = |token: &str| match &undertaking.deed {
            Deed::Remove { token_id, .. } => token == token_id,
            Deed::End => true,
            Deed::Admit(_) | Deed::Accept { .. } | Deed::Lock(_) => false,
        };
        let members = self.members.iter();
        let meant: Vec<_> = members
            .filter(|member| !member.is_cut_off && is_meant(&member.token_id))
            .map(|member| member.id)
            .collect();
        let mut effects: Vec<_> = meant.iter().copied().map(Effect::CutOff).collect();
        effects.extend(meant.into_iter().flat_map(|id| self.silence(id, now)));
        effects
    }

    /// Carries out what is on record now. What cannot be recorded is taken
    /// back; only who is sent away goes all the same, which then holds for as
    /// long as the server runs.
    pub fn conclude(
        &mut self,
        undertaking: Undertaking,
        is_on_record: bool,
        now: Instant,
    ) -> Vec<Effect> {
        let Undertaking { by, turn, deed, .. } = undertaking;
        let mut effects = Vec::new();
        if !is_on_record {
            let why = match deed {
                Deed::Remove { .. } | Deed::End => NOT_KEPT,
                Deed::Admit(_) | Deed::Accept { .. } | Deed::Lock(_) => NOT_DONE,
            };
            effects.push(tell_error(by, ErrorCode::Internal, why));
        }
        effects.extend(match deed {
            Deed::Admit(entering) if is_on_record => self.let_in(by, turn, entering, now),
            Deed::Admit(entering) => {
                for (id, _) in entering {
                    self.stay_at_door(id, turn);
                }
                Vec::new()
            }
            Deed::Accept {
                token_id,
                version,
                hash,
            } if is_on_record => {
                let action = Action::AcceptConsent { version, hash };
                self.pass_text(by, turn, &token_id, action, now)
            }
            Deed::Accept { .. } => {
                self.stay_at_door(by, turn);
                Vec::new()
            }
            Deed::Lock(locked) => {
                self.turns.pending_locks -= 1;
                // Another's later word may be in force already.
                if is_on_record && turn > self.turns.lock {
                    self.turns.lock = turn;
                    self.set_locked(by, locked)
                } else {
                    Vec::new()
                }
            }
            Deed::Remove { id, token_id } => {
                let mut effects = vec![Effect::done(by, id, Action::Remove)];
                effects.extend(self.remove_token(&token_id, now));
                effects
            }
            Deed::End => {
                let mut effects = vec![Effect::by(by, Action::End)];
                effects.extend(self.end());
                effects
            }
        });
        effects
    }

    fn stay_at_door(&mut self, id: ParticipantId, turn: u64) {
        if let Some(index) = self.caller_of_turn(id, turn) {
            self.callers[index].deciding = None;
        }
    }

    fn next_turn(&mut self) -> u64 {
        self.turns.last += 1;
        self.turns.last
    }
}

fn decided(by: ParticipantId, turn: u64, decisions: Vec<Decision>, deed: Deed) -> Decided {
    Decided {
        effects: Vec::new(),
        undertaking: Some(Undertaking {
            by,
            turn,
            decisions,
            deed,
        }),
    }
}

const NOT_DONE: &str = "this could not be stored and was not done; try again";

const NOT_KEPT: &str = "this is done, but could not be stored: it holds until the server ends";
