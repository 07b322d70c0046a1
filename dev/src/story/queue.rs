//! The act of the waitlist: two wait, one is silent, the other accepts.

use anyhow::{Context, Result, ensure};
use chrono::{TimeDelta, Utc};
use serde_json::json;

use super::{
    Teller,
    act::{House, add_car, csrf, wish},
    client::Client,
};
use crate::Mail;

pub(super) async fn wait_and_be_asked(client: &Client<'_>, teller: &mut Teller, house: &House) -> Result<()> {
    teller.chapter("Two wait for a car that is taken, and one booking is cancelled");
    let car = add_car(client, &house.admin, "Renault", "Clio").await?;
    // Near enough that an offer may end at night.
    let wish = wish(&car, Utc::now() + TimeDelta::hours(20));
    let (_, holder) = client.newcomer("holder").await?;
    let booked = client.post("/api/v1/bookings", Some(&holder), wish.clone()).await?.expect(201)?;

    let (silent, silent_token) = client.newcomer("silent").await?;
    let taken = client.post("/api/v1/bookings", Some(&silent_token), wish.clone()).await?.expect(409)?;
    let (url, body) = (taken.text("/waitlistUrl")?, taken.body["waitlist"].clone());
    let first = client.post(&url, Some(&silent_token), body).await?.expect(201)?;
    ensure!(first.body["position"] == 1, "unexpected place: {}", first.body);
    let (quick, quick_token) = client.newcomer("quick").await?;
    let mut at_once = wish;
    at_once["joinWaitlist"] = json!(true);
    let second = client.post("/api/v1/bookings", Some(&quick_token), at_once).await?.expect(201)?;
    ensure!(second.body["waitlistEntry"]["position"] == 2, "unexpected place: {}", second.body);
    teller.say("409 car_taken, then places 1 and 2 in the queue; the second with the same request");

    let path = format!("/api/v1/bookings/{}/cancel", booked.text("/id")?);
    client.post(&path, Some(&holder), json!({ "reason": "plans changed" })).await?.expect(200)?;
    let offer = client.mail(&silent, "A car is free for you").await?;
    teller.say(format!("mail: {}", offer.subject));
    let (_, page) = client.page(&link(&offer)?).await?;
    ensure!(page.contains("HELD FOR YOU"), "the page of the offer does not show it: {page}");
    let late = client.post(
        "/api/v1/bookings",
        Some(&holder),
        json!({
            "carId": car, "startDate": first.body["from"], "endDate": first.body["to"]
        }),
    );
    let late = late.await?.expect(409)?;
    ensure!(late.body["code"] == "car_taken", "the hold does not hold: {}", late.body);
    teller.say("nobody else can book it meanwhile (409), and opening the link changed nothing");

    let ended = client.mail(&silent, "Your offer has ended").await?;
    teller.say(format!("silence … mail: {}", ended.subject));
    let offer = client.mail(&quick, "A car is free for you").await?;
    teller.say(format!("mail to the next: {}", offer.subject));
    accept(client, &link(&offer)?).await?;
    let mail = client.mail(&quick, "confirmed").await?;
    teller.say(format!("one press of a button later: {}", mail.subject));
    Ok(())
}

async fn accept(client: &Client<'_>, url: &str) -> Result<()> {
    let (status, page) = client.page(url).await?;
    ensure!(status == 200, "the page answered {status}");
    let (status, page) = client.send_form(url, &[("csrf", &csrf(&page)?), ("press", "accept")]).await?;
    ensure!(status.is_success() && page.contains("is yours"), "accepting was answered {status}: {page}");
    Ok(())
}

/// The address of the offer's page.
fn link(mail: &Mail) -> Result<String> {
    let text = mail.text.as_deref().context("the mail has a text part")?;
    let found = text.split_whitespace().find(|word| word.contains("/offer/"));
    Ok(found.context("the mail has a link to the offer")?.to_owned())
}
