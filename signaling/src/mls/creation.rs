//! Who makes the group, and what becomes of one whose members let nobody in.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use sfu::identity::ParticipantId;

use super::delivery::{Delivery, Told, hand_out};
use super::dispute::person;
use super::enrolment::{Enrolment, Standing};
use crate::protocol::ServerMessage;

impl Delivery {
    /// Somebody who waits makes the group if nobody is in one, or if the one
    /// who was asked does not.
    pub(super) fn find_creator(&mut self, now: Instant, told: &mut Vec<Told>) {
        let is_late = |since: Instant| now.saturating_duration_since(since) > CREATION;
        if self.group.is_some() && self.is_deserted(now) {
            self.group = None;
            self.recovering_until = None;
            for standing in self.participants.values_mut() {
                if let Standing::Member { .. } = standing {
                    *standing = Standing::Waiting(Enrolment::of_former(None));
                }
            }
        }
        if self.group.is_some() || self.creator.is_some_and(|(_, since)| !is_late(since)) {
            return;
        }
        let late = self.creator.map(|(creator, _)| creator);
        let mut waiting = self.participants.keys().filter(|id| Some(**id) != late);
        let next = waiting.find(|id| !self.away.contains_key(id));
        if let Some(id) = next.copied() {
            self.ask_to_create(id, now, told);
        }
    }

    fn ask_to_create(&mut self, id: ParticipantId, now: Instant, told: &mut Vec<Told>) {
        self.creator = Some((id, now));
        if let Some(Standing::Waiting(enrolment)) = self.participants.get_mut(&id) {
            enrolment.ask_to_create();
        }
        told.push((id, ServerMessage::MlsCreate {}));
    }

    /// Gives a group up whose members let nobody in, once more people wait in
    /// vain than are in it: the one that asked makes another.
    pub(super) fn replace_mute_group(
        &mut self,
        asker: ParticipantId,
        now: Instant,
        told: &mut Vec<Told>,
    ) {
        let mut neglected = BTreeSet::new();
        let mut inside = BTreeSet::new();
        for (id, standing) in &self.participants {
            match standing {
                Standing::Waiting(enrolment) if enrolment.is_neglected(now) => {
                    neglected.insert(person(&self.people, *id));
                }
                Standing::Waiting(_) => {}
                Standing::Member { .. } => {
                    inside.insert(person(&self.people, *id));
                }
            }
        }
        let waits = matches!(self.participants.get(&asker),
            Some(Standing::Waiting(enrolment)) if enrolment.is_neglected(now));
        if self.group.is_none() || !waits || neglected.len() <= inside.len() {
            return;
        }
        self.group = None;
        self.recovering_until = None;
        self.ask_to_create(asker, now, told);
        for (id, standing) in &mut self.participants {
            match standing {
                Standing::Member { .. } => {
                    *standing = Standing::Waiting(Enrolment::of_former(None));
                    told.push((*id, ServerMessage::MlsKeyPackageWanted {}));
                }
                // Each has as much time with the new group.
                Standing::Waiting(enrolment) => enrolment.forget_overdue(),
            }
        }
    }

    /// Brings somebody who waits in vain to a member, another one each time:
    /// the members may take it for one of them, so that none asks for it.
    pub(super) fn sponsor(&mut self, id: ParticipantId, now: Instant, told: &mut Vec<Told>) {
        let mut members: Vec<_> = self
            .participants
            .iter()
            .filter(|(member, _)| !self.away.contains_key(member))
            .filter_map(|(member, standing)| match standing {
                Standing::Member { leaf, .. } => Some(((*leaf)?, *member)),
                Standing::Waiting(_) => None,
            })
            .collect();
        members.sort_unstable();
        let Some(Standing::Waiting(enrolment)) = self.participants.get_mut(&id) else {
            return;
        };
        let last = members
            .iter()
            .position(|(_, member)| Some(*member) == enrolment.sponsor());
        let next = last.map_or(0, |last| last + 1) % members.len().max(1);
        let Some((_, member)) = members.get(next) else {
            return;
        };
        if let Some(key_package) = enrolment.hand_to_sponsor(*member, now) {
            told.push(hand_out(*member, id, key_package));
        }
    }

    /// Whether there are members and none of them has been heard of lately.
    fn is_deserted(&self, now: Instant) -> bool {
        self.participants
            .iter()
            .filter(|(_, standing)| matches!(standing, Standing::Member { .. }))
            .all(|(id, _)| {
                self.away
                    .get(id)
                    .is_some_and(|since| now.saturating_duration_since(*since) > ABSENCE)
            })
    }
}

/// For making a group.
const CREATION: Duration = Duration::from_secs(3);

/// After which members without a socket welcome nobody.
const ABSENCE: Duration = Duration::from_secs(2);
