//! Claiming: who may work on a job now, and until when.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};
use uuid::Uuid;

use super::{Id, Trace, statement};
use crate::{Queue, fault};

/// Crashes (leases that ran out) after which a job is dead: it is quarantined
/// before it can take down a whole pool.
pub const MAX_CRASHES: i32 = 3;

/// A job that this worker may work on, for as long as its lease is renewed.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Claimed {
    pub id: Uuid,
    pub kind: String,
    /// As JSON, to be read as what its kind says.
    pub payload: String,
    pub principal: Option<Uuid>,
    /// Counted from 1, and counted when claimed: a crash counts too.
    pub attempt: i32,
    pub max_attempts: i32,
    /// Grows with every claim. Whoever holds an older one may no longer commit.
    pub fence: i64,
    pub reply_to: Option<String>,
    pub traceparent: Option<String>,
    pub request_id: Option<String>,
    pub created_at: DateTime<Utc>,
    pub run_at: DateTime<Utc>,
    /// The database's clock at the moment of the claim.
    pub claimed_at: DateTime<Utc>,
}

impl Claimed {
    pub fn trace(&self) -> Trace {
        Trace { traceparent: self.traceparent.clone(), request_id: self.request_id.clone() }
    }
}

/// As `state = 'ready'`, for rows that are looked for by their id: no partial index has this condition. Before the
/// first `analyze` the index of all that is due looks cheaper than that of ids, and every claim would read the backlog.
const READY: &str = "state || '' = 'ready'";

/// It does not wait for the disk. The end of the job does, and stands behind its claim in the log, so no
/// end is kept without it. A claim that a crash of PostgreSQL takes back leaves the job ready: it is claimed
/// again under the same fence, and of two holders of one fence the first to end it leaves the other nothing
/// that is `running`.
fn claiming(which: &str) -> String {
    let count = if fault::removed("count_at_claim") { "" } else { "attempt = attempt + 1, " };
    format!(
        "update job set state = 'running', {count}fence = fence + 1, worker = $2,
                lease_until = clock_timestamp() + make_interval(secs => $3)
         where {which} and {READY} and run_at <= clock_timestamp()
           and (select set_config('synchronous_commit', 'off', true)) = 'off'
         returning id, kind, payload::text as payload, principal, attempt, max_attempts, fence, reply_to, traceparent, request_id,
                   created_at, run_at, clock_timestamp() as claimed_at"
    )
}

/// Claims those of `ids` that are ready and due, and no suspects (see [`claim_suspect`]). An id that does not come
/// back was a duplicate or stale ticket: drop it. Not for a transaction that writes anything else:
/// that would not wait for the disk either.
///
/// # Errors
/// When the database fails; nothing is claimed then, or it is claimed and its
/// lease runs out unused.
pub async fn claim(db: &impl ConnectionTrait, queue: Queue, ids: &[Uuid], worker: &str) -> Result<Vec<Claimed>, DbErr> {
    let values = [queue.as_str().into(), worker.into(), queue.lease().as_secs_f64().into(), ids.to_vec().into()];
    // Never in line behind whoever has a row: a claim brings several, and one that is being taken already is nobody's loss.
    let sql = claiming(&format!(
        "id = any(array(select id from job where id = any($4) and queue = $1 and {READY} and crashes < 2
                        and run_at <= clock_timestamp() for update skip locked))"
    ));
    Claimed::find_by_statement(statement(&sql, values)).all(db).await
}

/// Claims up to `room` of the jobs that are due, with or without a ticket, by priority and then by age; no suspects. What
/// ran late, what was put off and what Redis forgot is found here.
///
/// A state, not a cursor, selects: a row whose transaction commits late is never skipped.
///
/// # Errors
/// As [`claim`].
pub async fn claim_due(
    db: &impl ConnectionTrait,
    queue: Queue,
    room: usize,
    worker: &str,
) -> Result<Vec<Claimed>, DbErr> {
    let room = i64::try_from(room).unwrap_or(i64::MAX);
    let values = [queue.as_str().into(), worker.into(), queue.lease().as_secs_f64().into(), room.into()];
    let due = "id = any(array(select id from job where queue = $1 and state = 'ready' and crashes < 2
                              and run_at <= clock_timestamp() order by priority desc, run_at, id
                              limit $4 for update skip locked))";
    if fault::removed("state_not_cursor") {
        return claim_beyond_cursor(db, due, values).await;
    }
    Claimed::find_by_statement(statement(&claiming(due), values)).all(db).await
}

/// How it must not be done: a row whose transaction commits late stays behind the cursor for ever.
async fn claim_beyond_cursor(
    db: &impl ConnectionTrait,
    due: &str,
    values: [sea_orm::Value; 4],
) -> Result<Vec<Claimed>, DbErr> {
    static CURSOR: std::sync::Mutex<Uuid> = std::sync::Mutex::new(Uuid::nil());
    let cursor = || CURSOR.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let due = due.replace("order by priority desc, run_at, id", &format!("and id > '{}' order by id", *cursor()));
    let claimed = Claimed::find_by_statement(statement(&claiming(&due), values)).all(db).await?;
    if let Some(last) = claimed.iter().map(|job| job.id).max() {
        *cursor() = last;
    }
    Ok(claimed)
}

/// Claims one suspect, a job that one crash fewer than [`MAX_CRASHES`] fell on, if there is one. A process works on
/// one of them at a time, so that a job which kills its process takes no other along into quarantine.
///
/// # Errors
/// As [`claim`].
pub async fn claim_suspect(db: &impl ConnectionTrait, queue: Queue, worker: &str) -> Result<Option<Claimed>, DbErr> {
    let values = [queue.as_str().into(), worker.into(), queue.lease().as_secs_f64().into()];
    let sql = claiming(
        "id = (select id from job where queue = $1 and state = 'ready' and crashes >= 2 and run_at <= clock_timestamp()
               order by run_at limit 1 for update skip locked)",
    );
    Claimed::find_by_statement(statement(&sql, values)).one(db).await
}

const HEARTBEAT: &str = r"
update job set lease_until = clock_timestamp() + make_interval(secs => $3)
from unnest($1, $2) as held(id, fence)
where job.id = held.id and job.fence = held.fence and job.state = 'running'
returning job.id";

/// Whoever holds the fence is the only one who can have finished the job.
const FINISHED: &str = r"
select job.id from job join unnest($1, $2) as held(id, fence) on job.id = held.id and job.fence = held.fence
where job.state = 'done'";

/// Renews the leases of what this process works on, and tells which nobody took away: those
/// that were renewed, and those that their attempt finished while this was under way.
///
/// # Errors
/// When the database fails; the leases then stand as they were.
pub async fn heartbeat(db: &impl ConnectionTrait, held: &[(Uuid, i64)], lease: Duration) -> Result<Vec<Uuid>, DbErr> {
    let (ids, fences): (Vec<Uuid>, Vec<i64>) = held.iter().copied().unzip();
    let values = [ids.clone().into(), fences.clone().into(), lease.as_secs_f64().into()];
    let mut rows = Id::find_by_statement(statement(HEARTBEAT, values)).all(db).await?;
    if rows.len() < held.len() {
        // A statement of its own: the first one cannot see what was committed while it waited for a row.
        rows.extend(Id::find_by_statement(statement(FINISHED, [ids.into(), fences.into()])).all(db).await?);
    }
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// By the time at which it was asked, not at which it was carried out: where a stall lay between, its leases are not over.
const REAP: &str = r"
with lost as (
    select id from job where queue = $1 and state = 'running' and lease_until < now()
    limit 500 for update skip locked
)
update job set crashes = crashes + 1, lease_until = null, worker = null,
    state = case when crashes + 1 >= $2 then 'dead' else 'ready' end,
    finished_at = case when crashes + 1 >= $2 then clock_timestamp() end,
    error = jsonb_build_object('reason', 'the worker died or stalled', 'worker', worker, 'attempt', attempt,
                               'at', clock_timestamp())
from lost where job.id = lost.id
returning job.id, job.state = 'dead' as dead, crashes >= 2 as suspect";

#[derive(FromQueryResult)]
struct Reaped {
    id: Uuid,
    dead: bool,
    suspect: bool,
}

/// Takes back the jobs of workers that stopped renewing: ready again, or dead after [`MAX_CRASHES`]. Tells those that
/// are ready and no suspects.
///
/// # Errors
/// When the database fails.
pub async fn reap(db: &impl ConnectionTrait, queue: Queue) -> Result<Vec<Uuid>, DbErr> {
    let values = [queue.as_str().into(), MAX_CRASHES.into()];
    let reaped = Reaped::find_by_statement(statement(REAP, values)).all(db).await?;
    for job in &reaped {
        tracing::warn!(job.id = %job.id, job.dead = job.dead, "a lease ran out");
        metrics::counter!("jobs_crashes_total", "queue" => queue.as_str()).increment(1);
    }
    Ok(reaped.into_iter().filter(|job| !job.suspect).map(|job| job.id).collect())
}
