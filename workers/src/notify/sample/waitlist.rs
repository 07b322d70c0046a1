use chrono_tz::Tz;
use entity::{waitlist_entry, waitlist_offer};
use rules::{
    car::Category,
    money::{Currency, Money},
    period::Period,
    pricing,
    waitlist::{EntryState, Missed, OfferState},
};
use uuid::Uuid;

use super::{CUSTOMER, at, branch, car, customer};
use crate::notify::facts::{Offered, Waiting};

pub(in crate::notify) fn entry(state: EntryState) -> waitlist_entry::Model {
    let (starts_at, ends_at) = (at("2026-05-08T08:00"), at("2026-05-11T08:00"));
    waitlist_entry::Model {
        id: Uuid::from_u128(0xe),
        seq: 7,
        customer_id: CUSTOMER,
        car_id: Some(Uuid::from_u128(0xca)),
        category: None,
        branch_id: None,
        or_better: false,
        kind: "window".to_owned(),
        starts_at: Some(starts_at),
        ends_at: Some(ends_at),
        flexibility_minutes: 180,
        min_days: Some(2),
        days: None,
        latest_start: at("2026-05-09T11:00"),
        earliest_end: at("2026-05-10T05:00"),
        least_minutes: 60,
        price_cap: Some(25_000),
        price_cap_currency: Some("EUR".to_owned()),
        priority: 0,
        priority_reason: None,
        state: state.into(),
        missed: 0,
        turn: 0,
        booking_id: None,
        version: 1,
        created_at: at("2026-04-20T12:00"),
        updated_at: at("2026-04-20T12:00"),
    }
}

/// The same person, who takes whatever of a class comes first.
pub(in crate::notify) fn asap(state: EntryState) -> waitlist_entry::Model {
    waitlist_entry::Model {
        car_id: None,
        category: Some(Category::Compact.into()),
        branch_id: Some(Uuid::from_u128(0xbb)),
        or_better: true,
        kind: "asap".to_owned(),
        starts_at: None,
        ends_at: None,
        flexibility_minutes: 0,
        min_days: None,
        days: Some(1),
        price_cap: None,
        price_cap_currency: None,
        ..entry(state)
    }
}

pub(in crate::notify) fn waiting(entry: &waitlist_entry::Model, name: &str) -> Waiting {
    let car = entry.car_id.map(|_| car());
    let position = (entry.state.0 == EntryState::Waiting).then_some(2);
    Waiting::tell(entry, customer(name), car.as_ref(), branch(), position).unwrap()
}

/// Two of the three days, beginning later than wished.
pub(in crate::notify) fn offered(state: OfferState, entry: &waitlist_entry::Model, name: &str) -> Offered {
    let period = Period::new(at("2026-05-09T10:00"), at("2026-05-11T08:00")).unwrap();
    let price = Money::new(6_000, Currency::EUR);
    let quote = pricing::quote(&pricing::Facts::usual(period, Tz::Europe__Berlin, price)).unwrap();
    let offer = waitlist_offer::Model {
        id: Uuid::from_u128(0x0f),
        entry_id: entry.id,
        customer_id: CUSTOMER,
        car_id: Uuid::from_u128(0xca),
        branch_id: Uuid::from_u128(0xbb),
        starts_at: period.start,
        ends_at: period.end,
        time_zone: "Europe/Berlin".to_owned(),
        exact: false,
        total: quote.total.amount,
        currency: "EUR".to_owned(),
        quote: entity::Quote(quote),
        state: state.into(),
        expires_at: at("2026-05-07T13:40"),
        offered_by: None,
        reason: None,
        ended_at: None,
        booking_id: None,
        created_at: at("2026-05-07T09:40"),
    };
    let missed = Missed { class: entry.category.map(|class| class.0), ..Missed::default() };
    Offered::tell(offer, (entry, &missed), waiting(entry, name), car(), branch()).unwrap()
}
