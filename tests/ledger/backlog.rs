//! Rule 2 once more: a backlog is worked on in its order, and whoever waits for room or a connection has a turn.

use jobs::{NewJob, ledger};

use super::{
    QUEUE, accept, accept_many, bed,
    dispatch::{redis, waiting},
    kinds, registry, state_is,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_is_worked_on_by_priority_and_then_by_age() {
    let bed = bed().await;
    // The younger a job, the smaller its number; each third is urgent.
    bed.run(
        "insert into job (id, queue, kind, payload, priority, run_at, max_attempts)
         select gen_random_uuid(), 'booking', 'test_mark', jsonb_build_object('n', n), (n % 3 = 0)::int,
                clock_timestamp() - make_interval(secs => n), 8
         from generate_series(1, 60) n",
    )
    .await;
    let mut order = Vec::new();
    while let [job, ..] = ledger::claim_due(&bed.db, QUEUE, 1, "one by one").await.unwrap().as_slice() {
        let payload: serde_json::Value = serde_json::from_str(&job.payload).unwrap();
        order.push(payload["n"].as_i64().unwrap());
    }
    let mut wanted: Vec<i64> = (1..=60).rev().collect();
    wanted.sort_by_key(|n| n % 3 != 0);
    assert_eq!(order, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_overtakes_no_backlog() {
    let bed = bed().await;
    let mut stalls = Vec::new();
    for _ in 0..3 {
        stalls.push(accept(&bed, &kinds::Stall {}).await);
    }
    // Room for one job: it is behind from its first look on.
    bed.work_with(QUEUE, 1, registry()).await;
    bed.until(&state_is(stalls[0], "running"), 1).await;
    let late = NewJob::new(&kinds::Mark {});
    ledger::accept(&bed.db, &late).await.unwrap();
    bed.hurry(&late);
    let (redis, prefix) = (redis(&bed).await, &bed.settings.redis_prefix);
    let taken = || async { (waiting(&mut redis.clone(), prefix).await == 0).then_some(()) };
    tests::until("the ticket was taken", taken).await;
    for (ends, next) in [(stalls[0], stalls[1]), (stalls[1], stalls[2])] {
        let end = "update job set state = 'cancelled', lease_until = null, finished_at = now()";
        bed.run(&format!("{end} where id = '{ends}'")).await;
        bed.until(&state_is(next, "running"), 1).await;
    }
    assert_eq!(bed.number(&state_is(late.id, "ready")).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_backlog_a_process_leaves_to_others_what_it_has_no_connection_for() {
    let mut bed = bed().await;
    bed.settings.database_connections = 7;
    accept_many(&bed, 200, &kinds::Stall {}).await;
    // Room for all of them, and one connection to work with.
    bed.work_with(QUEUE, 256, registry()).await;
    bed.until("select count(distinct worker) from job where state = 'running'", 1).await;
    bed.work_with(QUEUE, 256, registry()).await;
    bed.until("select count(distinct worker) from job where state = 'running'", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_that_ran_out_are_taken_back_while_others_wait_for_a_connection() {
    let mut bed = bed().await;
    bed.settings.database_connections = 7;
    for _ in 0..3 {
        accept(&bed, &kinds::Stall {}).await;
    }
    // One connection to work with, and two that wait for it.
    bed.work_with(QUEUE, 256, registry()).await;
    bed.until("select count(*) from job where state = 'running'", 3).await;
    // The first one before the sweep waits in its line, the second one while it does.
    for _ in 0..2 {
        let id = accept(&bed, &kinds::Mark {}).await;
        ledger::claim(&bed.db, QUEUE, &[id], "doomed").await.unwrap();
        bed.run(&format!("update job set lease_until = clock_timestamp() - interval '1 second' where id = '{id}'"))
            .await;
        bed.until(&format!("select crashes from job where id = '{id}'"), 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_without_a_ticket_has_its_turn_while_those_with_one_wait_for_a_connection() {
    let mut bed = bed().await;
    // One is left for jobs of their own, so eight relays are in a line that takes two seconds, twice as long as
    // leases are looked through.
    bed.settings.database_connections = 7;
    bed.work(QUEUE, registry()).await;
    let relays = [(); 8].map(|()| NewJob::new(&kinds::Relay { left: 9 }));
    for relay in &relays {
        ledger::accept(&bed.db, relay).await.unwrap();
        bed.hurry(relay);
    }
    bed.until("select count(*) from job where kind = 'test_relay' and state = 'done'", 8).await;
    let id = accept(&bed, &kinds::Mark {}).await;
    bed.until(&state_is(id, "done"), 1).await;
    let done = bed.number("select count(*) from job where kind = 'test_relay' and state = 'done'").await;
    assert!(done < 64, "{done} of 80 others were done first");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_drains_faster_than_one_look_per_sweep() {
    let bed = bed().await;
    accept_many(&bed, 3000, &kinds::Mark {}).await;
    bed.work(QUEUE, registry()).await;
    bed.until("select count(*) from job where state = 'done'", 3000).await;
    assert_eq!(bed.number("select count(*) from effect").await, 3000);
    assert_eq!(bed.number("select max(attempt) from job").await, 1);
}
