//! Rule 4 under strain: a process that meets its own job again, a database that stalls, and those that wait for a connection.

use std::time::Duration;

use jobs::{
    NewJob, Outcome,
    ledger::{self, Accepted},
};
use platform::database::answered;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement, TransactionTrait};
use serde_json::Value;
use tests::plan::nodes;

use super::{QUEUE, accept, bed, kinds, registry, state_is};

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_claims_its_own_job_again_stops_the_first_attempt_and_keeps_the_second() {
    let bed = bed().await;
    bed.work_with(QUEUE, 2, registry()).await;
    let id = accept(&bed, &kinds::Linger {}).await;
    bed.until(&state_is(id, "running"), 1).await;
    bed.run("update job set lease_until = clock_timestamp() - interval '1 second'").await;
    bed.until("select count(*) from job where state = 'running' and attempt = 2", 1).await;
    tests::until("the first attempt was stopped", || async { kinds::Linger::stopped(id, 1).then_some(()) }).await;

    bed.run("create table before as select lease_until from job").await;
    bed.until("select count(*) from job, before where job.lease_until > before.lease_until", 1).await;
    assert_eq!(bed.number("select count(*) from job where attempt = 2 and crashes = 1").await, 1);
    assert!(!kinds::Linger::stopped(id, 2), "the second attempt goes on");
    bed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_stalls_no_worker_counts_as_dead() {
    let bed = bed().await;
    bed.work(QUEUE, registry()).await;
    let id = accept(&bed, &kinds::Stall {}).await;
    bed.until(&state_is(id, "running"), 1).await;
    let tx = bed.db.begin().await.unwrap();
    tx.execute_unprepared("lock table job in access exclusive mode").await.unwrap();
    tx.execute_unprepared("update job set lease_until = clock_timestamp() - interval '1 second'").await.unwrap();
    // The heartbeat waits, gives up, and tries again.
    let waiting =
        "from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '%held%'";
    bed.until(&format!("select sign(count(*))::bigint {waiting}"), 1).await;
    bed.run(&format!("create table first as select min(query_start) as query_start {waiting}")).await;
    bed.until(
        &format!("select sign(count(*))::bigint {waiting} and query_start > (select query_start + interval '2 seconds' from first)"),
        1,
    )
    .await;
    tx.commit().await.unwrap();

    bed.until("select count(*) from job where lease_until > clock_timestamp() + interval '10 seconds'", 1).await;
    let other = accept(&bed, &kinds::Mark {}).await;
    bed.until(&state_is(other, "done"), 1).await;
    assert_eq!(bed.number("select sum(crashes)::bigint from job").await, 0);
    bed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_is_not_charged_for_waiting_until_it_may_begin() {
    let mut bed = bed().await;
    // One connection to work with.
    bed.settings.database_connections = 7;
    bed.work(QUEUE, registry()).await;
    let first = accept(&bed, &kinds::Keep {}).await;
    bed.until(&state_is(first, "running"), 1).await;
    // Claimed by its ticket: the sweep would leave it until there is a connection.
    let hurried = NewJob::new(&kinds::Hurry {});
    ledger::accept(&bed.db, &hurried).await.unwrap();
    bed.hurry(&hurried);
    let waits = format!(
        "select count(*) from job where id = '{first}' and state = 'running'
                         and exists (select from job where id = '{}' and state = 'running')",
        hurried.id
    );
    bed.until(&waits, 1).await;
    bed.until(&state_is(hurried.id, "done"), 1).await;
    assert_eq!(bed.number(&format!("select attempt from job where id = '{}'", hurried.id)).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn those_that_wait_for_another_server_leave_connections_to_others() {
    let mut bed = bed().await;
    // Two connections to work with.
    bed.settings.database_connections = 8;
    bed.work(QUEUE, registry()).await;
    let stuck = [accept(&bed, &kinds::Outside {}).await, accept(&bed, &kinds::Outside {}).await];
    for id in stuck {
        bed.until(&state_is(id, "running"), 1).await;
    }
    let other = accept(&bed, &kinds::Mark {}).await;
    bed.until(&state_is(other, "done"), 1).await;
    bed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_although_the_answer_was_lost_is_accepted_once() {
    let bed = bed().await;
    let job = NewJob::new(&kinds::Mark {});
    let Accepted::New { created_at: first } = ledger::accept(&bed.db, &job).await.unwrap() else { panic!("is new") };
    let Accepted::New { created_at: again } = ledger::accept(&bed.db, &job).await.unwrap() else {
        panic!("is the same")
    };
    assert_eq!(first, again);
    assert_eq!(bed.number("select count(*) from job").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_whose_commit_was_not_answered_learns_that_it_had_ended() {
    let bed = bed().await;
    let id = accept(&bed, &kinds::Mark {}).await;
    let mut job = ledger::claim(&bed.db, QUEUE, &[id], "one").await.unwrap().remove(0);
    assert!(ledger::finished(&bed.db, &job).await.unwrap().is_none());
    ledger::complete(&bed.db, &job, &Outcome::done("committed").unwrap()).await.unwrap();
    let Some(Outcome::Done { document }) = ledger::finished(&bed.db, &job).await.unwrap() else {
        panic!("it had ended")
    };
    assert_eq!(document.get(), "\"committed\"");
    job.fence -= 1;
    assert!(ledger::finished(&bed.db, &job).await.unwrap().is_none(), "it was somebody else");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_says_nothing_is_not_waited_for_for_ever() {
    let bed = bed().await;
    let sleep = Statement::from_string(DbBackend::Postgres, "select pg_sleep(600)");
    let silent = answered(Duration::from_millis(50), bed.db.execute_raw(sleep)).await;
    assert!(matches!(silent, Err(DbErr::Conn(_))), "{silent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn how_much_waits_is_counted_without_reading_what_is_finished() {
    let bed = bed().await;
    bed.run(
        "insert into job (id, queue, kind, payload, max_attempts, state, outcome, finished_at)
         select gen_random_uuid(), 'booking', 'mark', '{}', 5, 'done', 'null', now() from generate_series(1, 20000)",
    )
    .await;
    accept(&bed, &kinds::Mark {}).await;
    bed.run("analyze job").await;
    let explain = Statement::from_string(DbBackend::Postgres, format!("explain (format json) {}", ledger::DEPTH));
    let plan = bed.db.query_one_raw(explain).await.unwrap().unwrap().try_get_by_index::<Value>(0).unwrap();
    for node in nodes(&plan[0]["Plan"]) {
        assert_ne!(node["Node Type"], "Seq Scan", "{plan:#}");
    }
}
