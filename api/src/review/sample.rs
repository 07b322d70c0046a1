//! A return with everything that the page can show, for tests.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use entity::{account, booking, branch, car, damage, derivative, photo, rental_return};
use rules::{
    account::Role,
    booking::BookingStatus,
    car::{CarStatus, Category, FuelType},
    damage::{Class, Panel, Severity, Side},
    money::{Currency, Money},
    period::Period,
    pricing,
    rental::{Occasion, ReturnState, Slot},
};
use uuid::Uuid;
use view::rental::{Finding, Region, Report};

use super::sheet::Sheet;

fn at(hours: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + hours * 3_600, 0).unwrap()
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

pub(super) fn finding(number: i32, novelty: &str) -> Finding {
    Finding {
        number,
        photo_id: id(100),
        side: Slot::Front.into(),
        class: "glass_shatter".to_owned(),
        score: 0.71,
        region: Region { x: 0.2, y: 0.3, width: 0.1, height: 0.1 },
        novelty: novelty.to_owned(),
        reason: "neither the pick-up photo nor the register shows it".to_owned(),
        basis: "overlay".to_owned(),
        pickup_region: None,
        suggested_panel: Some(Panel::Glass.into()),
        suggested_severity: (novelty == "new").then(|| "moderate".to_owned()),
        suggested_estimate: (novelty == "new").then(|| view::Money::new(45_000, "EUR")),
    }
}

/// The front photographed before and after, the other sides not at all.
pub(super) fn sheet() -> Sheet {
    Sheet {
        rental_return: rental_return(),
        report: Some(Report {
            findings: vec![finding(1, "new"), finding(2, "known"), finding(3, "uncertain")],
            warnings: vec!["<b>front</b>: blurred".to_owned()],
            ..Report::default()
        }),
        booking: booking(),
        car: car(),
        branch: branch(),
        customer: customer(),
        photos: vec![photo(99, Occasion::Pickup), photo(100, Occasion::Return)],
        copies: HashMap::from([(id(100), copy())]),
        known: vec![known()],
        next_start: Some(at(2)),
        now: at(0),
    }
}

fn rental_return() -> rental_return::Model {
    rental_return::Model {
        id: id(1),
        booking_id: id(2),
        car_id: id(3),
        state: ReturnState::Reported.into(),
        opened_by: id(4),
        opened_at: at(-1),
        completed_by: None,
        returned_at: Some(at(-1)),
        odometer_km: Some(12_345),
        fuel: Some(0.5),
        late_minutes: Some(95),
        without_photos_reason: None,
        retake_advised_at: None,
        report: None,
        reported_at: Some(at(0)),
        decision_due_at: Some(at(40)),
        verdict: None,
        decision: None,
        decided_by: None,
        decided_at: None,
        released_at: None,
        turn: 0,
        version: 1,
        created_at: at(-1),
        updated_at: at(0),
    }
}

fn booking() -> booking::Model {
    let period = Period::new(at(-48), at(-3)).unwrap();
    let price = Money::new(6_000, Currency::EUR);
    let quote = pricing::quote(&pricing::Facts::usual(period, Tz::Europe__Berlin, price)).unwrap();
    booking::Model {
        id: id(2),
        number: "BK-7F3K2Q".to_owned(),
        car_id: id(3),
        customer_id: id(4),
        branch_id: id(5),
        starts_at: at(-48),
        ends_at: at(-3),
        time_zone: "Europe/Berlin".to_owned(),
        status: BookingStatus::Returned.into(),
        total: quote.total.amount,
        quote: entity::Quote(quote),
        currency: "EUR".to_owned(),
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
        picked_up_at: Some(at(-48)),
        odometer_out_km: Some(12_000),
        fuel_out: Some(1.0),
        overdue_at: None,
        returned_at: Some(at(-1)),
        odometer_in_km: Some(12_345),
        fuel_in: Some(0.5),
        version: 1,
        created_at: at(-60),
        updated_at: at(0),
    }
}

fn car() -> car::Model {
    car::Model {
        id: id(3),
        plate: "ABC-123".to_owned(),
        vin: None,
        make: "VW".to_owned(),
        model: "Golf".to_owned(),
        year: 2025,
        category: Category::Compact.into(),
        seats: 5,
        fuel_type: FuelType::Petrol.into(),
        price_per_day: 4_900,
        currency: "EUR".to_owned(),
        branch_id: id(5),
        location: None,
        description: None,
        features: Vec::new(),
        status: CarStatus::InService.into(),
        odometer_km: 12_345,
        waitlist_paused_at: None,
        version: 1,
        stopped_version: 1,
        created_at: at(-999),
        updated_at: at(0),
    }
}

fn branch() -> branch::Model {
    branch::Model {
        id: id(5),
        name: "Main".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        address: None,
        latitude: None,
        longitude: None,
        turnaround_minutes: 60,
        auto_release: false,
        waitlist_paused_at: None,
        created_at: at(-999),
    }
}

fn customer() -> account::Model {
    account::Model {
        id: id(4),
        email: "customer@example.com".to_owned(),
        name: "Marlene Example".to_owned(),
        phone: Some("+4930901820456".to_owned()),
        password_hash: String::new(),
        role: Role::Customer.into(),
        branch_id: None,
        suspended_at: None,
        created_at: at(-999),
        updated_at: at(0),
    }
}

fn photo(number: u128, occasion: Occasion) -> photo::Model {
    photo::Model {
        id: id(number),
        booking_id: id(2),
        return_id: None,
        car_id: id(3),
        occasion: occasion.into(),
        slot: Slot::Front.into(),
        version: 1,
        turn: 0,
        state: photo::ACCEPTED.to_owned(),
        refusal: None,
        refusal_detail: None,
        object_key: format!("photo/{number}"),
        content_type: Some("image/jpeg".to_owned()),
        size: Some(1),
        declared_sha256: None,
        sha256: None,
        width: Some(4_000),
        height: Some(3_000),
        exif: None,
        taken_at: None,
        warnings: vec!["taken_earlier".to_owned()],
        fingerprint: None,
        uploaded_by: id(4),
        ip: None,
        user_agent: None,
        created_at: at(-1),
        received_at: Some(at(-1)),
        derived_at: None,
        derive_failure: None,
        analysis: None,
        analysis_failure: None,
        analysed_at: None,
        comparison: None,
    }
}

fn copy() -> derivative::Model {
    derivative::Model {
        photo_id: id(100),
        variant: "1600".to_owned(),
        object_key: "derivative/100/1600.jpg".to_owned(),
        width: 1_600,
        height: 1_200,
        size: 1,
        source_sha256: Vec::new(),
        created_at: at(0),
    }
}

fn known() -> damage::Model {
    damage::Model {
        id: id(6),
        car_id: id(3),
        side: Side::Left.into(),
        panel: Some(Panel::Door.into()),
        class: Class::Dent.into(),
        severity: Severity::Minor.into(),
        region: None,
        note: Some("as big as a coin".to_owned()),
        estimate: None,
        return_id: None,
        photo_id: None,
        recorded_by: None,
        created_at: at(-500),
        repaired_at: None,
    }
}
