//! Ending a claim: done, failed, snoozed or released. Each is a compare-and-swap
//! on the fence, so a worker that lost its lease changes nothing.

use std::{collections::HashSet, time::Duration};

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Value};
use serde_json::json;
use uuid::Uuid;

use super::{
    Claimed, Id, NewJob,
    accept::{INSERT_ALL, columns},
    column, statement,
};
use crate::{Outcome, fault};

/// Somebody else holds the job now: roll back whatever was done for it.
#[derive(Debug, thiserror::Error)]
pub enum LeaseLost {
    #[error("the lease of this job was lost to another worker")]
    Lost,
    #[error(transparent)]
    Database(#[from] DbErr),
}

/// An attempt came too late. It is counted: under a healthy platform there are none.
pub fn rejected() -> LeaseLost {
    metrics::counter!("jobs_fence_rejected_total").increment(1);
    LeaseLost::Lost
}

fn held(rows: u64) -> Result<(), LeaseLost> {
    if rows == 1 { Ok(()) } else { Err(rejected()) }
}

/// `any` keeps it to the index of ids, as in `claim`.
///
/// Fence and state are one condition between the two sides. A condition on the state alone looks so rare that the planner expects
/// one job, and goes through all ends for each of them.
fn done([ids, fences, outcomes]: [&str; 3]) -> String {
    let held = if fault::removed("fence_check") {
        ""
    } else {
        "and held.fence = case job.state when 'running' then job.fence end"
    };
    let count = if fault::removed("count_at_claim") { "attempt = attempt + 1, " } else { "" };
    format!(
        "update job set state = 'done', {count}outcome = held.outcome::json, error = null, lease_until = null,
                finished_at = clock_timestamp()
         from unnest({ids}, {fences}, {outcomes}) as held(id, fence, outcome)
         where job.id = held.id and job.id = any({ids}) {held}
         returning job.id"
    )
}

/// What [`done`] is given.
fn ends(ended: &[(&Claimed, &Outcome)]) -> [Value; 3] {
    let text = |outcome| serde_json::to_string(outcome).expect("an outcome is plain data");
    [
        column(ended, |(job, _)| job.id),
        column(ended, |(job, _)| job.fence),
        column(ended, |(_, outcome)| text(*outcome)),
    ]
}

/// Marks those jobs done that are still held, in one statement, and tells which these are.
///
/// # Errors
/// When the database fails: none is done then.
pub async fn complete_held(db: &impl ConnectionTrait, ended: &[(&Claimed, &Outcome)]) -> Result<HashSet<Uuid>, DbErr> {
    let done = Id::find_by_statement(statement(&done(["$1", "$2", "$3"]), ends(ended))).all(db).await?;
    Ok(done.into_iter().map(|row| row.id).collect())
}

/// Marks jobs done inside the transaction of their effect, all or none, and writes what follows them. On an error the caller
/// must not commit: that is what makes an effect happen exactly once.
///
/// # Errors
/// [`LeaseLost::Lost`] when the fence of one of them moved on.
pub async fn complete_all(
    tx: &impl ConnectionTrait,
    ended: &[(&Claimed, &Outcome)],
    follow_ups: &[NewJob],
) -> Result<(), LeaseLost> {
    let done = if follow_ups.is_empty() {
        complete_held(tx, ended).await?.len()
    } else {
        // One statement, because each costs a way to the database and back while locks are held.
        let sql = format!("with follow_ups as ({INSERT_ALL}) {}", done(["$16", "$17", "$18"]));
        let values = columns(follow_ups).into_iter().chain(ends(ended));
        tx.query_all_raw(statement(&sql, values)).await?.len()
    };
    if done == ended.len() { Ok(()) } else { Err(rejected()) }
}

/// As [`complete_all`] with one job that nothing follows.
///
/// # Errors
/// As [`complete_all`].
pub async fn complete(tx: &impl ConnectionTrait, job: &Claimed, outcome: &Outcome) -> Result<(), LeaseLost> {
    complete_all(tx, &[(job, outcome)], &[]).await
}

/// How an attempt ended that does not know it, because the answer to its commit was lost. Whoever holds the fence is the only one who
/// can have finished the job. `None`: it did not, and somebody else has the job.
///
/// # Errors
/// When the database fails.
pub async fn finished(db: &impl ConnectionTrait, job: &Claimed) -> Result<Option<Outcome>, DbErr> {
    let sql = "select outcome from job where id = $1 and fence = $2 and state = 'done'";
    let row = db.query_one_raw(statement(sql, [job.id.into(), job.fence.into()])).await?;
    let outcome = row.map(|row| row.try_get::<Option<serde_json::Value>>("", "outcome")).transpose()?.flatten();
    Ok(outcome.and_then(|outcome| serde_json::from_value(outcome).ok()))
}

/// Exponential back-off (1 s, 2 s, 4 s … at most 15 minutes) with ±20 % of jitter,
/// so that jobs that failed together do not come back together.
const FAIL: &str = r"
update job set lease_until = null, worker = null,
    state = case when attempt >= max_attempts then 'dead' else 'ready' end,
    finished_at = case when attempt >= max_attempts then clock_timestamp() end,
    run_at = clock_timestamp() + make_interval(secs => least(900, power(2, least(attempt, 12) - 1)) * (0.8 + 0.4 * random())),
    error = $3
where id = $1 and fence = $2 and state = 'running'";

/// Records a failed attempt: ready again after a back-off, or dead.
///
/// # Errors
/// [`LeaseLost::Lost`] when the fence moved on.
pub async fn fail(db: &impl ConnectionTrait, job: &Claimed, reason: &str) -> Result<(), LeaseLost> {
    let values = [job.id.into(), job.fence.into(), error(job, reason).into()];
    held(db.execute_raw(statement(FAIL, values)).await?.rows_affected())
}

/// Records that no further attempt can help: dead now.
///
/// # Errors
/// [`LeaseLost::Lost`] when the fence moved on.
pub async fn give_up(db: &impl ConnectionTrait, job: &Claimed, reason: &str) -> Result<(), LeaseLost> {
    let sql = "update job set state = 'dead', lease_until = null, finished_at = clock_timestamp(), error = $3
               where id = $1 and fence = $2 and state = 'running'";
    let values = [job.id.into(), job.fence.into(), error(job, reason).into()];
    held(db.execute_raw(statement(sql, values)).await?.rows_affected())
}

/// Puts the job off without charging an attempt: it is not yet time.
///
/// # Errors
/// [`LeaseLost::Lost`] when the fence moved on.
pub async fn snooze(db: &impl ConnectionTrait, job: &Claimed, pause: Duration) -> Result<(), LeaseLost> {
    let sql = "update job set state = 'ready', attempt = attempt - 1, lease_until = null, worker = null,
                      run_at = clock_timestamp() + make_interval(secs => $3)
               where id = $1 and fence = $2 and state = 'running'";
    let values = [job.id.into(), job.fence.into(), pause.as_secs_f64().into()];
    held(db.execute_raw(statement(sql, values)).await?.rows_affected())
}

/// Gives the job back untouched, because this process stops.
///
/// # Errors
/// [`LeaseLost::Lost`] when the fence moved on.
pub async fn release(db: &impl ConnectionTrait, job: &Claimed) -> Result<(), LeaseLost> {
    snooze(db, job, Duration::ZERO).await
}

fn error(job: &Claimed, reason: &str) -> serde_json::Value {
    // Bounded, because a database error can quote a whole statement.
    let reason: String = reason.chars().take(2_000).collect();
    json!({ "reason": reason, "attempt": job.attempt })
}
