use std::str::FromStr;

use chrono_tz::Tz;
use rules::{
    money::{Currency, Money},
    period::Period,
    pricing::{self, Quote},
};

use crate::JobError;

/// What a car costs for these dates, at today's price.
pub(super) fn price((per_day, currency): (i64, &str), time_zone: &str, period: Period) -> Result<Quote, JobError> {
    let zone = Tz::from_str(time_zone)?;
    let price = Money { amount: per_day, currency: Currency::new(currency)? };
    Ok(pricing::quote(&pricing::Facts::usual(period, zone, price))?)
}
