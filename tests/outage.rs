//! Redis or PostgreSQL away: what is accepted is done, what cannot be accepted is said so.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use jobs::{
    Queue,
    ticket::{self, Tickets},
};
use platform::settings::Secret;
use reqwest::Method;
use serde_json::json;
use tests::{
    Bed, House, Way,
    house::{dates, send, with},
    services,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// An address where nobody listens.
const NOBODY: &str = "127.0.0.1:9";

#[tokio::test(flavor = "multi_thread")]
async fn with_redis_away_a_booking_is_accepted_and_done_when_redis_is_back() {
    let house = House::open(&[]).await;
    let mut lonely = tests::bed().await;
    lonely.settings.database_url = house.bed.settings.database_url.clone();
    lonely.settings.redis_url = Secret::new(format!("redis://{NOBODY}"));
    lonely.db = house.bed.db.clone();
    // Everything up to the booking is prepared with Redis and a worker.
    house.bed.work(Queue::Booking, workers::registry()).await;
    let (admin, customer) = (house.staff("admin").await, house.customer().await);
    let car = house.car(&admin).await;
    house.bed.stop().await;

    let lonely = House::on(lonely).await;
    for _ in 0..12 {
        let login = json!({ "email": customer.email, "password": "a wrong password" });
        let refused = lonely.post("/api/v1/auth/login", None, login).await;
        assert_eq!(refused.code(), "invalid_credentials", "guesses are not counted now");
    }
    let customer = lonely.log_in(&customer.email).await;
    let request = with(lonely.ask(Method::POST, "/api/v1/bookings"), Some(&customer));
    let accepted =
        send(request.header("Idempotency-Key", "k").header("Prefer", "wait=1").json(&dates(car, 3, 4))).await;
    assert_eq!(accepted.status, 202, "{accepted:?}");
    let location = accepted.headers["location"].to_str().unwrap().to_owned();

    let mut back = tests::bed().await;
    back.settings.database_url = house.bed.settings.database_url.clone();
    back.work(Queue::Booking, workers::registry()).await;
    tests::until("the booking is done", || async {
        let job = lonely.get(&location, Some(&customer)).await;
        (job.body["state"] == "done").then_some(())
    })
    .await;
}

/// A bed whose way to Redis can forget.
async fn bed_with_a_way_to_redis() -> (Bed, Way) {
    let port = services().await.redis().unwrap().port();
    let (mut bed, way) = (tests::bed().await, Way::to(port).await);
    let url = bed.settings.redis_url.expose().replace(&format!(":{port}"), &format!(":{}", way.port()));
    bed.settings.redis_url = Secret::new(url);
    (bed, way)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_falls_silent_is_found_out_by_fronts_and_workers() {
    let (bed, way) = bed_with_a_way_to_redis().await;
    bed.work(Queue::Booking, workers::registry()).await;
    let house = House::on(bed).await;
    let customer = house.customer().await;
    way.forget();
    tests::until("an outcome comes before the front has to look for it", || async {
        let asked = Instant::now();
        let request = with(house.ask(Method::PATCH, "/api/v1/me"), Some(&customer));
        let changed = send(request.header("Prefer", "wait=8").json(&json!({ "name": "Another Name" }))).await;
        (changed.status == 200 && asked.elapsed() < Duration::from_secs(4)).then_some(())
    })
    .await;
    tests::until("guesses are counted", || async {
        let login = json!({ "email": customer.email, "password": "a wrong password" });
        let refused = house.post("/api/v1/auth/login", None, login).await;
        (refused.code() == "rate_limited").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_come_and_are_tidied_away_again_after_redis_fell_silent() {
    let (bed, way) = bed_with_a_way_to_redis().await;
    let (place, stop) = (bed.settings.ticket_place(), CancellationToken::new());
    let handled = Arc::new(Mutex::new(HashSet::new()));
    let heard = handled.clone();
    let handle = move |ids: Vec<Uuid>| {
        heard.lock().unwrap().extend(ids);
        std::future::ready(())
    };
    let serving = tokio::spawn(ticket::serve(place.clone(), Queue::Booking, stop.clone(), handle));
    let tickets = Tickets::start(&place).unwrap();
    let url = services().await.redis_url();
    let redis = redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap();
    for silent in [false, true] {
        if silent {
            way.forget();
        }
        let job = Uuid::now_v7();
        tests::until("a ticket comes", || async {
            tickets.push(Queue::Booking, job);
            handled.lock().unwrap().contains(&job).then_some(())
        })
        .await;
        let data = format!("{}booking:data", place.prefix);
        tests::until("nothing is left of the tickets", || async {
            let left: u64 = redis::cmd("HLEN").arg(&data).query_async(&mut redis.clone()).await.unwrap();
            (left == 0).then_some(())
        })
        .await;
    }
    stop.cancel();
    serving.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn with_postgres_away_the_front_says_503_and_when_to_come_back() {
    let mut bed = tests::bed().await;
    bed.settings.database_url = Secret::new(format!("postgres://nobody@{NOBODY}/nothing"));
    let house = House::on(bed).await;
    let answer = house.get("/api/v1/cars", None).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.code(), "service_unavailable");
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(house.get("/livez", None).await.status, 200, "the process itself is well");
    assert_eq!(house.get("/readyz", None).await.status, 503);
}
