//! What no ticket brings: leases that ran out, and jobs that are due all the same.

use std::{
    pin::pin,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use jobs::{fault, ledger};
use platform::database::{PATIENCE, answered};
use sea_orm::DbErr;
use tokio_util::sync::CancellationToken;

use super::Pool;

/// How often the ledger is looked through.
const SWEEP: Duration = Duration::from_secs(1);

/// While there is a backlog: jobs that end together give their room back within this time, and the next ones are
/// claimed together, too.
const GATHER: Duration = Duration::from_millis(2);

/// What one look into the ledger claims at most: what is claimed together is mostly performed together, and its cars stay locked
/// until all of it is written.
const MOST_AT_A_LOOK: usize = 64;

/// How much of the room one look may fill: the rest works meanwhile, and is there for tickets.
pub(super) fn share(room: usize) -> usize {
    room.div_ceil(2).min(MOST_AT_A_LOOK)
}

impl Pool {
    /// Every second, and without a pause while this process is behind. Redis may have forgotten every ticket, or be
    /// away: the ledger knows what is due.
    pub(super) async fn sweep(self: Arc<Self>, stop: CancellationToken) {
        let mut failing = false;
        while !stop.is_cancelled() {
            let swept = self.clone().sweep_once(&stop).await;
            match &swept {
                // Said once per outage, not once per second.
                Err(error) if !failing => tracing::warn!(%error, "the ledger was not swept; trying on"),
                Ok(()) if failing => tracing::info!("the ledger is swept again"),
                _ => {}
            }
            failing = swept.is_err();
            if failing {
                self.leases.trouble();
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(SWEEP) => {}
            }
        }
    }

    /// Returns when nothing is due that nobody works on.
    async fn sweep_once(self: Arc<Self>, stop: &CancellationToken) -> Result<(), DbErr> {
        // Kept while leases that ran out are taken back: whoever goes to the end of the line again may never be its head.
        let mut turn = pin!(self.turn());
        loop {
            let began = Instant::now();
            let taken_back = match self.leases.tell_of_death() {
                true => answered(PATIENCE, ledger::reap(&self.context.db, self.queue)).await?,
                false => Vec::new(),
            };
            fault::crash_point("after_reap");
            if !taken_back.is_empty() {
                // They have waited for a whole lease already: not behind everything else that is due.
                let (pool, stop) = (self.clone(), stop.clone());
                tokio::spawn(async move { pool.take(taken_back, &stop).await });
            }
            while began.elapsed() < SWEEP {
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    () = tokio::time::sleep(SWEEP) => break,
                    () = &mut turn => turn.set(self.turn()),
                }
                if !self.clone().take_due(stop).await? {
                    return Ok(());
                }
            }
        }
    }

    /// Returns when everything that was claimed before and needs a connection has one: it is ahead in this line. With more of it it
    /// would only lie here longer, and another process may have a connection left.
    async fn turn(&self) {
        drop(self.rights.alone.acquire().await);
    }

    /// Claims what is due, for a share of the room at most. `false`: nothing is left.
    async fn take_due(self: Arc<Self>, stop: &CancellationToken) -> Result<bool, DbErr> {
        let was_behind = self.behind.load(Ordering::Acquire);
        let gather = if was_behind { GATHER } else { Duration::ZERO };
        let Some(permits) = self.permits(self.share, gather, stop).await else { return Ok(false) };
        let claim = ledger::claim_due(&self.context.db, self.queue, permits.len(), &self.name);
        let claimed = answered(PATIENCE, claim).await?;
        let behind = claimed.len() == permits.len();
        metrics::counter!("jobs_swept_total", "queue" => self.queue.as_str()).increment(claimed.len() as u64);
        self.behind.store(behind, Ordering::Release);
        self.start(claimed, permits);
        // Once more when it has caught up: of what was accepted during the last look the tickets were dropped.
        Ok(behind || was_behind)
    }
}
