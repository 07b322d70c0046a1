//! Other dates or another car, as the customer or staff wish.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use entity::{Word, account, booking, booking_change, branch, car, reservation::Model as Reservation};
use jobs::{
    Refusal,
    booking::{ChangeBooking, ExtendBooking},
    notify::{Announce, News},
    waitlist::PromoteWaitlist,
};
use rules::{
    booking::{BookingStatus, Change, ChangeReason, ChangeRefused, DateRefusal, Limits, change},
    cancellation::{Policy, bears, closed_after, closed_fee, near_since},
    money::Money,
    period::Period,
    pricing::Quote,
    problem::{self, Reason},
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel};
use serde_json::json;
use uuid::Uuid;
use view::booking::Booking;

use super::{
    alternative, cancel, lock,
    price::{per_day, price},
    request::car_taken,
};
use crate::{Ending, JobError, Perform, Work, audit_with, reservation};

/// What is to be different; `None` stays.
struct Wish {
    booking_id: Uuid,
    by: Uuid,
    car: Option<Uuid>,
    start: Option<DateTime<Utc>>,
    end: Option<DateTime<Utc>>,
    /// Of the row in `booking_change`.
    reason: ChangeReason,
}

/// The booking as it is, and the car that it is to have.
struct Looked {
    booking: booking::Model,
    car: car::Model,
    branch: branch::Model,
    /// The time that it holds now.
    held: Option<Reservation>,
    by_staff: bool,
    suspended: bool,
}

impl Perform for ChangeBooking {
    async fn perform(self, work: Work) -> Result<Ending, JobError> {
        let Self { booking_id, changed_by: by, car_id: car, start, end, house_fault } = self;
        let reason = if house_fault { ChangeReason::HouseFault } else { ChangeReason::Asked };
        carry_out(work, Wish { booking_id, by, car, start, end, reason }).await
    }
}

impl Perform for ExtendBooking {
    async fn perform(self, work: Work) -> Result<Ending, JobError> {
        let Self { booking_id, extended_by: by, end } = self;
        let reason = ChangeReason::Extended;
        carry_out(work, Wish { booking_id, by, car: None, start: None, end: Some(end), reason }).await
    }
}

async fn carry_out(mut work: Work, wish: Wish) -> Result<Ending, JobError> {
    let tx = work.begin().await?;
    let looked = match look(&tx, &wish).await? {
        Ok(looked) => looked,
        Err(refusal) => {
            return Ok(work.refuse(refusal));
        }
    };
    if wish.is_house_fault() && (!looked.by_staff || looked.booking.customer_id == wish.by) {
        return Ok(work.refuse(cancel::only_staff()));
    }
    if wish.holds_for(&looked.booking) {
        return work.done(tx, Booking::from(looked.booking));
    }

    let (after, busy) = match decide(&wish, &looked, &work) {
        Ok(decided) => decided,
        Err(refusal) => {
            return Ok(work.refuse(refusal));
        }
    };
    let (quote, fee) = match weigh(&tx, &wish, &looked, after, &work).await? {
        Ok(weighed) => weighed,
        Err(refusal) => {
            return Ok(work.refuse(refusal));
        }
    };
    if !reservation::replace(&tx, looked.car.id, busy, wish.booking_id).await? {
        let alternatives = match looked.booking.status.0 {
            BookingStatus::Active => {
                alternative::longer(&tx, &looked.car, &looked.booking, &looked.branch, work.now()).await?
            }
            _ => alternative::find(&tx, &looked.car, after).await?,
        };
        // Nothing of this is committed, so the old time stays.
        return Ok(work.refuse(car_taken(alternatives)));
    }
    let (old_car, frees) = (looked.booking.car_id, looked.frees(busy));
    let booking = write(&tx, &work, &wish, looked, (after, quote, fee)).await?;
    let detail = json!({ "houseFault": wish.is_house_fault() });
    audit_with(&tx, Some(wish.by), "change_booking", ("booking", booking.id), detail).await?;

    work.then(&Announce { news: News::BookingChanged, subject_id: booking.id, turn: booking.version });
    if frees {
        work.then(&PromoteWaitlist::new(old_car));
    }
    work.done(tx, Booking::from(booking))
}

/// Locks the cars and the booking, then looks at everything else.
async fn look(tx: &DatabaseTransaction, wish: &Wish) -> Result<Result<Looked, Refusal>, DbErr> {
    let none = |words: &str| Ok(Err(Refusal::new(problem::NOT_FOUND.code, words)));
    let asker = account::Entity::find_by_id(wish.by).one(tx).await?;
    let by_staff = asker.is_some_and(|asker| asker.role.0.is_staff());
    let Some(locked) = lock(tx, wish.booking_id, wish.car).await? else { return none("There is no such booking.") };
    if !by_staff && locked.booking.customer_id != wish.by {
        return none("There is no such booking.");
    }
    let car = match wish.car.filter(|car| *car != locked.booking.car_id) {
        None => Some(locked.car),
        Some(_) => locked.other,
    };
    let Some(car) = car else { return none("There is no such car.") };
    let branch = branch::Entity::find_by_id(car.branch_id).one(tx).await?;
    let branch = branch.ok_or_else(|| DbErr::RecordNotFound("the branch of a car".to_owned()))?;
    let customer = account::Entity::find_by_id(locked.booking.customer_id).one(tx).await?;
    let suspended = customer.is_some_and(|customer| customer.is_suspended());
    let held = reservation::of(tx, locked.booking.id).await?;
    Ok(Ok(Looked { booking: locked.booking, car, branch, held, by_staff, suspended }))
}

impl Wish {
    /// The house cannot keep what was booked.
    fn is_house_fault(&self) -> bool {
        self.reason == ChangeReason::HouseFault
    }

    /// Whether the booking is so already: asked twice, or for nothing.
    fn holds_for(&self, booking: &booking::Model) -> bool {
        self.car.is_none_or(|car| car == booking.car_id)
            && self.start.is_none_or(|start| start == booking.starts_at)
            && self.end.is_none_or(|end| end == booking.ends_at)
    }
}

impl Looked {
    fn other_car(&self) -> bool {
        self.car.id != self.booking.car_id
    }

    /// Whether somebody else may have some of the time that was held.
    fn frees(&self, busy: Period) -> bool {
        let kept = |held: &Reservation| busy.start <= held.starts_at && held.ends_at <= busy.end;
        self.other_car() || self.held.as_ref().is_some_and(|held| !kept(held))
    }
}

/// The new dates and the time to take for them; or every reason against it.
fn decide(wish: &Wish, looked: &Looked, work: &Work) -> Result<(Period, Period), Refusal> {
    let Looked { booking, car, branch, .. } = looked;
    if looked.suspended && !looked.by_staff {
        return Err(Refusal::new(problem::SUSPENDED.code, "This account is suspended. Please contact the branch."));
    }
    let period = |start, end| {
        Period::new(start, end)
            .map_err(|reason| dates_refused().because(reason.pointer("/startDate", "/endDate"), reason.to_string()))
    };
    let before = period(booking.starts_at, booking.ends_at)?;
    let after = period(wish.start.unwrap_or(before.start), wish.end.unwrap_or(before.end))?;
    if wish.reason == ChangeReason::Extended && after.end < before.end {
        return Err(refused(ChangeRefused::Dates(vec![DateRefusal::NotLater])));
    }
    // A zone that nobody can read is found when the price is made.
    let zone = branch.time_zone.parse().unwrap_or(Tz::UTC);
    let asked = Change { status: booking.status.0, before, after, other_car: looked.other_car(), zone };
    // Measured from when it was asked: a backlog must not turn a good request into a late one.
    change(work.asked_at(), &asked, Limits::default()).map_err(refused)?;
    if booking.status.0 != BookingStatus::Active && !car.status.0.is_rentable() {
        return Err(Refusal::new(problem::CAR_NOT_IN_SERVICE.code, "This car is not rented out at present."));
    }
    let mut busy = after.with_turnaround(u32::try_from(branch.turnaround_minutes).unwrap_or_default());
    if let Some(held) = looked.held.as_ref().filter(|_| booking.status.0 == BookingStatus::Active) {
        // It may have begun before its date.
        busy.start = busy.start.min(held.starts_at);
    }
    Ok((after, busy))
}

fn dates_refused() -> Refusal {
    Refusal::new(problem::DATES_REFUSED.code, "These dates cannot be booked.")
}

fn refused(refused: ChangeRefused) -> Refusal {
    match refused {
        ChangeRefused::Dates(reasons) => reasons
            .into_iter()
            .map(Reason::from)
            .fold(dates_refused(), |refusal, reason| refusal.because(reason.pointer, reason.message)),
        other => Refusal::new(problem::ILLEGAL_STATE.code, other.to_string()),
    }
}

/// What the booking will cost, and what cancelling it costs when that is free no longer; or why the one is too little for
/// the other.
async fn weigh(
    tx: &DatabaseTransaction,
    wish: &Wish,
    looked: &Looked,
    after: Period,
    work: &Work,
) -> Result<Result<(Quote, Option<Money>), Refusal>, JobError> {
    let Looked { booking, car, branch, .. } = looked;
    let (per_day, currency) = per_day(tx, booking, car, wish.is_house_fault()).await?;
    let quote = price((per_day, &currency), &branch.time_zone, after)?;
    let fee = closed_fee(&Policy::default(), &booking.cancellation(work.asked_at())?)?;
    // Nobody cancels a rental that runs, and what the house does is not the customer's way out of a fee.
    let may_escape = booking.status.0 != BookingStatus::Active && !wish.is_house_fault();
    let escaped = fee.filter(|fee| may_escape && !bears(quote.total, *fee));
    Ok(match escaped {
        Some(fee) => Err(cancel::too_cheap(quote.total, fee)),
        None => Ok((quote, fee)),
    })
}

/// The booking as it is from now on, re-priced; what it was before is kept.
async fn write(
    tx: &DatabaseTransaction,
    work: &Work,
    wish: &Wish,
    looked: Looked,
    (after, quote, fee): (Period, Quote, Option<Money>),
) -> Result<booking::Model, JobError> {
    let facts = looked.booking.cancellation(work.asked_at())?;
    let closed_fee = fee.filter(|fee| fee.currency == quote.total.currency);
    remember(tx, &looked.booking, wish.reason, Some(wish.by), work.now()).await?;
    let version = looked.booking.version + 1;
    let mut row = looked.booking.into_active_model();
    row.car_id = Set(looked.car.id);
    row.plate = Set(looked.car.plate);
    row.branch_id = Set(looked.branch.id);
    row.time_zone = Set(looked.branch.time_zone);
    row.starts_at = Set(after.start);
    row.ends_at = Set(after.end);
    row.total = Set(quote.total.amount);
    row.currency = Set(quote.total.currency.as_str().to_owned());
    row.quote = Set(entity::Quote(quote));
    row.closed_at = Set(closed_after(&Policy::default(), &facts));
    row.closed_fee = Set(closed_fee.map(|fee| fee.amount));
    if let Some(since) = near_since(&Policy::default(), &facts, after.start) {
        row.near_since = Set(Some(since));
    }
    // The new end lies ahead.
    row.overdue_at = Set(None);
    row.version = Set(version);
    row.updated_at = Set(work.now());
    Ok(row.update(tx).await?)
}

/// Keeps a booking as it was before a change: car, dates and quote.
pub(super) async fn remember(
    tx: &DatabaseTransaction,
    booking: &booking::Model,
    reason: ChangeReason,
    changed_by: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let row = booking_change::ActiveModel {
        booking_id: Set(booking.id),
        version: Set(booking.version),
        car_id: Set(booking.car_id),
        plate: Set(booking.plate.clone()),
        starts_at: Set(booking.starts_at),
        ends_at: Set(booking.ends_at),
        time_zone: Set(booking.time_zone.clone()),
        quote: Set(booking.quote.clone()),
        total: Set(booking.total),
        currency: Set(booking.currency.clone()),
        reason: Set(Word(reason)),
        changed_by: Set(changed_by),
        created_at: Set(now),
    };
    booking_change::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}
