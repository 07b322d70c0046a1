//! The leases that this process holds, and the heartbeat that renews them.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jobs::{Claimed, ledger};
use sea_orm::DatabaseConnection;
use tokio::task::AbortHandle;
use uuid::Uuid;

/// The jobs that run here now.
#[derive(Default)]
pub(super) struct Leases {
    held: Mutex<HashMap<Uuid, (i64, AbortHandle)>>,
}

impl Leases {
    pub(super) fn hold(&self, job: &Claimed, task: AbortHandle) {
        self.lock().insert(job.id, (job.fence, task));
    }

    pub(super) fn give_back(&self, job: Uuid) {
        self.lock().remove(&job);
    }

    /// Stops everything that runs; each attempt then releases its job.
    pub(super) fn cancel_all(&self) {
        for (_, task) in self.lock().values() {
            task.abort();
        }
    }

    /// Renews all leases in one statement and stops the attempts whose lease is gone.
    /// When the database does not answer nothing is stopped: the fence decides at commit.
    pub(super) async fn renew(&self, db: &DatabaseConnection, lease: Duration) {
        let held: Vec<(Uuid, i64)> = self.lock().iter().map(|(id, (fence, _))| (*id, *fence)).collect();
        if held.is_empty() {
            return;
        }
        match ledger::heartbeat(db, &held, lease).await {
            Err(error) => tracing::warn!(%error, "leases were not renewed"),
            Ok(alive) => self.stop_lost(&held, &alive.into_iter().collect()),
        }
    }

    fn stop_lost(&self, asked: &[(Uuid, i64)], alive: &HashSet<Uuid>) {
        let running = self.lock();
        for (id, fence) in asked.iter().filter(|(id, _)| !alive.contains(id)) {
            // Between question and answer the attempt may have ended by itself.
            if let Some((current, task)) = running.get(id)
                && current == fence
            {
                task.abort();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, (i64, AbortHandle)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
