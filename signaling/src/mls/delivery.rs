//! The delivery service of one room.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sfu::identity::ParticipantId;
use thiserror::Error;

use super::commits::Commits;
use super::enrolment::{Claim, Enrolment, Standing};
use super::recovery::{Comparison, compare};
use crate::protocol::{GroupCommit, GroupReport, Opaque, ServerMessage};

/// Orders a group's commits and brings newcomers to those who add them.
#[derive(Debug, Default)]
pub struct Delivery {
    participants: BTreeMap<ParticipantId, Standing>,
    group: Option<Group>,
    /// Who was asked to make the group, and when.
    creator: Option<(ParticipantId, Instant)>,
    /// After a restart the highest epoch wins, so nothing is decided before
    /// members had the time to report theirs.
    recovering_until: Option<Instant>,
}

/// A message for one participant.
pub type Told = (ParticipantId, ServerMessage);

/// Why a message about the group was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Invalid {
    #[error("the {0} is too large")]
    TooLarge(&'static str),
    #[error("only a member of the group may say this")]
    NotAMember,
    #[error("a commit that adds somebody needs a welcome, and no other has one")]
    WelcomeMismatch,
    #[error("a commit adds somebody who does not wait to be added")]
    NotWaiting,
}

#[derive(Debug)]
struct Group {
    epoch: u32,
    transcript_hash: Opaque,
    /// For those who lost the group to come back by.
    info: Option<Opaque>,
    commits: Commits,
}

impl Delivery {
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
        self.participants.remove(&id);
        for standing in self.participants.values_mut() {
            if let Standing::Waiting(enrolment) = standing {
                enrolment.forget(id);
            }
        }
        if self.creator.is_some_and(|(creator, _)| creator == id) {
            self.creator = None;
        }
        if !self.has_members() {
            self.group = None;
            self.recovering_until = None;
        }
        let mut told = Vec::new();
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
            Standing::Waiting(enrolment) => {
                if let Some((next, key_package)) = enrolment.supply(key_package, now) {
                    told.push(hand_out(next, id, key_package));
                }
            }
            Standing::Member { .. } => {
                *standing = Standing::Waiting(Enrolment::new(Some(key_package)));
                if !self.has_members() {
                    self.group = None;
                }
            }
        }
        self.find_creator(now, &mut told);
        Ok(told)
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
        let added = added.ok_or(Invalid::NotWaiting)?;
        let is_recovering = self.is_recovering(now);
        let Some(group) = &mut self.group else {
            return Err(Invalid::NotAMember);
        };
        let next = group.epoch.checked_add(1);
        let (Some(next), true, false) = (next, commit.epoch == group.epoch, is_recovering) else {
            let epoch = group.epoch;
            return Ok(vec![(by, ServerMessage::MlsRefused { epoch })]);
        };
        for id in added {
            if !matches!(self.participants.get(id), Some(Standing::Waiting(_))) {
                // It left meanwhile; the committer hears of it and tries again.
                if !self.participants.contains_key(id) {
                    let epoch = group.epoch;
                    return Ok(vec![(by, ServerMessage::MlsRefused { epoch })]);
                }
                return Err(Invalid::NotWaiting);
            }
        }

        let epoch = commit.epoch;
        let leaf = commit.leaf;
        group.epoch = next;
        group.transcript_hash = commit.transcript_hash;
        group.info = Some(commit.group_info);
        group.commits.push(epoch, commit.commit.clone(), now);
        let mut told = vec![(by, ServerMessage::MlsAccepted { epoch })];
        for (id, standing) in &self.participants {
            if *id != by && matches!(standing, Standing::Member { .. }) {
                let commit = commit.commit.clone();
                told.push((*id, ServerMessage::MlsCommit { epoch, commit }));
            }
        }
        self.enter(by, Some(leaf));
        if let Some(welcome) = commit.welcome {
            for id in added {
                let standing = Standing::Member {
                    leaf: None,
                    welcome: Some((welcome.clone(), now)),
                };
                self.participants.insert(*id, standing);
                let welcome = welcome.clone();
                told.push((*id, ServerMessage::MlsWelcome { welcome }));
            }
        }
        Ok(told)
    }

    /// Somebody says in which epoch it is: after each change, and when it
    /// comes back.
    ///
    /// # Errors
    /// A part of it is too large; nothing has changed.
    pub fn report(
        &mut self,
        id: ParticipantId,
        report: GroupReport,
        now: Instant,
    ) -> Result<Vec<Told>, Invalid> {
        limit("transcript hash", &report.transcript_hash, MAX_HASH)?;
        if let Some(group_info) = &report.group_info {
            limit("group info", group_info, MAX_GROUP_INFO)?;
        }
        let Some(group) = &mut self.group else {
            if self.creator.is_none_or(|(creator, _)| creator != id) {
                self.recovering_until = Some(now + RECOVERY);
            }
            self.adopt(id, report);
            return Ok(Vec::new());
        };
        let theirs = (report.epoch, &report.transcript_hash);
        let mut told = Vec::new();
        match compare(theirs, (group.epoch, &group.transcript_hash)) {
            Comparison::Same => {
                if report.group_info.is_some() {
                    group.info = report.group_info;
                }
                self.enter(id, Some(report.leaf));
            }
            // What it misses is on its way to it.
            Comparison::Behind if report.group_info.is_none() => self.enter(id, Some(report.leaf)),
            Comparison::Behind => {
                if let Some(missed) = group.commits.since(report.epoch, now) {
                    told.extend(
                        missed.into_iter().map(|(epoch, commit)| {
                            (id, ServerMessage::MlsCommit { epoch, commit })
                        }),
                    );
                    self.enter(id, Some(report.leaf));
                } else {
                    self.bring_back(id, &mut told);
                }
            }
            Comparison::Ahead if self.is_recovering(now) => {
                let behind = self.members_besides(id);
                self.adopt(id, report);
                for member in behind {
                    self.bring_back(member, &mut told);
                }
            }
            Comparison::Ahead | Comparison::Forked => self.bring_back(id, &mut told),
        }
        Ok(told)
    }

    /// Somebody lost the group and asks for the way back.
    pub fn resync(&mut self, id: ParticipantId, now: Instant) -> Vec<Told> {
        let mut told = Vec::new();
        match self.participants.get(&id) {
            Some(Standing::Member {
                welcome: Some((welcome, since)),
                ..
            }) if now.saturating_duration_since(*since) <= MAX_WELCOME_AGE => {
                let welcome = welcome.clone();
                told.push((id, ServerMessage::MlsWelcome { welcome }));
            }
            Some(Standing::Member { .. }) => self.bring_back(id, &mut told),
            Some(Standing::Waiting(_)) | None => {}
        }
        told
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

    /// Where in the tree somebody is, and in which epoch it may be sending.
    pub fn place(&self, id: ParticipantId) -> Option<(u32, u32)> {
        match self.participants.get(&id)? {
            Standing::Member { leaf, .. } => Some(((*leaf)?, self.epoch()?)),
            Standing::Waiting(_) => None,
        }
    }

    /// The epoch that the group is in, as far as the server was told.
    pub fn epoch(&self) -> Option<u32> {
        self.group.as_ref().map(|group| group.epoch)
    }

    /// Somebody who waits makes the group if nobody is in one, or if the one
    /// who was asked does not.
    fn find_creator(&mut self, now: Instant, told: &mut Vec<Told>) {
        let is_late = |since: Instant| now.saturating_duration_since(since) > CREATION;
        if self.group.is_some() || self.creator.is_some_and(|(_, since)| !is_late(since)) {
            return;
        }
        let late = self.creator.map(|(creator, _)| creator);
        let next = self.participants.keys().find(|id| Some(**id) != late);
        if let Some(id) = next.copied() {
            self.creator = Some((id, now));
            told.push((id, ServerMessage::MlsCreate {}));
        }
    }

    /// Takes a member's word for what the group is.
    fn adopt(&mut self, id: ParticipantId, report: GroupReport) {
        let group = self.group.get_or_insert_with(|| Group {
            epoch: 0,
            transcript_hash: report.transcript_hash.clone(),
            info: None,
            commits: Commits::default(),
        });
        group.epoch = report.epoch;
        group.transcript_hash = report.transcript_hash;
        group.info = report.group_info;
        group.commits.clear();
        self.creator = None;
        self.enter(id, Some(report.leaf));
    }

    fn enter(&mut self, id: ParticipantId, leaf: Option<u32>) {
        let welcome = None;
        self.participants
            .insert(id, Standing::Member { leaf, welcome });
    }

    /// Tells somebody how to get into the group as it is: with its own key if
    /// that is in the tree still, else by a new key package. Only the client
    /// can tell which.
    fn bring_back(&mut self, id: ParticipantId, told: &mut Vec<Told>) {
        let group = self.group.as_ref();
        let group_info = group.and_then(|group| Some((group.epoch, group.info.clone()?)));
        if let Some((epoch, group_info)) = group_info {
            self.enter(id, None);
            told.push((id, ServerMessage::MlsGroupInfo { epoch, group_info }));
        } else {
            let waiting = Standing::Waiting(Enrolment::new(None));
            self.participants.insert(id, waiting);
            told.push((id, ServerMessage::MlsKeyPackageWanted {}));
        }
    }

    fn require_member(&self, id: ParticipantId) -> Result<(), Invalid> {
        match self.participants.get(&id) {
            Some(Standing::Member { .. }) => Ok(()),
            Some(Standing::Waiting(_)) | None => Err(Invalid::NotAMember),
        }
    }

    fn members_besides(&self, id: ParticipantId) -> Vec<ParticipantId> {
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

    fn is_recovering(&self, now: Instant) -> bool {
        self.recovering_until.is_some_and(|until| now < until)
    }
}

fn hand_out(to: ParticipantId, of: ParticipantId, key_package: Opaque) -> Told {
    let message = ServerMessage::MlsKeyPackage {
        participant_id: of.to_string(),
        key_package,
    };
    (to, message)
}

fn validate(commit: &GroupCommit) -> Result<(), Invalid> {
    limit("commit", &commit.commit, MAX_COMMIT)?;
    limit("group info", &commit.group_info, MAX_GROUP_INFO)?;
    limit("transcript hash", &commit.transcript_hash, MAX_HASH)?;
    if commit.added.is_empty() != commit.welcome.is_none() {
        return Err(Invalid::WelcomeMismatch);
    }
    Ok(())
}

fn limit(what: &'static str, opaque: &Opaque, most: usize) -> Result<(), Invalid> {
    if opaque.len() > most {
        return Err(Invalid::TooLarge(what));
    }
    Ok(())
}

// Characters of base64url. In a room of 25 a commit has up to 9,000, a group
// info 10,000, a key package 1,000.
const MAX_KEY_PACKAGE: usize = 16 * 1024;
const MAX_COMMIT: usize = 64 * 1024;
const MAX_GROUP_INFO: usize = 64 * 1024;
const MAX_MESSAGE: usize = 24 * 1024;
const MAX_HASH: usize = 128;

/// After the first report of somebody who was there before a restart.
const RECOVERY: Duration = Duration::from_secs(1);

/// For making a group.
const CREATION: Duration = Duration::from_secs(3);

const MAX_WELCOME_AGE: Duration = Duration::from_mins(1);
