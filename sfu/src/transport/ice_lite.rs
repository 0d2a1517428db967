//! The lite side of ICE (RFC 8445 §2.5): it answers checks, follows the
//! peer's nomination, and takes the checks as consent (RFC 7675).

use std::time::{Duration, Instant};

use super::{IceCredentials, Path};

/// One participant's connectivity.
#[derive(Debug)]
pub struct IceLite {
    local: IceCredentials,
    remote: IceCredentials,
    selected: Option<Path>,
    consent_until: Instant,
}

impl IceLite {
    pub fn new(now: Instant, local: IceCredentials, remote: IceCredentials) -> Self {
        Self {
            local,
            remote,
            selected: None,
            consent_until: now + CONSENT,
        }
    }

    /// Our own credentials toward this participant.
    pub fn local(&self) -> &IceCredentials {
        &self.local
    }

    /// Whether a check that names `ufrag` as its sender's comes from this
    /// participant.
    pub fn is_from_peer(&self, ufrag: &str) -> bool {
        self.remote.ufrag == ufrag
    }

    /// Takes note of an authentic check. Gives the path media goes to from
    /// now on, if that changed: the nominated one, or the first that works
    /// until one is nominated.
    pub fn handle_check(&mut self, now: Instant, path: Path, nominated: bool) -> Option<Path> {
        self.consent_until = now + CONSENT;
        if self.selected == Some(path) || (self.selected.is_some() && !nominated) {
            return None;
        }
        self.selected = Some(path);
        self.selected
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
}

/// How long one check allows sending (RFC 7675 §5.1).
const CONSENT: Duration = Duration::from_secs(30);
/// Longer than browsers leave between the checks of a path in use.
const FRESH: Duration = Duration::from_secs(10);
