//! The fleet: what can be asked about cars and branches.

use chrono::{DateTime, Utc};
use rules::{
    car::{BlockPurpose, CarStatus, Category, FuelType},
    money::Money,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Job, Queue};

/// A car joins the fleet. `car_id` is chosen by the front.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AddCar {
    pub car_id: Uuid,
    pub added_by: Uuid,
    pub make: String,
    pub model: String,
    pub year: i16,
    pub plate: String,
    #[serde(default)]
    pub vin: Option<String>,
    pub category: Category,
    pub seats: i16,
    pub fuel_type: FuelType,
    pub price_per_day: Money,
    #[serde(default)]
    pub branch_id: Option<Uuid>,
    #[serde(default)]
    pub location: Option<String>,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub features: Vec<String>,
}

impl Job for AddCar {
    const KIND: &'static str = "add_car";
    const QUEUE: Queue = Queue::Booking;
}

/// Facts of a car change. `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChangeCar {
    pub car_id: Uuid,
    pub changed_by: Uuid,
    pub make: Option<String>,
    pub model: Option<String>,
    pub year: Option<i16>,
    pub plate: Option<String>,
    pub vin: Option<String>,
    pub category: Option<Category>,
    pub seats: Option<i16>,
    pub fuel_type: Option<FuelType>,
    pub price_per_day: Option<Money>,
    pub branch_id: Option<Uuid>,
    pub location: Option<String>,
    pub description: Option<String>,
    pub features: Option<Vec<String>>,
    pub status: Option<CarStatus>,
}

impl Job for ChangeCar {
    const KIND: &'static str = "change_car";
    const QUEUE: Queue = Queue::Booking;
}

/// A car leaves the fleet: deleted when nothing ever happened to it, else retired.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RetireCar {
    pub car_id: Uuid,
    pub retired_by: Uuid,
}

impl Job for RetireCar {
    const KIND: &'static str = "retire_car";
    const QUEUE: Queue = Queue::Booking;
}

/// A branch opens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AddBranch {
    pub branch_id: Uuid,
    pub added_by: Uuid,
    pub name: String,
    pub time_zone: String,
    #[serde(default)]
    pub address: Option<String>,
    #[serde(default)]
    pub latitude: Option<f64>,
    #[serde(default)]
    pub longitude: Option<f64>,
    #[serde(default)]
    pub turnaround_minutes: Option<i32>,
    #[serde(default)]
    pub auto_release: Option<bool>,
}

impl Job for AddBranch {
    const KIND: &'static str = "add_branch";
    const QUEUE: Queue = Queue::Booking;
}

/// Staff keep a car from being rented for a while. `block_id` is chosen by the front.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlockCar {
    pub block_id: Uuid,
    pub car_id: Uuid,
    pub blocked_by: Uuid,
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    pub purpose: BlockPurpose,
    pub reason: String,
}

impl Job for BlockCar {
    const KIND: &'static str = "block_car";
    const QUEUE: Queue = Queue::Booking;
}

/// A block is lifted: its time can be rented again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnblockCar {
    pub block_id: Uuid,
    pub car_id: Uuid,
    pub unblocked_by: Uuid,
}

impl Job for UnblockCar {
    const KIND: &'static str = "unblock_car";
    const QUEUE: Queue = Queue::Booking;
}
