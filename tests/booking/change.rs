//! Other dates, another car, a later end.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use jobs::Queue;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{
    House,
    house::{Answer, Person, dates, noon, patient, send, text, with},
};
use uuid::Uuid;

/// Two cars of an admin, and a customer with the first of them from day 10 to day 12.
pub(super) struct Yard {
    pub(super) house: House,
    pub(super) admin: Person,
    customer: Person,
    pub(super) car: Uuid,
    pub(super) other: Uuid,
    pub(super) booking: String,
}

impl Yard {
    pub(super) async fn open() -> Self {
        let house = House::open(&[Queue::Booking]).await;
        let (admin, customer) = (house.staff("admin").await, house.customer().await);
        let (car, other) = (house.car(&admin).await, house.car(&admin).await);
        let booked = house.post("/api/v1/bookings", Some(&customer), dates(car, 10, 12)).await;
        let booking = text(&booked.body, "id");
        Self { house, admin, customer, car, other, booking }
    }

    pub(super) async fn change_as(&self, person: &Person, body: Value) -> Answer {
        let path = format!("/api/v1/bookings/{}", self.booking);
        send(with(self.house.ask(Method::PATCH, &path), Some(person)).json(&body)).await
    }

    pub(super) async fn change(&self, body: Value) -> Answer {
        self.change_as(&self.customer, body).await
    }

    pub(super) async fn cancel_as(&self, person: &Person, body: Value) -> Answer {
        self.house.post(&format!("/api/v1/bookings/{}/cancel", self.booking), Some(person), body).await
    }

    pub(super) async fn cancel(&self) -> Answer {
        self.cancel_as(&self.customer, json!({})).await
    }

    pub(super) async fn extend(&self, day: i64) -> Answer {
        let path = format!("/api/v1/bookings/{}/extend", self.booking);
        self.house.post(&path, Some(&self.customer), json!({ "endDate": noon(day) })).await
    }

    pub(super) async fn shown(&self) -> Value {
        self.house.get(&format!("/api/v1/bookings/{}", self.booking), Some(&self.customer)).await.body
    }

    async fn promoted(&self, car: Uuid) -> i64 {
        let sql = format!("select count(*) from job where kind = 'promote_waitlist' and payload->>'car_id' = '{car}'");
        self.house.bed.number(&sql).await
    }

    /// Moves the booking to begin and end so many minutes from now, with the customer on the road.
    pub(super) async fn on_the_road(&self, starts: i64, ends: i64) {
        let sql = format!(
            "update booking set status = 'Active', starts_at = now() + interval '{starts} minutes',
                    ends_at = now() + interval '{ends} minutes', picked_up_at = now() where id = '{0}';
             update reservation r set starts_at = b.starts_at - interval '1 hour', ends_at = b.ends_at + interval '1 hour'
             from booking b where b.id = r.booking_id and b.id = '{0}'",
            self.booking
        );
        self.house.bed.run(&sql).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_dates_are_priced_again_told_once_and_what_was_before_is_kept() {
    let yard = Yard::open().await;
    let promoted = yard.promoted(yard.car).await;
    let changed = yard.change(json!({ "startDate": noon(11), "endDate": noon(14) })).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(changed.body["totalPrice"]["amount"], 17_850, "three days");
    assert_eq!(changed.body["status"], "Confirmed");
    assert_eq!(yard.shown().await, changed.body);
    assert_eq!(yard.promoted(yard.car).await, promoted + 1, "the first day became free");

    let again = yard.change(json!({ "startDate": noon(11), "endDate": noon(14) })).await;
    assert_eq!(again.body, changed.body, "twice is the same as once");
    let bed = &yard.house.bed;
    let kept = "select count(*) from booking_change where version = 1 and total = 11900 and reason = 'asked'";
    assert_eq!(bed.number(kept).await, 1);
    assert_eq!(bed.number("select count(*) from booking_change").await, 1);
    let told = "select count(*) from job where kind = 'announce' and payload->>'news' = 'booking_changed'";
    assert_eq!(bed.number(told).await, 1);
    assert_eq!(bed.number("select count(*) from audit_log where action = 'change_booking'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_car_takes_over_and_the_old_one_is_free_for_others() {
    let yard = Yard::open().await;
    let promoted = yard.promoted(yard.car).await;
    let changed = yard.change(json!({ "carId": yard.other })).await;
    assert_eq!((changed.status, &changed.body["carId"]), (StatusCode::OK, &json!(yard.other)), "{changed:?}");
    assert_ne!(changed.body["plate"], Value::Null);
    assert_eq!(yard.promoted(yard.car).await, promoted + 1);
    assert_eq!(yard.house.book(&yard.admin, yard.car, 10).await.status, 201);
    assert_eq!(yard.house.book(&yard.admin, yard.other, 10).await.code(), "car_taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_to_what_is_taken_is_refused_with_alternatives_and_leaves_everything_as_it_was() {
    let yard = Yard::open().await;
    let before = yard.shown().await;
    assert_eq!(yard.house.book(&yard.admin, yard.car, 14).await.status, 201);
    let refused = yard.change(json!({ "endDate": noon(15) })).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (409, "car_taken"), "{refused:?}");
    assert_eq!(refused.body["alternatives"][0]["carId"], json!(yard.other));
    assert_eq!(yard.shown().await, before);
    assert_eq!(yard.house.book(&yard.admin, yard.car, 10).await.code(), "car_taken", "the old time is still held");
    assert_eq!(yard.house.bed.number("select count(*) from booking_change").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_changes_nothing_and_staff_change_for_the_customer() {
    let yard = Yard::open().await;
    let stranger = yard.house.customer().await;
    assert_eq!(yard.change_as(&stranger, json!({ "endDate": noon(13) })).await.status, 404);
    let by_staff = yard.change_as(&yard.admin, json!({ "endDate": noon(13) })).await;
    assert_eq!((by_staff.status, &by_staff.body["userId"]), (StatusCode::OK, &json!(yard.customer.id)));
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_that_cannot_be_are_refused_with_every_reason() {
    let yard = Yard::open().await;
    let refused = yard.change(json!({ "startDate": noon(-3), "endDate": noon(60) })).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (422, "dates_refused"), "{refused:?}");
    assert_eq!(refused.body["errors"].as_array().unwrap().len(), 2);
    let backwards = yard.change(json!({ "startDate": noon(13) })).await;
    assert_eq!((backwards.status.as_u16(), &backwards.body["errors"][0]["pointer"]), (422, &json!("/endDate")));
    let earlier = yard.extend(11).await;
    assert_eq!((earlier.status.as_u16(), &earlier.body["errors"][0]["pointer"]), (422, &json!("/endDate")));
    assert_eq!(yard.change(json!({ "carId": Uuid::nil() })).await.status, 404);
    assert_eq!(yard.change(json!({ "price": 1 })).await.status, 422, "unknown fields are refused");

    let path = format!("/api/v1/bookings/{}/cancel", yard.booking);
    yard.house.post(&path, Some(&yard.customer), json!({})).await;
    assert_eq!(yard.change(json!({ "endDate": noon(13) })).await.code(), "illegal_state");
}

#[tokio::test(flavor = "multi_thread")]
async fn moving_a_booking_ahead_does_not_make_its_cancellation_free_again() {
    let yard = Yard::open().await;
    let soon = format!(
        "update booking set starts_at = now() + interval '3 hours', ends_at = now() + interval '51 hours',
                created_at = now() - interval '2 days' where id = '{}'",
        yard.booking
    );
    yard.house.bed.run(&soon).await;
    assert_eq!(yard.change(json!({ "startDate": noon(30), "endDate": noon(33) })).await.status, 200);
    // A second change, now that the start is far away, opens it no more than the first.
    assert_eq!(yard.change(json!({ "endDate": noon(34) })).await.status, 200);

    let path = format!("/api/v1/bookings/{}/cancel", yard.booking);
    let cancelled = yard.house.post(&path, Some(&yard.customer), json!({})).await;
    assert_eq!(cancelled.body["cancellation"]["fee"]["amount"], 5_950, "one day of four: {cancelled:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_car_on_the_road_is_kept_for_longer_but_not_into_the_next_booking() {
    let yard = Yard::open().await;
    yard.on_the_road(-600, 60).await;
    assert_eq!(yard.house.book(&yard.admin, yard.car, 5).await.status, 201);

    let taken = yard.extend(6).await;
    assert_eq!((taken.status.as_u16(), taken.code()), (409, "car_taken"), "{taken:?}");
    let until: DateTime<Utc> = text(&taken.body["alternatives"][0], "endDate").parse().unwrap();
    assert_eq!(until, noon(5) - TimeDelta::hours(1), "that long it can be kept");
    let extended = yard.extend(3).await;
    assert_eq!((extended.status, &extended.body["status"]), (StatusCode::OK, &json!("Active")), "{extended:?}");
    assert_eq!(yard.extend(3).await.body, extended.body, "twice is the same as once");
    let held = "select count(*) from reservation r join booking b on b.id = r.booking_id
                where b.status = 'Active' and r.starts_at = b.starts_at - interval '1 hour'
                  and r.ends_at = b.ends_at + interval '1 hour'";
    assert_eq!(yard.house.bed.number(held).await, 1, "it began early and that time stays taken");
    let swap = yard.change(json!({ "carId": yard.other })).await;
    assert_eq!(swap.code(), "illegal_state", "{swap:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_offer_stands_in_the_way_and_one_that_expired_does_not() {
    let yard = Yard::open().await;
    let hold = |expires: &str| {
        format!(
            "delete from reservation where purpose = 'checkout';
             insert into reservation (id, resource_kind, resource_id, starts_at, ends_at, purpose, expires_at)
             values (gen_random_uuid(), 'car', '{}', '{}', '{}', 'checkout', now() {expires})",
            yard.car,
            noon(13),
            noon(15)
        )
    };
    yard.house.bed.run(&hold("+ interval '1 hour'")).await;
    assert_eq!(yard.extend(14).await.code(), "car_taken");
    yard.house.bed.run(&hold("- interval '1 second'")).await;
    assert_eq!(yard.extend(14).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rental_made_short_when_it_is_too_late_loses_as_much_as_before() {
    let yard = Yard::open().await;
    assert_eq!(yard.change(json!({ "endDate": noon(20) })).await.status, 200);
    let soon = format!(
        "update booking set starts_at = now() + interval '3 hours', created_at = now() - interval '2 days',
                ends_at = now() + interval '243 hours' where id = '{}'",
        yard.booking
    );
    yard.house.bed.run(&soon).await;
    let end = Utc::now() + TimeDelta::hours(4) + TimeDelta::minutes(5);
    assert_eq!(yard.change(json!({ "endDate": end })).await.status, 200);
    let cancelled = yard.cancel_as(&yard.customer, json!({})).await;
    assert_eq!(cancelled.body["cancellation"]["fee"]["amount"], 5_950, "one day, not half of one: {cancelled:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_is_charged_is_a_day_whatever_hours_came_with_it() {
    let yard = Yard::open().await;
    let end = noon(12) + TimeDelta::hours(1);
    let longer = yard.change(json!({ "endDate": end })).await;
    assert_eq!(longer.body["totalPrice"]["amount"], 13_884, "two days and an hour: {longer:?}");
    let begun = format!(
        "update booking set starts_at = now() - interval '1 minute', created_at = now() - interval '2 days' where id = '{}'",
        yard.booking
    );
    yard.house.bed.run(&begun).await;
    let cancelled = yard.cancel_as(&yard.customer, json!({})).await;
    assert_eq!(cancelled.body["cancellation"]["fee"]["amount"], 5_950, "{cancelled:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_gets_no_car_from_the_house_pays_nothing_and_only_staff_can_say_so() {
    let yard = Yard::open().await;
    let soon = format!(
        "update booking set starts_at = now() + interval '1 hour', created_at = now() - interval '2 days' where id = '{}'",
        yard.booking
    );
    yard.house.bed.run(&soon).await;
    let fault = json!({ "reason": "the car is broken", "houseFault": true });
    let refused = yard.cancel_as(&yard.customer, fault.clone()).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, "forbidden"), "{refused:?}");
    let refused = yard.change(json!({ "carId": yard.other, "houseFault": true })).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, "forbidden"), "{refused:?}");
    assert_eq!(yard.shown().await["status"], "Confirmed");

    let cancelled = yard.cancel_as(&yard.admin, fault).await;
    let settled = &cancelled.body["cancellation"];
    assert_eq!((&settled["fee"]["amount"], &settled["refund"]["amount"]), (&json!(0), &json!(11_900)), "{cancelled:?}");
    assert_eq!(settled["houseFault"], true);
    let audited = "select count(*) from audit_log where action = 'cancel_booking' and (detail->>'houseFault')::boolean";
    assert_eq!(yard.house.bed.number(audited).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_car_that_the_house_gives_instead_costs_no_more_until_the_customer_chooses_another() {
    let yard = Yard::open().await;
    let dear = format!("update car set price_per_day = 20000 where id = '{}'", yard.other);
    yard.house.bed.run(&dear).await;
    let given = yard.change_as(&yard.admin, json!({ "carId": yard.other, "houseFault": true })).await;
    assert_eq!((given.status, &given.body["totalPrice"]["amount"]), (StatusCode::OK, &json!(11_900)), "{given:?}");
    let longer = yard.extend(13).await;
    assert_eq!(longer.body["totalPrice"]["amount"], 17_850, "{longer:?}");
    let audited = "select count(*) from audit_log where action = 'change_booking' and (detail->>'houseFault')::boolean";
    assert_eq!(yard.house.bed.number(audited).await, 1);

    yard.house.bed.run("update booking_change set reason = 'unsafe' where reason = 'house_fault'").await;
    let shorter = yard.change(json!({ "endDate": noon(12) })).await;
    assert_eq!(shorter.body["totalPrice"]["amount"], 11_900, "moved by the house: {shorter:?}");
    assert_eq!(yard.change(json!({ "carId": yard.car })).await.status, 200);
    let chosen = yard.change(json!({ "carId": yard.other })).await;
    assert_eq!(chosen.body["totalPrice"]["amount"], 47_600, "{chosen:?}");
}

/// Fifty at once on one car: new bookings, moves to it and from it, and extensions.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_who_book_move_and_extend_at_once_never_overlap_and_never_see_an_error() {
    let house = House::open(&[Queue::Booking]).await;
    house.bed.work(Queue::Booking, workers::registry()).await;
    let (admin, customer) = (house.staff("admin").await, house.customer().await);
    let (car, other) = (house.car(&admin).await, house.car(&admin).await);
    let days = [5, 8, 11, 14].into_iter();
    let theirs = days.flat_map(|day| [(car, day), (other, day)]).map(|(at, day)| house.book(&customer, at, day));
    let theirs: Vec<_> = join_all(theirs).await.iter().map(|booked| text(&booked.body, "id")).collect();
    // Logging in to PostgreSQL costs an unoptimised build more than the rush itself, so that is done before.
    tests::until("the front has its connections", || async {
        let reads = join_all((0..50).map(|_| house.get("/api/v1/bookings", Some(&customer)))).await;
        reads.iter().all(|read| read.status == 200).then_some(())
    })
    .await;
    let ask = |turn: usize| {
        let booking = &theirs[turn % theirs.len()];
        let day = 5 + i64::try_from(turn % 11).unwrap();
        let request = match turn % 5 {
            0 => house.ask(Method::POST, "/api/v1/bookings").json(&dates(car, day, day + 2)),
            1 | 2 => {
                let to = if turn.is_multiple_of(2) { car } else { other };
                house.ask(Method::PATCH, &format!("/api/v1/bookings/{booking}")).json(&dates(to, day, day + 2))
            }
            3 => {
                let body = json!({ "endDate": noon(day + 3) });
                house.ask(Method::PATCH, &format!("/api/v1/bookings/{booking}")).json(&body)
            }
            _ => {
                let body = json!({ "endDate": noon(day + 2) });
                house.ask(Method::POST, &format!("/api/v1/bookings/{booking}/extend")).json(&body)
            }
        };
        send(patient(with(request, Some(&customer))))
    };
    let mut by_status: HashMap<u16, usize> = HashMap::new();
    for answer in join_all((0..50).map(ask)).await {
        assert!(matches!(answer.status.as_u16(), 200 | 201 | 409 | 422), "{answer:?}");
        *by_status.entry(answer.status.as_u16()).or_default() += 1;
    }

    // What customers were told, not what the constraint would have allowed.
    let overlaps = "select count(*) from booking a join booking b on a.id < b.id and a.car_id = b.car_id
                    and tstzrange(a.starts_at, a.ends_at) && tstzrange(b.starts_at, b.ends_at)";
    assert_eq!(house.bed.number(overlaps).await, 0, "{by_status:?}");
    let unheld = "select count(*) from booking b where not exists (
                      select 1 from reservation r where r.booking_id = b.id and r.resource_id = b.car_id
                      and r.starts_at = b.starts_at and r.ends_at = b.ends_at + interval '1 hour')";
    assert_eq!(house.bed.number(unheld).await, 0, "every booking holds its time on its own car");
    let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
    assert_eq!(house.bed.number(deadlocks).await, 0, "cars and bookings are locked in one order");
    assert_eq!(house.bed.number("select count(*) from job where queue = 'booking' and state <> 'done'").await, 0);
    assert!(by_status[&200] > 0 && by_status[&409] > 0, "{by_status:?}");
}
