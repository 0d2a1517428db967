//! One JSON message after another over a websocket (RFC 6455).

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;

use crate::target::TargetError;

#[derive(Debug)]
pub struct JsonSocket {
    stream: WebSocketStream<TcpStream>,
}

impl JsonSocket {
    /// Connects from `source` to `path` of the server at `address`.
    ///
    /// # Errors
    /// Nobody listens there, or not with this subprotocol.
    pub async fn connect(
        source: SocketAddr,
        address: SocketAddr,
        path: &str,
        subprotocol: &'static str,
    ) -> Result<Self, TargetError> {
        let socket = if source.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        socket.bind(source)?;
        let connection = socket.connect(address).await?;
        connection.set_nodelay(true)?;
        let mut request = format!("ws://{address}{path}")
            .into_client_request()
            .map_err(signaling)?;
        request.headers_mut().insert(
            SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_static(subprotocol),
        );
        let (stream, _) = client_async(request, connection).await.map_err(signaling)?;
        Ok(Self { stream })
    }

    /// # Errors
    /// The connection is gone.
    pub async fn send(&mut self, message: &Value) -> Result<(), TargetError> {
        self.stream
            .send(Message::text(message.to_string()))
            .await
            .map_err(signaling)
    }

    /// The next message.
    ///
    /// # Errors
    /// The connection is gone, or what came is not JSON.
    pub async fn receive(&mut self) -> Result<Value, TargetError> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => {
                    return serde_json::from_str(&text).map_err(signaling);
                }
                Some(Ok(Message::Close(frame))) => {
                    let reason = frame.map_or_else(String::new, |frame| frame.to_string());
                    return Err(TargetError::Signaling(format!("closed {reason}")));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(signaling(error)),
                None => return Err(TargetError::Signaling("closed".into())),
            }
        }
    }
}

fn signaling(error: impl std::fmt::Display) -> TargetError {
    TargetError::Signaling(error.to_string())
}
