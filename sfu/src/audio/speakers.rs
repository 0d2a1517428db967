//! Who of a room speaks, whoever leads first.

use std::time::{Duration, Instant};

use crate::identity::ParticipantId;

/// Those who speak at the moment, the one to be looked at first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Speakers([Option<ParticipantId>; MOST_SPEAKERS]);

/// Somebody who speaks.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    pub id: ParticipantId,
    pub since: Instant,
    pub last_voice: Instant,
    /// In dBov.
    pub loudness: f32,
}

impl Speakers {
    pub fn iter(&self) -> impl Iterator<Item = ParticipantId> + '_ {
        self.0.iter().copied().flatten()
    }

    pub fn is_empty(&self) -> bool {
        self.0[0].is_none()
    }

    /// Who speaks now, of all `candidates`. Who was among them stays in its
    /// place, and who comes late in line; but the first place goes to somebody
    /// else when the first pauses and the other does not, or when the other
    /// has been clearly louder for a while.
    #[must_use]
    pub fn updated(&self, now: Instant, candidates: &[Candidate]) -> Self {
        let mut next = Self::default();
        let find = |id| candidates.iter().find(|candidate| candidate.id == id);
        let stay = self.iter().filter(|id| find(*id).is_some());
        let come = candidates.iter().map(|candidate| candidate.id);
        let come = come.filter(|id| !self.iter().any(|before| before == *id));
        for (place, id) in next.0.iter_mut().zip(stay.chain(come)) {
            *place = Some(id);
        }
        if let Some(first) = next.0[0].and_then(find)
            && let Some(other) = challenger(now, first, candidates)
        {
            let from = next.0.iter().position(|place| *place == Some(other.id));
            next.0[..=from.unwrap_or(MOST_SPEAKERS - 1)].rotate_right(1);
            next.0[0] = Some(other.id);
        }
        next
    }
}

impl FromIterator<ParticipantId> for Speakers {
    /// Those beyond [`MOST_SPEAKERS`] are left out.
    fn from_iter<I: IntoIterator<Item = ParticipantId>>(ids: I) -> Self {
        let mut speakers = Self::default();
        for (place, id) in speakers.0.iter_mut().zip(ids) {
            *place = Some(id);
        }
        speakers
    }
}

/// The loudest who takes the first place from `first`.
fn challenger<'a>(
    now: Instant,
    first: &Candidate,
    candidates: &'a [Candidate],
) -> Option<&'a Candidate> {
    let pauses = |who: &Candidate| now.saturating_duration_since(who.last_voice) >= PAUSE;
    let takes_over = |other: &&Candidate| {
        let is_louder = other.loudness >= first.loudness + LOUDER
            && now.saturating_duration_since(other.since) >= INSISTENCE;
        other.id != first.id && !pauses(other) && (pauses(first) || is_louder)
    };
    candidates
        .iter()
        .filter(takes_over)
        .max_by(|one, other| one.loudness.total_cmp(&other.loudness))
}

/// More at once are a crowd.
pub const MOST_SPEAKERS: usize = 4;
/// Longer than between syllables.
const PAUSE: Duration = Duration::from_millis(150);
/// In dB.
const LOUDER: f32 = 6.0;
const INSISTENCE: Duration = Duration::from_millis(600);

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    fn candidate(now: Instant, id: u64, silent: u64, spoken: u64, loudness: f32) -> Candidate {
        Candidate {
            id: ParticipantId(id),
            since: now.checked_sub(Duration::from_millis(spoken)).unwrap(),
            last_voice: now.checked_sub(Duration::from_millis(silent)).unwrap(),
            loudness,
        }
    }

    fn order(before: &[u64], now: Instant, candidates: &[Candidate]) -> Vec<u64> {
        let before: Speakers = before.iter().map(|id| ParticipantId(*id)).collect();
        let after = before.updated(now, candidates);
        after.iter().map(|id| id.0).collect()
    }

    #[test]
    fn who_speaks_on_stays_first_while_others_say_a_word() {
        let now = Instant::now() + Duration::from_mins(1);
        let first = candidate(now, 1, 20, 5000, -30.0);
        let other = candidate(now, 2, 20, 300, -20.0);

        assert_eq!(order(&[1], now, &[other, first]), [1, 2]);
    }

    #[test]
    fn the_first_place_goes_to_who_speaks_in_a_pause_or_is_louder_for_long() {
        let now = Instant::now() + Duration::from_mins(1);
        let first = candidate(now, 1, 20, 5000, -30.0);
        let pausing = candidate(now, 1, 200, 5000, -30.0);
        let other = candidate(now, 2, 20, 60, -40.0);
        let insisting = candidate(now, 2, 20, 700, -23.0);

        assert_eq!(order(&[1], now, &[pausing, other]), [2, 1]);
        assert_eq!(order(&[1], now, &[first, insisting]), [2, 1]);
        assert_eq!(order(&[3, 1, 2], now, &[first, insisting]), [2, 1]);
    }

    #[test]
    fn who_is_silent_is_gone_and_of_a_crowd_the_first_are_told() {
        let now = Instant::now() + Duration::from_mins(1);
        let crowd: Vec<_> = (1..9)
            .map(|id| candidate(now, id, 20, 100, -30.0))
            .collect();

        assert_eq!(order(&[1, 2], now, &[]), [0; 0]);
        assert_eq!(order(&[], now, &crowd), [1, 2, 3, 4]);
        let louder = candidate(now, 8, 20, 900, -10.0);
        let all = [&crowd[..7], &[louder]].concat();
        assert_eq!(order(&[1, 2, 3, 4], now, &all), [8, 1, 2, 3]);
    }
}
