//! One attempt at a job, begun again when it had to give way.

use std::{collections::HashMap, sync::Arc, time::Duration};

use jobs::{Claimed, Queue, fault};
use platform::Gather;
use tokio::sync::Semaphore;

use super::watch::Watched;
use crate::{
    Context, Finished, JobError, Registry,
    registry::{Performer, RunTogether},
};

/// How often an attempt that gave way to others is begun again at once.
const CONFLICT_TRIES: u32 = 5;

/// Jobs that are performed together at most: what one of them locks, a car say, is locked until all of them are written.
const MOST_TOGETHER: usize = 128;

/// Where the jobs of one kind meet that are performed together.
pub(super) type Group = Gather<Arc<Claimed>, Finished>;

/// A place to meet for each kind whose jobs are performed together.
pub(super) fn groups(
    queue: Queue,
    concurrency: usize,
    context: &Arc<Context>,
    registry: &Registry,
) -> HashMap<&'static str, Arc<Group>> {
    let ours = registry.performers().filter(|performer| performer.queue == queue);
    let ours = ours.filter_map(|performer| Some((performer.kind, performer.run_together?)));
    let group = |(kind, run_together): (_, RunTogether)| {
        let context = context.clone();
        (kind, Arc::new(Gather::start(concurrency.min(MOST_TOGETHER), move |jobs| run_together(context.clone(), jobs))))
    };
    ours.map(group).collect()
}

pub(super) async fn perform(
    performer: Performer,
    context: Arc<Context>,
    job: Arc<Claimed>,
    (group, alone): (Option<Arc<Group>>, Arc<Semaphore>),
    _watched: Watched,
) -> Result<Finished, JobError> {
    fault::poison(&job.payload);
    if let Some(group) = group
        && let Some(finished) = group.call(job.clone()).await
    {
        return Ok(finished);
    }
    let connected = || alone.clone().acquire_owned();
    for _ in 1..CONFLICT_TRIES {
        match (performer.run)(context.clone(), job.clone(), connected().await?).await {
            Err(error) if error.gave_way() => {
                metrics::counter!("db_retry_total").increment(1);
                let pause = Duration::from_millis(rand::random_range(1..20));
                tokio::time::sleep(pause).await;
            }
            ended => return ended,
        }
    }
    (performer.run)(context, job, connected().await?).await
}

pub(super) fn panic_words(ended: tokio::task::JoinError) -> String {
    let panic = ended.into_panic();
    let words = panic.downcast_ref::<String>().cloned();
    let words = words.or_else(|| panic.downcast_ref::<&str>().map(|words| (*words).to_owned()));
    format!("panicked: {}", words.unwrap_or_default())
}
