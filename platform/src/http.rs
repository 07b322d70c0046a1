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
/// When the address cannot be listened on.
pub async fn serve(
    listen: SocketAddr,
    endpoint: impl Endpoint + 'static,
    stop: CancellationToken,
    grace: Duration,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    serve_within(Limits::of_process()?, listener, endpoint, stop, grace).await?;
    Ok(())
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
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::{FutureExt, stream};
    use poem::{
        Body, Response,
        endpoint::{make, make_sync},
    };
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        sync::Notify,
        task::JoinHandle,
    };

    use super::*;

    const FEW: Limits =
        Limits { head: Duration::from_millis(200), unread: Duration::from_millis(200), connections: 100 };
    const LONG: Duration = Duration::from_secs(20);

    /// Ends what would hang where a protection is missing.
    async fn soon<T>(fact: impl Future<Output = T>) -> T {
        tokio::time::timeout(LONG, fact).await.expect("it does not come")
    }

    struct Served {
        address: SocketAddr,
        stop: CancellationToken,
        ended: JoinHandle<io::Result<()>>,
    }

    impl Served {
        async fn start(limits: Limits, endpoint: impl Endpoint + 'static) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
            let ended = tokio::spawn(serve_within(limits, listener, endpoint, stop.clone(), LONG));
            Self { address, stop, ended }
        }

        async fn client(&self) -> TcpStream {
            TcpStream::connect(self.address).await.unwrap()
        }
    }

    const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n";

    /// The answer to a request, when its body is `ok`.
    async fn answer(client: &mut TcpStream) -> String {
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\nok") {
            assert!(soon(client.read_buf(&mut answer)).await.unwrap() > 0, "{answer:?}");
        }
        String::from_utf8(answer).unwrap()
    }

    /// Tells that it was asked, and answers when it may.
    fn slow(asked: &Arc<Notify>, may: &Arc<Notify>) -> impl Endpoint + 'static {
        let (asked, may) = (asked.clone(), may.clone());
        make(move |_| {
            let (asked, may) = (asked.clone(), may.clone());
            async move {
                asked.notify_one();
                may.notified().await;
                Ok::<_, poem::Error>("ok")
            }
        })
    }

    #[tokio::test]
    async fn half_a_head_is_given_up_and_an_answer_is_waited_for() {
        let (asked, answered) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let endpoint = slow(&asked, &answered);
        let served = Served::start(FEW, endpoint).await;
        let mut patient = served.client().await;
        patient.write_all(GET).await.unwrap();
        soon(asked.notified()).await;

        let (mut silent, mut halting) = (served.client().await, served.client().await);
        halting.write_all(b"GET / HTTP/1.1\r\nHost: h").await.unwrap();
        let mut rest = Vec::new();
        for client in [&mut silent, &mut halting] {
            let _ = soon(client.read_to_end(&mut rest)).await;
        }
        assert!(!String::from_utf8(rest).unwrap().contains("ok"));
        answered.notify_one();
        assert!(answer(&mut patient).await.starts_with("HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn those_for_whom_there_is_no_place_wait_until_somebody_goes() {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        let endpoint = make_sync(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            "ok"
        });
        let served = Served::start(Limits { head: LONG, connections: 1, ..FEW }, endpoint).await;
        let mut first = served.client().await;
        first.write_all(GET).await.unwrap();
        answer(&mut first).await;
        let mut second = served.client().await;
        second.write_all(GET).await.unwrap();
        for _ in 0..100 {
            first.write_all(GET).await.unwrap();
            answer(&mut first).await;
        }
        assert_eq!(count.load(Ordering::SeqCst), 101, "the second client waits");
        drop(first);
        answer(&mut second).await;
    }

    #[tokio::test]
    async fn whoever_does_not_read_is_cut_off() {
        let gone = CancellationToken::new();
        let told = gone.clone();
        let endpoint = make_sync(move |_| {
            let held = told.clone().drop_guard();
            let endless = stream::repeat_with(move || {
                let _ = &held;
                Ok::<_, io::Error>(vec![0_u8; 1 << 16])
            });
            Response::builder().body(Body::from_bytes_stream(endless))
        });
        let served = Served::start(FEW, endpoint).await;
        let mut client = served.client().await;
        client.write_all(GET).await.unwrap();
        client.read_exact(&mut [0; 100]).await.unwrap();
        soon(gone.cancelled()).await;
    }

    #[tokio::test]
    async fn who_has_nothing_in_flight_does_not_hold_up_the_end_and_who_has_gets_an_answer() {
        let (asked, answered) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let endpoint = slow(&asked, &answered);
        let mut served = Served::start(Limits { head: LONG * 3, ..FEW }, endpoint).await;
        let (_silent, mut patient) = (served.client().await, served.client().await);
        patient.write_all(GET).await.unwrap();
        soon(asked.notified()).await;
        served.stop.cancel();
        assert!((&mut served.ended).now_or_never().is_none());
        answered.notify_one();
        assert!(answer(&mut patient).await.contains("connection: close"));
        soon(served.ended).await.unwrap().unwrap();
    }
}
