//! ICE credentials (RFC 8445 §5.3).

use std::fmt;

/// What user name fragments toward the participants of a worker begin with:
/// whoever accepts connections learns from a first check which worker it is
/// for.
pub fn ufrag_prefix(worker: u8) -> String {
    format!("{worker:02x}")
}

/// The worker that gave out a user name fragment, if it is one of ours.
pub fn worker_of(ufrag: &str) -> Option<u8> {
    let number = ufrag.get(..2)?;
    let is_ours = number
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    u8::from_str_radix(number, 16).ok().filter(|_| is_ours)
}

/// One side's user name fragment and password.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IceCredentials {
    /// `ice-ufrag`: 4 to 256 characters of `ice-char` (RFC 8839 §5.4).
    pub ufrag: String,
    /// `ice-pwd`: 22 to 256 characters of `ice-char`.
    pub password: String,
}

impl fmt::Debug for IceCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceCredentials")
            .field("ufrag", &self.ufrag)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_name_fragment_tells_its_worker() {
        for worker in 0..=u8::MAX {
            let ufrag = format!("{}AbC+/9", ufrag_prefix(worker));
            assert_eq!(worker_of(&ufrag), Some(worker));
        }
    }

    #[test]
    fn others_tell_none() {
        for ufrag in ["", "0", "+1ab", "-1ab", "0Gab", "AB12", "é1", "aé"] {
            assert_eq!(worker_of(ufrag), None, "{ufrag}");
        }
    }
}
