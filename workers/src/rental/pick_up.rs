//! The customer takes the car.

use std::time::Duration;

use entity::{account, booking, car, photo, uncleared_return};
use jobs::{
    Job, Refusal,
    photo::{DetectDamage, MakeThumbnails},
    rental::PickUpCar,
};
use rules::{
    booking::{BookingStatus, Event, Limits, pickup},
    period::Period,
    problem,
    rental::Occasion,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel,
    PaginatorTrait, QueryFilter, QuerySelect, sea_query::LockType,
};
use serde_json::json;
use view::booking::Booking;

use super::{
    case::{Case, illegal, not_found, note, said_by_staff},
    time,
};
use crate::{
    Ending, JobError, Perform, Work,
    photo::{Scene, arrivals, photos_refused, record},
};

impl Perform for PickUpCar {
    /// Four photos may have to be fetched and decoded.
    const TIMEOUT: Duration = Duration::from_secs(120);
    const OUTSIDE: bool = true;

    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let seen = Case::find(work.db(), self.booking_id).await?.filter(|case| case.belongs_to(&self.asker));
        let Some(seen) = seen else { return Ok(work.refuse(not_found())) };
        if is_done(&self, &seen) {
            let tx = work.begin().await?;
            return work.done(tx, Booking::from(seen.booking));
        }
        let doubt = || seen.doubt(self.odometer, self.fuel, correction(&self).is_some());
        if let Some(refusal) = seen.own_word(&self.asker, correction(&self)).or_else(doubt) {
            return Ok(work.refuse(refusal));
        }
        let mut arrivals = arrivals(&work, self.booking_id, Occasion::Pickup, &self.photos, false).await?;
        // Photos are optional here, so one that was refused before stands in nobody's way.
        arrivals.retain(|arrival| arrival.row.is_none());

        let tx = work.begin().await?;
        let Some(case) = Case::lock(&tx, self.booking_id).await? else {
            return Ok(work.refuse(not_found()));
        };
        if let Some(refusal) = obstacle(&self, &tx, &work, &case).await? {
            return Ok(work.refuse(refusal));
        }

        let scene = Scene {
            booking: &case.booking,
            return_id: None,
            occasion: Occasion::Pickup,
            turn: 0,
            asker: &self.asker,
            received_at: work.asked_at(),
        };
        let refused = record(&tx, &scene, arrivals).await?;
        if !refused.is_empty() {
            return Ok(work.refuse_with(tx, photos_refused(&refused)));
        }
        let booking = hand_over(&self, &tx, &work, &case).await?;

        for photo in photo::Entity::counting(&tx, booking.id).await? {
            work.then(&MakeThumbnails { photo_id: photo.id });
            work.then(&DetectDamage { photo_id: photo.id });
        }
        work.done(tx, Booking::from(booking))
    }
}

/// Why the odometer is right although it does not fit its last reading.
fn correction(asked: &PickUpCar) -> Option<&str> {
    said_by_staff(&asked.asker, asked.odometer_correction.as_deref())
}

/// The same was asked before, with the same readings.
fn is_done(asked: &PickUpCar, case: &Case) -> bool {
    let booking = &case.booking;
    let same = booking.odometer_out_km == Some(asked.odometer) && booking.fuel_out == Some(asked.fuel);
    booking.status.0 == BookingStatus::Active && same
}

async fn obstacle(
    asked: &PickUpCar,
    tx: &DatabaseTransaction,
    work: &Work,
    case: &Case,
) -> Result<Option<Refusal>, JobError> {
    if let Err(refused) = case.booking.status.0.after(Event::PickedUp) {
        return Ok(Some(illegal(refused)));
    }
    let period = Period::new(case.booking.starts_at, case.booking.ends_at)?;
    let free = time::free_until_start(tx, case, work.now()).await?;
    if let Err(refused) = pickup(work.now(), period, free, Limits::default()) {
        let detail = illegal(refused).detail;
        return Ok(Some(Refusal::new(refused.code(), detail)));
    }
    if let Some(refusal) = withheld(tx, &case.car).await? {
        return Ok(Some(refusal));
    }
    // Two pick-ups of one person wait for each other here; the one that waited sees the other's.
    let customer = account::Entity::find_by_id(case.booking.customer_id).lock(LockType::NoKeyUpdate).one(tx).await?;
    if customer.is_some_and(|customer| customer.is_suspended()) {
        return Ok(Some(Refusal::new(problem::SUSPENDED.code, "The account of this customer is suspended.")));
    }
    let has_another = out(tx, booking::Column::CustomerId.eq(case.booking.customer_id)).await?;
    let words = "the customer has another car at the moment; only staff can hand out a second one";
    Ok((has_another && !asked.asker.staff).then(|| illegal(words)))
}

/// Why the house cannot hand the car over, whoever comes for it.
///
/// # Errors
/// When the database fails.
pub(crate) async fn withheld(tx: &DatabaseTransaction, car: &car::Model) -> Result<Option<Refusal>, DbErr> {
    if !car.status.0.is_rentable() {
        let words = "This car cannot be driven at the moment. Please ask the branch for another one.";
        return Ok(Some(Refusal::new(problem::CAR_NOT_IN_SERVICE.code, words)));
    }
    if out(tx, booking::Column::CarId.eq(car.id)).await? {
        return Ok(Some(illegal("the car is not back from its last rental yet")));
    }
    let words = "The car is back, but nobody has cleared it yet. Please ask the branch.";
    let uncleared = uncleared_return::Entity::holds(tx, car.id).await?;
    Ok(uncleared.then(|| Refusal::new(problem::CAR_NOT_IN_SERVICE.code, words)))
}

async fn hand_over(
    asked: &PickUpCar,
    tx: &DatabaseTransaction,
    work: &Work,
    case: &Case,
) -> Result<booking::Model, JobError> {
    let now = work.now();
    case.read_odometer(tx, asked.odometer, "pickup", now).await?;
    time::begin(tx, case, now).await?;
    let detail = json!({ "odometer": asked.odometer, "fuel": asked.fuel, "odometerCorrection": correction(asked) });
    note(tx, asked.asker.account_id, PickUpCar::KIND, ("booking", asked.booking_id), detail, now).await?;
    let mut row = case.booking.clone().into_active_model();
    row.status = Set(BookingStatus::Active.into());
    row.picked_up_at = Set(Some(now));
    row.odometer_out_km = Set(Some(asked.odometer));
    row.fuel_out = Set(Some(asked.fuel));
    row.version = Set(case.booking.version + 1);
    row.updated_at = Set(now);
    Ok(row.update(tx).await?)
}

/// Whether a rental of this car or customer is under way.
async fn out(tx: &DatabaseTransaction, of: sea_orm::sea_query::SimpleExpr) -> Result<bool, DbErr> {
    let active = booking::Entity::find().filter(of).filter(booking::Column::Status.eq(BookingStatus::Active.as_str()));
    Ok(active.count(tx).await? > 0)
}
