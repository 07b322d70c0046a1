//! Rules 3, 4 and 5: claims, leases and fences.

use jobs::ledger::{self, Claimed, LeaseLost, NewJob};
use jobs::{Outcome, ticket::Tickets};
use platform::Settings;
use sea_orm::{ConnectionTrait, DbBackend, Statement, TransactionTrait};
use tests::plan::{nodes, plan};

use super::{QUEUE, accept, accept_many, bed, kinds, registry, state_is};

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_delivered_many_times_does_the_work_once() {
    let bed = bed().await;
    let id = accept(&bed, &kinds::Mark {}).await;
    let tickets = Tickets::start(&bed.settings.ticket_place()).unwrap();
    for _ in 0..50 {
        tickets.push(QUEUE, id);
    }
    bed.work(QUEUE, registry()).await;
    bed.work(QUEUE, registry()).await;
    bed.until(&state_is(id, "done"), 1).await;

    // The last of the repeats is behind us when a later job is done.
    let last = accept(&bed, &kinds::Mark {}).await;
    tickets.push(QUEUE, last);
    bed.until(&state_is(last, "done"), 1).await;
    assert_eq!(bed.number(&format!("select count(*) from effect where job = '{id}'")).await, 1);
    assert_eq!(bed.number(&format!("select attempt from job where id = '{id}'")).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_counts_the_attempt_before_any_work() {
    let bed = bed().await;
    let id = accept(&bed, &kinds::Mark {}).await;
    let claimed = ledger::claim(&bed.db, QUEUE, &[id], "one").await.unwrap();
    assert_eq!((claimed[0].attempt, claimed[0].fence), (1, 1));
    assert!(ledger::claim(&bed.db, QUEUE, &[id], "two").await.unwrap().is_empty(), "it is claimed already");
    assert_eq!(bed.number(&format!("select attempt from job where id = '{id}'")).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zombie_worker_cannot_commit_after_its_job_was_given_away() {
    let bed = bed().await;
    let id = accept(&bed, &kinds::Mark {}).await;
    let zombie = ledger::claim(&bed.db, QUEUE, &[id], "zombie").await.unwrap().remove(0);
    bed.run("update job set lease_until = clock_timestamp() - interval '1 second'").await;
    ledger::reap(&bed.db, QUEUE).await.unwrap();
    let heir = ledger::claim(&bed.db, QUEUE, &[id], "heir").await.unwrap().remove(0);

    let outcome = Outcome::done("by the zombie").unwrap();
    let tx = bed.db.begin().await.unwrap();
    assert!(matches!(ledger::complete(&tx, &zombie, &outcome).await, Err(LeaseLost::Lost)));
    assert!(matches!(ledger::fail(&bed.db, &zombie, "late").await, Err(LeaseLost::Lost)));
    assert!(matches!(ledger::release(&bed.db, &zombie).await, Err(LeaseLost::Lost)));
    ledger::complete(&bed.db, &heir, &Outcome::done("by the heir").unwrap()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_a_frozen_process_leave_the_line_before_the_one_that_holds_the_lock_is_ended() {
    let bed = bed().await;
    let limit = async |name: &str| bed.number(&format!("select setting from pg_settings where name = '{name}'")).await;
    let (waits, idles) = (limit("lock_timeout").await, limit("idle_in_transaction_session_timeout").await);
    // One wait for the place in front of the line, one for the row itself.
    assert!(waits > 0 && 2 * waits < idles, "waits for {waits} ms, idles for {idles} ms");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_carries_the_name_of_its_program() {
    let program = std::env::current_exe().unwrap().file_stem().unwrap().to_string_lossy().into_owned();
    let own = format!(
        "select count(*) from pg_stat_activity where pid = pg_backend_pid() and application_name = '{program}'"
    );
    assert_eq!(bed().await.number(&own).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_renews_the_lease_and_tells_who_lost_it() {
    let bed = bed().await;
    let (mine, lost) = (accept(&bed, &kinds::Mark {}).await, accept(&bed, &kinds::Mark {}).await);
    ledger::claim(&bed.db, QUEUE, &[mine, lost], "one").await.unwrap();
    bed.run("update job set lease_until = clock_timestamp() + interval '1 second'").await;
    bed.run(&format!("update job set fence = fence + 1 where id = '{lost}'")).await;

    let alive = ledger::heartbeat(&bed.db, &[(mine, 1), (lost, 1)], QUEUE.lease()).await.unwrap();
    assert_eq!(alive, [mine]);
    let renewed = "select count(*) from job where lease_until > clock_timestamp() + interval '10 seconds'";
    assert_eq!(bed.number(renewed).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn losing_the_lease_stops_the_handler_and_rolls_its_effect_back() {
    let bed = bed().await;
    // Room for one: the next attempt can only begin when the hanging one was stopped.
    bed.work_with(QUEUE, 1, registry()).await;
    let id = accept(&bed, &kinds::Stall {}).await;
    bed.until(&state_is(id, "running"), 1).await;
    // Somebody else gets the job: the heartbeat notices, and the hanging attempt ends.
    bed.run("update job set fence = fence + 1, state = 'ready', lease_until = null").await;
    bed.until(&state_is(id, "done"), 1).await;
    assert_eq!(bed.number("select count(*) from effect").await, 1);
    assert_eq!(bed.number("select count(*) from effect where attempt = 1").await, 0);
    bed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_a_worker_releases_what_it_cannot_finish_without_charging_an_attempt() {
    let bed = bed().await;
    bed.work(QUEUE, registry()).await;
    let id = accept(&bed, &kinds::Stall {}).await;
    bed.until(&state_is(id, "running"), 1).await;
    bed.stop().await;
    assert_eq!(bed.number(&state_is(id, "ready")).await, 1);
    assert_eq!(bed.number("select attempt + crashes from job").await, 0);
    assert_eq!(bed.number("select count(*) from effect").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_claim_may_be_forgotten_by_a_crash_of_the_database() {
    let bed = bed().await;
    let id = accept(&bed, &kinds::Mark {}).await;
    // The servers of the tests forget anyway, unless a database is told otherwise.
    bed.run(&format!("alter database {} set synchronous_commit = on", bed.settings.redis_prefix.trim_end_matches(':')))
        .await;
    let db = platform::database::connect(&Settings { database_connections: 1, ..bed.settings.clone() }).await.unwrap();

    let tx = db.begin().await.unwrap();
    let claimed = ledger::claim(&tx, QUEUE, &[id], "one").await.unwrap().remove(0);
    assert_eq!(setting(&tx).await, "off");
    tx.commit().await.unwrap();

    let tx = db.begin().await.unwrap();
    ledger::complete(&tx, &claimed, &Outcome::done("once").unwrap()).await.unwrap();
    assert_eq!(setting(&tx).await, "on", "the end of a job waits for the disk, on the same connection too");
    tx.commit().await.unwrap();
}

async fn setting(db: &impl ConnectionTrait) -> String {
    let sql = "select current_setting('synchronous_commit') as setting";
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap().unwrap();
    row.try_get("", "setting").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_a_crash_took_back_ends_once_for_both_who_hold_it() {
    let bed = bed().await;
    let id = accept(&bed, &kinds::Mark {}).await;
    let before = ledger::claim(&bed.db, QUEUE, &[id], "before the crash").await.unwrap().remove(0);
    bed.run("update job set state = 'ready', attempt = 0, fence = 0, lease_until = null, worker = null").await;
    let after = ledger::claim(&bed.db, QUEUE, &[id], "after the crash").await.unwrap().remove(0);
    assert_eq!(before.fence, after.fence, "nothing tells them apart");

    ledger::complete(&bed.db, &before, &Outcome::done("first").unwrap()).await.unwrap();
    let tx = bed.db.begin().await.unwrap();
    let late = ledger::complete(&tx, &after, &Outcome::done("second").unwrap()).await;
    assert!(matches!(late, Err(LeaseLost::Lost)), "its transaction is rolled back");
    assert!(matches!(ledger::fail(&bed.db, &after, "late").await, Err(LeaseLost::Lost)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_that_meets_a_completion_does_not_take_it_for_a_lost_lease() {
    let bed = bed().await;
    let id = accept(&bed, &kinds::Mark {}).await;
    let job = ledger::claim(&bed.db, QUEUE, &[id], "one").await.unwrap().remove(0);
    let tx = bed.db.begin().await.unwrap();
    ledger::complete(&tx, &job, &Outcome::done("done").unwrap()).await.unwrap();

    let (db, held) = (bed.db.clone(), [(job.id, job.fence)]);
    let beating = tokio::spawn(async move { ledger::heartbeat(&db, &held, QUEUE.lease()).await.unwrap() });
    let waits = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    bed.until(waits, 1).await;
    tx.commit().await.unwrap();
    assert_eq!(beating.await.unwrap(), [id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_tells_that_a_lease_was_lost() {
    let bed = bed().await;
    let id = accept(&bed, &kinds::Mark {}).await;
    let job = ledger::claim(&bed.db, QUEUE, &[id], "one").await.unwrap().remove(0);
    let held = [(job.id, job.fence)];
    assert_eq!(ledger::heartbeat(&bed.db, &held, QUEUE.lease()).await.unwrap(), [id]);
    bed.run("update job set lease_until = clock_timestamp() - interval '1 second'").await;
    ledger::reap(&bed.db, QUEUE).await.unwrap();
    assert!(ledger::heartbeat(&bed.db, &held, QUEUE.lease()).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_end_together_end_all_or_not_at_all() {
    let bed = bed().await;
    let ids = [accept(&bed, &kinds::Mark {}).await, accept(&bed, &kinds::Mark {}).await];
    let claimed = ledger::claim(&bed.db, QUEUE, &ids, "one").await.unwrap();
    bed.run(&format!("update job set fence = fence + 1 where id = '{}'", ids[1])).await;
    let outcome = Outcome::done("together").unwrap();
    let held: Vec<_> = claimed.iter().map(|job| (job, &outcome)).collect();

    let follow_ups = [NewJob::new(&kinds::Mark {}), NewJob::new(&kinds::Mark {}), NewJob::new(&kinds::Mark {})];
    let tx = bed.db.begin().await.unwrap();
    assert!(matches!(ledger::complete_all(&tx, &held, &follow_ups).await, Err(LeaseLost::Lost)));
    drop(tx);
    assert_eq!(bed.number("select count(*) from job where state = 'running'").await, 2);
    assert_eq!(bed.number("select count(*) from job").await, 2, "nothing follows what did not end");
    // Ends that change nothing else need not stand together.
    let done = ledger::complete_held(&bed.db, &held).await.unwrap();
    assert_eq!(done.into_iter().collect::<Vec<_>>(), [ids[0]]);

    bed.run(&format!("update job set fence = fence - 1 where id = '{}'", ids[1])).await;
    ledger::complete_all(&bed.db, &held[1..], &follow_ups).await.unwrap();
    assert_eq!(bed.number("select count(*) from job where state = 'done'").await, 2);
    assert_eq!(bed.number("select count(*) from job where state = 'ready'").await, 3, "what follows the end of a job");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_does_not_wait_for_a_job_that_somebody_has_in_hand() {
    let bed = bed().await;
    let ids = [accept(&bed, &kinds::Mark {}).await, accept(&bed, &kinds::Mark {}).await];
    let tx = bed.db.begin().await.unwrap();
    tx.execute_unprepared(&format!("select 1 from job where id = '{}' for update", ids[0])).await.unwrap();
    let claimed = ledger::claim(&bed.db, QUEUE, &ids, "one").await.unwrap();
    assert_eq!(claimed.iter().map(|job| job.id).collect::<Vec<_>>(), [ids[1]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_reads_its_own_rows_however_many_others_are_due() {
    let bed = bed().await;
    // Nothing has been analysed yet, as after a flood on the first day.
    accept_many(&bed, 5000, &kinds::Mark {}).await;
    let id = accept(&bed, &kinds::Mark {}).await;
    let db = platform::database::connect(&Settings { database_connections: 1, ..bed.settings.clone() }).await.unwrap();
    let flush = "select pg_stat_force_next_flush()";
    let read = "select coalesce(sum(idx_tup_read), 0)::bigint from pg_stat_user_indexes where indexrelname = 'job_due'";
    db.execute_unprepared(flush).await.unwrap();
    let before = bed.number(read).await;
    let job = ledger::claim(&db, QUEUE, &[id], "one").await.unwrap().remove(0);
    ledger::complete(&db, &job, &Outcome::done("read").unwrap()).await.unwrap();
    db.execute_unprepared(flush).await.unwrap();
    assert_eq!(bed.number(read).await - before, 0, "the index of all that is due");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_end_together_and_their_ends_are_gone_through_once() {
    let bed = bed().await;
    let db = platform::database::connect(&Settings { database_connections: 1, ..bed.settings.clone() }).await.unwrap();
    // To the planner, running jobs are rare then.
    bed.run(
        "insert into job (id, queue, kind, payload, max_attempts, state, outcome, finished_at)
         select gen_random_uuid(), 'booking', 'mark', '{}', 5, 'done', 'null', now() from generate_series(1, 5000)",
    )
    .await;
    accept_many(&bed, 384, &kinds::Mark {}).await;
    bed.run("analyze job").await;
    let outcome = Outcome::done("together").unwrap();
    let follow_ups = [NewJob::new(&kinds::Mark {}), NewJob::new(&kinds::Mark {})];
    for follow_ups in [&[][..], &follow_ups] {
        let ended = ledger::claim_due(&db, QUEUE, 64, "one").await.unwrap();
        let held: Vec<_> = ended.iter().map(|job| (job, &outcome)).collect();
        ledger::complete_all(&db, &held, follow_ups).await.unwrap();
    }

    // What follows is none here: no row goes through its part of the statement.
    let follow_up_types = "uuid[], text[], text[], text[], text[], text[], bytea[], text[], smallint[], text[], float8[], \
                           int[], text[], text[], text[], ";
    for (beginning, types, values) in
        [("update job", "", String::new()), ("with follow_ups", follow_up_types, "'{}', ".repeat(15))]
    {
        let prepared =
            format!("select statement from pg_prepared_statements where statement like '{beginning}%''done''%'");
        let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, prepared)).await.unwrap().unwrap();
        let statement: String = row.try_get_by_index(0).unwrap();
        for mode in ["force_custom_plan", "force_generic_plan"] {
            db.execute_unprepared(&format!("set plan_cache_mode = {mode}")).await.unwrap();
            let ended = ledger::claim_due(&db, QUEUE, 64, "one").await.unwrap();
            let array = |value: &dyn Fn(&Claimed) -> String| {
                format!("'{{{}}}'", ended.iter().map(value).collect::<Vec<_>>().join(","))
            };
            let (ids, fences) = (array(&|job| job.id.to_string()), array(&|job| job.fence.to_string()));
            let values = format!("{values}{ids}, {fences}, {}", array(&|_| "\"null\"".to_owned()));
            let plan = plan(&db, &statement, (&format!("{types}uuid[], bigint[], text[]"), &values)).await;
            assert_eq!(plan["Actual Rows"].as_f64(), Some(64.0), "{mode}: {plan:#}");
            for node in nodes(&plan) {
                assert!(node["Actual Loops"].as_f64() <= Some(1.0), "{mode}: {plan:#}");
            }
        }
    }
}
