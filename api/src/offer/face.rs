//! The page of a live offer as its template wants it.

use chrono::TimeDelta;
use chrono_tz::Tz;
use entity::waitlist_offer;
use rules::{
    money::{Currency, Money},
    period::Period,
    pricing::Quote,
    waitlist::{differences, moment},
};
use serde::Serialize;

use super::page::Sheet;
use crate::{error::ApiError, link::Opened};

/// Everything on the page.
#[derive(Serialize)]
pub(super) struct Face {
    car: String,
    plate: String,
    until: String,
    /// About so much time.
    left: String,
    facts: Vec<Fact>,
    differs: Vec<String>,
    lines: Vec<Fact>,
    total: String,
    deposit: Option<String>,
    refused: Option<String>,
    action: String,
    csrf: String,
    zone: String,
    reader: String,
    offer_id: String,
}

/// A value with its name.
#[derive(Serialize)]
pub(crate) struct Fact {
    pub(crate) name: String,
    pub(crate) value: String,
}

pub(super) fn zone(offer: &waitlist_offer::Model) -> Result<Tz, ApiError> {
    offer.time_zone.parse().map_err(ApiError::internal)
}

impl Face {
    pub(super) fn of(
        sheet: &Sheet,
        opened: &Opened,
        token: &str,
        csrf: String,
        refused: Option<String>,
    ) -> Result<Self, ApiError> {
        let Sheet { offer, entry, car, branch, missed } = sheet;
        let zone = zone(offer)?;
        let period = Period::new(offer.starts_at, offer.ends_at).map_err(ApiError::internal)?;
        let differs = entry.wish(zone).map(|wish| differences(&wish, missed, period, car.category.0, zone));
        let quote = &offer.quote.0;
        let total = Money::new(offer.total, Currency::new(&offer.currency).map_err(ApiError::internal)?);
        let fact = |name: &str, value: String| Fact { name: name.to_owned(), value };
        let place = [Some(branch.name.clone()), branch.address.clone(), car.location.clone()];
        Ok(Self {
            car: format!("{} {}", car.make, car.model),
            plate: car.plate.clone(),
            until: moment(offer.expires_at, zone),
            left: left(offer.expires_at - opened.now),
            facts: vec![
                fact("From", moment(offer.starts_at, zone)),
                fact("To", moment(offer.ends_at, zone)),
                fact("Branch", place.into_iter().flatten().collect::<Vec<_>>().join(", ")),
                fact("Class", format!("{}, {} seats", car.category.0, car.seats)),
            ],
            differs: differs.unwrap_or_default(),
            lines: lines(quote),
            total: total.to_string(),
            deposit: (quote.deposit.amount != 0).then(|| quote.deposit.to_string()),
            refused,
            action: format!("/offer/{token}"),
            csrf,
            zone: zone.name().to_owned(),
            reader: opened.reader.name.clone(),
            offer_id: offer.id.to_string(),
        })
    }
}

fn lines(quote: &Quote) -> Vec<Fact> {
    let days = |quantity| if quantity == 1 { "" } else { "s" };
    let mut lines: Vec<Fact> = quote
        .lines
        .iter()
        .map(|line| Fact {
            name: format!("{}, {} {}{}", line.description, line.quantity, line.unit, days(line.quantity)),
            value: line.amount.to_string(),
        })
        .collect();
    if quote.tax.amount != 0 {
        lines.push(Fact { name: "Tax".to_owned(), value: quote.tax.to_string() });
    }
    lines
}

/// How long there is to think, rounded down.
fn left(time: TimeDelta) -> String {
    match (time.num_days(), time.num_hours() % 24, time.num_minutes() % 60) {
        (0, 0, 0) => "less than a minute".to_owned(),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}
