//! A customer wants to wait (W1, W2).

use chrono::{DateTime, Utc};
use entity::{account, car, waitlist_entry};
use jobs::{
    Refusal,
    notify::{Announce, News},
    waitlist::{JoinWaitlist, PromoteWaitlist, Target, Wish},
};
use rules::{car::CarStatus, problem, waitlist::JoinRefused};
use sea_orm::{ActiveModelTrait, ActiveValue::NotSet, DatabaseTransaction, DbErr, EntityTrait};
use serde_json::json;
use uuid::Uuid;

use super::{
    case::document,
    others::{self, Others},
    supply::{Bookable, Wanted, clock, lock_branch, lock_wanted},
    wish::{self, doubt},
};
use crate::{Ending, JobError, Perform, Work};

impl Perform for JoinWaitlist {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let tx = work.begin().await?;
        let Some(wanted) = lock_wanted(&tx, &self.target).await? else {
            return Ok(work.refuse(Refusal::new(problem::NOT_FOUND.code, "There is no such car or branch.")));
        };
        if let Some(entry) = waitlist_entry::Entity::find_by_id(self.entry_id).one(&tx).await? {
            let document = document(&tx, entry).await?;
            return work.done(tx, document);
        }

        let entry = match admit(&tx, &mut work, &self, &wanted).await? {
            Ok(entry) => entry,
            Err(refusal) => {
                return Ok(work.refuse(refusal));
            }
        };

        work.then(&Announce { news: News::WaitlistJoined, subject_id: entry.id, turn: entry.turn });
        let document = document(&tx, entry).await?;
        work.done(tx, document)
    }
}

/// Joins the queue for a car whose row is locked, because a booking of it came too late.
///
/// # Errors
/// When the database fails. The inner error says why this person cannot wait.
pub(crate) async fn wait_for_car(
    tx: &DatabaseTransaction,
    work: &mut Work,
    entry_id: Uuid,
    customer_id: Uuid,
    car: &car::Model,
    (start, end): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Result<view::waitlist::Entry, Refusal>, JobError> {
    let gone = || DbErr::RecordNotFound("the branch of a car".to_owned());
    let branch = lock_branch(tx, car.branch_id).await?.ok_or_else(gone)?;
    let asked = JoinWaitlist {
        entry_id,
        customer_id,
        target: Target::Car { car_id: car.id },
        wish: Wish::Window { start, end, flexibility_minutes: 0, min_days: None },
        price_cap: None,
    };
    let admitted = admit(tx, work, &asked, &Wanted { car: Some(car.clone()), branch }).await?;
    let entry = match admitted {
        Ok(entry) => entry,
        Err(refusal) => return Ok(Err(refusal)),
    };
    work.then(&Announce { news: News::WaitlistJoined, subject_id: entry.id, turn: entry.turn });
    Ok(Ok(document(tx, entry).await?))
}

/// Writes the entry down and lets the queue look at it, or says why not.
async fn admit(
    tx: &DatabaseTransaction,
    work: &mut Work,
    asked: &JoinWaitlist,
    wanted: &Wanted,
) -> Result<Result<waitlist_entry::Model, Refusal>, JobError> {
    if let Some(refusal) = retired(wanted) {
        return Ok(Err(refusal));
    }
    if let Some(refusal) = doubt(asked, work.asked_at(), wanted.branch.time_zone.parse()?) {
        return Ok(Err(refusal));
    }
    let Some(customer) = account::Entity::find_by_id(asked.customer_id).one(tx).await? else {
        return Ok(Err(Refusal::new(problem::NOT_FOUND.code, "The account is gone.")));
    };
    let row = wish::row(tx, asked, wanted, clock(tx).await?).await?;
    let others = Others::count(tx, &customer, &row).await?;
    let bookable = wanted.bookable(tx, &row, work.context.settings.waitlist_terms).await?.into_iter().next();
    let bookable_now = bookable.as_ref().is_some_and(|bookable| !bookable.is_gift);
    if let Err(refused) = others.join(&customer, bookable_now) {
        let refusal = others::refusal(refused);
        return Ok(Err(match bookable {
            Some(bookable) if refused == JoinRefused::BookableNow => describe(&bookable, refusal),
            _ => refusal,
        }));
    }
    // A gift is offered at once. Of everything else nothing is free, and whoever frees it waits for
    // this transaction; should that be wrong, the look at its car heals it.
    if let Some(car) = bookable.map(|bookable| bookable.car.id).or(asked_car(asked)) {
        work.then(&PromoteWaitlist::new(car));
    }
    let mut row: waitlist_entry::ActiveModel = row.into();
    row.seq = NotSet;
    Ok(Ok(row.reset_all().insert(tx).await?))
}

/// Nothing of a car that has left the fleet will ever be free.
pub(super) fn retired(wanted: &Wanted) -> Option<Refusal> {
    let words = "This car has left the fleet. Please wait for its class, or for another car.";
    let gone = wanted.car.as_ref().is_some_and(|car| car.status.0 == CarStatus::Retired);
    gone.then(|| Refusal::new(problem::CAR_NOT_IN_SERVICE.code, words))
}

fn asked_car(asked: &JoinWaitlist) -> Option<Uuid> {
    match asked.target {
        Target::Car { car_id } => Some(car_id),
        Target::Class { .. } => None,
    }
}

/// Tells somebody who need not wait what can be booked.
fn describe(bookable: &Bookable, refusal: Refusal) -> Refusal {
    let total = bookable.quote.total;
    refusal
        .with("carId", bookable.car.id.to_string())
        .with("startDate", json!(bookable.fit.period.start))
        .with("endDate", json!(bookable.fit.period.end))
        .with("totalPrice", json!(view::Money::from(total)))
        .with("quote", json!(bookable.quote))
}
