use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{FutureExt, stream};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use poem::{
    Body, Response,
    endpoint::{make, make_sync},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
    sync::Notify,
    task::JoinHandle,
};

use super::*;
use crate::metric;

const FEW: Limits = Limits { head: Duration::from_millis(200), unread: Duration::from_millis(200), connections: 100 };
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
        Self::start_with_grace(limits, endpoint, LONG).await
    }

    async fn start_with_grace(limits: Limits, endpoint: impl Endpoint + 'static, grace: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let ended = tokio::spawn(serve_within(limits, listener, endpoint, stop.clone(), grace));
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

#[tokio::test]
async fn who_is_still_asking_or_still_waits_holds_up_the_end_no_longer_than_the_grace() {
    let (asked, never) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let endpoint = slow(&asked, &never);
    let limits = Limits { head: LONG * 3, ..FEW };
    let served = Served::start_with_grace(limits, endpoint, Duration::from_millis(200)).await;
    let (mut halting, mut patient) = (served.client().await, served.client().await);
    halting.write_all(b"GET / HTTP/1.1\r\nHost: h").await.unwrap();
    patient.write_all(GET).await.unwrap();
    soon(asked.notified()).await;
    served.stop.cancel();
    soon(served.ended).await.unwrap().unwrap();
}

/// Runs a part of a test in a process of its own: limits and metrics are a whole process's.
fn alone(part: &str) {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "--ignored", &format!("http::tests::{part}")]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// Lets this process open so many files from now on.
fn may_open(files: u64) {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, files, most).unwrap();
}

fn ok() -> impl Endpoint + 'static {
    make_sync(|_| "ok")
}

#[test]
fn a_process_lets_in_as_many_as_it_has_files_for_and_counts_them() {
    alone("six_of_seven_are_let_in");
}

#[tokio::test]
#[ignore = "a part of the test above, which runs it in a process of its own"]
async fn six_of_seven_are_let_in() {
    may_open(Limits::OTHER_FILES + 6);
    metric::render();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, ok(), CancellationToken::new(), LONG));
    let open = || metric::render().lines().find_map(|line| line.strip_prefix("http_connections ")?.parse::<u32>().ok());
    let mut clients = Vec::new();
    for count in 1..=6 {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(GET).await.unwrap();
        answer(&mut client).await;
        clients.push(client);
        assert_eq!(open(), Some(count));
    }
    let mut seventh = TcpStream::connect(address).await.unwrap();
    seventh.write_all(GET).await.unwrap();
    for client in &mut clients {
        client.write_all(GET).await.unwrap();
        answer(client).await;
    }
    assert_eq!((open(), seventh.read_u8().now_or_never().is_none()), (Some(6), true));
    clients.pop();
    answer(&mut seventh).await;
    assert_eq!(open(), Some(6));
}

#[test]
fn without_a_file_for_one_more_client_it_tries_again_now_and_then_and_not_all_the_time() {
    alone("four_times_in_three_pauses");
}

#[tokio::test]
#[ignore = "a part of the test above, which runs it in a process of its own"]
async fn four_times_in_three_pauses() {
    let (told, mut failures) = tokio::sync::mpsc::unbounded_channel();
    let failed = move || {
        told.send(std::time::Instant::now()).unwrap();
        io::sink()
    };
    let _told = tracing::subscriber::set_default(tracing_subscriber::fmt().with_writer(failed).finish());
    let served = Served::start(Limits { head: LONG, ..FEW }, ok()).await;
    let client = TcpSocket::new_v4().unwrap();
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    // No number of a file is allowed: those that are open stay so.
    may_open(0);
    let mut client = client.connect(served.address).await.unwrap();
    let mut next = async || soon(failures.recv()).await.unwrap();
    let (first, _, _, fourth) = (next().await, next().await, next().await, next().await);
    assert!(fourth - first >= Duration::from_millis(300), "{:?}", fourth - first);
    may_open(most);
    client.write_all(GET).await.unwrap();
    answer(&mut client).await;
}
