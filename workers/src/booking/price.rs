use std::str::FromStr;

use chrono_tz::Tz;
use entity::{branch, car};
use rules::{
    money::{Currency, Money},
    period::Period,
    pricing::{self, Quote},
};

use crate::JobError;

/// What a car costs for these dates, at today's price.
pub(super) fn price(car: &car::Model, branch: &branch::Model, period: Period) -> Result<Quote, JobError> {
    let zone = Tz::from_str(&branch.time_zone)?;
    let price = Money { amount: car.price_per_day, currency: Currency::new(&car.currency)? };
    Ok(pricing::quote(&pricing::Facts::usual(period, zone, price))?)
}
