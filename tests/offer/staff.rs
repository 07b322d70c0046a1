//! What staff see and do past the order of the queue.

use chrono::{TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use tests::house::{noon, send, text, with};

use super::desk::{Desk, wish};

fn people(queue: &Value) -> Vec<String> {
    queue["items"].as_array().unwrap().iter().map(|one| text(&one["customer"], "email")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_see_the_queue_in_its_order_and_may_change_it_with_a_reason() {
    let desk = Desk::open().await;
    desk.taken(10).await;
    let (one, _) = desk.waiting(10).await;
    let (two, two_waits) = desk.waiting(10).await;
    let path = format!("/api/v1/admin/waitlist?carId={}", desk.car);
    let queue = desk.house.get(&path, Some(&desk.admin)).await;
    assert_eq!(people(&queue.body), [one.email.clone(), two.email.clone()], "{queue:?}");

    let act = format!("/api/v1/admin/waitlist/{}/priority", text(&two_waits, "id"));
    let without = desk.house.post(&act, Some(&desk.admin), json!({ "priority": 5, "reason": "" })).await;
    assert_eq!(without.status, 422, "{without:?}");
    let body = json!({ "priority": 5, "reason": "a long-standing customer" });
    assert_eq!(desk.house.post(&act, Some(&one), body.clone()).await.status, 403);
    let moved = desk.house.post(&act, Some(&desk.admin), body).await;
    assert_eq!((moved.status.as_u16(), &moved.body["position"]), (200, &json!(1)), "{moved:?}");
    let first = desk.house.get(&format!("{path}&limit=1"), Some(&desk.admin)).await.body;
    assert_eq!((people(&first), &first["items"][0]["priority"]), (vec![two.email], &json!(5)));
    let rest = format!("{path}&cursor={}", text(&first, "nextCursor"));
    assert_eq!(people(&desk.house.get(&rest, Some(&desk.admin)).await.body), [one.email]);
    let audited = "select count(*) from audit_log where action = 'prioritize_entry'";
    assert_eq!(desk.house.bed.number(audited).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_revoked_is_skipped_until_reinstated() {
    let desk = Desk::open().await;
    let first = desk.taken(10).await;
    let (one, one_waits) = desk.waiting(10).await;
    let (two, two_waits) = desk.waiting(10).await;
    desk.cancel(&first).await;
    let offer = text(&desk.offer(&one, &one_waits).await, "id");
    let reason = json!({ "reason": "licence has to be checked" });
    let revoke = format!("/api/v1/admin/offers/{offer}/revoke");
    let revoked = desk.house.post(&revoke, Some(&desk.admin), reason.clone()).await;
    assert_eq!((revoked.status.as_u16(), &revoked.body["state"]), (200, &json!("revoked")), "{revoked:?}");
    desk.offer(&two, &two_waits).await;
    assert_eq!(desk.entry(&one, &one_waits).await["state"], "blocked");

    let entry = format!("/api/v1/admin/waitlist/{}", text(&one_waits, "id"));
    let offering = json!({ "carId": desk.car, "reason": "please" });
    let blocked = desk.house.post(&format!("{entry}/offer"), Some(&desk.admin), offering.clone()).await;
    assert_eq!(blocked.status, 409, "{blocked:?}");
    let back = desk.house.post(&format!("{entry}/reinstate"), Some(&desk.admin), reason).await;
    assert_eq!((back.status.as_u16(), &back.body["state"]), (200, &json!("waiting")), "{back:?}");
    let taken = desk.house.post(&format!("{entry}/offer"), Some(&desk.admin), offering).await;
    assert_eq!((taken.status.as_u16(), taken.code()), (409, "car_taken"), "the second person holds it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_takes_offers_back_and_nobody_is_asked_until_it_ends() {
    let desk = Desk::open().await;
    let first = desk.taken(10).await;
    let (person, waits) = desk.waiting(10).await;
    desk.cancel(&first).await;
    desk.offer(&person, &waits).await;
    let pause = |paused: bool| json!({ "carId": desk.car, "paused": paused, "reason": "a rattle in the door" });
    let path = "/api/v1/admin/waitlist/pause";
    let done = desk.house.post(path, Some(&desk.admin), pause(true)).await;
    assert_eq!((done.status.as_u16(), &done.body["offersRevoked"]), (200, &json!(1)), "{done:?}");
    desk.mail(&person, "We had to take an offer back").await;
    desk.settle().await;
    let entry = desk.entry(&person, &waits).await;
    assert_eq!((&entry["state"], &entry["offer"]), (&json!("waiting"), &Value::Null), "the place is kept");
    assert_eq!(desk.house.post(path, Some(&desk.admin), pause(false)).await.status, 200);
    desk.offer(&person, &waits).await;
    let neither = json!({ "paused": true, "reason": "x" });
    assert_eq!(desk.house.post(path, Some(&desk.admin), neither).await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_are_told_in_words_why_each_was_or_was_not_served() {
    let desk = Desk::open().await;
    let first = desk.taken(10).await;
    desk.waiting(10).await;
    let (held, _) = desk.waiting(10).await;
    let (left, left_waits) = desk.waiting(10).await;
    let mut cheap = wish(desk.car, 10);
    cheap["priceCap"] = json!(1);
    assert_eq!(desk.house.post("/api/v1/waitlist", Some(&desk.house.customer().await), cheap).await.status, 201);
    let leave = format!("/api/v1/waitlist/{}", text(&left_waits, "id"));
    assert_eq!(send(with(desk.house.ask(Method::DELETE, &leave), Some(&left))).await.status, 200);
    let path = format!(
        "/api/v1/admin/waitlist/explain?carId={}&from={}&to={}",
        desk.car,
        noon(10).to_rfc3339().replace('+', "%2B"),
        noon(11).to_rfc3339().replace('+', "%2B")
    );
    let fared = async || {
        let told = desk.house.get(&path, Some(&desk.admin)).await;
        assert_eq!(told.status, 200, "{told:?}");
        let items = told.body["items"].as_array().unwrap().clone();
        items.iter().map(|item| text(item, "fared")).collect::<Vec<_>>()
    };
    assert_eq!(fared().await, ["does_not_fit", "does_not_fit", "not_waiting", "does_not_fit"]);
    desk.cancel(&first).await;
    desk.settle().await;
    assert_eq!(fared().await, ["offered", "held_for_another", "not_waiting", "too_dear"]);
    desk.house.bed.run(&format!("update account set suspended_at = now() where id = '{}'", held.id)).await;
    assert_eq!(fared().await, ["offered", "suspended", "not_waiting", "too_dear"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_is_explained_by_the_terms_that_the_house_has_set() {
    for (shortest, fared) in [(20, "next"), (180, "final_call")] {
        let mut bed = tests::bed().await;
        bed.settings.waitlist_terms.shortest = TimeDelta::minutes(shortest);
        let desk = Desk::on(bed).await;
        let (start, end) = (Utc::now() + TimeDelta::minutes(100), Utc::now() + TimeDelta::days(1));
        let person = desk.house.customer().await;
        let body = json!({ "carId": desk.car, "startDate": start, "endDate": end });
        let booked = desk.house.post("/api/v1/bookings", Some(&person), body).await;
        assert_eq!(booked.status, 201, "{booked:?}");
        let wish = json!({ "carId": desk.car, "from": start, "to": end, "flexibility": 90 });
        let joined = desk.house.post("/api/v1/waitlist", Some(&person), wish).await;
        assert_eq!(joined.status, 201, "{joined:?}");
        desk.settle().await;
        // What frees the time tells nobody, so that nobody is asked before staff look.
        desk.house.bed.run("delete from reservation").await;
        let (from, to) = (start.format("%FT%TZ"), end.format("%FT%TZ"));
        let path = format!("/api/v1/admin/waitlist/explain?carId={}&from={from}&to={to}", desk.car);
        let told = desk.house.get(&path, Some(&desk.admin)).await;
        assert_eq!(told.body["items"][0]["fared"], fared, "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_stands_behind_a_final_call_for_the_same_time_is_told_of_one_too() {
    let desk = Desk::open().await;
    let (start, end) = (Utc::now() + TimeDelta::minutes(100), Utc::now() + TimeDelta::days(1));
    let had = desk.house.customer().await;
    let body = json!({ "carId": desk.car, "startDate": start, "endDate": end });
    let booked = desk.house.post("/api/v1/bookings", Some(&had), body).await;
    assert_eq!(booked.status, 201, "{booked:?}");
    // Alone the second, who can start later, would be offered the car.
    for flexibility in [0, 90] {
        let person = desk.house.customer().await;
        let wish = json!({ "carId": desk.car, "from": start, "to": end, "flexibility": flexibility });
        let joined = desk.house.post("/api/v1/waitlist", Some(&person), wish).await;
        assert_eq!(joined.status, 201, "{joined:?}");
    }
    desk.settle().await;
    desk.cancel(&(had, format!("/api/v1/bookings/{}", text(&booked.body, "id")))).await;
    desk.settle().await;
    assert_eq!(desk.house.bed.number("select count(*) from waitlist_offer").await, 0);
    let (from, to) = (start.format("%FT%TZ"), end.format("%FT%TZ"));
    let path = format!("/api/v1/admin/waitlist/explain?carId={}&from={from}&to={to}", desk.car);
    let told = desk.house.get(&path, Some(&desk.admin)).await;
    let fared = |at: usize| told.body["items"][at]["fared"].as_str();
    assert_eq!([fared(0), fared(1)], [Some("final_call"); 2], "{told:?}");
}
