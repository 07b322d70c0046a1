//! Rules 1 and 2: neither accepting nor working needs Redis, and Redis holds a window of tickets, not the backlog.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use jobs::{
    NewJob,
    ledger::{self, AcceptError, Accepted, Idempotency, Trace},
    ticket::Tickets,
};
use platform::settings::Secret;
use uuid::Uuid;

use super::{QUEUE, accept, bed, kinds, registry, state_is};

/// As many tickets of a queue as may be in Redis at a time.
const WINDOW: u64 = 500;

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_ticket_was_never_pushed_is_done_all_the_same() {
    let bed = bed().await;
    let id = accept(&bed, &kinds::Mark {}).await;
    bed.work(QUEUE, registry()).await;
    bed.until(&state_is(id, "done"), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_back_from_a_dead_worker_waits_for_no_ticket() {
    let mut bed = bed().await;
    let id = accept(&bed, &kinds::Mark {}).await;
    ledger::claim(&bed.db, QUEUE, &[id], "doomed").await.unwrap();
    bed.run("update job set lease_until = clock_timestamp() - interval '1 second'").await;
    // Nobody listens there, so no ticket comes.
    bed.settings.redis_url = Secret::new("redis://127.0.0.1:9".to_owned());
    bed.work(QUEUE, registry()).await;
    bed.until(&state_is(id, "done"), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_accepted_with_others_has_the_row_that_it_would_have_alone() {
    let bed = bed().await;
    let bare = NewJob::new(&kinds::Mark {});
    let full = NewJob {
        id: Uuid::now_v7(),
        idempotency: Some(Idempotency { key: "once".to_owned(), request_hash: [7; 32] }),
        dedupe_key: Some("twin".to_owned()),
        reply_to: Some("front".to_owned()),
        trace: Trace { traceparent: Some("00-1-2-01".to_owned()), request_id: Some("request".to_owned()) },
        priority: 3,
        max_attempts: 5,
        ..NewJob::new(&kinds::Mark {}).asked_by(Uuid::now_v7()).at(Utc::now() + TimeDelta::days(1))
    };
    let delayed = NewJob { id: Uuid::now_v7(), delay: Duration::from_secs(60), ..bare.clone() };
    let jobs = [bare, full, delayed];

    ledger::insert_all(&bed.db, &jobs).await.unwrap();
    bed.run("create table together as select * from job; delete from job").await;
    for job in &jobs {
        ledger::insert_all(&bed.db, std::slice::from_ref(job)).await.unwrap();
    }
    let same = "select count(*) from job join together using (id)
                where to_jsonb(job) - 'created_at' - 'run_at' = to_jsonb(together) - 'created_at' - 'run_at'
                and (job.run_at = together.run_at or job.run_at - job.created_at = together.run_at - together.created_at)";
    assert_eq!(bed.number(same).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn losing_every_ticket_loses_no_job() {
    let bed = bed().await;
    let tickets = Tickets::start(&bed.settings.ticket_place()).unwrap();
    for _ in 0..40 {
        tickets.push(QUEUE, accept(&bed, &kinds::Mark {}).await);
    }
    let mut redis = redis(&bed).await;
    let prefix = &bed.settings.redis_prefix;
    tests::until("the tickets are in Redis", || {
        let mut redis = redis.clone();
        async move { (waiting(&mut redis, prefix).await > 0).then_some(()) }
    })
    .await;
    // What FLUSHALL does, for this test's keys only.
    let keys: Vec<String> = redis::cmd("KEYS").arg(format!("{prefix}*")).query_async(&mut redis).await.unwrap();
    redis::cmd("DEL").arg(&keys).exec_async(&mut redis).await.unwrap();

    bed.work(QUEUE, registry()).await;
    bed.until("select count(*) from job where state = 'done'", 40).await;
    assert_eq!(bed.number("select count(*) from effect").await, 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_jobs_are_done_all_the_same() {
    let mut bed = bed().await;
    // Nobody listens there.
    bed.settings.redis_url = Secret::new("redis://127.0.0.1:9".to_owned());
    bed.work(QUEUE, registry()).await;
    for _ in 0..3 {
        let job = NewJob::new(&kinds::Chain {});
        ledger::accept(&bed.db, &job).await.unwrap();
        bed.hurry(&job);
        bed.until(&state_is(job.id, "done"), 1).await;
    }
    bed.until("select count(*) from job where kind = 'test_mark' and state = 'done'", 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_never_more_than_a_window_of_tickets_in_redis() {
    let bed = bed().await;
    let tickets = Tickets::start(&bed.settings.ticket_place()).unwrap();
    let (redis, prefix) = (redis(&bed).await, &bed.settings.redis_prefix);
    let mut most = 0;
    // Nobody takes them. Two hundred make thirteen tickets at least, so these are 780.
    for round in 1..=60 {
        (0..200).for_each(|_| tickets.push(QUEUE, Uuid::now_v7()));
        let look = || async {
            let count = waiting(&mut redis.clone(), prefix).await;
            (count >= WINDOW.min(13 * round)).then_some(count)
        };
        most = most.max(tests::until("the tickets are in Redis", look).await);
    }
    for _ in 0..50 {
        most = most.max(waiting(&mut redis.clone(), prefix).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(most, WINDOW);
}

#[tokio::test(flavor = "multi_thread")]
async fn finished_tickets_do_not_stay_in_redis() {
    let bed = bed().await;
    bed.work(QUEUE, registry()).await;
    let tickets = Tickets::start(&bed.settings.ticket_place()).unwrap();
    for _ in 0..100 {
        tickets.push(QUEUE, accept(&bed, &kinds::Mark {}).await);
    }
    bed.until("select count(*) from job where state = 'done'", 100).await;
    let redis = redis(&bed).await;
    let prefix = &bed.settings.redis_prefix;
    tests::until("apalis's leftovers are gone", || {
        let mut redis = redis.clone();
        async move {
            let data = redis::cmd("HLEN").arg(format!("{prefix}booking:data")).query_async::<u64>(&mut redis).await;
            let metas = redis::cmd("KEYS").arg(format!("{prefix}booking:meta:*")).query_async(&mut redis).await;
            let metas: Vec<String> = metas.unwrap();
            (data.unwrap() == 0 && metas.is_empty()).then_some(())
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_idempotency_key_is_one_job_however_often_it_is_sent() {
    let bed = bed().await;
    let account = Uuid::now_v7();
    let ask = |hash: u8| {
        let mut job = NewJob::new(&kinds::Mark {}).asked_by(account);
        job.idempotency = Some(Idempotency { key: "once".to_owned(), request_hash: [hash; 32] });
        job
    };
    let asks = (0..50).map(|_| {
        let (db, job) = (bed.db.clone(), ask(1));
        tokio::spawn(async move { ledger::accept(&db, &job).await.unwrap() })
    });
    let answers = futures::future::join_all(asks).await;
    let new = answers.iter().filter(|answer| matches!(answer, Ok(Accepted::New { .. }))).count();
    assert_eq!(new, 1);
    assert_eq!(bed.number("select count(*) from job").await, 1);
    assert!(matches!(ledger::accept(&bed.db, &ask(2)).await, Err(AcceptError::Reused)));
    let mut stranger = ask(1);
    stranger.principal = Some(Uuid::now_v7());
    assert!(matches!(ledger::accept(&bed.db, &stranger).await, Ok(Accepted::New { .. })), "keys are private");
}

pub(super) async fn redis(bed: &tests::Bed) -> redis::aio::MultiplexedConnection {
    client(bed).get_multiplexed_async_connection().await.unwrap()
}

pub(super) fn client(bed: &tests::Bed) -> redis::Client {
    redis::Client::open(bed.settings.redis_url.expose().as_str()).unwrap()
}

/// Tickets of the booking queue that no worker has fetched.
pub(super) async fn waiting(redis: &mut redis::aio::MultiplexedConnection, prefix: &str) -> u64 {
    let (active, scheduled): (u64, u64) = redis::pipe()
        .llen(format!("{prefix}booking:active"))
        .zcard(format!("{prefix}booking:scheduled"))
        .query_async(redis)
        .await
        .unwrap();
    active + scheduled
}
