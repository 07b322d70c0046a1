//! Taking and freeing a car's time.
//!
//! Whoever writes here has locked the car's row first. That gives order and
//! fairness; the exclusion constraint is the proof, whoever writes.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use entity::reservation;
use jobs::{fault, ledger::column};
use rules::period::Period;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, QueryFilter, Statement, Value,
};
use uuid::Uuid;

fn statement(sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
}

/// Cars, starts and ends as arrays.
fn columns(times: &[(Uuid, Period)]) -> [Value; 3] {
    [column(times, |(car, _)| *car), column(times, |(_, busy)| busy.start), column(times, |(_, busy)| busy.end)]
}

// The exclusion constraint knows no clock: an expired hold still stands in the way.
async fn drop_expired(tx: &impl ConnectionTrait, times: &[(Uuid, Period)]) -> Result<u64, DbErr> {
    let expired = "delete from reservation using unnest($1, $2, $3) as wanted(car, starts_at, ends_at)
                   where resource_kind = 'car' and resource_id = wanted.car
                   and tstzrange(reservation.starts_at, reservation.ends_at) && tstzrange(wanted.starts_at, wanted.ends_at)
                   and expires_at <= clock_timestamp()";
    if fault::removed("hold_expiry") {
        return Ok(0);
    }
    Ok(tx.execute_raw(statement(expired, columns(times))).await?.rows_affected())
}

/// A booking, the car it wants and when.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) booking: Uuid,
    pub(crate) car: Uuid,
    pub(crate) busy: Period,
}

fn times(wanted: &[Wanted]) -> Vec<(Uuid, Period)> {
    wanted.iter().map(|one| (one.car, one.busy)).collect()
}

/// Takes cars' time for bookings, dropping expired holds that stand in the way. Tells which got it: of those that want
/// the same, the first.
///
/// # Errors
/// When the database fails.
pub(crate) async fn take_all(tx: &impl ConnectionTrait, wanted: &[Wanted]) -> Result<HashSet<Uuid>, DbErr> {
    let mut taken = take_free(tx, wanted).await?;
    if taken.len() < wanted.len() {
        let rest: Vec<Wanted> = wanted.iter().filter(|one| !taken.contains(&one.booking)).copied().collect();
        if drop_expired(tx, &times(&rest)).await? > 0 {
            taken.extend(take_free(tx, &rest).await?);
        }
    }
    Ok(taken)
}

async fn take_free(tx: &impl ConnectionTrait, wanted: &[Wanted]) -> Result<HashSet<Uuid>, DbErr> {
    #[derive(FromQueryResult)]
    struct Taken {
        booking_id: Uuid,
    }
    // A plain INSERT deadlocks inside the exclusion constraint when many want the same time.
    let mut insert = "insert into reservation (id, resource_kind, resource_id, starts_at, ends_at, purpose, booking_id)
                      select id, 'car', car, starts_at, ends_at, 'booking', booking
                      from unnest($1, $2, $3, $4, $5) as wanted(id, car, starts_at, ends_at, booking)
                      on conflict do nothing
                      returning booking_id"
        .to_owned();
    if fault::removed("conflict_clause") {
        insert = insert.replace("on conflict do nothing", "");
    }
    let (ids, bookings) = (column(wanted, |_| Uuid::now_v7()), column(wanted, |one| one.booking));
    let [cars, starts, ends] = columns(&times(wanted));
    let taken = Taken::find_by_statement(statement(&insert, [ids, cars, starts, ends, bookings]));
    Ok(taken.all(tx).await?.into_iter().map(|row| row.booking_id).collect())
}

/// As [`take_all`] for one booking. `false`: it is taken.
///
/// # Errors
/// When the database fails.
pub(crate) async fn take(tx: &impl ConnectionTrait, car: Uuid, busy: Period, booking: Uuid) -> Result<bool, DbErr> {
    Ok(!take_all(tx, &[Wanted { booking, car, busy }]).await?.is_empty())
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
