//! HTTP/1.1 over plain TCP, in front of poem's endpoints.
//!
//! poem has a server of its own. There, whoever sends half of a request's head, or does not read the answer, keeps a connection
//! for ever; there may be any number of connections; and when no file is left for one more, it tries again without a pause.

use std::{
    convert::Infallible,
    io::{self, ErrorKind},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use hyper::{body::Incoming, server::conn::http1};
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::{
    Addr, Endpoint, Request,
    http::uri::Scheme,
    web::{LocalAddr, RemoteAddr},
};
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What a client may take. Bodies and answers have limits where they are read and made.
#[derive(Clone, Copy)]
struct Limits {
    /// From the opening of a connection, or the end of an answer, until the head of the next request is there.
    head: Duration,
    /// How long the client may leave sent bytes unacknowledged, or refuse more of them.
    unread: Duration,
    connections: usize,
}

impl Limits {
    /// nginx and the load balancers of clouds keep a connection for a minute to use it again. They should be the ones that
    /// close it: a request that is on its way while we do is lost.
    const HEAD: Duration = Duration::from_secs(75);
    const UNREAD: Duration = Duration::from_secs(30);

    /// Files that are left for everything but connections: database, Redis, photos.
    const OTHER_FILES: u64 = 124;

    /// A connection is an open file, of which a process has `ulimit -n` at most.
    fn of_process() -> io::Result<Self> {
        let (files, _) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE)?;
        let connections = usize::try_from(files.saturating_sub(Self::OTHER_FILES).max(1)).unwrap_or(usize::MAX);
        Ok(Self { head: Self::HEAD, unread: Self::UNREAD, connections: connections.min(Semaphore::MAX_PERMITS) })
    }
}

/// Serves until `stop`. Then nobody new is let in, connections close as soon as they have nothing in flight, and what is in
/// flight has `grace`.
///
/// # Errors
/// When the system does not say how many files may be open, or where the listener listens.
pub async fn serve(
    listener: TcpListener,
    endpoint: impl Endpoint + 'static,
    stop: CancellationToken,
    grace: Duration,
) -> io::Result<()> {
    serve_within(Limits::of_process()?, listener, endpoint, stop, grace).await
}

async fn serve_within(
    limits: Limits,
    listener: TcpListener,
    endpoint: impl Endpoint + 'static,
    stop: CancellationToken,
    grace: Duration,
) -> io::Result<()> {
    let here = LocalAddr(listener.local_addr()?.into());
    let endpoint = Arc::new(endpoint);
    let places = Arc::new(Semaphore::new(limits.connections));
    let open = TaskTracker::new();
    loop {
        let (stream, peer, place) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let (endpoint, here, stop) = (endpoint.clone(), here.clone(), stop.clone());
        open.spawn(async move {
            if let Err(error) = converse(stream, (here, peer), endpoint, limits, (stop, grace)).await {
                tracing::debug!(%peer, %error, "a connection broke");
            }
            drop(place);
        });
    }
    drop(listener);
    open.close();
    open.wait().await;
    Ok(())
}

/// The right to an open connection.
struct Place(#[expect(dead_code, reason = "held until the connection is closed")] OwnedSemaphorePermit);

impl Place {
    fn gauge() -> metrics::Gauge {
        metrics::gauge!("http_connections")
    }

    fn taken(permit: OwnedSemaphorePermit) -> Self {
        Self::gauge().increment(1);
        Self(permit)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        Self::gauge().decrement(1);
    }
}

/// The next client. Those for whom there is no place wait outside, in the kernel's queue.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> (TcpStream, SocketAddr, Place) {
    let permit = places.clone().acquire_owned().await.expect("it is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, Place::taken(permit)),
            // Somebody who has gone again.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
            // Out of files or memory: nothing changes until others give some back.
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Answers one client after the other on one connection, until either side has enough.
async fn converse<E: Endpoint + 'static>(
    stream: TcpStream,
    (here, peer): (LocalAddr, SocketAddr),
    endpoint: Arc<E>,
    limits: Limits,
    (stop, grace): (CancellationToken, Duration),
) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    SockRef::from(&stream).set_tcp_user_timeout(Some(limits.unread))?;
    let peer = RemoteAddr(Addr::SocketAddr(peer));
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let (endpoint, here, peer) = (endpoint.clone(), here.clone(), peer.clone());
        async move {
            let answer = endpoint.get_response(Request::from((request, here, peer, Scheme::HTTP))).await;
            Ok::<hyper::Response<_>, Infallible>(answer.into())
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        biased;
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
        ended = &mut connection => return Ok(ended?),
    }
    Ok(tokio::time::timeout(grace, connection).await??)
}

#[cfg(test)]
mod tests;
