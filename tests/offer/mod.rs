//! Waiting and being asked, as customers and staff would say it.

mod call;
mod desk;
mod page;
mod staff;

use desk::{Desk, link, wish, words};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::house::{dates, noon, send, text, with};
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn from_a_car_that_is_taken_to_a_booking_with_one_press_of_a_button() {
    let desk = Desk::open().await;
    let first = desk.taken(10).await;

    let second = desk.house.customer().await;
    let refused = desk.house.book(&second, desk.car, 10).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (409, "car_taken"));
    let (url, body) = (text(&refused.body, "waitlistUrl"), refused.body["waitlist"].clone());
    let joined = desk.house.post(&url, Some(&second), body).await;
    assert_eq!((joined.status.as_u16(), &joined.body["position"]), (201, &json!(1)), "{joined:?}");
    desk.mail(&second, "You are on the waitlist").await;

    let third = desk.house.customer().await;
    let mut ask = dates(desk.car, 10, 11);
    ask["joinWaitlist"] = json!(true);
    let waits = desk.house.post("/api/v1/bookings", Some(&third), ask).await;
    assert_eq!(waits.status, 201, "{waits:?}");
    let entry = &waits.body["waitlistEntry"];
    assert_eq!((&entry["state"], &entry["position"]), (&json!("waiting"), &json!(2)));
    let location = waits.headers["location"].to_str().unwrap();
    assert_eq!(&desk.house.get(location, Some(&third)).await.body, entry);

    desk.cancel(&first).await;
    let mail = desk.mail(&second, "A car is free for you").await;
    let path = link(&mail, "/offer/");
    assert!(words(desk.open_page(&path).await, StatusCode::OK).contains("Nobody else can take it until"));
    let done = words(desk.press(&path, "accept").await, StatusCode::OK);
    assert!(done.contains("is yours"), "{done}");
    let confirmed = desk.mail(&second, "confirmed").await;
    assert!(confirmed.text.as_ref().unwrap().contains("you waited for it and accepted our offer"));

    desk.settle().await;
    let mine = desk.house.get("/api/v1/bookings", Some(&second)).await;
    assert_eq!(mine.body["items"][0]["status"], "Confirmed");
    assert_eq!(desk.entry(&second, &joined.body).await["state"], "fulfilled");
    let theirs = desk.entry(&third, entry).await;
    assert_eq!((&theirs["state"], &theirs["position"]), (&json!("waiting"), &json!(1)), "nobody is ahead any more");
    assert_eq!(desk.mails(&second).await.len(), 4, "welcome, joined, offer, confirmation");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_declines_keeps_the_place_and_who_is_silent_twice_rejoins_with_a_button() {
    let desk = Desk::open().await;
    let first = desk.taken(10).await;
    let (one, one_waits) = desk.waiting(10).await;
    let (two, two_waits) = desk.waiting(10).await;
    desk.cancel(&first).await;
    let offer = desk.offer(&one, &one_waits).await;
    let path = format!("/api/v1/offers/{}", text(&offer, "id"));
    let declined = desk.house.post(&format!("{path}/decline"), Some(&one), json!({})).await;
    assert_eq!((declined.status.as_u16(), &declined.body["state"]), (200, &json!("declined")), "{declined:?}");

    let next = desk.offer(&two, &two_waits).await;
    let ended = link(&*desk.mail(&two, "A car is free for you").await, "/offer/");
    assert_eq!(desk.entry(&one, &one_waits).await["state"], "waiting");
    desk.silence(&next).await;
    let told = desk.mail(&two, "Your offer has ended").await;
    assert!(told.text.as_ref().unwrap().contains("WHAT HAPPENS NEXT"));
    // Nobody else is there to be asked but the same person, now at the tail.
    let again = desk.offer(&two, &two_waits).await;
    assert_ne!(again["id"], next["id"]);
    let page = words(desk.open_page(&ended).await, StatusCode::GONE);
    assert!(page.contains("We hold a car for you once more; see the newer mail."), "{page}");
    assert!(!page.contains("the next person"), "{page}");
    desk.silence(&again).await;
    let lapsed = desk.mail(&two, "You no longer wait").await;
    let page = link(&lapsed, "/waitlist/");
    words(desk.press(&page, "rejoin").await, StatusCode::OK);
    // The car is still free: whoever waits again is asked again.
    desk.offer(&two, &two_waits).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accepting_needs_a_key_is_the_same_every_time_and_only_theirs() {
    let desk = Desk::open().await;
    let first = desk.taken(10).await;
    let (person, waits) = desk.waiting(10).await;
    desk.cancel(&first).await;
    let path = format!("/api/v1/offers/{}", text(&desk.offer(&person, &waits).await, "id"));
    let accept = format!("{path}/accept");

    let keyless = send(with(desk.house.ask(Method::POST, &accept), Some(&person))).await;
    assert_eq!((keyless.status.as_u16(), keyless.code()), (400, "idempotency_key_required"));
    let stranger = desk.house.customer().await;
    for answer in [
        desk.house.get(&path, Some(&stranger)).await,
        desk.house.post(&accept, Some(&stranger), json!({})).await,
        desk.house.post(&format!("{path}/decline"), Some(&stranger), json!({})).await,
        desk.house.post(&accept, Some(&desk.admin), json!({})).await,
    ] {
        assert_eq!(answer.status, 404, "{answer:?}");
    }

    let booked = desk.house.post(&accept, Some(&person), json!({})).await;
    assert_eq!((booked.status.as_u16(), &booked.body["status"]), (200, &json!("Confirmed")), "{booked:?}");
    assert_eq!(desk.house.post(&accept, Some(&person), json!({})).await.body, booked.body);
    let late = desk.house.post(&format!("{path}/decline"), Some(&person), json!({})).await;
    assert_eq!(late.status, 409, "{late:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_is_told_that_the_offer_has_expired() {
    let desk = Desk::open().await;
    let first = desk.taken(10).await;
    let (person, waits) = desk.waiting(10).await;
    desk.cancel(&first).await;
    let offer = desk.offer(&person, &waits).await;
    desk.silence(&offer).await;
    let accept = format!("/api/v1/offers/{}/accept", text(&offer, "id"));
    let late = desk.house.post(&accept, Some(&person), json!({})).await;
    assert_eq!((late.status.as_u16(), late.code()), (409, "offer_expired"), "{late:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_wrong_with_a_wish_is_told_at_once() {
    let desk = Desk::open().await;
    let person = desk.house.customer().await;
    let wrong = json!({ "category": "suv", "from": noon(3), "to": noon(2), "flexibility": -1, "priceCap": 0 });
    let refused = desk.house.post("/api/v1/waitlist", Some(&person), wrong).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (422, "validation_failed"));
    let pointers: Vec<_> =
        refused.body["errors"].as_array().unwrap().iter().map(|one| one["pointer"].clone()).collect();
    assert_eq!(pointers, ["/branchId", "/to", "/flexibility", "/priceCap"]);

    let free = desk.house.post("/api/v1/waitlist", Some(&person), wish(desk.car, 5)).await;
    assert_eq!((free.status.as_u16(), free.code()), (409, "bookable_now"), "{free:?}");
    assert_eq!(free.body["carId"], json!(desk.car), "what can be booked comes along");
    let nothing = desk.house.post("/api/v1/waitlist", Some(&person), wish(Uuid::nil(), 5)).await;
    assert_eq!(nothing.status, 404, "{nothing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_is_ones_own_and_positions_count_people_ahead_who_want_the_same() {
    let desk = Desk::open().await;
    desk.taken(10).await;
    desk.taken(20).await;
    let (early, _) = desk.waiting(20).await;
    let (one, one_waits) = desk.waiting(10).await;
    let (two, two_waits) = desk.waiting(10).await;
    let class = json!({ "category": "compact", "branchId": "00000000-0000-7000-8000-000000000001",
                        "from": noon(10), "to": noon(11) });
    let (three, entry) = (desk.house.customer().await, class);
    let joined = desk.house.post("/api/v1/waitlist", Some(&three), entry).await;
    assert_eq!((joined.status.as_u16(), &joined.body["position"]), (201, &json!(3)), "the car serves the class too");
    assert_eq!((&one_waits["position"], &two_waits["position"]), (&json!(1), &json!(2)), "other days are no rivals");

    let path = format!("/api/v1/waitlist/{}", text(&one_waits, "id"));
    for stranger in [&early, &two] {
        assert_eq!(desk.house.get(&path, Some(stranger)).await.status, 404);
        let leave = send(with(desk.house.ask(Method::DELETE, &path), Some(stranger))).await;
        assert_eq!(leave.status, 404, "{leave:?}");
    }
    let list = desk.house.get("/api/v1/waitlist", Some(&two)).await;
    assert_eq!(list.body["items"], json!([two_waits]));

    let left = send(with(desk.house.ask(Method::DELETE, &path), Some(&one))).await;
    assert_eq!((left.status.as_u16(), &left.body["state"]), (200, &json!("left")), "{left:?}");
    assert_eq!(desk.entry(&two, &two_waits).await["position"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_told_in_the_application_and_can_be_read() {
    let desk = Desk::open().await;
    let first = desk.taken(10).await;
    let (person, waits) = desk.waiting(10).await;
    desk.cancel(&first).await;
    desk.offer(&person, &waits).await;
    desk.settle().await;
    let news = |list: &Value| -> Vec<Value> {
        list["items"].as_array().unwrap().iter().map(|one| one["data"]["news"].clone()).collect()
    };
    let list = desk.house.get("/api/v1/notifications", Some(&person)).await.body;
    assert_eq!(news(&list), ["offer_made", "waitlist_joined", "account_registered"], "newest first");
    assert_eq!((&list["items"][0]["type"], &list["items"][0]["isRead"]), (&json!("BOOKING"), &json!(false)));
    let page = desk.house.get("/api/v1/notifications?limit=1", Some(&person)).await.body;
    let rest = format!("/api/v1/notifications?cursor={}", text(&page, "nextCursor"));
    assert_eq!(news(&desk.house.get(&rest, Some(&person)).await.body), ["waitlist_joined", "account_registered"]);

    let read = format!("/api/v1/notifications/{}/read", text(&list["items"][0], "id"));
    assert_eq!(desk.house.post(&read, Some(&first.0), json!({})).await.status, 404, "it is not theirs");
    for wanted in [1, 0] {
        let done = desk.house.post(&read, Some(&person), json!({})).await;
        assert_eq!((done.status.as_u16(), &done.body), (200, &json!({ "read": wanted })), "twice is the same as once");
    }
    let unread = desk.house.get("/api/v1/notifications?isRead=false", Some(&person)).await.body;
    assert_eq!(news(&unread), ["waitlist_joined", "account_registered"]);
    let all = desk.house.post("/api/v1/notifications/read-all", Some(&person), json!({})).await;
    assert_eq!(all.body, json!({ "read": 2 }));
    let theirs = desk.house.get("/api/v1/notifications?isRead=false", Some(&first.0)).await.body;
    assert!(!news(&theirs).is_empty(), "other people's stay as they are");
}
