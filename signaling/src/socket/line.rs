//! One websocket and what hangs on it.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use tokio::time::timeout;

use super::service::OpenSocket;
use crate::limits::Connection;
use crate::protocol::{ErrorCode, ServerMessage};
use crate::relays::Authority;

/// A websocket, which may pass from the task that opened it to that of the
/// stay it belongs to.
pub(super) struct Line {
    pub(super) socket: WebSocket,
    pub(super) connection: Option<Connection>,
    /// What the client asked for.
    pub(super) host: Option<Authority>,
    /// Counts it for as long as it lives.
    pub(super) _open: OpenSocket,
}

impl Line {
    /// Says one thing. Gives whether that went out in time.
    pub(super) async fn say(&mut self, message: &ServerMessage) -> bool {
        let text = serde_json::to_string(message).expect("messages are plain data");
        let sending = self.socket.send(Message::Text(text.into()));
        matches!(timeout(DEADLINE, sending).await, Ok(Ok(())))
    }

    /// Says why this is the end, and ends it.
    pub(super) async fn refuse(mut self, code: ErrorCode, message: String, close: u16) {
        tracing::debug!(?code, "refused");
        let error = ServerMessage::Error {
            code,
            message,
            fatal: true,
        };
        self.say(&error).await;
        self.end(close).await;
    }

    /// Says goodbye, and reads on until the client has: a socket closed with
    /// something unread is reset, and the last messages would be lost.
    pub(super) async fn end(mut self, code: u16) {
        let goodbye = async {
            let frame = CloseFrame {
                code,
                reason: "".into(),
            };
            if self.socket.send(Message::Close(Some(frame))).await.is_ok() {
                while let Some(Ok(_)) = self.socket.recv().await {}
            }
        };
        let _ = timeout(DEADLINE, goodbye).await;
    }

    /// Somebody is in on it.
    pub(super) fn admitted(&self) {
        if let Some(connection) = &self.connection {
            connection.joined();
        }
    }
}

const DEADLINE: Duration = Duration::from_secs(1);
