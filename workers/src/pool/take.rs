//! How a pool comes by its jobs: claimed as tickets name them, and as room becomes free.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use jobs::{Claimed, Queue, fault, ledger};
use platform::database::{PATIENCE, answered};
use sea_orm::{DatabaseConnection, DbErr};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Pool;

/// How often a process looks for jobs that others died of.
const SUSPECTS: Duration = Duration::from_secs(1);

impl Pool {
    /// Takes what a ticket names, unless there is a backlog: then the sweep takes everything in its order, and a ticket
    /// would only overtake.
    pub(super) async fn take_ticket(self: Arc<Self>, ids: Vec<Uuid>, stop: &CancellationToken) {
        if !self.behind.load(Ordering::Acquire) {
            self.take(ids, stop).await;
        }
    }

    /// Claims these as room becomes free, and starts them. Returns when all are started.
    pub(super) async fn take(self: Arc<Self>, ids: Vec<Uuid>, stop: &CancellationToken) {
        let mut rest = ids.as_slice();
        while !rest.is_empty() {
            let Some(permits) = self.permits(rest.len(), Duration::ZERO, stop).await else { return };
            let (now, later) = rest.split_at(permits.len());
            rest = later;
            let claimed = self.claims.call(now.to_vec()).await.unwrap_or_default();
            self.start(claimed, permits);
        }
    }

    /// Works on what was claimed. Room that is left over is free again.
    pub(super) fn start(self: &Arc<Self>, claimed: Vec<Claimed>, permits: Vec<OwnedSemaphorePermit>) {
        if !claimed.is_empty() {
            fault::crash_point("after_claim");
        }
        for (job, permit) in claimed.into_iter().zip(permits) {
            tokio::spawn(self.clone().work_on(Arc::new(job), permit));
        }
    }

    /// Works on jobs that processes died of, one at a time.
    pub(super) async fn take_suspects(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if !self.clone().take_suspect(&stop).await {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(SUSPECTS) => {}
                }
            }
        }
    }

    /// `false`: there was none, or this process is about to end itself because of an attempt that does not yield. A suspect
    /// would die of that for the third time.
    async fn take_suspect(self: Arc<Self>, stop: &CancellationToken) -> bool {
        if self.watch.sees_one_late() {
            return false;
        }
        let Some(permit) = self.permits(1, Duration::ZERO, stop).await.and_then(|mut permits| permits.pop()) else {
            return false;
        };
        match answered(PATIENCE, ledger::claim_suspect(&self.context.db, self.queue, &self.name)).await {
            Ok(Some(job)) => {
                self.work_on(Arc::new(job), permit).await;
                true
            }
            // Whoever sweeps the ledger says that it cannot be reached.
            Ok(None) | Err(_) => false,
        }
    }

    /// At least one permit, and after it as many of `wanted` as are free when all are or so much time is over; `None` when
    /// the process stops.
    pub(super) async fn permits(
        &self,
        wanted: usize,
        gather: Duration,
        stop: &CancellationToken,
    ) -> Option<Vec<OwnedSemaphorePermit>> {
        let first = tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            permit = self.room.clone().acquire_owned() => permit.ok()?,
        };
        if !gather.is_zero() {
            let others = u32::try_from(wanted - 1).unwrap_or(u32::MAX);
            // Given back at once, and taken again below, one by one.
            let _ = tokio::time::timeout(gather, self.room.acquire_many(others)).await;
        }
        let more = std::iter::from_fn(|| self.room.clone().try_acquire_owned().ok());
        Some(std::iter::once(first).chain(more.take(wanted - 1)).collect())
    }
}

/// Claims what several tickets name, and hands to each its own.
pub(super) async fn claim(
    db: DatabaseConnection,
    queue: Queue,
    tickets: Vec<Vec<Uuid>>,
    worker: String,
) -> Vec<Option<Vec<Claimed>>> {
    let ids = tickets.concat();
    let claim = || ledger::claim(&db, queue, &ids, &worker);
    // Twice where a session broke: a ticket that leads nowhere costs its jobs up to a second.
    let claimed = match claim().await {
        Err(DbErr::ConnectionAcquire(error)) => Err(DbErr::ConnectionAcquire(error)),
        Err(_) => claim().await,
        claimed => claimed,
    };
    match claimed {
        // A claim that the database did not answer may stand: its lease runs out then.
        Err(error) => {
            tracing::warn!(%error, "jobs could not be claimed");
            Vec::new()
        }
        Ok(claimed) => {
            let mut claimed: HashMap<Uuid, Claimed> = claimed.into_iter().map(|job| (job.id, job)).collect();
            tickets.iter().map(|ids| Some(ids.iter().filter_map(|id| claimed.remove(id)).collect())).collect()
        }
    }
}
