//! What is said to be free, and at what price, can be booked.

use chrono::{DateTime, TimeDelta, Utc};
use jobs::Queue;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{
    House,
    house::{Person, dates, noon, patient, send, text, with},
};
use uuid::Uuid;

async fn open() -> (House, Person, Person, Uuid) {
    let house = House::open(&[Queue::Booking]).await;
    let (admin, customer) = (house.staff("admin").await, house.customer().await);
    let car = house.car(&admin).await;
    (house, admin, customer, car)
}

fn query(from: DateTime<Utc>, to: DateTime<Utc>) -> String {
    format!("from={}&to={}", from.to_rfc3339(), to.to_rfc3339()).replace('+', "%2B")
}

fn pointers(body: &Value) -> Vec<&str> {
    body["errors"].as_array().into_iter().flatten().filter_map(|one| one["pointer"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_could_book_has_no_price_and_is_not_available() {
    let (house, _, _, car) = open().await;
    let minutes = |more| noon(3) + TimeDelta::minutes(more);
    for (from, to, wrong) in [
        (noon(-2), noon(2), vec!["/from"]),
        (noon(3), minutes(5), vec!["/to"]),
        (noon(3), noon(40), vec!["/to"]),
        (noon(497), noon(498), vec!["/from"]),
        (noon(-9), noon(40), vec!["/from", "/to"]),
    ] {
        let dates = query(from, to);
        let quote = house.get(&format!("/api/v1/quotes?carId={car}&{dates}"), None).await;
        assert_eq!((quote.code(), pointers(&quote.body)), ("dates_refused", wrong), "{dates}");
        for asked in [format!("carId={car}"), "category=compact".to_owned()] {
            let asked = house.get(&format!("/api/v1/availability?{asked}&{dates}"), None).await;
            assert_eq!((&asked.body["available"], &asked.body["cars"]), (&json!(false), &json!([])), "{dates}");
        }
    }
    let gaps = house.get(&format!("/api/v1/availability?carId={car}&{}", query(noon(-2), noon(2))), None).await;
    let from: DateTime<Utc> = text(&gaps.body["gaps"][0], "from").parse().unwrap();
    assert!(from > Utc::now() + TimeDelta::minutes(59), "{gaps:?}");
    house.bed.run("update car set status = 'retired'").await;
    let retired = house.get(&format!("/api/v1/quotes?carId={car}&{}", query(noon(2), noon(3))), None).await;
    assert_eq!((retired.status.as_u16(), retired.code()), (409, "car_not_in_service"));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_cars_than_are_named_are_not_silently_left_out() {
    let (house, _, _, car) = open().await;
    let ask = format!("/api/v1/availability?category=compact&{}", query(noon(2), noon(3)));
    assert_eq!(house.get(&ask, None).await.body["more"], false);
    let many = format!(
        "insert into car (id, plate, make, model, year, category, seats, fuel_type, price_per_day, currency, branch_id)
         select gen_random_uuid(), 'MANY ' || turn, make, model, year, category, seats, fuel_type, price_per_day, currency,
                branch_id
         from car, generate_series(1, 100) turn where id = '{car}'"
    );
    house.bed.run(&many).await;
    let asked = house.get(&ask, None).await.body;
    assert_eq!((asked["cars"].as_array().unwrap().len(), &asked["more"]), (100, &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_alternative_can_be_booked_and_says_where() {
    let (house, admin, customer, car) = open().await;
    let elsewhere = json!({ "name": "Elsewhere", "timeZone": "Europe/Berlin", "turnaroundMinutes": 600 });
    let elsewhere = house.post("/api/v1/branches", Some(&admin), elsewhere).await;
    assert_eq!(elsewhere.status, 201, "{elsewhere:?}");
    let [cheap, dinar, there, tight] =
        [house.car(&admin).await, house.car(&admin).await, house.car(&admin).await, house.car(&admin).await];
    let away = text(&elsewhere.body, "id");
    let sql = format!(
        "update car set price_per_day = 5001 where id = '{cheap}';
         update car set price_per_day = 1, currency = 'KWD' where id = '{dinar}';
         update car set price_per_day = 1, branch_id = '{away}' where id in ('{there}', '{tight}')"
    );
    house.bed.run(&sql).await;
    // Five hours after the wish: enough for the wanted car's branch, too little for the other.
    let next = json!({ "carId": tight, "startDate": noon(11) + TimeDelta::hours(5), "endDate": noon(13) });
    assert_eq!(house.post("/api/v1/bookings", Some(&customer), next).await.status, 201);
    assert_eq!(house.book(&customer, car, 10).await.status, 201);

    let taken = house.book(&customer, car, 10).await;
    let alternatives = taken.body["alternatives"].as_array().unwrap();
    let named: Vec<_> = alternatives.iter().map(|one| text(one, "carId")).collect();
    assert_eq!(named, [cheap, dinar, there, car].map(|id| id.to_string()), "{taken:?}");
    assert_eq!(alternatives[2]["branchId"], json!(away));
    for one in alternatives {
        let wish = json!({ "carId": one["carId"], "startDate": one["startDate"], "endDate": one["endDate"] });
        assert_eq!(house.post("/api/v1/bookings", Some(&customer), wish).await.status, 201, "{one}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leap_second_is_the_next_minute_for_price_answer_and_row() {
    let (house, _, customer, car) = open().await;
    let leap = |day| format!("{}T23:59:60Z", noon(day).date_naive());
    let midnight = |day| noon(day) + TimeDelta::hours(12);
    let wish = json!({ "carId": car, "startDate": leap(10), "endDate": leap(12) });
    let booked = house.post("/api/v1/bookings", Some(&customer), wish).await;
    assert_eq!(booked.status, 201, "{booked:?}");
    assert_eq!(text(&booked.body, "endDate").parse::<DateTime<Utc>>().unwrap(), midnight(12));
    assert_eq!(booked.body["totalPrice"]["amount"], 11_900);
    let path = format!("/api/v1/bookings/{}", text(&booked.body, "id"));
    assert_eq!(house.get(&path, Some(&customer)).await.body, booked.body);
    let request = with(house.ask(Method::PATCH, &path), Some(&customer));
    let again = send(patient(request).json(&json!({ "endDate": leap(12) }))).await;
    assert_eq!(again.body, booked.body, "it is so already");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_points_at_the_end_that_is_wrong_and_an_empty_feature_is_none() {
    let (house, admin, customer, car) = open().await;
    let (year_0, to) = ("0000-01-01T00:00:00Z", noon(5));
    let from = format!("from={year_0}&to={}", to.to_rfc3339()).replace('+', "%2B");
    for path in ["availability?", "cars?", &format!("quotes?carId={car}&"), &format!("cars/{car}/calendar?")] {
        let refused = house.get(&format!("/api/v1/{path}{from}"), None).await;
        assert_eq!((refused.code(), pointers(&refused.body)), ("validation_failed", vec!["/from"]), "{path}");
    }
    let explain = house.get(&format!("/api/v1/admin/waitlist/explain?carId={car}&{from}"), Some(&admin)).await;
    assert_eq!(pointers(&explain.body), ["/from"]);
    let wish = json!({ "carId": car, "startDate": year_0, "endDate": to });
    assert_eq!(pointers(&house.post("/api/v1/bookings", Some(&customer), wish).await.body), ["/startDate"]);
    let block = json!({ "from": year_0, "to": to, "reason": "tyres" });
    let block = house.post(&format!("/api/v1/cars/{car}/blocks"), Some(&admin), block).await;
    assert_eq!(pointers(&block.body), ["/from"]);
    let booking = text(&house.post("/api/v1/bookings", Some(&customer), dates(car, 8, 9)).await.body, "id");
    let request = with(house.ask(Method::PATCH, &format!("/api/v1/bookings/{booking}")), Some(&customer));
    assert_eq!(pointers(&send(request.json(&json!({ "startDate": year_0 }))).await.body), ["/startDate"]);

    for features in ["", "bluetooth,,", ",%20bluetooth"] {
        let found = house.get(&format!("/api/v1/cars?features={features}"), None).await;
        assert_eq!(found.body["items"].as_array().unwrap().len(), 1, "{features}");
    }
    assert_eq!(house.get("/api/v1/cars?features=gps,", None).await.body["items"], json!([]));
}
