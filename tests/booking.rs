//! Bookings, as a customer would say it.

mod block;
mod change;
mod conflict;
mod fee;
mod fleet;
mod free;
mod freed;
mod no_show;
mod overdue;
mod together;

use std::collections::HashMap;

use chrono::TimeDelta;
use futures::future::join_all;
use jobs::Queue;
use reqwest::Method;
use serde_json::json;
use tests::{
    House,
    house::{dates, noon, patient, send, text, with},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_free_car_is_booked_and_the_answer_has_price_and_number() {
    let house = House::open(&[Queue::Booking]).await;
    let (admin, customer) = (house.staff("admin").await, house.customer().await);
    let car = house.car(&admin).await;

    let booked = house.book(&customer, car, 10).await;
    assert_eq!(booked.status, 201, "{booked:?}");
    assert_eq!(booked.body["status"], "Confirmed");
    assert_eq!(booked.body["totalPrice"], json!({ "amount": 5_950, "currency": "EUR" }));
    assert!(text(&booked.body, "number").starts_with("BK-"));
    let location = booked.headers["location"].to_str().unwrap();
    assert_eq!(house.get(location, Some(&customer)).await.body, booked.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_is_what_is_kept_however_exact_the_dates_were() {
    let house = House::open(&[Queue::Booking]).await;
    let (admin, customer) = (house.staff("admin").await, house.customer().await);
    let car = house.car(&admin).await;

    let start = noon(12) + TimeDelta::nanoseconds(123_456_789);
    let wish = json!({ "carId": car, "startDate": start, "endDate": noon(13) });
    let booked = house.post("/api/v1/bookings", Some(&customer), wish).await;
    assert_eq!(booked.status, 201, "{booked:?}");
    assert!(text(&booked.body, "startDate").contains(":00.123456"), "{booked:?}");
    let location = booked.headers["location"].to_str().unwrap();
    assert_eq!(house.get(location, Some(&customer)).await.body, booked.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_to_ask_for_the_same_days_is_refused_with_alternatives() {
    let house = House::open(&[Queue::Booking]).await;
    let (admin, first, second) = (house.staff("admin").await, house.customer().await, house.customer().await);
    let (car, other) = (house.car(&admin).await, house.car(&admin).await);
    assert_eq!(house.book(&first, car, 10).await.status, 201);

    let refused = house.book(&second, car, 10).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (409, "car_taken"));
    assert_eq!(refused.headers["content-type"], "application/problem+json");
    let alternatives = refused.body["alternatives"].as_array().unwrap();
    assert_eq!(alternatives[0]["carId"], json!(other));
    assert_eq!(alternatives.last().unwrap()["carId"], json!(car), "the same car later is an alternative too");
    assert!(refused.body["waitlistUrl"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_want_to_wait_is_told_where_to_ask() {
    let house = House::open(&[Queue::Booking]).await;
    let (admin, customer) = (house.staff("admin").await, house.customer().await);
    let car = house.car(&admin).await;
    let request = with(house.ask(Method::POST, "/api/v1/bookings"), Some(&customer))
        .header("Idempotency-Key", "once")
        .header("Prefer", "respond-async")
        .json(&dates(car, 5, 6));
    let accepted = send(request).await;
    assert_eq!(accepted.status, 202, "{accepted:?}");
    assert_eq!(accepted.headers["preference-applied"], "respond-async");
    let location = accepted.headers["location"].to_str().unwrap().to_owned();
    let job = tests::until("the job is done", || async {
        let job = house.get(&location, Some(&customer)).await;
        (job.body["state"] == "done").then_some(job)
    })
    .await;
    assert_eq!(job.body["outcome"]["document"]["status"], "Confirmed");
    let stranger = house.customer().await;
    assert_eq!(house.get(&location, Some(&stranger)).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_is_the_same_booking_and_another_body_is_refused() {
    let house = House::open(&[Queue::Booking]).await;
    let (admin, customer) = (house.staff("admin").await, house.customer().await);
    let car = house.car(&admin).await;
    let ask = |from: i64| {
        let request = with(house.ask(Method::POST, "/api/v1/bookings"), Some(&customer));
        send(request.header("Idempotency-Key", "my-key").json(&dates(car, from, from + 1)))
    };
    let answers = join_all((0..50).map(|_| ask(3))).await;
    assert!(answers.iter().all(|answer| answer.status == 201), "{answers:?}");
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    let place = format!("/api/v1/bookings/{}", text(&answers[0].body, "id"));
    assert!(answers.iter().all(|answer| answer.headers["location"] == place), "{answers:?}");
    assert_eq!(house.bed.number("select count(*) from booking").await, 1);

    let reused = ask(4).await;
    assert_eq!((reused.status.as_u16(), reused.code()), (422, "idempotency_key_reused"));
    let keyless = with(house.ask(Method::POST, "/api/v1/bookings"), Some(&customer)).json(&dates(car, 8, 9));
    let keyless = send(keyless).await;
    assert_eq!((keyless.status.as_u16(), keyless.code()), (400, "idempotency_key_required"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_who_want_one_car_at_once_never_overlap_and_never_see_an_error() {
    let house = House::open(&[Queue::Booking]).await;
    house.bed.work(Queue::Booking, workers::registry()).await;
    let (admin, customer) = (house.staff("admin").await, house.customer().await);
    let car = house.car(&admin).await;
    let asks = (0..200).map(|turn| {
        let from = 5 + turn % 7;
        let request = with(house.ask(Method::POST, "/api/v1/bookings"), Some(&customer));
        send(patient(request).json(&dates(car, from, from + 2)))
    });
    let mut by_status: HashMap<u16, Vec<(String, String)>> = HashMap::new();
    for answer in join_all(asks).await {
        let dates = (answer.body["startDate"].to_string(), answer.body["endDate"].to_string());
        by_status.entry(answer.status.as_u16()).or_default().push(dates);
    }
    let mut won = by_status.remove(&201).unwrap();
    assert_eq!(by_status.keys().collect::<Vec<_>>(), [&409], "nothing but 201 and 409");
    // The clients' own record: sorted by start, each ends before the next begins.
    won.sort();
    assert!(won.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{won:?}");
    assert!((2..=4).contains(&won.len()), "{won:?}");
    let overlaps =
        "select count(*) from reservation a join reservation b on a.id < b.id and a.resource_id = b.resource_id
                    and tstzrange(a.starts_at, a.ends_at) && tstzrange(b.starts_at, b.ends_at)";
    assert_eq!(house.bed.number(overlaps).await, 0);
    assert_eq!(
        house.bed.number("select count(*) from job where queue = 'booking' and (attempt > 1 or state <> 'done')").await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_frees_the_time_at_once_and_refunds_by_the_policy() {
    let house = House::open(&[Queue::Booking]).await;
    let (admin, first, second) = (house.staff("admin").await, house.customer().await, house.customer().await);
    let car = house.car(&admin).await;
    let id = text(&house.book(&first, car, 10).await.body, "id");
    let path = format!("/api/v1/bookings/{id}/cancel");
    assert_eq!(house.post(&path, Some(&second), json!({})).await.status, 404, "it is not theirs");

    let cancelled = house.post(&path, Some(&first), json!({ "reason": "plans changed" })).await;
    assert_eq!(cancelled.status, 200, "{cancelled:?}");
    assert_eq!(cancelled.body["status"], "Cancelled");
    assert_eq!(cancelled.body["cancellation"]["refund"]["amount"], 5_950);
    assert_eq!(cancelled.body["cancellation"]["fee"]["amount"], 0);
    assert_eq!(house.post(&path, Some(&first), json!({})).await.body, cancelled.body, "twice is the same as once");
    assert_eq!(house.book(&second, car, 10).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_that_cannot_be_booked_are_refused_with_every_reason() {
    let house = House::open(&[Queue::Booking]).await;
    let (admin, customer) = (house.staff("admin").await, house.customer().await);
    let car = house.car(&admin).await;
    let refused = house.post("/api/v1/bookings", Some(&customer), dates(car, -3, 60)).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (422, "dates_refused"));
    let pointers: Vec<_> = refused.body["errors"].as_array().unwrap().iter().map(|one| &one["pointer"]).collect();
    assert_eq!(pointers, ["/startDate", "/endDate"], "{refused:?}");
    let backwards = house.post("/api/v1/bookings", Some(&customer), dates(car, 6, 5)).await;
    assert_eq!((backwards.status.as_u16(), backwards.code()), (422, "validation_failed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_with_dates_shows_only_cars_that_are_free_then() {
    let house = House::open(&[Queue::Booking]).await;
    let (admin, customer) = (house.staff("admin").await, house.customer().await);
    let (taken, free) = (house.car(&admin).await, house.car(&admin).await);
    house.book(&customer, taken, 10).await;
    let query = |from, to| format!("from={}&to={}", noon(from).to_rfc3339(), noon(to).to_rfc3339()).replace('+', "%2B");
    let found = house.get(&format!("/api/v1/cars?{}", query(10, 12)), None).await;
    let ids: Vec<_> = found.body["items"].as_array().unwrap().iter().map(|car| car["id"].clone()).collect();
    assert_eq!(ids, [json!(free)], "{found:?}");

    let asked = house.get(&format!("/api/v1/availability?carId={taken}&{}", query(9, 14)), None).await;
    assert_eq!(asked.body["available"], false);
    let gaps = asked.body["gaps"].as_array().unwrap();
    assert_eq!(gaps.len(), 2);
    for gap in gaps {
        let wish = json!({ "carId": taken, "startDate": gap["from"], "endDate": gap["to"] });
        let booked = house.post("/api/v1/bookings", Some(&customer), wish).await;
        assert_eq!(booked.status, 201, "what is shown as free can be booked: {booked:?}");
    }
    house.bed.run(&format!("update car set status = 'workshop' where id = '{taken}'")).await;
    let asked = house.get(&format!("/api/v1/availability?carId={taken}&{}", query(20, 24)), None).await;
    assert_eq!((&asked.body["available"], &asked.body["gaps"]), (&json!(false), &json!([])));
    let calendar = house.get(&format!("/api/v1/cars/{taken}/calendar?{}", query(0, 30)), None).await;
    assert_eq!(calendar.body["busy"].as_array().unwrap().len(), 3);
    let quote = house.get(&format!("/api/v1/quotes?carId={free}&{}", query(1, 3)), None).await;
    assert_eq!(quote.body["total"]["amount"], 11_900);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_by_price_goes_on_although_the_car_that_ended_a_page_is_gone() {
    let house = House::open(&[Queue::Booking]).await;
    let admin = house.staff("admin").await;
    for _ in 0..5 {
        house.car(&admin).await;
    }
    let page = async |path: &str| house.get(path, None).await.body;
    let first = page("/api/v1/cars?sort=price&limit=2").await;
    let last = format!("/api/v1/cars/{}", text(&first["items"][1], "id"));
    assert_eq!(send(patient(with(house.ask(Method::DELETE, &last), Some(&admin)))).await.status, 200);
    let rest = page(&format!("/api/v1/cars?sort=price&cursor={}", text(&first, "nextCursor"))).await;
    for order in ["newest", "-price"] {
        let other = format!("/api/v1/cars?sort={order}&cursor={}", text(&first, "nextCursor"));
        let refused = house.get(&other, None).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.body["errors"][0]["pointer"]),
            (422, &json!("/cursor")),
            "the place of another order: {refused:?}"
        );
    }
    assert_eq!(rest["items"].as_array().unwrap().len(), 3, "{rest}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_counts_for_one_operation_whatever_it_becomes() {
    let house = House::open(&[Queue::Booking]).await;
    let (admin, customer) = (house.staff("admin").await, house.customer().await);
    let car = house.car(&admin).await;
    let ask = |path: String, body: serde_json::Value| {
        let request = with(house.ask(Method::POST, &path), Some(&customer)).json(&body);
        send(request.header("Idempotency-Key", "1").header("Prefer", "wait=25"))
    };
    let booked = ask("/api/v1/bookings".to_owned(), dates(car, 2, 3)).await;
    assert_eq!(booked.status, 201, "{booked:?}");
    let own = format!("/api/v1/bookings/{}", text(&booked.body, "id"));
    let extended = ask(format!("{own}/extend"), json!({ "endDate": noon(4) })).await;
    assert_eq!(extended.status, 200, "{extended:?}");
    let cancelled = ask(format!("{own}/cancel"), json!({})).await;
    assert_eq!((cancelled.status.as_u16(), &cancelled.body["status"]), (200, &json!("Cancelled")));
    assert_eq!(ask(format!("{own}/cancel"), json!({ "reason": "no" })).await.code(), "idempotency_key_reused");
}
