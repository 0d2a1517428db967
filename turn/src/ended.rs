//! Who was sent away.

use std::collections::{HashMap, VecDeque};

use crate::credentials::Username;

/// Participants whose credentials are good no more, though they have not
/// expired.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    /// Credentials that expire then or before, in seconds from 1970, are meant.
    participants: HashMap<Box<str>, u64>,
    /// In the order in which they were noted.
    noted: VecDeque<(u64, Box<str>)>,
}

impl Ended {
    /// Takes note of somebody who has no credentials that expire after
    /// `expires`. `now` and that are in seconds from 1970.
    pub(crate) fn note(&mut self, now: u64, participant: &str, expires: u64) {
        self.forget_expired(now);
        if self.noted.len() >= MOST {
            self.forget_first();
        }
        let known = self.participants.entry(participant.into()).or_default();
        *known = expires.max(*known);
        self.noted.push_back((expires, participant.into()));
    }

    pub(crate) fn has(&self, username: &Username) -> bool {
        let expires = self.participants.get(username.participant);
        expires.is_some_and(|expires| username.expires <= *expires)
    }

    /// One waits for the one before it, which does no harm.
    fn forget_expired(&mut self, now: u64) {
        while self
            .noted
            .front()
            .is_some_and(|(expires, _)| *expires <= now)
        {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        let Some((expires, participant)) = self.noted.pop_front() else {
            return;
        };
        if self.participants.get(&participant) == Some(&expires) {
            self.participants.remove(&participant);
        }
    }
}

/// Some 10 MB. Twenty-seven may go each second whose credentials are good for
/// an hour more.
const MOST: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn has(ended: &Ended, username: &str) -> bool {
        ended.has(&Username::read(username.as_bytes()).expect("of the form"))
    }

    #[test]
    fn who_was_sent_away_is_known_until_its_credentials_have_expired() {
        let mut ended = Ended::default();
        ended.note(10, "alice", 100);
        assert!(has(&ended, "100:alice") && has(&ended, "99:alice"));
        assert!(!has(&ended, "101:alice") && !has(&ended, "100:ben"));

        ended.note(20, "alice", 50);
        assert!(has(&ended, "100:alice"));

        ended.note(100, "ben", 200);
        assert!(!has(&ended, "100:alice") && has(&ended, "200:ben"));
        assert_eq!(ended.participants.len(), ended.noted.len());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut ended = Ended::default();
        for number in 0..=MOST {
            ended.note(10, &format!("{number}"), 100);
        }

        assert_eq!(ended.participants.len(), MOST);
        assert!(!has(&ended, "100:0") && has(&ended, "100:1"));
        assert!(has(&ended, &format!("100:{MOST}")));
    }
}
