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
        // Somebody who comes back brings the last ones.
        ClientMessage::Offer { .. }
        | ClientMessage::MlsCommit(_)
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
