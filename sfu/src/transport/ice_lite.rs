//! The lite side of ICE (RFC 8445 §2.5): it answers checks, follows the
//! peer's nomination, takes the checks as consent (RFC 7675), and goes on
//! through restarts (RFC 8445 §9).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{IceCredentials, Path};

/// One participant's connectivity.
#[derive(Debug)]
pub struct IceLite {
    current: Generation,
    /// What was in force before the last restart, for as long as the peer may
    /// not yet have come over.
    former: Option<Generation>,
    selected: Option<Path>,
    consent_until: Instant,
    /// When something that only the peer can have sent, and only once, came
    /// over the selected path.
    heard_at: Option<Instant>,
    /// Of the last checks, oldest first.
    transactions: VecDeque<[u8; 12]>,
}

/// The credentials between two restarts.
#[derive(Debug)]
struct Generation {
    local: IceCredentials,
    remote: IceCredentials,
    /// When the peer first nominated a path with these.
    nominated_at: Option<Instant>,
    /// Whether an authentic check came.
    is_used: bool,
}

impl IceLite {
    pub fn new(now: Instant, local: IceCredentials, remote: IceCredentials) -> Self {
        Self {
            current: Generation::new(local, remote),
            former: None,
            selected: None,
            consent_until: now + CONSENT,
            heard_at: None,
            transactions: VecDeque::new(),
        }
    }

    /// Takes new credentials for both sides. Those that the peer uses go on
    /// until it has nominated a path with the new ones, and some seconds more.
    /// Gives our former user name fragments that are good for nothing now.
    pub fn restart(&mut self, local: IceCredentials, remote: IceCredentials) -> Vec<String> {
        let before = std::mem::replace(&mut self.current, Generation::new(local, remote));
        // A restart that the peer made nothing of yet is no loss.
        let gone = if before.is_used || self.former.is_none() {
            self.former.replace(before)
        } else {
            Some(before)
        };
        gone.into_iter()
            .map(|generation| generation.local.ufrag)
            .collect()
    }

    /// Ends the former credentials when their time has come. Gives our former
    /// user name fragment then.
    pub fn retire(&mut self, now: Instant) -> Option<String> {
        let nominated_at = self.current.nominated_at?;
        let former = self
            .former
            .take_if(|_| now.saturating_duration_since(nominated_at) >= CROSSING)?;
        Some(former.local.ufrag)
    }

    /// Our own user name fragments toward this participant.
    pub fn local_ufrags(&self) -> impl Iterator<Item = &str> {
        self.generations()
            .map(|generation| generation.local.ufrag.as_str())
    }

    /// Our password against which a check with these user name fragments is to
    /// be held; `None` if it is not this participant's.
    pub fn password(&self, local_ufrag: &str, remote_ufrag: &str) -> Option<&str> {
        self.generations()
            .find(|generation| {
                generation.local.ufrag == local_ufrag && generation.remote.ufrag == remote_ufrag
            })
            .map(|generation| generation.local.password.as_str())
    }

    /// Remembers the transaction of an authentic check. `true` if it came
    /// before: anybody on the way can have sent it again.
    pub fn has_seen(&mut self, transaction: [u8; 12]) -> bool {
        if self.transactions.contains(&transaction) {
            return true;
        }
        if self.transactions.len() == TRANSACTIONS {
            self.transactions.pop_front();
        }
        self.transactions.push_back(transaction);
        false
    }

    /// Takes note of an authentic check that named `local_ufrag`. Media goes to
    /// the nominated path from now on, or to the first that works until one is
    /// nominated. Nobody goes back to the credentials before a restart.
    ///
    /// What a check says does not cover the address it comes from. While the
    /// peer is heard on the selected path, only its media can show that it is
    /// elsewhere, or its first nomination with new credentials.
    pub fn handle_check(&mut self, now: Instant, path: Path, local_ufrag: &str, nominated: bool) {
        let is_current = self.current.local.ufrag == local_ufrag;
        if !is_current && self.current.nominated_at.is_some() {
            return;
        }
        self.consent_until = now + CONSENT;
        let is_first = is_current && nominated && self.current.nominated_at.is_none();
        if is_current {
            self.current.is_used = true;
            if nominated {
                self.current.nominated_at.get_or_insert(now);
            }
        }
        let may_move = is_first || !self.is_heard_within(now, ALIVE);
        if self.selected.is_none() || (nominated && may_move) {
            self.select(path);
        }
    }

    /// Takes note of the newest media, which came over `path`, one of which a
    /// check vouched for.
    pub fn handle_media(&mut self, now: Instant, path: Path) {
        self.select(path);
        self.heard_at = Some(now);
    }

    /// As [`IceLite::handle_media`], for reports, of which the newest is not
    /// known: one that comes late moves nothing.
    pub fn handle_report(&mut self, now: Instant, path: Path) {
        if self.selected == Some(path) || !self.is_heard_within(now, LATE) {
            self.handle_media(now, path);
        }
    }

    /// Takes note that `path` is there no more: the next check selects another.
    pub fn lose(&mut self, path: Path) {
        self.selected.take_if(|selected| *selected == path);
    }

    /// When anything came from the peer last, be it only a check.
    pub fn last_sign(&self) -> Option<Instant> {
        let checked_at = self.consent_until.checked_sub(CONSENT);
        self.heard_at.max(checked_at)
    }

    fn select(&mut self, path: Path) {
        if self.selected != Some(path) {
            self.selected = Some(path);
            self.heard_at = None;
        }
    }

    fn is_heard_within(&self, now: Instant, time: Duration) -> bool {
        self.heard_at
            .is_some_and(|at| now.saturating_duration_since(at) < time)
    }

    /// Lets consent last longer, since the time that passed was not the
    /// peer's silence.
    pub fn extend(&mut self, by: Duration) {
        self.consent_until += by;
    }

    /// Where to send, once a path works.
    pub fn selected(&self) -> Option<Path> {
        self.selected
    }

    /// Whether media goes over `path`, and a check came lately.
    pub fn is_heard_on(&self, now: Instant, path: Path) -> bool {
        self.selected == Some(path) && now + CONSENT < self.consent_until + FRESH
    }

    /// Whether the peer has been silent so long that nothing may be sent to
    /// it any more.
    pub fn has_expired(&self, now: Instant) -> bool {
        now >= self.consent_until
    }

    fn generations(&self) -> impl Iterator<Item = &Generation> {
        std::iter::once(&self.current).chain(&self.former)
    }
}

impl Generation {
    fn new(local: IceCredentials, remote: IceCredentials) -> Self {
        Self {
            local,
            remote,
            nominated_at: None,
            is_used: false,
        }
    }
}

/// How long one check allows sending (RFC 7675 §5.1).
const CONSENT: Duration = Duration::from_secs(30);
/// Who receives anything reports on it more often.
const ALIVE: Duration = Duration::from_secs(1);
/// Packets of two paths come in the wrong order within this time.
const LATE: Duration = Duration::from_millis(500);
/// Some minutes of checks on one path.
const TRANSACTIONS: usize = 64;
/// Longer than browsers leave between the checks of a path in use.
const FRESH: Duration = Duration::from_secs(10);
/// Checks with former credentials are answered for so long after a path was
/// nominated with the new ones: they were on their way.
const CROSSING: Duration = Duration::from_secs(5);
