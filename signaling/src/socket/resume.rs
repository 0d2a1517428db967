//! How a stay's next socket finds it.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use tokio::sync::mpsc;

use super::line::Line;
use super::secret;
use crate::protocol::{ErrorCode, ResumeSecret};

/// A socket whose client takes its stay up again.
pub(super) struct Return {
    pub(super) line: Line,
    /// How many of the server's messages the client has.
    pub(super) received: u32,
}

/// The way back into a stay. What opens it is kept as hashes only.
pub(super) struct Door {
    key: Hash,
    /// Given to the client, which may not have got it.
    next: Option<Hash>,
    returns: mpsc::Sender<Return>,
}

type Hash = [u8; 32];

impl Door {
    /// A door, its key, and where those who come through it arrive.
    pub(super) fn new() -> (Self, ResumeSecret, mpsc::Receiver<Return>) {
        let secret = secret::resume_secret();
        let (returns, arrivals) = mpsc::channel(1);
        let door = Self {
            key: hash(&secret),
            next: None,
            returns,
        };
        (door, secret, arrivals)
    }

    /// Another key beside the present one.
    pub(super) fn renew(&mut self) -> ResumeSecret {
        let secret = secret::resume_secret();
        self.next = Some(hash(&secret));
        secret
    }

    /// The client has the other key: the one before is good no more.
    pub(super) fn confirm(&mut self) {
        if let Some(next) = self.next.take() {
            self.key = next;
        }
    }

    /// Turns a key that may be no good. `door` is absent for somebody who is
    /// not here, which takes as long to find out.
    pub(super) fn open(
        door: Option<&mut Self>,
        secret: &ResumeSecret,
    ) -> Option<mpsc::Sender<Return>> {
        let offered = hash(secret);
        let (key, next) = door
            .as_ref()
            .map_or((NOBODYS, None), |door| (door.key, door.next));
        let is_key = verify_slices_are_equal(&key, &offered).is_ok();
        let is_next = verify_slices_are_equal(&next.unwrap_or(NOBODYS), &offered).is_ok();
        let door = door.filter(|_| is_key | is_next)?;
        if is_next {
            door.confirm();
        }
        Some(door.returns.clone())
    }
}

/// Hands a socket to the stay that it belongs to, or sends it away.
pub(super) async fn enter(returns: Option<mpsc::Sender<Return>>, arrival: Return) -> bool {
    let arrival = match returns {
        Some(returns) => match returns.try_send(arrival) {
            Ok(()) => return true,
            Err(error) => error.into_inner(),
        },
        None => arrival,
    };
    refuse(arrival.line, NO_SUCH_STAY).await;
    false
}

/// Tells a client that its stay does not go on.
pub(super) async fn refuse(line: Line, why: &str) {
    let close = axum::extract::ws::close_code::POLICY;
    line.refuse(ErrorCode::ResumeRefused, why.into(), close)
        .await;
}

fn hash(secret: &ResumeSecret) -> Hash {
    let digest = digest(&SHA256, secret.as_bytes());
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// No secret that is known has this hash.
const NOBODYS: Hash = [0; 32];

/// The same for a stay that is over and a secret that is wrong.
const NO_SUCH_STAY: &str = "no stay of this id and secret is here; join again";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_good_until_the_client_has_shown_the_next() {
        let (mut door, first, _arrivals) = Door::new();
        assert!(opens(&mut door, &first));
        assert!(opens(&mut door, &first));

        let second = door.renew();
        assert!(opens(&mut door, &first), "the answer may have been lost");
        assert!(opens(&mut door, &second));
        assert!(!opens(&mut door, &first), "it cannot be replayed");

        let third = door.renew();
        door.confirm();
        assert!(!opens(&mut door, &second));
        assert!(opens(&mut door, &third));
    }

    #[test]
    fn nobody_and_a_wrong_key_open_nothing() {
        let (mut door, _, _arrivals) = Door::new();
        let wrong = secret::resume_secret();

        assert!(!opens(&mut door, &wrong));
        assert!(Door::open(None, &wrong).is_none());
    }

    fn opens(door: &mut Door, secret: &ResumeSecret) -> bool {
        Door::open(Some(door), secret).is_some()
    }
}
