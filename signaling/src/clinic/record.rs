//! Records as they are stored. A field that is added has a default, so that
//! older records can be read.

use serde::{Deserialize, Serialize};

use super::Scope;
use crate::access::UnixTime;
use crate::room::{Consent, SessionPolicy, Window};

/// An id of ours: a UUID of version 7 (RFC 9562 §5.7), so that ids sort by
/// the time at which they were made.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct SessionId(String);

/// A session that the clinic opened.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    /// What tokens name.
    pub(crate) room: String,
    pub(crate) created: u64,
    #[serde(default)]
    pub(crate) ended: Option<u64>,
    #[serde(default)]
    pub(crate) window: Option<StoredWindow>,
    #[serde(default)]
    pub(crate) capacity: Option<u16>,
    #[serde(default)]
    pub(crate) waiting_room: bool,
    #[serde(default)]
    pub(crate) locked: bool,
    #[serde(default)]
    pub(crate) consent: Option<StoredConsent>,
    #[serde(default)]
    pub(crate) inactivity_limit_seconds: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub(crate) struct StoredWindow {
    pub(crate) opens: u64,
    pub(crate) closes: u64,
    pub(crate) grace_seconds: u32,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub(crate) struct StoredConsent {
    pub(crate) version: String,
    pub(crate) text: String,
}

/// Which session a room's name stands for.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub(crate) struct RoomUse {
    pub(crate) session: SessionId,
}

/// What was decided in the meeting in a room that nobody opened.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub(crate) struct OpenRoom {
    /// Stands for a session's: what was decided before it is of no account.
    pub(crate) id: SessionId,
    /// Absent: nobody said.
    #[serde(default)]
    pub(crate) locked: Option<bool>,
    /// When it is forgotten.
    pub(crate) until: u64,
    /// All have left: what is decided next is of another meeting.
    #[serde(default)]
    pub(crate) is_empty: bool,
    /// Meetings of just before, whose people may be on their way back.
    #[serde(default)]
    pub(crate) former: Vec<FormerMeeting>,
}

/// A meeting that all have left.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub(crate) struct FormerMeeting {
    pub(crate) id: SessionId,
    /// When what was decided in it is of no account any more.
    pub(crate) until: u64,
}

/// Whose tokens are good no longer.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bearer {
    /// One token (`jti`).
    Token(String),
    /// All tokens of one person (`sub`).
    Subject(String),
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub(crate) struct Revocation {
    pub(crate) room: String,
    pub(crate) bearer: Bearer,
    pub(crate) at: u64,
}

/// What was decided of a token, by its `jti`.
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, Serialize)]
pub(crate) struct TokenUse {
    /// The thumbprint of the key that it is used with.
    #[serde(default)]
    pub(crate) key: Option<[u8; 32]>,
    /// What was decided of its bearer, and in which session.
    #[serde(default)]
    pub(crate) attendance: Option<Attendance>,
    /// Until when its key must be known.
    #[serde(default)]
    pub(crate) kept_until: u64,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub(crate) struct Attendance {
    pub(crate) session: SessionId,
    /// Absent: for as long as the session.
    #[serde(default)]
    pub(crate) until: Option<u64>,
    #[serde(default)]
    pub(crate) is_admitted: bool,
    #[serde(default)]
    pub(crate) acceptance: Option<Acceptance>,
}

/// That a text was accepted.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub(crate) struct Acceptance {
    pub(crate) version: String,
    /// SHA-256 of the text.
    pub(crate) hash: [u8; 32],
    pub(crate) at: u64,
}

/// The first time that a token's bearer accepted a text in a session.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub(crate) struct Consented {
    pub(crate) session: SessionId,
    pub(crate) token_id: String,
    pub(crate) acceptance: Acceptance,
}

/// A key of the API's, without its secret.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub(crate) struct ApiKey {
    pub(crate) id: String,
    /// What the operator calls it.
    pub(crate) name: String,
    /// SHA-256 of the whole key, which has 256 random bits.
    pub(crate) hash: [u8; 32],
    pub(crate) scopes: Vec<Scope>,
    pub(crate) created: u64,
    #[serde(default)]
    pub(crate) expires: Option<u64>,
}

/// What was answered to a request with an idempotency key.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub(crate) struct Answer {
    /// SHA-256 of the request.
    pub(crate) request: [u8; 32],
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) body: String,
    pub(crate) at: u64,
}

impl SessionId {
    /// A new id.
    pub(crate) fn generate(now: UnixTime, milliseconds: u16) -> Self {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system gives random numbers");
        let random = u128::from_be_bytes(bytes);
        let time = u128::from(now.0) * 1_000 + u128::from(milliseconds % 1_000);
        // 48 bits of time, version 7, 12 random bits, variant 2, 62 random bits.
        let id = (time & 0xffff_ffff_ffff) << 80
            | 7 << 76
            | (random >> 64 & 0xfff) << 64
            | 2 << 62
            | random & (u128::MAX >> 66);
        let hex = format!("{id:032x}");
        Self(
            [
                &hex[..8],
                &hex[8..12],
                &hex[12..16],
                &hex[16..20],
                &hex[20..],
            ]
            .join("-"),
        )
    }

    /// Reads an id in its one form: lower case, with hyphens.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_id = text.len() == 36
            && text.bytes().enumerate().all(|(index, byte)| match index {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            });
        is_id.then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Session {
    pub(crate) fn policy(&self) -> SessionPolicy {
        SessionPolicy {
            capacity: self.capacity,
            waiting_room: self.waiting_room,
            locked: self.locked,
            consent: self.consent.as_ref().map(|consent| Consent {
                version: consent.version.clone(),
                text: consent.text.clone(),
            }),
            inactivity_limit: self
                .inactivity_limit_seconds
                .map(|seconds| std::time::Duration::from_secs(seconds.into())),
            window: self.window.map(StoredWindow::window),
        }
    }

    /// When it was or will be over, if that is known.
    pub(crate) fn over_at(&self) -> Option<u64> {
        let closes = self.window.map(|window| window.window().ends().0);
        match (self.ended, closes) {
            (Some(ended), Some(closes)) => Some(ended.min(closes)),
            (ended, closes) => ended.or(closes),
        }
    }

    pub(crate) fn is_over(&self, now: UnixTime) -> bool {
        self.over_at().is_some_and(|over| over <= now.0)
    }
}

impl OpenRoom {
    /// Whether what was decided in a meeting holds.
    pub(crate) fn knows(&self, meeting: &SessionId, now: UnixTime) -> bool {
        let is_former = |former: &FormerMeeting| former.id == *meeting && former.until > now.0;
        self.id == *meeting || self.former.iter().any(is_former)
    }
}

impl StoredWindow {
    pub(crate) fn window(self) -> Window {
        Window {
            opens: UnixTime(self.opens),
            closes: UnixTime(self.closes),
            grace: std::time::Duration::from_secs(self.grace_seconds.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids_that_sort_by_time() {
        let first = SessionId::generate(UnixTime(1_800_000_000), 1);
        let second = SessionId::generate(UnixTime(1_800_000_000), 2);
        let third = SessionId::generate(UnixTime(1_800_000_001), 0);

        assert!(first < second && second < third);
        assert_eq!(&first.as_str()[14..15], "7");
        assert!(matches!(&first.as_str()[19..20], "8" | "9" | "a" | "b"));
        assert_eq!(SessionId::parse(first.as_str()), Some(first.clone()));
        for wrong in [
            "",
            "x",
            &first.as_str().to_uppercase(),
            &first.as_str()[1..],
        ] {
            assert_eq!(SessionId::parse(wrong), None, "{wrong}");
        }
    }
}
