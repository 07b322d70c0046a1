//! Accounts: who may come in, and how they are kept out again.

use std::collections::HashSet;

use jobs::Queue;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{
    House,
    house::{Answer, PASSWORD, new_car, patient, send, text, with},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_role_in_the_body_of_a_registration_is_refused() {
    let house = House::open(&[Queue::Booking]).await;
    let body = json!({ "email": "x@example.com", "password": PASSWORD, "name": "X", "role": "admin" });
    let refused = house.post("/api/v1/auth/register", None, body).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (422, "validation_failed"), "{refused:?}");
    assert_eq!(refused.body["errors"][0]["pointer"], "/role");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_wrong_with_a_registration_is_said_at_once() {
    let house = House::open(&[Queue::Booking]).await;
    let body = json!({ "email": "nobody", "password": "short", "name": "", "phone": "12" });
    let refused = house.post("/api/v1/auth/register", None, body).await;
    let pointers: Vec<_> = refused.body["errors"].as_array().unwrap().iter().map(|one| &one["pointer"]).collect();
    assert_eq!(pointers, ["/email", "/password", "/name", "/phone"], "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_unknown_or_of_another_type_is_named() {
    let house = House::open(&[]).await;
    let answer = house.post("/api/v1/auth/register", None, json!({ "name": 7, "nickname": "Me" })).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (422, "validation_failed"), "{answer:?}");
    let pointers = answer.body["errors"].as_array().unwrap().iter().map(|reason| text(reason, "pointer"));
    assert_eq!(pointers.collect::<Vec<_>>(), ["/email", "/password", "/nickname", "/name"]);
    let answer = house.post("/api/v1/auth/register", None, json!([])).await;
    assert_eq!(answer.body["errors"], json!([{ "pointer": "", "message": "must be an object" }]), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_no_text_and_null_is_nothing() {
    let house = House::open(&[Queue::Booking]).await;
    let customer = house.customer().await;
    let change = |body: Value| send(with(house.ask(Method::PATCH, "/api/v1/me").json(&body), Some(&customer)));
    let refused = change(json!({ "name": 7 })).await;
    let told = json!([{ "pointer": "/name", "message": "must be a text" }]);
    assert_eq!((refused.status.as_u16(), &refused.body["errors"]), (422, &told), "{refused:?}");
    let before = house.get("/api/v1/me", Some(&customer)).await.body;
    assert_eq!(change(json!({ "name": null })).await.body, before, "what is not said stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_of_a_branch_that_is_not_there_are_refused_and_nothing_is_left_of_them() {
    let house = House::open(&[Queue::Booking]).await;
    let admin = house.staff("admin").await;
    let body = json!({ "email": "desk@example.com", "password": PASSWORD, "name": "A Desk", "role": "fleet_manager",
                       "branchId": uuid::Uuid::now_v7() });
    let refused = house.post("/api/v1/admin/staff", Some(&admin), body).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.body["errors"][0]["pointer"]),
        (422, &json!("/branchId")),
        "{refused:?}"
    );
    assert_eq!(house.bed.number("select count(*) from registration").await, 0);
}

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
async fn an_address_registers_once_and_no_job_holds_it() {
    let house = House::open(&[Queue::Booking]).await;
    let customer = house.customer().await;
    let body = json!({ "email": customer.email.to_uppercase(), "password": PASSWORD, "name": "Again" });
    let taken = house.post("/api/v1/auth/register", None, body).await;
    assert_eq!((taken.status.as_u16(), taken.code()), (409, "email_taken"));
    assert_eq!(house.bed.number("select count(*) from registration").await, 0, "what was typed is gone");
    let leaks = "select count(*) from job where payload::text like '%@%' or payload::text like '%argon2%'";
    assert_eq!(house.bed.number(leaks).await, 0);
}

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
async fn two_devices_change_a_profile_at_once_and_both_changes_stay() {
    let house = House::open(&[Queue::Booking]).await;
    let customer = house.customer().await;
    let change = |body: Value| send(patient(with(house.ask(Method::PATCH, "/api/v1/me").json(&body), Some(&customer))));
    for round in 0..10 {
        let (name, phone) = (format!("Name {round}"), format!("+493012345{round:02}"));
        futures::join!(change(json!({ "name": name })), change(json!({ "phone": phone })));
        let me = house.get("/api/v1/me", Some(&customer)).await.body;
        assert_eq!((&me["name"], &me["phone"]), (&json!(name), &json!(phone)));
    }
    assert_eq!(change(json!({ "phone": "" })).await.body["phone"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_registers_and_does_not_wait_can_ask_how_it_ended() {
    let house = House::open(&[Queue::Booking]).await;
    let customer = house.customer().await;
    let register = |email: &str, key: &str| {
        let body = json!({ "email": email, "password": PASSWORD, "name": "Soon" });
        let request = house.ask(Method::POST, "/api/v1/auth/register").json(&body);
        send(request.header("Idempotency-Key", key).header("Prefer", "respond-async"))
    };
    // Two strangers may name their requests alike.
    let accepted = register("soon@example.com", "1").await;
    let taken = register(&customer.email, "1").await;
    assert_eq!([&accepted, &taken].map(|answer| answer.status.as_u16()), [202, 202]);
    let place = |answer: &Answer| answer.headers["location"].to_str().unwrap().to_owned();
    house.bed.until("select count(*) from job where kind = 'register_account' and state = 'done'", 3).await;
    let ended = house.get(&place(&accepted), None).await;
    assert_eq!(ended.body["outcome"]["document"]["email"], "soon@example.com", "{ended:?}");
    assert_eq!(house.get(&place(&taken), None).await.body["outcome"]["code"], "email_taken");
    // Other jobs are for those who asked.
    let change = with(house.ask(Method::PATCH, "/api/v1/me"), Some(&customer)).json(&json!({ "name": "Me" }));
    let other = place(&send(change.header("Prefer", "respond-async")).await);
    assert_eq!(house.get(&other, None).await.status, 401);
    assert_eq!(house.get(&format!("/api/v1/jobs/{}", uuid::Uuid::now_v7()), None).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_waits_as_long_as_its_job_does() {
    let house = House::open(&[]).await;
    let register = |email: &str| {
        let body = json!({ "email": email, "password": PASSWORD, "name": "Waits" });
        let request = house.ask(Method::POST, "/api/v1/auth/register").json(&body);
        send(request.header("Idempotency-Key", "once").header("Prefer", "respond-async"))
    };
    for email in ["waits@example.com", "dead@example.com", "gone@example.com"] {
        assert_eq!(register(email).await.status, 202);
    }
    // The same request again brings a row that no job is going to read.
    assert_eq!(register("waits@example.com").await.status, 202);
    let of = |email: &str| format!("(select min(id::text)::uuid from registration where email = '{email}')");
    let dead = format!("update job set state = 'dead', finished_at = now() where id = {}", of("dead@example.com"));
    let gone = format!("update job set state = 'cancelled', finished_at = now() where id = {}", of("gone@example.com"));
    for change in [&dead, &gone, "update registration set created_at = now() - interval '2 days'"] {
        house.bed.run(change).await;
    }
    let (db, place, stop) = (house.bed.db.clone(), house.bed.settings.ticket_place(), house.bed.stop.clone());
    tokio::spawn(async move { workers::clock::keep_time(&db, &place, 30, stop).await });
    house.bed.until("select count(*) from registration", 2).await;
    house.bed.work(Queue::Booking, workers::registry()).await;
    house.bed.until("select count(*) from account where email = 'waits@example.com'", 1).await;
    assert_eq!(house.bed.number("select count(*) from registration where email = 'dead@example.com'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_stand_where_the_answer_says_and_another_branch_is_another_request() {
    let house = House::open(&[Queue::Booking]).await;
    let admin = house.staff("admin").await;
    let branch =
        house.post("/api/v1/branches", Some(&admin), json!({ "name": "North", "timeZone": "Europe/Berlin" })).await;
    let add = |role: &str, branch: &Value| {
        let body = json!({ "email": "desk@example.com", "password": PASSWORD, "name": "A Desk", "role": role,
                           "branchId": branch });
        send(
            with(house.ask(Method::POST, "/api/v1/admin/staff"), Some(&admin))
                .header("Idempotency-Key", "desk")
                .json(&body),
        )
    };
    let added = add("fleet_manager", &branch.body["id"]).await;
    assert_eq!(added.status, 201, "{added:?}");
    let shown = house.get(added.headers["location"].to_str().unwrap(), Some(&admin)).await;
    assert_eq!((&shown.body, &shown.body["branchId"]), (&added.body, &branch.body["id"]));
    assert_eq!(add("fleet_manager", &Value::Null).await.code(), "idempotency_key_reused");
    assert_eq!(add("customer", &Value::Null).await.body["errors"][0]["pointer"], "/role");

    let customer = house.customer().await;
    assert_eq!(house.get(&format!("/api/v1/admin/staff/{}", customer.id), Some(&admin)).await.status, 404);
    let page = house.get("/api/v1/admin/staff?limit=1", Some(&admin)).await.body;
    assert_eq!(page["items"], json!([added.body]));
    let next = house.get(&format!("/api/v1/admin/staff?cursor={}", text(&page, "nextCursor")), Some(&admin)).await.body;
    assert_eq!((&next["items"][0]["email"], next["items"].as_array().unwrap().len()), (&json!(admin.email), 1));
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
