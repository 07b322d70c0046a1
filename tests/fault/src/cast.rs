//! Who plays: an admin, customers, and cars.

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::try_join_all;
use serde_json::{Value, json};

use crate::{
    client::{Client, Person, Wanted},
    ground::{ADMIN, PASSWORD},
    ledger::{Fate, Kind},
};

/// Everybody and everything that a load needs, made before any fault.
#[derive(Clone)]
pub struct Cast {
    pub admin: Person,
    pub customers: Vec<Person>,
    /// Cars that everybody wants.
    pub cars: Vec<String>,
    /// Cars of those who pick up and give back, one each.
    pub rentals: Vec<String>,
    /// The car with which it is shown that the platform lives again.
    pub probe: String,
}

/// How many there are of each.
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
    pub customers: usize,
    pub cars: usize,
    pub rentals: usize,
}

impl Default for Crowd {
    fn default() -> Self {
        Self { customers: 8, cars: 6, rentals: 1 }
    }
}

impl Cast {
    /// Registers, logs in and adds, over HTTP like anybody else.
    ///
    /// # Errors
    /// Something of it is refused.
    pub async fn gather(client: &Client, crowd: Crowd) -> Result<Self> {
        let admin = client.log_in(ADMIN, PASSWORD).await?;
        let customers = try_join_all((0..crowd.customers).map(|n| customer(client, n))).await?;
        let wanted = crowd.cars + crowd.rentals + 1;
        let mut cars = try_join_all((0..wanted).map(|n| car(client, &admin, n))).await?;
        let rentals = cars.split_off(crowd.cars);
        let (probe, rentals) = rentals.split_last().context("a car for the probe")?;
        Ok(Self { admin, customers, cars, rentals: rentals.to_vec(), probe: probe.clone() })
    }
}

async fn customer(client: &Client, n: usize) -> Result<Person> {
    let (email, wanted) = registration();
    // A crash point may lie on the way of these requests already.
    let answer = client.insist(None, n, &wanted, client.ledger.now() + 60.0).await?;
    ensure!(answer.fate == Fate::Ok, "{email} could not register: {answer:?}");
    client.log_in(&email, PASSWORD).await
}

/// Somebody new who wants an account.
#[must_use]
pub fn registration() -> (String, Wanted) {
    let email = format!("{}@example.com", uuid::Uuid::new_v4().simple());
    let body = json!({ "email": email, "password": PASSWORD, "name": "A Customer" });
    let mut wanted = Wanted::new(Kind::Register, "/api/v1/auth/register", body);
    wanted.wait = 20;
    (email, wanted)
}

async fn car(client: &Client, admin: &Person, n: usize) -> Result<String> {
    let plate = format!("F-{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
    let body = json!({
        "make": "VW", "model": "Golf", "year": 2025, "plate": plate, "category": "compact", "seats": 5,
        "fuelType": "petrol", "pricePerDay": { "amount": 5_000, "currency": "EUR" }
    });
    let path = client.post_plain(n, "/api/v1/cars", admin, &body).await?;
    Ok(path["id"].as_str().with_context(|| format!("no car: {path}"))?.to_owned())
}

/// A wish for a car, so many days ahead and for so many days.
#[must_use]
pub fn booking(car: &str, ahead: i64, days: i64) -> Wanted {
    let noon =
        |day| (Utc::now() + TimeDelta::days(day)).date_naive().and_hms_opt(12, 0, 0).unwrap_or_default().and_utc();
    Wanted::new(Kind::Book, "/api/v1/bookings", dates(car, noon(ahead), noon(ahead + days)))
}

/// The soonest that may be booked and picked up at once.
#[must_use]
pub fn booking_soon(car: &str) -> Wanted {
    let start = Utc::now() + TimeDelta::minutes(65);
    Wanted::new(Kind::Book, "/api/v1/bookings", dates(car, start, start + TimeDelta::days(1)))
}

fn dates(car: &str, start: DateTime<Utc>, end: DateTime<Utc>) -> Value {
    json!({ "carId": car, "startDate": start, "endDate": end })
}
