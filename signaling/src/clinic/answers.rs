//! Idempotency keys: a request that is sent again is answered as the first
//! time, whether the server was restarted between or not.

use super::record::Answer;
use super::{Clinic, Refused};
use crate::access::UnixTime;
use crate::store::tables::ANSWERS;
use crate::store::{Store, StoreError, Writing};

/// A request that is to happen once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Claim {
    /// The id of the API key: other keys' idempotency keys are others.
    pub(crate) api_key: String,
    pub(crate) idempotency_key: String,
    /// SHA-256 of the request.
    pub(crate) request: [u8; 32],
}

/// What is answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Kept {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) body: String,
}

/// What came of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Outcome {
    pub(crate) kept: Kept,
    /// It has changed something, and now.
    pub(crate) is_news: bool,
}

impl Clinic {
    /// The answer from before, if the request was answered.
    ///
    /// # Errors
    /// The key was used with another request.
    pub(crate) fn answer(&self, claim: &Claim, now: UnixTime) -> Result<Option<Kept>, Refused> {
        let store = self.store();
        let key = key(store.name(&parts(claim)), claim);
        let before = store.read(|reading| reading.get(&ANSWERS, &key))?;
        before_to(claim, before, now)
    }
}

/// Does what `change` does and keeps its answer, both or neither; or gives the
/// answer from before.
///
/// # Errors
/// The key was used with another request, the API key has used many, or
/// `change` fails.
pub(crate) fn once(
    writing: &mut Writing<'_>,
    claim: Option<&Claim>,
    now: UnixTime,
    change: impl FnOnce(&mut Writing<'_>) -> Result<Outcome, Refused>,
) -> Result<Outcome, Refused> {
    let Some(claim) = claim else {
        return change(writing);
    };
    let key = key(writing.name(&parts(claim)), claim);
    let before = writing.get(&ANSWERS, &key)?;
    if let Some(kept) = before_to(claim, before, now)? {
        return Ok(Outcome {
            kept,
            is_news: false,
        });
    }
    let all = writing.count(&ANSWERS)?;
    // One key that is in the wrong hands leaves space for the others.
    let is_full = all >= MOST_ANSWERS
        || all >= MOST_OF_ONE
            && writing.count_below(&ANSWERS, claim.api_key.as_bytes())? >= MOST_OF_ONE;
    if is_full {
        return Err(Refused::Full);
    }
    let outcome = change(writing)?;
    let kept = &outcome.kept;
    let answer = Answer {
        request: claim.request,
        status: kept.status,
        location: kept.location.clone(),
        body: kept.body.clone(),
        at: now.0,
    };
    writing.put(&ANSWERS, &key, &answer)?;
    Ok(outcome)
}

fn before_to(
    claim: &Claim,
    before: Option<Answer>,
    now: UnixTime,
) -> Result<Option<Kept>, Refused> {
    let Some(answer) = before.filter(|answer| !is_old(answer, now)) else {
        return Ok(None);
    };
    if answer.request != claim.request {
        return Err(Refused::KeyReused);
    }
    Ok(Some(Kept {
        status: answer.status,
        location: answer.location,
        body: answer.body,
    }))
}

fn parts(claim: &Claim) -> [&str; 3] {
    ["answer", &claim.api_key, &claim.idempotency_key]
}

/// Those of one API key stand together.
fn key(name: [u8; 32], claim: &Claim) -> Vec<u8> {
    [claim.api_key.as_bytes(), &name].concat()
}

pub(super) fn purge(store: &Store, now: UnixTime) -> Result<u64, StoreError> {
    store.sweep(
        &ANSWERS,
        |answer| !is_old(answer, now),
        |writing, key, _| writing.remove(&ANSWERS, key),
    )
}

fn is_old(answer: &Answer, now: UnixTime) -> bool {
    answer.at.saturating_add(LIFETIME_SECONDS) <= now.0
}

/// A day.
const LIFETIME_SECONDS: u64 = 24 * 60 * 60;

const MOST_ANSWERS: u64 = 200_000;

/// With one API key; a few, where a test fills it.
const MOST_OF_ONE: u64 = if cfg!(test) { 5 } else { 50_000 };

#[cfg(test)]
mod tests {
    use super::super::example::{NOW, clinic};
    use super::*;

    #[test]
    fn what_was_done_with_one_key_leaves_space_for_others() {
        let clinic = clinic(false);
        let ask = |api_key, number| {
            let claim = claim(api_key, number);
            let asked = clinic
                .store()
                .write(|w| once(w, Some(&claim), NOW, |_| Ok(done())));
            asked.map(|outcome| outcome.is_news)
        };
        for number in 0..MOST_OF_ONE {
            assert_eq!(ask("a", number), Ok(true));
        }

        assert_eq!(ask("a", MOST_OF_ONE), Err(Refused::Full));
        assert_eq!(ask("a", 0), Ok(false));
        assert_eq!(ask("b", 0), Ok(true));
    }

    #[test]
    fn an_answer_is_there_for_a_day() {
        let clinic = clinic(false);
        let claim = claim("a", 0);
        let asked = clinic
            .store()
            .write(|w| once(w, Some(&claim), NOW, |_| Ok(done())));
        assert_eq!(asked, Ok(done()));
        let at = |seconds| clinic.answer(&claim, UnixTime(NOW.0 + seconds));

        assert_eq!(at(LIFETIME_SECONDS - 1), Ok(Some(done().kept)));
        assert_eq!(at(LIFETIME_SECONDS), Ok(None));
        let another = Claim {
            request: [8; 32],
            ..claim.clone()
        };
        assert_eq!(clinic.answer(&another, NOW), Err(Refused::KeyReused));
    }

    fn claim(api_key: &str, number: u64) -> Claim {
        Claim {
            api_key: api_key.into(),
            idempotency_key: number.to_string(),
            request: [7; 32],
        }
    }

    fn done() -> Outcome {
        Outcome {
            kept: Kept {
                status: 201,
                location: None,
                body: "{}".into(),
            },
            is_news: true,
        }
    }
}
