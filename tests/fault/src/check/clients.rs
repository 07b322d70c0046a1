//! What the clients were told, against what is so.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use uuid::Uuid;

use super::{
    Counts,
    truth::{Job, Truth},
};
use crate::ledger::{Fate, Kind, Wish};

type Jobs<'a> = BTreeMap<(&'a str, Uuid, &'a str), &'a Job>;

pub(super) fn judge(counts: &mut Counts, wishes: &[Wish], truth: &Truth) {
    let jobs: Jobs = truth.jobs.iter().filter_map(|job| Some((named(job)?, job))).collect();
    let cancelled: BTreeSet<Uuid> = wishes.iter().filter_map(cancels).collect();
    for wish in wishes {
        let job = jobs.get(&(wish.kind.job(), wish.who, wish.key.as_str())).copied();
        if wish.ended(Fate::Ok).is_some() && !job.is_some_and(Job::is_done) {
            counts.lost += 1;
        }
        if wish.ended(Fate::Ok).is_none() && wish.ended(Fate::No).is_none() && job.is_some_and(Job::is_done) {
            counts.recovered += 1;
        }
        counts.wrong_status += usize::from(contradicts(wish, job, truth, &cancelled));
    }
    let asked: BTreeSet<(&str, Uuid, &str)> =
        wishes.iter().map(|wish| (wish.kind.job(), wish.who, wish.key.as_str())).collect();
    counts.phantom += phantoms(truth, &asked);
}

fn named(job: &Job) -> Option<(&str, Uuid, &str)> {
    Some((job.kind.as_str(), job.principal.unwrap_or_default(), job.key.as_deref()?))
}

/// The booking that a wish calls off.
pub(super) fn cancels(wish: &Wish) -> Option<Uuid> {
    wish.subject().filter(|_| wish.kind == Kind::Cancel)
}

fn contradicts(wish: &Wish, job: Option<&Job>, truth: &Truth, cancelled: &BTreeSet<Uuid>) -> bool {
    let statuses: BTreeSet<u16> = wish.tries.iter().filter_map(|one| one.status).collect();
    // Dates that cannot be are refused as such; whether rightly, `agrees` says.
    let fit = |status: u16| matches!(status, 408 | 409 | 429) || (status == 422 && wish.kind == Kind::Book);
    let unfit = statuses.iter().any(|status| (400..500).contains(status) && !fit(*status));
    let both = statuses.iter().any(|status| matches!(status, 200 | 201)) && statuses.contains(&409);
    unfit
        || both
        || answers_differ(wish)
        || wish.tries.iter().any(|one| !agrees(wish, one.status, &one.body, job, truth, cancelled))
}

/// One key, two different ends.
fn answers_differ(wish: &Wish) -> bool {
    let told = wish.tries.iter().filter(|one| matches!(one.status, Some(200 | 201)));
    let ids: BTreeSet<&str> = told.filter_map(|one| one.body["id"].as_str()).collect();
    ids.len() > 1
}

fn agrees(
    wish: &Wish,
    status: Option<u16>,
    body: &Value,
    job: Option<&Job>,
    truth: &Truth,
    cancelled: &BTreeSet<Uuid>,
) -> bool {
    let booking = |id: &Value| truth.bookings.get(&id.as_str()?.parse().ok()?);
    match (wish.kind, status) {
        (Kind::Book, Some(201)) => booking(&body["id"]).is_some_and(|row| {
            let asked = &wish.request["body"];
            let same = asked["carId"] == row.car_id.to_string().as_str()
                && row.customer_id == wish.who
                && is_time(&asked["startDate"], row.starts_at)
                && (is_time(&asked["endDate"], row.ends_at) || row.picked_up);
            same && (row.status != "Cancelled" || cancelled.contains(&row.id))
        }),
        (Kind::Book, Some(409 | 422)) => job.is_none_or(|job| booking(&job.payload["booking_id"]).is_none()),
        (Kind::Cancel, Some(200)) => booking(&body["id"]).is_some_and(|row| row.status == "Cancelled"),
        (Kind::PickUp, Some(200)) => booking(&body["id"]).is_some_and(|row| row.picked_up),
        (Kind::GiveBack, Some(200 | 201)) => {
            body["id"].as_str().and_then(|id| id.parse().ok()).is_some_and(|id: Uuid| truth.returns.contains(&id))
        }
        (Kind::Register, Some(201)) => {
            wish.request["body"]["email"].as_str().is_some_and(|email| truth.accounts.contains_key(email))
        }
        _ => true,
    }
}

fn is_time(text: &Value, at: chrono::DateTime<chrono::Utc>) -> bool {
    let parsed = text.as_str().and_then(|text| chrono::DateTime::parse_from_rfc3339(text).ok());
    // PostgreSQL keeps microseconds.
    parsed.is_some_and(|parsed| (parsed.to_utc() - at).num_milliseconds().abs() < 1)
}

/// Jobs that nobody asked for, and bookings that no asked-for job stands behind.
fn phantoms(truth: &Truth, asked: &BTreeSet<(&str, Uuid, &str)>) -> usize {
    let kinds =
        [Kind::Register, Kind::Book, Kind::Cancel, Kind::PickUp, Kind::OpenReturn, Kind::GiveBack, Kind::Decide]
            .map(Kind::job);
    let ours = truth.jobs.iter().filter(|job| kinds.contains(&job.kind.as_str()));
    let unasked = ours.filter(|job| named(job).is_none_or(|name| !asked.contains(&name))).count();
    let named: BTreeSet<&str> = truth.jobs.iter().filter_map(|job| job.payload["booking_id"].as_str()).collect();
    let orphans = truth.bookings.keys().filter(|id| !named.contains(id.to_string().as_str())).count();
    unasked + orphans
}
