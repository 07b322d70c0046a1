//! A customer's rental, with the customer's own dates.

use rules::{
    booking::BookingStatus,
    cancellation::Facts,
    money::{Currency, Money},
    period::Period,
    pricing::rental_days,
};
use sea_orm::entity::prelude::*;

use crate::{Quote, Word};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "booking")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub number: String,
    pub car_id: Uuid,
    pub customer_id: Uuid,
    pub branch_id: Uuid,
    pub starts_at: DateTimeUtc,
    pub ends_at: DateTimeUtc,
    pub time_zone: String,
    pub status: Word<BookingStatus>,
    #[sea_orm(column_type = "Json")]
    pub quote: Quote,
    pub total: i64,
    pub currency: String,
    pub plate: String,
    pub cancelled_at: Option<DateTimeUtc>,
    pub cancel_reason: Option<String>,
    pub cancel_fee: Option<i64>,
    pub refund: Option<i64>,
    pub policy_version: i32,
    pub closed_at: Option<DateTimeUtc>,
    pub closed_fee: Option<i64>,
    pub near_since: Option<DateTimeUtc>,
    pub house_fault: bool,
    pub picked_up_at: Option<DateTimeUtc>,
    pub odometer_out_km: Option<i32>,
    pub fuel_out: Option<f64>,
    pub overdue_at: Option<DateTimeUtc>,
    pub returned_at: Option<DateTimeUtc>,
    pub odometer_in_km: Option<i32>,
    pub fuel_in: Option<f64>,
    pub version: i32,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// What a refund depends on, were the booking cancelled at `now`.
    ///
    /// # Errors
    /// When the row holds what nobody can read.
    pub fn cancellation(&self, now: DateTimeUtc) -> Result<Facts, DbErr> {
        let period = Period::new(self.starts_at, self.ends_at).map_err(unreadable)?;
        let currency = Currency::new(&self.currency).map_err(unreadable)?;
        let total = Money { amount: self.total, currency };
        let days = rental_days(period, self.time_zone.parse().map_err(unreadable)?);
        let average = || total.portion(1, u32::try_from(days.max(1)).unwrap_or(u32::MAX));
        Ok(Facts {
            now,
            booked_at: self.near_since.unwrap_or(self.created_at),
            closed_at: self.closed_at,
            period,
            total,
            days,
            day: self.quote.0.day().map_or_else(average, Ok).map_err(unreadable)?,
            closed_fee: self.closed_fee.map(|amount| Money { amount, currency }),
            no_show: false,
            house_fault: self.house_fault,
        })
    }
}

fn unreadable(error: impl std::fmt::Display) -> DbErr {
    DbErr::Type(error.to_string())
}
