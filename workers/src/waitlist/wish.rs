//! What somebody asks for, judged and as the row that waits.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use entity::waitlist_entry;
use jobs::{
    Refusal,
    waitlist::{JoinWaitlist, Target, Wish},
};
use rules::{
    booking::{Limits, dates, start},
    money::Currency,
    period::Period,
    problem::{self, Reason},
    waitlist::EntryState,
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::supply::Wanted;
use crate::JobError;

/// What is wrong with the wish itself, everything at once. `zone` is that of the branch.
pub(super) fn doubt(asked: &JoinWaitlist, asked_at: DateTime<Utc>, zone: Tz) -> Option<Refusal> {
    let limits = Limits::default();
    let refusal = Refusal::new(problem::DATES_REFUSED.code, "Nobody can wait for these dates.");
    let mut refusal = match &asked.wish {
        Wish::Window { start: from, end: to, flexibility_minutes, min_days } => {
            let refusal = match Period::new(*from, *to) {
                Err(reason) => refusal.because(reason.pointer("/from", "/to"), reason.to_string()),
                Ok(period) => dates(asked_at, period, zone, limits)
                    .err()
                    .unwrap_or_default()
                    .into_iter()
                    .map(Reason::from)
                    .fold(refusal, |refusal, reason| refusal.because(pointer(reason.pointer), reason.message)),
            };
            let refusal = bounded(refusal, "/flexibility", i64::from(*flexibility_minutes), 0..=MOST_FLEXIBILITY);
            bounded(refusal, "/minDays", min_days.map_or(1, i64::from), 1..=limits.longest.num_days())
        }
        Wish::Asap { days, latest_start } => {
            let refusal = bounded(refusal, "/asap/days", i64::from(*days), 1..=limits.longest.num_days());
            match start(asked_at, *latest_start, limits) {
                Err(reason) => refusal.because("/asap/latestStart", reason.to_string()),
                Ok(()) => refusal,
            }
        }
    };
    if asked.price_cap.is_some_and(|cap| cap <= 0) {
        refusal = refusal.because("/priceCap", "must be more than nothing");
    }
    (!refusal.errors.is_empty()).then_some(refusal)
}

/// Thirty days: a wish that may shift further is another wish.
const MOST_FLEXIBILITY: i64 = 30 * 24 * 60;

fn bounded(refusal: Refusal, pointer: &str, value: i64, range: std::ops::RangeInclusive<i64>) -> Refusal {
    if range.contains(&value) {
        return refusal;
    }
    refusal.because(pointer, format!("must lie between {} and {}", range.start(), range.end()))
}

/// The rules name the members of a booking; those of a wish are called otherwise.
fn pointer(of_booking: &str) -> &str {
    if of_booking == "/startDate" { "/from" } else { "/to" }
}

/// The entry as it will be. The database draws its place.
///
/// # Errors
/// When the database does not answer, or a number is beyond what a row holds.
pub(super) async fn row(
    db: &impl ConnectionTrait,
    asked: &JoinWaitlist,
    wanted: &Wanted,
    now: DateTime<Utc>,
) -> Result<waitlist_entry::Model, JobError> {
    let (car_id, category, branch_id, or_better) = match &asked.target {
        Target::Car { car_id } => (Some(*car_id), None, None, false),
        Target::Class { category, branch_id, or_better } => (None, Some(*category), Some(*branch_id), *or_better),
    };
    let (starts_at, ends_at, flexibility, min_days, days, latest_start) = match asked.wish {
        Wish::Window { start, end, flexibility_minutes, min_days } => {
            (Some(start), Some(end), flexibility_minutes, min_days, None, start)
        }
        Wish::Asap { days, latest_start } => (None, None, 0, None, Some(days), latest_start),
    };
    let price_cap_currency = match asked.price_cap {
        Some(_) => Some(currency(db, asked, wanted).await?),
        None => None,
    };
    let mut entry = waitlist_entry::Model {
        id: asked.entry_id,
        seq: 0,
        customer_id: asked.customer_id,
        car_id,
        category: category.map(Into::into),
        branch_id,
        or_better,
        kind: if days.is_some() { "asap" } else { "window" }.to_owned(),
        starts_at,
        ends_at,
        flexibility_minutes: i32::try_from(flexibility)?,
        min_days: min_days.map(i32::try_from).transpose()?,
        days: days.map(i32::try_from).transpose()?,
        latest_start,
        earliest_end: now,
        least_minutes: 1,
        price_cap: asked.price_cap,
        price_cap_currency,
        priority: 0,
        priority_reason: None,
        state: EntryState::Waiting.into(),
        missed: 0,
        turn: 0,
        booking_id: None,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let wish = entry
        .wish(wanted.branch.time_zone.parse()?)
        .ok_or_else(|| JobError::GiveUp("a wish without dates".to_owned()))?;
    let reach = wish.reach(now);
    entry.latest_start = reach.latest_start;
    entry.earliest_end = reach.earliest_end;
    entry.least_minutes = i32::try_from(reach.least.max(TimeDelta::minutes(1)).num_minutes())?;
    Ok(entry)
}

/// The currency of most cars of the class at the branch; of all its cars if there is none of the class.
const CURRENCY: &str = "
    select currency from car where branch_id = $1 and status <> 'retired' group by currency
    order by count(*) filter (where category = $2) desc, count(*) desc, currency limit 1";

/// What the wanted cars are priced in.
async fn currency(db: &impl ConnectionTrait, asked: &JoinWaitlist, wanted: &Wanted) -> Result<String, DbErr> {
    let category = match (&wanted.car, &asked.target) {
        (Some(car), _) => return Ok(car.currency.clone()),
        (None, Target::Class { category, .. }) => category.as_str(),
        (None, Target::Car { .. }) => "",
    };
    let values = [wanted.branch.id.into(), category.into()];
    let row = db.query_one_raw(Statement::from_sql_and_values(DbBackend::Postgres, CURRENCY, values)).await?;
    row.map_or_else(|| Ok(Currency::EUR.as_str().to_owned()), |row| row.try_get_by_index(0))
}
