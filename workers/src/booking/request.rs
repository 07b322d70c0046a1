//! A customer asks for a car.

use std::collections::HashMap;

use chrono_tz::Tz;
use entity::{Word, account, booking, branch, car};
use jobs::{
    Outcome, Refusal,
    booking::RequestBooking,
    fault,
    ledger::column,
    notify::{Announce, News},
};
use rules::{
    booking::{Limits, dates},
    car::CarStatus,
    period::Period,
    problem::{self, Reason},
};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, FromQueryResult, QuerySelect, Statement,
};
use serde_json::json;
use uuid::Uuid;
use view::booking::Booking;

use super::{
    alternative,
    fresh::{self, Fresh, obstacle},
    price::price,
};
use crate::{Ending, Finished, JobError, Perform, PerformTogether, Work, waitlist::wait_for_car};

/// What a booking depends on of its customer, its car and the car's branch.
#[derive(FromQueryResult)]
struct Facts {
    suspended: bool,
    /// Bookings of the customer that have not ended, counted up to the limit.
    open_bookings: i64,
    car_id: Uuid,
    plate: String,
    status: Word<CarStatus>,
    price_per_day: i64,
    currency: String,
    branch_id: Uuid,
    time_zone: String,
    turnaround_minutes: i32,
}

impl Facts {
    fn new(customer: &account::Model, open_bookings: i64, car: &car::Model, branch: branch::Model) -> Self {
        Self {
            suspended: customer.is_suspended(),
            open_bookings,
            car_id: car.id,
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

impl Perform for RequestBooking {
    async fn perform(self, mut work: Work) -> Result<Ending, JobError> {
        let tx = work.begin().await?;
        if let Some(booking) = booking::Entity::find_by_id(self.booking_id).one(&tx).await? {
            return work.done(tx, Booking::from(booking));
        }

        let (car, facts) = match look(&tx, &self, work.context.open_bookings).await? {
            Ok(looked) => looked,
            Err(refusal) => {
                return Ok(work.refuse(refusal));
            }
        };

        let busy = match decide(&self, &facts, 0, &work) {
            Ok(busy) => busy,
            Err(refusal) => {
                return Ok(work.refuse(refusal));
            }
        };
        let wanted = row(&self, &facts, &work)?;
        let Some(booking) = fresh::book(&tx, (wanted, busy)).await? else {
            let alternatives = alternative::find(&tx, &car, Period::new(self.start, self.end)?).await?;
            return wait_or_refuse(tx, work, &self, &car, taken(&self, alternatives)).await;
        };

        work.then(&confirmed(booking.id));
        work.done(tx, Booking::from(booking))
    }
}

/// Those that get the car they want, without a word about the others: they are told alone what there is instead.
impl PerformTogether for RequestBooking {
    async fn perform_together(mut asked: Vec<(Self, Work)>) -> Result<HashMap<Uuid, Finished>, JobError> {
        let Some((_, first)) = asked.first() else { return Ok(HashMap::new()) };
        let tx = first.begin().await?;
        let seen = look_at_all(&tx, &asked, first.context.open_bookings).await?;

        asked.sort_by_key(|(_, work)| (work.asked_at(), work.id()));
        let (mut works, mut wanted, mut ahead) = (Vec::new(), Vec::new(), HashMap::new());
        for (request, work) in asked {
            let Some(facts) = seen.get(&request.booking_id) else { continue };
            let ahead = ahead.entry(request.customer_id).or_default();
            let Ok(busy) = decide(&request, facts, *ahead, &work) else { continue };
            *ahead += 1;
            wanted.push((row(&request, facts, &work)?, busy));
            works.push(work);
        }
        let booked = fresh::book_all(&tx, &wanted).await?;

        let mut ended = Vec::new();
        for (mut work, (booking, _)) in works.into_iter().zip(wanted) {
            if booked.contains(&booking.id) {
                work.then(&confirmed(booking.id));
                ended.push((work, Outcome::done(Booking::from(booking))?));
            }
        }
        if ended.is_empty() { Ok(HashMap::new()) } else { Work::finish_all(tx, ended).await }
    }
}

fn confirmed(booking: Uuid) -> Announce {
    Announce { news: News::BookingConfirmed, subject_id: booking, turn: 0 }
}

/// How many bookings of an account have not ended, which nobody needs to know beyond `most`. Others of theirs may be on their way in
/// other transactions: locking the account would make all its bookings wait for each other, and a few too many do no harm.
fn open(most: u32) -> String {
    let rows = "select 1 from booking where customer_id = account.id and status in ('Pending', 'Confirmed', 'Active')";
    format!("(select count(*) from ({rows} limit {most}) as open)")
}

fn look_at_all_sql(most: u32) -> String {
    format!(
        "
select booking_id, suspended_at is not null as suspended, {open} as open_bookings, car.id as car_id, plate, car.status, price_per_day, currency, car.branch_id,
       time_zone, turnaround_minutes
from unnest($1, $2, $3) as asked(booking_id, car_id, customer_id)
join car on car.id = asked.car_id
join branch on branch.id = car.branch_id
join account on account.id = customer_id
order by car.id
for update of car skip locked",
        open = open(most)
    )
}

/// Locks the cars that nobody else holds, in the order in which everybody locks cars, and looks at everything else: what each
/// booking depends on, by its id. Nobody waits here: one car in use would hold up the bookings of all the others. And nothing is
/// read but what is needed: whole rows of cars and branches were a tenth of the worker's time.
async fn look_at_all(
    tx: &DatabaseTransaction,
    asked: &[(RequestBooking, Work)],
    most: u32,
) -> Result<HashMap<Uuid, Facts>, DbErr> {
    #[derive(FromQueryResult)]
    struct Seen {
        booking_id: Uuid,
        #[sea_orm(nested)]
        facts: Facts,
    }
    let values = [
        column(asked, |(request, _)| request.booking_id),
        column(asked, |(request, _)| request.car_id),
        column(asked, |(request, _)| request.customer_id),
    ];
    let look = Statement::from_sql_and_values(DbBackend::Postgres, look_at_all_sql(most), values);
    let seen = Seen::find_by_statement(look).all(tx).await?;
    Ok(seen.into_iter().map(|seen| (seen.booking_id, seen.facts)).collect())
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
async fn look(
    tx: &DatabaseTransaction,
    asked: &RequestBooking,
    most: u32,
) -> Result<Result<(car::Model, Facts), Refusal>, DbErr> {
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
    let sql = format!("select {} from account where id = $1", open(most));
    let open = Statement::from_sql_and_values(DbBackend::Postgres, sql, [customer.id.into()]);
    let open = tx.query_one_raw(open).await?.map_or(Ok(0), |row| row.try_get_by_index(0))?;
    let facts = Facts::new(&customer, open, &car, branch);
    Ok(Ok((car, facts)))
}

/// The time to take, turnaround included; or every reason against it. `ahead` are bookings of the same customer that are not
/// written yet.
fn decide(asked: &RequestBooking, facts: &Facts, ahead: i64, work: &Work) -> Result<Period, Refusal> {
    if let Some(refusal) = obstacle(facts.suspended, facts.status.0) {
        return Err(refusal);
    }
    let most = work.context.open_bookings;
    if most > 0 && facts.open_bookings + ahead >= most.into() {
        let words = format!("You have {most} bookings that have not ended. Cancel one, or book when one is over.");
        return Err(Refusal::new(problem::TOO_MANY_BOOKINGS.code, words));
    }
    let refused = || Refusal::new(problem::DATES_REFUSED.code, "These dates cannot be booked.");
    let period = Period::new(asked.start, asked.end)
        .map_err(|reason| refused().because(reason.pointer("/startDate", "/endDate"), reason.to_string()))?;
    // Measured from when it was asked: a backlog must not turn a good request into a late one.
    // A zone that nobody can read is found when the price is made.
    let zone = facts.time_zone.parse().unwrap_or(Tz::UTC);
    let judged = dates(work.asked_at(), period, zone, Limits::default());
    judged.or_else(|reasons| if fault::removed("dates_checked") { Ok(()) } else { Err(reasons) }).map_err(
        |reasons| {
            let reasons = reasons.into_iter().map(Reason::from);
            reasons.fold(refused(), |refusal, reason| refusal.because(reason.pointer, reason.message))
        },
    )?;
    Ok(period.with_turnaround(u32::try_from(facts.turnaround_minutes).unwrap_or_default()))
}

fn row(asked: &RequestBooking, facts: &Facts, work: &Work) -> Result<booking::Model, JobError> {
    let period = Period::new(asked.start, asked.end)?;
    let quote = price((facts.price_per_day, &facts.currency), &facts.time_zone, period)?;
    let fresh = Fresh {
        id: asked.booking_id,
        customer_id: asked.customer_id,
        car_id: facts.car_id,
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
