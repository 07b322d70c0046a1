//! Jobs that do nothing, through the whole ledger: what the queue itself costs.

use std::time::Instant;

use anyhow::Result;
use async_trait::async_trait;
use jobs::{NewJob, ledger as record};
use sea_orm::TransactionTrait;

use super::{Aim, Benchmark, Metric, drain, figure, ledger, metric};
use crate::{
    figure::Figures,
    ground::{Ground, House},
    peer::{Peer, number_after},
};

pub(super) struct Noop;

/// At a time, on both sides.
pub(super) const CONCURRENCY: usize = 100;

#[async_trait(?Send)]
impl Benchmark for Noop {
    fn name(&self) -> &'static str {
        "noop"
    }

    fn about(&self) -> &'static str {
        "draining jobs that do nothing, 100 at a time: claimed and completed durably, against Redis alone"
    }

    fn metrics(&self) -> Vec<Metric> {
        vec![metric("rate", "/s", Aim::Times(1.0))]
    }

    async fn ours(&self, ground: &Ground) -> Result<Figures> {
        let house = ground.house().await?;
        let jobs = drain::backlog(ground);
        let tx = house.db.begin().await?;
        for _ in 0..jobs {
            record::insert(&tx, &[NewJob::new(&ledger::Nothing {})]).await?;
        }
        tx.commit().await?;
        let rate = drain(ground, &house, jobs).await?;
        house.close().await?;
        Ok(vec![figure("rate", rate)])
    }

    async fn theirs(&self, ground: &Ground, peer: &Peer) -> Result<Option<Figures>> {
        let jobs = (drain::backlog(ground) / 2).to_string();
        let said = peer.run("queue.js", &[&jobs, &CONCURRENCY.to_string()]).await?;
        Ok(Some(vec![figure("rate", number_after(&said, "drain c=100 /s")?)]))
    }
}

/// Jobs per second, from the start of a pool to the end of the last of so many waiting jobs.
pub(super) async fn drain(ground: &Ground, house: &House<'_>, jobs: u64) -> Result<f64> {
    let mut starts = ledger::starts();
    let started = Instant::now();
    let working = ledger::Working::start(ground, house, CONCURRENCY).await?;
    for _ in 0..jobs {
        starts.recv().await;
    }
    while house.number("select count(*) from job where state = 'running'").await? > 0.0 {
        tokio::task::yield_now().await;
    }
    let took = started.elapsed();
    working.stop().await?;
    Ok(jobs as f64 / took.as_secs_f64())
}
