//! The rules of one session.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use thiserror::Error;
use tokio::sync::oneshot;

use crate::access::{Admission, Thumbprint, UnixTime};
use crate::protocol::ErrorCode;

/// What holds in one session: as the clinic said when it opened it, or as the
/// settings say for rooms that nobody opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionPolicy {
    /// People at once. `None`, or more than the node's own capacity: as many
    /// as that.
    pub capacity: Option<u16>,
    /// Whether clients wait until somebody lets them in.
    pub waiting_room: bool,
    /// Whether the session begins locked: nobody but hosts comes in.
    pub locked: bool,
    /// What everybody accepts before any media flows.
    pub consent: Option<Consent>,
    /// How long somebody may do nothing before being logged off.
    pub inactivity_limit: Option<Duration>,
    /// When people may be there; `None`: at any time.
    pub window: Option<Window>,
}

/// A text that people accept, and what the clinic calls this wording of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Consent {
    pub version: String,
    pub text: String,
}

/// From when until when people may be in a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    pub opens: UnixTime,
    /// After `opens`. Nobody comes in from here on.
    pub closes: UnixTime,
    /// How long after `closes` those who are there may stay.
    pub grace: Duration,
}

/// What the clinic has opened, ended and revoked, and what was decided since.
///
/// It is asked whenever somebody comes, and told each decision, so that one
/// holds after a restart too. Calls do not block for longer than a read of a
/// file takes.
pub trait Sessions: Send + Sync + std::fmt::Debug {
    /// The rules for somebody who comes with a good token.
    fn enter(&self, admission: &Admission, now: UnixTime) -> Result<Entry, NoEntry>;

    /// Writes down what was decided in a room for this session, or where nobody
    /// opened one, all of it or nothing. It holds for whoever comes from now on,
    /// and outlives the process when [`Recorded::done`] says so. What comes later
    /// is written later. If the room is another session's by then, only who is
    /// sent away is.
    fn record(&self, room: &str, session: Option<&str>, decisions: &[Decision]) -> Recorded;
}

/// What holds for somebody who may come to a session.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Entry {
    pub policy: SessionPolicy,
    /// The session's id, if the clinic opened one.
    pub session: Option<String>,
    pub standing: Standing,
}

/// What was decided of a token's bearer before.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Standing {
    /// It was let in, and may come back.
    pub is_admitted: bool,
    /// The SHA-256 hash of the text that it accepted.
    pub accepted: Option<[u8; 32]>,
}

/// What must hold even if the server is started anew.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// This token is used with this key and no other.
    Bind {
        token_id: String,
        key: Thumbprint,
        expires_at: UnixTime,
    },
    /// Its bearer was let in.
    Admit { token_id: String },
    /// Its bearer accepted the text of this version and hash.
    Accept {
        token_id: String,
        version: String,
        hash: [u8; 32],
        at: UnixTime,
    },
    /// Its bearer was removed: never lets this token in again.
    Remove { token_id: String },
    /// Whether the room is locked.
    Lock(bool),
    /// A host ended the session. Where nobody opened one, another may begin in
    /// the room, without the bearers of these tokens.
    End { token_ids: Vec<String> },
    /// All have left. What was decided in a room that nobody opened is of no
    /// account soon.
    Emptied { at: UnixTime },
}

/// Decisions on their way to the disk.
#[derive(Debug)]
pub struct Recorded(Word);

#[derive(Debug)]
enum Word {
    Awaited(oneshot::Receiver<bool>),
    Given(bool),
}

impl Recorded {
    /// Nothing is to be written.
    pub fn nothing() -> Self {
        Self(Word::Given(true))
    }

    /// Done when a word comes: whether they could be written.
    pub fn when(written: oneshot::Receiver<bool>) -> Self {
        Self(Word::Awaited(written))
    }

    /// Waits until they are on disk. `false`: they could not be written. Who
    /// waits may give up, and ask again.
    pub async fn done(&mut self) -> bool {
        match &mut self.0 {
            Word::Awaited(written) => {
                let is_written = written.await.unwrap_or(false);
                self.0 = Word::Given(is_written);
                is_written
            }
            Word::Given(is_written) => *is_written,
        }
    }
}

/// Why somebody with a good token may not come in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum NoEntry {
    #[error("the token was revoked, or its bearer removed")]
    Revoked,
    #[error("the token was used with another key before")]
    OtherKey,
    #[error("the session is not open yet")]
    NotOpenYet,
    #[error("the session is over")]
    Over,
    #[error("nobody has opened a session in this room")]
    NoSession,
    #[error("the server cannot look the session up")]
    Unknown,
}

impl NoEntry {
    /// The protocol's code for this refusal.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::Revoked => ErrorCode::TokenRevoked,
            Self::OtherKey => ErrorCode::TokenReused,
            Self::NotOpenYet | Self::NoSession => ErrorCode::SessionNotOpen,
            Self::Over => ErrorCode::SessionEnded,
            Self::Unknown => ErrorCode::Internal,
        }
    }
}

impl Default for SessionPolicy {
    /// An open door: for rooms that nobody opened.
    fn default() -> Self {
        Self {
            capacity: None,
            waiting_room: false,
            locked: false,
            consent: None,
            inactivity_limit: None,
            window: None,
        }
    }
}

impl Consent {
    /// SHA-256 of the text's UTF-8 bytes: what is recorded of an acceptance,
    /// next to the version. The clinic can compute it too.
    pub fn hash(&self) -> [u8; 32] {
        let digest = digest(&SHA256, self.text.as_bytes());
        digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
    }
}

impl Window {
    /// Whether people may come in.
    ///
    /// # Errors
    /// It is too early or too late.
    pub fn admit(&self, now: UnixTime) -> Result<(), NoEntry> {
        if now < self.opens {
            Err(NoEntry::NotOpenYet)
        } else if now >= self.closes {
            Err(NoEntry::Over)
        } else {
            Ok(())
        }
    }

    /// When everybody must have left.
    pub fn ends(&self) -> UnixTime {
        UnixTime(self.closes.0.saturating_add(self.grace.as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Window = Window {
        opens: UnixTime(100),
        closes: UnixTime(200),
        grace: Duration::from_secs(30),
    };

    #[test]
    fn people_come_in_within_the_window_only() {
        assert_eq!(WINDOW.admit(UnixTime(99)), Err(NoEntry::NotOpenYet));
        assert_eq!(WINDOW.admit(UnixTime(100)), Ok(()));
        assert_eq!(WINDOW.admit(UnixTime(199)), Ok(()));
        assert_eq!(WINDOW.admit(UnixTime(200)), Err(NoEntry::Over));
        assert_eq!(WINDOW.ends(), UnixTime(230));
    }

    #[test]
    fn a_consent_is_recorded_as_the_hash_of_its_text() {
        let consent = Consent {
            version: "2026-11".into(),
            text: "abc".into(),
        };

        // FIPS 180-4's example.
        let first = [0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea];
        assert_eq!(consent.hash()[..8], first);
    }
}
