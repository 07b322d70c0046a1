//! What an answer tells, and to whom: problems, reasons, and scripts of other origins.

use jobs::Queue;
use reqwest::Method;
use serde_json::json;
use tests::{
    House,
    house::{new_car, send, with},
};

#[tokio::test(flavor = "multi_thread")]
async fn why_an_attempt_failed_is_told_to_admins_only() {
    let house = House::open(&[Queue::Booking]).await;
    let (customer, admin) = (house.customer().await, house.staff("admin").await);
    let job = uuid::Uuid::now_v7();
    let failed = format!(
        "insert into job (id, queue, kind, payload, principal, attempt, run_at, max_attempts, error)
         values ('{job}', 'booking', 'cancel_booking', '{{}}', '{}', 1, now() + interval '1 hour', 8,
                 '{{\"reason\": \"relation reservation\", \"attempt\": 1}}')",
        customer.id
    );
    house.bed.run(&failed).await;
    let shown = async |person| house.get(&format!("/api/v1/jobs/{job}"), Some(person)).await.body["error"].clone();
    assert_eq!(shown(&admin).await["reason"], "relation reservation");
    let told = shown(&customer).await;
    assert_eq!(told, json!({ "attempt": 1, "reason": "This attempt did not succeed; our people can see why." }));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_error_is_a_problem_document() {
    let house = House::open(&[Queue::Booking]).await;
    let (customer, admin) = (house.customer().await, house.staff("admin").await);
    // PostgreSQL keeps no U+0000.
    let mut nul = new_car();
    nul["make"] = json!("V\0W");
    let huge = "x".repeat(2 << 20);
    // Nobody says beforehand how long this one is.
    let parts = std::iter::repeat_n("x".repeat(64 << 10), 32).map(Ok::<_, std::io::Error>);
    let endless = reqwest::Body::wrap_stream(futures::stream::iter(parts));
    let json = |request: reqwest::RequestBuilder| request.header("content-type", "application/json");
    let login = || house.ask(Method::POST, "/api/v1/auth/login");
    for (request, status) in [
        (house.ask(Method::GET, "/api/v1/nowhere"), 404),
        (house.ask(Method::GET, "/nowhere"), 404),
        (house.ask(Method::PUT, "/api/v1/cars"), 405),
        (json(login()).body("{"), 400),
        (login().header("content-type", "text/plain").body("x"), 415),
        (with(house.ask(Method::POST, "/api/v1/cars"), Some(&admin)).json(&nul), 422),
        (house.ask(Method::GET, "/api/v1/cars?features=a%00"), 422),
        (house.ask(Method::GET, "/api/v1/cars?seat=5"), 422),
        (json(login()).body(huge), 413),
        (json(login()).body(endless), 413),
        (house.ask(Method::GET, "/api/v1/cars/no-uuid"), 404),
        (house.ask(Method::GET, "/api/v1/cars?limit=x"), 422),
        (house.ask(Method::GET, "/api/v1/me"), 401),
        (with(house.ask(Method::GET, "/api/v1/admin/jobs"), Some(&customer)), 403),
    ] {
        let answer = send(request).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{answer:?}");
        assert!(answer.body["code"].is_string() && answer.body["requestId"].is_string(), "{answer:?}");
        assert!(answer.headers.contains_key("x-request-id"));
        assert_eq!(answer.headers.get("allow").is_some_and(|methods| methods == "GET, HEAD, POST"), status == 405);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_of_a_known_origin_read_everything_and_pages_work_for_everybody() {
    let bed = tests::bed().await;
    bed.work(Queue::Booking, workers::registry()).await;
    let origin = "https://app.example.com";
    let house = House::with(bed, |settings| settings.cors_origins = vec![origin.to_owned()]).await;
    let customer = house.customer().await;
    let from = |origin: &str, method: Method, path: &str| send(house.ask(method, path).header("origin", origin));

    for (method, path, status) in [
        (Method::GET, "/api/v1/cars?limit=x", 422),
        (Method::GET, "/api/v1/me", 401),
        (Method::PUT, "/api/v1/cars", 405),
        (Method::GET, "/api/v1/nowhere", 404),
    ] {
        let answer = from(origin, method, path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.headers["content-type"].to_str().unwrap()),
            (status, "application/problem+json")
        );
        assert_eq!(
            (&answer.body["instance"], answer.headers["access-control-allow-origin"].to_str().unwrap()),
            (&json!(path.split('?').next().unwrap()), origin)
        );
        assert!(answer.headers["access-control-expose-headers"].to_str().unwrap().contains("location"));
        assert!(answer.headers.get_all("vary").iter().any(|name| name == "Origin"));
    }
    let ask = house.ask(Method::OPTIONS, "/api/v1/admin/damage-matrix").header("origin", origin);
    let ask =
        ask.header("access-control-request-method", "PUT").header("access-control-request-headers", "authorization");
    assert_eq!(send(ask).await.status, 200);

    // A browser names the page's own origin with every form.
    let elsewhere = "https://other.example.com";
    let page = from(elsewhere, Method::POST, "/ops/login").await;
    assert_ne!(page.body["code"], "bad_request", "{page:?}");
    let served = with(house.ask(Method::GET, "/api/v1/me").header("origin", elsewhere), Some(&customer));
    let served = send(served).await;
    assert_eq!((served.status.as_u16(), served.headers.get("access-control-allow-origin")), (200, None));
}
