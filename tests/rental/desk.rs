//! A return as a client of the HTTP contract makes it, and who sees its photos afterwards.

use jobs::Queue;
use reqwest::{
    Client, Method,
    header::LOCATION,
    multipart::{Form, Part},
};
use rules::rental::Slot;
use serde_json::{Value, json};
use tests::{
    House,
    house::{Person, patient, send, text, with},
};
use uuid::Uuid;

use super::lot::round;

/// A customer with a car, and the fleet manager who owns the house's cars.
struct Desk {
    house: House,
    manager: Person,
    customer: Person,
    booking: String,
}

impl Desk {
    async fn open() -> Self {
        let house = House::open(&[Queue::Booking, Queue::Thumbnail]).await;
        let (manager, customer) = (house.staff("fleet_manager").await, house.customer().await);
        let car = house.car(&manager).await;
        let starts = chrono::Utc::now() + chrono::TimeDelta::minutes(70);
        let wish = json!({ "carId": car, "startDate": starts, "endDate": starts + chrono::TimeDelta::days(2) });
        let booked = house.post("/api/v1/bookings", Some(&customer), wish).await;
        assert_eq!(booked.status, 201, "{booked:?}");
        let booking = format!("/api/v1/bookings/{}", text(&booked.body, "id"));
        let readings = json!({ "odometer": 10, "fuel": 1.0 });
        let taken = house.post(&format!("{booking}/pickup"), Some(&customer), readings).await;
        assert_eq!(taken.status, 200, "{taken:?}");
        Self { house, manager, customer, booking }
    }

    /// Puts a photo to the address that the answer gave for its side.
    async fn upload(&self, opened: &Value, slot: Slot, jpeg: Vec<u8>) {
        let uploads = opened["uploads"].as_array().unwrap();
        let upload = uploads.iter().find(|upload| upload["slot"] == slot.as_str()).unwrap();
        let mut request = Client::new().request(Method::PUT, text(upload, "url")).body(jpeg);
        for (name, value) in upload["headers"].as_object().unwrap() {
            request = request.header(name, value.as_str().unwrap());
        }
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn photos_go_straight_to_the_bucket_and_their_copies_to_whoever_may_see_them() {
    let desk = Desk::open().await;
    let Desk { house, manager, customer, booking } = &desk;
    let opened = house.post(&format!("{booking}/return"), Some(customer), json!({})).await;
    assert_eq!(opened.status, 201, "{opened:?}");
    let path = format!("/api/v1/returns/{}", text(&opened.body, "returnId"));
    let readings = json!({ "odometer": 200, "fuel": 0.5 });
    let mut scenes = round(2);
    let (last, right) = scenes.pop().unwrap();
    for (slot, jpeg) in scenes {
        desk.upload(&opened.body, slot, jpeg).await;
    }
    let early = house.post(&format!("{path}/complete"), Some(customer), readings.clone()).await;
    assert_eq!((early.status.as_u16(), &early.body["code"]), (409, &json!("photos_missing")), "{early:?}");
    assert!(early.body.to_string().contains("right"), "the side is named: {}", early.body);
    desk.upload(&opened.body, last, right.clone()).await;
    let correction = json!({ "odometer": 200, "fuel": 0.5, "odometerCorrection": "a slip" });
    let corrected = house.post(&format!("{path}/complete"), Some(customer), correction).await;
    assert_eq!((corrected.status.as_u16(), corrected.code()), (403, "forbidden"), "only staff correct an odometer");
    let complete = house.post(&format!("{path}/complete"), Some(customer), readings).await;
    assert_eq!(complete.status, 200, "{complete:?}");

    let find =
        format!("select id from photo where booking_id = '{}' and slot = 'right'", booking.rsplit_once('/').unwrap().1);
    let photo = sea_orm::ConnectionTrait::query_one_raw(
        &house.bed.db,
        sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, find),
    );
    let photo: Uuid = photo.await.unwrap().unwrap().try_get_by_index(0).unwrap();
    house.bed.until("select count(*) from derivative", 4 * 3).await;

    let media = |variant: &str| format!("/api/v1/media/{photo}/{variant}");
    let shown = house.get(&media("original"), Some(customer)).await;
    assert_eq!(shown.status, 302, "{shown:?}");
    let original = Client::new().get(shown.headers[LOCATION].to_str().unwrap()).send().await.unwrap();
    assert_eq!(original.bytes().await.unwrap(), right, "byte for byte what was sent");
    let small = house.get(&media("160"), Some(customer)).await;
    let small = Client::new().get(small.headers[LOCATION].to_str().unwrap()).send().await.unwrap();
    assert_eq!(small.headers()["content-type"], "image/jpeg");

    assert_eq!(house.get(&media("160"), None).await.status, 401);
    assert_eq!(house.get(&media("160"), Some(&house.customer().await)).await.status, 404);

    let looked = format!(
        "select count(*) from audit_log
         where action = 'show_original' and subject_id = '{photo}' and actor = '{}'",
        manager.id
    );
    assert_eq!(house.get(&media("1600"), Some(manager)).await.status, 302);
    assert_eq!(house.bed.number(&looked).await, 0, "a small copy is no original");
    assert_eq!(house.get(&media("original"), Some(manager)).await.status, 302);
    assert_eq!(house.bed.number(&looked).await, 1, "staff looked at somebody's original");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_form_brings_the_car_back_and_a_form_without_a_side_names_it() {
    let desk = Desk::open().await;
    let form = |scenes: Vec<(Slot, Vec<u8>)>| {
        scenes.into_iter().fold(Form::new().text("odometer", "200").text("fuel", "0.5"), |form, (slot, jpeg)| {
            let part = Part::bytes(jpeg).file_name("photo.jpg").mime_str("image/jpeg").unwrap();
            form.part(slot.as_str(), part)
        })
    };
    let bring = |scenes| {
        let request = desk.house.ask(Method::POST, &format!("{}/return", desk.booking)).multipart(form(scenes));
        send(patient(with(request, Some(&desk.customer))))
    };
    let short = bring(round(2).into_iter().take(3).collect()).await;
    assert_eq!((short.status.as_u16(), &short.body["code"]), (409, &json!("photos_missing")), "{short:?}");
    assert!(short.body.to_string().contains("right"), "the side is named: {}", short.body);

    let back = bring(round(3)).await;
    assert_eq!(back.status, 201, "{back:?}");
    assert_eq!((&back.body["state"], &back.body["decision"]), (&json!("inspecting"), &Value::Null));
    assert_eq!(back.body["photos"].as_array().unwrap().len(), 4);
    let booking = desk.house.get(&desk.booking, Some(&desk.customer)).await;
    assert_eq!(booking.body["status"], "Returned");
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_who_rent_a_car_themselves_excuse_nothing_of_it() {
    let desk = Desk::open().await;
    let Desk { house, manager, customer, booking } = &desk;
    house.bed.run(&format!("update account set role = 'fleet_manager' where id = '{}'", customer.id)).await;
    let renter = house.log_in(&customer.email).await;
    let opened = house.post(&format!("{booking}/return"), Some(&renter), json!({})).await;
    let path = format!("/api/v1/returns/{}/complete", text(&opened.body, "returnId"));
    let camera = "the camera is broken";
    for body in [
        json!({ "odometer": 200, "fuel": 0.5, "withoutPhotosReason": camera }),
        json!({ "odometer": 5, "fuel": 0.5, "odometerCorrection": "a slip" }),
    ] {
        let refused = house.post(&path, Some(&renter), body).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (403, "forbidden"), "{refused:?}");
    }
    let cancel = format!("{booking}/cancel");
    let refused = house.post(&cancel, Some(&renter), json!({ "houseFault": true })).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, "forbidden"), "{refused:?}");
    let body = json!({ "odometer": 5, "fuel": 0.5, "withoutPhotosReason": camera, "odometerCorrection": "a slip" });
    let taken = house.post(&path, Some(manager), body).await;
    assert_eq!(taken.status, 200, "somebody else may: {taken:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_opens_a_return_again_and_again_gets_the_last_places_again() {
    let desk = Desk::open().await;
    let Desk { house, customer, booking, .. } = &desk;
    let mut opened = Value::Null;
    for _ in 0..13 {
        opened = house.post(&format!("{booking}/return"), Some(customer), json!({})).await.body;
    }
    assert_eq!(house.bed.number("select count(*) from photo").await, 4 * 10);
    for (slot, jpeg) in round(2) {
        desk.upload(&opened, slot, jpeg).await;
    }
    let path = format!("/api/v1/returns/{}/complete", text(&opened, "returnId"));
    let complete = house.post(&path, Some(customer), json!({ "odometer": 200, "fuel": 0.5 })).await;
    assert_eq!(complete.status, 200, "{complete:?}");
}
