//! When cars are free, and what a rental would cost. Pure reads.

use std::{str::FromStr, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use entity::{branch, car, reservation, supply::clock};
use jobs::Refusal;
use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use rules::{
    booking::{DateRefusal, Limits, dates, start},
    car::{CarStatus, Category},
    money::{Currency, Money},
    period::Period,
    pricing,
    problem::{self, Reason},
};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;
use view::{
    Quote, Word,
    car::{Car, Stretch},
};

use crate::{Tag, account::Reasons, car::free_between, error::ApiError, front::Front};

/// Whether something is free, and what.
#[derive(Debug, Object)]
struct Availability {
    /// For the whole time, and it could be booked now: not in the past, nor too soon, too far ahead, too short or too long.
    available: bool,
    /// The cars of which that is so, at most 100; asked by category and branch.
    cars: Vec<Car>,
    /// There are more of them.
    more: bool,
    /// The stretches in which the one car asked for can be booked: they end a turnaround before somebody else has it, and a
    /// car that is not rented out has none.
    gaps: Vec<Stretch>,
}

/// When a car is busy, without names.
#[derive(Debug, Object)]
struct Calendar {
    busy: Vec<Stretch>,
}

fn period(from: DateTime<Utc>, to: DateTime<Utc>) -> Result<Period, ApiError> {
    let mut reasons = Reasons::default();
    reasons.period(("/from", from), ("/to", to)).ok_or_else(|| reasons.into_error())
}

/// What occupies a car in a period, in order. Holds that have expired do not.
async fn busy(db: &DatabaseConnection, car: Uuid, period: Period) -> Result<Vec<Stretch>, ApiError> {
    use reservation::{Column, Entity};
    let live = Condition::any().add(Column::ExpiresAt.is_null()).add(Expr::cust("expires_at > now()"));
    let rows = Entity::find()
        .filter(Column::ResourceKind.eq("car"))
        .filter(Column::ResourceId.eq(car))
        .filter(Column::StartsAt.lt(period.end))
        .filter(Column::EndsAt.gt(period.start))
        .filter(live)
        .order_by_asc(Column::StartsAt)
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| Stretch { from: row.starts_at, to: row.ends_at }).collect())
}

/// When a car can be booked within a period.
async fn free_time(
    db: &DatabaseConnection,
    car: &car::Model,
    branch: &branch::Model,
    now: DateTime<Utc>,
    period: Period,
) -> Result<Vec<Stretch>, ApiError> {
    let limits = Limits::default();
    let Ok(period) = Period::new(period.start.max(now + limits.lead), period.end) else { return Ok(Vec::new()) };
    let minutes = u32::try_from(branch.turnaround_minutes).unwrap_or_default();
    let busy = busy(db, car.id, period.with_turnaround(minutes)).await?;
    let mut gaps = gaps(period, &busy, TimeDelta::minutes(minutes.into()));
    gaps.retain(|gap| start(now, gap.from, limits).is_ok() && gap.to - gap.from >= limits.shortest);
    Ok(gaps)
}

/// Whether a rental of these dates could be booked now, whichever car of the branch it is.
fn is_bookable(now: DateTime<Utc>, period: Period, branch: &branch::Model) -> bool {
    dates(now, period, branch.time_zone.parse().unwrap_or(Tz::UTC), Limits::default()).is_ok()
}

async fn of_car(db: &DatabaseConnection, id: Uuid, period: Period) -> Result<Availability, ApiError> {
    let car = car::Entity::find_by_id(id).one(db).await?.ok_or_else(ApiError::not_found)?;
    let branch = branch::Entity::find_by_id(car.branch_id).one(db).await?.ok_or_else(ApiError::not_found)?;
    let now = clock(db).await?;
    let gaps = match car.status.0.is_rentable() {
        true => free_time(db, &car, &branch, now, period).await?,
        false => Vec::new(),
    };
    let free = Condition::all().add(car::Column::Id.eq(id)).add(free_between(period));
    let free = car::Entity::find().filter(free).one(db).await?.is_some();
    let available = free && car.status.0.is_rentable() && is_bookable(now, period, &branch);
    Ok(Availability { available, cars: Vec::new(), more: false, gaps })
}

/// More cars than this are not named.
const MOST: usize = 100;

async fn of_class(
    db: &DatabaseConnection,
    category: Option<Category>,
    branch: Option<Uuid>,
    period: Period,
) -> Result<Availability, ApiError> {
    let now = clock(db).await?;
    let branches = branch::Entity::find().all(db).await?.into_iter();
    let open = branches.filter(|at| branch.is_none_or(|id| id == at.id) && is_bookable(now, period, at));
    let wanted = Condition::all()
        .add(car::Column::Status.eq(CarStatus::InService.as_str()))
        .add_option(category.map(|category| car::Column::Category.eq(category.as_str())))
        .add(car::Column::BranchId.is_in(open.map(|branch| branch.id)))
        .add(free_between(period));
    let query = car::Entity::find().filter(wanted).order_by_asc(car::Column::PricePerDay);
    let mut cars = query.order_by_asc(car::Column::Id).limit(MOST as u64 + 1).all(db).await?;
    let more = cars.len() > MOST;
    cars.truncate(MOST);
    let cars: Vec<Car> = cars.into_iter().map(Car::from).collect();
    Ok(Availability { available: !cars.is_empty(), cars, more, gaps: Vec::new() })
}

/// What can be booked between the busy stretches of a period: whoever has the car before somebody else is back a
/// turnaround earlier.
fn gaps(period: Period, busy: &[Stretch], turnaround: TimeDelta) -> Vec<Stretch> {
    let mut gaps = Vec::new();
    let mut free_from = period.start;
    for taken in busy {
        let to = (taken.from - turnaround).min(period.end);
        if to > free_from {
            gaps.push(Stretch { from: free_from, to });
        }
        free_from = free_from.max(taken.to);
    }
    if free_from < period.end {
        gaps.push(Stretch { from: free_from, to: period.end });
    }
    gaps
}

/// The rules name the members of a booking; here the dates are called otherwise.
fn refused(reasons: Vec<DateRefusal>) -> ApiError {
    let pointer = |of_booking: &str| if of_booking == "/startDate" { "/from" } else { "/to" };
    let refusal = Refusal::new(problem::DATES_REFUSED.code, "These dates cannot be booked.");
    let reasons = reasons.into_iter().map(Reason::from);
    reasons.fold(refusal, |refusal, reason| refusal.because(pointer(reason.pointer), reason.message)).into()
}

pub struct AvailabilityApi;

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Fleet")]
impl AvailabilityApi {
    /// Ask what is free
    ///
    /// Either one car (`carId`) or a category at a branch. Dates that nobody could book now are available nowhere.
    #[oai(path = "/availability", method = "get", operation_id = "askAvailability")]
    async fn availability(
        &self,
        front: Data<&Arc<Front>>,
        #[oai(name = "carId")] car_id: Query<Option<Uuid>>,
        category: Query<Option<Word<Category>>>,
        #[oai(name = "branchId")] branch_id: Query<Option<Uuid>>,
        from: Query<DateTime<Utc>>,
        to: Query<DateTime<Utc>>,
    ) -> Result<Json<Availability>, ApiError> {
        let period = period(from.0, to.0)?;
        let asked = match car_id.0 {
            Some(car) => of_car(&front.db, car, period).await?,
            None => of_class(&front.db, category.0.map(|word| word.0), branch_id.0, period).await?,
        };
        Ok(Json(asked))
    }

    /// Show a car's calendar
    #[oai(path = "/cars/:id/calendar", method = "get", operation_id = "showCalendar")]
    async fn calendar(
        &self,
        front: Data<&Arc<Front>>,
        id: Path<Uuid>,
        from: Query<DateTime<Utc>>,
        to: Query<DateTime<Utc>>,
    ) -> Result<Json<Calendar>, ApiError> {
        let period = period(from.0, to.0)?;
        car::Entity::find_by_id(id.0).one(&front.db).await?.ok_or_else(ApiError::not_found)?;
        Ok(Json(Calendar { busy: busy(&front.db, id.0, period).await? }))
    }

    /// Ask for a price
    ///
    /// The lines, tax and total as they would be booked now. What nobody could book has no price: `422 dates_refused` with
    /// every reason, `409 car_not_in_service`.
    #[oai(path = "/quotes", method = "get", operation_id = "askQuote")]
    async fn quote(
        &self,
        front: Data<&Arc<Front>>,
        #[oai(name = "carId")] car_id: Query<Uuid>,
        from: Query<DateTime<Utc>>,
        to: Query<DateTime<Utc>>,
    ) -> Result<Json<Quote>, ApiError> {
        let period = period(from.0, to.0)?;
        let car = car::Entity::find_by_id(car_id.0).one(&front.db).await?.ok_or_else(ApiError::not_found)?;
        let branch = entity::branch::Entity::find_by_id(car.branch_id).one(&front.db).await?;
        let branch = branch.ok_or_else(ApiError::not_found)?;
        let currency = Currency::new(&car.currency).map_err(ApiError::internal)?;
        let zone = Tz::from_str(&branch.time_zone).map_err(ApiError::internal)?;
        if !car.status.0.is_rentable() {
            return Err(ApiError::new(problem::CAR_NOT_IN_SERVICE, "This car is not rented out at present."));
        }
        dates(clock(&front.db).await?, period, zone, Limits::default()).map_err(refused)?;
        let facts = pricing::Facts::usual(period, zone, Money { amount: car.price_per_day, currency });
        let quote = pricing::quote(&facts).map_err(ApiError::internal)?;
        Ok(Json(quote.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + hour * 3600, 0).unwrap()
    }

    #[test]
    fn gaps_are_what_no_reservation_touches() {
        let period = Period::new(at(0), at(10)).unwrap();
        let stretch = |from, to| Stretch { from: at(from), to: at(to) };
        assert_eq!(gaps(period, &[], TimeDelta::zero()), [stretch(0, 10)]);
        assert_eq!(gaps(period, &[stretch(-2, 3), stretch(3, 4), stretch(8, 12)], TimeDelta::zero()), [stretch(4, 8)]);
        assert_eq!(gaps(period, &[stretch(-1, 11)], TimeDelta::zero()), []);
        let hour = TimeDelta::hours(1);
        assert_eq!(
            gaps(period, &[stretch(1, 3), stretch(6, 7), stretch(10, 12)], hour),
            [stretch(3, 5), stretch(7, 9)]
        );
    }
}
