use chrono::{DateTime, Utc};
use poem_openapi::Object;
use rules::{
    car::Category,
    waitlist::{EntryState, OfferState},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Money, Quote, Word};

/// Somebody's place in the queue for time that is taken.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(rename = "WaitlistEntry", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    pub id: Uuid,
    pub user_id: Uuid,
    /// Waits for this car …
    pub car_id: Option<Uuid>,
    /// … or for a car of this class at `branchId`.
    pub category: Option<Word<Category>>,
    pub branch_id: Option<Uuid>,
    /// A better class at the same price is welcome too.
    pub or_better: bool,
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
    /// The start may be so many minutes earlier or later.
    pub flexibility: i32,
    /// A part of the dates is welcome from so many days on.
    pub min_days: Option<i32>,
    pub asap: Option<Asap>,
    /// Minor units of `priceCapCurrency`; no offer costs more.
    pub price_cap: Option<i64>,
    /// That of the wanted car, or of the cars of the class at the branch.
    #[serde(default)]
    pub price_cap_currency: Option<String>,
    pub state: Word<EntryState>,
    /// From 1, counting only people ahead who could take the same time; only while waiting.
    pub position: Option<i64>,
    /// Offers that were not answered.
    pub missed: i32,
    /// The live offer, if there is one.
    pub offer: Option<Offer>,
    /// What became of it.
    pub booking_id: Option<Uuid>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// As soon as it is free.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
#[serde(rename_all = "camelCase")]
pub struct Asap {
    /// For so many days, 1 to 30.
    pub days: i32,
    pub latest_start: DateTime<Utc>,
}

/// Freed time that one person may take before anybody else.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(rename = "WaitlistOffer", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Offer {
    pub id: Uuid,
    pub entry_id: Uuid,
    pub car_id: Uuid,
    pub start_date: DateTime<Utc>,
    pub end_date: DateTime<Utc>,
    /// The branch's IANA time zone.
    pub time_zone: String,
    /// Whether it is exactly what was wished.
    pub exact: bool,
    /// Frozen until the offer ends.
    pub total_price: Money,
    pub quote: Quote,
    /// What is `offered` has ended all the same once `expiresAt` is reached.
    pub state: Word<OfferState>,
    pub expires_at: DateTime<Utc>,
    pub booking_id: Option<Uuid>,
    pub created_at: DateTime<Utc>,
}

impl From<entity::waitlist_offer::Model> for Offer {
    fn from(offer: entity::waitlist_offer::Model) -> Self {
        Self {
            id: offer.id,
            entry_id: offer.entry_id,
            car_id: offer.car_id,
            start_date: offer.starts_at,
            end_date: offer.ends_at,
            time_zone: offer.time_zone,
            exact: offer.exact,
            total_price: Money::new(offer.total, &offer.currency),
            quote: offer.quote.into(),
            state: offer.state.into(),
            expires_at: offer.expires_at,
            booking_id: offer.booking_id,
            created_at: offer.created_at,
        }
    }
}

impl Entry {
    /// The document of an entry, with what stands in other tables.
    pub fn new(
        entry: entity::waitlist_entry::Model,
        position: Option<i64>,
        offer: Option<entity::waitlist_offer::Model>,
    ) -> Self {
        Self {
            id: entry.id,
            user_id: entry.customer_id,
            car_id: entry.car_id,
            category: entry.category.map(Word::from),
            branch_id: entry.branch_id,
            or_better: entry.or_better,
            from: entry.starts_at,
            to: entry.ends_at,
            flexibility: entry.flexibility_minutes,
            min_days: entry.min_days,
            asap: entry.days.map(|days| Asap { days, latest_start: entry.latest_start }),
            price_cap: entry.price_cap,
            price_cap_currency: entry.price_cap_currency,
            state: entry.state.into(),
            position,
            missed: entry.missed,
            offer: offer.map(Offer::from),
            booking_id: entry.booking_id,
            created_at: entry.created_at,
            updated_at: entry.updated_at,
        }
    }
}
