//! HTTP/1.1 on one connection.

use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use signaling::limits::Connection;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::timeout;

/// Answers requests until the client has no more, or `stop` turns true.
pub(super) async fn requests<S>(
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
            .header_read_timeout(HEAD_DEADLINE)
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

/// Tells somebody who asks in the clear that this port has TLS.
///
/// # Errors
/// The client has gone.
pub(super) async fn refuse_plain<S>(mut stream: S) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let refusing = async {
        stream.write_all(PLAIN_REFUSED).await?;
        stream.shutdown().await?;
        // Closed with bytes unread, the answer might not arrive.
        tokio::io::copy(&mut stream.take(MOST_UNREAD), &mut tokio::io::sink()).await?;
        Ok(())
    };
    timeout(REFUSAL_DEADLINE, refusing).await?
}

const PLAIN_REFUSED: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    content-type: text/plain\r\n\
    content-length: 40\r\n\
    connection: close\r\n\r\n\
    This port has TLS: begin with https://.\n";
const MOST_UNREAD: u64 = 16 * 1024;
const REFUSAL_DEADLINE: Duration = Duration::from_secs(2);
/// For a request's head.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);
