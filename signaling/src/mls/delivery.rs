//! The delivery service of one room.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sfu::identity::ParticipantId;
use thiserror::Error;

use super::commits::Commits;
use super::dispute::{Changes, People, State, person};
use super::enrolment::{Claim, Enrolment, Standing};
use super::former::FormerMembers;
use super::size::{MAX_KEY_PACKAGE, MAX_MESSAGE, limit, validate};
use crate::limits::{Rate, TokenBucket};
use crate::protocol::{ErrorCode, GroupCommit, Opaque, ServerMessage};

/// Orders a group's commits and brings newcomers to those who add them.
#[derive(Debug, Default)]
pub struct Delivery {
    pub(super) participants: BTreeMap<ParticipantId, Standing>,
    pub(super) group: Option<Group>,
    /// Who was asked to make the group, and when.
    pub(super) creator: Option<(ParticipantId, Instant)>,
    /// After a restart the highest epoch wins, so nothing is decided before
    /// members had the time to report theirs.
    pub(super) recovering_until: Option<Instant>,
    /// Whose socket is gone, and since when.
    pub(super) away: BTreeMap<ParticipantId, Instant>,
    /// Whose seats are whose; a seat that is not here is a person of its own.
    pub(super) people: People,
    pub(super) former: FormerMembers,
    /// How many commits each may make.
    paces: BTreeMap<ParticipantId, TokenBucket>,
    /// Whose commits are not taken for a while, by person.
    bars: BTreeMap<String, Bar>,
}

/// A message for one participant.
pub type Told = (ParticipantId, ServerMessage);

/// Where somebody is in the group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Its leaf, from 0; unknown until it has said that it is in.
    pub leaf: Option<u32>,
    /// The group's.
    pub epoch: u32,
    /// The one that it last said to be in.
    pub own_epoch: Option<u32>,
}

/// Why a message about the group was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Invalid {
    #[error("the {0} is too large")]
    TooLarge(&'static str),
    #[error("only a member of the group may say this")]
    NotAMember,
    #[error("a commit that adds somebody needs a welcome, and no other has one")]
    WelcomeMismatch,
    #[error("a commit adds somebody who cannot be anybody")]
    NotAnId,
}

#[derive(Debug)]
pub(super) struct Group {
    pub(super) state: State,
    pub(super) commits: Commits,
    pub(super) changes: Changes,
    pub(super) made_at: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Bar {
    until: Instant,
    length: Duration,
}

impl Delivery {
    /// Tells whose seat this is. Somebody with several has one voice.
    pub fn introduce(&mut self, id: ParticipantId, person: &str) {
        self.people.insert(id, person.to_owned());
    }

    /// Somebody came in and wants to be added to the group. Without a key
    /// package it will be asked for one.
    ///
    /// # Errors
    /// The key package is too large; nothing has changed.
    pub fn join(
        &mut self,
        id: ParticipantId,
        key_package: Option<Opaque>,
        now: Instant,
    ) -> Result<Vec<Told>, Invalid> {
        if let Some(key_package) = &key_package {
            limit("key package", key_package, MAX_KEY_PACKAGE)?;
        }
        let waiting = Standing::Waiting(Enrolment::new(key_package));
        self.participants.insert(id, waiting);
        let mut told = Vec::new();
        self.find_creator(now, &mut told);
        Ok(told)
    }

    /// Somebody left. The members see to it that the group's next epoch is
    /// without it.
    pub fn leave(&mut self, id: ParticipantId, now: Instant) -> Vec<Told> {
        if self.is_in_the_group(id) {
            let person = person(&self.people, id);
            self.former.note(id, person, now);
        }
        self.participants.remove(&id);
        self.away.remove(&id);
        self.people.remove(&id);
        self.paces.remove(&id);
        for standing in self.participants.values_mut() {
            if let Standing::Waiting(enrolment) = standing {
                enrolment.forget(id);
            }
        }
        if self.creator.is_some_and(|(creator, _)| creator == id) {
            self.creator = None;
        }
        let mut told = Vec::new();
        if let Some(group) = &mut self.group {
            group.changes.forget(id);
            self.judge(now, &mut told);
        }
        if !self.has_members() {
            self.group = None;
            self.recovering_until = None;
        }
        self.find_creator(now, &mut told);
        told
    }

    /// A newcomer gave another key package, or somebody whom the group knows
    /// no more wants to be added anew.
    ///
    /// # Errors
    /// The key package is too large; nothing has changed.
    pub fn key_package(
        &mut self,
        id: ParticipantId,
        key_package: Opaque,
        now: Instant,
    ) -> Result<Vec<Told>, Invalid> {
        limit("key package", &key_package, MAX_KEY_PACKAGE)?;
        let mut told = Vec::new();
        let Some(standing) = self.participants.get_mut(&id) else {
            return Ok(told);
        };
        match standing {
            Standing::Waiting(enrolment) if enrolment.is_overdue() => {
                enrolment.supply(key_package, now);
                enrolment.note_overdue(now);
                self.sponsor(id, now, &mut told);
                self.replace_mute_group(id, now, &mut told);
            }
            Standing::Waiting(enrolment) => {
                if let Some((next, key_package)) = enrolment.supply(key_package, now) {
                    told.push(hand_out(next, id, key_package));
                }
            }
            // It asked before its welcome came.
            Standing::Member {
                welcome: Some((_, since)),
                ..
            } if now.saturating_duration_since(*since) < WELCOME_TRAVEL => {}
            Standing::Member { .. } => {
                *standing = Standing::Waiting(Enrolment::of_former(Some(key_package)));
                if let Some(group) = &mut self.group {
                    group.changes.give_up(id, now);
                    self.judge(now, &mut told);
                }
                if !self.has_members() {
                    self.group = None;
                }
            }
        }
        self.find_creator(now, &mut told);
        Ok(told)
    }

    /// Somebody's socket is gone, or is there again. Nobody waits for long to
    /// be welcomed by members none of whom hears it.
    pub fn set_away(&mut self, id: ParticipantId, away: bool, now: Instant) {
        if away {
            self.away.entry(id).or_insert(now);
        } else {
            self.away.remove(&id);
        }
    }

    /// A member wants to add these.
    ///
    /// # Errors
    /// It is no member.
    pub fn claim(
        &mut self,
        by: ParticipantId,
        wanted: impl IntoIterator<Item = ParticipantId>,
        now: Instant,
    ) -> Result<Vec<Told>, Invalid> {
        self.require_member(by)?;
        let mut told = Vec::new();
        if self.is_barred(by, now) {
            return Ok(told);
        }
        for id in wanted {
            let Some(Standing::Waiting(enrolment)) = self.participants.get_mut(&id) else {
                continue;
            };
            match enrolment.claim(by, now) {
                Claim::HandOut(key_package) => told.push(hand_out(by, id, key_package)),
                Claim::Ask => told.push((id, ServerMessage::MlsKeyPackageWanted {})),
                Claim::Wait => {}
            }
        }
        Ok(told)
    }

    /// A member wants to start the next epoch: the first one does. `added` are
    /// those whom the commit adds, `None` if one of them cannot be anybody.
    ///
    /// # Errors
    /// It is no member, or the commit does not fit its own description.
    pub fn commit(
        &mut self,
        by: ParticipantId,
        commit: GroupCommit,
        added: Option<&[ParticipantId]>,
        now: Instant,
    ) -> Result<Vec<Told>, Invalid> {
        self.require_member(by)?;
        validate(&commit)?;
        let added = added.ok_or(Invalid::NotAnId)?;
        self.forget_welcomes(now);
        // Those who are not waiting left meanwhile, or are in already; the
        // committer hears of it and tries again.
        let can_wait = self.is_recovering(now)
            || self.is_barred(by, now)
            || !added.iter().all(|id| self.is_waiting(*id));
        let electors = self.members_in_the_group();
        let Some(group) = &mut self.group else {
            return Err(Invalid::NotAMember);
        };
        let epoch = group.state.epoch;
        group.changes.settle(&self.people, now);
        let next = epoch.checked_add(1).filter(|_| commit.epoch == epoch);
        let next = next.filter(|_| !can_wait && !group.changes.is_full_of(by, &self.people));
        let pace = self.paces.entry(by);
        let pace = pace.or_insert_with(|| TokenBucket::new(COMMITS, now));
        let Some(next) = next.filter(|_| pace.take(1, now)) else {
            return Ok(vec![(by, ServerMessage::MlsRefused { epoch })]);
        };

        let leaf = commit.leaf;
        let state = State {
            epoch: next,
            transcript_hash: commit.transcript_hash,
            info: Some(commit.group_info),
        };
        let before = std::mem::replace(&mut group.state, state);
        group.changes.follow(by);
        group.changes.push(by, before, added, electors, now);
        group.commits.push(epoch, commit.commit.clone(), now);
        let mut told = vec![(by, ServerMessage::MlsAccepted { epoch })];
        for (id, standing) in &self.participants {
            if *id != by && matches!(standing, Standing::Member { .. }) {
                let commit = commit.commit.clone();
                told.push((*id, ServerMessage::MlsCommit { epoch, commit }));
            }
        }
        self.enter(by, Some(leaf), Some(next));
        if let Some(welcome) = commit.welcome {
            for id in added {
                let standing = Standing::Member {
                    leaf: None,
                    epoch: None,
                    welcome: Some((welcome.clone(), now)),
                };
                self.participants.insert(*id, standing);
                let welcome = welcome.clone();
                told.push((*id, ServerMessage::MlsWelcome { welcome }));
            }
        }
        Ok(told)
    }

    /// Passes on what a member says to all others.
    ///
    /// # Errors
    /// It is no member, or the message is too large.
    pub fn message(&self, from: ParticipantId, message: &Opaque) -> Result<Vec<Told>, Invalid> {
        self.require_member(from)?;
        limit("message", message, MAX_MESSAGE)?;
        Ok(self
            .members_besides(from)
            .into_iter()
            .map(|id| {
                let message = message.clone();
                (id, ServerMessage::MlsMessage { message })
            })
            .collect())
    }

    /// Where a member is, as far as the server was told.
    pub fn place(&self, id: ParticipantId) -> Option<Place> {
        match self.participants.get(&id)? {
            Standing::Member { leaf, epoch, .. } => Some(Place {
                leaf: *leaf,
                epoch: self.epoch()?,
                own_epoch: *epoch,
            }),
            Standing::Waiting(_) => None,
        }
    }

    /// The epoch that the group is in, as far as the server was told.
    pub fn epoch(&self) -> Option<u32> {
        self.group.as_ref().map(|group| group.state.epoch)
    }

    /// Takes back what most of those who are to follow it refuse.
    pub(super) fn judge(&mut self, now: Instant, told: &mut Vec<Told>) {
        let are_returning = self.are_returning(now);
        let Some(group) = &mut self.group else {
            return;
        };
        group.changes.settle(&self.people, now);
        // Then many lack much, and not because they refuse it.
        if are_returning {
            return;
        }
        let Some(undone) = group.changes.undo(&self.people) else {
            return;
        };
        let epoch = undone.before.epoch;
        group.commits.truncate(epoch);
        group.state = undone.before;
        if undone.is_clear {
            self.bar(undone.author, now);
        }
        if self.participants.contains_key(&undone.author) {
            let error = ServerMessage::Error {
                code: ErrorCode::InvalidGroupMessage,
                message: UNDONE.to_owned(),
                fatal: false,
            };
            told.push((undone.author, error));
        }
        for (id, standing) in &mut self.participants {
            let Standing::Member {
                epoch: of, leaf, ..
            } = standing
            else {
                continue;
            };
            // Was told the way elsewhere: it is to say where it is.
            if leaf.is_none() && undone.refused_by.contains(id) {
                told.push((*id, ServerMessage::MlsCreate {}));
                continue;
            }
            let is_beyond = of.is_some_and(|of| of > epoch);
            if is_beyond || *id == undone.author || undone.added.contains(id) {
                *standing = Standing::Waiting(Enrolment::of_former(None));
                told.push((*id, ServerMessage::MlsKeyPackageWanted {}));
            }
        }
        if !self.has_members() {
            self.group = None;
        }
        self.find_creator(now, told);
    }

    /// Takes no commit of a person for a while, each time for longer.
    fn bar(&mut self, id: ParticipantId, now: Instant) {
        let forgotten = |bar: &Bar| now.saturating_duration_since(bar.until) > MEMORY;
        self.bars.retain(|_, bar| !forgotten(bar));
        let person = person(&self.people, id);
        let before = self.bars.get(&person).map(|bar| bar.length * 4);
        let length = before.unwrap_or(BAR).min(LONGEST_BAR);
        let until = now + length;
        self.bars.insert(person, Bar { until, length });
    }

    /// Whether somebody's commits are not taken, while others can commit.
    fn is_barred(&self, id: ParticipantId, now: Instant) -> bool {
        let is_listed = |id| {
            let bar = self.bars.get(&person(&self.people, id));
            bar.is_some_and(|bar| now < bar.until)
        };
        is_listed(id)
            && self
                .members_in_the_group()
                .into_iter()
                .any(|other| !is_listed(other) && !self.away.contains_key(&other))
    }

    pub(super) fn enter(&mut self, id: ParticipantId, leaf: Option<u32>, epoch: Option<u32>) {
        let standing = Standing::Member {
            leaf,
            epoch,
            welcome: None,
        };
        self.participants.insert(id, standing);
    }

    fn require_member(&self, id: ParticipantId) -> Result<(), Invalid> {
        match self.participants.get(&id) {
            Some(Standing::Member { .. }) => Ok(()),
            Some(Standing::Waiting(_)) | None => Err(Invalid::NotAMember),
        }
    }

    fn is_waiting(&self, id: ParticipantId) -> bool {
        matches!(self.participants.get(&id), Some(Standing::Waiting(_)))
    }

    /// Whether somebody has shown to be in.
    pub(super) fn is_in_the_group(&self, id: ParticipantId) -> bool {
        let standing = self.participants.get(&id);
        matches!(standing, Some(Standing::Member { epoch: Some(_), .. }))
    }

    /// Those who have shown to be in.
    pub(super) fn members_in_the_group(&self) -> Vec<ParticipantId> {
        let members = self
            .participants
            .iter()
            .filter(|(_, standing)| matches!(standing, Standing::Member { epoch: Some(_), .. }));
        members.map(|(id, _)| *id).collect()
    }

    pub(super) fn members_besides(&self, id: ParticipantId) -> Vec<ParticipantId> {
        self.participants
            .iter()
            .filter(|(other, standing)| {
                **other != id && matches!(standing, Standing::Member { .. })
            })
            .map(|(other, _)| *other)
            .collect()
    }

    fn has_members(&self) -> bool {
        self.participants
            .values()
            .any(|standing| matches!(standing, Standing::Member { .. }))
    }
}

pub(super) fn hand_out(to: ParticipantId, of: ParticipantId, key_package: Opaque) -> Told {
    let message = ServerMessage::MlsKeyPackage {
        participant_id: of.to_string(),
        key_package,
    };
    (to, message)
}

/// Each member's commits. One costs every other some 30 ms; who comes or goes
/// meanwhile is in the next.
const COMMITS: Rate = Rate {
    per_second: 2,
    burst: 10,
};

/// Within which a newcomer's question and its welcome may have crossed.
const WELCOME_TRAVEL: Duration = Duration::from_secs(2);

/// The first time that somebody's commits are not taken; four times as long
/// with each further one.
const BAR: Duration = Duration::from_secs(10);
const LONGEST_BAR: Duration = Duration::from_mins(10);

/// How long after its end a bar is remembered.
const MEMORY: Duration = Duration::from_mins(30);

const UNDONE: &str = "the others could not follow a change of the group; it is undone";
