//! Bookings whose car is unsafe, or out and not back so late that it cannot be made ready in time.

use chrono::{DateTime, TimeDelta, Utc};
use entity::booking;
use jobs::booking::ResolveConflict;
use rules::{
    booking::{BookingStatus, SOON, Situation, threat},
    period::Period,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, QueryFilter, Statement, Value,
};
use uuid::Uuid;

use super::candidate;

/// `$1`: how far ahead somebody cares for the bookings of an unsafe car, in seconds.
const NEXT: &str = "
    select next.*, now() as now from (
        select b.id, b.car_id, b.branch_id, b.starts_at, b.ends_at, branch.turnaround_minutes, late.ends_at as due,
               c.status <> 'in_service' as out_of_service,
               case when c.status <> 'in_service' then c.stopped_version
                    else floor(extract(epoch from late.ends_at) / 60)::int end as turn
        from booking b
        join car c on c.id = b.car_id
        join branch on branch.id = b.branch_id
        left join lateral (select ends_at from booking l where l.car_id = b.car_id
                           and l.status = 'Active' and l.ends_at <= now() limit 1) late on true
        where b.status = 'Confirmed' and b.starts_at <= now() + make_interval(secs => $1)
          and (c.status <> 'in_service' or late.ends_at is not null)) next";

#[derive(FromQueryResult)]
struct Next {
    id: Uuid,
    car_id: Uuid,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    turnaround_minutes: i32,
    out_of_service: bool,
    /// When the car was due that is not back.
    due: Option<DateTime<Utc>>,
    turn: i32,
    now: DateTime<Utc>,
}

/// Tells what endangers a booking apart for those who are to call: the car and the occasion together.
pub(super) fn turn(conflict: &ResolveConflict) -> i32 {
    let [a, b, c, d, ..] = Uuid::new_v5(&conflict.car_id, &conflict.turn.to_be_bytes()).into_bytes();
    i32::from_be_bytes([a, b, c, d]) & i32::MAX
}

/// The turn of what endangers a booking now, if anything.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn conflict(db: &impl ConnectionTrait, booking: Uuid) -> Result<Option<i32>, DbErr> {
    let next = find(db, "where next.id = $2", booking.into()).await?;
    Ok(next.first().map(|next| turn(&next.resolve(None))))
}

/// The next bookings of a car that went out of service with this version.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn stranded(
    db: &impl ConnectionTrait,
    car: &entity::car::Model,
    now: DateTime<Utc>,
) -> Result<Vec<ResolveConflict>, DbErr> {
    let soon = booking::Entity::find()
        .filter(booking::Column::CarId.eq(car.id))
        .filter(booking::Column::Status.eq(BookingStatus::Confirmed.as_str()))
        .filter(booking::Column::StartsAt.lte(now + SOON));
    let resolve =
        |next: booking::Model| ResolveConflict { booking_id: next.id, car_id: car.id, turn: car.version, freed: None };
    Ok(soon.all(db).await?.into_iter().map(resolve).collect())
}

/// Those for whom nobody has looked yet.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn unresolved(db: &impl ConnectionTrait, most: i64) -> Result<Vec<ResolveConflict>, DbErr> {
    let never_asked = "where not exists (select 1 from job j where j.kind = 'resolve_conflict'
                                         and j.dedupe_key = next.id || '/' || next.car_id || '/' || next.turn)
                       order by next.starts_at limit $2";
    let next = find(db, never_asked, most.into()).await?;
    Ok(next.iter().map(|next| next.resolve(None)).collect())
}

/// Those whom a car with free time could help, with the time that each needs of it.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn helped_by(
    db: &impl ConnectionTrait,
    car: &entity::car::Model,
) -> Result<Vec<(ResolveConflict, Period)>, DbErr> {
    let mut helped = Vec::new();
    for next in find(db, "where next.branch_id = $2 order by next.starts_at", car.branch_id.into()).await? {
        let Ok(period) = Period::new(next.starts_at, next.ends_at) else { continue };
        if candidate::find(db, next.id).await?.contains(&car.id) {
            let busy = period.with_turnaround(u32::try_from(next.turnaround_minutes).unwrap_or_default());
            helped.push((next.resolve(Some(car.id)), busy));
        }
    }
    Ok(helped)
}

async fn find(db: &impl ConnectionTrait, which: &str, value: Value) -> Result<Vec<Next>, DbErr> {
    let values = [SOON.as_seconds_f64().into(), value];
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, format!("{NEXT} {which}"), values);
    let next = Next::find_by_statement(statement).all(db).await?;
    Ok(next.into_iter().filter(|next| threat(&next.situation()).is_some()).collect())
}

impl Next {
    fn situation(&self) -> Situation {
        Situation {
            now: self.now,
            start: self.starts_at,
            turnaround: TimeDelta::minutes(self.turnaround_minutes.into()),
            overdue: self.due.is_some(),
            out_of_service: self.out_of_service,
        }
    }

    fn resolve(&self, freed: Option<Uuid>) -> ResolveConflict {
        ResolveConflict { booking_id: self.id, car_id: self.car_id, turn: self.turn, freed }
    }
}
