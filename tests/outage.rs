//! Redis or PostgreSQL away: what is accepted is done, what cannot be accepted is said so.

use jobs::Queue;
use platform::settings::Secret;
use reqwest::Method;
use serde_json::json;
use tests::{
    House,
    house::{dates, send, with},
};

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
