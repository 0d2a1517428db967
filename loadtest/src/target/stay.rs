//! A stay at Quietroom: messages are counted, and those that came are
//! acknowledged, as browsers do, so that the server can forget them.

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::{KeptOpen, TargetError};
use crate::websocket::JsonSocket;

#[derive(Debug)]
pub struct Stay {
    socket: JsonSocket,
    /// Messages that came; acknowledgements do not count.
    received: u64,
}

impl Stay {
    pub fn new(socket: JsonSocket) -> Self {
        Self {
            socket,
            received: 0,
        }
    }

    /// # Errors
    /// The connection is gone.
    pub async fn send(&mut self, message: &Value) -> Result<(), TargetError> {
        self.socket.send(message).await
    }

    /// Waits for a message of one type.
    ///
    /// # Errors
    /// The server refuses, or the connection is gone.
    pub async fn reply(&mut self, wanted: &str) -> Result<Value, TargetError> {
        loop {
            let message = self.receive().await?;
            match message["type"].as_str() {
                Some(kind) if kind == wanted => return Ok(message),
                Some("error") => return Err(TargetError::Signaling(message.to_string())),
                _ => {}
            }
        }
    }

    /// Stays in for as long as the answer is kept, then leaves: else the
    /// server would wait for it to come back.
    pub fn keep_open(mut self) -> KeptOpen {
        let (kept, mut gone) = oneshot::channel::<()>();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = &mut gone => {
                        let _ = self.send(&json!({ "type": "leave" })).await;
                        return;
                    }
                    message = self.receive() => if message.is_err() {
                        return;
                    }
                }
            }
        });
        KeptOpen::until_dropped(kept)
    }

    /// The next message, acknowledged at times.
    async fn receive(&mut self) -> Result<Value, TargetError> {
        let message = self.socket.receive().await?;
        // The server's own acknowledgements come every few seconds.
        let is_acknowledgement = message["type"] == "ack";
        self.received += u64::from(!is_acknowledgement);
        if is_acknowledgement || self.received.is_multiple_of(BETWEEN_ACKNOWLEDGEMENTS) {
            let acknowledgement = json!({ "type": "ack", "received": self.received });
            self.send(&acknowledgement).await?;
        }
        Ok(message)
    }
}

const BETWEEN_ACKNOWLEDGEMENTS: u64 = 50;
