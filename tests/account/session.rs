//! Sessions: how people are let in, and how they are kept out again.

use std::collections::HashSet;

use jobs::Queue;
use reqwest::Method;
use serde_json::json;
use tests::{
    House,
    house::{PASSWORD, text},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_an_unknown_address_look_the_same() {
    let house = House::open(&[Queue::Booking]).await;
    let customer = house.customer().await;
    let mut bodies = Vec::new();
    for email in [customer.email.as_str(), "unknown@example.com"] {
        let answer =
            house.post("/api/v1/auth/login", None, json!({ "email": email, "password": "wrong password" })).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (401, "invalid_credentials"));
        assert!(answer.headers.contains_key("www-authenticate"));
        bodies.push(answer.body["detail"].clone());
    }
    assert_eq!(bodies[0], bodies[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_guesses_passwords_waits_and_only_wrong_ones_count() {
    let house = House::open(&[Queue::Booking]).await;
    let [customer, other] = [house.customer().await, house.customer().await];
    let log_in = |email: &str, password: &str| {
        house.post("/api/v1/auth/login", None, json!({ "email": email, "password": password }))
    };
    let nobody = "nobody@example.com";
    for email in [customer.email.as_str(), nobody] {
        // At the same time, and the address in other letters: that opens no second window.
        let upper = email.to_uppercase();
        let guesses = (0..15).map(|number| log_in(if number % 2 == 0 { email } else { &upper }, "wrong password"));
        let answers = futures::future::join_all(guesses).await;
        let count = |status: u16| answers.iter().filter(|answer| answer.status.as_u16() == status).count();
        assert_eq!((count(401), count(429)), (10, 5), "{email}");
    }
    for email in [customer.email.as_str(), nobody] {
        let refused = log_in(email, PASSWORD).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (429, "rate_limited"));
        assert_eq!(refused.headers["ratelimit-policy"], "\"wrong-passwords\";q=10;w=900");
        let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((800..=900).contains(&wait), "{wait}");
        assert_eq!(refused.headers["ratelimit"], format!("\"wrong-passwords\";r=0;t={wait}"));
    }
    let form = format!("email={}&password={}", customer.email.replace('@', "%40"), PASSWORD.replace(' ', "+"));
    let page =
        house.ask(Method::POST, "/ops/login").header("content-type", "application/x-www-form-urlencoded").body(form);
    let page = page.send().await.unwrap();
    assert_eq!(page.status(), 429, "the page for admins is no way around");
    assert!(page.text().await.unwrap().contains("Try again in 15 minutes."));
    for _ in 0..12 {
        assert_eq!(log_in(&other.email, PASSWORD).await.status, 200, "a right password is no guess");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_works_once_and_its_reuse_closes_the_session() {
    let house = House::open(&[Queue::Booking]).await;
    let customer = house.customer().await;
    let refresh = |token: &str| house.post("/api/v1/auth/refresh", None, json!({ "refreshToken": token }));
    let second = refresh(&customer.refresh).await;
    assert_eq!(second.status, 200, "{second:?}");
    assert_eq!(second.headers["cache-control"], "no-store");
    assert_eq!(refresh(&text(&second.body, "refreshToken")).await.status, 200);

    let reused = refresh(&customer.refresh).await;
    assert_eq!((reused.status.as_u16(), reused.code()), (401, "refresh_reused"), "its successor was used since");
    let heir = refresh(&text(&second.body, "refreshToken")).await;
    assert_eq!(heir.status, 401, "the whole family is closed");
    assert_eq!(house.get("/api/v1/me", Some(&customer)).await.status, 401);
    assert_eq!(refresh("nonsense").await.code(), "refresh_invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_whose_answer_was_lost_can_be_repeated_at_once_and_not_later() {
    let house = House::open(&[Queue::Booking]).await;
    let customer = house.customer().await;
    let refresh = |token: String| {
        let house = &house;
        async move { house.post("/api/v1/auth/refresh", None, json!({ "refreshToken": token })).await }
    };
    let answers = futures::future::join_all((0..8).map(|_| refresh(customer.refresh.clone()))).await;
    let next: HashSet<_> = answers.iter().map(|answer| text(&answer.body, "refreshToken")).collect();
    assert_eq!(next.len(), 1, "{answers:?}");
    let next = next.into_iter().next().unwrap();
    assert_ne!(next, customer.refresh);

    let eleven_seconds_pass = "update refresh_token set used_at = used_at - interval '11 seconds'";
    house.bed.run(eleven_seconds_pass).await;
    assert_eq!(refresh(customer.refresh.clone()).await.code(), "refresh_reused");
    assert_eq!(refresh(next).await.status, 401, "the whole family is closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_ends_the_access_token_at_once_and_other_devices_stay() {
    let house = House::open(&[Queue::Booking]).await;
    let phone = house.customer().await;
    let laptop = house.log_in(&phone.email).await;
    let out = house.post("/api/v1/auth/logout", Some(&phone), json!({ "refreshToken": phone.refresh })).await;
    assert_eq!(out.status, 204, "{out:?}");
    assert_eq!(house.get("/api/v1/me", Some(&phone)).await.code(), "token_invalid");
    assert_eq!(house.get("/api/v1/me", Some(&laptop)).await.status, 200);
    let devices = house.get("/api/v1/me/sessions", Some(&laptop)).await;
    assert_eq!(devices.body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_logs_out_with_anothers_token_is_logged_out_and_devices_that_expired_are_gone() {
    let house = House::open(&[Queue::Booking]).await;
    let (customer, other) = (house.customer().await, house.customer().await);
    let old = house.log_in(&customer.email).await;
    house
        .bed
        .run("update session set expires_at = now() where created_at = (select max(created_at) from session)")
        .await;
    let devices = house.get("/api/v1/me/sessions", Some(&customer)).await;
    assert_eq!(devices.body["items"].as_array().unwrap().len(), 1, "{devices:?}");
    drop(old);
    let out = house.post("/api/v1/auth/logout", Some(&customer), json!({ "refreshToken": other.refresh })).await;
    assert_eq!(out.status, 204);
    assert_eq!(house.get("/api/v1/me", Some(&customer)).await.status, 401);
    assert_eq!(house.get("/api/v1/me", Some(&other)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_suspended_is_out_within_a_moment() {
    let house = House::open(&[Queue::Booking]).await;
    let (customer, other) = (house.customer().await, house.customer().await);
    house.bed.run(&format!("update account set suspended_at = now() where id = '{}'", customer.id)).await;
    tests::until("the token is refused", || async {
        (house.get("/api/v1/me", Some(&customer)).await.status == 401).then_some(())
    })
    .await;
    assert_eq!(house.get("/api/v1/me", Some(&other)).await.status, 200);
}
