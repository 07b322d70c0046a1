//! The operators' page, as a browser gets it.

use jobs::Queue;
use reqwest::Method;
use sea_orm::{ConnectionTrait, DbBackend, Statement, TransactionTrait};
use serde_json::json;
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

#[tokio::test(flavor = "multi_thread")]
async fn what_the_clock_forgets_it_finds_by_an_index() {
    let bed = tests::bed().await;
    let tx = bed.db.begin().await.unwrap();
    tx.execute_unprepared("set local enable_seqscan = off").await.unwrap();
    for sql in
        workers::clock::FORGET.iter().filter(|sql| !sql.contains("registration") && !sql.contains("decision_call"))
    {
        let plan = Statement::from_string(DbBackend::Postgres, format!("explain {sql}"));
        let lines = tx.query_all_raw(plan).await.unwrap();
        let lines: Vec<String> = lines.iter().map(|line| line.try_get("", "QUERY PLAN").unwrap()).collect();
        assert!(!lines.join("\n").contains("Seq Scan"), "{lines:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_stays_ready_while_a_newer_schema_stands_and_not_before_its_own_does() {
    let house = House::open(&[]).await;
    let ready = async || {
        let answer = house.get("/readyz", None).await;
        (answer.status.as_u16(), answer.body.as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(ready().await.0, 200);
    house
        .bed
        .run("insert into seaql_migrations (version, applied_at) values ('m20991231_000001_next_release', 0)")
        .await;
    assert_eq!(ready().await.0, 200, "the release before goes on until it is replaced");
    house.bed.run("delete from seaql_migrations where version like '%create_job'").await;
    assert_eq!(ready().await, (503, "1 migrations are pending; run `migration up`".to_owned()));
    house.bed.run("drop table seaql_migrations").await;
    let words = "there is no schema yet, or none that this user may use; run `migration up`";
    assert_eq!(ready().await, (503, words.to_owned()));
    let tables = "select count(*) from pg_tables where tablename = 'seaql_migrations'";
    assert_eq!(house.bed.number(tables).await, 0, "who only asks creates nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_worker_is_gone_is_an_alarm_on_the_ledger() {
    let bed = bed().await;
    bed.run(
        "insert into job (id, queue, kind, payload, state, max_attempts, attempt, lease_until, run_at)
         values (gen_random_uuid(), 'damage', 'detect_damage', '{}', 'running', 3, 1, now() - interval '1 minute', now()),
                (gen_random_uuid(), 'damage', 'detect_damage', '{}', 'running', 3, 1, now() + interval '1 minute', now())",
    )
    .await;
    let depths = jobs::ledger::depth(&bed.db).await.unwrap();
    let find = |state: &str| depths.iter().find(|depth| depth.state == state).unwrap();
    assert_eq!((find("abandoned").jobs, find("running").jobs), (1, 1));
    assert!(find("abandoned").oldest_seconds >= 60.0 && find("running").oldest_seconds == 0.0, "{depths:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_lost_the_answer_to_a_discard_asks_again_and_nobody_else_did_it() {
    let house = House::open(&[Queue::Booking]).await;
    let (admin, other) = (house.staff("admin").await, house.staff("admin").await);
    let id = uuid::Uuid::now_v7();
    let dead = format!(
        "insert into job (id, queue, kind, payload, state, max_attempts, attempt, run_at, finished_at)
         values ('{id}', 'damage', 'detect_damage', '{{}}', 'dead', 3, 3, now(), now())"
    );
    house.bed.run(&dead).await;
    let act = |person, action: &str| {
        let path = format!("/api/v1/admin/jobs/{id}/{action}");
        let request = house.ask(Method::POST, &path);
        send(tests::house::with(request, Some(person)))
    };
    let first = act(&admin, "discard").await;
    assert_eq!((first.status.as_u16(), &first.body["state"]), (200, &json!("cancelled")), "{first:?}");
    assert_eq!(act(&admin, "discard").await.body, first.body);
    assert_eq!(act(&other, "discard").await.code(), "illegal_state");
    assert_eq!(act(&admin, "replay").await.code(), "illegal_state");
    let audited = "select count(*) from audit_log where action = 'discard_job'";
    assert_eq!(house.bed.number(audited).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_of_the_login_form_leads_back_to_the_page() {
    let house = House::open(&[]).await;
    for path in ["/ops/login", "/ops/logout"] {
        let answer = house.get(path, None).await;
        assert_eq!((answer.status.as_u16(), &answer.headers["location"]), (303, &"/ops".parse().unwrap()), "{path}");
    }
}
