//! How one participant comes into the group.

use std::time::{Duration, Instant};

use sfu::identity::ParticipantId;

use crate::protocol::Opaque;

/// Where a participant stands with the group.
#[derive(Debug)]
pub(super) enum Standing {
    /// Waits to be added.
    Waiting(Enrolment),
    /// Was added by an accepted commit, or said to be in.
    Member {
        /// Its place in the tree, once it is known.
        leaf: Option<u32>,
        /// The newest epoch that it has shown to be in.
        epoch: Option<u32>,
        /// Until the member says that it is in.
        welcome: Option<(Opaque, Instant)>,
    },
}

/// A newcomer's key packages on their way to whoever adds it. Each goes to one
/// member only: its secrets are good for one welcome (RFC 9420 §16.8).
#[derive(Debug, Default)]
pub(super) struct Enrolment {
    key_package: Option<Opaque>,
    holder: Option<(ParticipantId, Instant)>,
    /// Gets the next key package.
    next: Option<ParticipantId>,
    asked_at: Option<Instant>,
    /// Who got one unasked, last.
    sponsor: Option<ParticipantId>,
    past: Past,
    /// When it first waited in vain.
    overdue_since: Option<Instant>,
}

/// What a newcomer had to do with the group.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Past {
    #[default]
    Nothing,
    /// It says to have been inside, and may have been: members may not see
    /// that it must be added.
    Claimed,
    /// It was in the group, or was asked to make one: it may know more of the
    /// group than the server, too.
    Former,
}

/// What a claim leads to.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Claim {
    HandOut(Opaque),
    /// The newcomer must give another one.
    Ask,
    /// Another member holds it and may still use it, or an answer is due.
    Wait,
}

impl Enrolment {
    pub(super) fn new(key_package: Option<Opaque>) -> Self {
        Self {
            key_package,
            ..Self::default()
        }
    }

    /// For somebody who was in the group, or was asked to make one.
    pub(super) fn of_former(key_package: Option<Opaque>) -> Self {
        Self {
            past: Past::Former,
            ..Self::new(key_package)
        }
    }

    /// For somebody who says to have been in the group, which nobody else knows.
    pub(super) fn of_claimant() -> Self {
        Self {
            past: Past::Claimed,
            ..Self::default()
        }
    }

    pub(super) fn is_former(&self) -> bool {
        self.past == Past::Former
    }

    pub(super) fn is_claimant(&self) -> bool {
        self.past == Past::Claimed
    }

    /// Notes that it is asked to make the group.
    pub(super) fn ask_to_create(&mut self) {
        self.past = Past::Former;
    }

    /// Notes that it waits in vain.
    pub(super) fn note_overdue(&mut self, now: Instant) {
        self.overdue_since.get_or_insert(now);
    }

    pub(super) fn forget_overdue(&mut self) {
        self.overdue_since = None;
    }

    /// Whether it has waited in vain for long.
    pub(super) fn is_neglected(&self, now: Instant) -> bool {
        self.overdue_since
            .is_some_and(|since| elapsed(since, now) >= NEGLECT)
    }

    /// A member wants to add the newcomer.
    pub(super) fn claim(&mut self, by: ParticipantId, now: Instant) -> Claim {
        if let Some(key_package) = self.key_package.take() {
            self.holder = Some((by, now));
            self.next = None;
            return Claim::HandOut(key_package);
        }
        let is_held = self
            .holder
            .is_some_and(|(holder, since)| holder != by && elapsed(since, now) < LEASE);
        if is_held {
            return Claim::Wait;
        }
        self.next = Some(by);
        if self.asked_at.is_some_and(|at| elapsed(at, now) < LEASE) {
            return Claim::Wait;
        }
        self.asked_at = Some(now);
        Claim::Ask
    }

    /// The newcomer gave a key package. Returns who gets it, if one waits.
    pub(super) fn supply(
        &mut self,
        key_package: Opaque,
        now: Instant,
    ) -> Option<(ParticipantId, Opaque)> {
        self.asked_at = None;
        let Some(next) = self.next.take() else {
            self.key_package = Some(key_package);
            return None;
        };
        self.holder = Some((next, now));
        Some((next, key_package))
    }

    /// Whether the newcomer has given a key package or was inside, nobody asks
    /// for another, and it still waits.
    pub(super) fn is_overdue(&self) -> bool {
        let has_past = self.past != Past::Nothing;
        let is_known = has_past || self.key_package.is_some() || self.holder.is_some();
        self.next.is_none() && is_known
    }

    pub(super) fn sponsor(&self) -> Option<ParticipantId> {
        self.sponsor
    }

    /// Gives the key package, if there is one, to a member that did not ask.
    pub(super) fn hand_to_sponsor(&mut self, to: ParticipantId, now: Instant) -> Option<Opaque> {
        let key_package = self.key_package.take()?;
        self.holder = Some((to, now));
        self.sponsor = Some(to);
        Some(key_package)
    }

    /// Somebody is gone, and with it what it held.
    pub(super) fn forget(&mut self, id: ParticipantId) {
        self.holder = self.holder.filter(|(holder, _)| *holder != id);
        self.next = self.next.filter(|next| *next != id);
    }
}

fn elapsed(since: Instant, now: Instant) -> Duration {
    now.saturating_duration_since(since)
}

/// How long somebody is passed over before it counts as let down.
const NEGLECT: Duration = Duration::from_secs(10);

/// How long a member has for adding somebody before another may try.
const LEASE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const A: ParticipantId = ParticipantId(0xA);
    const B: ParticipantId = ParticipantId(0xB);

    #[test]
    fn a_key_package_is_handed_out_once() {
        let mut enrolment = Enrolment::new(Some(opaque("one")));
        let now = Instant::now();

        assert_eq!(enrolment.claim(A, now), Claim::HandOut(opaque("one")));
        assert_eq!(enrolment.claim(B, now), Claim::Wait);
        assert_eq!(enrolment.claim(A, now), Claim::Ask);
    }

    #[test]
    fn a_holder_that_does_nothing_is_passed_over() {
        let mut enrolment = Enrolment::new(Some(opaque("one")));
        let now = Instant::now();
        enrolment.claim(A, now);

        assert_eq!(enrolment.claim(B, now + LEASE), Claim::Ask);
        assert_eq!(enrolment.claim(B, now + LEASE), Claim::Wait);
        let given = enrolment.supply(opaque("two"), now + LEASE);

        assert_eq!(given, Some((B, opaque("two"))));
        assert_eq!(enrolment.claim(A, now + LEASE), Claim::Wait);
    }

    #[test]
    fn a_newcomer_that_does_not_answer_is_asked_again() {
        let mut enrolment = Enrolment::new(None);
        let now = Instant::now();

        assert_eq!(enrolment.claim(A, now), Claim::Ask);
        assert_eq!(enrolment.claim(A, now + LEASE / 2), Claim::Wait);
        assert_eq!(enrolment.claim(A, now + LEASE), Claim::Ask);
    }

    #[test]
    fn what_a_leaver_held_is_asked_for_anew() {
        let mut enrolment = Enrolment::new(Some(opaque("one")));
        let now = Instant::now();
        enrolment.claim(A, now);

        enrolment.forget(A);

        assert_eq!(enrolment.claim(B, now), Claim::Ask);
        enrolment.forget(B);
        assert_eq!(enrolment.supply(opaque("two"), now), None);
        assert_eq!(enrolment.claim(A, now), Claim::HandOut(opaque("two")));
    }

    fn opaque(text: &str) -> Opaque {
        text.to_owned().try_into().expect("it is base64url")
    }
}
