//! What a report says about the group that the server knows of.

use std::cmp::Ordering;

use crate::protocol::Opaque;

/// How a member's state compares to the room's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Comparison {
    Same,
    /// It missed commits.
    Behind,
    /// It knows commits that the server does not.
    Ahead,
    /// It is in another group, or on another branch of this one.
    Forked,
}

/// Compares by epoch and confirmed transcript hash. An older epoch's hash is
/// not kept: a fork that is behind shows when the commits do not fit.
pub(super) fn compare(
    (epoch, hash): (u32, &Opaque),
    (present_epoch, present_hash): (u32, &Opaque),
) -> Comparison {
    match epoch.cmp(&present_epoch) {
        Ordering::Less => Comparison::Behind,
        Ordering::Greater => Comparison::Ahead,
        Ordering::Equal if hash == present_hash => Comparison::Same,
        Ordering::Equal => Comparison::Forked,
    }
}
