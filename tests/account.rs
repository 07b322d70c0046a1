//! Accounts: who may come in, and what they may say of themselves.

mod session;

use jobs::Queue;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{
    House,
    house::{Answer, PASSWORD, patient, send, text, with},
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
async fn the_first_admin_is_made_once_and_of_nobody_else() {
    let house = House::open(&[Queue::Booking]).await;
    let customer = house.customer().await;
    let make = async |email: &str| {
        api::account::create_admin(house.bed.settings.database_url.expose(), email, PASSWORD.to_owned()).await
    };
    assert!(make("first@example.com").await.unwrap());
    assert!(!make("first@example.com").await.unwrap());
    let words = make(&customer.email).await.expect_err("that would be somebody else").to_string();
    assert!(words.contains(&customer.email) && words.contains("as customer"), "{words}");
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
