use chrono_tz::Tz;
use entity::{booking, booking_change, car, delivery};
use rules::{
    booking::ChangeReason,
    money::{Currency, Money},
};
use sea_orm::{ColumnTrait, DatabaseConnection, DbErr, EntityTrait, QueryFilter, QueryOrder, sea_query::Expr};
use serde::Serialize;
use uuid::Uuid;

use crate::notify::word::{Sum, When};

/// A booking before the changes that are not told yet.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Before {
    pub(crate) car: String,
    pub(crate) starts: When,
    pub(crate) ends: When,
    pub(crate) total: Sum,
    /// The car was last changed because it must not be driven, rather than because it was not back.
    pub(crate) was_unsafe: bool,
    /// The house could not keep what was booked, and staff found this instead.
    pub(crate) by_house: bool,
    pub(crate) other_car: bool,
    /// Dates and price have stayed.
    pub(crate) same_terms: bool,
}

impl Before {
    /// Each change keeps the version before it, so those from the version that was last told on are news.
    ///
    /// # Errors
    /// When the database does not answer or holds what nobody can read.
    pub(super) async fn load(
        db: &DatabaseConnection,
        booking: &booking::Model,
        version: i32,
    ) -> anyhow::Result<Option<Self>> {
        let told = told_version(db, booking.id, booking.customer_id).await?;
        let untold = booking_change::Entity::find()
            .filter(booking_change::Column::BookingId.eq(booking.id))
            .filter(booking_change::Column::Version.gte(told))
            .filter(booking_change::Column::Version.lt(version))
            .order_by_asc(booking_change::Column::Version);
        let untold = untold.all(db).await?;
        let (Some(first), Some(last)) = (untold.first(), untold.last()) else { return Ok(None) };
        let zone: Tz = first.time_zone.parse()?;
        let car = car::Entity::find_by_id(first.car_id).one(db).await?;
        let model = car.map(|car| format!("{} {}, ", car.make, car.model)).unwrap_or_default();
        let terms = (booking.starts_at, booking.ends_at, booking.total, &booking.currency);
        Ok(Some(Self {
            car: format!("{model}{}", first.plate),
            starts: When { at: first.starts_at, zone },
            ends: When { at: first.ends_at, zone },
            total: Sum(Money::new(first.total, Currency::new(&first.currency)?)),
            was_unsafe: last.reason.0 == ChangeReason::Unsafe,
            by_house: untold.iter().any(|change| change.reason.0 == ChangeReason::HouseFault),
            other_car: first.car_id != booking.car_id,
            same_terms: (first.starts_at, first.ends_at, first.total, &first.currency) == terms,
        }))
    }
}

/// The version of a booking that its customer heard of in the last mail about a change; 0 when there was none.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn told_version(db: &DatabaseConnection, id: Uuid, customer: Uuid) -> Result<i32, DbErr> {
    let told = delivery::Entity::find()
        .filter(delivery::Column::AccountId.eq(customer))
        .filter(delivery::Column::SubjectId.eq(id))
        .filter(delivery::Column::State.eq("sent"))
        // As the index says it.
        .filter(Expr::cust("template in ('booking_changed', 'booking_moved')"))
        .order_by_desc(delivery::Column::Turn);
    Ok(told.one(db).await?.map_or(0, |told| told.turn))
}
