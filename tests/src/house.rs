use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};

use api::{Front, FrontSettings};
use chrono::{DateTime, TimeDelta, Utc};
use jobs::Queue;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::{Bed, bed};

/// A whole house on a bed: a front, and the pools that a test asks for.
pub struct House {
    pub bed: Bed,
    pub url: String,
    http: reqwest::Client,
}

/// Somebody who is logged in.
#[derive(Clone)]
pub struct Person {
    pub id: Uuid,
    pub email: String,
    pub token: String,
    pub refresh: String,
}

/// An answer: its status, its headers, its body.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

/// What a problem may bring, by the OpenAPI document.
static PROBLEM: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let members = &api::openapi()["components"]["schemas"]["Problem"]["properties"];
    members.as_object().unwrap().keys().cloned().collect()
});

pub const PASSWORD: &str = "a long pass phrase";

impl House {
    /// A front with these pools behind it.
    pub async fn open(pools: &[Queue]) -> Self {
        let bed = bed().await;
        for queue in pools {
            bed.work(*queue, workers::registry()).await;
        }
        Self::on(bed).await
    }

    /// A front on a bed that a test has made.
    pub async fn on(bed: Bed) -> Self {
        Self::with(bed, |_| ()).await
    }

    /// The same with other settings.
    pub async fn with(bed: Bed, change: impl FnOnce(&mut FrontSettings)) -> Self {
        let mut settings = FrontSettings::with_defaults(bed.settings.clone());
        change(&mut settings);
        let front = Front::start(settings, bed.stop.clone()).await.unwrap();
        let url = serve(front, &bed).await;
        Self { bed, url, http: reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap() }
    }

    /// A request to a path below the front's address.
    pub fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    pub async fn get(&self, path: &str, person: Option<&Person>) -> Answer {
        send(with(self.ask(Method::GET, path), person)).await
    }

    /// Posts JSON with an idempotency key of its own, and waits for the final answer however busy the machine is.
    pub async fn post(&self, path: &str, person: Option<&Person>, body: Value) -> Answer {
        send(patient(with(self.ask(Method::POST, path), person)).json(&body)).await
    }

    /// A new customer, registered and logged in over HTTP.
    pub async fn customer(&self) -> Person {
        let email = format!("{}@example.com", Uuid::new_v4().simple());
        let body = json!({ "email": email, "password": PASSWORD, "name": "A Customer", "phone": "+4930123456" });
        let registered = self.post("/api/v1/auth/register", None, body).await;
        assert_eq!(registered.status, 201, "{registered:?}");
        self.log_in(&email).await
    }

    /// Somebody with another role, made by SQL and logged in over HTTP.
    pub async fn staff(&self, role: &str) -> Person {
        let customer = self.customer().await;
        self.bed.run(&format!("update account set role = '{role}' where id = '{}'", customer.id)).await;
        self.log_in(&customer.email).await
    }

    pub async fn log_in(&self, email: &str) -> Person {
        let answer = self.post("/api/v1/auth/login", None, json!({ "email": email, "password": PASSWORD })).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let token = text(&answer.body, "accessToken");
        let refresh = text(&answer.body, "refreshToken");
        let mut person = Person { id: Uuid::nil(), email: email.to_owned(), token, refresh };
        let me = self.get("/api/v1/me", Some(&person)).await;
        person.id = text(&me.body, "id").parse().unwrap();
        person
    }

    /// A new car, added over HTTP.
    pub async fn car(&self, manager: &Person) -> Uuid {
        let answer = self.post("/api/v1/cars", Some(manager), new_car()).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        text(&answer.body, "id").parse().unwrap()
    }

    /// Asks for a car from the given day on, for a day.
    pub async fn book(&self, person: &Person, car: Uuid, day: i64) -> Answer {
        self.post("/api/v1/bookings", Some(person), dates(car, day, day + 1)).await
    }
}

async fn serve(front: Arc<Front>, bed: &Bed) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (app, stop, grace) = (api::app(front, bed.stop.clone()), bed.stop.clone(), bed.settings.shutdown_grace);
    tokio::spawn(platform::http::serve(listener, app, stop, grace));
    format!("http://{address}")
}

/// A car like any other, with a plate of its own.
pub fn new_car() -> Value {
    let plate = Uuid::new_v4().simple().to_string()[..8].to_uppercase();
    json!({
        "make": "VW", "model": "Golf", "year": 2024, "plate": format!("T-{plate}"), "category": "compact", "seats": 5,
        "fuelType": "petrol", "pricePerDay": { "amount": 5_000, "currency": "EUR" }, "features": ["bluetooth"]
    })
}

/// Noon, so many days from today.
pub fn noon(day: i64) -> DateTime<Utc> {
    (Utc::now() + TimeDelta::days(day)).date_naive().and_hms_opt(12, 0, 0).unwrap().and_utc()
}

/// A booking request by days from today, noon to noon.
pub fn dates(car: Uuid, from: i64, to: i64) -> Value {
    json!({ "carId": car, "startDate": noon(from), "endDate": noon(to) })
}

/// A member of a document that is text.
pub fn text(document: &Value, name: &str) -> String {
    document[name].as_str().unwrap_or_else(|| panic!("no {name} in {document}")).to_owned()
}

/// Signs a request.
pub fn with(request: RequestBuilder, person: Option<&Person>) -> RequestBuilder {
    match person {
        Some(person) => request.bearer_auth(&person.token),
        None => request,
    }
}

/// Gives a write an idempotency key of its own and as long as a slow build on a busy machine may need.
pub fn patient(request: RequestBuilder) -> RequestBuilder {
    request.header("Idempotency-Key", Uuid::new_v4().to_string()).header("Prefer", "wait=25")
}

/// Sends a request and reads the whole answer.
pub async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    assert!(headers.get_all("content-type").iter().count() <= 1, "one answer, one type: {headers:?}");
    let is_problem = headers.get("content-type").is_some_and(|kind| kind == "application/problem+json");
    let body = response.bytes().await.unwrap();
    let body: Value =
        serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into_owned().into());
    for name in body.as_object().filter(|_| is_problem).into_iter().flat_map(|members| members.keys()) {
        assert!(PROBLEM.contains(name), "`{name}` is not in the document of a problem: {body}");
    }
    Answer { status, headers, body }
}

impl Answer {
    /// The stable code of a problem.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}
