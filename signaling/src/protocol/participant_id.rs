//! How participants are named in messages.

use sfu::identity::ParticipantId;

/// Reads an id in its one form: exactly as [`ParticipantId`] is written.
pub fn parse_participant_id(text: &str) -> Option<ParticipantId> {
    let id = ParticipantId(u64::from_str_radix(text, 16).ok()?);
    (id.to_string() == text).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_form_only() {
        let id = parse_participant_id("00000000000000ab");
        assert_eq!(id, Some(ParticipantId(0xAB)));
        for text in [
            "",
            "ab",
            "00000000000000AB",
            "+0000000000000ab",
            "0x000000000000ab",
        ] {
            assert_eq!(parse_participant_id(text), None, "{text}");
        }
    }
}
