//! What a car is, before anybody rents it.

mod block;
mod plate;
mod vin;

use chrono::{DateTime, Datelike, Utc};
use thiserror::Error;

pub use block::{BlockPurpose, BlockRefused, block};
pub use plate::{Plate, PlateRefused};
pub use vin::{Vin, VinRefused};

use crate::money::Money;
use crate::problem::Reason;

words! {
    /// The class of a car, in the order of upgrades.
    pub enum Category {
        Economy = "economy",
        Compact = "compact",
        Midsize = "midsize",
        Fullsize = "fullsize",
        Suv = "suv",
        Van = "van",
        Luxury = "luxury",
        Electric = "electric",
    }
}

words! {
    pub enum FuelType {
        Petrol = "petrol",
        Diesel = "diesel",
        Hybrid = "hybrid",
        PluginHybrid = "plugin_hybrid",
        Electric = "electric",
        Lpg = "lpg",
        Hydrogen = "hydrogen",
    }
}

words! {
    /// What the house says about a car. Whether it is free is never stored: that follows from the bookings.
    pub enum CarStatus {
        InService = "in_service",
        Workshop = "workshop",
        Quarantined = "quarantined",
        Retired = "retired",
    }
}

impl Category {
    /// The classes that are better than this one, the nearest first.
    pub fn upgrades(self) -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(move |other| *other > self)
    }
}

impl CarStatus {
    /// Whether new rentals may begin with it.
    pub fn is_rentable(self) -> bool {
        self == Self::InService
    }
}

/// What is checked of a car when it is added or changed.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Year of the model.
    pub year: i32,
    /// Seats, the driver's included.
    pub seats: i32,
    pub price_per_day: Money,
    pub now: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum CarRefused {
    #[error("the year must lie between {OLDEST} and {latest}")]
    Year { latest: i32 },
    #[error("a car has 1 to {MOST_SEATS} seats")]
    Seats,
    #[error("the price per day must be more than nothing and at most {}", Money::new(HIGHEST_PRICE, .0.currency))]
    Price(Money),
}

const OLDEST: i32 = 1950;

/// A minibus; anything larger is another business.
const MOST_SEATS: i32 = 20;

/// Minor units; a day dearer than this is a slip of the keyboard.
const HIGHEST_PRICE: i64 = 10_000_000;

/// Accepts a car into the fleet, or says everything that is wrong with it.
pub fn accept(facts: Facts) -> Result<(), Vec<CarRefused>> {
    // Next year's models are sold from this summer on.
    let latest = facts.now.year() + 1;
    let refused: Vec<_> = [
        (!(OLDEST..=latest).contains(&facts.year)).then_some(CarRefused::Year { latest }),
        (!(1..=MOST_SEATS).contains(&facts.seats)).then_some(CarRefused::Seats),
        (!(1..=HIGHEST_PRICE).contains(&facts.price_per_day.amount)).then_some(CarRefused::Price(facts.price_per_day)),
    ]
    .into_iter()
    .flatten()
    .collect();
    if refused.is_empty() { Ok(()) } else { Err(refused) }
}

impl From<CarRefused> for Reason {
    fn from(refused: CarRefused) -> Self {
        let (code, pointer) = match refused {
            CarRefused::Year { .. } => ("year_refused", "/year"),
            CarRefused::Seats => ("seats_refused", "/seats"),
            CarRefused::Price(_) => ("price_refused", "/pricePerDay"),
        };
        Self { code, pointer, message: refused.to_string() }
    }
}

/// An odometer only counts up, not by more than people drive, and no car has driven further than a lorry.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum OdometerRefused {
    #[error(
        "the odometer cannot show less than the {previous} km it showed before; if those were a slip, staff can correct them"
    )]
    Backwards { previous: i32 },
    #[error(
        "the odometer cannot show over {LONGEST_DRIVE} km more than the {previous} km it showed before: please look \
         again; if it does, staff can take it with a reason"
    )]
    Leap { previous: i32 },
    #[error("the odometer must show between 0 and {HIGHEST_ODOMETER} km")]
    OutOfRange,
}

/// Kilometres; the farthest-driven car on record has about five million.
const HIGHEST_ODOMETER: i32 = 5_500_000;

/// Kilometres from one reading to the next: a thousand on each of the thirty days that the longest rental has. More is
/// a digit too many, which would stand in the way of every later reading.
const LONGEST_DRIVE: i32 = 30_000;

/// Accepts a reading in km after the `previous` one of the same car; without one, or where staff say that it was wrong,
/// any that a car can have.
pub fn odometer(previous: Option<i32>, reading: i32) -> Result<(), OdometerRefused> {
    match previous {
        _ if !(0..=HIGHEST_ODOMETER).contains(&reading) => Err(OdometerRefused::OutOfRange),
        Some(previous) if reading < previous => Err(OdometerRefused::Backwards { previous }),
        Some(previous) if reading - previous > LONGEST_DRIVE => Err(OdometerRefused::Leap { previous }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;
    use crate::period::tests::at;

    fn facts() -> Facts {
        Facts { year: 2024, seats: 5, price_per_day: Money::new(4_900, Currency::EUR), now: at("2026-05-04T10:00") }
    }

    #[test]
    fn everything_wrong_with_a_car_is_said_at_once() {
        assert_eq!(accept(facts()), Ok(()));
        let price_per_day = Money::new(0, Currency::EUR);
        let refused = accept(Facts { year: 2028, seats: 21, price_per_day, ..facts() });
        assert_eq!(
            refused,
            Err(vec![CarRefused::Year { latest: 2027 }, CarRefused::Seats, CarRefused::Price(price_per_day)])
        );
    }

    #[test]
    fn the_nearest_upgrade_comes_first() {
        assert_eq!(Category::Van.upgrades().collect::<Vec<_>>(), [Category::Luxury, Category::Electric]);
    }

    #[test]
    fn an_odometer_only_counts_up() {
        assert_eq!(odometer(None, 0), Ok(()));
        assert_eq!(odometer(Some(500), 500), Ok(()));
        assert_eq!(odometer(Some(500), 499), Err(OdometerRefused::Backwards { previous: 500 }));
        assert_eq!(odometer(None, -1), Err(OdometerRefused::OutOfRange));
    }

    #[test]
    fn a_digit_too_many_is_noticed() {
        assert_eq!(odometer(Some(12_300), 42_300), Ok(()));
        assert_eq!(odometer(Some(12_300), 123_450), Err(OdometerRefused::Leap { previous: 12_300 }));
        assert_eq!(odometer(None, 123_450), Ok(()));
    }
}
