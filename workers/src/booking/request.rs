//! A customer asks for a car.

use std::collections::{HashMap, HashSet};

use entity::{Word, account, booking, branch, car};
use jobs::{
    Outcome, Refusal,
    booking::RequestBooking,
    fault,
    notify::{Announce, News},
};
use rules::{
    booking::{Limits, dates},
    car::CarStatus,
    period::Period,
    problem::{self, Reason},
};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
    sea_query::{LockBehavior, LockType},
};
use serde_json::json;
use uuid::Uuid;
use view::booking::Booking;

use super::{
    alternative,
    fresh::{self, Fresh, obstacle},
    price::price,
};
use crate::{Ending, Finished, JobError, Perform, PerformTogether, Work, reservation, waitlist::wait_for_car};

/// What a booking depends on of a car and its branch.
#[derive(FromQueryResult)]
struct CarFacts {
    id: Uuid,
    plate: String,
    status: Word<CarStatus>,
    price_per_day: i64,
    currency: String,
    branch_id: Uuid,
    time_zone: String,
    turnaround_minutes: i32,
}

impl CarFacts {
    fn new(car: &car::Model, branch: branch::Model) -> Self {
        Self {
            id: car.id,
            plate: car.plate.clone(),
            status: car.status,
            price_per_day: car.price_per_day,
            currency: car.currency.clone(),
            branch_id: branch.id,
            time_zone: branch.time_zone,
            turnaround_minutes: branch.turnaround_minutes,
        }
    }
}

/// What a decision about one booking looks at.
struct Looked {
    suspended: bool,
    car: car::Model,
    facts: CarFacts,
}

impl Perform for RequestBooking {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let tx = work.begin().await?;
        if let Some(booking) = booking::Entity::find_by_id(self.booking_id).one(&tx).await? {
            return work.done(tx, Booking::from(booking));
        }

        let looked = match look(&tx, &self).await? {
            Ok(looked) => looked,
            Err(refusal) => {
                return Ok(work.refuse(refusal));
            }
        };

        let busy = match decide(&self, looked.suspended, &looked.facts, &work) {
            Ok(busy) => busy,
            Err(refusal) => {
                return Ok(work.refuse(refusal));
            }
        };
        if !reservation::take(&tx, self.car_id, busy, self.booking_id).await? {
            let alternatives = alternative::find(&tx, &looked.car, busy, self.start, self.end).await?;
            return wait_or_refuse(tx, work, &self, &looked.car, taken(&self, alternatives)).await;
        }
        let booking = row(&self, &looked.facts, &work)?;
        fresh::insert(&tx, std::slice::from_ref(&booking)).await?;

        work.then(&confirmed(booking.id));
        work.done(tx, Booking::from(booking))
    }
}

/// Those that get the car they want, without a word about the others: they are told alone what there is instead.
impl PerformTogether for RequestBooking {
    async fn perform_together(asked: Vec<(Self, Work)>) -> Result<HashMap<Uuid, Finished>, JobError> {
        let Some((_, first)) = asked.first() else { return Ok(HashMap::new()) };
        let tx = first.begin().await?;
        let seen = look_at_all(&tx, &asked).await?;

        let mut asked: Vec<_> = asked
            .into_iter()
            .filter_map(|(request, work)| {
                let facts = seen.cars.get(&request.car_id)?;
                let suspended = !seen.customers.contains(&request.customer_id);
                let busy = decide(&request, suspended, facts, &work).ok()?;
                Some((request, work, facts, busy))
            })
            .collect();
        asked.sort_by_key(|(_, work, ..)| (work.asked_at(), work.id()));

        let wanted = asked.iter().map(|(request, .., busy)| reservation::Wanted {
            booking: request.booking_id,
            car: request.car_id,
            busy: *busy,
        });
        let taken = reservation::take_all(&tx, &wanted.collect::<Vec<_>>()).await?;
        asked.retain(|(request, ..)| taken.contains(&request.booking_id));
        if asked.is_empty() {
            return Ok(HashMap::new());
        }

        let bookings = asked.iter().map(|(request, work, facts, _)| row(request, facts, work));
        let bookings = bookings.collect::<Result<Vec<_>, _>>()?;
        fresh::insert(&tx, &bookings).await?;

        let mut ended = Vec::new();
        for (booking, (_, mut work, ..)) in bookings.into_iter().zip(asked) {
            work.then(&confirmed(booking.id));
            ended.push((work, Outcome::done(Booking::from(booking))?));
        }
        Work::finish_all(tx, ended).await
    }
}

fn confirmed(booking: Uuid) -> Announce {
    Announce { news: News::BookingConfirmed, subject_id: booking, turn: 0 }
}

/// What the decisions about several bookings look at.
struct Seen {
    /// Those that are not suspended.
    customers: HashSet<Uuid>,
    cars: HashMap<Uuid, CarFacts>,
}

/// Locks the cars that nobody else holds, in the order in which everybody locks cars, then looks at everything else.
/// Nobody waits here: one car in use would hold up the bookings of all the others. And nothing is read but what is needed:
/// whole rows of cars and branches were a tenth of the worker's time.
async fn look_at_all(tx: &DatabaseTransaction, asked: &[(RequestBooking, Work)]) -> Result<Seen, DbErr> {
    use car::Column::{BranchId, Currency, Id, Plate, PricePerDay, Status};

    let mut cars = car::Entity::find()
        .select_only()
        .columns([Id, Plate, Status, PricePerDay, Currency, BranchId])
        .columns([branch::Column::TimeZone, branch::Column::TurnaroundMinutes])
        .inner_join(branch::Entity)
        .filter(Id.eq_any(asked.iter().map(|(request, _)| request.car_id)))
        .order_by_asc(Id);
    QueryTrait::query(&mut cars).lock_with_tables_behavior(LockType::Update, [car::Entity], LockBehavior::SkipLocked);
    let cars: Vec<CarFacts> = cars.into_model().all(tx).await?;
    let customers = account::Entity::find()
        .select_only()
        .column(account::Column::Id)
        .filter(account::Column::Id.eq_any(asked.iter().map(|(request, _)| request.customer_id)))
        .filter(account::Column::SuspendedAt.is_null());
    let customers: Vec<Uuid> = customers.into_tuple().all(tx).await?;
    Ok(Seen {
        customers: customers.into_iter().collect(),
        cars: cars.into_iter().map(|facts| (facts.id, facts)).collect(),
    })
}

/// The car is taken: whoever said so beforehand waits for it, everybody else is refused.
async fn wait_or_refuse(
    tx: DatabaseTransaction,
    mut work: Work,
    asked: &RequestBooking,
    car: &car::Model,
    taken: Refusal,
) -> Result<Ending, JobError> {
    let mut taken = taken;
    if let Some(entry_id) = asked.join_waitlist {
        let dates = (asked.start, asked.end);
        match wait_for_car(&tx, &mut work, entry_id, asked.customer_id, car, dates).await? {
            Ok(entry) => return work.done(tx, entry),
            Err(refused) => taken = taken.because("/joinWaitlist", refused.detail),
        }
    }
    Ok(work.refuse(taken))
}

/// Locks the car, then looks at everything else.
async fn look(tx: &DatabaseTransaction, asked: &RequestBooking) -> Result<Result<Looked, Refusal>, DbErr> {
    // Before the INSERT: the loser then waits here, on the row, instead of
    // deadlocking inside the exclusion constraint.
    let Some(car) = car::Entity::find_by_id(asked.car_id).lock_exclusive().one(tx).await? else {
        return Ok(Err(Refusal::new(problem::NOT_FOUND.code, "There is no such car.")));
    };
    let branch = branch::Entity::find_by_id(car.branch_id).one(tx).await?;
    let customer = account::Entity::find_by_id(asked.customer_id).one(tx).await?;
    let (Some(branch), Some(customer)) = (branch, customer) else {
        return Ok(Err(Refusal::new(problem::NOT_FOUND.code, "The account or the branch is gone.")));
    };
    let facts = CarFacts::new(&car, branch);
    Ok(Ok(Looked { suspended: customer.is_suspended(), car, facts }))
}

/// The time to take, turnaround included; or every reason against it.
fn decide(asked: &RequestBooking, suspended: bool, facts: &CarFacts, work: &Work) -> Result<Period, Refusal> {
    if let Some(refusal) = obstacle(suspended, facts.status.0) {
        return Err(refusal);
    }
    let refused = || Refusal::new(problem::DATES_REFUSED.code, "These dates cannot be booked.");
    let period =
        Period::new(asked.start, asked.end).map_err(|reason| refused().because("/endDate", reason.to_string()))?;
    // Measured from when it was asked: a backlog must not turn a good request into a late one.
    let judged = dates(work.asked_at(), period, Limits::default());
    judged.or_else(|reasons| if fault::removed("dates_checked") { Ok(()) } else { Err(reasons) }).map_err(
        |reasons| {
            let reasons = reasons.into_iter().map(Reason::from);
            reasons.fold(refused(), |refusal, reason| refusal.because(reason.pointer, reason.message))
        },
    )?;
    Ok(period.with_turnaround(u32::try_from(facts.turnaround_minutes).unwrap_or_default()))
}

fn row(asked: &RequestBooking, facts: &CarFacts, work: &Work) -> Result<booking::Model, JobError> {
    let period = Period::new(asked.start, asked.end)?;
    let quote = price((facts.price_per_day, &facts.currency), &facts.time_zone, period)?;
    let fresh = Fresh {
        id: asked.booking_id,
        customer_id: asked.customer_id,
        car_id: facts.id,
        plate: &facts.plate,
        branch_id: facts.branch_id,
        time_zone: &facts.time_zone,
        period,
        quote: entity::Quote(quote),
    };
    Ok(fresh.row(work, work.now()))
}

/// With the body to send to the waitlist, so that waiting is one more call.
fn taken(asked: &RequestBooking, alternatives: Vec<view::car::Alternative>) -> Refusal {
    let wish = json!({ "carId": asked.car_id, "from": asked.start, "to": asked.end });
    car_taken(alternatives).with("waitlist", wish)
}

pub(super) fn car_taken(alternatives: Vec<view::car::Alternative>) -> Refusal {
    Refusal::new(problem::CAR_TAKEN.code, "Somebody else has this car then. Take an alternative, or wait for it.")
        .with("alternatives", json!(alternatives))
        .with("waitlistUrl", "/api/v1/waitlist")
}
