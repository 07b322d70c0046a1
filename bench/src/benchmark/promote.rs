//! One cancellation among ten thousand who wait, until the next one's offer is committed.

use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use jobs::{NewJob, booking::CancelBooking, ledger as record, ticket::Tickets};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Statement};
use uuid::Uuid;

use super::{Aim, Benchmark, Metric, figure, ledger, metric};
use crate::{
    figure::{Figures, percentile},
    ground::{Ground, House, QUOTE},
};

pub(super) struct Promote;

/// Cancellations of one round, one after the other.
const CANCELLATIONS: usize = 50;
const LOOK: Duration = Duration::from_millis(2);

#[async_trait(?Send)]
impl Benchmark for Promote {
    fn name(&self) -> &'static str {
        "promote"
    }

    fn about(&self) -> &'static str {
        "from a cancellation's commit to the committed offer, 10,000 waiting for a class of 200 cars"
    }

    fn metrics(&self) -> Vec<Metric> {
        vec![metric("p50", "ms", Aim::AtMost(100.0)), metric("most", "ms", Aim::AtMost(100.0))]
    }

    async fn ours(&self, ground: &Ground) -> Result<Figures> {
        let house = ground.house().await?;
        house.db.execute_unprepared(&CROWD.replace("{quote}", QUOTE)).await?;
        house.db.execute_unprepared("analyze").await?;
        let (booking, _) = house.start("booking").await?;
        let (waitlist, _) = house.start("waitlist").await?;
        let tickets = Tickets::start(&ledger::settings(ground, &house).ticket_place())?;
        for turn in 0..CANCELLATIONS {
            let cancel = NewJob::new(&cancellation(&house).await?);
            record::insert(&house.db, std::slice::from_ref(&cancel)).await?;
            tickets.push(cancel.queue, cancel.id);
            while house.number("select count(*) from waitlist_offer").await? <= turn as f64 {
                tokio::time::sleep(LOOK).await;
            }
        }
        let took = took(&house).await?;
        booking.stop().await?;
        waitlist.stop().await?;
        house.close().await?;
        Ok(vec![figure("p50", percentile(&took, 0.5)), figure("most", percentile(&took, 1.0))])
    }
}

async fn cancellation(house: &House<'_>) -> Result<CancelBooking> {
    #[derive(FromQueryResult)]
    struct Row {
        id: Uuid,
        customer_id: Uuid,
    }
    let sql = "select id, customer_id from booking where status = 'Confirmed' order by id limit 1";
    let row = Row::find_by_statement(Statement::from_string(DbBackend::Postgres, sql)).one(&house.db).await?;
    let row = row.context("every booking is cancelled")?;
    Ok(CancelBooking { booking_id: row.id, cancelled_by: row.customer_id, reason: None, house_fault: false })
}

/// Milliseconds from the end of each cancellation to the end of the promotion that made its offer, by the database's clock.
async fn took(house: &House<'_>) -> Result<Vec<f64>> {
    #[derive(FromQueryResult)]
    struct Row {
        ms: f64,
    }
    let sql = "select extract(epoch from min(promotion.finished_at) - cancellation.finished_at)::float8 * 1000 as ms
               from job cancellation
               join booking on booking.id = (cancellation.payload ->> 'booking_id')::uuid
               join waitlist_offer offer on offer.car_id = booking.car_id
               join job promotion on promotion.kind = 'promote_waitlist'
                    and (promotion.payload ->> 'car_id')::uuid = booking.car_id and promotion.finished_at >= offer.created_at
               where cancellation.kind = 'cancel_booking'
               group by cancellation.id, cancellation.finished_at";
    let rows = Row::find_by_statement(Statement::from_string(DbBackend::Postgres, sql)).all(&house.db).await?;
    anyhow::ensure!(rows.len() == CANCELLATIONS, "of {CANCELLATIONS} cancellations {} led to an offer", rows.len());
    let mut took: Vec<f64> = rows.into_iter().map(|row| row.ms).collect();
    took.sort_by(f64::total_cmp);
    Ok(took)
}

/// Two hundred luxury cars are booked for days 10 to 12 and shut for the rest of the year; of those who wait every
/// two-hundredth wants these days.
const CROWD: &str = "
update car set category = 'luxury' where id < lpad(to_hex(131072 + 200), 32, '0')::uuid;
insert into account (id, email, name, password_hash, role)
select gen_random_uuid(), 'waiting' || n || '@example.com', 'Somebody', '-', 'customer' from generate_series(1, 10000) n;
create temporary table day as select date_trunc('day', now()) + interval '10 days 12 hours' as at;
insert into booking (id, number, car_id, customer_id, branch_id, starts_at, ends_at, time_zone, status, quote, total,
                     currency, plate)
select gen_random_uuid(), 'BK-' || plate, id, lpad(to_hex(65536), 32, '0')::uuid, branch_id, at, at + interval '2 days', 'UTC',
       'Confirmed', '{quote}', 11900, 'EUR', plate from car, day where category = 'luxury';
insert into reservation (id, resource_kind, resource_id, starts_at, ends_at, purpose, booking_id)
select gen_random_uuid(), 'car', car_id, starts_at, ends_at + interval '1 hour', 'booking', id from booking;
insert into reservation (id, resource_kind, resource_id, starts_at, ends_at, purpose)
select gen_random_uuid(), 'car', booking.car_id, stretch.starts_at, stretch.ends_at, 'block'
from booking, lateral (values (now(), booking.starts_at),
                              (booking.ends_at + interval '1 hour', now() + interval '390 days')) stretch (starts_at, ends_at);
insert into waitlist_entry (id, customer_id, category, branch_id, kind, starts_at, ends_at, latest_start, earliest_end,
                            least_minutes)
select gen_random_uuid(), person.id, 'luxury', branch.id, 'window', wish.at, wish.at + interval '2 days', wish.at,
       wish.at + interval '2 days', 2880
from (select id, row_number() over (order by id) as n from account where email like 'waiting%') person, branch, day,
     lateral (select day.at + make_interval(days => (n % 200)::integer) as at) wish;";
