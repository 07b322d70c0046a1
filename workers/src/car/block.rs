//! Staff keep a car's time from being rented, and give it back.

use chrono::{DateTime, Utc};
use entity::reservation;
use jobs::{
    Refusal,
    car::{BlockCar, UnblockCar},
    waitlist::PromoteWaitlist,
};
use rules::{
    car::block,
    period::Period,
    problem::{self, Reason},
};
use sea_orm::{DatabaseTransaction, DbBackend, DbErr, EntityTrait, FromQueryResult, ModelTrait, Statement};
use serde_json::json;
use view::car::{Block, Conflict};

use super::{gone, lock};
use crate::{Ending, JobError, Perform, Work, audit, reservation::shut};

impl Perform for BlockCar {
    async fn perform(self, work: Work) -> Result<Ending, JobError> {
        let period = match decide(&self, &work) {
            Ok(period) => period,
            Err(refusal) => return Ok(work.refuse(refusal)),
        };

        let tx = work.begin().await?;
        if lock(&tx, self.car_id).await?.is_none() {
            return Ok(work.refuse(gone()));
        }
        if let Some(known) = reservation::Entity::find_by_id(self.block_id).one(&tx).await? {
            return work.done(tx, Block::from(known));
        }
        let row = (self.block_id, self.purpose.as_str(), self.reason.trim());
        let Some(made) = shut(&tx, self.car_id, period, row).await? else {
            let conflicts = conflicts(&tx, &self).await?;
            return Ok(work.refuse(in_the_way(&conflicts)));
        };
        audit(&tx, Some(self.blocked_by), "block_car", "car", self.car_id).await?;

        work.done(tx, Block::from(made))
    }
}

fn decide(asked: &BlockCar, work: &Work) -> Result<Period, Refusal> {
    let refused = || Refusal::new(problem::VALIDATION_FAILED.code, "Please mend what is listed and send it again.");
    let period = Period::new(asked.start, asked.end)
        .map_err(|reason| refused().because(reason.pointer("/from", "/to"), reason.to_string()))?;
    block(work.asked_at(), period, &asked.reason).map_err(|reasons| {
        let reasons = reasons.into_iter().map(Reason::from);
        reasons.fold(refused(), |refusal, reason| refusal.because(reason.pointer, reason.message))
    })?;
    Ok(period)
}

/// What occupies the car in the period, with the number and the customer's own dates where it is a booking.
async fn conflicts(tx: &DatabaseTransaction, asked: &BlockCar) -> Result<Vec<Conflict>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        purpose: String,
        booking_id: Option<uuid::Uuid>,
        number: Option<String>,
        starts_at: DateTime<Utc>,
        ends_at: DateTime<Utc>,
    }
    let sql = "select r.purpose, r.booking_id, b.number, coalesce(b.starts_at, r.starts_at) as starts_at,
                      coalesce(b.ends_at, r.ends_at) as ends_at
               from reservation r left join booking b on b.id = r.booking_id
               where r.resource_kind = 'car' and r.resource_id = $1
                 and tstzrange(r.starts_at, r.ends_at) && tstzrange($2, $3)
               order by r.starts_at limit 100";
    let values = [asked.car_id.into(), asked.start.into(), asked.end.into()];
    let rows = Row::find_by_statement(Statement::from_sql_and_values(DbBackend::Postgres, sql, values)).all(tx).await?;
    let conflict = |row: Row| Conflict {
        purpose: row.purpose,
        booking_id: row.booking_id,
        number: row.number,
        start_date: row.starts_at,
        end_date: row.ends_at,
    };
    Ok(rows.into_iter().map(conflict).collect())
}

fn in_the_way(conflicts: &[Conflict]) -> Refusal {
    let numbers: Vec<_> = conflicts.iter().filter_map(|conflict| conflict.number.as_deref()).collect();
    let refusal = match numbers.as_slice() {
        [] => Refusal::new(problem::CAR_TAKEN.code, "The car is blocked or offered to somebody in that time."),
        some => {
            let words = format!("Move or cancel these bookings first: {}.", some.join(", "));
            Refusal::new(problem::CAR_HAS_BOOKINGS.code, words)
        }
    };
    refusal.with("conflicts", json!(conflicts))
}

impl Perform for UnblockCar {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let tx = work.begin().await?;
        if lock(&tx, self.car_id).await?.is_none() {
            return Ok(work.refuse(gone()));
        }
        let known = reservation::Entity::find_by_id(self.block_id).one(&tx).await?;
        let Some(known) = known.filter(|known| known.resource_id == self.car_id && is_block(known)) else {
            return Ok(work.refuse(Refusal::new(problem::NOT_FOUND.code, "There is no such block.")));
        };

        known.clone().delete(&tx).await?;
        audit(&tx, Some(self.unblocked_by), "unblock_car", "car", self.car_id).await?;

        work.then(&PromoteWaitlist::new(self.car_id));
        work.done(tx, Block::from(known))
    }
}

/// Not a booking or a hold: those have their own ways to end.
fn is_block(known: &reservation::Model) -> bool {
    known.purpose.parse::<rules::car::BlockPurpose>().is_ok()
}
