//! Rules 6, 8, 9, 11 and 12: follow-ups, retries, dead letters, refusals, unknown kinds.

use chrono::Utc;
use jobs::{NewJob, Outcome, ledger};
use tests::Bed;
use uuid::{NoContext, Timestamp, Uuid};

use super::{QUEUE, accept, accept_many, bed, kinds, registry, state_is};

#[tokio::test(flavor = "multi_thread")]
async fn a_follow_up_is_done_after_the_job_that_asked_for_it() {
    let bed = bed().await;
    bed.work(QUEUE, registry()).await;
    accept(&bed, &kinds::Chain {}).await;
    bed.until("select count(*) from job where state = 'done'", 2).await;
    assert_eq!(bed.number("select count(*) from effect").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_needs_nothing_itself_is_followed_up_all_the_same() {
    let bed = bed().await;
    bed.work(QUEUE, registry()).await;
    accept(&bed, &kinds::PassOn {}).await;
    bed.until("select count(*) from effect", 1).await;
    bed.until("select count(*) from job where state = 'done'", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_wrote_nothing_end_together_although_there_are_fewer_connections() {
    let mut bed = bed().await;
    // One is left for jobs of their own.
    bed.settings.database_connections = 7;
    accept_many(&bed, 40, &kinds::Decline {}).await;
    bed.work_with(QUEUE, 80, registry()).await;
    bed.until("select count(*) from job where state = 'done'", 40).await;
    let transactions = bed.number("select count(distinct xmin::text) from job").await;
    assert!(transactions <= 20, "{transactions} transactions for 40 ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_lost_its_lease_leaves_neither_effect_nor_follow_up() {
    let bed = bed().await;
    bed.work(QUEUE, registry()).await;
    let id = accept(&bed, &kinds::Overtaken {}).await;
    bed.until(&state_is(id, "done"), 1).await;
    assert_eq!(bed.number("select count(*) from effect").await, 1, "only the heir's");
    assert_eq!(bed.number("select min(attempt) from effect").await, 2);
    assert_eq!(bed.number("select count(*) from job").await, 1, "no follow-up of the one that was overtaken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_always_fails_is_dead_after_its_attempts_and_can_be_replayed() {
    let bed = bed().await;
    bed.work(QUEUE, registry()).await;
    let id = accept(&bed, &kinds::Stumble {}).await;
    bed.until(&state_is(id, "dead"), 1).await;
    assert_eq!(bed.number("select attempt from job").await, 2);

    let page = ledger::Page { before: None, limit: 10 };
    let dead = ledger::dead(&bed.db, page).await.unwrap();
    assert_eq!(dead[0].error.as_ref().unwrap()["reason"], "stumbled");

    bed.run("update job set kind = 'test_mark'").await;
    assert!(ledger::replay(&bed.db, id).await.unwrap());
    bed.until(&state_is(id, "done"), 1).await;
    assert!(!ledger::replay(&bed.db, id).await.unwrap(), "only the dead can be replayed");
    assert!(!ledger::discard(&bed.db, id).await.unwrap(), "only the dead can be discarded");
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_back_off() {
    let bed = bed().await;
    let id = accept(&bed, &kinds::Mark {}).await;
    for (attempt, least, most) in [(1, 0.8, 1.2), (2, 1.6, 2.4), (3, 3.2, 4.8)] {
        bed.run("update job set run_at = clock_timestamp() where state = 'ready'").await;
        let claimed = ledger::claim(&bed.db, QUEUE, &[id], "one").await.unwrap().remove(0);
        ledger::fail(&bed.db, &claimed, "again").await.unwrap();
        let milliseconds = bed.number("select extract(epoch from run_at - clock_timestamp()) * 1000 from job").await;
        let seconds = f64::from(i32::try_from(milliseconds).unwrap()) / 1000.0;
        assert!((least - 0.3..=most).contains(&seconds), "{seconds} s after attempt {attempt}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_kills_its_worker_three_times_is_quarantined() {
    let bed = bed().await;
    let id = accept(&bed, &kinds::Mark {}).await;
    for crash in 1..=3 {
        match crash {
            3 => drop(ledger::claim_suspect(&bed.db, QUEUE, "doomed").await.unwrap().unwrap()),
            _ => assert_eq!(ledger::claim(&bed.db, QUEUE, &[id], "doomed").await.unwrap().len(), 1),
        }
        bed.run("update job set lease_until = clock_timestamp() - interval '1 second'").await;
        let ready = ledger::reap(&bed.db, QUEUE).await.unwrap();
        assert_eq!(ready.contains(&id), crash < 2, "a suspect is claimed alone, one that is dead not at all");
        assert_eq!(bed.number("select crashes from job").await, crash);
    }
    assert_eq!(bed.number(&state_is(id, "dead")).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_works_on_one_suspect_at_a_time_and_on_others_beside_it() {
    let bed = bed().await;
    let (first, second) = (accept(&bed, &kinds::Stall {}).await, accept(&bed, &kinds::Mark {}).await);
    bed.run("update job set crashes = 2").await;
    assert!(ledger::claim(&bed.db, QUEUE, &[first, second], "by ticket").await.unwrap().is_empty());
    assert!(ledger::claim_due(&bed.db, QUEUE, 10, "by age").await.unwrap().is_empty());

    bed.work(QUEUE, registry()).await;
    bed.until(&state_is(first, "running"), 1).await;
    let other = accept(&bed, &kinds::Mark {}).await;
    bed.until(&state_is(other, "done"), 1).await;
    // A heartbeat later, which is after several looks for suspects.
    let lease = format!("select extract(epoch from lease_until) * 1000 from job where id = '{first}'");
    let before = bed.number(&lease).await;
    bed.until(&format!("select (({lease}) > {before} + 1000)::int"), 1).await;
    assert_eq!(bed.number(&state_is(second, "ready")).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_a_failure_and_the_worker_lives_on() {
    let bed = bed().await;
    bed.work(QUEUE, registry()).await;
    let id = accept(&bed, &kinds::Panic {}).await;
    bed.until(&state_is(id, "done"), 1).await;
    assert_eq!(bed.number("select attempt from job").await, 2);
    assert_eq!(bed.number("select crashes from job").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_business_no_is_a_finished_job_with_its_reasons() {
    let bed = bed().await;
    bed.work(QUEUE, registry()).await;
    let id = accept(&bed, &kinds::Decline {}).await;
    bed.until(&state_is(id, "done"), 1).await;
    let entry = ledger::find(&bed.db, id).await.unwrap().unwrap();
    let Some(Outcome::Refused(refusal)) = entry.outcome() else { panic!("it was not refused") };
    assert_eq!((refusal.code.as_str(), refusal.errors[0].pointer.as_str()), ("car_taken", "/startDate"));
    assert_eq!(entry.attempt, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_from_a_newer_release_is_parked_and_not_burned() {
    let bed = bed().await;
    bed.work(QUEUE, registry()).await;
    let id = accept(&bed, &kinds::Mark {}).await;
    let newer = "insert into job (id, queue, kind, payload, max_attempts)
                 values ('00000000-0000-7000-8000-00000000abcd', 'booking', 'test_from_tomorrow', '{}', 8)";
    bed.run(newer).await;
    bed.until(&state_is(id, "done"), 1).await;
    let parked = "select count(*) from job where kind = 'test_from_tomorrow' and state = 'ready' and attempt = 0
                  and fence = 1 and run_at > clock_timestamp() + interval '30 seconds'";
    bed.until(parked, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_that_cannot_be_read_is_dead_at_once_with_the_reason() {
    let bed = bed().await;
    bed.work(QUEUE, registry()).await;
    let id = accept(&bed, &kinds::Mark {}).await;
    bed.until(&state_is(id, "done"), 1).await;
    let broken = "insert into job (id, queue, kind, payload, max_attempts)
                  values ('00000000-0000-7000-8000-00000000abcd', 'booking', 'test_mark', '[1]', 8)";
    bed.run(broken).await;
    bed.until("select count(*) from job where state = 'dead' and attempt = 1", 1).await;
}

/// A job whose id was drawn so many days ago.
async fn accepted_before(bed: &Bed, days: u64, state: &str) -> Uuid {
    let seconds = u64::try_from(Utc::now().timestamp()).unwrap() - days * 86_400;
    let id = Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, 0));
    let job = NewJob { id, ..NewJob::new(&kinds::Mark {}) };
    ledger::accept(&bed.db, &job).await.unwrap();
    if state != "ready" {
        let finished = format!("now() - interval '{days} days' + interval '1 minute'");
        bed.run(&format!("update job set state = '{state}', finished_at = {finished} where id = '{id}'")).await;
    }
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_long_ago_is_forgotten_and_nothing_else() {
    let bed = bed().await;
    for state in ["done", "cancelled"] {
        accepted_before(&bed, 32, state).await;
    }
    let mut kept = vec![accepted_before(&bed, 29, "done").await, accepted_before(&bed, 0, "done").await];
    for state in ["dead", "ready"] {
        kept.push(accepted_before(&bed, 32, state).await);
    }
    let late = accepted_before(&bed, 32, "done").await;
    bed.run(&format!("update job set finished_at = now() - interval '1 day' where id = '{late}'")).await;
    kept.push(late);

    assert_eq!(ledger::prune(&bed.db, 30).await.unwrap(), 2);
    for id in &kept {
        assert_eq!(bed.number(&format!("select count(*) from job where id = '{id}'")).await, 1);
    }
    assert_eq!(bed.number("select count(*) from job").await, i64::try_from(kept.len()).unwrap());
}
