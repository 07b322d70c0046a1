//! Freed time that several want: a cancellation, the promotion that it asks for, and a new booking at once.

use std::{collections::BTreeSet, path::Path, time::Duration};

use anyhow::{Context, Result};
use futures::{
    FutureExt,
    future::{LocalBoxFuture, try_join_all},
};
use serde::Deserialize;
use serde_json::json;

use super::{Scenario, Scene};
use crate::{
    cast::{Crowd, booking},
    client::Wanted,
    database::{self, number, run},
    ledger::Kind,
    stage::Setup,
};

/// The places at which a promoter dies, each time another process, and once each.
const POINTS: [&str; 6] =
    ["after_claim", "before_commit", "after_commit", "before_push", "after_push", "before_publish"];

/// Cars that are freed at the same time, and how often that is repeated at most.
const CARS: usize = 6;
const ROUNDS: usize = 12;

/// A promoter's job is free for others after its lease; then the mail has to arrive.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn rows() -> Vec<Scenario> {
    let scenario = Scenario {
        crowd: Crowd { customers: 4, cars: CARS, rentals: 0 },
        ..Scenario::new(
            "67",
            "promotion",
            "cancellation, promotion and a new booking at once, the promoter killed at each point",
            promotion,
        )
        .faults()
    };
    let scenario = Scenario { per_second: 0.0, ..scenario }.set(|setup| Setup {
        fronts: 1,
        workers: 1,
        crowded: Some(("waitlist", POINTS.len())),
        ..setup
    });
    vec![POINTS.iter().enumerate().fold(scenario, |scenario, (n, point)| {
        let promoter = format!("waitlist.{}", n + 1);
        scenario.set(|setup| {
            let setup = setup.only_for(&promoter, "CRASH_POINT", format!("{point}:1"));
            setup.only_for(&promoter, "CRASH_ONCE", marker(point))
        })
    })]
}

/// A file that is there as soon as a process has died at this point.
fn marker(point: &str) -> String {
    let name = format!("forecourt-promoter-{}-{point}", std::process::id());
    std::env::temp_dir().join(name).display().to_string()
}

fn promotion<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let alive = || POINTS.iter().filter(|point| !Path::new(&marker(point)).exists()).count();
        let mut played = 0;
        while played < ROUNDS && (played == 0 || alive() > 0) {
            // Other days for every car: nobody is asked twice for the same time.
            let day = |car| 5 + 3 * (CARS * played + car) as i64;
            try_join_all((0..CARS).map(|car| race(scene, car, day(car)))).await?;
            played += 1;
        }
        scene.note(format!("{} races, {} promoters died", CARS * played, POINTS.len() - alive()));
        scene.expect(alive() == 0, format!("{} promoters were never killed", alive()));
        POINTS.iter().for_each(|point| drop(std::fs::remove_file(marker(point))));
        told_once(scene).await
    }
    .boxed_local()
}

/// Two wait for what somebody has; that is cancelled while a stranger asks for it.
async fn race(scene: &Scene<'_>, car: usize, day: i64) -> Result<()> {
    let (client, cast, db) = (&scene.stage.client, &scene.cast, &scene.stage.db);
    let [has, first, second, stranger] = [0, 1, 2, 3].map(|n| &cast.customers[n]);
    let mut wanted = booking(&cast.cars[car], day, 2);
    wanted.wait = 20;
    let until = client.ledger.now() + 60.0;
    let had = client.insist(Some(has), 0, &wanted, until).await?;
    let had = had.text("id").with_context(|| format!("no booking: {had:?}"))?.to_owned();
    // Written as joining writes it, so that the promoters have nothing else to do than to promote.
    let (start, end) = (wanted.body["startDate"].as_str(), wanted.body["endDate"].as_str());
    let (start, end) = (start.unwrap_or_default().to_owned(), end.unwrap_or_default().to_owned());
    for person in [first, second] {
        let (person, car) = (person.id, &cast.cars[car]);
        run(
            db,
            &format!(
                "insert into waitlist_entry (id, customer_id, car_id, kind, starts_at, ends_at, latest_start, earliest_end, least_minutes)
                 values (gen_random_uuid(), '{person}', '{car}', 'window', '{start}', '{end}', '{start}', '{end}', 2880)"
            ),
        )
        .await?;
    }

    let mut cancel = Wanted::new(Kind::Cancel, format!("/api/v1/bookings/{had}/cancel"), json!({}));
    cancel.wait = 20;
    wanted.key = uuid::Uuid::new_v4().to_string();
    let (cancelled, asked) = tokio::try_join!(
        client.insist(Some(has), 0, &cancel, until),
        client.insist(Some(stranger), 0, &wanted, until)
    )?;
    scene.expect(cancelled.is(200), format!("a cancellation was answered {:?}", cancelled.status));

    let held =
        format!("select count(*) from reservation where resource_id = '{}' and starts_at = '{start}'", cast.cars[car]);
    let offered = format!("{held} and purpose = 'offer'");
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while number(db, &held).await? == 0 && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let won = asked.is(201);
    scene.expect(number(db, &held).await? == 1, "freed time was given to nobody, or to two");
    let to_the_queue = number(db, &offered).await? == 1;
    scene.expect(won != to_the_queue, format!("the stranger was told {:?}", asked.status));
    let state = if won { "waiting" } else { "offered" };
    let first_in_line = format!(
        "select count(*) from waitlist_entry where customer_id = '{}' and car_id = '{}' and starts_at = '{start}'
         and state = '{state}'",
        first.id, cast.cars[car]
    );
    scene.expect(number(db, &first_in_line).await? == 1, "the first in line was passed over");
    Ok(())
}

#[derive(Deserialize)]
struct Offered {
    id: uuid::Uuid,
    at_once: i64,
}

/// One offer for each time that was freed and not booked, and one mail about each, however often a promoter died.
async fn told_once(scene: &Scene<'_>) -> Result<()> {
    let sql = "select id, count(*) over (partition by car_id, starts_at) as at_once from waitlist_offer";
    let offers: Vec<Offered> = database::rows(&scene.stage.db, sql).await?;
    scene.expect(offers.iter().all(|offer| offer.at_once == 1), "one freed time was offered twice");
    let deadline = tokio::time::Instant::now() + PATIENCE;
    for offer in &offers {
        while mails(scene, offer.id).is_empty() && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let mails = mails(scene, offer.id);
        let ids: BTreeSet<&String> = mails.iter().collect();
        scene.expect(ids.len() == 1, format!("an offer was told under {} Message-IDs", ids.len()));
        scene.expect(mails.len() == ids.len(), "a mail about an offer came twice");
    }
    scene.note(format!("{} offers, each told once", offers.len()));
    Ok(())
}

/// The Message-IDs of the mails that arrived about an offer.
fn mails(scene: &Scene<'_>, offer: uuid::Uuid) -> Vec<String> {
    let all = scene.stage.ground.services.inbox().map(dev::Inbox::mails).unwrap_or_default();
    let about = format!("offer_made.{offer}.");
    all.iter().filter_map(|mail| mail.message_id.clone()).filter(|id| id.contains(&about)).collect()
}
