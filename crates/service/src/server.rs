//! HTTP/1.1 over a listener, within limits, until a stop is asked for.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::per_address::{PerAddress, Place};
use crate::stream::GuardedStream;
use crate::{Limits, Shutdown};

/// The wait after the operating system refused a connection (no file descriptor is left).
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);
/// The most header lines of a request.
const MAX_HEADER_LINES: usize = 100;

/// The address of this end of the connection that a request came over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalAddress(pub(crate) SocketAddr);

/// Why a listener could not be opened, as one sentence.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process listens there.
    #[error("{0} is already in use by another process; choose another port")]
    InUse(SocketAddr),
    /// The operating system refuses for another reason.
    #[error("cannot listen on {address}: {error}")]
    Other {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        error: io::Error,
    },
}

/// Opens a listener.
///
/// # Errors
/// The address is taken, is not one of this machine, or may not be used.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => BindError::InUse(address),
            _ => BindError::Other { address, error },
        })
}

/// Serves a router until a stop is asked for and open requests have ended.
///
/// At the soft step it accepts no further connection and lets open requests end within
/// [`Limits::grace`]; at the hard step, or after that time, it drops what is left.
///
/// # Errors
/// The listener has no local address; nothing else ends it.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: Shutdown,
    limits: Limits,
) -> io::Result<()> {
    listener.local_addr()?;
    let limits = Arc::new(limits);
    let slots = Arc::new(Semaphore::new(limits.max_connections));
    let places = PerAddress::new(limits.max_connections_per_address, limits.counts_loopback);
    let connections = TaskTracker::new();
    let hard = Shutdown::new();
    loop {
        let Some((stream, peer, slot)) = accept(&listener, &slots, &shutdown).await else {
            break;
        };
        // Security: answering would cost what the limit is there to save.
        let Some(place) = places.take(peer.ip()) else {
            tracing::debug!(%peer, "an address has too many connections");
            continue;
        };
        let task = Connection {
            router: router.clone(),
            limits: Arc::clone(&limits),
            soft: shutdown.clone(),
            hard: hard.clone(),
        };
        connections.spawn(task.run(stream, peer, (slot, place)));
    }
    drop(listener);
    connections.close();
    tokio::select! {
        () = connections.wait() => return Ok(()),
        () = shutdown.forced() => {}
        () = tokio::time::sleep(limits.grace) => {}
    }
    hard.force();
    connections.wait().await;
    Ok(())
}

/// Waits for a free slot and a connection; none when a stop is asked for.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    shutdown: &Shutdown,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let next = async {
        let slot = Arc::clone(slots).acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => return Some((stream, peer, slot)),
                Err(error) => {
                    // Correctness: the loop must outlive a shortage of descriptors and
                    // connections that broke before they were accepted.
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(ACCEPT_BACKOFF).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = shutdown.stopping() => None,
        found = next => found,
    }
}

struct Connection {
    router: Router,
    limits: Arc<Limits>,
    soft: Shutdown,
    hard: Shutdown,
}

impl Connection {
    async fn run(self, stream: TcpStream, peer: SocketAddr, held: (OwnedSemaphorePermit, Place)) {
        let _held = held;
        let Ok(local) = stream.local_addr() else {
            return;
        };
        // Small answers must not wait for the next one's bytes; a failure only costs latency.
        let _ = stream.set_nodelay(true);
        let io = TokioIo::new(GuardedStream::new(stream, self.limits.write_timeout));
        let router = self.router;
        let service = service_fn(move |request: Request<Incoming>| {
            call(router.clone(), request, peer, LocalAddress(local))
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header_timeout)
            .max_headers(MAX_HEADER_LINES)
            .max_buf_size(self.limits.max_header_bytes.max(8192))
            .serve_connection(io, service);
        tokio::pin!(connection);
        let mut is_ending = false;
        loop {
            tokio::select! {
                result = connection.as_mut() => {
                    if let Err(error) = result {
                        tracing::debug!(%peer, %error, "connection ended");
                    }
                    return;
                }
                () = self.soft.stopping(), if !is_ending => {
                    is_ending = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = self.hard.forced() => return,
            }
        }
    }
}

async fn call(
    router: Router,
    request: Request<Incoming>,
    peer: SocketAddr,
    local: LocalAddress,
) -> Result<Response, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    request.extensions_mut().insert(local);
    router.oneshot(request).await
}
