//! Time in which a car is kept from being rented.

use chrono::{DateTime, TimeDelta, Utc};
use jobs::Queue;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{
    House,
    house::{Person, noon, send, text, with},
};
use uuid::Uuid;

fn block(from: i64, to: i64) -> Value {
    json!({ "from": noon(from), "to": noon(to), "purpose": "maintenance", "reason": "new tyres" })
}

async fn open() -> (House, Person, Uuid, String) {
    let house = House::open(&[Queue::Booking]).await;
    let admin = house.staff("admin").await;
    let car = house.car(&admin).await;
    (house, admin, car, format!("/api/v1/cars/{car}/blocks"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_car_cannot_be_booked_until_the_block_is_lifted() {
    let (house, admin, car, path) = open().await;
    let blocked = house.post(&path, Some(&admin), block(10, 12)).await;
    assert_eq!((blocked.status.as_u16(), &blocked.body["reason"]), (201, &json!("new tyres")), "{blocked:?}");
    let customer = house.customer().await;
    assert_eq!(house.book(&customer, car, 11).await.code(), "car_taken");
    let listed = house.get(&path, Some(&admin)).await;
    assert_eq!(listed.body["items"], json!([blocked.body]));
    assert_eq!(house.get(&path, Some(&customer)).await.status, 403);
    assert_eq!(house.post(&path, Some(&admin), block(11, 13)).await.code(), "car_taken", "one block at a time");

    let promoted = "select count(*) from job where kind = 'promote_waitlist'";
    let before = house.bed.number(promoted).await;
    let one = format!("{path}/{}", text(&blocked.body, "id"));
    let lift = || send(with(house.ask(Method::DELETE, &one), Some(&admin)));
    assert_eq!(lift().await.status, 200);
    assert_eq!(house.bed.number(promoted).await, before + 1, "those who wait come first");
    assert_eq!(lift().await.status, 404);
    assert_eq!(house.book(&customer, car, 11).await.status, 201);
    let audited = "select count(*) from audit_log where action in ('block_car', 'unblock_car')";
    assert_eq!(house.bed.number(audited).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_over_bookings_is_refused_and_names_them() {
    let (house, admin, car, path) = open().await;
    let customer = house.customer().await;
    let (first, second) = (house.book(&customer, car, 10).await, house.book(&customer, car, 13).await);
    let refused = house.post(&path, Some(&admin), block(9, 14)).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (409, "car_has_bookings"), "{refused:?}");
    let conflicts = refused.body["conflicts"].as_array().unwrap();
    let numbers: Vec<_> = conflicts.iter().map(|conflict| &conflict["number"]).collect();
    assert_eq!(numbers, [&first.body["number"], &second.body["number"]]);
    let end: DateTime<Utc> = text(&conflicts[0], "endDate").parse().unwrap();
    assert_eq!(end, noon(11), "the customer's own dates");
    assert!(refused.body["detail"].as_str().unwrap().contains(&text(&first.body, "number")));
    assert_eq!(house.bed.number("select count(*) from reservation where purpose = 'maintenance'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_has_a_future_an_end_and_a_reason() {
    let (house, admin, _, path) = open().await;
    let over = house.post(&path, Some(&admin), block(-3, -2)).await;
    assert_eq!((over.status.as_u16(), &over.body["errors"][0]["pointer"]), (422, &json!("/to")), "{over:?}");
    assert_eq!(house.post(&path, Some(&admin), block(12, 10)).await.status, 422);
    let hardly = json!({ "from": noon(10), "to": noon(10) + TimeDelta::nanoseconds(900), "reason": "new tyres" });
    assert_eq!(house.post(&path, Some(&admin), hardly).await.status, 422, "PostgreSQL keeps microseconds");
    let mut blank = block(10, 12);
    blank["reason"] = json!("  ");
    assert_eq!(house.post(&path, Some(&admin), blank).await.body["errors"][0]["pointer"], "/reason");
    let nowhere = format!("/api/v1/cars/{}/blocks", Uuid::nil());
    assert_eq!(house.post(&nowhere, Some(&admin), block(10, 12)).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_cannot_be_used_to_delete_a_booking() {
    let (house, admin, car, path) = open().await;
    let customer = house.customer().await;
    house.book(&customer, car, 10).await;
    house.bed.run(&format!("update reservation set id = '{car}'")).await;
    let gone = send(with(house.ask(Method::DELETE, &format!("{path}/{car}")), Some(&admin))).await;
    assert_eq!(gone.status, 404, "{gone:?}");
    assert_eq!(house.bed.number("select count(*) from reservation").await, 1);
}
