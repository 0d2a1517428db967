//! Members say where they stand, and are brought to where the group is.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use sfu::identity::ParticipantId;

use super::commits::Commits;
use super::delivery::{Delivery, Group, Invalid, Told};
use super::dispute::{Changes, State, person};
use super::enrolment::{Enrolment, Standing};
use super::size::{MAX_COMMIT, MAX_GROUP_INFO, MAX_HASH, limit};
use crate::protocol::{GroupReport, Opaque, ServerMessage};

impl Delivery {
    /// Somebody comes in who says to be in the group already, as after a
    /// restart of the server. If none of the others can know, it is to be added
    /// like anybody else.
    ///
    /// # Errors
    /// A part of its report is too large; nothing has changed.
    pub fn rejoin(
        &mut self,
        id: ParticipantId,
        report: GroupReport,
        now: Instant,
    ) -> Result<Vec<Told>, Invalid> {
        validate(&report)?;
        if self.is_stranger(id, now) {
            let claimant = Standing::Waiting(Enrolment::of_claimant());
            self.participants.insert(id, claimant);
            return Ok(vec![(id, ServerMessage::MlsKeyPackageWanted {})]);
        }
        Ok(self.stand(id, report, true, now))
    }

    /// Somebody says in which epoch it is: after each change, and when it
    /// cannot follow one.
    ///
    /// # Errors
    /// A part of it is too large, or it has never been in the group nor been
    /// asked to make it; nothing has changed.
    pub fn report(
        &mut self,
        id: ParticipantId,
        report: GroupReport,
        now: Instant,
    ) -> Result<Vec<Told>, Invalid> {
        validate(&report)?;
        match self.participants.get(&id) {
            Some(Standing::Member { .. }) => {}
            Some(Standing::Waiting(enrolment)) if enrolment.is_former() => {}
            // It may well be inside, but who can tell?
            Some(Standing::Waiting(enrolment)) if enrolment.is_claimant() => return Ok(Vec::new()),
            Some(Standing::Waiting(_)) | None => return Err(Invalid::NotAMember),
        }
        Ok(self.stand(id, report, false, now))
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
            Some(Standing::Member { .. }) => {
                let group = self.group.as_mut();
                let refuses = group.is_some_and(|group| group.changes.insist(id, now));
                self.judge(now, &mut told);
                // Whether the others can follow is seen first.
                if told.is_empty() && !refuses {
                    self.bring_back(id, &mut told);
                }
            }
            Some(Standing::Waiting(_)) | None => {}
        }
        told
    }

    pub(super) fn is_recovering(&self, now: Instant) -> bool {
        self.recovering_until.is_some_and(|until| now < until)
    }

    /// Whether those who were there before a restart may still be coming back.
    pub(super) fn are_returning(&self, now: Instant) -> bool {
        self.recovering_until
            .is_some_and(|until| now < until + RETURNING)
    }

    /// Whether somebody who says to be in the group was not known to be, at a
    /// time when who was inside is known.
    fn is_stranger(&self, id: ParticipantId, now: Instant) -> bool {
        let Some(group) = &self.group else {
            return false;
        };
        let is_settled = !self.are_returning(now) && !group.is_new(now);
        let person = person(&self.people, id);
        is_settled && !self.is_in_the_group(id) && !self.former.has(id, &person, now)
    }

    /// Forgets welcomes that nobody will ask for.
    pub(super) fn forget_welcomes(&mut self, now: Instant) {
        for standing in self.participants.values_mut() {
            if let Standing::Member { welcome, .. } = standing {
                welcome
                    .take_if(|(_, since)| now.saturating_duration_since(*since) > MAX_WELCOME_AGE);
            }
        }
    }

    fn stand(
        &mut self,
        id: ParticipantId,
        report: GroupReport,
        rejoins: bool,
        now: Instant,
    ) -> Vec<Told> {
        let mut told = Vec::new();
        let Some(group) = &mut self.group else {
            if self.creator.is_none_or(|(creator, _)| creator != id) {
                self.recovering_until = Some(now + RECOVERY);
            }
            self.adopt(id, report, now);
            return told;
        };
        let present = &group.state;
        let theirs = (report.epoch, &report.transcript_hash);
        match compare(theirs, (present.epoch, &present.transcript_hash)) {
            Comparison::Same => {
                if report.group_info.is_some() {
                    group.state.info = report.group_info;
                }
                group.changes.follow(id);
                self.enter(id, Some(report.leaf), Some(report.epoch));
            }
            Comparison::Behind => {
                let is_complete = report.group_info.is_some();
                // What was sent to one who joins again is lost with its socket.
                let cannot_follow = is_complete && !rejoins;
                let is_known = group.changes.stand(id, theirs, cannot_follow, now);
                let missed = group.commits.since(report.epoch, now);
                match missed {
                    // What it misses is on its way to it.
                    _ if !is_complete => self.stay(id, &report, is_known),
                    Some(missed) => {
                        told.extend(feed(id, missed));
                        self.stay(id, &report, is_known);
                    }
                    None => self.bring_back(id, &mut told),
                }
            }
            Comparison::Ahead if self.may_be_ahead(&report, rejoins, now) => {
                self.go_ahead(id, report, now, &mut told);
            }
            Comparison::Ahead | Comparison::Forked => self.bring_back(id, &mut told),
        }
        self.judge(now, &mut told);
        told
    }

    /// A member in a former epoch, which is the server's own if `is_known`.
    fn stay(&mut self, id: ParticipantId, report: &GroupReport, is_known: bool) {
        let before = match self.participants.get(&id) {
            Some(Standing::Member { epoch, .. }) => *epoch,
            Some(Standing::Waiting(_)) | None => None,
        };
        let epoch = is_known.then_some(report.epoch).or(before);
        self.enter(id, Some(report.leaf), epoch);
    }

    /// Takes over a later state, and brings the others to it. They may refuse
    /// it, if they can be expected to follow.
    fn go_ahead(
        &mut self,
        id: ParticipantId,
        report: GroupReport,
        now: Instant,
        told: &mut Vec<Told>,
    ) {
        let Some(before) = self.group.as_ref().map(|group| group.state.clone()) else {
            return;
        };
        let behind = self.members_besides(id);
        let electors = self.members_in_the_group();
        let open = self.group.as_mut();
        let open = open.map(|group| std::mem::take(&mut group.changes));
        self.adopt(id, report, now);
        let Some(group) = &mut self.group else {
            return;
        };
        let missed = group.commits.since(before.epoch, now);
        // Nobody puts a change beyond undoing by building on it.
        if missed.is_some() {
            group.changes = open.unwrap_or_default();
        }
        let is_first = before.epoch == 0;
        if missed.is_some() || is_first {
            group.changes.push(id, before, &[], electors, now);
        }
        if missed.is_none() {
            group.changes.replace_newest();
        }
        for member in behind {
            match &missed {
                // Those who missed more, or are elsewhere, will say so.
                Some(missed) => told.extend(feed(member, missed.clone())),
                None => self.bring_back(member, told),
            }
        }
    }

    /// Takes a member's word for what the group is.
    fn adopt(&mut self, id: ParticipantId, report: GroupReport, now: Instant) {
        let made_at = self.group.as_ref().map_or(now, |group| group.made_at);
        let state = State {
            epoch: report.epoch,
            transcript_hash: report.transcript_hash,
            info: report.group_info,
        };
        let mut commits = Commits::default();
        let mut brought = report.commits;
        let brought = brought.split_off(brought.len().saturating_sub(MAX_BROUGHT));
        let first = u32::try_from(brought.len())
            .ok()
            .and_then(|count| state.epoch.checked_sub(count));
        if let Some(first) = first {
            for (epoch, commit) in (first..).zip(brought) {
                commits.push(epoch, commit, now);
            }
        }
        self.group = Some(Group {
            state,
            commits,
            changes: Changes::default(),
            made_at,
        });
        self.creator = None;
        self.enter(id, Some(report.leaf), Some(report.epoch));
    }

    /// Tells somebody how to get into the group as it is: with its own key if
    /// that is in the tree still, else by a new key package. Only the client
    /// can tell which.
    fn bring_back(&mut self, id: ParticipantId, told: &mut Vec<Told>) {
        let state = self.group.as_ref().map(|group| &group.state);
        let group_info = state.and_then(|state| Some((state.epoch, state.info.clone()?)));
        if let Some((epoch, group_info)) = group_info {
            self.enter(id, None, None);
            told.push((id, ServerMessage::MlsGroupInfo { epoch, group_info }));
        } else {
            let waiting = Standing::Waiting(Enrolment::of_former(None));
            self.participants.insert(id, waiting);
            told.push((id, ServerMessage::MlsKeyPackageWanted {}));
        }
    }

    /// Whether somebody may know of epochs that the server does not: after a
    /// restart, later on only if it brings all commits that led there, so that
    /// the others can judge them.
    fn may_be_ahead(&self, report: &GroupReport, rejoins: bool, now: Instant) -> bool {
        let Some(group) = &self.group else {
            return true;
        };
        let present = group.state.epoch;
        // A group that was made as if nobody had been here gives way.
        if self.is_recovering(now) || (rejoins && group.is_new(now)) {
            return true;
        }
        let lacking = usize::try_from(report.epoch - present).unwrap_or(usize::MAX);
        self.are_returning(now) && lacking <= report.commits.len().min(MAX_BROUGHT)
    }
}

impl Group {
    /// Whether it may have been made because the server forgot another one.
    fn is_new(&self, now: Instant) -> bool {
        self.state.epoch == 0 && now < self.made_at + RECOVERY + RETURNING
    }
}

/// How a member's state compares to the room's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Comparison {
    Same,
    /// It missed commits.
    Behind,
    /// It knows commits that the server does not.
    Ahead,
    /// It is in another group, or on another branch of this one.
    Forked,
}

/// Compares by epoch and confirmed transcript hash. An older epoch's hash is
/// not kept: a fork that is behind shows when the commits do not fit.
pub(super) fn compare(
    (epoch, hash): (u32, &Opaque),
    (present_epoch, present_hash): (u32, &Opaque),
) -> Comparison {
    match epoch.cmp(&present_epoch) {
        Ordering::Less => Comparison::Behind,
        Ordering::Greater => Comparison::Ahead,
        Ordering::Equal if hash == present_hash => Comparison::Same,
        Ordering::Equal => Comparison::Forked,
    }
}

fn feed(to: ParticipantId, missed: Vec<(u32, Opaque)>) -> impl Iterator<Item = Told> {
    missed
        .into_iter()
        .map(move |(epoch, commit)| (to, ServerMessage::MlsCommit { epoch, commit }))
}

fn validate(report: &GroupReport) -> Result<(), Invalid> {
    limit("transcript hash", &report.transcript_hash, MAX_HASH)?;
    if let Some(group_info) = &report.group_info {
        limit("group info", group_info, MAX_GROUP_INFO)?;
    }
    for commit in &report.commits {
        limit("commit", commit, MAX_COMMIT)?;
    }
    Ok(())
}

/// After the first report of somebody who was there before a restart.
const RECOVERY: Duration = Duration::from_secs(1);

/// How much longer those who were there come back one by one.
const RETURNING: Duration = Duration::from_secs(10);

/// How long a welcome can be had again.
const MAX_WELCOME_AGE: Duration = Duration::from_mins(1);

/// Commits taken from one who comes back.
const MAX_BROUGHT: usize = 4;
