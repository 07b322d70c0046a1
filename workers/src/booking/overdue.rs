//! A car that should be back and is not.

use entity::booking;
use jobs::{
    booking::{CheckOverdue, EscalateOverdue, ResolveConflict},
    notify::{Announce, News},
};
use rules::{
    booking::{BookingStatus, risk_begins},
    rental::overdue::{due_turn, escalate_at, is_overdue},
    waitlist::PATIENCE,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder,
};
use serde_json::json;

use super::{Locked, conflict::turnaround, lock};
use crate::{Ending, JobError, Perform, Work, audit, reservation};

impl Perform for CheckOverdue {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let tx = work.begin().await?;
        let Some(Locked { booking, car, .. }) = lock(&tx, self.booking_id, None).await? else {
            return Ok(work.skip("the booking is gone"));
        };
        if booking.ends_at != self.due || !is_overdue(booking.status.0, booking.ends_at, work.now()) {
            return Ok(work.skip("the car is back, or the booking was extended"));
        }

        let id = booking.id;
        keep(&tx, &work, &booking).await?;
        let at_risk = next_at_risk(&tx, &work, &booking).await?;
        if booking.overdue_at.is_none() {
            let version = booking.version + 1;
            let mut row = booking.into_active_model();
            row.overdue_at = Set(Some(work.now()));
            row.version = Set(version);
            row.updated_at = Set(work.now());
            row.update(&tx).await?;
            audit(&tx, None, "check_overdue", "booking", id).await?;
        }

        let turn = due_turn(self.due);
        work.then(&Announce { news: News::ReturnOverdue, subject_id: id, turn });
        work.then(&Announce { news: News::CarOverdue, subject_id: id, turn });
        work.then_at(&EscalateOverdue { booking_id: id, due: self.due }, escalate_at(self.due));
        if let Some(next) = at_risk {
            work.then(&ResolveConflict { booking_id: next.id, car_id: car.id, turn, freed: None });
        }
        work.done(tx, json!({ "overdue": id }))
    }
}

/// Nobody is promised a car that is out beyond its time. Its return cuts the time short again.
async fn keep(tx: &DatabaseTransaction, work: &Work, out: &booking::Model) -> Result<(), DbErr> {
    reservation::lengthen(tx, out.car_id, out.id, work.now() + PATIENCE).await
}

/// The car's next booking, if it is in danger already. What comes into danger later is found by the clock.
async fn next_at_risk(
    tx: &DatabaseTransaction,
    work: &Work,
    out: &booking::Model,
) -> Result<Option<booking::Model>, DbErr> {
    let turnaround = turnaround(tx, out.branch_id).await?;
    let next = booking::Entity::find()
        .filter(booking::Column::CarId.eq(out.car_id))
        .filter(booking::Column::Status.eq(BookingStatus::Confirmed.as_str()))
        .filter(booking::Column::Id.ne(out.id))
        .order_by_asc(booking::Column::StartsAt);
    Ok(next.one(tx).await?.filter(|next| risk_begins(next.starts_at, turnaround) <= work.now()))
}

impl Perform for EscalateOverdue {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let tx = work.begin().await?;
        let Some(Locked { booking, .. }) = lock(&tx, self.booking_id, None).await? else {
            return Ok(work.skip("the booking is gone"));
        };
        if booking.ends_at != self.due || !is_overdue(booking.status.0, booking.ends_at, work.now()) {
            return Ok(work.skip("the car is back, or the booking was extended"));
        }

        keep(&tx, &work, &booking).await?;
        audit(&tx, None, "escalate_overdue", "booking", booking.id).await?;

        let turn = due_turn(self.due);
        work.then(&Announce { news: News::OverdueEscalated, subject_id: booking.id, turn });
        work.done(tx, json!({ "escalated": booking.id }))
    }
}
