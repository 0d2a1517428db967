//! Bytes that the server passes on and does not look into.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;
use ts_rs::TS;

/// Bytes of some MLS structure in base64url without padding (RFC 4648 §5), at
/// most [`Opaque::MAX_LENGTH`] characters.
#[derive(Clone, PartialEq, Eq, Hash, Debug, TS)]
#[ts(as = "String")]
// Shared: what is kept for many goes to each of them, too.
pub struct Opaque(Arc<str>);

/// The text is too long or has other characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("not base64url of at most {} characters", Opaque::MAX_LENGTH)]
pub struct NotOpaque;

impl Opaque {
    /// A welcome for 24 people has 10,000 characters.
    pub const MAX_LENGTH: usize = 128 * 1024;

    /// The length of the text, which is what it costs to keep and to send.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<String> for Opaque {
    type Error = NotOpaque;

    fn try_from(text: String) -> Result<Self, NotOpaque> {
        let is_base64url = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if is_base64url && text.len() <= Self::MAX_LENGTH {
            Ok(Self(text.into()))
        } else {
            Err(NotOpaque)
        }
    }
}

impl Serialize for Opaque {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Opaque {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_share_the_text() {
        let opaque = Opaque::try_from("A".repeat(1000)).expect("it is base64url");

        assert!(Arc::ptr_eq(&opaque.clone().0, &opaque.0));
    }

    #[test]
    fn only_base64url_of_bounded_length_passes() {
        let longest = "A".repeat(Opaque::MAX_LENGTH);
        for text in ["", "AZaz09-_", &longest] {
            assert!(Opaque::try_from(text.to_owned()).is_ok());
        }
        let longer = "A".repeat(Opaque::MAX_LENGTH + 1);
        for text in ["A=", "A+", "A/", "A B", "Ä", "A\n", &longer] {
            assert!(Opaque::try_from(text.to_owned()).is_err());
        }
    }
}
