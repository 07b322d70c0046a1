//! The waitlist's safety nets: what should have happened already, and what only time brings.

use jobs::{
    NewJob,
    waitlist::{CloseEntry, ExpireOffer, PromoteWaitlist},
};
use rules::booking::Limits;
use sea_orm::{DatabaseConnection, DbBackend, DbErr, FromQueryResult, Statement, Value};
use uuid::Uuid;

use super::BATCH;

/// Offers past their deadline that no job was asked to end, or only one that was put aside.
const EXPIRED: &str = "
    select o.id, earlier.again::int::bigint as round from waitlist_offer o,
         lateral (select exists (select from job j where j.kind = 'expire_offer' and j.dedupe_key = o.id::text
                                 and j.state in ('done', 'cancelled')) as again) earlier
    where o.state = 'offered' and o.expires_at <= now()
      and not exists (select from job j where j.kind = 'expire_offer'
                      and j.dedupe_key = case when again then o.id || '/again' else o.id::text end)
    order by o.expires_at limit $1";

/// Wishes whose latest start cannot be booked any more (W18).
const PASSED: &str = "
    select e.id, earlier.again::int::bigint as round from waitlist_entry e,
         lateral (select exists (select from job j where j.kind = 'close_entry' and j.dedupe_key = e.id::text
                                 and j.state in ('done', 'cancelled')) as again) earlier
    where e.state in ('waiting', 'blocked') and e.latest_start < now() + make_interval(secs => $2)
      and not exists (select from job j where j.kind = 'close_entry'
                      and j.dedupe_key = case when again then e.id || '/again' else e.id::text end)
    order by e.latest_start limit $1";

/// Every five minutes the cars that somebody waits for who could have free time of them (W15). A gap
/// begins now, or where a reservation ends, and lasts until the next; inside of one it is empty.
const WAITED_FOR: &str = "
    select c.id, round.number as round
    from car c join branch b on b.id = c.branch_id,
         (select floor(extract(epoch from now()) / 300)::bigint as number) round
    where c.status = 'in_service' and c.waitlist_paused_at is null and b.waitlist_paused_at is null
      and not exists (select from job j where j.kind = 'promote_waitlist' and j.dedupe_key = c.id || '/' || round.number)
      and exists (
          select from (select now() as at union all select ends_at from reservation
                       where resource_kind = 'car' and resource_id = c.id and ends_at > now()) free,
          lateral (select greatest(free.at, now() + make_interval(secs => $2)) as at) starts,
          lateral (select coalesce(min(r.starts_at), 'infinity') - make_interval(mins => b.turnaround_minutes) as at
                   from reservation r where r.resource_kind = 'car' and r.resource_id = c.id and r.ends_at > starts.at
                     and (r.expires_at is null or r.expires_at > now())) ends
          where ends.at > starts.at and (
              exists (select from waitlist_entry e where e.state = 'waiting' and e.car_id = c.id
                      and e.latest_start >= starts.at and e.earliest_end <= ends.at)
              or exists (select from waitlist_entry e where e.state = 'waiting' and e.car_id is null
                         and e.branch_id = c.branch_id and (e.category = c.category or e.or_better)
                         and e.latest_start >= starts.at and e.earliest_end <= ends.at)))
    order by c.id limit $1";

#[derive(FromQueryResult)]
struct Due {
    id: Uuid,
    /// The five minutes of a look at a car; elsewhere 1 where an earlier job ended in vain.
    round: i64,
}

async fn rows(db: &DatabaseConnection, sql: &str, values: impl IntoIterator<Item = Value>) -> Result<Vec<Due>, DbErr> {
    Due::find_by_statement(Statement::from_sql_and_values(DbBackend::Postgres, sql, values)).all(db).await
}

/// What the waitlist is due, at most a batch of each.
pub(super) async fn due(db: &DatabaseConnection) -> Result<Vec<NewJob>, DbErr> {
    let mut jobs = Vec::new();
    for offer in rows(db, EXPIRED, [BATCH.into()]).await? {
        jobs.push(NewJob::new(&ExpireOffer { offer_id: offer.id, again: offer.round > 0 }));
    }
    // A start must lie so far ahead that it can be booked.
    let lead = Limits::default().lead.as_seconds_f64();
    for entry in rows(db, PASSED, [BATCH.into(), lead.into()]).await? {
        jobs.push(NewJob::new(&CloseEntry { entry_id: entry.id, again: entry.round > 0 }));
    }
    for car in rows(db, WAITED_FOR, [BATCH.into(), lead.into()]).await? {
        jobs.push(NewJob::new(&PromoteWaitlist { car_id: car.id, round: Some(car.round) }));
    }
    Ok(jobs)
}
