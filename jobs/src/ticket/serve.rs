//! Receiving tickets: an apalis worker that is started again whenever Redis ends it,
//! and the sweep that gives every due job a ticket.

use std::{sync::Arc, time::Duration};

use apalis::{
    layers::WorkerBuilderExt,
    prelude::{BackendExt, BoxDynError, ParallelizeExt, WorkerBuilder, WorkerError},
};
use futures::{FutureExt, channel::mpsc, future::BoxFuture};
use sea_orm::DatabaseConnection;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Place, WINDOW, poll::WakePoll, push::Pusher};
use crate::{Queue, fault, ledger, pubsub};

/// How often a worker looks for tickets that nobody woke it for.
const FALLBACK_POLL: Duration = Duration::from_millis(200);
/// How often leases are reaped and due jobs dispatched.
const SWEEP: Duration = Duration::from_secs(1);
/// The pause between sweeps while there is more due than the window holds.
const SWEEP_BACKLOG: Duration = Duration::from_millis(10);
/// The pause before an apalis worker that Redis ended is started again.
const RESTART: Duration = Duration::from_millis(300);

/// Hands every ticket of `queue` to `handle` until `stop`, and keeps tickets coming
/// from the ledger whatever happens to Redis.
///
/// `handle` gets the ids that a ticket names; it should return when it is ready for
/// the next ticket.
///
/// # Errors
/// When the URL is no Redis URL.
pub async fn serve<F, Fut>(
    place: Place,
    queue: Queue,
    db: DatabaseConnection,
    stop: CancellationToken,
    handle: F,
) -> anyhow::Result<()>
where
    F: Fn(Vec<Uuid>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let sweeper = Sweeper { pusher: Pusher::new(&place, queue)?, place: place.clone(), queue, db };
    let sweeping = tokio::spawn(sweeper.sweep(stop.clone(), handle.clone()));
    let wakes = Wakes::subscribe(&place, queue)?;
    while !stop.is_cancelled() {
        if let Err(error) = receive(&place, queue, &wakes, stop.clone(), handle.clone())?.await {
            tracing::warn!(%error, %queue, "Redis ended the ticket worker; it starts again");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(RESTART) => {}
        }
    }
    sweeping.await?;
    Ok(())
}

/// Wake-ups from Redis, for whichever apalis worker runs now.
#[derive(Clone)]
struct Wakes(Arc<std::sync::Mutex<Option<mpsc::Sender<()>>>>);

impl Wakes {
    fn subscribe(place: &Place, queue: Queue) -> anyhow::Result<Self> {
        let wakes = Self(Arc::default());
        let current = wakes.clone();
        pubsub::subscribe(&place.redis_url, place.wake_channel(queue), move |_| {
            if let Some(sender) = &mut *current.lock() {
                // Full means that a wake-up is pending already.
                let _ = sender.try_send(());
            }
        })?;
        Ok(wakes)
    }

    fn receiver(&self) -> mpsc::Receiver<()> {
        let (sender, receiver) = mpsc::channel(1);
        *self.lock() = Some(sender);
        receiver
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<mpsc::Sender<()>>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// One life of an apalis worker. Boxed, because the compiler cannot see that the
/// unboxed future is `Send` through apalis's layers.
fn receive<F, Fut>(
    place: &Place,
    queue: Queue,
    wakes: &Wakes,
    stop: CancellationToken,
    handle: F,
) -> anyhow::Result<BoxFuture<'static, Result<(), WorkerError>>>
where
    F: Fn(Vec<Uuid>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    // Unique per start: apalis refuses a name that was alive within the last minute.
    let name = format!("{queue}-{}", Uuid::now_v7().simple());
    let polling = WakePoll::new(FALLBACK_POLL, wakes.receiver());
    let worker = WorkerBuilder::new(name)
        .backend(place.storage(queue)?.poll_with_strategy(polling))
        .concurrency(8)
        .parallelize(tokio::spawn)
        .build(move |ticket: Value| {
            let handle = handle.clone();
            async move {
                match serde_json::from_value(ticket) {
                    Ok(ids) => handle(ids).await,
                    Err(error) => tracing::warn!(%error, "an unreadable ticket was dropped"),
                }
                Ok::<(), BoxDynError>(())
            }
        });
    let stopped = async move {
        stop.cancelled().await;
        Ok::<(), std::io::Error>(())
    };
    Ok(worker.run_until(stopped).boxed())
}

/// What keeps tickets coming.
struct Sweeper {
    place: Place,
    queue: Queue,
    db: DatabaseConnection,
    pusher: Pusher,
}

impl Sweeper {
    async fn sweep<F, Fut>(mut self, stop: CancellationToken, handle: F)
    where
        F: Fn(Vec<Uuid>) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let (mut failing, queue) = (false, self.queue);
        while !stop.is_cancelled() {
            let swept = self.sweep_once(&handle).await;
            match &swept {
                // Said once per outage, not once per second.
                Err(error) if !failing => tracing::warn!(%error, %queue, "the ledger was not swept; trying on"),
                Ok(_) if failing => tracing::info!(%queue, "the ledger is swept again"),
                _ => {}
            }
            failing = swept.is_err();
            let pause = if matches!(swept, Ok(true)) { SWEEP_BACKLOG } else { SWEEP };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// `true`: there is more due than there was room for.
    async fn sweep_once<F, Fut>(&mut self, handle: &F) -> anyhow::Result<bool>
    where
        F: Fn(Vec<Uuid>) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let taken_back = ledger::reap(&self.db, self.queue).await?;
        fault::crash_point("after_reap");
        if !taken_back.is_empty() {
            // They have waited for a whole lease already: not behind every ticket that is in Redis, and not for Redis.
            tokio::spawn(handle(taken_back));
        }
        self.pusher.forget_finished(&self.place, self.queue).await?;
        let room = self.pusher.room().await?;
        // Workers have enough in hand. Half a window at a time: choosing costs the same for one job as for all of them.
        if room < WINDOW / 2 {
            return Ok(true);
        }
        let due = ledger::due(&self.db, self.queue, room).await?;
        if !due.is_empty() {
            fault::crash_point("after_due_before_push");
            metrics::counter!("jobs_redispatched_total", "queue" => self.queue.as_str()).increment(due.len() as u64);
            self.pusher.push(&due).await?;
        }
        Ok(due.len() as u64 == room)
    }
}
