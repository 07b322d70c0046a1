//! A car that is free at short notice: everybody hears of it, and the first to press the button has it.

use chrono::{DateTime, TimeDelta, Utc};
use jobs::{
    notify::{Announce, News},
    waitlist::PromoteWaitlist,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{
    done,
    house::{Person, send, text},
};

use super::desk::{Desk, csrf, link, links, words};

fn soon() -> (DateTime<Utc>, DateTime<Utc>) {
    let start = Utc::now() + TimeDelta::minutes(100);
    (start, start + TimeDelta::days(1))
}

/// A desk whose car somebody gives back who was to have it in less than two hours, with those who wait for it.
async fn called(count: usize) -> (Desk, Vec<(Person, Value)>) {
    let desk = Desk::open().await;
    let (start, end) = soon();
    let had = desk.house.customer().await;
    let body = json!({ "carId": desk.car, "startDate": start, "endDate": end });
    let booked = desk.house.post("/api/v1/bookings", Some(&had), body).await;
    assert_eq!(booked.status, 201, "{booked:?}");
    let mut waiting = Vec::new();
    for _ in 0..count {
        let person = desk.house.customer().await;
        let wish = json!({ "carId": desk.car, "from": start, "to": end });
        let joined = desk.house.post("/api/v1/waitlist", Some(&person), wish).await;
        assert_eq!(joined.status, 201, "{joined:?}");
        waiting.push((person, joined.body));
    }
    desk.cancel(&(had, format!("/api/v1/bookings/{}", text(&booked.body, "id")))).await;
    (desk, waiting)
}

/// Everything that the page's button sends.
fn form(html: &str) -> String {
    let field = |name: &str| {
        let value = html.split(&format!("name=\"{name}\" value=\"")).nth(1).and_then(|rest| rest.split('"').next());
        let value = value.unwrap_or_else(|| panic!("no {name} on {html}"));
        format!("{name}={}", value.replace('+', "%2B"))
    };
    let deal = ["car", "start", "end", "total"].map(field).join("&");
    format!("csrf={}&press=book&{deal}", csrf(html))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_final_call_is_booked_with_one_press_by_whoever_is_first() {
    let (desk, waiting) = called(2).await;
    let mut paths = Vec::new();
    for (person, _) in &waiting {
        let mail = desk.mail(person, "first come, first served").await;
        paths.push(link(&mail, "/waitlist/"));
    }
    desk.settle().await;

    let before = desk.world().await;
    for (person, _) in &waiting {
        for mail in desk.mails(person).await {
            for path in links(&mail) {
                for method in [Method::HEAD, Method::GET] {
                    assert_eq!(send(desk.house.ask(method, &path)).await.status, 200, "{path}");
                }
            }
        }
    }
    assert_eq!(desk.world().await, before, "a scanner that opens every link books nothing");

    let page = words(desk.open_page(&paths[1]).await, StatusCode::OK);
    assert!(page.contains("FREE NOW") && page.contains("Book now for 59.50 EUR"), "{page}");
    let forged = form(&page).replace("total=5950", "total=1");
    let refused = words(desk.send_form(&paths[1], &forged).await, StatusCode::CONFLICT);
    assert!(refused.contains("Please look again"), "{refused}");
    let done = words(desk.send_form(&paths[1], &form(&page)).await, StatusCode::OK);
    assert!(done.contains("your wish has come true") && !done.contains("value=\"book\""), "{done}");
    let late = words(
        desk.send_form(&paths[0], &form(&page).replace(csrf(&page), &own_csrf(&desk, &paths[0]).await)).await,
        StatusCode::CONFLICT,
    );
    assert!(late.contains("Somebody else has it now"), "{late}");
    let later = words(desk.open_page(&paths[0]).await, StatusCode::OK);
    assert!(later.contains("is gone: somebody was faster") && later.contains("value=\"leave\""), "{later}");

    desk.mail(&waiting[1].0, "confirmed").await;
    let (won, lost) = (desk.entry(&waiting[1].0, &waiting[1].1).await, desk.entry(&waiting[0].0, &waiting[0].1).await);
    assert_eq!((&won["state"], &lost["state"]), (&json!("fulfilled"), &json!("waiting")));
    let mine = desk.house.get("/api/v1/bookings", Some(&waiting[1].0)).await.body;
    assert_eq!(
        (&mine["items"][0]["id"], &mine["items"][0]["totalPrice"]["amount"]),
        (&won["bookingId"], &json!(5_950))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_hears_of_it_again_when_the_time_was_taken_and_given_up_once_more() {
    let (desk, waiting) = called(1).await;
    let person = &waiting[0].0;
    desk.mail(person, "first come, first served").await;
    let entry = text(&waiting[0].1, "id");
    let promote = PromoteWaitlist::new(desk.car);
    done(desk.house.bed.ask(&promote).await);
    let calls = format!(
        "select count(*) from job where kind = 'announce' and payload->>'news' = 'final_call' and payload->>'subject_id' = '{entry}'"
    );
    assert_eq!(desk.house.bed.number(&calls).await, 1, "a second look is no second call");

    // To book and give back again costs nothing, but it fills nobody's mailbox for ever.
    for heard in [2, 3, 3, 3] {
        let (start, end) = soon();
        let other = desk.house.customer().await;
        let body = json!({ "carId": desk.car, "startDate": start, "endDate": end });
        let booked = desk.house.post("/api/v1/bookings", Some(&other), body).await;
        assert_eq!(booked.status, 201, "{booked:?}");
        desk.cancel(&(other, format!("/api/v1/bookings/{}", text(&booked.body, "id")))).await;
        desk.house.bed.until(&calls, heard).await;
        desk.settle().await;
        assert_eq!(desk.house.bed.number(&calls).await, heard);
    }
    let (start, end) = soon();
    let other = desk.house.customer().await;
    let body = json!({ "carId": desk.car, "startDate": start, "endDate": end });
    let booked = desk.house.post("/api/v1/bookings", Some(&other), body).await;
    assert_eq!(booked.status, 201, "{booked:?}");
    let subject_id = entry.parse().unwrap();
    let late = done(desk.house.bed.ask(&Announce { news: News::FinalCall, subject_id, turn: 0 }).await);
    assert_eq!(late["skipped"], "it is no longer so", "somebody was faster");
}

async fn own_csrf(desk: &Desk, path: &str) -> String {
    csrf(&words(desk.open_page(path).await, StatusCode::OK)).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_all_who_press_at_once_one_has_the_car() {
    let (desk, waiting) = called(6).await;
    let mut pages = Vec::new();
    for (person, _) in &waiting {
        let path = link(&*desk.mail(person, "first come, first served").await, "/waitlist/");
        let page = form(&words(desk.open_page(&path).await, StatusCode::OK));
        pages.push((path, page));
    }
    let answers = futures::future::join_all(pages.iter().map(|(path, page)| desk.send_form(path, page))).await;
    let won = answers.iter().filter(|answer| answer.body.as_str().unwrap().contains("has come true")).count();
    assert_eq!(won, 1, "{answers:#?}");
    desk.settle().await;
    let bed = &desk.house.bed;
    assert_eq!(bed.number("select count(*) from booking where status = 'Confirmed'").await, 1);
    assert_eq!(bed.number("select count(*) from waitlist_entry where state = 'fulfilled'").await, 1);
}
