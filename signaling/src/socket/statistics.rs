//! What the service has counted since it started.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::protocol::ErrorCode;

/// A snapshot. The counters among it only ever grow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statistics {
    /// Rooms at present.
    pub rooms: usize,
    /// Participants at present.
    pub participants: usize,
    /// Open websockets at present, joined or not.
    pub sockets: usize,
    /// Attempts to join, by how they went; every outcome is there.
    pub joins: Vec<(JoinOutcome, u64)>,
    /// Sockets of participants that were given up, by cause; all are there.
    pub given_up: Vec<(GivenUp, u64)>,
    /// Frames that came too fast, and were dropped.
    pub messages_dropped: u64,
}

/// How an attempt to join went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JoinOutcome {
    Joined,
    /// A stay goes on, on another socket.
    Resumed,
    /// It only tried its network.
    NetworkTested,
    /// The stay that was to go on is over, or is somebody else's.
    ResumeRefused,
    InvalidToken,
    TokenExpired,
    TokenNotYetValid,
    /// The token is good, and the rules say no all the same.
    NotPermitted,
    /// The clinic's keys could not be had.
    KeysUnavailable,
    RoomFull,
    ServerFull,
    /// The client would not be encrypted.
    EncryptionRequired,
    /// Too many attempts from one source, or too many frames before `join`.
    RateLimited,
    /// What came first was not `join`.
    InvalidMessage,
    /// Nothing came in time.
    TimedOut,
    /// The client left before it had asked.
    GaveUp,
    /// Newer connections took its place.
    Evicted,
    ShuttingDown,
    Internal,
}

/// Why the server gave a participant's socket up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GivenUp {
    /// It does not read what it is sent.
    SlowReader,
    /// It gives no sign of life.
    Silent,
    /// It goes on sending too fast.
    Flooding,
}

impl JoinOutcome {
    pub const ALL: [Self; 19] = [
        Self::Joined,
        Self::Resumed,
        Self::NetworkTested,
        Self::ResumeRefused,
        Self::InvalidToken,
        Self::TokenExpired,
        Self::TokenNotYetValid,
        Self::NotPermitted,
        Self::KeysUnavailable,
        Self::RoomFull,
        Self::ServerFull,
        Self::EncryptionRequired,
        Self::RateLimited,
        Self::InvalidMessage,
        Self::TimedOut,
        Self::GaveUp,
        Self::Evicted,
        Self::ShuttingDown,
        Self::Internal,
    ];

    /// For a metric's label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::Resumed => "resumed",
            Self::NetworkTested => "network-tested",
            Self::ResumeRefused => "resume-refused",
            Self::InvalidToken => "invalid-token",
            Self::TokenExpired => "token-expired",
            Self::TokenNotYetValid => "token-not-yet-valid",
            Self::NotPermitted => "not-permitted",
            Self::KeysUnavailable => "keys-unavailable",
            Self::RoomFull => "room-full",
            Self::ServerFull => "server-full",
            Self::EncryptionRequired => "encryption-required",
            Self::RateLimited => "rate-limited",
            Self::InvalidMessage => "invalid-message",
            Self::TimedOut => "timed-out",
            Self::GaveUp => "gave-up",
            Self::Evicted => "evicted",
            Self::ShuttingDown => "shutting-down",
            Self::Internal => "internal",
        }
    }
}

impl From<ErrorCode> for JoinOutcome {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::InvalidToken => Self::InvalidToken,
            ErrorCode::TokenExpired => Self::TokenExpired,
            ErrorCode::TokenNotYetValid => Self::TokenNotYetValid,
            ErrorCode::ProofRequired
            | ErrorCode::InvalidProof
            | ErrorCode::TokenReused
            | ErrorCode::TokenRevoked
            | ErrorCode::MultiFactorRequired
            | ErrorCode::RoomLocked
            | ErrorCode::SecondDevice
            | ErrorCode::SessionNotOpen
            | ErrorCode::SessionEnded
            | ErrorCode::Refused
            | ErrorCode::Removed => Self::NotPermitted,
            ErrorCode::KeysUnavailable => Self::KeysUnavailable,
            ErrorCode::RoomFull => Self::RoomFull,
            ErrorCode::ServerFull => Self::ServerFull,
            ErrorCode::RateLimited => Self::RateLimited,
            ErrorCode::ResumeRefused => Self::ResumeRefused,
            ErrorCode::EncryptionRequired => Self::EncryptionRequired,
            ErrorCode::InvalidMessage
            | ErrorCode::MessageTooLarge
            | ErrorCode::InvalidGroupMessage => Self::InvalidMessage,
            ErrorCode::ShuttingDown => Self::ShuttingDown,
            ErrorCode::InvalidOffer
            | ErrorCode::ScreensFull
            | ErrorCode::JoinedElsewhere
            | ErrorCode::Inactive
            | ErrorCode::NotAllowed
            | ErrorCode::NotAdmitted
            | ErrorCode::UnknownParticipant
            | ErrorCode::ConsentMismatch
            | ErrorCode::MediaDisconnected
            | ErrorCode::Internal => Self::Internal,
        }
    }
}

impl GivenUp {
    pub const ALL: [Self; 3] = [Self::SlowReader, Self::Silent, Self::Flooding];

    /// For a metric's label.
    pub fn name(self) -> &'static str {
        match self {
            Self::SlowReader => "slow-reader",
            Self::Silent => "silent",
            Self::Flooding => "flooding",
        }
    }
}

/// The counters themselves.
#[derive(Debug, Default)]
pub(super) struct Counters {
    joins: [AtomicU64; JoinOutcome::ALL.len()],
    given_up: [AtomicU64; GivenUp::ALL.len()],
    messages_dropped: AtomicU64,
}

impl Counters {
    pub(super) fn count_join(&self, outcome: JoinOutcome) {
        self.joins[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_given_up(&self, cause: GivenUp) {
        self.given_up[cause as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_dropped_message(&self) {
        self.messages_dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn joins(&self) -> Vec<(JoinOutcome, u64)> {
        read(JoinOutcome::ALL, &self.joins)
    }

    pub(super) fn given_up(&self) -> Vec<(GivenUp, u64)> {
        read(GivenUp::ALL, &self.given_up)
    }

    pub(super) fn messages_dropped(&self) -> u64 {
        self.messages_dropped.load(Ordering::Relaxed)
    }
}

fn read<T, const N: usize>(names: [T; N], counters: &[AtomicU64; N]) -> Vec<(T, u64)> {
    let counts = counters
        .iter()
        .map(|counter| counter.load(Ordering::Relaxed));
    names.into_iter().zip(counts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_has_a_counter_of_its_own() {
        for (index, outcome) in JoinOutcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, index);
        }
        for (index, cause) in GivenUp::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, index);
        }
        let counters = Counters::default();
        counters.count_join(JoinOutcome::Evicted);
        counters.count_join(JoinOutcome::Evicted);

        let counted: Vec<_> = counters
            .joins()
            .into_iter()
            .filter(|(_, n)| *n > 0)
            .collect();

        assert_eq!(counted, [(JoinOutcome::Evicted, 2)]);
    }
}
