//! ICE credentials (RFC 8445 §5.3).

use std::fmt;

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
