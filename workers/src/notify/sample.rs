//! One booking, one return and one offer with fixed facts, for tests.

mod damage;
mod waitlist;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use entity::{account, booking, branch, car};
use rules::{
    account::Role,
    booking::BookingStatus,
    car::{CarStatus, Category, FuelType},
    money::{Currency, Money},
    period::Period,
    pricing,
    rental::{Occasion, ReturnState, Slot},
};
use uuid::Uuid;
use view::rental::{Finding, Region, Report};

use super::{
    facts::{Before, Newcomer, Next, Person, Rental, Returned, Shot},
    render::Recipient,
    side::Pictures,
    word::{Sum, When},
};

pub(super) use self::{
    damage::{damaged, disputed, settled, untold},
    waitlist::{asap, entry, offered, waiting},
};

pub(super) const CUSTOMER: Uuid = Uuid::from_u128(0xc);
pub(super) const ADMIN: Uuid = Uuid::from_u128(0xa);

pub(super) fn at(text: &str) -> DateTime<Utc> {
    format!("{text}:00Z").parse().unwrap()
}

pub(super) fn when(text: &str) -> When {
    When { at: at(text), zone: Tz::Europe__Berlin }
}

pub(super) fn booking() -> booking::Model {
    let period = Period::new(at("2026-05-04T08:00"), at("2026-05-07T08:00")).unwrap();
    let price = Money::new(6_000, Currency::EUR);
    let quote = pricing::quote(&pricing::Facts::usual(period, Tz::Europe__Berlin, price)).unwrap();
    booking::Model {
        id: Uuid::from_u128(0xb),
        number: "BK-7F3K2Q".to_owned(),
        car_id: Uuid::from_u128(0xca),
        customer_id: CUSTOMER,
        branch_id: Uuid::from_u128(0xbb),
        starts_at: period.start,
        ends_at: period.end,
        time_zone: "Europe/Berlin".to_owned(),
        status: BookingStatus::Confirmed.into(),
        total: quote.total.amount,
        currency: "EUR".to_owned(),
        quote: entity::Quote(quote),
        plate: "ABC-123".to_owned(),
        cancelled_at: None,
        cancel_reason: None,
        cancel_fee: None,
        refund: None,
        policy_version: 1,
        closed_at: None,
        closed_fee: None,
        near_since: None,
        house_fault: false,
        picked_up_at: None,
        odometer_out_km: None,
        fuel_out: None,
        overdue_at: None,
        returned_at: None,
        odometer_in_km: None,
        fuel_in: None,
        version: 1,
        created_at: at("2026-04-20T12:00"),
        updated_at: at("2026-04-20T12:00"),
    }
}

/// The booking, called off so late that it costs a day.
pub(super) fn ended(status: BookingStatus) -> booking::Model {
    let total = booking().total;
    booking::Model {
        status: status.into(),
        cancelled_at: Some(at("2026-05-04T06:00")),
        cancel_reason: Some("The train was faster".to_owned()),
        cancel_fee: Some(total / 3),
        refund: Some(total - total / 3),
        version: 2,
        ..booking()
    }
}

pub(super) fn rental(booking: booking::Model, customer_name: &str) -> Rental {
    Rental::tell(booking, customer(customer_name), car(), branch()).unwrap()
}

fn customer(name: &str) -> account::Model {
    let early = at("2026-01-01T00:00");
    account::Model {
        id: CUSTOMER,
        email: "customer@example.com".to_owned(),
        name: name.to_owned(),
        phone: Some("+49 30 1234567".to_owned()),
        password_hash: String::new(),
        role: Role::Customer.into(),
        branch_id: None,
        suspended_at: None,
        created_at: early,
        updated_at: early,
    }
}

fn car() -> car::Model {
    let early = at("2026-01-01T00:00");
    car::Model {
        id: Uuid::from_u128(0xca),
        plate: "ABC-123".to_owned(),
        vin: None,
        make: "VW".to_owned(),
        model: "Golf".to_owned(),
        year: 2024,
        category: Category::ALL[0].into(),
        seats: 5,
        fuel_type: FuelType::ALL[0].into(),
        price_per_day: 6_000,
        currency: "EUR".to_owned(),
        branch_id: Uuid::from_u128(0xbb),
        location: Some("bay 12".to_owned()),
        description: None,
        features: vec![],
        status: CarStatus::InService.into(),
        odometer_km: 41_000,
        waitlist_paused_at: None,
        version: 1,
        stopped_version: 1,
        created_at: early,
        updated_at: early,
    }
}

fn branch() -> branch::Model {
    branch::Model {
        id: Uuid::from_u128(0xbb),
        name: "Central Station".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        address: Some("1 Station Square".to_owned()),
        latitude: None,
        longitude: None,
        turnaround_minutes: 60,
        auto_release: false,
        waitlist_paused_at: None,
        created_at: at("2026-01-01T00:00"),
    }
}

/// A wish for three days of May, with some room on both sides.
/// A booking that was about another car, a day less and less money before, while somebody waits for the car.
pub(super) fn changed(status: BookingStatus, name: &str) -> Rental {
    let booking = booking::Model { status: status.into(), version: 2, ..booking() };
    let before = Before {
        car: "VW Polo, ABC-99".to_owned(),
        starts: when("2026-05-04T08:00"),
        ends: when("2026-05-06T08:00"),
        total: Sum(Money::new(11_900, Currency::EUR)),
        was_unsafe: false,
        by_house: false,
        other_car: true,
        same_terms: false,
    };
    let next = Next { number: "BK-2M4N6P".to_owned(), starts: when("2026-05-07T16:00") };
    Rental { before: Some(before), next: Some(next), ..rental(booking, name) }
}

/// The same dates and the same price with another car.
pub(super) fn moved(name: &str) -> Rental {
    let rental = changed(BookingStatus::Confirmed, name);
    let Rental { starts, ends, total, .. } = rental;
    let before = rental.before.map(|before| Before { starts, ends, total, same_terms: true, ..before });
    Rental { before, ..rental }
}

/// Somebody who was added by an admin.
pub(super) fn mechanic() -> Newcomer {
    let added_by = Some("Alex Example".to_owned());
    Newcomer { id: CUSTOMER, role: Some("mechanic".to_owned()), added_by }
}

fn finding(number: i32, side: Slot, class: &str, score: f64, novelty: &str, reason: &str) -> Finding {
    Finding {
        number,
        photo_id: photo(Occasion::Return, side),
        side: side.into(),
        class: class.to_owned(),
        score,
        region: Region { x: 0.2 + 0.15 * f64::from(number), y: 0.45, width: 0.12, height: 0.16 },
        novelty: novelty.to_owned(),
        reason: reason.to_owned(),
        basis: "overlay".to_owned(),
        pickup_region: None,
        suggested_panel: None,
        suggested_severity: (novelty == "new").then(|| "minor".to_owned()),
        suggested_estimate: (novelty == "new").then(|| view::Money::new(18_000, "EUR")),
    }
}

pub(super) fn photo(occasion: Occasion, slot: Slot) -> Uuid {
    Uuid::from_u128(0xf00 + 0x10 * occasion as u128 + slot as u128)
}

pub(super) fn report() -> Report {
    Report {
        findings: vec![
            finding(1, Slot::Left, "scratch", 0.714, "new", "neither the pick-up photo nor the register shows it"),
            finding(2, Slot::Left, "dent", 0.48, "uncertain", "the pick-up photo shows something like it nearby"),
            finding(3, Slot::Back, "scratch", 0.66, "known", "the pick-up photo shows it"),
        ],
        warnings: vec!["The photo of the right side is dark.".to_owned()],
        comparisons: Vec::new(),
        not_analysed: None,
        model: None,
        matrix_version: Some(3),
    }
}

/// A return with photos of all sides at both ends, except that the pick-up lacks the right one.
pub(super) fn returned(report: Report) -> Returned {
    let shot = |occasion, slot| Shot { id: photo(occasion, slot), occasion, slot, copy: Some("copy".to_owned()) };
    let pickup = Slot::ALL.iter().filter(|slot| **slot != Slot::Right).map(|slot| shot(Occasion::Pickup, *slot));
    let alex = Person { id: ADMIN, name: "Alex Example".to_owned() };
    Returned {
        id: Uuid::from_u128(0xd),
        rental: rental(booking::Model { status: BookingStatus::Returned.into(), ..booking() }, "Kim Example"),
        state: ReturnState::Reported,
        turn: 0,
        verdict: None,
        returned: Some(when("2026-05-07T09:25")),
        late_minutes: 85,
        odometer_out: Some(41_000),
        odometer_in: Some(41_650),
        fuel_out: Some(100),
        fuel_in: Some(43),
        brought_by: "the renter".to_owned(),
        without_photos: None,
        case: None,
        shots: pickup.chain(Slot::ALL.iter().map(|slot| shot(Occasion::Return, *slot))).collect(),
        report,
        note: vec![],
        decided_by: None,
        due: Some(when("2026-05-07T12:00")),
        items: vec![],
        register: vec!["Front, bumper: scratch, cosmetic, in the register since 3 Feb 2026".to_owned()],
        next: Some(Next { number: "BK-2M4N6P".to_owned(), starts: when("2026-05-07T16:00") }),
        waiting: 2,
        auto_release: false,
        deciders: vec![alex.clone(), Person { id: Uuid::from_u128(0xaa), name: "Robin Example".to_owned() }],
        admins: vec![alex, Person { id: Uuid::from_u128(0xab), name: "Sam Example".to_owned() }],
    }
}

pub(super) fn recipient(pictures: Pictures) -> Recipient {
    Recipient {
        id: ADMIN,
        name: "Kim Example".to_owned(),
        now: at("2026-05-07T09:40"),
        stamp: at("2026-05-07T09:30"),
        house: "rental@example.com".to_owned(),
        domain: "example.com".to_owned(),
        review: Some("https://rental.example.com/review/TOKEN".to_owned()),
        offer: Some("https://rental.example.com/offer/TOKEN".to_owned()),
        entry: Some("https://rental.example.com/waitlist/TOKEN".to_owned()),
        case: Some("https://rental.example.com/damage/TOKEN".to_owned()),
        pictures,
    }
}
