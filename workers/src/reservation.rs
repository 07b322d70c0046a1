//! Taking and freeing a car's time.
//!
//! Whoever writes here has locked the car's row first. That gives order and
//! fairness; the exclusion constraint is the proof, whoever writes.

use chrono::{DateTime, Utc};
use entity::reservation;
use jobs::{fault, ledger::column};
use rules::period::Period;
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter, Statement, Value};
use uuid::Uuid;

fn statement(sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
}

/// Drops the holds that have expired and stand in the way of these times of cars: the exclusion constraint knows no clock. Tells
/// how many these were.
///
/// # Errors
/// When the database fails.
pub(crate) async fn drop_expired(tx: &impl ConnectionTrait, times: &[(Uuid, Period)]) -> Result<u64, DbErr> {
    let expired = "delete from reservation using unnest($1, $2, $3) as wanted(car, starts_at, ends_at)
                   where resource_kind = 'car' and resource_id = wanted.car
                   and tstzrange(reservation.starts_at, reservation.ends_at) && tstzrange(wanted.starts_at, wanted.ends_at)
                   and expires_at <= clock_timestamp()";
    if fault::removed("hold_expiry") {
        return Ok(0);
    }
    let starts = column(times, |(_, busy)| busy.start);
    let ends = column(times, |(_, busy)| busy.end);
    let values = [column(times, |(car, _)| *car), starts, ends];
    Ok(tx.execute_raw(statement(expired, values)).await?.rows_affected())
}

/// The statement that takes cars' time for bookings, as far as it is free: of those that want the same, for the first. It tells
/// which bookings got it. `wanted` has an id for each reservation, and the booking's, the car's, and the time's start and end.
pub(crate) fn taking(wanted: &str) -> String {
    // A plain INSERT deadlocks inside the exclusion constraint when many want the same time.
    let unless_taken = if fault::removed("conflict_clause") { "" } else { "on conflict do nothing" };
    format!(
        "insert into reservation (id, resource_kind, resource_id, starts_at, ends_at, purpose, booking_id)
         select reservation_id, 'car', car_id, busy_from, busy_until, 'booking', booking_id from {wanted}
         {unless_taken}
         returning booking_id"
    )
}

/// Takes a car's time for a booking, dropping expired holds that stand in the way. `false`: it is taken.
///
/// # Errors
/// When the database fails.
pub(crate) async fn take(tx: &impl ConnectionTrait, car: Uuid, busy: Period, booking: Uuid) -> Result<bool, DbErr> {
    let sql =
        taking("(values ($1, $2, $3, $4, $5)) as wanted(reservation_id, car_id, busy_from, busy_until, booking_id)");
    let take = || {
        let values = [Uuid::now_v7().into(), car.into(), busy.start.into(), busy.end.into(), booking.into()];
        tx.execute_raw(statement(&sql, values))
    };
    if take().await?.rows_affected() == 1 {
        return Ok(true);
    }
    Ok(drop_expired(tx, &[(car, busy)]).await? > 0 && take().await?.rows_affected() == 1)
}

/// Takes other time, or another car's, for a booking instead of what it holds. `false`: it is
/// taken, and the transaction must not be committed, or the booking is left without any.
///
/// # Errors
/// When the database fails.
pub(crate) async fn replace(tx: &impl ConnectionTrait, car: Uuid, busy: Period, booking: Uuid) -> Result<bool, DbErr> {
    release(tx, booking).await?;
    take(tx, car, busy, booking).await
}

/// Gives a booking its car for longer, until then or until somebody else has it.
///
/// # Errors
/// When the database fails.
pub(crate) async fn lengthen(
    tx: &impl ConnectionTrait,
    car: Uuid,
    booking: Uuid,
    until: DateTime<Utc>,
) -> Result<(), DbErr> {
    let Some(held) = of(tx, booking).await? else { return Ok(()) };
    let Ok(more) = Period::new(held.ends_at, until) else { return Ok(()) };
    drop_expired(tx, &[(car, more)]).await?;
    let sql = "update reservation own set ends_at = least($2, (
                   select min(next.starts_at) from reservation next
                   where next.resource_kind = 'car' and next.resource_id = own.resource_id and next.starts_at >= own.ends_at))
               where booking_id = $1";
    tx.execute_raw(statement(sql, [booking.into(), until.into()])).await?;
    Ok(())
}

/// The time that a booking holds.
///
/// # Errors
/// When the database fails.
pub(crate) async fn of(tx: &impl ConnectionTrait, booking: Uuid) -> Result<Option<reservation::Model>, DbErr> {
    reservation::Entity::find().filter(reservation::Column::BookingId.eq(booking)).one(tx).await
}

/// Holds a car's time for an offer until it expires. `false`: it is taken.
///
/// # Errors
/// When the database fails.
pub(crate) async fn hold(
    tx: &impl ConnectionTrait,
    car: Uuid,
    busy: Period,
    offer: Uuid,
    expires_at: DateTime<Utc>,
) -> Result<bool, DbErr> {
    drop_expired(tx, &[(car, busy)]).await?;
    let insert =
        "insert into reservation (id, resource_kind, resource_id, starts_at, ends_at, purpose, offer_id, expires_at)
                  values ($1, 'car', $2, $3, $4, 'offer', $5, $6) on conflict do nothing";
    let (start, end) = (busy.start.into(), busy.end.into());
    let values = [Uuid::now_v7().into(), car.into(), start, end, offer.into(), expires_at.into()];
    Ok(tx.execute_raw(statement(insert, values)).await?.rows_affected() == 1)
}

/// Turns what an offer holds into what a booking takes, with no moment between. `false`: nothing is held.
///
/// # Errors
/// When the database fails.
pub(crate) async fn turn_over(tx: &impl ConnectionTrait, offer: Uuid, booking: Uuid) -> Result<bool, DbErr> {
    let sql = "update reservation set purpose = 'booking', booking_id = $2, offer_id = null, expires_at = null
               where offer_id = $1";
    Ok(tx.execute_raw(statement(sql, [offer.into(), booking.into()])).await?.rows_affected() == 1)
}

/// Frees the time that an offer holds, if it still does.
///
/// # Errors
/// When the database fails.
pub(crate) async fn let_go(tx: &impl ConnectionTrait, offer: Uuid) -> Result<(), DbErr> {
    tx.execute_raw(statement("delete from reservation where offer_id = $1", [offer.into()])).await?;
    Ok(())
}

/// Keeps a car from being rented: `(id, purpose, reason)` of the block. `None`: something occupies the time.
///
/// # Errors
/// When the database fails.
pub(crate) async fn shut(
    tx: &impl ConnectionTrait,
    car: Uuid,
    period: Period,
    (id, purpose, reason): (Uuid, &str, &str),
) -> Result<Option<reservation::Model>, DbErr> {
    drop_expired(tx, &[(car, period)]).await?;
    let insert = "insert into reservation (id, resource_kind, resource_id, starts_at, ends_at, purpose, reason)
                  values ($1, 'car', $2, $3, $4, $5, $6) on conflict do nothing";
    let values = [id.into(), car.into(), period.start.into(), period.end.into(), purpose.into(), reason.into()];
    tx.execute_raw(statement(insert, values)).await?;
    reservation::Entity::find_by_id(id).one(tx).await
}

/// Frees all the time that a booking holds.
///
/// # Errors
/// When the database fails.
pub(crate) async fn release(tx: &impl ConnectionTrait, booking: Uuid) -> Result<bool, DbErr> {
    let sql = "delete from reservation where booking_id = $1";
    Ok(tx.execute_raw(statement(sql, [booking.into()])).await?.rows_affected() > 0)
}
