//! Idempotency keys: a request that is sent again is answered as the first
//! time, whether the server was restarted between or not.

use super::Refused;
use super::record::Answer;
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

/// Does what `change` does and keeps its answer, both or neither; or gives the
/// answer from before.
///
/// # Errors
/// The key was used with another request, or `change` fails.
pub(crate) fn once(
    writing: &mut Writing<'_>,
    claim: Option<&Claim>,
    now: UnixTime,
    change: impl FnOnce(&mut Writing<'_>) -> Result<Kept, Refused>,
) -> Result<Kept, Refused> {
    let Some(claim) = claim else {
        return change(writing);
    };
    let name = writing.name(&["answer", &claim.api_key, &claim.idempotency_key]);
    let before = writing.get(&ANSWERS, &name)?;
    if let Some(answer) = before.filter(|answer| !is_old(answer, now)) {
        return if answer.request == claim.request {
            Ok(Kept {
                status: answer.status,
                location: answer.location,
                body: answer.body,
            })
        } else {
            Err(Refused::KeyReused)
        };
    }
    if writing.count(&ANSWERS)? >= MOST_ANSWERS {
        return Err(Refused::Full);
    }
    let kept = change(writing)?;
    let answer = Answer {
        request: claim.request,
        status: kept.status,
        location: kept.location.clone(),
        body: kept.body.clone(),
        at: now.0,
    };
    writing.put(&ANSWERS, &name, &answer)?;
    Ok(kept)
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
