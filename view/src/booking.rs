use chrono::{DateTime, Utc};
use poem_openapi::Object;
use rules::booking::BookingStatus;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Money, Quote, Word};

/// A customer's rental.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Booking {
    pub id: Uuid,
    /// For people, such as `BK-7F3K2Q`.
    pub number: String,
    pub car_id: Uuid,
    pub user_id: Uuid,
    pub branch_id: Uuid,
    pub start_date: DateTime<Utc>,
    pub end_date: DateTime<Utc>,
    /// The branch's IANA time zone; days are counted on its clock.
    pub time_zone: String,
    pub status: Word<BookingStatus>,
    pub plate: String,
    pub total_price: Money,
    /// The price as it was quoted, line by line.
    pub quote: Quote,
    pub cancellation: Option<Cancellation>,
    pub pickup: Option<Reading>,
    /// When it was noticed that the car is not back in time.
    #[serde(default)]
    pub overdue_at: Option<DateTime<Utc>>,
    #[oai(rename = "return")]
    #[serde(rename = "return")]
    pub returned: Option<Reading>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// How a cancelled booking was settled.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Cancellation {
    pub at: DateTime<Utc>,
    pub reason: Option<String>,
    /// What is kept.
    pub fee: Money,
    /// What goes back.
    pub refund: Money,
    /// Which version of the policy decided.
    pub policy_version: i32,
    /// The house had no car, so nothing is kept.
    #[serde(default)]
    pub house_fault: bool,
}

/// What the instruments showed when the car changed hands.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
pub struct Reading {
    pub at: DateTime<Utc>,
    /// Kilometres.
    pub odometer: i32,
    /// 0.0 empty to 1.0 full.
    pub fuel: f64,
}

fn reading(at: Option<DateTime<Utc>>, odometer: Option<i32>, fuel: Option<f64>) -> Option<Reading> {
    Some(Reading { at: at?, odometer: odometer?, fuel: fuel? })
}

impl From<entity::booking::Model> for Booking {
    fn from(booking: entity::booking::Model) -> Self {
        let money = |amount: i64| Money::new(amount, &booking.currency);
        Self {
            cancellation: booking.cancelled_at.map(|at| Cancellation {
                at,
                reason: booking.cancel_reason.clone(),
                fee: money(booking.cancel_fee.unwrap_or_default()),
                refund: money(booking.refund.unwrap_or_default()),
                policy_version: booking.policy_version,
                house_fault: booking.house_fault,
            }),
            pickup: reading(booking.picked_up_at, booking.odometer_out_km, booking.fuel_out),
            overdue_at: booking.overdue_at,
            returned: reading(booking.returned_at, booking.odometer_in_km, booking.fuel_in),
            total_price: money(booking.total),
            id: booking.id,
            number: booking.number,
            car_id: booking.car_id,
            user_id: booking.customer_id,
            branch_id: booking.branch_id,
            start_date: booking.starts_at,
            end_date: booking.ends_at,
            time_zone: booking.time_zone,
            status: booking.status.into(),
            plate: booking.plate,
            quote: booking.quote.into(),
            created_at: booking.created_at,
            updated_at: booking.updated_at,
        }
    }
}
