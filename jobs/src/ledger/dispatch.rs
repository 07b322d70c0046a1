//! Choosing which jobs get a ticket: the safety net below the push at acceptance.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};
use uuid::Uuid;

use super::{Id, statement};
use crate::{Queue, fault};

/// A state, not a cursor, selects: a row whose transaction commits late is never
/// skipped. Suspects need no ticket. `dispatched_at` only spaces repeats out; a ticket that was lost is
/// pushed again after five seconds, and one that was not lost finds its job claimed. It is a hint, so nobody waits
/// for the disk on its account.
const DUE: &str = r"
update job set dispatched_at = clock_timestamp()
where id in (
    select id from job
    where queue = $1 and state = 'ready' and crashes < 2 and run_at <= clock_timestamp()
      and (dispatched_at is null or dispatched_at < clock_timestamp() - interval '5 seconds')
    order by priority desc, run_at, id
    limit $2 for update skip locked
) and (select set_config('synchronous_commit', 'off', true)) = 'off'
returning id";

/// Up to `room` due jobs that have no ticket, or had one that led nowhere.
///
/// # Errors
/// When the database fails.
pub async fn due(db: &impl ConnectionTrait, queue: Queue, room: u64) -> Result<Vec<Uuid>, DbErr> {
    let room = i64::try_from(room).unwrap_or(i64::MAX);
    if fault::removed("state_not_cursor") {
        return beyond_cursor(db, queue, room).await;
    }
    let rows = Id::find_by_statement(statement(DUE, [queue.as_str().into(), room.into()])).all(db).await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// How it must not be done: a row whose transaction commits late stays behind the cursor for ever.
async fn beyond_cursor(db: &impl ConnectionTrait, queue: Queue, room: i64) -> Result<Vec<Uuid>, DbErr> {
    static CURSOR: std::sync::Mutex<Uuid> = std::sync::Mutex::new(Uuid::nil());
    let last = *CURSOR.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let sql =
        "select id from job where queue = $1 and state = 'ready' and run_at <= now() and id > $2 order by id limit $3";
    let values = [queue.as_str().into(), last.into(), room.into()];
    let rows = Id::find_by_statement(statement(sql, values)).all(db).await?;
    if let Some(row) = rows.last() {
        *CURSOR.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = row.id;
    }
    Ok(rows.into_iter().map(|row| row.id).collect())
}
