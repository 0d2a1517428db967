//! HTTP/1.1, in the clear or in TLS.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// A bound port.
pub(crate) struct HttpPort {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl HttpPort {
    /// Binds the port; with `tls`, only TLS is spoken on it.
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
        })
    }

    /// The address with the port that the system chose, if it had to.
    pub(crate) fn local_address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` turns true. Requests under way are finished;
    /// sockets that were upgraded are their owner's to end.
    pub(crate) async fn serve(self, router: Router, stop: watch::Receiver<bool>) {
        let mut stopped = stop.clone();
        let mut stopped = pin!(stopped.wait_for(|stop| *stop));
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = &mut stopped => return,
            };
            match accepted {
                Ok((stream, _)) => {
                    let (tls, router, stop) = (self.tls.clone(), router.clone(), stop.clone());
                    tokio::spawn(connection(stream, tls, router, stop));
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

async fn connection(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    router: Router,
    stop: watch::Receiver<bool>,
) {
    // Messages are small and must not wait for one another.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else {
        return requests(stream, router, stop).await;
    };
    match timeout(FIRST_BYTES_DEADLINE, tls.accept(stream)).await {
        Ok(Ok(stream)) => requests(stream, router, stop).await,
        Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
        Err(_) => tracing::debug!("TLS handshake timed out"),
    }
}

async fn requests<S>(stream: S, router: Router, mut stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(FIRST_BYTES_DEADLINE)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
            .with_upgrades()
    );
    let stopped = async {
        // Without a sender nobody is left who could want a later end.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    let served = tokio::select! {
        served = &mut connection => Some(served),
        () = stopped => None,
    };
    let served = if let Some(served) = served {
        served
    } else {
        connection.as_mut().graceful_shutdown();
        connection.await
    };
    if let Err(error) = served {
        tracing::debug!(%error, "connection ended");
    }
}

/// For a TLS handshake, and for a request's head.
const FIRST_BYTES_DEADLINE: Duration = Duration::from_secs(10);
