//! Accepting: the row is committed before anybody is answered.

use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Value};
use serde_json::Value as Json;
use uuid::Uuid;

use super::{NewJob, State, column, statement};
use crate::{Outcome, fault};

/// What accepting came to.
#[derive(Debug)]
pub enum Accepted {
    /// A row of its own was written, at this time of the database.
    New { created_at: DateTime<Utc> },
    /// The same request was accepted before; this is how it stands.
    Before { id: Uuid, state: State, outcome: Option<Outcome> },
}

#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used before with another request")]
    Reused,
    #[error(transparent)]
    Database(#[from] DbErr),
}

const INSERT: &str = r"
insert into job (id, queue, kind, payload, principal, idempotency_key, request_hash, dedupe_key,
                 priority, run_at, max_attempts, reply_to, traceparent, request_id)
values ($1, $2, $3, $4::json, $5, $6, $7, $8, $9, coalesce($10, now() + make_interval(secs => $11)), $12, $13, $14, $15)
on conflict do nothing
returning id, created_at";

/// A row that was written just now.
#[derive(Clone, Copy, Debug, FromQueryResult)]
pub struct Written {
    pub id: Uuid,
    pub created_at: DateTime<Utc>,
}

/// Writes one job row. `None`: an equal one (idempotency or dedupe key) stands already.
async fn insert_one(db: &impl ConnectionTrait, job: &NewJob) -> Result<Option<Written>, DbErr> {
    let values = [
        job.id.into(),
        job.queue.as_str().into(),
        job.kind.into(),
        job.payload.clone().into(),
        job.principal.into(),
        job.idempotency.as_ref().map(|once| once.key.clone()).into(),
        job.idempotency.as_ref().map(|once| once.request_hash.to_vec()).into(),
        job.dedupe_key.clone().into(),
        job.priority.into(),
        job.run_at.into(),
        job.delay.as_secs_f64().into(),
        job.max_attempts.into(),
        job.reply_to.clone().into(),
        job.trace.traceparent.clone().into(),
        job.trace.request_id.clone().into(),
    ];
    Written::find_by_statement(statement(INSERT, values)).one(db).await
}

/// One parameter for each column, so that one prepared statement serves every number of rows. What is NULL is empty in
/// these arrays, which hold no NULL.
pub(super) const INSERT_ALL: &str = r"
insert into job (id, queue, kind, payload, principal, idempotency_key, request_hash, dedupe_key,
                 priority, run_at, max_attempts, reply_to, traceparent, request_id)
select id, queue, kind, payload::json, nullif(principal, '')::uuid, nullif(idempotency_key, ''), nullif(request_hash, ''),
       nullif(dedupe_key, ''), priority, coalesce(nullif(run_at, '')::timestamptz, now() + make_interval(secs => delay)),
       max_attempts, nullif(reply_to, ''), nullif(traceparent, ''), nullif(request_id, '')
from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) as asked(
    id, queue, kind, payload, principal, idempotency_key, request_hash, dedupe_key, priority, run_at, delay,
    max_attempts, reply_to, traceparent, request_id)
on conflict do nothing
returning id, created_at";

/// Writes jobs in one statement, all or none, and tells those that were written: not the ones
/// for which an equal one (idempotency or dedupe key) stands already.
///
/// # Errors
/// When the database fails or refuses one of them.
pub async fn insert_all(db: &impl ConnectionTrait, jobs: &[NewJob]) -> Result<Vec<Written>, DbErr> {
    if let [job] = jobs {
        return Ok(insert_one(db, job).await?.into_iter().collect());
    }
    Written::find_by_statement(statement(INSERT_ALL, columns(jobs))).all(db).await
}

/// What [`INSERT_ALL`] is given.
pub(super) fn columns(jobs: &[NewJob]) -> [Value; 15] {
    [
        column(jobs, |job| job.id),
        column(jobs, |job| job.queue.as_str().to_owned()),
        column(jobs, |job| job.kind.to_owned()),
        column(jobs, |job| job.payload.clone()),
        column(jobs, |job| job.principal.map(|id| id.to_string()).unwrap_or_default()),
        column(jobs, |job| job.idempotency.as_ref().map(|once| once.key.clone()).unwrap_or_default()),
        column(jobs, |job| job.idempotency.as_ref().map(|once| once.request_hash.to_vec()).unwrap_or_default()),
        column(jobs, |job| job.dedupe_key.clone().unwrap_or_default()),
        column(jobs, |job| job.priority),
        column(jobs, |job| job.run_at.map(|at| at.to_rfc3339_opts(SecondsFormat::Micros, true)).unwrap_or_default()),
        column(jobs, |job| job.delay.as_secs_f64()),
        column(jobs, |job| job.max_attempts),
        column(jobs, |job| job.reply_to.clone().unwrap_or_default()),
        column(jobs, |job| job.trace.traceparent.clone().unwrap_or_default()),
        column(jobs, |job| job.trace.request_id.clone().unwrap_or_default()),
    ]
}

/// Writes follow-up jobs, usually inside the transaction of the effect they follow.
///
/// # Errors
/// When the database fails. A job whose dedupe key stands already is left out silently.
pub async fn insert(db: &impl ConnectionTrait, jobs: &[NewJob]) -> Result<(), DbErr> {
    if !jobs.is_empty() {
        insert_all(db, jobs).await?;
    }
    Ok(())
}

/// Writes the row together with its idempotency key: the unique index decides who was first.
async fn insert_anew(db: &impl ConnectionTrait, job: &NewJob) -> Result<Option<Written>, DbErr> {
    if fault::removed("key_with_row") {
        return insert_then_key(db, job).await;
    }
    insert_one(db, job).await
}

/// How it must not be done: between the two statements the same request may come again.
async fn insert_then_key(db: &impl ConnectionTrait, job: &NewJob) -> Result<Option<Written>, DbErr> {
    let Some(once) = &job.idempotency else { return insert_one(db, job).await };
    let known = "select id from job where principal is not distinct from $1 and idempotency_key = $2";
    let values = [job.principal.into(), once.key.clone().into()];
    if db.query_one_raw(statement(known, values)).await?.is_some() {
        return Ok(None);
    }
    let written = insert_one(db, &NewJob { idempotency: None, ..job.clone() }).await?;
    let name = "update job set idempotency_key = $2, request_hash = $3 where id = $1
                and not exists (select 1 from job where principal is not distinct from $4 and idempotency_key = $2)";
    let values = [job.id.into(), once.key.clone().into(), once.request_hash.to_vec().into(), job.principal.into()];
    db.execute_raw(statement(name, values)).await?;
    Ok(written)
}

#[derive(FromQueryResult)]
struct Before {
    id: Uuid,
    state: String,
    outcome: Option<Json>,
    request_hash: Option<Vec<u8>>,
    created_at: DateTime<Utc>,
}

/// Writes a request's job row, or finds the one that the same request wrote before.
///
/// # Errors
/// [`AcceptError::Reused`] when the key stands for another request.
pub async fn accept(db: &impl ConnectionTrait, job: &NewJob) -> Result<Accepted, AcceptError> {
    let written = insert_anew(db, job).await?;
    accepted(db, job, written).await
}

/// What accepting came to, once it is known whether the job's row was written.
///
/// # Errors
/// As [`accept`].
pub async fn accepted(
    db: &impl ConnectionTrait,
    job: &NewJob,
    written: Option<Written>,
) -> Result<Accepted, AcceptError> {
    if let Some(Written { created_at, .. }) = written {
        metrics::counter!("jobs_accepted_total", "queue" => job.queue.as_str(), "kind" => job.kind).increment(1);
        return Ok(Accepted::New { created_at });
    }
    let Some(once) = &job.idempotency else {
        // It stands already when the answer to its commit was lost and it was written once more.
        let sql = "select id, created_at from job where id = $1";
        let written = Written::find_by_statement(statement(sql, [job.id.into()])).one(db).await?;
        let Written { created_at, .. } = written.ok_or_else(|| DbErr::RecordNotInserted)?;
        return Ok(Accepted::New { created_at });
    };
    let before = Before::find_by_statement(statement(
        "select id, state, outcome, request_hash, created_at from job
         where principal is not distinct from $1 and idempotency_key = $2",
        [job.principal.into(), once.key.clone().into()],
    ))
    .one(db)
    .await?
    .ok_or_else(|| DbErr::RecordNotFound("the job of this idempotency key was pruned just now".to_owned()))?;
    if before.id == job.id {
        return Ok(Accepted::New { created_at: before.created_at });
    }
    if before.request_hash.as_deref() != Some(once.request_hash.as_slice()) {
        return Err(AcceptError::Reused);
    }
    metrics::counter!("idempotency_replays_total", "kind" => job.kind).increment(1);
    Ok(Accepted::Before {
        id: before.id,
        state: State::parse(&before.state),
        outcome: before.outcome.and_then(|outcome| serde_json::from_value(outcome).ok()),
    })
}
