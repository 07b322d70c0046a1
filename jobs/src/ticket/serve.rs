//! Receiving tickets: an apalis worker that is started again whenever Redis ends it.

use std::{sync::Arc, time::Duration};

use apalis::{
    layers::WorkerBuilderExt,
    prelude::{BackendExt, BoxDynError, ParallelizeExt, WorkerBuilder, WorkerError},
};
use futures::{FutureExt, future::BoxFuture};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Place,
    leavings::Leavings,
    poll::WakePoll,
    wake::{Heard, Wakes},
};
use crate::Queue;

/// How often a worker looks for tickets that nobody woke it for.
const FALLBACK_POLL: Duration = Duration::from_millis(200);
/// How often finished tickets are forgotten.
const TIDY: Duration = Duration::from_secs(1);
/// For how long Redis may be silent then.
const PATIENCE: Duration = Duration::from_secs(5);
/// Tickets that may wait for room at a time, and as many wake-ups.
const AT_ONCE: usize = 8;
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
    let tidying = tokio::spawn(tidy(place.clone(), queue, stop.clone()));
    let wakes = Wakes::subscribe(&place, queue)?;
    let named = Arc::new(Named { handle, heard: Heard::default(), room: Arc::new(Semaphore::new(AT_ONCE)) });
    while !stop.is_cancelled() {
        if let Err(error) = receive(&place, queue, &wakes, stop.clone(), named.clone())?.await {
            // How Redis is, the tidying tells, once.
            tracing::debug!(%error, %queue, "Redis ended the ticket worker; it starts again");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(RESTART) => {}
        }
    }
    wakes.end();
    tidying.await??;
    Ok(())
}

/// What a ticket or a wake-up names goes to the pool once.
struct Named<F> {
    handle: F,
    heard: Heard,
    /// As many as apalis works on at a time.
    room: Arc<Semaphore>,
}

impl<F, Fut> Named<F>
where
    F: Fn(Vec<Uuid>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    /// `false`: there is no room, so its ticket brings it.
    fn by_wake_up(&self, ids: Vec<Uuid>) -> bool {
        let Ok(room) = self.room.clone().try_acquire_owned() else { return false };
        self.heard.note(&ids);
        let handled = (self.handle)(ids);
        tokio::spawn(async move {
            handled.await;
            drop(room);
        });
        true
    }

    async fn by_ticket(&self, ticket: Value) {
        match serde_json::from_value(ticket) {
            Ok(mut ids) => {
                self.heard.drop_from(&mut ids);
                if !ids.is_empty() {
                    (self.handle)(ids).await;
                }
            }
            Err(error) => tracing::warn!(%error, "an unreadable ticket was dropped"),
        }
    }
}

/// One life of an apalis worker. Boxed, because the compiler cannot see that the
/// unboxed future is `Send` through apalis's layers.
fn receive<F, Fut>(
    place: &Place,
    queue: Queue,
    wakes: &Wakes,
    stop: CancellationToken,
    named: Arc<Named<F>>,
) -> anyhow::Result<BoxFuture<'static, Result<(), WorkerError>>>
where
    F: Fn(Vec<Uuid>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    // Unique per start: apalis refuses a name that was alive within the last minute.
    let name = format!("{queue}-{}", Uuid::now_v7().simple());
    let by_wake_up = named.clone();
    let polling = WakePoll::new(FALLBACK_POLL, wakes.listen(move |ids| by_wake_up.by_wake_up(ids)));
    let worker = WorkerBuilder::new(name)
        .backend(place.storage(queue)?.poll_with_strategy(polling))
        .concurrency(AT_ONCE)
        .parallelize(tokio::spawn)
        .build(move |ticket: Value| {
            let named = named.clone();
            async move {
                named.by_ticket(ticket).await;
                Ok::<(), BoxDynError>(())
            }
        });
    let stopped = async move {
        stop.cancelled().await;
        Ok::<(), std::io::Error>(())
    };
    Ok(worker.run_until(stopped).boxed())
}

/// Every second until `stop`, what apalis leaves behind of finished tickets is forgotten. Redis may be away; it is tidied when it
/// is back, and both are told. A connection that answers nothing may do so for ever, so another is made.
async fn tidy(place: Place, queue: Queue, stop: CancellationToken) -> redis::RedisResult<()> {
    let mut leavings = Leavings::new(&place, queue)?;
    let mut away = false;
    while !stop.is_cancelled() {
        let tidied = tokio::time::timeout(PATIENCE, leavings.forget()).await;
        let trouble = match tidied {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => {
                leavings = Leavings::new(&place, queue)?;
                Some("it does not answer".to_owned())
            }
        };
        match &trouble {
            Some(error) if !away => tracing::warn!(error, "Redis is away; what is due starts up to a second later"),
            None if away => tracing::info!("Redis is back"),
            _ => {}
        }
        away = trouble.is_some();
        metrics::gauge!("redis_up").set(if away { 0.0 } else { 1.0 });
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(TIDY) => {}
        }
    }
    Ok(())
}
