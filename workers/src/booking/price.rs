use std::str::FromStr;

use chrono_tz::Tz;
use entity::{booking, booking_change, car, waitlist_entry};
use rules::{
    money::{Currency, Money},
    period::Period,
    pricing::{self, Quote},
};
use sea_orm::{ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QueryOrder};

use crate::JobError;

/// What a car costs for these dates, at today's price.
pub(super) fn price((per_day, currency): (i64, &str), time_zone: &str, period: Period) -> Result<Quote, JobError> {
    let zone = Tz::from_str(time_zone)?;
    let price = Money { amount: per_day, currency: Currency::new(currency)? };
    Ok(pricing::quote(&pricing::Facts::usual(period, zone, price))?)
}

/// The price of a day of a booking that is to have this car: today's, unless it is not the customer who chose it. Then it
/// is no more than what was agreed before.
pub(super) async fn per_day(
    tx: &DatabaseTransaction,
    booking: &booking::Model,
    car: &car::Model,
    house_fault: bool,
) -> Result<(i64, String), DbErr> {
    let own = (car.price_per_day, car.currency.clone());
    let Some(agreed) = booking.quote.0.price_per_day() else { return Ok(own) };
    let agreed = (agreed.amount, agreed.currency.as_str().to_owned());
    let is_given = house_fault || (car.id == booking.car_id && is_given(tx, booking, car).await?);
    Ok(match is_given {
        false => own,
        true if agreed.1 == own.1 => agreed.min(own),
        true => agreed,
    })
}

/// Whether the booking has its car because the house could not keep the one before, or gave a better one than was waited
/// for.
async fn is_given(tx: &DatabaseTransaction, booking: &booking::Model, car: &car::Model) -> Result<bool, DbErr> {
    let other_car = booking_change::Entity::find()
        .filter(booking_change::Column::BookingId.eq(booking.id))
        .filter(booking_change::Column::CarId.ne(booking.car_id))
        .order_by_desc(booking_change::Column::Version);
    if let Some(last) = other_car.one(tx).await? {
        return Ok(last.reason.0.is_of_house());
    }
    let entry = waitlist_entry::Entity::find()
        .filter(waitlist_entry::Column::CustomerId.eq(booking.customer_id))
        .filter(waitlist_entry::Column::BookingId.eq(booking.id));
    Ok(entry.one(tx).await?.and_then(|entry| entry.category).is_some_and(|class| class.0 != car.category.0))
}
