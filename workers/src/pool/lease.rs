//! The leases that this process holds, and the heartbeat that renews them.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jobs::{Claimed, ledger};
use platform::database::answered;
use sea_orm::DatabaseConnection;
use tokio::task::AbortHandle;
use uuid::Uuid;

/// After trouble with the database nothing is taken back for so long: all that could not renew do so first.
const SETTLING: Duration = Duration::from_secs(5);

/// The jobs that run here now.
#[derive(Default)]
pub(super) struct Leases {
    held: Mutex<HashMap<Uuid, (i64, AbortHandle)>>,
    troubled: Mutex<Option<Instant>>,
}

impl Leases {
    /// An earlier attempt that still runs here has lost its lease to this one.
    pub(super) fn hold(&self, job: &Claimed, task: AbortHandle) {
        if let Some((_, earlier)) = self.lock().insert(job.id, (job.fence, task)) {
            earlier.abort();
        }
    }

    /// The attempt is over. A later one keeps its lease.
    pub(super) fn give_back(&self, job: &Claimed) {
        let mut held = self.lock();
        if held.get(&job.id).is_some_and(|(fence, _)| *fence == job.fence) {
            held.remove(&job.id);
        }
    }

    /// The database does not answer as it should.
    pub(super) fn trouble(&self) {
        *self.troubled.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether leases that ran out tell of workers that died: while the database stalls all of them run out.
    pub(super) fn tell_of_death(&self) -> bool {
        let troubled = self.troubled.lock().unwrap_or_else(PoisonError::into_inner);
        troubled.is_none_or(|troubled| troubled.elapsed() > SETTLING)
    }

    /// Stops everything that runs; each attempt then releases its job.
    pub(super) fn cancel_all(&self) {
        for (_, task) in self.lock().values() {
            task.abort();
        }
    }

    /// Renews all leases in one statement and stops the attempts whose lease is gone. `false`: the database does not
    /// answer. Nothing is stopped then: the fence decides at commit.
    pub(super) async fn renew(&self, db: &DatabaseConnection, lease: Duration) -> bool {
        let mut held: Vec<(Uuid, i64)> = self.lock().iter().map(|(id, (fence, _))| (*id, *fence)).collect();
        if held.is_empty() {
            return true;
        }
        held.sort_unstable();
        match answered(lease / 3, ledger::heartbeat(db, &held, lease)).await {
            Err(error) => {
                tracing::warn!(%error, "leases were not renewed");
                self.trouble();
                false
            }
            Ok(alive) => {
                self.stop_lost(&held, &alive.into_iter().collect());
                true
            }
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
