//! A customer's rental, with the customer's own dates.

use rules::booking::BookingStatus;
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
