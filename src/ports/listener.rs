//! The server's TCP ports.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use signaling::limits::{Connection, Connections, TrustedProxies};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::dispatch::{Deadlines, Dispatch};
use super::hand_over::HandOver;

/// A bound port.
pub(crate) struct HttpPort {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    hand_over: Option<Arc<dyn HandOver>>,
    pub(super) deadlines: Deadlines,
}

impl HttpPort {
    /// Binds the port; with `tls`, no HTTP is spoken on it in the clear.
    ///
    /// # Errors
    /// The address is not of this machine, or the port is taken.
    pub(crate) async fn bind(
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
    ) -> io::Result<Self> {
        Ok(Self {
            listener: TcpListener::bind(address).await?,
            tls: tls.map(TlsAcceptor::from),
            hand_over: None,
            deadlines: Deadlines::default(),
        })
    }

    /// Gives connections that are not for HTTP to `hand_over`. Otherwise they
    /// are closed.
    pub(crate) fn with_hand_over(mut self, hand_over: Arc<dyn HandOver>) -> Self {
        self.hand_over = Some(hand_over);
        self
    }

    /// The address with the port that the system chose, if it had to.
    pub(crate) fn local_address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` turns true. Connections are tracked in
    /// `connections` until they are handed over, and requests carry theirs as
    /// an extension. Requests under way are finished; sockets that were
    /// upgraded are their owner's to end.
    pub(crate) async fn serve(
        self,
        router: Router,
        connections: Connections,
        proxies: TrustedProxies,
        stop: watch::Receiver<bool>,
    ) {
        let mut stopped = stop.clone();
        let mut stopped = std::pin::pin!(stopped.wait_for(|stop| *stop));
        let dispatch = Dispatch {
            tls: self.tls,
            router,
            hand_over: self.hand_over,
            deadlines: self.deadlines,
            stop,
        };
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = &mut stopped => return,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let peer = peer.ip().to_canonical();
                    let connection = connections.admit(peer, proxies.contain(peer));
                    tokio::spawn(serve(stream, connection, dispatch.clone()));
                }
                Err(error) => {
                    // Out of file descriptors, most likely: others must end first.
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

async fn serve(stream: TcpStream, connection: Connection, dispatch: Dispatch) {
    tokio::select! {
        () = dispatch.serve(stream, connection.clone()) => {}
        () = connection.evicted() => tracing::debug!("connection made way for a newer one"),
    }
}
