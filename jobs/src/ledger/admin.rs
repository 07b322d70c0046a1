//! Looking at the ledger, and the few things a person may do to it.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};
use serde_json::Value as Json;
use uuid::Uuid;

use super::statement;

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Ready,
    Running,
    Done,
    Dead,
    Cancelled,
}

impl State {
    pub const ALL: [Self; 5] = [Self::Ready, Self::Running, Self::Done, Self::Dead, Self::Cancelled];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }

    /// The CHECK on the column makes any other text impossible; it would read as dead.
    pub(super) fn parse(text: &str) -> Self {
        Self::ALL.into_iter().find(|state| state.as_str() == text).unwrap_or(Self::Dead)
    }
}

/// A job as its asker and admins may see it. The payload is for admins only.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Entry {
    pub id: Uuid,
    pub queue: String,
    pub kind: String,
    pub payload: Json,
    pub principal: Option<Uuid>,
    pub state: String,
    pub attempt: i32,
    pub crashes: i32,
    pub max_attempts: i32,
    pub outcome: Option<Json>,
    pub error: Option<Json>,
    pub request_id: Option<String>,
    pub traceparent: Option<String>,
    pub run_at: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
}

impl Entry {
    pub fn state(&self) -> State {
        State::parse(&self.state)
    }

    pub fn outcome(&self) -> Option<crate::Outcome> {
        serde_json::from_value(self.outcome.clone()?).ok()
    }
}

const COLUMNS: &str = "id, queue, kind, payload, principal, state, attempt, crashes, max_attempts, outcome, error,
    request_id, traceparent, run_at, created_at, finished_at";

/// One job.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<Entry>, DbErr> {
    let sql = format!("select {COLUMNS} from job where id = $1");
    Entry::find_by_statement(statement(&sql, [id.into()])).one(db).await
}

/// A keyset position in a listing that goes from the newest to the oldest.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    pub before: Option<(DateTime<Utc>, Uuid)>,
    pub limit: u64,
}

/// Dead jobs, the latest death first.
///
/// # Errors
/// When the database fails.
pub async fn dead(db: &impl ConnectionTrait, page: Page) -> Result<Vec<Entry>, DbErr> {
    let (at, id) = page.before.unzip();
    let sql = format!(
        "select {COLUMNS} from job where state = 'dead' and ($1::timestamptz is null or (finished_at, id) < ($1, $2))
         order by finished_at desc, id desc limit $3"
    );
    let limit = i64::try_from(page.limit).unwrap_or(100);
    Entry::find_by_statement(statement(&sql, [at.into(), id.into(), limit.into()])).all(db).await
}

/// Gives a dead job a new life: all its attempts, from now. `false`: it is not dead.
///
/// # Errors
/// When the database fails.
pub async fn replay(db: &impl ConnectionTrait, id: Uuid) -> Result<bool, DbErr> {
    let sql = "update job set state = 'ready', attempt = 0, crashes = 0, run_at = clock_timestamp(),
                      finished_at = null, worker = null
               where id = $1 and state = 'dead'";
    Ok(db.execute_raw(statement(sql, [id.into()])).await?.rows_affected() == 1)
}

/// Lets a dead job rest for good. The row stays until it is pruned. `false`: it is not dead.
///
/// # Errors
/// When the database fails.
pub async fn discard(db: &impl ConnectionTrait, id: Uuid) -> Result<bool, DbErr> {
    let sql = "update job set state = 'cancelled' where id = $1 and state = 'dead'";
    Ok(db.execute_raw(statement(sql, [id.into()])).await?.rows_affected() == 1)
}

/// How much of one queue stands in one state, and since when its oldest due job waits.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Depth {
    pub queue: String,
    /// `ready`, `running` or `dead`; or `abandoned`: it is running by its row, but the lease of its worker is over. Other workers
    /// of the queue take it back within a second, if there are any.
    pub state: String,
    pub jobs: i64,
    /// For how many seconds the oldest due or abandoned job has waited; 0 in other states.
    pub oldest_seconds: f64,
}

/// Each state by its own index: there are as many finished jobs as a month brought.
pub const DEPTH: &str = "
select queue, 'ready' as state, count(*) as jobs,
       coalesce(extract(epoch from now() - min(run_at) filter (where run_at <= now())), 0)::float8 as oldest_seconds
from job where state = 'ready' group by queue
union all
select queue, case when lease_until < now() then 'abandoned' else 'running' end, count(*),
       coalesce(extract(epoch from now() - min(lease_until) filter (where lease_until < now())), 0)::float8
from job where state = 'running' group by 1, 2
union all
select queue, 'dead', count(*), 0 from job where state = 'dead' group by queue";

/// The live and dead jobs per queue. Finished ones are not counted: there are too many.
///
/// # Errors
/// When the database fails.
pub async fn depth(db: &impl ConnectionTrait) -> Result<Vec<Depth>, DbErr> {
    Depth::find_by_statement(statement(DEPTH, [])).all(db).await
}

/// Forgets up to 10,000 jobs that finished more than `days` ago. Dead ones are never forgotten.
///
/// Ids begin with the time at which they were drawn (UUIDv7), so the index of ids leads to the old ones, and the end
/// of a job needs no index of its own.
///
/// # Errors
/// When the database fails.
pub async fn prune(db: &impl ConnectionTrait, days: i32) -> Result<u64, DbErr> {
    let sql = "delete from job where id in (
                   select id from job
                   where id < rpad(lpad(to_hex((extract(epoch from now() - make_interval(days => $1)) * 1000)::bigint), 12, '0'), 32, '0')::uuid
                     and state in ('done', 'cancelled') and finished_at < now() - make_interval(days => $1)
                   order by id limit 10000 for update skip locked)";
    Ok(db.execute_raw(statement(sql, [days.into()])).await?.rows_affected())
}
