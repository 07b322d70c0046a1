//! A customer wants to wait (W1, W2).

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use entity::{account, branch, car, waitlist_entry};
use jobs::{
    Refusal,
    notify::{Announce, News},
    waitlist::{JoinWaitlist, PromoteWaitlist, Target, Wish},
};
use rules::{
    account::Email,
    booking::{Limits, dates},
    period::Period,
    problem::{self, Reason},
    waitlist::{EntryState, JoinFacts, JoinRefused, join},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::NotSet, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    FromQueryResult, Statement,
};
use uuid::Uuid;

use super::{
    bookable::{self, Bookable},
    case::{capital, document, lock_car},
    supply::{clock, lock_branch},
};
use crate::{Finished, JobError, Perform, Work};

/// What is waited for: a car, or a class at the branch.
pub(super) struct Wanted {
    pub(super) car: Option<car::Model>,
    pub(super) branch: branch::Model,
}

impl Wanted {
    /// Locks it, so that what is free stays as it is until the entry is committed.
    async fn lock(tx: &DatabaseTransaction, target: &Target) -> Result<Option<Self>, DbErr> {
        let (car, branch) = match target {
            Target::Car { car_id } => {
                let Some(car) = lock_car(tx, *car_id).await? else { return Ok(None) };
                let branch = car.branch_id;
                (Some(car), branch)
            }
            Target::Class { branch_id, .. } => (None, *branch_id),
        };
        Ok(lock_branch(tx, branch).await?.map(|branch| Self { car, branch }))
    }

    /// The same without locks, for an entry that is in the queue already.
    pub(super) async fn of(db: &impl ConnectionTrait, entry: &waitlist_entry::Model) -> Result<Option<Self>, DbErr> {
        let car = match entry.car_id {
            Some(id) => car::Entity::find_by_id(id).one(db).await?,
            None => None,
        };
        let Some(branch) = car.as_ref().map(|car| car.branch_id).or(entry.branch_id) else { return Ok(None) };
        let branch = branch::Entity::find_by_id(branch).one(db).await?;
        Ok(branch.map(|branch| Self { car, branch }))
    }
}

impl Perform for JoinWaitlist {
    async fn perform(self, mut work: Work) -> Result<Finished, JobError> {
        let tx = work.begin().await?;
        let Some(wanted) = Wanted::lock(&tx, &self.target).await? else {
            drop(tx);
            return work.refuse(Refusal::new(problem::NOT_FOUND.code, "There is no such car or branch.")).await;
        };
        if let Some(entry) = waitlist_entry::Entity::find_by_id(self.entry_id).one(&tx).await? {
            let document = document(&tx, entry).await?;
            return work.done(tx, document).await;
        }

        let entry = match admit(&tx, &mut work, &self, &wanted).await? {
            Ok(entry) => entry,
            Err(refusal) => {
                drop(tx);
                return work.refuse(refusal).await;
            }
        };

        work.then(&Announce { news: News::WaitlistJoined, subject_id: entry.id, turn: entry.turn });
        let document = document(&tx, entry).await?;
        work.done(tx, document).await
    }
}

/// Joins the queue for a car whose row is locked, because a booking of it came too late.
///
/// # Errors
/// When the database fails. The inner error says why this person cannot wait.
pub(crate) async fn wait_for_car(
    tx: &DatabaseTransaction,
    work: &mut Work,
    entry_id: Uuid,
    customer_id: Uuid,
    car: &car::Model,
    (start, end): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Result<view::waitlist::Entry, Refusal>, JobError> {
    let gone = || DbErr::RecordNotFound("the branch of a car".to_owned());
    let branch = lock_branch(tx, car.branch_id).await?.ok_or_else(gone)?;
    let asked = JoinWaitlist {
        entry_id,
        customer_id,
        target: Target::Car { car_id: car.id },
        wish: Wish::Window { start, end, flexibility_minutes: 0, min_days: None },
        price_cap: None,
    };
    let admitted = admit(tx, work, &asked, &Wanted { car: Some(car.clone()), branch }).await?;
    let entry = match admitted {
        Ok(entry) => entry,
        Err(refusal) => return Ok(Err(refusal)),
    };
    work.then(&Announce { news: News::WaitlistJoined, subject_id: entry.id, turn: entry.turn });
    Ok(Ok(document(tx, entry).await?))
}

/// Writes the entry down and lets the queue look at it, or says why not.
async fn admit(
    tx: &DatabaseTransaction,
    work: &mut Work,
    asked: &JoinWaitlist,
    wanted: &Wanted,
) -> Result<Result<waitlist_entry::Model, Refusal>, JobError> {
    if let Some(refusal) = doubt(asked, work.asked_at()) {
        return Ok(Err(refusal));
    }
    let Some(customer) = account::Entity::find_by_id(asked.customer_id).one(tx).await? else {
        return Ok(Err(Refusal::new(problem::NOT_FOUND.code, "The account is gone.")));
    };
    let now = clock(tx).await?;
    let row = model(asked, now, wanted.branch.time_zone.parse()?)?;
    let others = Others::count(tx, &customer, &row).await?;
    let bookable = bookable::find(tx, &row, wanted, work.context.waitlist_terms).await?;
    let facts = JoinFacts {
        bookable_now: bookable.as_ref().is_some_and(|bookable| !bookable.is_gift),
        eligible: customer.suspended_at.is_none(),
        waits_already: others.alike > 0,
        active_entries: u32::try_from(others.active).unwrap_or(u32::MAX),
    };
    if let Err(refused) = join(facts) {
        return Ok(Err(refusal(refused, bookable)));
    }
    // A gift is offered at once. Of everything else nothing is free, and whoever frees it waits for
    // this transaction; should that be wrong, the look at its car heals it.
    if let Some(car) = bookable.map(|bookable| bookable.car_id).or(asked_car(asked)) {
        work.then(&PromoteWaitlist::new(car));
    }
    let mut row: waitlist_entry::ActiveModel = row.into();
    row.seq = NotSet;
    Ok(Ok(row.reset_all().insert(tx).await?))
}

fn asked_car(asked: &JoinWaitlist) -> Option<Uuid> {
    match asked.target {
        Target::Car { car_id } => Some(car_id),
        Target::Class { .. } => None,
    }
}

fn refusal(refused: JoinRefused, bookable: Option<Bookable>) -> Refusal {
    let refusal = Refusal::new(refused.code(), capital(&refused.to_string()));
    match bookable.filter(|_| refused == JoinRefused::BookableNow) {
        Some(bookable) => bookable.describe(refusal),
        None => refusal,
    }
}

/// What is wrong with the wish itself, everything at once.
pub(super) fn doubt(asked: &JoinWaitlist, asked_at: DateTime<Utc>) -> Option<Refusal> {
    let limits = Limits::default();
    let refusal = Refusal::new(problem::DATES_REFUSED.code, "Nobody can wait for these dates.");
    let mut refusal = match &asked.wish {
        Wish::Window { start, end, flexibility_minutes, min_days } => {
            let refusal = match Period::new(*start, *end) {
                Err(reason) => refusal.because("/to", reason.to_string()),
                Ok(period) => dates(asked_at, period, limits)
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
            let latest = asked_at.checked_add_months(limits.horizon).unwrap_or(asked_at);
            let within = (asked_at + limits.lead..=latest).contains(latest_start);
            let refusal = bounded(refusal, "/asap/days", i64::from(*days), 1..=limits.longest.num_days());
            if within { refusal } else { refusal.because("/asap/latestStart", "must lie within the next 12 months") }
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
fn model(asked: &JoinWaitlist, now: DateTime<Utc>, zone: Tz) -> Result<waitlist_entry::Model, JobError> {
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
    let wish = entry.wish(zone).ok_or_else(|| JobError::GiveUp("a wish without dates".to_owned()))?;
    let reach = wish.reach(now);
    entry.latest_start = reach.latest_start;
    entry.earliest_end = reach.earliest_end;
    entry.least_minutes = i32::try_from(reach.least.max(TimeDelta::minutes(1)).num_minutes())?;
    Ok(entry)
}

/// What a person waits for already, however many accounts with one address and `+aliases` they have.
#[derive(FromQueryResult)]
pub(super) struct Others {
    pub(super) active: i64,
    pub(super) alike: i64,
}

const PEOPLE: &str = r"
    select id from account where regexp_replace(email, '^([^+@]+)[+][^@]*@', '\1@') = $1
    order by id for no key update";

const OTHERS: &str = r"
    select count(*) as active,
           count(*) filter (where car_id is not distinct from $2 and category is not distinct from $3
               and branch_id is not distinct from $4
               and tstzrange(coalesce(starts_at, created_at), coalesce(ends_at, latest_start + make_interval(days => days)))
                && tstzrange($5, $6)) as alike
    from waitlist_entry
    where state in ('waiting', 'offered', 'blocked') and id <> $7 and customer_id in
          (select id from account where regexp_replace(email, '^([^+@]+)[+][^@]*@', '\1@') = $1)";

impl Others {
    /// Locks the person first: two who join at once under one name wait for each other here.
    pub(super) async fn count(
        tx: &impl ConnectionTrait,
        customer: &account::Model,
        entry: &waitlist_entry::Model,
    ) -> Result<Self, JobError> {
        let person = Email::new(&customer.email).map_or_else(|_| customer.email.clone(), |email| email.comparable());
        let people = Statement::from_sql_and_values(DbBackend::Postgres, PEOPLE, [person.clone().into()]);
        tx.query_all_raw(people).await?;
        let latest_end = |days: i32| entry.latest_start + TimeDelta::days(days.into());
        let ends_at = entry.ends_at.or_else(|| entry.days.map(latest_end)).unwrap_or(entry.latest_start);
        let values = [
            person.into(),
            entry.car_id.into(),
            entry.category.map(|category| category.0.to_string()).into(),
            entry.branch_id.into(),
            entry.starts_at.unwrap_or(entry.created_at).into(),
            ends_at.into(),
            entry.id.into(),
        ];
        let query = Statement::from_sql_and_values(DbBackend::Postgres, OTHERS, values);
        let none = Self { active: 0, alike: 0 };
        Ok(Self::find_by_statement(query).one(tx).await?.unwrap_or(none))
    }
}
