//! The same work with ten (and a hundred) times the history behind it.

use anyhow::Result;
use async_trait::async_trait;
use sea_orm::ConnectionTrait;

use super::{Aim, Benchmark, Metric, accept, drain, figure, metric};
use crate::{
    figure::Figures,
    ground::{Ground, House, QUOTE},
};

pub(super) struct Growth;

/// Finished bookings, each with its job, at once the usual size.
const ROWS: u64 = 20_000;

#[async_trait(?Send)]
impl Benchmark for Growth {
    fn name(&self) -> &'static str {
        "growth"
    }

    fn about(&self) -> &'static str {
        "accepting and draining with 20,000, 200,000 (and with --huge 2,000,000) bookings and jobs of old"
    }

    fn metrics(&self) -> Vec<Metric> {
        vec![
            metric("accept 1x", "/s", Aim::None),
            metric("accept 10x", "/s", Aim::None),
            metric("accept 10x slower", "times", Aim::AtMost(1.3)),
            metric("accept 100x slower", "times", Aim::AtMost(1.3)),
            metric("drain 1x", "/s", Aim::None),
            metric("drain 10x", "/s", Aim::None),
            metric("drain 10x slower", "times", Aim::AtMost(1.3)),
            metric("drain 100x slower", "times", Aim::AtMost(1.3)),
        ]
    }

    async fn ours(&self, ground: &Ground) -> Result<Figures> {
        let (accept_1, drain_1) = size(ground, 1).await?;
        let (accept_10, drain_10) = size(ground, 10).await?;
        let mut figures = vec![
            figure("accept 1x", accept_1),
            figure("accept 10x", accept_10),
            figure("accept 10x slower", accept_1 / accept_10),
            figure("drain 1x", drain_1),
            figure("drain 10x", drain_10),
            figure("drain 10x slower", drain_1 / drain_10),
        ];
        if ground.huge {
            let (accept_100, drain_100) = size(ground, 100).await?;
            figures.push(figure("accept 100x slower", accept_1 / accept_100));
            figures.push(figure("drain 100x slower", drain_1 / drain_100));
        }
        Ok(figures)
    }
}

/// Accepts and bookings per second behind so much history.
async fn size(ground: &Ground, times: u64) -> Result<(f64, f64)> {
    let house = ground.house().await?;
    remember(&house, ROWS * times).await?;
    let drained = drain::drain(&house, drain::backlog(ground), 0).await?;
    let (front, address) = house.start("api").await?;
    let accepted = accept::book(ground, address, "Prefer: respond-async\r\n", 202).await?;
    front.stop().await?;
    house.close().await?;
    Ok((accepted[0].1, drained))
}

/// Bookings that ended before today, the time that they took, and the jobs that made them.
async fn remember(house: &House<'_>, rows: u64) -> Result<()> {
    for sql in [BOOKINGS, RESERVATIONS, JOBS, "vacuum analyze", "checkpoint"] {
        house.db.execute_unprepared(&sql.replace("{rows}", &rows.to_string()).replace("{quote}", QUOTE)).await?;
    }
    Ok(())
}

const BOOKINGS: &str = "
insert into booking (id, number, car_id, customer_id, branch_id, starts_at, ends_at, time_zone, status, quote, total,
                     currency, plate, created_at)
select gen_random_uuid(), 'OLD-' || n, car.id, account.id, car.branch_id, at, at + interval '2 hours', 'UTC', 'completed',
       '{quote}', 4900, 'EUR', car.plate, at
from generate_series(1, {rows}) n
join lateral (select now() - interval '1 day' - (n / 500) * interval '3 hours' as at) as past on true
join lateral (select lpad(to_hex(131072 + n % 500), 32, '0')::uuid as id) as this on true
join car on car.id = this.id
join account on account.id = lpad(to_hex(65536 + n % 32), 32, '0')::uuid";

const RESERVATIONS: &str = "
insert into reservation (id, resource_kind, resource_id, starts_at, ends_at, purpose, booking_id)
select gen_random_uuid(), 'car', car_id, starts_at, ends_at, 'booking', id from booking";

const JOBS: &str = "
insert into job (id, queue, kind, payload, principal, idempotency_key, state, max_attempts, attempt, fence, outcome,
                 run_at, created_at, finished_at)
select gen_random_uuid(), 'booking', 'request_booking', to_jsonb(booking), customer_id, id::text, 'done', 8, 1, 1,
       to_jsonb(booking), created_at, created_at, created_at
from booking";
