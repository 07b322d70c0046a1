//! A car will not be there for its next customer: another car, or somebody who calls.

mod candidate;
mod danger;

use chrono::TimeDelta;
use entity::{booking, branch, car, reservation::Model as Reservation};
use jobs::{
    booking::ResolveConflict,
    notify::{Announce, News},
    waitlist::PromoteWaitlist,
};
use rules::{
    booking::{BookingStatus, ChangeReason, Situation, Threat, threat},
    period::Period,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait,
    IntoActiveModel, QueryFilter,
};
use serde_json::json;
use uuid::Uuid;
use view::booking::Booking;

pub(crate) use self::danger::{conflict, helped_by, stranded, unresolved};
use super::{Locked, change::remember, lock};
use crate::{Ending, JobError, Perform, Work, audit, reservation};

/// A booking in danger, and what endangers it, read under the locks.
struct Danger {
    booking: booking::Model,
    car: car::Model,
    threat: Threat,
    /// The rental that keeps the car out, if that is the danger.
    late: Option<booking::Model>,
}

impl Perform for ResolveConflict {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        // Each candidate is tried in a transaction of its own: only two cars are ever locked at a time.
        for candidate in candidate::find(work.db(), self.booking_id).await? {
            let tx = work.begin().await?;
            let locked = lock(&tx, self.booking_id, Some(candidate)).await?;
            let (danger, other) = match look(&tx, &self, &work, locked).await? {
                Some((danger, Some(other))) => (danger, other),
                Some((_, None)) => continue,
                None => return Ok(safe(&self, work)),
            };
            // Since it was found it may have gone to another branch, out of service or out with somebody.
            if !candidate::fits(&tx, self.booking_id, other.id).await? || !take(&tx, &danger, &other).await? {
                continue;
            }
            let booking = move_to(&tx, &work, danger, other).await?;
            work.then(&Announce { news: News::BookingMoved, subject_id: booking.id, turn: booking.version });
            // What was left to this booking goes to those who wait after all.
            if let Some(car) = self.freed.filter(|car| *car != booking.car_id) {
                work.then(&PromoteWaitlist::new(car));
            }
            return work.done(tx, Booking::from(booking));
        }

        let tx = work.begin().await?;
        let locked = lock(&tx, self.booking_id, None).await?;
        let Some((danger, _)) = look(&tx, &self, &work, locked).await? else { return Ok(safe(&self, work)) };
        audit(&tx, None, "conflict_unresolved", "booking", danger.booking.id).await?;

        // The booking's version would not do: it stays as it is, whatever endangers it next.
        let subject_id = danger.booking.id;
        work.then(&Announce { news: News::ConflictUnresolved, subject_id, turn: danger::turn(&self) });
        work.done(tx, json!({ "unresolved": subject_id }))
    }
}

fn safe(asked: &ResolveConflict, mut work: Work) -> Ending {
    if let Some(car) = asked.freed {
        work.then(&PromoteWaitlist::new(car));
    }
    work.skip("nothing endangers the booking any more")
}

/// What endangers the booking now, and the other car that was locked; `None` when nothing does.
async fn look(
    tx: &DatabaseTransaction,
    asked: &ResolveConflict,
    work: &Work,
    locked: Option<Locked>,
) -> Result<Option<(Danger, Option<car::Model>)>, DbErr> {
    let Some(Locked { booking, car, other }) = locked else { return Ok(None) };
    if booking.status.0 != BookingStatus::Confirmed || booking.car_id != asked.car_id {
        return Ok(None);
    }
    let late = booking::Entity::find()
        .filter(booking::Column::CarId.eq(car.id))
        .filter(booking::Column::Status.eq(BookingStatus::Active.as_str()))
        .filter(booking::Column::EndsAt.lte(work.now()));
    let late = late.one(tx).await?;
    let situation = Situation {
        now: work.now(),
        start: booking.starts_at,
        turnaround: turnaround(tx, booking.branch_id).await?,
        overdue: late.is_some(),
        out_of_service: !car.status.0.is_rentable(),
    };
    Ok(threat(&situation).map(|threat| (Danger { booking, car, threat, late }, other)))
}

/// What a branch needs between two customers of a car.
pub(super) async fn turnaround(tx: &impl ConnectionTrait, branch: Uuid) -> Result<TimeDelta, DbErr> {
    let branch = branch::Entity::find_by_id(branch).one(tx).await?;
    Ok(TimeDelta::minutes(branch.map_or(0, |branch| branch.turnaround_minutes).into()))
}

/// Takes the other car's time instead of what the booking holds. `false`: somebody was faster.
async fn take(tx: &DatabaseTransaction, danger: &Danger, other: &car::Model) -> Result<bool, JobError> {
    let Danger { booking, late, .. } = danger;
    let end = booking.ends_at + turnaround(tx, booking.branch_id).await?;
    let held = reservation::of(tx, booking.id).await?;
    if !reservation::replace(tx, other.id, Period::new(booking.starts_at, end)?, booking.id).await? {
        return Ok(false);
    }
    if let (Some(late), Some(held)) = (late, held) {
        keep(tx, late, &held).await?;
    }
    Ok(true)
}

/// The time that was given up stays with the car that is out, so that nobody is promised a car
/// that is not there. When it is back, its rental's time is cut short and the rest goes to those who wait.
async fn keep(tx: &DatabaseTransaction, late: &booking::Model, held: &Reservation) -> Result<(), DbErr> {
    let Some(own) = reservation::of(tx, late.id).await? else { return Ok(()) };
    let (start, end) = (own.starts_at, own.ends_at.max(held.ends_at));
    let Ok(longer) = Period::new(start, end) else { return Ok(()) };
    // Something may lie between the two; then the time is free like any other.
    if !reservation::replace(tx, late.car_id, longer, late.id).await? {
        let Ok(before) = Period::new(start, own.ends_at) else { return Ok(()) };
        reservation::take(tx, late.car_id, before, late.id).await?;
    }
    Ok(())
}

/// The same booking with the other car, at the price that was agreed.
async fn move_to(
    tx: &DatabaseTransaction,
    work: &Work,
    danger: Danger,
    other: car::Model,
) -> Result<booking::Model, JobError> {
    let reason = match danger.threat {
        Threat::Overrun => ChangeReason::Overrun,
        Threat::Unsafe => ChangeReason::Unsafe,
    };
    remember(tx, &danger.booking, reason, None, work.now()).await?;
    let (id, version) = (danger.booking.id, danger.booking.version + 1);
    let mut row = danger.booking.into_active_model();
    row.car_id = Set(other.id);
    row.plate = Set(other.plate);
    row.version = Set(version);
    row.updated_at = Set(work.now());
    let booking = row.update(tx).await?;
    audit(tx, None, "move_booking", "booking", id).await?;
    tracing::info!(booking = %id, from = %danger.car.id, to = %other.id, %reason, "moved to another car");
    Ok(booking)
}
