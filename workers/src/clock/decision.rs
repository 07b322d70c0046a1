//! Returns that nobody has decided: who should be reminded, and when others are asked.

use chrono::{DateTime, TimeDelta, Utc};
use jobs::notify::{Announce, News, SendDigest};
use rules::rental::{ReturnState, escalate_at, remind_at};
use sea_orm::{DatabaseConnection, DbBackend, DbErr, FromQueryResult, Statement};
use uuid::Uuid;

use super::BATCH;

/// How long a renter may take for better photos before people decide without them.
const BETTER_PHOTOS: TimeDelta = TimeDelta::hours(24);

#[derive(FromQueryResult)]
struct Undecided {
    id: Uuid,
    turn: i32,
    state: String,
    reported_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    due: DateTime<Utc>,
    reminded: bool,
    now: DateTime<Utc>,
}

/// The news that is due now and was not announced before, those longest undecided first.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn reminders(db: &DatabaseConnection) -> Result<Vec<Announce>, DbErr> {
    // Whatever is due within four hours may need a word; the rules say which.
    let sql = "select r.id, r.turn, r.state, r.updated_at, r.decision_due_at as due, now() as now,
                      coalesce(r.reported_at, r.updated_at) as reported_at,
                      exists (select 1 from job j where j.kind = 'announce'
                              and j.dedupe_key = r.id || '/decision_due/' || r.turn) as reminded
               from rental_return r
               where r.state in ('reported', 'awaiting_photos') and r.decision_due_at < now() + interval '4 hours'
                 and not exists (select 1 from job j where j.kind = 'announce'
                                 and j.dedupe_key = r.id || '/decision_overdue/' || r.turn)
               order by r.decision_due_at limit $1";
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, [BATCH.into()]);
    let undecided = Undecided::find_by_statement(statement).all(db).await?;
    Ok(undecided.iter().filter_map(Undecided::reminder).collect())
}

#[derive(FromQueryResult)]
struct Waiting {
    account_id: Uuid,
    first_call: i64,
}

/// The digests that are due: those whose first call has waited ten minutes for others.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn digests(db: &DatabaseConnection) -> Result<Vec<SendDigest>, DbErr> {
    let sql = "select account_id, min(id) as first_call from decision_call where not alone and told_by is null
               group by account_id having min(created_at) < now() - interval '10 minutes' limit $1";
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, [BATCH.into()]);
    let waiting = Waiting::find_by_statement(statement).all(db).await?;
    Ok(waiting.into_iter().map(|Waiting { account_id, first_call }| SendDigest { account_id, first_call }).collect())
}

impl Undecided {
    fn reminder(&self) -> Option<Announce> {
        let news = if self.is_overdue() {
            News::DecisionOverdue
        } else if self.needs_reminder() {
            News::DecisionDue
        } else {
            return None;
        };
        Some(Announce { news, subject_id: self.id, turn: self.turn })
    }

    fn is_overdue(&self) -> bool {
        let at = match self.state == ReturnState::AwaitingPhotos.as_str() {
            true => self.due.max(self.updated_at + BETTER_PHOTOS),
            false => escalate_at(self.reported_at, self.due),
        };
        at <= self.now
    }

    fn needs_reminder(&self) -> bool {
        let reported = self.state == ReturnState::Reported.as_str();
        let at = remind_at(self.reported_at, self.due);
        reported && !self.reminded && self.now < self.due && at.is_some_and(|at| at <= self.now)
    }
}
