//! One job at a time on an idle platform: how long until it starts.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use async_trait::async_trait;
use jobs::{NewJob, Queue, ledger as record, ticket::Tickets};

use super::{Aim, Benchmark, Metric, figure, ledger, metric};
use crate::{
    figure::{Figures, percentile},
    ground::Ground,
    peer::{Peer, number_after},
};

pub(super) struct Idle;

/// As the peer's script: so many jobs, with a pause between them.
const JOBS: usize = 300;
const PAUSE: Duration = Duration::from_millis(7);

#[async_trait(?Send)]
impl Benchmark for Idle {
    fn name(&self) -> &'static str {
        "idle"
    }

    fn about(&self) -> &'static str {
        "push to start on an idle platform, one job at a time; `whole` begins before the job is committed"
    }

    fn metrics(&self) -> Vec<Metric> {
        vec![
            metric("p50", "ms", Aim::AtMost(1.0)),
            metric("p99", "ms", Aim::AtMost(5.0)),
            metric("whole p50", "ms", Aim::None),
            metric("whole p99", "ms", Aim::None),
        ]
    }

    async fn ours(&self, ground: &Ground) -> Result<Figures> {
        let house = ground.house().await?;
        let working = ledger::Working::start(ground, &house, 1).await?;
        let tickets = Tickets::start(&working.context.settings.ticket_place())?;
        let mut starts = ledger::starts();
        let (mut pushed, mut whole) = (Vec::new(), Vec::new());
        for number in 0..JOBS + JOBS / 10 {
            let job = NewJob::new(&ledger::Nothing {});
            let begun = Instant::now();
            record::insert(&working.context.db, std::slice::from_ref(&job)).await?;
            let committed = Instant::now();
            tickets.push(Queue::Booking, job.id);
            let start = starts.recv().await.context("the pool ended")?;
            // The first ones find connections that are not open yet.
            if number >= JOBS / 10 {
                pushed.push((start - committed).as_secs_f64() * 1000.0);
                whole.push((start - begun).as_secs_f64() * 1000.0);
            }
            tokio::time::sleep(PAUSE).await;
        }
        working.stop().await?;
        house.close().await?;
        pushed.sort_by(f64::total_cmp);
        whole.sort_by(f64::total_cmp);
        Ok(vec![
            figure("p50", percentile(&pushed, 0.5)),
            figure("p99", percentile(&pushed, 0.99)),
            figure("whole p50", percentile(&whole, 0.5)),
            figure("whole p99", percentile(&whole, 0.99)),
        ])
    }

    async fn theirs(&self, _: &Ground, peer: &Peer) -> Result<Option<Figures>> {
        // It adds a thousand at a time, and would find left-overs of fewer.
        let said = peer.run("queue.js", &["1000", "100"]).await?;
        let idle = said.split_once("idle push-to-start").context("the script said nothing of idle jobs")?.1;
        let (p50, p99) = (number_after(idle, "p50")?, number_after(idle, "p99")?);
        let figures = [("p50", p50), ("p99", p99), ("whole p50", p50), ("whole p99", p99)];
        Ok(Some(figures.map(|(name, value)| figure(name, value)).to_vec()))
    }
}
