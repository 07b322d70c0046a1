//! E: dates at the edge of what can be booked, against a model that is as simple as the rule.

use anyhow::Result;
use chrono::{DateTime, Datelike, Months, SecondsFormat, TimeDelta, Utc};
use futures::{FutureExt, future::LocalBoxFuture};
use serde_json::json;

use super::{Scenario, Scene};
use crate::{client::Wanted, database, dice::Dice, ledger::Kind};

pub(super) fn rows() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "65",
            "boundaries",
            "dates at the edges: touching, empty, backwards, a microsecond off",
            boundaries,
        )
        .alone(),
    ]
}

type Moment = DateTime<Utc>;

/// What is known of one car: the time that customers have, with what the car needs between two of them.
struct Calendar {
    taken: Vec<(Moment, Moment)>,
    between: TimeDelta,
}

/// What must come of a wish.
#[derive(Debug, PartialEq)]
enum Verdict {
    Booked,
    Taken,
    /// No such dates, whoever asks for whichever car.
    Unfit,
}

impl Calendar {
    fn verdict(&self, start: Moment, end: Moment) -> Verdict {
        let length = end - start;
        // A clock change makes thirty local days an hour longer.
        if length < TimeDelta::hours(1) || length > TimeDelta::days(30) + TimeDelta::hours(1) {
            return Verdict::Unfit;
        }
        let clash = |(from, to): &(Moment, Moment)| start < *to && *from < end + self.between;
        if self.taken.iter().any(clash) { Verdict::Taken } else { Verdict::Booked }
    }

    /// Somewhere near an edge of what is taken, of a clock change, or of what may be booked at all.
    fn draw(&self, dice: &mut Dice) -> (Moment, Moment) {
        let jitter = |dice: &mut Dice| {
            let microseconds = [0, 0, 1, -1, 1_000_000, -1_000_000][dice.below(6)];
            TimeDelta::microseconds(microseconds)
        };
        let edges: Vec<Moment> = self.taken.iter().flat_map(|(from, to)| [*from, *to, *from - self.between]).collect();
        let near = match dice.below(3) {
            0 if !edges.is_empty() => edges[dice.below(edges.len())],
            1 => clock_change(dice),
            _ => noon(10 + dice.below(40) as i64),
        };
        let start = near + jitter(dice);
        let lengths = [
            TimeDelta::hours(1),
            TimeDelta::hours(25),
            TimeDelta::days(2),
            TimeDelta::days(30) + TimeDelta::hours(1),
            TimeDelta::zero(),
            TimeDelta::days(-1),
        ];
        let length = lengths[dice.below(lengths.len())] + jitter(dice);
        // The end may be the edge just as well.
        if dice.percent(40) && length > TimeDelta::zero() { (start - length, start) } else { (start, start + length) }
    }
}

fn noon(days: i64) -> Moment {
    let day = (Utc::now() + TimeDelta::days(days)).date_naive();
    day.and_hms_opt(12, 0, 0).unwrap_or_default().and_utc()
}

/// The next spring or autumn change of Europe's clocks: the last Sunday of the month, at one o'clock.
fn clock_change(dice: &mut Dice) -> Moment {
    let soon = Utc::now() + TimeDelta::days(3);
    let month = if dice.percent(50) { 3 } else { 10 };
    let year = soon.year() + i32::from(soon.month() >= month);
    let after = chrono::NaiveDate::from_ymd_opt(year, month + 1, 1).unwrap_or_default();
    let sunday =
        after - TimeDelta::days(i64::from(after.pred_opt().unwrap_or(after).weekday().num_days_from_sunday()) + 1);
    sunday.and_hms_opt(1, 0, 0).unwrap_or_default().and_utc()
}

fn wish(car: &str, start: Moment, end: Moment, dice: &mut Dice) -> Wanted {
    // The same moment, as somebody elsewhere writes it.
    let offset = chrono::FixedOffset::east_opt([0, 7_200, -34_200][dice.below(3)])
        .unwrap_or_else(|| chrono::FixedOffset::east_opt(0).expect("UTC"));
    let text = |moment: Moment| moment.with_timezone(&offset).to_rfc3339_opts(SecondsFormat::Micros, false);
    let body = json!({ "carId": car, "startDate": text(start), "endDate": text(end) });
    Wanted { wait: 15, ..Wanted::new(Kind::Book, "/api/v1/bookings", body) }
}

const ROUNDS: usize = 150;

fn boundaries<'a>(scene: &'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>> {
    async move {
        let (client, mut dice) = (&scene.stage.client, scene.dice("boundaries"));
        let car = &scene.cast.cars[0];
        let mut calendar = Calendar { taken: Vec::new(), between: TimeDelta::zero() };
        let soonest = Utc::now() + TimeDelta::hours(3);
        let latest = Utc::now().checked_add_months(Months::new(12)).unwrap_or_default() - TimeDelta::days(1);
        let (mut booked, mut taken, mut unfit) = (0, 0, 0);
        for round in 0..ROUNDS {
            let (start, end) = calendar.draw(&mut dice);
            if start < soonest || start > latest {
                continue;
            }
            let wanted = wish(car, start, end, &mut dice);
            let who = &scene.cast.customers[round % scene.cast.customers.len()];
            let answer = client.insist(Some(who), round, &wanted, client.ledger.now() + 30.0).await?;
            let verdict = calendar.verdict(start, end);
            let (status, count) = match verdict {
                Verdict::Booked => (201, &mut booked),
                Verdict::Taken => (409, &mut taken),
                Verdict::Unfit => (422, &mut unfit),
            };
            *count += 1;
            scene.expect(answer.is(status), format!("{start} to {end}: {verdict:?}, answered {:?}", answer.status));
            if verdict == Verdict::Booked {
                calendar.between = between(scene).await?;
                calendar.taken.push((start, end + calendar.between));
            }
        }
        scene.note(format!("{booked} booked, {taken} taken, {unfit} unfit"));
        scene.expect(booked > 4 && taken > 4 && unfit > 4, "one of the three ways was hardly taken");
        endless(scene, car).await
    }
    .boxed_local()
}

/// What the car needs between two customers, as the platform reserved it.
async fn between(scene: &Scene<'_>) -> Result<TimeDelta> {
    #[derive(serde::Deserialize)]
    struct Between {
        microseconds: i64,
    }
    let sql = "select (extract(epoch from r.ends_at - b.ends_at) * 1000000)::bigint as microseconds
               from reservation r join booking b on b.id = r.booking_id limit 1";
    let found: Vec<Between> = database::rows(&scene.stage.db, sql).await?;
    Ok(TimeDelta::microseconds(found.first().map_or(0, |found| found.microseconds)))
}

/// Dates without an end are no dates.
async fn endless(scene: &Scene<'_>, car: &str) -> Result<()> {
    for end in ["infinity", "9999-12-31T23:59:59Z", "+275760-09-13T00:00:00Z", ""] {
        let body = json!({ "carId": car, "startDate": noon(50), "endDate": end });
        let key = uuid::Uuid::new_v4().to_string();
        let status = scene.stage.client.post_key(0, "/api/v1/bookings", &scene.cast.customers[0], &key, &body).await?;
        scene.expect(status == 422 || status == 400, format!("an end of {end:?} was answered {status}"));
    }
    Ok(())
}
