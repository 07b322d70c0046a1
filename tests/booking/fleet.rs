//! What becomes of bookings, offers and those who wait when their car goes elsewhere.

use jobs::Queue;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{
    House,
    house::{Answer, Person, noon, patient, send, text, with},
};
use uuid::Uuid;

pub(super) async fn open() -> (House, Person, Uuid) {
    let house = House::open(&[Queue::Booking, Queue::Waitlist]).await;
    let admin = house.staff("admin").await;
    let car = house.car(&admin).await;
    (house, admin, car)
}

pub(super) async fn patch(house: &House, admin: &Person, car: Uuid, body: Value) -> Answer {
    let request = house.ask(Method::PATCH, &format!("/api/v1/cars/{car}"));
    send(patient(with(request, Some(admin))).json(&body)).await
}

async fn delete(house: &House, admin: &Person, car: Uuid) -> Answer {
    send(patient(with(house.ask(Method::DELETE, &format!("/api/v1/cars/{car}")), Some(admin)))).await
}

/// Somebody waits for a car that a block keeps from being rented; their entry, and the block's path.
async fn waiting(house: &House, admin: &Person, car: Uuid) -> (Person, String, String) {
    let blocks = format!("/api/v1/cars/{car}/blocks");
    let block = json!({ "from": noon(10), "to": noon(12), "reason": "new tyres" });
    let blocked = house.post(&blocks, Some(admin), block).await;
    let person = house.customer().await;
    let wish = json!({ "carId": car, "from": noon(10), "to": noon(12) });
    let joined = house.post("/api/v1/waitlist", Some(&person), wish).await;
    assert_eq!(joined.status, 201, "{joined:?}");
    (person, text(&joined.body, "id"), format!("{blocks}/{}", text(&blocked.body, "id")))
}

/// The same, with the time free and offered to them.
async fn offered(house: &House, admin: &Person, car: Uuid) -> (Person, String) {
    let (person, entry, block) = waiting(house, admin, car).await;
    send(with(house.ask(Method::DELETE, &block), Some(admin))).await;
    house.bed.until("select count(*) from waitlist_offer where state = 'offered'", 1).await;
    (person, entry)
}

async fn told(house: &House, news: &str) -> i64 {
    let sql = format!("select count(*) from job where kind = 'announce' and payload->>'news' = '{news}'");
    house.bed.number(&sql).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_car_with_bookings_ahead_neither_retires_nor_moves_and_they_are_named() {
    let (house, admin, car) = open().await;
    let customer = house.customer().await;
    let number = text(&house.book(&customer, car, 10).await.body, "number");
    let elsewhere = json!({ "name": "Elsewhere", "timeZone": "Europe/Berlin" });
    let branch = house.post("/api/v1/branches", Some(&admin), elsewhere).await;
    assert_eq!(branch.status, 201, "{branch:?}");
    for change in [json!({ "status": "retired" }), json!({ "branchId": branch.body["id"] })] {
        let refused = patch(&house, &admin, car, change).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (409, "car_has_bookings"), "{refused:?}");
        assert!(refused.body["detail"].as_str().unwrap().contains(&number), "{refused:?}");
    }
    assert_eq!(delete(&house, &admin, car).await.code(), "car_has_bookings");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_bookings_of_a_car_in_the_workshop_get_another() {
    let (house, admin, car) = open().await;
    let other = house.car(&admin).await;
    let customer = house.customer().await;
    let booking = text(&house.book(&customer, car, 1).await.body, "id");
    assert_eq!(patch(&house, &admin, car, json!({ "status": "workshop" })).await.status, 200);
    house.bed.until(&format!("select count(*) from booking where id = '{booking}' and car_id = '{other}'"), 1).await;
    assert_eq!(told(&house, "booking_moved").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_offered_of_a_car_that_is_not_rented_out_is_taken_back_and_counts_as_no_silence() {
    let (house, admin, car) = open().await;
    let (person, entry) = offered(&house, &admin, car).await;
    assert_eq!(patch(&house, &admin, car, json!({ "status": "workshop" })).await.status, 200);
    let entry = house.get(&format!("/api/v1/waitlist/{entry}"), Some(&person)).await.body;
    assert_eq!((&entry["state"], &entry["missed"]), (&json!("waiting"), &json!(0)));
    assert_eq!(told(&house, "offer_revoked").await, 1);
    assert_eq!(house.bed.number("select count(*) from reservation where purpose = 'offer'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_car_that_retires_is_waited_for_no_longer() {
    for by_patch in [true, false] {
        let (house, admin, car) = open().await;
        let (person, entry) = offered(&house, &admin, car).await;
        let retired = match by_patch {
            true => patch(&house, &admin, car, json!({ "status": "retired" })).await,
            false => delete(&house, &admin, car).await,
        };
        assert_eq!(retired.status, 200, "{retired:?}");
        let entry = house.get(&format!("/api/v1/waitlist/{entry}"), Some(&person)).await.body;
        assert_eq!(entry["state"], "closed");
        assert_eq!((told(&house, "offer_revoked").await, told(&house, "waitlist_closed").await), (1, 1));
        let wish = json!({ "carId": car, "from": noon(10), "to": noon(12) });
        let refused = house.post("/api/v1/waitlist", Some(&person), wish).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (409, "car_not_in_service"), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_car_that_somebody_waited_for_is_kept_as_retired() {
    let (house, admin, car) = open().await;
    let (person, entry, _) = waiting(&house, &admin, car).await;
    let left = send(with(house.ask(Method::DELETE, &format!("/api/v1/waitlist/{entry}")), Some(&person))).await;
    assert_eq!(left.status, 200, "{left:?}");
    let retired = delete(&house, &admin, car).await;
    assert_eq!((retired.status.as_u16(), &retired.body["retired"]), (200, &json!(true)), "{retired:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vin_is_shown_to_staff_and_the_texts_of_a_car_are_lines() {
    let (house, admin, car) = open().await;
    let changed = patch(&house, &admin, car, json!({ "vin": "1HGCM82633A004352", "make": " Škoda " })).await;
    assert_eq!((&changed.body["vin"], &changed.body["make"]), (&json!("1HGCM82633A004352"), &json!("Škoda")));
    let customer = house.customer().await;
    for path in [format!("/api/v1/cars/{car}"), "/api/v1/cars".to_owned()] {
        for (person, shown) in [(None, false), (Some(&customer), false), (Some(&admin), true)] {
            let answer = house.get(&path, person).await;
            assert_eq!((answer.status.as_u16(), answer.body.to_string().contains("1HGCM82633A004352")), (200, shown));
        }
    }
    let texts = json!({ "make": "V\u{2028}W", "model": "  ", "location": "row\n7", "features": ["bluetooth", "", "a\u{202e}b"] });
    let refused = patch(&house, &admin, car, texts.clone()).await;
    let pointers: Vec<_> = refused.body["errors"].as_array().unwrap().iter().map(|one| &one["pointer"]).collect();
    assert_eq!(pointers, ["/make", "/model", "/location", "/features/1", "/features/2"], "{refused:?}");
    let mut other = tests::house::new_car();
    other["model"] = json!(" \t ");
    let refused = house.post("/api/v1/cars", Some(&admin), other).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.body["errors"][0]["pointer"]),
        (422, &json!("/model")),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_nobody_reads_is_refused_and_an_empty_object_is_none() {
    let (house, admin, car) = open().await;
    let path = format!("/api/v1/cars/{car}");
    let retire = |person, body: Value| send(with(house.ask(Method::DELETE, &path), person).json(&body));
    assert_eq!(retire(None, json!({ "reason": "old" })).await.status, 401, "first of all who asks");
    let refused = retire(Some(&admin), json!({ "reason": "old" })).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (400, "bad_request"), "{refused:?}");
    assert_eq!(retire(Some(&admin), json!({})).await.status, 200);
}
