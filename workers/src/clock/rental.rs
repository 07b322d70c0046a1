//! Rentals that run: who is reminded of the end, and whose car is overdue.

use chrono::{DateTime, Utc};
use jobs::{
    booking::CheckOverdue,
    notify::{Announce, News},
};
use rules::{
    period::Period,
    rental::overdue::{REMIND, due_turn, remind_at},
};
use sea_orm::{DatabaseConnection, DbBackend, DbErr, FromQueryResult, Statement, Value};
use uuid::Uuid;

use super::BATCH;

#[derive(FromQueryResult)]
struct Ending {
    id: Uuid,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    now: DateTime<Utc>,
}

async fn ask<R: FromQueryResult>(
    db: &DatabaseConnection,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<R>, DbErr> {
    R::find_by_statement(Statement::from_sql_and_values(DbBackend::Postgres, sql, values)).all(db).await
}

/// Those whose rental ends soon and who have not been told so.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn ending(db: &DatabaseConnection) -> Result<Vec<Announce>, DbErr> {
    let sql = "select b.id, b.starts_at, b.ends_at, now() as now from booking b
               where b.status = 'Active' and b.ends_at > now() and b.ends_at <= now() + make_interval(secs => $1)
                 and not exists (select 1 from job j where j.kind = 'announce' and j.dedupe_key =
                     b.id || '/return_due_soon/' || floor(extract(epoch from b.ends_at) / 60)::bigint)
               order by b.ends_at limit $2";
    let ending: Vec<Ending> = ask(db, sql, [REMIND.as_seconds_f64().into(), BATCH.into()]).await?;
    let news = News::ReturnDueSoon;
    let due = ending.iter().filter(|one| one.wants_reminder());
    Ok(due.map(|one| Announce { news, subject_id: one.id, turn: due_turn(one.ends_at) }).collect())
}

impl Ending {
    fn wants_reminder(&self) -> bool {
        let at = Period::new(self.starts_at, self.ends_at).ok().and_then(remind_at);
        at.is_some_and(|at| at <= self.now)
    }
}

/// Cars that should be back, once for every due time.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn overdue(db: &DatabaseConnection) -> Result<Vec<CheckOverdue>, DbErr> {
    let sql = "select b.id, b.starts_at, b.ends_at, now() as now from booking b
               where b.status = 'Active' and b.ends_at <= now()
                 and not exists (select 1 from job j where j.kind = 'check_overdue'
                     and j.dedupe_key = b.id || '/' || floor(extract(epoch from b.ends_at))::bigint)
               order by b.ends_at limit $1";
    let overdue: Vec<Ending> = ask(db, sql, [BATCH.into()]).await?;
    Ok(overdue.iter().map(|one| CheckOverdue { booking_id: one.id, due: one.ends_at }).collect())
}
