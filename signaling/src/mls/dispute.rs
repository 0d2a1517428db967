//! Changes of the group that its members have not agreed to yet.
//!
//! The server cannot read a commit, so any member can give it one that no
//! other follows. The others then stay where they were, and say so twice: in a
//! report, and when what they lack was sent to them once more. The state before
//! a change is kept until more than half of those who are to follow it have
//! done so, or for [`JUDGEMENT`].
//!
//! People are counted, not seats: several devices of one person have one vote.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use sfu::identity::ParticipantId;

use crate::protocol::Opaque;

/// What the server knows of a group in one epoch.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) epoch: u32,
    pub(super) transcript_hash: Opaque,
    /// For those who lost the group to come back by.
    pub(super) info: Option<Opaque>,
}

impl State {
    pub(super) fn is(&self, epoch: u32, transcript_hash: &Opaque) -> bool {
        self.epoch == epoch && self.transcript_hash == *transcript_hash
    }
}

/// One change on somebody's word.
#[derive(Debug)]
pub(super) struct Change {
    author: ParticipantId,
    before: State,
    at: Instant,
    /// It leads to another group.
    is_replacement: bool,
    /// Of those who were in the group before it.
    verdicts: BTreeMap<ParticipantId, Verdict>,
    /// Whom it added, and whether they said to be in.
    added: BTreeMap<ParticipantId, bool>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Open,
    /// Said that it is where it was, and was sent what it lacks.
    Doubts(Instant),
    Refuses,
    Follows,
}

/// A change that is no more.
#[derive(Debug)]
pub(super) struct Undone {
    pub(super) author: ParticipantId,
    pub(super) before: State,
    /// Who came in by it, or by one that was built on it.
    pub(super) added: BTreeSet<ParticipantId>,
    pub(super) refused_by: BTreeSet<ParticipantId>,
    /// Those against it are more than half of all.
    pub(super) is_clear: bool,
}

/// The last changes, each built on the one before.
#[derive(Debug, Default)]
pub(super) struct Changes {
    unsettled: Vec<Change>,
}

/// Whose a seat is.
pub(super) type People = BTreeMap<ParticipantId, String>;

impl Changes {
    /// `electors` are those in the group who are to follow.
    pub(super) fn push(
        &mut self,
        author: ParticipantId,
        before: State,
        added: &[ParticipantId],
        electors: impl IntoIterator<Item = ParticipantId>,
        now: Instant,
    ) {
        if self.unsettled.len() >= MAX_UNSETTLED {
            self.unsettled.remove(0);
        }
        let open = electors.into_iter().map(|id| (id, Verdict::Open));
        self.unsettled.push(Change {
            author,
            before,
            at: now,
            is_replacement: false,
            verdicts: open.filter(|(id, _)| *id != author).collect(),
            added: added.iter().map(|id| (*id, false)).collect(),
        });
    }

    /// Notes that the newest change is to another group, to which its electors
    /// were told the way: whoever asks for it later on refuses, and whoever
    /// gives its place up to be added there follows.
    pub(super) fn replace_newest(&mut self) {
        if let Some(change) = self.unsettled.last_mut() {
            change.is_replacement = true;
            for verdict in change.verdicts.values_mut() {
                *verdict = Verdict::Doubts(change.at);
            }
        }
    }

    /// Whether so much of somebody's is open that it may add nothing.
    pub(super) fn is_full_of(&self, author: ParticipantId, people: &People) -> bool {
        let author = person(people, author);
        let own = self.unsettled.iter();
        let own = own.filter(|change| person(people, change.author) == author);
        own.count() >= MAX_OWN
    }

    /// Somebody is in the epoch that the last change began.
    pub(super) fn follow(&mut self, id: ParticipantId) {
        let all = self.unsettled.len();
        self.follow_first(all, id);
    }

    /// Somebody says where it is. Returns whether that is a state before one of
    /// these changes. `cannot_follow`: it was sent what it lacks, and asks for
    /// it again.
    pub(super) fn stand(
        &mut self,
        id: ParticipantId,
        (epoch, hash): (u32, &Opaque),
        cannot_follow: bool,
        now: Instant,
    ) -> bool {
        let mut unsettled = self.unsettled.iter();
        let Some(at) = unsettled.position(|change| change.before.is(epoch, hash)) else {
            return false;
        };
        self.follow_first(at, id);
        if cannot_follow {
            self.unsettled[at].doubt(id, now);
        }
        true
    }

    /// Somebody asks for the way to where the group is. Returns whether that
    /// makes it refuse a change.
    pub(super) fn insist(&mut self, id: ParticipantId, now: Instant) -> bool {
        let mut refuses = false;
        for change in &mut self.unsettled {
            refuses |= change.insist(id, now);
        }
        refuses
    }

    /// Somebody gave its place up, rather than to follow what it has doubted
    /// for a while.
    pub(super) fn give_up(&mut self, id: ParticipantId, now: Instant) {
        for change in &mut self.unsettled {
            match change.verdicts.get_mut(&id) {
                Some(verdict) if verdict.has_lasted(now) && !change.is_replacement => {
                    *verdict = Verdict::Refuses;
                }
                Some(Verdict::Open | Verdict::Doubts(_)) => {
                    change.verdicts.remove(&id);
                }
                Some(Verdict::Refuses | Verdict::Follows) | None => {}
            }
        }
    }

    /// Somebody is gone.
    pub(super) fn forget(&mut self, id: ParticipantId) {
        for change in &mut self.unsettled {
            change.verdicts.remove(&id);
            change.added.remove(&id);
        }
    }

    /// Forgets what most have agreed to, with all that it was built on, and
    /// what was not refused in time.
    pub(super) fn settle(&mut self, people: &People, now: Instant) {
        let tallies = self.tallies(people);
        let mut changes = self.unsettled.iter().zip(tallies);
        let settled = changes.rposition(|(change, tally)| {
            let is_late = now.saturating_duration_since(change.at) > JUDGEMENT;
            is_late || tally.is_settled()
        });
        if let Some(at) = settled {
            self.unsettled.drain(..=at);
        }
    }

    /// Takes out the first change that most refuse, with all that was built on
    /// it.
    pub(super) fn undo(&mut self, people: &People) -> Option<Undone> {
        let mut tallies = self.tallies(people).into_iter().enumerate();
        let (at, tally) = tallies.find(|(_, tally)| tally.is_refused())?;
        let mut undone = self.unsettled.drain(at..);
        let first = undone.next()?;
        let added = first.added.into_keys();
        let verdicts = first.verdicts.into_iter();
        let refused_by = verdicts.filter(|(_, verdict)| *verdict == Verdict::Refuses);
        Some(Undone {
            author: first.author,
            before: first.before,
            added: added
                .chain(undone.flat_map(|change| change.added.into_keys()))
                .collect(),
            refused_by: refused_by.map(|(id, _)| id).collect(),
            is_clear: tally.is_clear(),
        })
    }

    /// Whoever is in by a change that was built on another is for that one too.
    fn tallies(&self, people: &People) -> Vec<Tally> {
        let mut built_on = BTreeSet::new();
        let newest_first = self.unsettled.iter().rev();
        let mut tallies: Vec<_> = newest_first
            .map(|change| change.tally(people, &mut built_on))
            .collect();
        tallies.reverse();
        tallies
    }

    fn follow_first(&mut self, count: usize, id: ParticipantId) {
        for change in &mut self.unsettled[..count] {
            if let Some(verdict) = change.verdicts.get_mut(&id) {
                *verdict = Verdict::Follows;
            }
            if let Some(is_in) = change.added.get_mut(&id) {
                *is_in = true;
            }
        }
    }
}

impl Change {
    fn doubt(&mut self, id: ParticipantId, now: Instant) {
        if let Some(verdict @ (Verdict::Open | Verdict::Follows)) = self.verdicts.get_mut(&id) {
            *verdict = Verdict::Doubts(now);
        } else {
            self.insist(id, now);
        }
    }

    fn insist(&mut self, id: ParticipantId, now: Instant) -> bool {
        match self.verdicts.get_mut(&id) {
            Some(verdict @ Verdict::Doubts(_)) if verdict.has_lasted(now) => {
                *verdict = Verdict::Refuses;
                true
            }
            _ => false,
        }
    }

    /// `supporting` are the people for later changes, and after this for this
    /// one too.
    fn tally(&self, people: &People, supporting: &mut BTreeSet<String>) -> Tally {
        let author = person(people, self.author);
        let of = |wanted: fn(Verdict) -> bool| -> BTreeSet<String> {
            let ids = self.verdicts.iter().filter(|(_, given)| wanted(**given));
            let mut people: BTreeSet<_> = ids.map(|(id, _)| person(people, *id)).collect();
            people.remove(&author);
            people
        };
        let others = of(|_| true);
        let following = of(|verdict| verdict == Verdict::Follows);
        let mut refusing = of(|verdict| verdict == Verdict::Refuses);
        refusing.retain(|person| !following.contains(person));
        let arrived = self.added.iter().filter(|(_, is_in)| **is_in);
        supporting.extend(arrived.map(|(id, _)| person(people, *id)));
        supporting.extend(following.iter().cloned());
        supporting.insert(author);
        Tally {
            others: others.len(),
            refusing: refusing.len(),
            following: following.len(),
            supporting: supporting.difference(&refusing).count(),
            all: supporting.union(&others).count(),
        }
    }
}

impl Verdict {
    fn has_lasted(self, now: Instant) -> bool {
        matches!(self, Self::Doubts(since)
            if now.saturating_duration_since(since) >= SECOND_THOUGHT)
    }
}

/// How many people are for and against a change.
#[derive(Clone, Copy, Debug)]
struct Tally {
    /// All who were in the group before, but for its author.
    others: usize,
    /// Of these.
    refusing: usize,
    /// Of these.
    following: usize,
    /// Its author, who follows, and who said to be in by it or by what was
    /// built on it.
    supporting: usize,
    /// The others and those who support it.
    all: usize,
}

impl Tally {
    fn is_settled(self) -> bool {
        self.others == 0 || 2 * self.following > self.others || self.supporting > 1 + self.others
    }

    /// Most of the others, and no fewer than those who are for it: of two
    /// people who disagree the one stays where both were.
    fn is_refused(self) -> bool {
        2 * self.refusing > self.others && self.refusing >= self.supporting
    }

    /// More than half of everybody.
    fn is_clear(self) -> bool {
        2 * self.refusing > self.all
    }
}

/// Whose a seat is; its own, if nobody has said.
pub(super) fn person(people: &People, id: ParticipantId) -> String {
    people.get(&id).cloned().unwrap_or_else(|| id.to_string())
}

/// Changes that may be undone. After a restart members come back in quick
/// succession, each by a change of its own.
const MAX_UNSETTLED: usize = 32;

/// Of those, one person's. Whoever gives many in a row cannot put the first out
/// of reach.
const MAX_OWN: usize = 8;

/// After which a change stays: as long as a seat outlives its socket. Nobody
/// shall be able to bring back what was long ago.
const JUDGEMENT: Duration = Duration::from_secs(30);

/// Between the two times that a member says that it cannot follow: what it
/// lacks is on its way to it.
const SECOND_THOUGHT: Duration = Duration::from_secs(1);
