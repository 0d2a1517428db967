//! How large what members send about the group may be.

use super::delivery::Invalid;
use crate::protocol::{GroupCommit, Opaque};

/// # Errors
/// A part of it is too large, or it does not fit its own description.
pub(super) fn validate(commit: &GroupCommit) -> Result<(), Invalid> {
    limit("commit", &commit.commit, MAX_COMMIT)?;
    limit("group info", &commit.group_info, MAX_GROUP_INFO)?;
    limit("transcript hash", &commit.transcript_hash, MAX_HASH)?;
    if let Some(welcome) = &commit.welcome {
        limit("welcome", welcome, MAX_WELCOME)?;
    }
    if commit.added.is_empty() != commit.welcome.is_none() {
        return Err(Invalid::WelcomeMismatch);
    }
    Ok(())
}

/// # Errors
/// It is larger than that.
pub(super) fn limit(what: &'static str, opaque: &Opaque, most: usize) -> Result<(), Invalid> {
    if opaque.len() > most {
        return Err(Invalid::TooLarge(what));
    }
    Ok(())
}

// Characters of base64url. In a room of 25 a commit has up to 9,000, a group
// info and a welcome 10,000, a key package 1,000.
pub(super) const MAX_KEY_PACKAGE: usize = 16 * 1024;
pub(super) const MAX_COMMIT: usize = 64 * 1024;
pub(super) const MAX_GROUP_INFO: usize = 64 * 1024;
const MAX_WELCOME: usize = 64 * 1024;
pub(super) const MAX_MESSAGE: usize = 24 * 1024;
pub(super) const MAX_HASH: usize = 128;
