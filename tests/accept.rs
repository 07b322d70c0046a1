//! Accepts that come at the same time share a transaction; nobody may notice.

use std::collections::HashSet;

use futures::future::join_all;
use jobs::Queue;
use reqwest::{Method, RequestBuilder};
use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::{Value, json};
use tests::{
    House,
    house::{Answer, Person, dates, send, text, with},
};
use uuid::Uuid;

/// A front without workers, on the database of a house in which a customer has booked a car.
async fn front_alone() -> (House, Person, Uuid, String) {
    let house = House::open(&[Queue::Booking]).await;
    let (admin, customer) = (house.staff("admin").await, house.customer().await);
    let car = house.car(&admin).await;
    let booking = text(&house.book(&customer, car, 2).await.body, "id");
    house.bed.stop().await;
    let mut bed = tests::bed().await;
    bed.settings.database_url = house.bed.settings.database_url.clone();
    bed.db = house.bed.db.clone();
    (House::on(bed).await, customer, car, booking)
}

fn ask(house: &House, person: &Person, path: &str, key: &str, body: &Value) -> RequestBuilder {
    with(house.ask(Method::POST, path), Some(person))
        .header("Idempotency-Key", key)
        .header("Prefer", "respond-async")
        .json(body)
}

fn places(answers: &[Answer]) -> HashSet<&str> {
    answers.iter().map(|answer| answer.headers["location"].to_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn accepts_that_come_together_each_get_the_answer_they_would_get_alone() {
    let (house, customer, car, booking) = front_alone().await;
    let book = |key: &str, day: i64| ask(&house, &customer, "/api/v1/bookings", key, &dates(car, day, day + 1));
    assert_eq!(send(book("before", 5)).await.status, 202);
    let jobs = house.bed.number("select count(*) from job").await;

    // The front lets nothing by that PostgreSQL cannot keep, so PostgreSQL is made to refuse a word.
    let refuse = "create function refuse() returns trigger language plpgsql as
                  $$ begin raise exception using errcode = 'untranslatable_character'; end $$;
                  create trigger refuse before insert on job for each row
                  when (new.payload->>'reason' = 'unwritable') execute function refuse()";
    house.bed.run(refuse).await;

    // Both writers of the front wait for the lock, and everybody who comes then gathers behind them.
    let tx = house.bed.db.begin().await.unwrap();
    tx.execute_unprepared("lock table job in exclusive mode").await.unwrap();
    let first = tokio::spawn(join_all([book("first", 8), book("second", 9)].map(send)));
    let waiting = "select count(*) from pg_stat_activity
                   where datname = current_database() and wait_event_type = 'Lock' and query like '%insert into job%'";
    house.bed.until(waiting, 2).await;
    let cancel = format!("/api/v1/bookings/{booking}/cancel");
    let unwritable =
        |number| ask(&house, &customer, &cancel, &format!("zero-{number}"), &json!({ "reason": "unwritable" }));
    let crowd: Vec<RequestBuilder> = (0..30)
        .map(|number| book(&format!("key-{number}"), 10 + number))
        .chain((0..5).map(|_| book("twin", 50)))
        .chain((0..5).map(|_| book("before", 6)))
        .chain((0..8).map(unwritable))
        .collect();
    let crowd = tokio::spawn(join_all(crowd.into_iter().map(send)));
    for _ in 0..10 {
        assert_eq!(house.get("/api/v1/me", Some(&customer)).await.status, 200);
    }
    tx.commit().await.unwrap();
    assert!(first.await.unwrap().iter().all(|answer| answer.status == 202));
    let answers = crowd.await.unwrap();

    let (accepted, rest) = answers.split_at(35);
    assert!(accepted.iter().all(|answer| answer.status == 202), "{accepted:?}");
    assert_eq!(places(&accepted[..30]).len(), 30, "each is told of a job of its own");
    assert_eq!(places(&accepted[30..]).len(), 1, "one key is one job");
    assert!(rest[..5].iter().all(|answer| answer.code() == "idempotency_key_reused"), "{rest:?}");
    assert!(rest[5..].iter().all(|answer| answer.status == 400), "these alone fail: {rest:?}");
    assert_eq!(house.bed.number("select count(*) from job").await, jobs + 33);
}
