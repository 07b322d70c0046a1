use chrono::{DateTime, Utc};
use poem_openapi::Object;
use rules::car::{CarStatus, Category, FuelType};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Money, Word};

/// One physical car. Whether it is free is asked of `/availability`, never read from here.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Car {
    pub id: Uuid,
    pub make: String,
    pub model: String,
    pub year: i16,
    pub plate: String,
    /// Shown to staff only.
    pub vin: Option<String>,
    pub category: Word<Category>,
    pub seats: i16,
    pub fuel_type: Word<FuelType>,
    pub price_per_day: Money,
    pub branch_id: Uuid,
    pub location: Option<String>,
    pub description: Option<String>,
    pub features: Vec<String>,
    pub status: Word<CarStatus>,
    /// Kilometres at the last reading.
    pub odometer: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// What became of a car that is rented out no more.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(rename = "RetiredCar")]
pub struct Retired {
    pub id: Uuid,
    /// It had no history, and its row is gone.
    pub deleted: bool,
    /// It is kept, for its history.
    pub retired: bool,
}

impl From<entity::car::Model> for Car {
    fn from(car: entity::car::Model) -> Self {
        Self {
            id: car.id,
            make: car.make,
            model: car.model,
            year: car.year,
            plate: car.plate,
            vin: car.vin,
            category: car.category.into(),
            seats: car.seats,
            fuel_type: car.fuel_type.into(),
            price_per_day: Money::new(car.price_per_day, &car.currency),
            branch_id: car.branch_id,
            location: car.location,
            description: car.description,
            features: car.features,
            status: car.status.into(),
            odometer: car.odometer_km,
            created_at: car.created_at,
            updated_at: car.updated_at,
        }
    }
}

/// A stretch of time, half-open: `from` is in it, `to` is not.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
pub struct Stretch {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

/// What could be had instead of a car that is taken.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Alternative {
    pub car_id: Uuid,
    pub make: String,
    pub model: String,
    pub category: Word<Category>,
    /// Where the car is picked up; not always where the wanted one stands.
    pub branch_id: Uuid,
    pub price_per_day: Money,
    /// The same dates for another car, or the nearest free dates for the same car.
    pub start_date: DateTime<Utc>,
    pub end_date: DateTime<Utc>,
}

/// Time in which staff keep a car from being rented.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Block {
    pub id: Uuid,
    pub car_id: Uuid,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// `maintenance` or `block`.
    pub purpose: String,
    pub reason: Option<String>,
    pub created_at: DateTime<Utc>,
}

impl From<entity::reservation::Model> for Block {
    fn from(row: entity::reservation::Model) -> Self {
        Self {
            id: row.id,
            car_id: row.resource_id,
            from: row.starts_at,
            to: row.ends_at,
            purpose: row.purpose,
            reason: row.reason,
            created_at: row.created_at,
        }
    }
}

/// What stands in the way of a block.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Conflict {
    /// `booking`, `offer`, `checkout`, `maintenance` or `block`.
    pub purpose: String,
    pub booking_id: Option<Uuid>,
    /// Of the booking.
    pub number: Option<String>,
    pub start_date: DateTime<Utc>,
    pub end_date: DateTime<Utc>,
}
