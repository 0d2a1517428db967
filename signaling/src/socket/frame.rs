//! What comes in on a socket, before anybody acts on it.

use std::time::Instant;

use axum::extract::ws::Message;

use crate::limits::{Limits, MessageRate, Verdict};
use crate::protocol::{ClientMessage, ErrorCode};

/// Reads a message, if it is none too large.
pub(super) fn parse(text: &str, limits: &Limits) -> Result<ClientMessage, (ErrorCode, String)> {
    let check_size = |most| {
        if text.len() > most {
            Err((
                ErrorCode::MessageTooLarge,
                format!("the message is larger than {most} bytes"),
            ))
        } else {
            Ok(())
        }
    };
    check_size(limits.offer_bytes.max(limits.message_bytes))?;
    let message = serde_json::from_str(text).map_err(|error| {
        (
            ErrorCode::InvalidMessage,
            format!("not a message of this protocol: {error}"),
        )
    })?;
    check_size(match message {
        // A commit that adds 24 people at once has 30 KB with its welcome.
        // Somebody who comes back brings the last ones, and who lacks some the
        // group info. What members say to one another has a limit of its own,
        // which a long text in any script keeps.
        ClientMessage::Offer { .. }
        | ClientMessage::MlsCommit(_)
        | ClientMessage::MlsReport(_)
        | ClientMessage::MlsMessage { .. }
        | ClientMessage::Join { group: Some(_), .. } => limits.offer_bytes,
        _ => limits.message_bytes,
    })?;
    Ok(message)
}

/// What a frame's sender may expect of it.
pub(super) fn judge(rate: &mut MessageRate, message: &Message) -> Verdict {
    let bytes = match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
        Message::Close(_) => return Verdict::Pass,
    };
    rate.judge(bytes, Instant::now())
}

pub(super) const TOO_FAST: &str = "messages come too fast; those beyond the rate are dropped";

pub(super) const BINARY: &str = "binary messages are not part of this protocol";

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::limits::Limits;

    fn saying(length: usize) -> String {
        format!(
            r#"{{"type":"mls-message","message":"{}"}}"#,
            "A".repeat(length)
        )
    }

    #[test]
    fn a_text_of_full_length_in_any_script_fits() {
        // 4,000 characters of three bytes, padded and sealed, in base64url.
        let longest = (16 * 1024_usize + 512).div_ceil(3) * 4;

        assert!(parse(&saying(longest), &Limits::default()).is_ok());
    }

    #[test]
    fn who_lacks_commits_in_a_full_room_may_bring_its_group_info() {
        // Of 100 people, who have some 400 characters each.
        let info = "A".repeat(40_000);
        let report = format!(
            r#"{{"type":"mls-report","epoch":7,"transcriptHash":"AAAA","leaf":3,"groupInfo":"{info}"}}"#
        );

        assert!(parse(&report, &Limits::default()).is_ok());
    }

    #[test]
    fn other_messages_are_as_small_as_they_need_to_be() {
        let text = format!(r#"{{"type":"leave","x":"{}"}}"#, "A".repeat(17_000));

        assert!(parse(&text, &Limits::default()).is_err());
        assert!(parse(&saying(1_000_000), &Limits::default()).is_err());
    }
}
