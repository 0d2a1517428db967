//! HTTP/1.1, in the clear or in TLS.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use signaling::limits::{Connection, Connections, TrustedProxies};
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

    /// Serves until `stop` turns true. Connections are tracked in
    /// `connections`, and requests carry theirs as an extension. Requests under way are finished;
    /// sockets that were upgraded are their owner's to end.
    pub(crate) async fn serve(
        self,
        router: Router,
        connections: Connections,
        proxies: TrustedProxies,
        stop: watch::Receiver<bool>,
    ) {
        let mut stopped = stop.clone();
        let mut stopped = pin!(stopped.wait_for(|stop| *stop));
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = &mut stopped => return,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let peer = peer.ip().to_canonical();
                    let connection = connections.admit(peer, proxies.contain(peer));
                    let (tls, router, stop) = (self.tls.clone(), router.clone(), stop.clone());
                    tokio::spawn(serve(stream, connection, tls, router, stop));
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

async fn serve(
    stream: TcpStream,
    connection: Connection,
    tls: Option<TlsAcceptor>,
    router: Router,
    stop: watch::Receiver<bool>,
) {
    tokio::select! {
        () = exchange(stream, connection.clone(), tls, router, stop) => {}
        () = connection.evicted() => tracing::debug!("connection made way for a newer one"),
    }
}

async fn exchange(
    stream: TcpStream,
    connection: Connection,
    tls: Option<TlsAcceptor>,
    router: Router,
    stop: watch::Receiver<bool>,
) {
    // Messages are small and must not wait for one another.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else {
        return requests(stream, connection, router, stop).await;
    };
    match timeout(FIRST_BYTES_DEADLINE, tls.accept(stream)).await {
        Ok(Ok(stream)) => requests(stream, connection, router, stop).await,
        Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
        Err(_) => tracing::debug!("TLS handshake timed out"),
    }
}

async fn requests<S>(
    stream: S,
    connection: Connection,
    router: Router,
    mut stop: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(connection.clone());
        router.call(request)
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(FIRST_BYTES_DEADLINE)
            .serve_connection(TokioIo::new(stream), service)
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
