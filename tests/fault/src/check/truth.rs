//! What is so, by the database, the inbox and the bucket.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use anyhow::Result;
use chrono::{DateTime, Utc};
use dev::Mail;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    database::{number, rows},
    stage::Stage,
};

#[derive(Debug, Deserialize)]
pub(super) struct Job {
    pub(super) kind: String,
    pub(super) state: String,
    pub(super) principal: Option<Uuid>,
    pub(super) key: Option<String>,
    pub(super) payload: Value,
    pub(super) outcome: Option<Value>,
}

impl Job {
    pub(super) fn is_done(&self) -> bool {
        self.state == "done"
    }

    /// What its asker was shown, unless it was refused.
    pub(super) fn document(&self) -> Option<&Value> {
        self.outcome.as_ref()?.get("document")
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Booking {
    pub(super) id: Uuid,
    pub(super) car_id: Uuid,
    pub(super) customer_id: Uuid,
    pub(super) starts_at: DateTime<Utc>,
    pub(super) ends_at: DateTime<Utc>,
    pub(super) status: String,
    pub(super) reserved: bool,
    pub(super) picked_up: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Delivery {
    pub(super) message_id: String,
}

#[derive(Debug, Deserialize)]
struct Key {
    object_key: String,
}

#[derive(Deserialize)]
struct Done {
    queue: String,
    at: f64,
}

/// Everything that the checker compares the clients' ledger with.
pub(super) struct Truth {
    pub(super) jobs: Vec<Job>,
    pub(super) bookings: BTreeMap<Uuid, Booking>,
    pub(super) accounts: BTreeMap<String, Uuid>,
    pub(super) returns: BTreeSet<Uuid>,
    /// Entries and offers of the waitlist.
    pub(super) waiting: BTreeSet<Uuid>,
    pub(super) deliveries: Vec<Delivery>,
    /// Mails to anybody of this scenario.
    pub(super) mails: Vec<Arc<Mail>>,
    /// Objects that a row names and the bucket has not.
    pub(super) missing_objects: usize,
    pub(super) doubled_rows: usize,
    pub(super) overlapping_reservations: usize,
    pub(super) finished_twice: usize,
    pub(super) claimed_again: usize,
    pub(super) miscounted: usize,
    pub(super) taken_back: Option<f64>,
    pub(super) rerun: Option<f64>,
    /// Seconds from the end of the fault until the last job that waited for it had a ticket.
    pub(super) dispatch: Option<f64>,
    done: Vec<Done>,
}

const JOBS: &str = "
select kind, state, principal, split_part(idempotency_key, ' ', 1) as key, payload, outcome from job";

const BOOKINGS: &str = "
select id, car_id, customer_id, starts_at, ends_at, status, picked_up_at is not null as picked_up,
       exists (select 1 from reservation r where r.booking_id = b.id) as reserved
from booking b";

/// An effect whose row stands twice: the same news told twice, the same step taken twice.
const DOUBLED: &str = "
select (select count(*) from (select 1 from notification group by account_id, title, message, data having count(*) > 1) t)
     + (select count(*) from (select 1 from audit_log where action in ('cancel_booking', 'pick_up_car', 'return_car')
                              group by action, subject_id, detail having count(*) > 1) t)
     + (select count(*) from (select 1 from job where idempotency_key is not null
                              group by principal, idempotency_key having count(*) > 1) t)";

const OVERLAPPING: &str = "
select count(*) from reservation a join reservation b on a.id < b.id and a.resource_id = b.resource_id
where tstzrange(a.starts_at, a.ends_at) && tstzrange(b.starts_at, b.ends_at)";

const FINISHED_TWICE: &str = "
select count(*) from (select 1 from checker.attempt where change in ('done', 'done again') group by job having count(*) > 1) t";

const CLAIMED_AGAIN: &str = "
select count(*) from (select 1 from checker.attempt where change = 'claimed' group by job having count(*) > 1) t";

const MISCOUNTED: &str = "
select count(*) from job j join (
    select job, count(*) filter (where change = 'claimed') - count(*) filter (where change = 'released') as claims
    from checker.attempt group by job) a on a.job = j.id
where j.attempt <> a.claims";

/// From the last that was heard of a worker that died: until its job was taken back, and until it
/// was claimed again, which may have to wait for its turn. Only the queues with the short lease.
fn after_death(until: &str) -> String {
    format!(
        "select coalesce(max(extract(epoch from {until} - at)), 0)::float8 as seconds from (
             select at, change, lead(change) over w as then_change, lead(at) over w as taken,
                    lead(change, 2) over w as after, lead(at, 2) over w as again
             from checker.attempt where change in ('claimed', 'renewed', 'crashed') and queue <> 'damage'
             window w as (partition by job order by seq)) t
         where change in ('claimed', 'renewed') and then_change = 'crashed' and after = 'claimed'"
    )
}

/// Jobs that were due when the fault ended and that nobody had claimed by then: until each had a worker.
fn dispatch(epoch: f64) -> String {
    format!(
        "select coalesce(max(extract(epoch from claimed) - {epoch}), 0)::float8 as seconds from (
             select job, min(at) filter (where change = 'accepted') as accepted, min(at) filter (where change = 'claimed') as claimed
             from checker.attempt group by job) t join job j on j.id = t.job
         where extract(epoch from accepted) < {epoch} and extract(epoch from claimed) > {epoch}
           and j.run_at <= j.created_at + interval '1 second'"
    )
}

#[derive(Deserialize)]
struct Seconds {
    seconds: f64,
}

impl Truth {
    pub(super) async fn read(stage: &Stage<'_>, healed: f64) -> Result<Self> {
        let db = &stage.db;
        let count = async |sql: &str| anyhow::Ok(usize::try_from(number(db, sql).await?)?);
        let bookings: Vec<Booking> = rows(db, BOOKINGS).await?;
        let accounts: Vec<(String, Uuid)> = {
            #[derive(Deserialize)]
            struct Account {
                email: String,
                id: Uuid,
            }
            let accounts: Vec<Account> = rows(db, "select email, id from account").await?;
            accounts.into_iter().map(|account| (account.email, account.id)).collect()
        };
        let accounts: BTreeMap<String, Uuid> = accounts.into_iter().collect();
        let ids = async |sql: &str| {
            let rows: Vec<Value> = rows(db, sql).await?;
            anyhow::Ok(rows.iter().filter_map(|row| row["id"].as_str()?.parse().ok()).collect())
        };
        let seconds = async |sql: &str| {
            let rows: Vec<Seconds> = rows(db, sql).await?;
            anyhow::Ok(rows.first().map(|row| row.seconds).filter(|seconds| *seconds > 0.0))
        };
        Ok(Self {
            jobs: rows(db, JOBS).await?,
            deliveries: rows(db, "select message_id from delivery where state = 'sent'").await?,
            mails: mails(stage, &accounts),
            missing_objects: missing_objects(stage).await?,
            doubled_rows: count(DOUBLED).await?,
            overlapping_reservations: count(OVERLAPPING).await?,
            finished_twice: count(FINISHED_TWICE).await?,
            claimed_again: count(CLAIMED_AGAIN).await?,
            miscounted: count(MISCOUNTED).await?,
            taken_back: seconds(&after_death("taken")).await?,
            rerun: seconds(&after_death("again")).await?,
            dispatch: seconds(&dispatch(healed)).await?,
            done: rows(
                db,
                "select queue, extract(epoch from max(at))::float8 as at from checker.attempt
                            where change = 'done' group by queue",
            )
            .await?,
            bookings: bookings.into_iter().map(|booking| (booking.id, booking)).collect(),
            accounts,
            returns: ids("select id from rental_return").await?,
            waiting: ids("select id from waitlist_entry union all select id from waitlist_offer").await?,
        })
    }

    /// The queues in which something was finished since.
    pub(super) fn done_since(&self, epoch: f64) -> BTreeSet<&str> {
        self.done.iter().filter(|done| done.at >= epoch).map(|done| done.queue.as_str()).collect()
    }
}

/// The inbox is shared by all scenarios of a run; accounts are not, but for the admin, whose
/// mails are told apart by what they are about.
fn mails(stage: &Stage<'_>, accounts: &BTreeMap<String, Uuid>) -> Vec<Arc<Mail>> {
    let all = stage.ground.services.inbox().map(dev::Inbox::mails).unwrap_or_default();
    let ours = |mail: &Arc<Mail>| mail.to.iter().any(|to| accounts.contains_key(to) && to != crate::ground::ADMIN);
    all.into_iter().filter(ours).collect()
}

async fn missing_objects(stage: &Stage<'_>) -> Result<usize> {
    let sql = "select object_key from photo where state = 'accepted' union all select object_key from derivative";
    let keys: Vec<Key> = rows(&stage.db, sql).await?;
    let bucket: PathBuf = stage.ground.data_dir.path("s3").join(dev::BUCKET);
    Ok(keys.iter().filter(|key| !bucket.join(&key.object_key).exists()).count())
}
