//! The pages behind the links of mails: they show, and only buttons do.

use reqwest::{Method, StatusCode};
use serde_json::json;
use tests::house::{send, text};

use super::desk::{Desk, link, links, words};

#[tokio::test(flavor = "multi_thread")]
async fn opening_every_link_of_every_mail_changes_nothing() {
    let desk = Desk::open().await;
    let first = desk.taken(10).await;
    let (one, one_waits) = desk.waiting(10).await;
    let (two, two_waits) = desk.waiting(10).await;
    desk.cancel(&first).await;
    desk.silence(&desk.offer(&one, &one_waits).await).await;
    desk.offer(&two, &two_waits).await;
    desk.mail(&two, "A car is free for you").await;
    desk.mail(&one, "Your offer has ended").await;
    desk.settle().await;

    let before = desk.world().await;
    let mut opened = 0;
    for person in [&one, &two] {
        for mail in desk.mails(person).await {
            for path in links(&mail) {
                for method in [Method::HEAD, Method::GET, Method::GET] {
                    let answer = send(desk.house.ask(method, &path)).await;
                    assert!([200, 410].contains(&answer.status.as_u16()), "{path}: {answer:?}");
                    assert_eq!(answer.headers["cache-control"], "no-store");
                    assert_eq!(answer.headers["referrer-policy"], "no-referrer");
                    opened += 1;
                }
            }
        }
    }
    assert!(opened >= 15, "joined, offer and expired have links: {opened}");
    assert_eq!(desk.world().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_did_not_come_from_the_page_does_nothing() {
    let desk = Desk::open().await;
    let first = desk.taken(10).await;
    let (person, _) = desk.waiting(10).await;
    let (stranger, _) = desk.waiting(10).await;
    desk.cancel(&first).await;
    let path = link(&*desk.mail(&person, "A car is free for you").await, "/offer/");
    let other = link(&*desk.mail(&stranger, "You are on the waitlist").await, "/waitlist/");
    desk.settle().await;
    let foreign = desk.open_page(&other).await.body.as_str().unwrap().to_owned();
    let before = desk.world().await;
    for form in
        ["press=accept", &format!("csrf={}&press=accept", super::desk::csrf(&foreign)), "", "csrf=&press=accept"]
    {
        let page = words(desk.send_form(&path, form).await, StatusCode::FORBIDDEN);
        assert!(page.contains("nothing was done"), "{page}");
    }
    let cut_off = &path[..path.len() - 1];
    assert_eq!(desk.open_page(cut_off).await.status, 404);
    assert_eq!(desk.send_form(cut_off, "press=accept").await.status, 404);
    assert_eq!(desk.world().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_link_says_why() {
    let desk = Desk::open().await;
    let first = desk.taken(10).await;
    let (one, one_waits) = desk.waiting(10).await;
    let (two, two_waits) = desk.waiting(10).await;
    let (three, three_waits) = desk.waiting(10).await;
    desk.cancel(&first).await;

    let declined = link(&*desk.mail(&one, "A car is free for you").await, "/offer/");
    let open = words(desk.open_page(&declined).await, StatusCode::OK);
    assert!(words(desk.press(&declined, "decline").await, StatusCode::OK).contains("You declined this offer"));
    for (button, used) in [("accept", false), ("decline", true)] {
        let form = format!("csrf={}&press={button}", super::desk::csrf(&open));
        let page = desk.send_form(&declined, &form).await.body.as_str().unwrap().to_owned();
        assert!(page.contains("You declined this offer"), "{page}");
        assert_eq!(page.contains("What you sent was not used"), !used, "{button}: {page}");
    }
    assert!(words(desk.open_page(&declined).await, StatusCode::GONE).contains("You declined this offer"));
    assert_eq!(desk.entry(&one, &one_waits).await["state"], "waiting");

    let expired = link(&*desk.mail(&two, "A car is free for you").await, "/offer/");
    desk.silence(&desk.offer(&two, &two_waits).await).await;
    assert!(words(desk.open_page(&expired).await, StatusCode::GONE).contains("This offer has ended"));
    let page = words(desk.send_form(&expired, "press=accept").await, StatusCode::FORBIDDEN);
    assert!(!page.contains("is yours"));

    let revoked = link(&*desk.mail(&three, "A car is free for you").await, "/offer/");
    let id = text(&desk.offer(&three, &three_waits).await, "id");
    let revoke = format!("/api/v1/admin/offers/{id}/revoke");
    let done = desk.house.post(&revoke, Some(&desk.admin), json!({ "reason": "the car is dirty" })).await;
    assert_eq!(done.status, 200, "{done:?}");
    assert!(words(desk.open_page(&revoked).await, StatusCode::GONE).contains("taken back"));
    let mail = desk.mail(&three, "We had to take an offer back").await;
    assert!(!mail.text.as_ref().unwrap().contains("dirty"), "the reason is for the house");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_is_left_on_its_page() {
    let desk = Desk::open().await;
    desk.taken(10).await;
    let (person, waits) = desk.waiting(10).await;
    let path = link(&*desk.mail(&person, "You are on the waitlist").await, "/waitlist/");
    let left = words(desk.press(&path, "leave").await, StatusCode::OK);
    assert!(left.contains("You have left the waitlist") && !left.contains("value=\"leave\""), "{left}");
    assert_eq!(desk.entry(&person, &waits).await["state"], "left");
}
