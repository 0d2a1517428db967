//! Websockets passed on to the real service, every message recorded.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::extract::ws::{self, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use futures_util::{SinkExt, StreamExt};
use signaling::protocol::SUBPROTOCOL;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::recording::{Recording, Way};

/// Stands before the service that listens at an address of this machine.
#[derive(Clone, Debug)]
pub(crate) struct Relay {
    service: SocketAddr,
    recording: Recording,
    sockets: Arc<AtomicU64>,
}

impl Relay {
    pub(crate) fn new(service: SocketAddr, recording: Recording) -> Self {
        Self {
            service,
            recording,
            sockets: Arc::default(),
        }
    }

    async fn connect(&self) -> Result<WebSocketStream<TcpStream>, tungstenite::Error> {
        let stream = TcpStream::connect(self.service).await?;
        let mut request = format!("ws://{}/v1/signal", self.service).into_client_request()?;
        let protocol = SUBPROTOCOL.parse().expect("it fits a header");
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        Ok(client_async(request, stream).await?.0)
    }

    async fn carry(self, mut page: WebSocket) {
        let Ok(mut service) = self.connect().await else {
            return;
        };
        let number = self.sockets.fetch_add(1, Ordering::Relaxed);
        loop {
            let is_passed = tokio::select! {
                message = page.recv() => match message {
                    Some(Ok(ws::Message::Text(text))) => {
                        self.recording.text(Way::In, number, text.as_str());
                        service.send(Message::text(text.as_str())).await.is_ok()
                    }
                    Some(Ok(ws::Message::Binary(bytes))) => {
                        let text = String::from_utf8_lossy(&bytes);
                        self.recording.text(Way::In, number, &text);
                        service.send(Message::binary(bytes)).await.is_ok()
                    }
                    Some(Ok(ws::Message::Ping(_) | ws::Message::Pong(_))) => true,
                    Some(Ok(ws::Message::Close(_)) | Err(_)) | None => false,
                },
                message = service.next() => match message {
                    Some(Ok(Message::Text(text))) => {
                        self.recording.text(Way::Out, number, text.as_str());
                        page.send(ws::Message::text(text.as_str())).await.is_ok()
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => false,
                    Some(Ok(_)) => true,
                },
            };
            if !is_passed {
                // Whichever side is left hears of the end.
                let _ = page.send(ws::Message::Close(None)).await;
                let _ = service.close(None).await;
                return;
            }
        }
    }
}

pub(crate) async fn open(State(relay): State<Relay>, upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .protocols([SUBPROTOCOL])
        .on_upgrade(move |page| relay.carry(page))
}
