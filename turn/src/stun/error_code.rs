//! Why a request was refused (RFC 8489 §14.8, RFC 8656 §19).

/// The number in ERROR-CODE, from 300 to 699.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ErrorCode(pub u16);

impl ErrorCode {
    pub const BAD_REQUEST: Self = Self(400);
    pub const UNAUTHENTICATED: Self = Self(401);
    pub const FORBIDDEN: Self = Self(403);
    pub const UNKNOWN_ATTRIBUTE: Self = Self(420);
    pub const ALLOCATION_MISMATCH: Self = Self(437);
    pub const STALE_NONCE: Self = Self(438);
    pub const ADDRESS_FAMILY_NOT_SUPPORTED: Self = Self(440);
    pub const WRONG_CREDENTIALS: Self = Self(441);
    pub const UNSUPPORTED_TRANSPORT: Self = Self(442);
    pub const PEER_ADDRESS_FAMILY_MISMATCH: Self = Self(443);
    pub const ALLOCATION_QUOTA_REACHED: Self = Self(486);
    pub const INSUFFICIENT_CAPACITY: Self = Self(508);

    /// What goes with the number, for people.
    pub fn reason(self) -> &'static str {
        match self {
            Self::BAD_REQUEST => "Bad Request",
            Self::UNAUTHENTICATED => "Unauthenticated",
            Self::FORBIDDEN => "Forbidden",
            Self::UNKNOWN_ATTRIBUTE => "Unknown Attribute",
            Self::ALLOCATION_MISMATCH => "Allocation Mismatch",
            Self::STALE_NONCE => "Stale Nonce",
            Self::ADDRESS_FAMILY_NOT_SUPPORTED => "Address Family not Supported",
            Self::WRONG_CREDENTIALS => "Wrong Credentials",
            Self::UNSUPPORTED_TRANSPORT => "Unsupported Transport Protocol",
            Self::PEER_ADDRESS_FAMILY_MISMATCH => "Peer Address Family Mismatch",
            Self::ALLOCATION_QUOTA_REACHED => "Allocation Quota Reached",
            Self::INSUFFICIENT_CAPACITY => "Insufficient Capacity",
            _ => "Error",
        }
    }

    /// The number as messages have it: hundreds, then the rest.
    pub(super) fn digits(self) -> [u8; 2] {
        [(self.0 / 100) as u8, (self.0 % 100) as u8]
    }
}
