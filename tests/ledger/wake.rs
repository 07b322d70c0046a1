//! A wake-up hurries the only worker of a queue past Redis, and nothing is done twice for it.

use std::time::Duration;

use futures::StreamExt;
use jobs::ticket::{self, Tickets};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    QUEUE, bed,
    dispatch::{client, redis, waiting},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_wake_up_tells_the_only_listener_what_the_tickets_say_and_several_nothing() {
    let bed = bed().await;
    let tickets = Tickets::start(&bed.settings.ticket_place()).unwrap();
    let channel = wake_channel(&bed);
    let mut one = listener(&bed, &channel).await;
    let ids: Vec<Uuid> = (0..4).map(|_| Uuid::now_v7()).collect();
    // How many were woken is known after the first.
    tickets.push(QUEUE, ids[0]);
    assert_eq!(heard(&mut one).await, "1");
    tickets.push(QUEUE, ids[1]);
    assert_eq!(heard(&mut one).await, names(ids[1]));
    let _another = listener(&bed, &channel).await;
    tickets.push(QUEUE, ids[2]);
    while heard(&mut one).await != names(ids[2]) {}
    tickets.push(QUEUE, ids[3]);
    let redis = redis(&bed).await;
    let pushed = || async { tickets_tell(&mut redis.clone(), &bed, ids[3]).await.then_some(()) };
    tests::until("the last one has a ticket", pushed).await;
    redis::cmd("PUBLISH").arg(&channel).arg("no more").exec_async(&mut redis.clone()).await.unwrap();
    let mut later = Vec::new();
    while later.last().is_none_or(|last| last != "no more") {
        later.push(heard(&mut one).await);
    }
    assert!(!later.contains(&names(ids[3])), "{later:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_a_wake_up_has_named_share_their_tickets() {
    let bed = bed().await;
    let tickets = Tickets::start(&bed.settings.ticket_place()).unwrap();
    let mut one = listener(&bed, &wake_channel(&bed)).await;
    let ids: Vec<Uuid> = (0..16).map(|_| Uuid::now_v7()).collect();
    tickets.push(QUEUE, ids[0]);
    assert_eq!(heard(&mut one).await, "1");
    for id in &ids[1..] {
        // Each was named before the next one was there: none waited for company.
        tickets.push(QUEUE, *id);
        while heard(&mut one).await != names(*id) {}
    }
    let redis = redis(&bed).await;
    let pushed = || async { tickets_tell(&mut redis.clone(), &bed, ids[15]).await.then_some(()) };
    tests::until("the last one has a ticket", pushed).await;
    let count = waiting(&mut redis.clone(), &bed.settings.redis_prefix).await;
    assert!(count < 16, "{count} tickets for 16 jobs");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_wake_up_names_is_worked_on_at_once_and_not_again_when_its_ticket_is_taken() {
    let bed = bed().await;
    let (place, stop) = (bed.settings.ticket_place(), CancellationToken::new());
    let (handled, mut all) = mpsc::unbounded_channel();
    let handle = move |ids: Vec<Uuid>| {
        ids.into_iter().for_each(|id| handled.send(id).unwrap());
        std::future::ready(())
    };
    let serving = tokio::spawn(ticket::serve(place.clone(), QUEUE, stop.clone(), handle));
    let (redis, channel) = (redis(&bed).await, wake_channel(&bed));
    let (hurried, other) = (Uuid::now_v7(), Uuid::now_v7());
    tests::until("the worker listens", || {
        let (mut redis, channel, message) = (redis.clone(), channel.clone(), format!("[\"{hurried}\"]"));
        async move {
            let listening: u64 = redis::cmd("PUBLISH").arg(channel).arg(message).query_async(&mut redis).await.unwrap();
            (listening > 0).then_some(())
        }
    })
    .await;
    assert_eq!(all.recv().await, Some(hurried), "before there is a ticket");

    let tickets = Tickets::start(&place).unwrap();
    tickets.push(QUEUE, hurried);
    tickets.push(QUEUE, other);
    assert_eq!(all.recv().await, Some(other));
    let taken = || async { (waiting(&mut redis.clone(), &bed.settings.redis_prefix).await == 0).then_some(()) };
    tests::until("the tickets were taken", taken).await;
    stop.cancel();
    serving.await.unwrap().unwrap();
    assert_eq!(all.try_recv(), Err(mpsc::error::TryRecvError::Disconnected), "nothing more, and nobody is held");
}

async fn heard(listener: &mut redis::aio::PubSub) -> String {
    let mut messages = listener.on_message();
    let next = tokio::time::timeout(Duration::from_secs(60), messages.next());
    next.await.expect("a wake-up comes").unwrap().get_payload().unwrap()
}

/// What a wake-up says that names one job.
fn names(job: Uuid) -> String {
    format!("[\"{job}\"]")
}

/// Whether a ticket in Redis names this job.
async fn tickets_tell(redis: &mut redis::aio::MultiplexedConnection, bed: &tests::Bed, job: Uuid) -> bool {
    let key = format!("{}booking:data", bed.settings.redis_prefix);
    let tickets: Vec<String> = redis::cmd("HVALS").arg(key).query_async(redis).await.unwrap();
    tickets.iter().any(|ticket| ticket.contains(&job.to_string()))
}

fn wake_channel(bed: &tests::Bed) -> String {
    format!("{}wake:{QUEUE}", bed.settings.redis_prefix)
}

async fn listener(bed: &tests::Bed, channel: &str) -> redis::aio::PubSub {
    let mut listener = client(bed).get_async_pubsub().await.unwrap();
    listener.subscribe(channel).await.unwrap();
    listener
}
