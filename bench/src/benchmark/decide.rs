//! Asking and getting the final answer: the booking, not a promise.

use anyhow::Result;
use async_trait::async_trait;

use super::{Aim, Benchmark, Metric, accept, drain, figure, metric};
use crate::{figure::Figures, ground::Ground, peer::Peer};

pub(super) struct Decide;

#[async_trait(?Send)]
impl Benchmark for Decide {
    fn name(&self) -> &'static str {
        "decide"
    }

    fn about(&self) -> &'static str {
        "asking and getting the final 201, 32 connections, one front and one booking worker; the peer drains a backlog"
    }

    fn metrics(&self) -> Vec<Metric> {
        vec![
            metric("rate", "/s", Aim::Times(2.0)),
            metric("p50", "ms", Aim::None),
            metric("p99", "ms", Aim::AtMost(50.0)),
            metric("front peak", "MB", Aim::None),
            metric("worker peak", "MB", Aim::None),
        ]
    }

    async fn ours(&self, ground: &Ground) -> Result<Figures> {
        let house = ground.house().await?;
        let (front, address) = house.start("api").await?;
        let (worker, _) = house.start("booking").await?;
        let mut figures = accept::book(ground, address, "", 201).await?;
        figures.push(figure("front peak", front.megabytes("VmHWM")?));
        figures.push(figure("worker peak", worker.megabytes("VmHWM")?));
        worker.stop().await?;
        front.stop().await?;
        house.close().await?;
        Ok(figures)
    }

    async fn theirs(&self, ground: &Ground, peer: &Peer) -> Result<Option<Figures>> {
        drain::peer_drains(ground, peer).await.map(Some)
    }
}
