//! Receiving tickets: an apalis worker that is started again whenever Redis ends it.

use std::{sync::Arc, time::Duration};

use apalis::{
    layers::WorkerBuilderExt,
    prelude::{BackendExt, BoxDynError, ParallelizeExt, WorkerBuilder, WorkerError},
};
use futures::{FutureExt, channel::mpsc, future::BoxFuture};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Place, leavings::Leavings, poll::WakePoll};
use crate::{Queue, pubsub};

/// How often a worker looks for tickets that nobody woke it for.
const FALLBACK_POLL: Duration = Duration::from_millis(200);
/// How often finished tickets are forgotten.
const TIDY: Duration = Duration::from_secs(1);
/// The pause before an apalis worker that Redis ended is started again.
const RESTART: Duration = Duration::from_millis(300);

/// Hands every ticket of `queue` to `handle` until `stop`, whatever happens to Redis.
///
/// `handle` gets the ids that a ticket names; it should return when it is ready for
/// the next ticket.
///
/// # Errors
/// When the URL is no Redis URL.
pub async fn serve<F, Fut>(place: Place, queue: Queue, stop: CancellationToken, handle: F) -> anyhow::Result<()>
where
    F: Fn(Vec<Uuid>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let tidying = tokio::spawn(tidy(Leavings::new(&place, queue)?, stop.clone()));
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
    tidying.await?;
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

/// Every second until `stop`, what apalis leaves behind of finished tickets is forgotten.
async fn tidy(mut leavings: Leavings, stop: CancellationToken) {
    while !stop.is_cancelled() {
        // Redis may be away; it is tidied when it is back.
        if let Err(error) = leavings.forget().await {
            tracing::debug!(%error, "finished tickets stay for now");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(TIDY) => {}
        }
    }
}
