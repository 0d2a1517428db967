//! What a client takes its stay up again with.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};
use ts_rs::TS;

/// How a stay outlives its socket.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Resumption {
    pub secret: ResumeSecret,
    /// How long the stay is kept when its socket is gone.
    pub seconds: u16,
}

/// 256 random bits in base64url without padding (RFC 4648 §5). Whoever has
/// them has the seat, so they are kept out of debugging output.
#[derive(Clone, PartialEq, Eq, Serialize, TS)]
#[ts(as = "String")]
pub struct ResumeSecret(String);

impl ResumeSecret {
    const LENGTH: usize = 43;

    /// The text, or `None` if it is of another form.
    pub fn new(text: String) -> Option<Self> {
        let is_base64url = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        (is_base64url && text.len() == Self::LENGTH).then_some(Self(text))
    }

    /// For hashing, and for nothing else.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for ResumeSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResumeSecret")
    }
}

impl<'de> Deserialize<'de> for ResumeSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?)
            .ok_or_else(|| de::Error::custom("not a resume secret"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_form_passes_and_none_is_shown() {
        let secret = ResumeSecret::new("Az09-_".repeat(7) + "x").expect("the form is right");
        assert_eq!(format!("{secret:?}"), "ResumeSecret");
        for text in ["", "short", &"=".repeat(43), &"A".repeat(44)] {
            assert!(ResumeSecret::new((*text).to_owned()).is_none(), "{text}");
        }
    }
}
