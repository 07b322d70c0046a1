//! Rentals that run: who is reminded of the end, whose car is overdue, and whose next customer is in danger.

use chrono::{DateTime, TimeDelta, Utc};
use jobs::{
    booking::{CheckOverdue, ResolveConflict},
    notify::{Announce, News},
};
use rules::{
    booking::{SOON, Situation, threat},
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

#[derive(FromQueryResult)]
struct Next {
    id: Uuid,
    car_id: Uuid,
    starts_at: DateTime<Utc>,
    turnaround_minutes: i32,
    quarantined: bool,
    /// When the car was due that is not back.
    due: Option<DateTime<Utc>>,
    turn: i32,
    now: DateTime<Utc>,
}

/// Bookings whose car is unsafe, or out and not back so late that it cannot be made ready in time.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn conflicts(db: &DatabaseConnection) -> Result<Vec<ResolveConflict>, DbErr> {
    let sql = "select next.*, now() as now from (
                   select b.id, b.car_id, b.starts_at, branch.turnaround_minutes, late.ends_at as due,
                          c.status = 'quarantined' as quarantined,
                          case when c.status = 'quarantined' then c.version
                               else floor(extract(epoch from late.ends_at) / 60)::int end as turn
                   from booking b
                   join car c on c.id = b.car_id
                   join branch on branch.id = b.branch_id
                   left join lateral (select ends_at from booking l where l.car_id = b.car_id
                                      and l.status = 'Active' and l.ends_at <= now() limit 1) late on true
                   where b.status = 'Confirmed' and b.starts_at <= now() + make_interval(secs => $1)
                     and (c.status = 'quarantined' or late.ends_at is not null)) next
               where not exists (select 1 from job j where j.kind = 'resolve_conflict'
                                 and j.dedupe_key = next.id || '/' || next.car_id || '/' || next.turn)
               order by next.starts_at limit $2";
    let next: Vec<Next> = ask(db, sql, [SOON.as_seconds_f64().into(), BATCH.into()]).await?;
    let in_danger = next.iter().filter(|next| threat(&next.situation()).is_some());
    Ok(in_danger.map(|next| ResolveConflict { booking_id: next.id, car_id: next.car_id, turn: next.turn }).collect())
}

impl Next {
    fn situation(&self) -> Situation {
        Situation {
            now: self.now,
            start: self.starts_at,
            turnaround: TimeDelta::minutes(self.turnaround_minutes.into()),
            overdue: self.due.is_some(),
            quarantined: self.quarantined,
        }
    }
}
