//! A car's time around a rental that really takes place: it may begin early and end early or late.
//!
//! Whoever calls has locked the car's row, so nobody else moves its time meanwhile.

use chrono::{DateTime, TimeDelta, Utc};
use entity::reservation;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, DbErr, EntityTrait,
    IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, Select,
};
use uuid::Uuid;

use super::case::Case;

/// Of the car's reservations those of others; a hold that has expired counts as gone.
fn others(case: &Case, now: DateTime<Utc>) -> Select<reservation::Entity> {
    let of_others = Condition::any().add(reservation::Column::BookingId.is_null());
    let lives = Condition::any().add(reservation::Column::ExpiresAt.is_null());
    reservation::Entity::find()
        .filter(reservation::Column::ResourceKind.eq("car"))
        .filter(reservation::Column::ResourceId.eq(case.car.id))
        .filter(of_others.add(reservation::Column::BookingId.ne(case.booking.id)))
        .filter(lives.add(reservation::Column::ExpiresAt.gt(now)))
}

/// Whether nobody else has the car in `[start, end)`.
async fn is_free(
    tx: &DatabaseTransaction,
    case: &Case,
    (start, end): (DateTime<Utc>, DateTime<Utc>),
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let overlapping =
        others(case, now).filter(reservation::Column::StartsAt.lt(end)).filter(reservation::Column::EndsAt.gt(start));
    Ok(overlapping.count(tx).await? == 0)
}

/// Whether the car is free from now until the booking's own time begins.
pub(super) async fn free_until_start(tx: &DatabaseTransaction, case: &Case, now: DateTime<Utc>) -> Result<bool, DbErr> {
    if now >= case.booking.starts_at {
        return Ok(true);
    }
    is_free(tx, case, (now, case.booking.starts_at), now).await
}

/// When the next customer wants the car.
pub(super) async fn next_start(
    tx: &DatabaseTransaction,
    case: &Case,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, DbErr> {
    let next = others(case, now)
        .filter(reservation::Column::Purpose.eq("booking"))
        .filter(reservation::Column::EndsAt.gt(now))
        .order_by_asc(reservation::Column::StartsAt);
    Ok(next.one(tx).await?.map(|next| next.starts_at))
}

async fn own(tx: &DatabaseTransaction, booking: Uuid) -> Result<Option<reservation::Model>, DbErr> {
    reservation::Entity::find().filter(reservation::Column::BookingId.eq(booking)).one(tx).await
}

/// The rental begins now: what lies before its booked time is taken too.
pub(super) async fn begin(tx: &DatabaseTransaction, case: &Case, now: DateTime<Utc>) -> Result<(), DbErr> {
    let Some(time) = own(tx, case.booking.id).await?.filter(|time| now < time.starts_at) else { return Ok(()) };
    drop_expired(tx, case, (now, time.starts_at), now).await?;
    let mut time = time.into_active_model();
    time.starts_at = Set(now);
    time.update(tx).await?;
    Ok(())
}

/// The rental ended: the time ends with its turnaround. `true`: some of it became free.
///
/// A late return takes more time if nobody else has it, and otherwise leaves the
/// conflict for people to see.
pub(super) async fn end(
    tx: &DatabaseTransaction,
    case: &Case,
    returned_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let Some(time) = own(tx, case.booking.id).await? else { return Ok(false) };
    let turnaround = TimeDelta::minutes(case.branch.turnaround_minutes.into());
    // Never empty, even if the car came back the moment it left.
    let end = (returned_at + turnaround).max(time.starts_at + TimeDelta::seconds(1));
    let late = end > time.ends_at;
    if end == time.ends_at || late && !is_free(tx, case, (time.ends_at, end), now).await? {
        return Ok(false);
    }
    if late {
        drop_expired(tx, case, (time.ends_at, end), now).await?;
    }
    let mut time = time.into_active_model();
    time.ends_at = Set(end);
    time.update(tx).await?;
    Ok(!late)
}

// The exclusion constraint knows no clock: an expired hold still stands in the way.
async fn drop_expired(
    tx: &DatabaseTransaction,
    case: &Case,
    (start, end): (DateTime<Utc>, DateTime<Utc>),
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    reservation::Entity::delete_many()
        .filter(reservation::Column::ResourceKind.eq("car"))
        .filter(reservation::Column::ResourceId.eq(case.car.id))
        .filter(reservation::Column::ExpiresAt.lte(now))
        .filter(reservation::Column::StartsAt.lt(end))
        .filter(reservation::Column::EndsAt.gt(start))
        .exec(tx)
        .await?;
    Ok(())
}
