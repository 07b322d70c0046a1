//! The acts of the story, each a few requests and what must come of them.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{
    Photos, Teller,
    client::{Answer, Client},
};
use crate::Mail;

/// What the later acts need of the first.
pub(super) struct House {
    pub(super) admin: String,
    first_car: String,
    second_car: String,
}

/// The booking that the story follows.
pub(super) struct Booked {
    id: String,
    pub(super) email: String,
    pub(super) token: String,
}

/// The return that the admins decide.
pub(super) struct Returned {
    id: String,
    token: String,
}

/// The soonest start that may be booked and picked up at once: an hour ahead and a little.
fn soon() -> DateTime<Utc> {
    Utc::now() + TimeDelta::minutes(65)
}

pub(super) async fn add_car(client: &Client<'_>, admin: &str, make: &str, model: &str) -> Result<String> {
    let plate = format!("B-FC-{:04X}", rand::random::<u16>());
    let body = json!({
        "make": make, "model": model, "year": 2025, "plate": plate, "category": "compact", "seats": 5,
        "fuelType": "petrol", "pricePerDay": { "amount": 4_900, "currency": "EUR" }, "features": ["bluetooth", "isofix"]
    });
    client.post("/api/v1/cars", Some(admin), body).await?.expect(201)?.text("/id")
}

pub(super) async fn open_the_house(
    client: &Client<'_>,
    teller: &mut Teller,
    email: &str,
    password: &str,
) -> Result<House> {
    teller.chapter("The admin opens the house");
    let admin = client.log_in(email, password).await?;
    let first_car = add_car(client, &admin, "VW", "Golf").await?;
    let second_car = add_car(client, &admin, "Skoda", "Fabia").await?;
    teller.say(format!("{email} logged in and added two cars"));

    let role = json!({ "email": "x@example.com", "password": "a long pass phrase", "name": "X", "role": "admin" });
    client.post("/api/v1/auth/register", None, role).await?.expect(422)?;
    teller.say("somebody who registers with a role is refused (422)");
    Ok(House { admin, first_car, second_car })
}

pub(super) fn wish(car: &str, start: DateTime<Utc>) -> Value {
    json!({ "carId": car, "startDate": start, "endDate": start + TimeDelta::days(2) })
}

pub(super) async fn book(client: &Client<'_>, teller: &mut Teller, house: &House) -> Result<Booked> {
    teller.chapter("A customer books, a second one comes too late");
    let (email, token) = client.newcomer("first").await?;
    let start = soon();
    let stamp = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let path = format!("/api/v1/cars?from={}&to={}&limit=100", stamp(start), stamp(start + TimeDelta::days(2)));
    let free = client.get(&path, None).await?.expect(200)?;
    let free = free.body["items"].as_array().map_or(0, Vec::len);
    teller.say(format!("{email} registered and sees {free} free cars"));

    let booked = client.post("/api/v1/bookings", Some(&token), wish(&house.first_car, start)).await?.expect(201)?;
    let total = booked.body["totalPrice"]["amount"].as_i64().context("a booking has a price")?;
    teller.say(format!("201 booked as {} for {}.{:02} EUR", booked.text("/number")?, total / 100, total % 100));

    let (_, second) = client.newcomer("second").await?;
    let late = client.post("/api/v1/bookings", Some(&second), wish(&house.first_car, start)).await?.expect(409)?;
    ensure!(late.body["code"] == "car_taken", "expected car_taken: {}", late.body);
    let alternatives = late.body["alternatives"].as_array().map_or(0, Vec::len);
    ensure!(alternatives > 0, "no alternatives: {}", late.body);
    teller.say(format!("409 car_taken for the second, with {alternatives} alternatives"));

    let hurry = wish(&house.first_car, start);
    let accepted = client.post_async("/api/v1/bookings", Some(&second), hurry).await?.expect(202)?;
    let location = accepted.location.context("202 has a Location")?;
    let job = client.until("the job ends", &location, &second, |job| job["state"] == "done").await?;
    ensure!(job.body["outcome"]["code"] == "car_taken", "unexpected outcome: {}", job.body);
    teller.say(format!("202 for who does not wait; {location} tells the same end"));

    let mail = client.mail(&email, "").await?;
    teller.say(format!("mail: {}", mail.subject));
    let mail = client.mail(&email, &booked.text("/number")?).await?;
    ensure!(mail.attachments.iter().any(|one| one.content_type.starts_with("text/calendar")), "no calendar attached");
    teller.say(format!("mail: {} (with a calendar entry)", mail.subject));
    Ok(Booked { id: booked.text("/id")?, email, token })
}

pub(super) async fn cancel(client: &Client<'_>, teller: &mut Teller, house: &House) -> Result<()> {
    teller.chapter("A customer cancels in time");
    let (email, token) = client.newcomer("third").await?;
    let start = soon() + TimeDelta::days(20);
    let booked = client.post("/api/v1/bookings", Some(&token), wish(&house.second_car, start)).await?.expect(201)?;
    let path = format!("/api/v1/bookings/{}/cancel", booked.text("/id")?);
    let cancelled = client.post(&path, Some(&token), json!({ "reason": "plans changed" })).await?.expect(200)?;
    ensure!(cancelled.body["cancellation"]["refund"] == booked.body["totalPrice"], "unexpected: {}", cancelled.body);
    teller.say("everything is refunded by the policy");
    client.post("/api/v1/bookings", Some(&token), wish(&house.second_car, start)).await?.expect(201)?;
    teller.say("and the time was free again at once");
    let mail = client.mail(&email, "ancel").await?;
    teller.say(format!("mail: {}", mail.subject));
    Ok(())
}

pub(super) async fn pick_up(client: &Client<'_>, teller: &mut Teller, booked: &Booked, photos: &Photos) -> Result<()> {
    teller.chapter("The customer takes the car");
    let path = format!("/api/v1/bookings/{}/pickup", booked.id);
    let taken = client.post_photos(&path, &booked.token, (12_000, 1.0), photos.take(false)?).await?.expect(200)?;
    ensure!(taken.body["status"] == "Active", "unexpected: {}", taken.body);
    teller.say("12,000 km, full tank, four condition photos; the booking is Active");
    Ok(())
}

pub(super) async fn give_back(
    client: &Client<'_>,
    teller: &mut Teller,
    booked: &Booked,
    photos: &Photos,
) -> Result<Returned> {
    teller.chapter("The car comes back: four photos straight to the bucket");
    let path = format!("/api/v1/bookings/{}/return", booked.id);
    let opened = client.post(&path, Some(&booked.token), json!({})).await?.expect(201)?;
    let id = opened.text("/returnId")?;
    let uploads = opened.body["uploads"].as_array().cloned().unwrap_or_default();
    ensure!(uploads.len() == 4, "expected four uploads: {}", opened.body);

    let complete = format!("/api/v1/returns/{id}/complete");
    let readings = json!({ "odometer": 12_340, "fuel": 0.5 });
    for (slot, jpeg) in photos.take(true)? {
        let upload = uploads.iter().find(|one| one["slot"] == slot).with_context(|| format!("no upload for {slot}"))?;
        if slot == "right" {
            let early = client.post(&complete, Some(&booked.token), readings.clone()).await?.expect(409)?;
            ensure!(early.body.to_string().contains("right"), "the missing side is not named: {}", early.body);
            teller.say("409 photos_missing names the side that is missing: right");
        }
        client.upload(upload, jpeg).await?;
    }
    let mut done = client.post(&complete, Some(&booked.token), readings.clone()).await?;
    if done.is_advice(teller)? {
        done = client.post(&complete, Some(&booked.token), readings).await?;
    }
    let done = done.expect(200)?;
    teller.say(format!("returned at {}", done.text("/returnedAt")?));
    Ok(Returned { id, token: booked.token.clone() })
}

pub(super) async fn read_the_report(
    client: &Client<'_>,
    teller: &mut Teller,
    returned: &Returned,
    admin: &str,
) -> Result<Arc<Mail>> {
    teller.chapter("Thumbnails, damage detection, and one mail to every admin");
    let path = format!("/api/v1/returns/{}", returned.id);
    let has_all = |body: &Value| {
        let photos = body["photos"].as_array().map(Vec::as_slice).unwrap_or_default();
        photos.len() == 8
            && photos.iter().all(|photo| photo["thumbnails"].as_object().is_some_and(|sizes| sizes.len() == 3))
    };
    client.until("eight photos have three thumbnails each", &path, &returned.token, has_all).await?;
    teller.say("eight photos in three sizes each");
    let inspected = |body: &Value| body["inspection"]["state"] != "pending";
    let report = client.until("the photos are inspected", &path, &returned.token, inspected).await?;
    let findings = report.body["findings"].as_array().map_or(0, Vec::len);
    teller.say(format!("{} with {findings} findings", report.text("/inspection/state")?));
    let mail = client.mail(admin, "[Return]").await?;
    teller.say(format!("mail: {}", mail.subject));
    Ok(mail)
}

/// The address in a mail of the page under this path.
pub(super) fn link(mail: &Mail, path: &str) -> Result<String> {
    let text = mail.text.as_deref().context("the mail has a text part")?;
    let from = text.find(path).with_context(|| format!("the mail has a link to {path}"))?;
    let start = text[..from].rfind("http").context("the link is an address")?;
    let end = text[from..].find(char::is_whitespace).map_or(text.len(), |length| from + length);
    Ok(text[start..end].to_owned())
}

pub(super) fn csrf(page: &str) -> Result<String> {
    let value = page.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    Ok(value.context("the page has a form")?.to_owned())
}

/// Decides the return; gives the mail that tells the customer of a damage, if one was confirmed.
pub(super) async fn decide(
    client: &Client<'_>,
    teller: &mut Teller,
    booked: &Booked,
    mail: &Mail,
) -> Result<Option<Arc<Mail>>> {
    teller.chapter("A person decides on the page that the mail links to");
    let url = link(mail, "/review/")?;
    teller.say(format!("look: {url}"));
    let (status, page) = client.page(&url).await?;
    ensure!(status == 200, "the page answered {status}");
    let path = format!("/api/v1/bookings/{}", booked.id);
    let before = client.get(&path, Some(&booked.token)).await?;
    ensure!(before.body["status"] == "Returned", "opening the link changed the booking: {}", before.body);
    teller.say("opening the link changed nothing");

    let csrf = csrf(&page)?;
    let clean = mail.subject.contains("CLEAR");
    let fields: &[(&str, &str)] = if clean || !page.contains("name=\"finding\"") {
        &[("csrf", &csrf), ("verdict", "clear")]
    } else {
        &[
            ("csrf", &csrf),
            ("verdict", "damage"),
            ("finding", "1"),
            ("panel-1", "door"),
            ("severity-1", "minor"),
            ("amount-1", "180.00"),
            ("note", "A scratch on the left rear door that was not there at the pick-up."),
        ]
    };
    let (status, page) = client.send_form(&url, fields).await?;
    ensure!(status.is_success() || status.is_redirection(), "the decision was answered {status}: {page}");
    client.until("the booking is Completed", &path, &booked.token, |body| body["status"] == "Completed").await?;
    teller.say(format!("decided ({}); the booking is Completed", fields[1].1));
    let (_, page) = client.page(&url).await?;
    ensure!(!page.contains("name=\"csrf\""), "the link still decides");
    teller.say("the link is dead now");
    let damaged = fields.len() > 2;
    let told = client.mail(&booked.email, if damaged { "Damage found" } else { "eturn" }).await?;
    teller.say(format!("mail: {}", told.subject));
    Ok(damaged.then_some(told))
}

pub(super) async fn return_in_one_request(
    client: &Client<'_>,
    teller: &mut Teller,
    house: &House,
    photos: &Photos,
) -> Result<()> {
    teller.chapter("Another car, returned in one request");
    let (_, token) = client.newcomer("fourth").await?;
    let booked = client.post("/api/v1/bookings", Some(&token), wish(&house.second_car, soon())).await?.expect(201)?;
    let path = format!("/api/v1/bookings/{}", booked.text("/id")?);
    client
        .post(&format!("{path}/pickup"), Some(&token), json!({ "odometer": 5_000, "fuel": 0.75 }))
        .await?
        .expect(200)?;
    let give_back =
        async || client.post_photos(&format!("{path}/return"), &token, (5_120, 0.7), photos.take(false)?).await;
    let mut back = give_back().await?;
    if back.is_advice(teller)? {
        back = give_back().await?;
    }
    let back = back.expect(201)?;
    teller.say("four photos, odometer and fuel in one multipart request: 201");
    let id = back.text("/id")?;
    let path = format!("/api/v1/returns/{id}");
    let inspected = |body: &Value| body["inspection"]["state"] != "pending";
    client.until("the photos are inspected", &path, &house.admin, inspected).await?;
    let decision = json!({ "verdict": "clear", "note": "Looks as it did." });
    client.post(&format!("{path}/decision"), Some(&house.admin), decision).await?.expect(200)?;
    teller.say("cleared by the admin through the API");
    Ok(())
}

impl Answer {
    /// Whether it asks for better photos, which happens once. Those of a folder may be blurred or dark, and all that are
    /// taken from it look like those that were sent before.
    fn is_advice(&self, teller: &mut Teller) -> Result<bool> {
        let advice = self.body["code"] == "retake_advised";
        if advice {
            teller.say(format!("422 retake_advised, once: {}", self.text("/errors/0/message")?));
        }
        Ok(advice)
    }
}
