//! The operators' page, as a browser gets it.

use jobs::Queue;
use reqwest::Method;
use tests::{
    House, bed,
    house::{PASSWORD, send},
};

#[tokio::test(flavor = "multi_thread")]
async fn behind_https_the_login_cookie_never_travels_in_the_open() {
    for (public_url, secure) in [("https://cars.example.com", true), ("http://localhost:8080", false)] {
        let mut bed = bed().await;
        bed.settings.public_url = public_url.to_owned();
        bed.work(Queue::Booking, workers::registry()).await;
        let house = House::on(bed).await;
        let admin = house.staff("admin").await;
        let form = [("email", admin.email.as_str()), ("password", PASSWORD)];
        let body = form.map(|(name, text)| format!("{name}={}", text.replace('@', "%40").replace(' ', "+"))).join("&");
        let login = house.ask(Method::POST, "/ops/login");
        let answer = send(login.header("Content-Type", "application/x-www-form-urlencoded").body(body)).await;
        let cookie = answer.headers.get("set-cookie").unwrap_or_else(|| panic!("{answer:?}")).to_str().unwrap();
        assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
        assert_eq!(cookie.contains("; Secure"), secure, "{cookie}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_answer_of_the_api_says_in_which_format_it_is() {
    let house = House::open(&[]).await;
    for (path, format) in [
        ("/metrics", "text/plain; version=0.0.4"),
        ("/openapi.json", "application/json"),
        ("/docs", "text/html; charset=utf-8"),
    ] {
        let answer = house.get(path, None).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.headers["content-type"]),
            (200, &format.parse().unwrap()),
            "{path}"
        );
    }
}
