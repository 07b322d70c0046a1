//! A backlog of bookings, from the start of a worker process to the last commit.

use std::time::{Duration, Instant};

use anyhow::Result;
use async_trait::async_trait;
use jobs::{NewJob, booking::RequestBooking, ledger};
use sea_orm::TransactionTrait;
use uuid::Uuid;

use super::{Aim, Benchmark, Metric, figure, metric};
use crate::{
    figure::Figures,
    ground::{CUSTOMERS, Ground, House, customer, slot},
    peer::{Peer, number_after},
    running::free_address,
};

pub(super) struct Drain;

/// How often both sides count.
const LOOK: Duration = Duration::from_millis(100);

pub(super) fn backlog(ground: &Ground) -> u64 {
    if ground.quick { 2_000 } else { 20_000 }
}

#[async_trait(?Send)]
impl Benchmark for Drain {
    fn name(&self) -> &'static str {
        "drain"
    }

    fn about(&self) -> &'static str {
        "a backlog of 20,000 bookings over 500 cars to the last commit and mail job, one worker process"
    }

    fn metrics(&self) -> Vec<Metric> {
        vec![metric("rate", "/s", Aim::Times(3.0))]
    }

    async fn ours(&self, ground: &Ground) -> Result<Figures> {
        let house = ground.house().await?;
        let rate = drain(&house, backlog(ground), 0).await?;
        house.close().await?;
        Ok(vec![figure("rate", rate)])
    }

    async fn theirs(&self, ground: &Ground, peer: &Peer) -> Result<Option<Figures>> {
        peer_drains(ground, peer).await.map(Some)
    }
}

pub(super) async fn peer_drains(ground: &Ground, peer: &Peer) -> Result<Figures> {
    let said = peer.run("drain.js", &[&backlog(ground).to_string()]).await?;
    Ok(vec![figure("rate", number_after(&said, "bookings/s")?)])
}

/// Bookings per second, the start of the process included. The requests begin at the number `first`.
pub(super) async fn drain(house: &House<'_>, bookings: u64, first: u64) -> Result<f64> {
    fill(house, bookings, first).await?;
    let started = Instant::now();
    let worker = house.spawn("booking", free_address()?)?;
    // A booking, its mail job and the end of its own job commit together.
    while house
        .number("select (exists (select from job where queue = 'booking' and state = 'ready') or exists (select from job where state = 'running'))::int")
        .await?
        > 0.0
    {
        tokio::time::sleep(LOOK).await;
    }
    let took = started.elapsed();
    worker.stop().await?;
    let told = house.number("select count(*) from job where queue = 'notify' and state = 'ready'").await?;
    anyhow::ensure!(told >= bookings as f64, "of {bookings} bookings {told} have a mail job");
    Ok(bookings as f64 / took.as_secs_f64())
}

async fn fill(house: &House<'_>, bookings: u64, first: u64) -> Result<()> {
    let tx = house.db.begin().await?;
    for number in first..first + bookings {
        let (car_id, start, end) = slot(number);
        let customer_id = customer(usize::try_from(number)? % CUSTOMERS);
        let request =
            RequestBooking { booking_id: Uuid::now_v7(), car_id, customer_id, start, end, join_waitlist: None };
        ledger::insert(&tx, &[NewJob::new(&request).asked_by(customer_id)]).await?;
    }
    tx.commit().await?;
    Ok(())
}
