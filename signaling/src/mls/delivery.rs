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
    /// Whose socket is gone, and since when.
    away: BTreeMap<ParticipantId, Instant>,
}

/// A message for one participant.
pub type Told = (ParticipantId, ServerMessage);

/// Where somebody is in the group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Its leaf, from 0; unknown until it has said that it is in.
    pub leaf: Option<u32>,
    pub epoch: u32,
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
        self.away.remove(&id);
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
            Standing::Waiting(enrolment) if enrolment.is_overdue() => {
                enrolment.supply(key_package, now);
                self.sponsor(id, now, &mut told);
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
                *standing = Standing::Waiting(Enrolment::new(Some(key_package)));
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
            // It left meanwhile, or is in already; the committer hears of it
            // and tries again.
            if !matches!(self.participants.get(id), Some(Standing::Waiting(_))) {
                let epoch = group.epoch;
                return Ok(vec![(by, ServerMessage::MlsRefused { epoch })]);
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
        for commit in &report.commits {
            limit("commit", commit, MAX_COMMIT)?;
        }
        let Some(group) = &mut self.group else {
            if self.creator.is_none_or(|(creator, _)| creator != id) {
                self.recovering_until = Some(now + RECOVERY);
            }
            self.adopt(id, report, now);
            return Ok(Vec::new());
        };
        let present = group.epoch;
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
                    told.extend(feed(id, missed));
                    self.enter(id, Some(report.leaf));
                } else {
                    self.bring_back(id, &mut told);
                }
            }
            Comparison::Ahead if self.may_be_ahead(present, &report, now) => {
                let behind = self.members_besides(id);
                self.adopt(id, report, now);
                let missed = self
                    .group
                    .as_ref()
                    .and_then(|g| g.commits.since(present, now));
                for member in behind {
                    match &missed {
                        // Those who missed more, or are elsewhere, will say so.
                        Some(missed) => told.extend(feed(member, missed.clone())),
                        None => self.bring_back(member, &mut told),
                    }
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

    /// Where a member is, as far as the server was told.
    pub fn place(&self, id: ParticipantId) -> Option<Place> {
        match self.participants.get(&id)? {
            Standing::Member { leaf, .. } => Some(Place {
                leaf: *leaf,
                epoch: self.epoch()?,
            }),
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
        if self.group.is_some() && self.is_deserted(now) {
            self.group = None;
            self.recovering_until = None;
            for standing in self.participants.values_mut() {
                if let Standing::Member { .. } = standing {
                    *standing = Standing::Waiting(Enrolment::new(None));
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
            self.creator = Some((id, now));
            told.push((id, ServerMessage::MlsCreate {}));
        }
    }

    /// Brings somebody who waits in vain to a member, another one each time:
    /// the members may take it for one of them, so that none asks for it.
    fn sponsor(&mut self, id: ParticipantId, now: Instant, told: &mut Vec<Told>) {
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

    /// Takes a member's word for what the group is.
    fn adopt(&mut self, id: ParticipantId, report: GroupReport, now: Instant) {
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
        let mut commits = report.commits;
        let brought = commits.split_off(commits.len().saturating_sub(MAX_BROUGHT));
        let first = u32::try_from(brought.len())
            .ok()
            .and_then(|count| group.epoch.checked_sub(count));
        if let Some(first) = first {
            for (epoch, commit) in (first..).zip(brought) {
                group.commits.push(epoch, commit, now);
            }
        }
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

    /// Whether a member may know of epochs that the server does not: after a
    /// restart, later on only if it brings all commits that led there, so that
    /// the others can judge them.
    fn may_be_ahead(&self, present: u32, report: &GroupReport, now: Instant) -> bool {
        // A group that was made as if nobody had been here gives way.
        if present == 0 || self.is_recovering(now) {
            return true;
        }
        let is_returning = self
            .recovering_until
            .is_some_and(|until| now < until + RETURNING);
        let lacking = usize::try_from(report.epoch - present).unwrap_or(usize::MAX);
        is_returning && lacking <= report.commits.len().min(MAX_BROUGHT)
    }
}

fn hand_out(to: ParticipantId, of: ParticipantId, key_package: Opaque) -> Told {
    let message = ServerMessage::MlsKeyPackage {
        participant_id: of.to_string(),
        key_package,
    };
    (to, message)
}

fn feed(to: ParticipantId, missed: Vec<(u32, Opaque)>) -> impl Iterator<Item = Told> {
    missed
        .into_iter()
        .map(move |(epoch, commit)| (to, ServerMessage::MlsCommit { epoch, commit }))
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

/// How much longer those who were there come back one by one.
const RETURNING: Duration = Duration::from_secs(10);

/// For making a group.
const CREATION: Duration = Duration::from_secs(3);

const MAX_WELCOME_AGE: Duration = Duration::from_mins(1);

/// Within which a newcomer's question and its welcome may have crossed.
const WELCOME_TRAVEL: Duration = Duration::from_secs(2);

/// After which members without a socket welcome nobody.
const ABSENCE: Duration = Duration::from_secs(2);

/// Commits taken from one who comes back.
const MAX_BROUGHT: usize = 4;
